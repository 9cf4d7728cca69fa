// Several people on one thread see one history, and one decision counts.

import { approval, Gate, Host, say, startThread, textSoFar, turnEnds } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("two controllers on one thread", () => {
  test("see the same items, deltas and end", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await (await host.pair()).attach();
    const desk = await host.local("desk");
    const threadId = await startThread(phone);
    await say(phone, threadId, "say first");
    await turnEnds(phone, threadId);
    await desk.call("thread/resume", { threadId });
    const marks = [phone.mark, desk.mark] as const;
    await say(desk, threadId, "long 60");
    const turns = await Promise.all([turnEnds(phone, threadId, marks[0]), turnEnds(desk, threadId, marks[1])]);
    expect(turns[0].id).toBe(turns[1].id);
    const [one, other] = await Promise.all(
      [phone, desk].map((rpc, i) => rpc.event("item/completed", (p) => p.item.type === "agentMessage", { from: marks[i] as number })),
    );
    expect(one?.params.item).toEqual(other?.params.item);
    const itemId = one?.params.item.id;
    expect(textSoFar(phone, itemId)).toBe(textSoFar(desk, itemId));
  });

  test("late joiner in the middle of a stream gets the text so far, then the rest, once", async ({ scene }) => {
    const host = await Host.ready(scene);
    const first = await host.local("first");
    const threadId = await startThread(first);
    const gate = new Gate(scene);
    await say(first, threadId, `hold ${gate.path}`);
    const delta = await first.event("item/agentMessage/delta", (p) => p.threadId === threadId);
    const { itemId } = delta.params;

    const late = await (await host.pair()).attach();
    await late.call("thread/resume", { threadId });
    await late.event("item/started", (p) => p.item.id === itemId);
    const sofar = await late.event("item/agentMessage/delta", (p) => p.itemId === itemId);
    expect(sofar.params.delta).toContain(delta.params.delta);
    gate.open();
    await Promise.all([turnEnds(first, threadId), turnEnds(late, threadId)]);
    const whole = await first.event("item/completed", (p) => p.item.id === itemId);
    expect(textSoFar(late, itemId)).toBe(whole.params.item.text);
    expect(late.events("item/started").filter((m) => m.params.item.id === itemId)).toHaveLength(1);
  });

  test("late joiner gets the approval that waits, answers it, and the first is told who", async ({ scene }) => {
    const host = await Host.ready(scene);
    const first = await host.local("first");
    const threadId = await startThread(first);
    await say(first, threadId, "run echo approved-by-the-second");
    const asked = await approval(first, threadId);

    const second = await (await host.pair({ name: "Second phone" })).attach();
    await second.call("thread/resume", { threadId });
    const replayed = await approval(second, threadId);
    expect(replayed.id).toBe(asked.id);
    expect(typeof replayed.id).toBe("string");
    second.answer(replayed, { decision: "accept" });
    const told = await first.event("serverRequest/resolved", (p) => p.requestId === asked.id);
    expect(told.params.farhand).toMatchObject({ by: { kind: "device", name: "Second phone" }, decision: "accept" });
    expect((await turnEnds(first, threadId)).status).toBe("completed");

    // Too late: the first's answer changes nothing.
    first.answer(asked, { decision: "decline" });
    const command = await first.event("item/completed", (p) => p.item.type === "commandExecution");
    expect(command.params.item.exitCode).toBe(0);
  });

  test("several approvals at once are answered by whom they please", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.local("desk");
    const phone = await (await host.pair()).attach();
    const threadId = await startThread(desk);
    await say(desk, threadId, "say begin");
    await turnEnds(desk, threadId);
    await phone.call("thread/resume", { threadId });
    const from = desk.mark;
    await say(desk, threadId, "parallel echo one ;; echo two ;; echo three");
    for (const word of ["one", "two", "three"]) {
      const rpc = word === "two" ? phone : desk;
      const request = await rpc.event("item/commandExecution/requestApproval", (p) => p.command.includes(`echo ${word}`));
      rpc.answer(request, { decision: "accept" });
    }
    expect((await turnEnds(desk, threadId, from)).status).toBe("completed");
    expect(desk.events("serverRequest/resolved", from)).toHaveLength(3);
  });
});
