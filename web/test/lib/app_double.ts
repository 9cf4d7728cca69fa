// A scripted app-server: enough threads, items and questions to look at every face of
// the page. Prompts with the words "approve", "patch", "ask", "form", "fail" or "long"
// get what they name.

import { verify } from "../../src/session/crypto";
import { unb64url } from "../../src/wire/bytes";
import type { Params, RpcMessage } from "../../src/wire/jsonrpc";
import { type AskedOptions, askedRequest } from "./asked";
import { vectors } from "./vectors";
import type { AppStream } from "./host_double";

const now = () => Math.floor(Date.now() / 1000);
const WORK = "/home/mira/work";

export interface Script {
  threads: Record<string, unknown>[];
  items: Record<string, { turnId: string; item: Record<string, unknown> }[]>;
}

function thread(id: string, name: string, cwd: string, ageS: number, status: unknown, branch = "main") {
  return {
    id, name, preview: name, cwd: `${WORK}/${cwd}`, createdAt: now() - ageS - 500, updatedAt: now() - ageS,
    status, gitInfo: { branch }, model: "gpt-5.5",
  };
}

const LOG = vectors<{ records: { idx: number; h: string }[] }>("audit.json").records;

const IDLE = { type: "idle" };
const ACTIVE = { type: "active", activeFlags: [] };

const ANSWER = `The flake comes from \`ResumeTest\`: it waits a **fixed** 50 ms for the socket, and on a loaded machine the accept loop has not run yet.

I would change two things:

1. Poll the socket until it answers, as \`daemon version\` does.
2. Give the test its own port, so that two runs cannot meet.

\`\`\`ts
await until(() => probe(port), { every: 5, atMost: 2_000 });
\`\`\`

| run | before | after |
|:---|---:|:---:|
| idle | 1 of 400 | 0 of 400 |
| loaded | 37 of 400 | 0 of 400 |
`;

const OUTPUT = `\u001b[1m RUN \u001b[0m v4.1.12 ~/work/tideline

 \u001b[32m✓\u001b[39m src/lane.test.ts \u001b[2m(31 tests)\u001b[22m 412ms
 \u001b[32m✓\u001b[39m src/record.test.ts \u001b[2m(18 tests)\u001b[22m 96ms
 \u001b[31m✗\u001b[39m src/resume.test.ts \u001b[2m(12 tests | 1 failed)\u001b[22m 731ms
   \u001b[31m× resumes after the relay restarts\u001b[39m
     → expected 200 to be within 50 ms of the restart

 Tests  \u001b[31m1 failed\u001b[39m | \u001b[32m60 passed\u001b[39m (61)
`;

export const DIFF = `@@ -18,11 +18,13 @@ export async function restart(port: number) {
   const relay = spawnRelay({ port });
   await relay.exited;
 
-  // the accept loop needs a moment
-  await sleep(50);
-  const socket = await connect(port);
+  const next = spawnRelay({ port });
+  // Polled, never slept: a loaded machine takes longer than any constant.
+  await until(() => probe(port), { every: 5, atMost: 2_000 });
+  const socket = await connect(port);
+  after(() => next.kill());
   expect(socket.readyState).toBe(OPEN);
   return socket;
 }
`;

