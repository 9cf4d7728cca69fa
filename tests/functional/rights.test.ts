// What a device may do is the host's to say, and a weaker policy is never to be had from afar.

import { approval, Host, say, startThread, turnEnds } from "./lib/host";
import { RpcError } from "./lib/rpc";
import { describe, expect, test } from "./lib/scene";

async function code(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 0,
    (error: Error) => (error instanceof RpcError ? error.code : -1),
  );
}

describe("a device", () => {
  test("that asks for a weaker policy or sandbox is clamped, and told", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const started = await rpc.call("thread/start", { approvalPolicy: "never", sandbox: "danger-full-access", config: { model: "x" } });
    expect(started.approvalPolicy).not.toBe("never");
    expect(started.sandbox.type).not.toBe("dangerFullAccess");
    const fields = started.farhand.clamped.map((row: { field: string }) => row.field);
    expect(fields).toContain("approvalPolicy");
    expect(fields).toContain("sandbox");
    await say(rpc, started.thread.id, "run echo still-asks");
    const request = await approval(rpc, started.thread.id);
    // Whatever it answers, without the capability it has accepted once; Codex hears of nothing longer.
    const longer = request.params.availableDecisions.find((word: unknown) => typeof word === "object") ?? "acceptForSession";
    rpc.answer(request, { decision: longer });
    await turnEnds(rpc, started.thread.id);
    expect(await scene.json(["policy", "rules", "--json"])).toEqual({ data: [] });
    await say(rpc, started.thread.id, "run echo still-asks");
    rpc.answer(await approval(rpc, started.thread.id), { decision: "accept" });
    await turnEnds(rpc, started.thread.id);
  });

  test("that may only watch sees the turn and can touch nothing", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "say hello");
    await turnEnds(desk, threadId);
    const viewer = await (await host.pair({ role: "viewer" })).attach();
    await viewer.call("thread/resume", { threadId });
    expect(await code(viewer.call("turn/start", { threadId, input: [] }))).toBe(-32011);
    expect(await code(viewer.call("thread/start", {}))).toBe(-32011);
    expect(await code(viewer.call("fs/readFile", { path: "/etc/passwd" }))).toBe(-32011);
    const from = desk.mark;
    await say(desk, threadId, "run echo guarded");
    const request = await approval(desk, threadId, from);
    viewer.answer(request, { decision: "accept" });
    desk.answer(request, { decision: "accept" });
    const resolved = await desk.event("serverRequest/resolved", (p) => p.requestId === request.id);
    expect(resolved.params.farhand.by.kind).toBe("local");
  });

  test("that operates still has no host rights: files, processes, configuration, pairing", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    for (const [method, params] of [
      ["fs/writeFile", { path: scene.path("evil"), dataBase64: "" }],
      ["process/spawn", { command: ["true"], processHandle: "p", cwd: "/" }],
      ["config/value/write", { keyPath: "model", value: "x" }],
      ["account/logout", {}],
      ["remoteControl/pairing/start", {}],
      ["remoteControl/disable", {}],
      ["no/such/method", {}],
    ] as const) {
      expect(await code(rpc.call(method, params)), method).toBeLessThan(0);
    }
  });

  test("that may only watch learns of no other device but how many there are", async ({ scene }) => {
    const host = await Host.up(scene);
    const operator = await (await host.pair({ name: "operator-phone" })).attach();
    const phone = await host.pair({ name: "watcher", role: "viewer" });
    const viewer = await phone.attach();
    const names = (status: { devices: { displayName: string }[] }) => status.devices.map((row) => row.displayName).sort();
    const status = await viewer.call("farhand/status");
    expect(names(status)).toEqual(["watcher"]);
    expect(status.deviceCounts.paired).toBe(2);
    expect(names(await operator.call("farhand/status"))).toEqual(["operator-phone", "watcher"]);
    await host.pair({ name: "third" });
    const told = await viewer.event("farhand/status/changed", (p) => p.deviceCounts.paired === 3);
    expect(names(told.params)).toEqual(["watcher"]);
    expect(JSON.stringify(viewer.inbox.items)).not.toContain("operator-phone");
  });

  test("that is held to one thread sees nothing of another, from one moment to the next", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const [mine, other] = [await startThread(desk), await startThread(desk)];
    for (const threadId of [mine, other]) {
      const from = desk.mark;
      await say(desk, threadId, "say hello");
      await turnEnds(desk, threadId, from);
    }
    const phone = await (await host.pair({ name: "narrow" })).attach();
    await phone.call("thread/resume", { threadId: other });
    const row = (await desk.call("farhand/status")).devices[0];
    const changed = await desk.call("farhand/device/update", { clientId: row.clientId, threads: [mine] });
    expect(changed.farhand.threads).toEqual([mine]);
    const from = phone.mark;
    expect(await code(phone.call("thread/read", { threadId: other }))).toBe(-32011);
    expect(await code(phone.call("thread/start", {}))).toBe(-32011);
    const listed = await phone.call("thread/list", {});
    expect(listed.data.map((thread: { id: string }) => thread.id)).toEqual([mine]);
    const deskFrom = desk.mark;
    await say(desk, other, "say unheard");
    await turnEnds(desk, other, deskFrom);
    await phone.call("thread/resume", { threadId: mine });
    await say(phone, mine, "say heard");
    await turnEnds(phone, mine, from);
    expect(JSON.stringify(phone.inbox.items.slice(from))).not.toContain("unheard");
    expect(await code(phone.call("farhand/device/update", { clientId: row.clientId, threads: null }))).toBe(-32011);
  });
});
