// What breaks comes back by itself, to the truth.

import { appears, approval, Gate, Host, say, startThread, turnEnds } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("after", () => {
  test("a cut line the phone comes back by itself and misses nothing", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    const gate = new Gate(scene);
    await say(rpc, threadId, `hold ${gate.path}`);
    await rpc.event("item/agentMessage/delta", (p) => p.threadId === threadId);
    const mark = phone.mark;
    phone.sockets.cut();
    await phone.phase("waiting", mark);
    gate.open();
    await phone.phase("open", mark);
    // The same stream: a stream outlives its sessions.
    expect((await turnEnds(rpc, threadId)).status).toBe("completed");
    const items = rpc.events("item/completed").filter((m) => m.params.item.type === "agentMessage");
    expect(items).toHaveLength(1);
  });

  test("a restart of the host in the middle of a turn, the turn goes on and the phone is back", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    const gate = new Gate(scene);
    await say(rpc, threadId, `hold ${gate.path}`);
    await rpc.event("item/agentMessage/delta", (p) => p.threadId === threadId);
    const port = new URL(host.link).port;
    const mark = phone.mark;
    await host.stop();

    await Host.ready(scene, ["--port", port]);
    await phone.phase("open", mark);
    const back = phone.rpc();
    await back.initialize();
    await back.call("thread/resume", { threadId });
    gate.open();
    expect((await turnEnds(back, threadId)).status).toBe("completed");
  });

  test("a restart of the host an approval that waited is asked again and can be answered", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.local();
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo after-restart");
    await approval(desk, threadId);
    await host.stop();
    const again = await Host.ready(scene);
    const back = await again.local("back");
    await back.call("thread/resume", { threadId });
    const request = await approval(back, threadId);
    back.answer(request, { decision: "accept" });
    expect((await turnEnds(back, threadId)).status).toBe("completed");
  });

  test("a revocation in the middle of a turn the phone is out at once and for good", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const desk = await host.owner;
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo never");
    await approval(rpc, threadId);
    const status = await desk.call("remoteControl/status/read");
    const { data } = await desk.call("remoteControl/client/list", { environmentId: status.environmentId });
    expect(data).toHaveLength(1);
    const mark = phone.mark;
    await desk.call("remoteControl/client/revoke", { environmentId: status.environmentId, clientId: data[0].clientId });
    const state = await phone.phase("ended", mark);
    expect(state.broken).toBe("revoked");
    const list = await desk.call("remoteControl/client/list", { environmentId: status.environmentId });
    expect(list.data).toHaveLength(0);
    // Its keys open no session any more.
    phone.stop();
    const again = phone.mark;
    phone.connect().catch(() => undefined);
    const verdict = await phone.states.next("a verdict", (s) => ["open", "waiting", "ended"].includes(s.phase), { from: again });
    expect(verdict.phase).not.toBe("open");
  });

  test("the death of the agent its approvals are withdrawn and everyone is told", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo never");
    const request = await approval(desk, threadId);
    const from = desk.mark;
    for (const pid of scene.strays().filter((pid) => scene.commandOf(pid).includes("app-server"))) process.kill(pid, "SIGKILL");
    await desk.event("serverRequest/resolved", (p) => p.requestId === request.id, { from });
    await desk.event("farhand/status/changed", (p) => p.agent.state === "ready", { from });
    await appears(host.socket);
    expect((await desk.call("thread/list")).data.length).toBeGreaterThan(0);
  });
});