export function script(): Script {
  const main = thread("t-flake", "Find out why the resume test is flaky", "tideline", 30, ACTIVE, "resume-flake");
  return {
    threads: [
      main,
      thread("t-migrate", "Move the billing tables to the new schema", "ledger", 140, { type: "active", activeFlags: ["waitingOnApproval"] }, "migrate-0142"),
      thread("t-docs", "Write the upgrade notes for 2.4", "tideline", 3400, IDLE),
      thread("t-perf", "Why does the first paint take 900 ms?", "storefront", 9200, IDLE, "perf"),
      thread("t-ci", "Make the CI matrix half as long", "tideline", 60_000, IDLE),
      thread("t-a11y", "Label the date picker for screen readers", "storefront", 170_000, IDLE, "a11y"),
      thread("t-log", "Structured logs for the importer", "ledger", 260_000, IDLE),
    ],
    items: {
      "t-flake": [
        { turnId: "u1", item: { type: "userMessage", id: "i1", clientId: null, content: [{ type: "text", text: "The resume test fails about once in ten runs on CI. Find out why and fix it." }] } },
        { turnId: "u1", item: { type: "reasoning", id: "i2", summary: ["**Reading the test**\n\nIt sleeps for a fixed time after the restart, which cannot be right."], content: [] } },
        { turnId: "u1", item: { type: "commandExecution", id: "i3", command: "/bin/bash -lc 'npx vitest run'", cwd: `${WORK}/tideline`, status: "failed", aggregatedOutput: OUTPUT, exitCode: 1, durationMs: 2418 } },
        { turnId: "u1", item: { type: "agentMessage", id: "i4", text: ANSWER } },
        { turnId: "u2", item: { type: "userMessage", id: "i5", clientId: null, content: [{ type: "text", text: "Do it." }] } },
        { turnId: "u2", item: { type: "fileChange", id: "i6", status: "completed", changes: [{ path: `${WORK}/tideline/test/resume.test.ts`, kind: { type: "update", move_path: null }, diff: DIFF }] } },
        { turnId: "u2", item: { type: "agentMessage", id: "i7", text: "The test polls now, and has a port of its own. I am running it two hundred times under load." } },
      ],
    },
  };
}

const PLAIN: Record<string, unknown> = {
  initialize: { userAgent: "double" },
  "farhand/folders/list": {
    default: `${WORK}/tideline`,
    data: [{ path: `${WORK}/tideline` }, { path: `${WORK}/ledger` }, { path: `${WORK}/storefront` }],
  },
  "remoteControl/client/list": {
    data: [
      { clientId: "9f2c", displayName: "Mira's phone", lastSeenAt: now(), farhand: { connected: true, role: "operator" } },
      { clientId: "77ab", displayName: "Kitchen tablet", lastSeenAt: now() - 7200, farhand: { connected: false, role: "viewer" } },
    ],
    nextCursor: null,
  },
  "turn/interrupt": {},
  "model/list": { data: [
    { id: "m1", model: "gpt-5.5", displayName: "GPT-5.5", description: "For most work", isDefault: true, defaultReasoningEffort: "medium", supportedReasoningEfforts: [{ reasoningEffort: "low" }, { reasoningEffort: "medium" }, { reasoningEffort: "high" }] },
    { id: "m2", model: "gpt-5.5-mini", displayName: "GPT-5.5 mini", description: "Faster, for small changes" },
  ] },
  "thread/settings/update": {},
};

function turnsOf(threadId: string | undefined) {
  return threadId === "t-flake"
    ? [{ id: "u2", status: "inProgress" }, { id: "u1", status: "completed" }]
    : [{ id: "u1", status: "completed" }];
}

export class AppDouble {
  private readonly data = script();
  private next = 100;
  /** What waits for a person, as farhand/approval/list tells it. */
  readonly waiting = new Map<string, { row: Params; then: (result: Record<string, unknown>) => void }>();
  private queued: { id: string; input: unknown; clientUserMessageId: unknown }[] = [];
  /** Every decision that arrived, in order. */
  readonly decisions: Params[] = [];
  /** Set by a test: what a decision is answered with instead. */
  refuses: { code: number; message: string } | undefined;

  /** Asks, and goes on with what the agent would get. */
  ask(stream: AppStream, method: string, params: Params, then: (result: Record<string, unknown>) => void, options: AskedOptions = {}): string {
    const asked = askedRequest(method, params, options);
    const row = { requestId: asked.id, method, threadId: params["threadId"], state: "pending", createdAt: Date.now(), decisions: [], mayDecide: true, params: asked.params };
    this.waiting.set(asked.id, { row, then });
    stream.send({ id: asked.id, method, params: asked.params });
    return asked.id;
  }

