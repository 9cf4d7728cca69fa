// remoteControl/*: Codex's own names, shapes and error texts, answered by the host.

import { Host } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

const STATUS = {
  status: expect.stringMatching(/^(disabled|connecting|connected|errored)$/),
  serverName: expect.any(String),
  installationId: expect.any(String),
  environmentId: expect.stringMatching(/^[0-9a-f]{32}$/),
};

describe("remoteControl", () => {
  test("tells its status at once, on a call and on every change", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.relayConnected();
    const rpc = await host.local();
    const first = await rpc.event("remoteControl/status/changed");
    expect(first.params).toMatchObject(STATUS);
    expect(await rpc.call("remoteControl/status/read")).toMatchObject({ ...STATUS, status: "connected" });
    const from = rpc.mark;
    const off = await rpc.call("remoteControl/disable", {});
    expect(off).toMatchObject({ status: "disabled", environmentId: null });
    await rpc.event("remoteControl/status/changed", (p) => p.status === "disabled", { from });
    const on = await rpc.call("remoteControl/enable", {});
    expect(["connecting", "connected"]).toContain(on.status);
    await rpc.event("remoteControl/status/changed", (p) => p.status === "connected", { from });
  });

  test("disable closes sessions and forgets nobody; enable brings the phone back", async ({ scene }) => {
    const host = await Host.up(scene);
    const phone = await host.pair();
    await phone.connect();
    const owner = await host.owner;
    const from = phone.mark;
    await owner.call("remoteControl/disable", { ephemeral: true });
    await phone.phase("waiting", from);
    await owner.call("remoteControl/enable", { ephemeral: true });
    await phone.phase("open", from);
  });

  test("refuses what Codex refuses, in its words", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.relayConnected();
    const rpc = await host.owner;
    const { environmentId } = await rpc.call("remoteControl/status/read");
    const refused = async (method: string, params: object): Promise<string> =>
      rpc.call(method, params).then(
        () => "accepted",
        (error: Error) => error.message,
      );
    expect(await refused("remoteControl/pairing/status", {})).toBe("remoteControl/pairing/status requires pairingCode or manualPairingCode");
    expect(await refused("remoteControl/pairing/status", { pairingCode: "a", manualPairingCode: "b" })).toMatch(/^remoteControl\/pairing\/status accepts either .* not both$/);
    expect(await refused("remoteControl/client/list", { environmentId, limit: 0 })).toBe("remote control client list limit must be between 1 and 100");
    expect(await refused("remoteControl/client/list", { environmentId: "" })).toContain("requires environmentId");
    expect(await refused("remoteControl/client/revoke", { environmentId, clientId: "" })).toContain("requires clientId");
    await rpc.call("remoteControl/disable", { ephemeral: true });
    expect(await refused("remoteControl/pairing/start", {})).toBe("remote control pairing requires remote control to be enabled");
  });

  test("lists clients in pages, both ways", async ({ scene }) => {
    const host = await Host.up(scene);
    for (const name of ["one", "two", "three"]) await host.pair({ name });
    const rpc = await host.owner;
    const { environmentId } = await rpc.call("remoteControl/status/read");
    const names: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { data: { displayName: string; farhand: { connected: boolean; role: string } }[]; nextCursor: string | null } = await rpc.call(
        "remoteControl/client/list",
        { environmentId, limit: 2, order: "asc", ...(cursor ? { cursor } : {}) },
      );
      for (const row of page.data) {
        names.push(row.displayName);
        expect(row.farhand).toMatchObject({ role: "operator" });
      }
      cursor = page.nextCursor;
    } while (cursor);
    expect([...names].sort()).toEqual(["one", "three", "two"]);
    const desc = await rpc.call("remoteControl/client/list", { environmentId, order: "desc" });
    expect(desc.data.map((row: { displayName: string }) => row.displayName)).toEqual([...names].reverse());
  });
});
