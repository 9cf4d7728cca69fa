// Every kind of request the agent may make reaches a person who may answer, or is answered.

import { FakeAgent, THREAD } from "./lib/fake-agent";
import { Host, say, startThread, turnEnds } from "./lib/host";
import { connectRpc, type Json, type Message, type Rpc } from "./lib/rpc";
import { describe, expect, type Scene, test } from "./lib/scene";

async function withFake(scene: Scene): Promise<{ agent: FakeAgent; host: Host; rpc: Rpc }> {
  const agent = await FakeAgent.start();
  scene.atEnd(() => agent.close());
  const host = await Host.ready(scene, ["--codex-endpoint", agent.endpoint]);
  expect((await host.status()).agent).toMatchObject({ kind: "joined", managed: false, selfApproval: true });
  const rpc = await host.local();
  await rpc.call("thread/resume", { threadId: THREAD });
  return { agent, host, rpc };
}

const base = { threadId: THREAD, turnId: "turn-1", itemId: "item-1", startedAtMs: 1795347113000 };

/** The kinds that a person answers: what is asked, and an answer that must arrive as given. */
const personal: { method: string; params: Json; result: Json }[] = [
  {
    method: "item/commandExecution/requestApproval",
    params: { ...base, kind: "command", environmentId: "local", reason: null, command: "/bin/bash -lc 'true'", cwd: "/", commandActions: [], availableDecisions: ["accept", "cancel"] },
    result: { decision: "accept" },
  },
  {
    method: "item/fileChange/requestApproval",
    params: { ...base, reason: null, grantRoot: null },
    result: { decision: "decline" },
  },
  {
    method: "item/permissions/requestApproval",
    params: { ...base, environmentId: "local", cwd: "/", reason: "needs the network", permissions: { network: { enabled: true }, fileSystem: null } },
    result: { permissions: {}, scope: "turn" },
  },
  {
    method: "item/tool/requestUserInput",
    params: { ...base, isBlocking: true, autoResolutionMs: null, questions: [{ id: "q1", header: "Colour", question: "Which?", isOther: false, isSecret: false, options: [{ label: "red", description: "r" }] }] },
    result: { answers: { q1: { answers: ["red"] } } },
  },
  {
    method: "mcpServer/elicitation/request",
    params: { threadId: THREAD, turnId: "turn-1", serverName: "forms", mode: "form", message: "Your name?", requestedSchema: { type: "object", properties: { name: { type: "string" } } }, _meta: null },
    result: { action: "accept", content: { name: "Ada" }, _meta: null },
  },
];

describe("a request of the agent for a person", () => {
  for (const { method, params, result } of personal) {
    test(`${method} is answered by whoever may`, async ({ scene }) => {
      const { agent, rpc } = await withFake(scene);
      const answer = agent.ask(method, params);
      const request = await rpc.event(method);
      expect(request.params.threadId).toBe(THREAD);
      expect(typeof request.id).toBe("string");
      rpc.answer(request, result);
      expect((await answer).result).toEqual(result);
    });
  }

  test("item/tool/call goes to the one who brought the tool", async ({ scene }) => {
    const { agent, host, rpc } = await withFake(scene);
    const owner = await connectRpc("owner of the tool", `unix:${host.socket}`);
    scene.atEnd(() => owner.close());
    await owner.initialize({ experimentalApi: true }, "codex-tui"); // of nobody else are tools kept
    const dynamicTools = [{ type: "function", name: "ping", description: "pings", inputSchema: { type: "object" } }];
    await owner.call("thread/start", { dynamicTools });
    const answer = agent.ask("item/tool/call", { threadId: THREAD, turnId: "turn-1", callId: "call-1", namespace: null, tool: "ping", arguments: {} });
    const pong = { contentItems: [{ type: "inputText", text: "pong" }], success: true };
    owner.answer(await owner.event("item/tool/call", (p) => p.tool === "ping"), pong);
    expect((await answer).result).toEqual(pong);
    expect(rpc.events("item/tool/call")).toHaveLength(0);
    // Its owner gone, nobody else can do it: it fails, and never hangs.
    owner.close();
    const orphan = await agent.ask("item/tool/call", { threadId: THREAD, turnId: "turn-1", callId: "call-2", namespace: null, tool: "ping", arguments: {} });
    expect(orphan.result?.success ?? false).toBe(false);
  });
});

describe("a request of the agent for nobody", () => {
  for (const [method, params] of [
    ["account/chatgptAuthTokens/refresh", { reason: "unauthorized", previousAccountId: null }],
    ["attestation/generate", {}],
    ["something/new", { threadId: THREAD }],
  ] as [string, Json][]) {
    test(`${method} is refused at once`, async ({ scene }) => {
      const { agent } = await withFake(scene);
      const answer: Message = await agent.ask(method, params, 5_000);
      expect(answer.error?.message).toBeTruthy();
    });
  }

  test("currentTime/read is answered with the time", async ({ scene }) => {
    const { agent } = await withFake(scene);
    const answer = await agent.ask("currentTime/read", { threadId: THREAD }, 5_000);
    expect(JSON.stringify(answer.result ?? answer.error)).toMatch(/\d|message/);
  });
});

describe("the real Codex", () => {
  test("asks for a patch, with its diff in the item", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "patch notes.txt written by a test");
    const request = await rpc.event("item/fileChange/requestApproval");
    const item = await rpc.event("item/started", (p) => p.item.id === request.params.itemId);
    expect(item.params.item.changes[0].diff).toContain("written by a test");
    rpc.answer(request, { decision: "accept" });
    expect((await turnEnds(rpc, threadId)).status).toBe("completed");
  });

  test("asks a question in plan mode, and takes the answer", async ({ scene }) => {
    const host = await Host.ready(scene);
    const rpc = await (await host.pair()).attach();
    const started = await rpc.call("thread/start", {});
    const threadId = started.thread.id;
    await rpc.call("turn/start", {
      threadId,
      input: [{ type: "text", text: "ask Which colour? red / green", text_elements: [] }],
      collaborationMode: { mode: "plan", settings: { model: started.model, reasoning_effort: null, developer_instructions: null } },
    });
    const request = await rpc.event("item/tool/requestUserInput");
    const [question] = request.params.questions;
    rpc.answer(request, { answers: { [question.id]: { answers: ["green"] } } });
    expect((await turnEnds(rpc, threadId)).status).toBe("completed");
  });
});
