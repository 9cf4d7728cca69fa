// The main job: pair a device, steer the real Codex from it through a relay that reads nothing.

import { existsSync, readFileSync } from "node:fs";

import { approval, Host, say, startThread, textSoFar, turnEnds } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("a phone", () => {
  for (const phrase of [false, true]) {
    test(`paired by ${phrase ? "phrase" : "link"} runs a turn, approves a command and sees its result`, async ({ scene }) => {
      const host = await Host.ready(scene);
      const phone = await host.pair({ phrase });
      const rpc = await phone.attach();

      const threadId = await startThread(rpc);
      await say(rpc, threadId, "say Hello from the practice model");
      const hello = await turnEnds(rpc, threadId);
      expect(hello.status).toBe("completed");
      const done = await rpc.event("item/completed", (p) => p.item.type === "agentMessage");
      expect(done.params.item.text).toContain("Hello from the practice model");
      expect(textSoFar(rpc, done.params.item.id)).toBe(done.params.item.text);

      const from = rpc.mark;
      await say(rpc, threadId, "run printf made >made.txt && cat made.txt");
      const request = await approval(rpc, threadId, from);
      expect(request.params.command).toContain("printf made >made.txt");
      expect(existsSync(`${scene.work}/made.txt`)).toBe(false);
      rpc.answer(request, { decision: "accept" });
      const resolved = await rpc.event("serverRequest/resolved", (p) => p.requestId === request.id);
      expect(resolved.params.farhand.by.kind).toBe("device");
      const turn = await turnEnds(rpc, threadId, from);
      expect(turn.status).toBe("completed");
      expect(readFileSync(`${scene.work}/made.txt`, "utf8")).toBe("made");
      const command = await rpc.event("item/completed", (p) => p.item.type === "commandExecution", { from });
      expect(command.params.item).toMatchObject({ status: "completed", exitCode: 0, aggregatedOutput: "made" });
    });
  }

  test("declines a command, and it does not run", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run touch never.txt");
    const request = await approval(rpc, threadId);
    rpc.answer(request, { decision: "decline" });
    await turnEnds(rpc, threadId);
    expect(existsSync(`${scene.work}/never.txt`)).toBe(false);
  });

  test("interrupts a turn that would go on for ever", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const threadId = await startThread(rpc);
    const turnId = await say(rpc, threadId, "hang");
    await rpc.event("turn/started", (p) => p.threadId === threadId);
    await rpc.call("turn/interrupt", { threadId, turnId });
    expect((await turnEnds(rpc, threadId)).status).toBe("interrupted");
  });

  test("steers a turn that runs", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const threadId = await startThread(rpc);
    const turnId = await say(rpc, threadId, `hold ${scene.path("gate")}`);
    await rpc.event("item/agentMessage/delta", (p) => p.threadId === threadId);
    await rpc.call("turn/steer", { threadId, expectedTurnId: turnId, input: [{ type: "text", text: "say steered", text_elements: [] }] });
    scene.touch("gate");
    expect((await turnEnds(rpc, threadId)).status).toBe("completed");
    await rpc.event("item/completed", (p) => p.item.type === "agentMessage" && p.item.text.includes("steered"));
  });
});