  private decide(stream: AppStream, params: Params, reply: (result: unknown) => void, fail: (error: object) => void): void {
    this.decisions.push(params);
    if (this.refuses) return fail(this.refuses);
    const id = params["requestId"] as string;
    const open = this.waiting.get(id);
    if (!open) return fail({ code: -32010, message: "already decided by Mira's phone: accept" });
    const a = unb64url(params["a"] as string);
    if (!verify(stream.device.key, a, unb64url(params["sig"] as string))) {
      return fail({ code: -32016, message: "the signature does not fit" });
    }
    this.waiting.delete(id);
    reply({ state: "decided" });
    const word = ["", "accept", "acceptForSession", "decline", "cancel", "answer"][a[80]!]!;
    stream.send({ method: "serverRequest/resolved", params: {
      threadId: open.row["threadId"], requestId: id,
      farhand: { by: { kind: "device", name: "Mira's phone", clientId: "9f2c" }, decision: word },
    } });
    open.then(word === "answer" ? JSON.parse(params["result"] as string) as Record<string, unknown> : { decision: word });
  }

  readonly handle = (stream: AppStream, message: RpcMessage): void => {
    if (message.kind !== "request") return;
    const params = (message.params ?? {}) as Record<string, string>;
    const reply = (result: unknown) => stream.send({ id: message.id, result });
    const known = PLAIN[message.method];
    if (known) return reply(known);
    switch (message.method) {
      case "farhand/status": return reply(this.status());
      case "farhand/audit/headers": return reply({ headers: LOG, idx: LOG.at(-1)!.idx, head: LOG.at(-1)!.h });
      case "farhand/approval/list": return reply({ data: [...this.waiting.values()].map(({ row }) => row) });
      case "farhand/approval/decide": return this.decide(
        stream, params, reply, (error) => stream.send({ id: message.id, error }));
      case "thread/list": return reply({ data: this.data.threads, nextCursor: null });
      case "thread/resume": return this.resume(stream, params["threadId"]!, reply);
      case "thread/turns/list": return reply({ data: turnsOf(params["threadId"]), nextCursor: null });
      case "thread/items/list": return reply({ data: [...(this.data.items[params["threadId"]!] ?? [])].reverse(), nextCursor: null });
      case "thread/start": return reply({ thread: this.started(params) });
      case "turn/start": return this.turn(stream, params, reply);
      case "thread/queue/list": return reply({ data: this.queued, nextCursor: null });
      case "thread/queue/add": {
        this.queued.push({ id: `q${this.next++}`, input: params["input"], clientUserMessageId: params["clientUserMessageId"] });
        reply({ queuedSubmission: this.queued.at(-1) });
        return stream.send({ method: "thread/queue/changed", params: { threadId: params["threadId"] } });
      }
      case "thread/queue/delete": {
        this.queued = this.queued.filter((q) => q.id !== params["queuedSubmissionId"]);
        return reply({ deleted: true });
      }
      case "turn/steer": return reply({ turnId: params["expectedTurnId"] });
      default: return stream.send({ id: message.id, error: { code: -32600, message: `unknown method ${message.method}` } });
    }
  };

  private status() {
    return {
      host: { name: "studio", version: "0.1.0", hostId: "h", environmentId: "h" },
      agent: { state: "ready", version: "0.169.0", kind: "own", practice: false, shared: false, ageMs: 400 },
      relay: { state: "connected", url: "", ageMs: 100 }, controllers: 1,
      audit: { idx: LOG.at(-1)!.idx, head: LOG.at(-1)!.h },
      devices: [
        { clientId: "9f2c", displayName: "Mira's phone", role: "operator", connected: true, lastSeenAt: now() },
        { clientId: "77ab", displayName: "Kitchen tablet", role: "viewer", connected: false, lastSeenAt: now() - 7200 },
      ],
      you: { role: "operator", capabilities: [], clientId: "9f2c", displayName: "Mira's phone" },
    };
  }

