// A phone is lost: whoever owns the host removes it from anywhere, pairs the next one, and
// everybody is told.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Host } from "./lib/host";
import { Machine } from "./lib/machine";
import { Phone } from "./lib/phone";
import type { Json } from "./lib/rpc";
import { describe, expect, test } from "./lib/scene";

describe("a lost phone", () => {
  test("is revoked by an owner's device, another takes its place, and all others are told", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const owner = await (await host.pair({ role: "owner", name: "Tablet" })).attach();
    const lost = await host.pair({ role: "operator", name: "Lost" });
    const lostRpc = await lost.attach();
    expect((await owner.event("farhand/device/changed", (p) => p.displayName === "Lost")).params).toMatchObject({ change: "paired", role: "operator" });
    const approver = await (await host.pair({ role: "approver", name: "Watch" })).attach();

    const { hostId } = (await owner.call("farhand/status")).host;
    const { data } = await owner.call("remoteControl/client/list", { environmentId: hostId });
    const row = data.find((r: { displayName: string }) => r.displayName === "Lost");
    await owner.call("remoteControl/client/revoke", { environmentId: hostId, clientId: row.clientId });
    for (const rpc of [desk, approver]) {
      const told = await rpc.event("farhand/device/changed", (p) => p.change === "revoked");
      expect(told.params).toMatchObject({ displayName: "Lost", clientId: row.clientId, by: "Tablet" });
    }
    await expect(lostRpc.call("thread/list", {}, 5000)).rejects.toThrow();

    // The next one is paired from the tablet too.
    const offer = await owner.call("remoteControl/pairing/start", { farhand: { role: "operator", confirm: true } });
    const next = new Phone(scene, "Found");
    const pairing = next.pairByLink(offer.farhand.url ?? offer.pairingCode);
    const asked = await owner.event("farhand/pairing/changed", (p) => p.state === "confirming" && p.deviceName === "Found");
    expect(await pairing.digits()).toBe(asked.params.sas);
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
    await pairing.done;
    const told = await approver.event("farhand/device/changed", (p) => p.displayName === "Found");
    expect(told.params).toMatchObject({ change: "paired", by: "Tablet" });
    await (await next.attach()).call("thread/list");

    await host.stop();
    const log = readFileSync(join(scene.home, "audit.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    expect(log.find((r) => r.type === "revoke").payload).toMatchObject({ name: "Lost", by: { kind: "device", name: "Tablet", role: "owner" } });
    expect(log.find((r) => r.type === "pair" && r.payload.name === "Found").payload.by).toMatchObject({ kind: "device", name: "Tablet" });
  });

  test("is listed, revoked and replaced by an owner's terminal elsewhere, and everybody is told", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.agentReady();
    const owner = await Machine.join(scene, host, { name: "laptop", role: "owner" });
    const other = await Machine.join(scene, host, { name: "tower" });
    const lost = await host.pair({ name: "Pixel" });
    await lost.attach();
    const phone = await (await host.pair({ name: "Tablet" })).attach();
    const name = (await host.status()).host.name;
    const hears = other.farhand("rpc", "--follow", "--host", name, "farhand/status");
    await hears.line(/"deviceCounts"/);

    const list = await owner.run("devices", "--host", name);
    expect(list.stdout).toMatch(/operator\s+connected\s+Pixel/);
    expect((await other.run("devices", "--host", name)).stderr).toContain("not allowed");
    const status = await owner.run("status", "--host", name);
    expect(status.stdout).toMatch(/host .*answered in \d+ ms, end to end, as laptop/);
    expect(status.stdout).toMatch(/Pixel .*connected · operator · proved \d+ s ago/);
    expect(status.stdout).toContain("not set up");

    expect(await owner.run("devices", "--host", name, "revoke", "Pixel")).toMatchObject({ code: 0, stdout: expect.stringContaining("Revoked") });
    const told = (p: Json): boolean => p.change === "revoked" && p.displayName === "Pixel" && p.by === "laptop";
    await phone.event("farhand/device/changed", told);
    await (await host.owner).event("farhand/device/changed", told);
    await hears.line(/"farhand\/device\/changed".*"revoked".*"Pixel"|"Pixel".*"revoked"/);
    expect((await owner.run("devices", "--host", name)).stdout).not.toContain("Pixel");

    // The next one, with the code and the digits on that terminal.
    const pairing = owner.farhand("pair", "--host", name, "--json");
    const [link = ""] = await pairing.line(/https?:\/\/[^\s"]+#p=[\w-]+/);
    const next = new Phone(scene, "Found");
    const coming = next.pairByLink(link);
    const digits = await coming.digits();
    await pairing.lines.next("the same digits", (line) => line.includes(digits));
    pairing.type("y\n");
    await coming.done;
    await phone.event("farhand/device/changed", (p) => p.change === "paired" && p.displayName === "Found" && p.by === "laptop");
    await hears.line(/"Found".*"by":"laptop"|"by":"laptop".*"Found"/);

    // A host that does not answer is said to: nothing behind it looks alive.
    await host.stop("SIGKILL");
    const gone = await owner.run("status", "--host", name, "--json");
    expect(gone.code).toBe(6);
    expect(JSON.parse(gone.stdout).host).toMatchObject({ name, state: "unreachable" });
  });
});
