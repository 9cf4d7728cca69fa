// A phone is lost: whoever owns the host removes it from anywhere, pairs the next one, and
// everybody is told.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Host } from "./lib/host";
import { Phone } from "./lib/phone";
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
});
