// The engine and the practice model, with the real Codex: what everything else stands on.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { Engine } from "./lib/engine";
import { describe, expect, findCodex, test } from "./lib/scene";

const MCP = resolve(import.meta.dirname, "lib/asking-mcp.mjs");

const TOOLS = [
  {
    type: "namespace",
    name: "demo",
    description: "tools of this client",
    tools: [{ type: "function", name: "ping", description: "answers", inputSchema: { type: "object", properties: {} } }],
  },
];

describe("every kind of request that Codex makes of a person has a word", () => {
  const kinds: [string, string, string][] = [
    ["run echo hello", "item/commandExecution/requestApproval", "hello"],
    ["escalate echo out", "item/commandExecution/requestApproval", "out"],
    ["tests", "item/commandExecution/requestApproval", "subtracts"],
    ["patch a.txt one line", "item/fileChange/requestApproval", "A a.txt"],
    ["permit network", "item/permissions/requestApproval", '"enabled":true'],
    ["permit write /var/tmp", "item/permissions/requestApproval", "/var/tmp"],
    ["ask Which? red / blue", "item/tool/requestUserInput", "red"],
    ["tool mcp__asking ask", "mcpServer/elicitation/request", "red"],
    ["tool demo ping {}", "item/tool/call", "pong"],
  ];

  test("commands, patches, permissions, questions, MCP forms, tools of a client", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const config = { mcp_servers: { asking: { command: process.execPath, args: [MCP] } } };
    const thread = await engine.thread(scene.work, { dynamicTools: TOOLS, config });
    for (const [words, method, said] of kinds) {
      const turn = await engine.turn(thread, words);
      expect(turn.status, words).toBe("completed");
      expect(turn.asked.map((m) => m.method), words).toEqual([method]);
      expect(turn.text, words).toContain(said);
    }
    expect(readFileSync(join(scene.work, "a.txt"), "utf8")).toBe("one line\n");
    await engine.stop();
  });

  test("several commands at once are several requests at once", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const turn = await engine.turn(await engine.thread(scene.work), "parallel echo a ;; echo b ;; echo c");
    expect(turn.asked.length).toBe(3);
    expect(turn.text).toContain("1. a\n2. b\n3. c");
    await engine.stop();
  });

  test("the time, with an external clock", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const config = { features: { current_time_reminder: { enabled: true, clock_source: "external" } } };
    const turn = await engine.turn(await engine.thread(scene.work, { config }), "say x");
    expect(turn.status).toBe("completed");
    expect(turn.asked.map((m) => m.method)).toContain("currentTime/read");
    await engine.stop();
  });

  test("fresh tokens, with a login that the client holds", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const claims = { email: "a@example.org", exp: 4_000_000_000, "https://api.openai.com/auth": { chatgpt_account_id: "acc" } };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const accessToken = `${part({ alg: "none" })}.${part(claims)}.x`;
    await engine.rpc.call("account/login/start", { type: "chatgptAuthTokens", accessToken, chatgptAccountId: "acc" });
    const config = { model_providers: { practice: { requires_openai_auth: true } } };
    const turn = await engine.turn(await engine.thread(scene.work, { config }), "fail 401");
    expect(turn.status).toBe("failed");
    expect(turn.asked.map((m) => m.method)).toContain("account/chatgptAuthTokens/refresh");
    await engine.stop();
  });
});

describe("the practice model", () => {
  test("talks: text, steps, markdown, reasoning, a plan, a picture, 5,000 deltas", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const thread = await engine.thread(scene.work);
    expect((await engine.turn(thread, "say hello")).text).toBe("hello");
    expect((await engine.turn(thread, "what is this?")).text).toContain("without intelligence");
    expect((await engine.turn(thread, "markdown")).text).toContain("```c");
    expect((await engine.turn(thread, "plan")).text).toContain("<proposed_plan>");
    expect((await engine.turn(thread, "long 300")).deltas).toBe(300);
    expect((await engine.turn(thread, "think")).items.map(({ type }) => type)).toContain("reasoning");
    expect((await engine.turn(thread, "image")).items.map(({ type }) => type)).toContain("imageView");
    const steps = await engine.turn(thread, "say one\nrun echo two\nsay three\nrun echo four");
    expect(steps.text).toBe("one\ntwo\nthree\nfour");
    expect(steps.asked.length).toBe(2);
    expect((await engine.turn(thread, "deltas 5000")).deltas).toBe(5000);
    await engine.stop();
  });

  test("fails in every way that it is asked to", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const thread = await engine.thread(scene.work);
    for (const how of ["429", "500", "400", "response", "cut", "garbage"]) {
      const turn = await engine.turn(thread, `fail ${how}`);
      expect(turn.status, how).toBe("failed");
      expect(turn.error, how).not.toBe("null");
    }
    expect((await engine.turn(thread, "say still here")).text).toBe("still here");
    await engine.stop();
  });

  test("holds in mid-sentence until a file is there", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const thread = await engine.thread(scene.work);
    const turn = engine.turn(thread, `hold ${scene.path("go")}`);
    await engine.rpc.event("item/agentMessage/delta", ({ delta }) => delta.includes("middle"));
    expect(engine.rpc.events("turn/completed").length).toBe(0);
    scene.touch("go");
    expect((await turn).text).toBe("This sentence stops in the middle and goes on when it may.");
    await engine.stop();
  });

  test("killed, comes back on the port that Codex knows", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const thread = await engine.thread(scene.work);
    expect((await engine.turn(thread, "say before")).text).toBe("before");
    const record = join(scene.home, "run/practice-model.pid");
    const [port, name = ""] = readFileSync(record, "utf8").split(" ");
    process.kill(Number.parseInt(name, 10), "SIGKILL");
    await engine.program.line(/practice\.ended/);
    const ended = engine.program.lines.items.findIndex((line) => line.includes("practice.ended"));
    await engine.program.line(/practice\.ready/, { from: ended });
    expect(readFileSync(record, "utf8").split(" ")[0]).toBe(port);
    expect((await engine.turn(thread, "say after")).text).toBe("after");
    await engine.stop();
  });
});