  private started(params: Record<string, unknown>) {
    const id = `t-new-${this.next++}`;
    const made = { ...thread(id, "", "tideline", 0, IDLE), name: null, preview: "", cwd: params["cwd"] ?? `${WORK}/tideline` };
    this.data.threads.unshift(made);
    return { ...made, turns: [] };
  }

  private resume(stream: AppStream, id: string, reply: (result: unknown) => void): void {
    const found = this.data.threads.find((t) => t["id"] === id);
    reply({ thread: { ...found, turns: [] } });
    if (id === "t-flake") this.liveCommand(stream, id);
    if (id === "t-migrate") this.migration(stream, id);
  }

  private liveCommand(stream: AppStream, threadId: string): void {
    const item = { type: "commandExecution", id: "i8", command: "/bin/bash -lc 'for i in $(seq 200); do npx vitest run test/resume.test.ts || break; done'", cwd: `${WORK}/tideline`, status: "inProgress", aggregatedOutput: null };
    stream.send({ method: "item/started", params: { threadId, turnId: "u2", item } });
    for (const n of [141, 142, 143]) {
      stream.send({ method: "item/commandExecution/outputDelta", params: { threadId, turnId: "u2", itemId: "i8", delta: `\u001b[32m✓\u001b[39m test/resume.test.ts \u001b[2m(12 tests)\u001b[22m run ${n} of 200\n` } });
    }
  }

  private migration(stream: AppStream, threadId: string): void {
    const turnId = "u9";
    const send = (method: string, params: object) => stream.send({ method, params: { threadId, turnId, ...params } });
    send("item/started", { item: { type: "userMessage", id: "m1", clientId: null, content: [{ type: "text", text: "Move the billing tables to the new schema. Dry-run first, then migrate one table at a time." }] } });
    send("item/completed", { item: { type: "userMessage", id: "m1", clientId: null, content: [{ type: "text", text: "Move the billing tables to the new schema. Dry-run first, then migrate one table at a time." }] } });
    send("item/completed", { item: { type: "commandExecution", id: "m2", command: "/bin/bash -lc 'bin/migrate --dry-run 0142'", cwd: `${WORK}/ledger`, status: "completed", aggregatedOutput: "0142_split_invoices: 3 tables, 41,208 rows\ninvoices        ok\ninvoice_lines   ok\ncredit_notes    ok\n", exitCode: 0, durationMs: 5310 } });
    stream.send({ method: "serverRequest/resolved", params: { threadId, requestId: "old", farhand: { by: { kind: "device", name: "Kitchen tablet" }, decision: "accept" } } });
    send("item/completed", { item: { type: "agentMessage", id: "m3", text: "The dry run is clean: three tables, 41,208 rows, nothing would be dropped. I start with `credit_notes`, the smallest." } });
    send("item/started", { item: { type: "commandExecution", id: "m4", command: "/bin/bash -lc 'bin/migrate --table credit_notes 0142'", cwd: `${WORK}/ledger`, status: "inProgress", aggregatedOutput: null } });
    if ([...this.waiting.values()].some(({ row }) => row["threadId"] === threadId)) return;
    this.ask(stream, "item/commandExecution/requestApproval", {
      threadId, turnId, itemId: "m4", kind: "command", startedAtMs: Date.now(),
      reason: "It writes to the billing database, which is outside the workspace.",
      command: "/bin/bash -lc 'bin/migrate --table credit_notes 0142'", cwd: `${WORK}/ledger`,
      availableDecisions: ["accept", "decline", "cancel"],
    }, () => {
      send("item/completed", { item: { type: "commandExecution", id: "m4", command: "/bin/bash -lc 'bin/migrate --table credit_notes 0142'", cwd: `${WORK}/ledger`, status: "completed", aggregatedOutput: "credit_notes    812 rows moved\n", exitCode: 0, durationMs: 1290 } });
    });
  }

  private turn(stream: AppStream, params: Record<string, unknown>, reply: (result: unknown) => void): void {
    const threadId = params["threadId"] as string;
    const turnId = `turn-${this.next++}`;
    const [input] = params["input"] as { text: string }[];
    const text = input!.text;
    const send = (method: string, more: object) => stream.send({ method, params: { threadId, turnId, ...more } });
    reply({ turn: { id: turnId, items: [], status: "inProgress" } });
    stream.send({ method: "thread/status/changed", params: { threadId, status: ACTIVE } });
    send("turn/started", { turn: { id: turnId, status: "inProgress", items: [] } });
    send("item/completed", { item: { type: "userMessage", id: `user-${this.next++}`, clientId: params["clientUserMessageId"], content: [{ type: "text", text }] } });
    const done = (status = "completed", error: unknown = null) => {
      stream.send({ method: "thread/status/changed", params: { threadId, status: IDLE } });
      send("turn/completed", { turn: { id: turnId, status, error, items: [] } });
    };
    const say = (words: string) => {
      const item = { type: "agentMessage", id: `msg-${this.next++}`, text: "" };
      send("item/started", { item });
      for (const word of words.split(/(?<= )/)) send("item/agentMessage/delta", { itemId: item.id, delta: word });
      send("item/completed", { item: { ...item, text: words } });
    };
    const ask = (method: string, more: object, then: (result: Record<string, unknown>) => void, options: AskedOptions = {}) =>
      void this.ask(stream, method, { threadId, turnId, ...more }, then, options);
    if (text.includes("fail")) return done("failed", { message: "The model answered 500 three times." });
    if (text.includes("approve")) {
      const item = { type: "commandExecution", id: "cmd-a", command: "/bin/bash -lc 'touch a && echo hi'", cwd: WORK, status: "inProgress" };
      send("item/started", { item });
      return ask("item/commandExecution/requestApproval", { itemId: "cmd-a", command: item.command, cwd: WORK }, (result) => {
        const ran = result["decision"] === "accept";
        send("item/completed", { item: { ...item, status: ran ? "completed" : "declined", aggregatedOutput: ran ? "hi\n" : null, exitCode: ran ? 0 : null, durationMs: 14 } });
        say(ran ? "It ran." : "I left it.");
        done();
      });
    }
    if (text.includes("patch")) {
      const item = { type: "fileChange", id: "patch-a", status: "inProgress", changes: [{ path: `${WORK}/tideline/test/resume.test.ts`, kind: { type: "update", move_path: null }, diff: DIFF }] };
      send("item/started", { item });
      return ask("item/fileChange/requestApproval", { itemId: "patch-a", reason: null }, (result) => {
        send("item/completed", { item: { ...item, status: result["decision"] === "accept" ? "completed" : "declined" } });
        done();
      }, { changes: item.changes });
    }
    if (text.includes("ask")) {
      return ask("item/tool/requestUserInput", { itemId: "q", isBlocking: true, questions: [{
        id: "where", header: "Scope", question: "Which tests should poll instead of sleep?", isOther: true, isSecret: false,
        options: [{ label: "Only the flaky one", description: "The smallest change" }, { label: "All twelve", description: "One helper, used everywhere" }],
      }] }, (result) => {
        say(`You chose: ${JSON.stringify(result["answers"])}`);
        done();
      });
    }
    if (text.includes("form")) {
      return ask("mcpServer/elicitation/request", { serverName: "tracker", mode: "form", message: "File an issue for this?", requestedSchema: { type: "object", properties: { title: { type: "string", title: "Title" }, urgent: { type: "boolean", title: "Urgent" } }, required: ["title"] } }, (result) => {
        say(`Filed: ${JSON.stringify(result)}`);
        done();
      });
    }
    say(text.includes("long") ? ANSWER.repeat(20) : ANSWER);
    done();
  }
}