describe("the agent's life", () => {
  test("it outlives the engine, and the next engine knows it for its own", async ({ scene }) => {
    const first = Engine.start(scene);
    const before = await first.state("ready");
    expect(before).toMatchObject({ joined: false, version: expect.stringMatching(/^0\.\d+/) });
    const thread = await first.thread(scene.work);
    await first.turn(thread, "say one");
    await first.leave();
    const second = Engine.start(scene);
    const after = await second.state("ready");
    expect(after).toMatchObject({ joined: false, instance: before.instance, pid: before.pid });
    expect((await second.rpc.call("thread/loaded/list")).data).toContain(thread);
    await second.stop();
    expect(scene.strays()).toEqual([]);
  });

  test("killed, it is started again, and said", async ({ scene }) => {
    const engine = Engine.start(scene);
    const before = await engine.state("ready");
    const from = engine.states.items.length;
    process.kill(before.pid, "SIGKILL");
    expect((await engine.state("down", from)).error).not.toBe("");
    const after = await engine.state("ready", from);
    expect(after.instance).not.toBe(before.instance);
    await engine.stop();
  });

  // Codex hangs up before it says turn/completed, so the last that is seen is the item.
  test("stopping lets a running answer end first", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    const threadId = await engine.thread(scene.work);
    await engine.rpc.call("turn/start", { threadId, input: [{ type: "text", text: "slow 10 100", text_elements: [] }] });
    await engine.rpc.event("item/agentMessage/delta");
    engine.program.type("stop\n");
    const { params } = await engine.rpc.event("item/completed", ({ item }) => item.type === "agentMessage");
    expect(params.item.text.trim().split(/\s+/).length).toBe(10);
    await engine.program.exited;
  });

  test("somebody else's is joined, and left alone", async ({ scene }) => {
    const owner = Engine.start(scene);
    const { pid } = await owner.state("ready");
    const socket = join(scene.home, "practice/app-server-control/app-server-control.sock");
    const guest = Engine.start(scene, ["--run", scene.path("codex"), "--endpoint", `unix://${socket}`]);
    expect(await guest.state("ready")).toMatchObject({ joined: true, shared: true, pid });
    await guest.stop();
    expect(await owner.rpc.call("thread/loaded/list")).toMatchObject({ data: [] });
    await owner.stop();
  });

  test("Codex's own daemon is joined, known for what it is, and left alone", async ({ scene }) => {
    const daemon = (word: string): Promise<{ code: number | null }> => scene.start([findCodex(), "app-server", "daemon", word]).exited;
    expect((await daemon("start")).code).toBe(0);
    const engine = Engine.start(scene, []);
    expect(await engine.state("loginRequired")).toMatchObject({ joined: true, shared: true });
    await engine.program.line(/^# managed=1$/);
    await engine.stop();
    expect((await daemon("version")).code).toBe(0); // it still answers
    expect((await daemon("stop")).code).toBe(0);
  });

  test("a private one listens where nobody else looks", async ({ scene }) => {
    const engine = Engine.start(scene, ["--practice", "--private"]);
    expect(await engine.state("ready")).toMatchObject({ joined: false, shared: false });
    expect(existsSync(join(scene.home, "run/codex.sock"))).toBe(true);
    await engine.stop();
  });

  test("without a login it says so", async ({ scene }) => {
    const engine = Engine.start(scene, []);
    expect(await engine.state("loginRequired")).toMatchObject({ joined: false, shared: true });
    await engine.stop();
  });

  test("without Codex, or with one that is too old, it says what to do", async ({ scene }) => {
    const missing = Engine.start(scene, ["--codex", "/nowhere/codex"]);
    expect((await missing.state("down")).error).toContain("/nowhere/codex");
    await missing.leave();
    const old = scene.path("codex-old");
    writeFileSync(old, "#!/bin/sh\necho codex-cli 0.100.0\n", { mode: 0o755 });
    const engine = Engine.start(scene, ["--codex", old]);
    expect((await engine.state("down")).error).toContain("needs Codex 0.169");
    await engine.leave();
  });

  test("an agent that ends at once is told of in its own words", async ({ scene }) => {
    const broken = scene.path("codex-broken");
    writeFileSync(broken, "#!/bin/sh\n[ $1 = --version ] && exec echo codex-cli 0.169.0\necho Error: no cheese >&2\nexit 3\n", { mode: 0o755 });
    const engine = Engine.start(scene, ["--codex", broken]);
    expect((await engine.state("down")).error).toBe("Codex ended with code 3: no cheese");
    await engine.leave();
  });
});

describe("farhand stop", () => {
  test("without a host, ends the agent and the model that one left behind", async ({ scene }) => {
    const engine = Engine.start(scene);
    await engine.state("ready");
    await engine.leave();
    expect(scene.strays().length).toBeGreaterThan(0);
    const { code, stdout } = await scene.run(["stop"]);
    expect(code).toBe(0);
    expect(stdout).toContain("has ended");
    expect(scene.strays()).toEqual([]);
    expect((await scene.run(["stop"])).code).toBe(3);
  });
});
