// An app-server with large things: a thread of 100 MB, a change of 100,000 lines, a turn
// that streams 200 deltas a second. Items are made when they are asked for.

import type { RpcMessage } from "../src/wire/jsonrpc";
import { AppDouble } from "../test/lib/app_double";
import type { AppStream } from "../test/lib/host_double";

const ITEMS = 12_500; // of 8 KB each: 100 MB
const LINE = "The tide table of this harbour was read again, and what it says was compared with the gauge. ";
const BODY = LINE.repeat(84);
const THREAD = { name: "A thread of 100 MB", preview: "", cwd: "/home/mira/work/tides", createdAt: 1, updatedAt: 2_000_000_000, status: { type: "idle" } };
const LINES = 100_000;

function item(n: number) {
  const id = `big-${n}`;
  const turnId = `turn-${Math.floor(n / 3)}`;
  if (n % 3 === 0) return { turnId, item: { type: "userMessage", id, clientId: null, content: [{ type: "text", text: `Question ${n}: ${BODY}` }] } };
  return { turnId, item: { type: "agentMessage", id, text: `Answer ${n}. ${BODY}` } };
}

function hugeChange() {
  const lines: string[] = [`@@ -1,${LINES / 2} +1,${LINES / 2} @@ export function table() {`];
  for (let n = 0; lines.length <= LINES; n++) {
    lines.push(` const tide${n} = read("harbour-${n % 90}", ${n}); // metres above datum`);
    if (n % 3 === 0) lines.push(`-  return tide${n}.at(0);`, `+  return tide${n}.at(${n % 7}) ?? nothing;`);
  }
  return lines.join("\n");
}

export class BigApp {
  private readonly small = new AppDouble();
  /** Octets of what left for the page. */
  sent = 0;
  private diff: string | undefined;

  private send(stream: AppStream, message: object): void {
    this.sent += JSON.stringify(message).length;
    stream.send(message);
  }

  private page(params: Record<string, unknown>) {
    const limit = Number(params["limit"] ?? 25);
    if (params["threadId"] === "t-diff") {
      this.diff ??= hugeChange();
      const change = { path: "/home/mira/work/tides/table.ts", kind: { type: "update", move_path: null }, diff: this.diff };
      return { data: [{ turnId: "d", item: { type: "fileChange", id: "huge", status: "completed", changes: [change] } }], nextCursor: null };
    }
    const from = Number(params["cursor"] ?? ITEMS - 1);
    const data = Array.from({ length: Math.min(limit, from + 1) }, (_, n) => item(from - n));
    return { data, nextCursor: from - limit >= 0 ? String(from - limit) : null };
  }

  readonly handle = (stream: AppStream, message: RpcMessage): void => {
    const params = (message.kind === "request" ? message.params ?? {} : {}) as Record<string, unknown>;
    const id = params["threadId"];
    const big = id === "t-big" || id === "t-diff" || id === "t-stream";
    if (message.kind !== "request" || !big) {
      return this.small.handle({ ...stream, send: (out) => this.send(stream, out as object) }, message);
    }
    const reply = (result: unknown) => this.send(stream, { id: message.id, result });
    switch (message.method) {
      case "thread/resume": return reply({ thread: { ...THREAD, id, turns: [] } });
      case "thread/items/list": return reply(id === "t-stream" ? { data: [], nextCursor: null } : this.page(params));
      case "thread/turns/list": return reply({ data: [{ id: "turn-4166", status: "completed" }], nextCursor: null });
      case "thread/queue/list": return reply({ data: [] });
      case "turn/start": {
        reply({ turn: { id: "s", status: "inProgress", items: [] } });
        return this.stream(stream, String(id));
      }
      default: return this.send(stream, { id: message.id, error: { code: -32600, message: "not here" } });
    }
  };

  /** 200 deltas a second for six seconds: markdown, then the output of a command. */
  private stream(stream: AppStream, threadId: string): void {
    const turnId = "s";
    const say = (method: string, params: object) => this.send(stream, { method, params: { threadId, turnId, ...params } });
    say("turn/started", { turn: { id: turnId, status: "inProgress", items: [] } });
    say("item/started", { item: { type: "agentMessage", id: "s1", text: "" } });
    let n = 0;
    const began = Date.now();
    const timer = setInterval(() => {
      const due = Math.floor((Date.now() - began) / 5);
      for (; n < due && n < 1200; n++) {
        if (n === 600) {
          say("item/completed", { item: { type: "agentMessage", id: "s1", text: "The first half is here." } });
          say("item/started", { item: { type: "commandExecution", id: "s2", command: "make", cwd: "/", status: "inProgress", aggregatedOutput: null } });
        }
        if (n < 600) say("item/agentMessage/delta", { itemId: "s1", delta: n % 40 === 39 ? "\n\n## Another part\n\n" : `word${n} **and** \`code\` ` });
        else say("item/commandExecution/outputDelta", { itemId: "s2", delta: `\u001b[32mok\u001b[0m ${n} compiled something.c\n` });
      }
      if (n < 1200) return;
      clearInterval(timer);
      say("item/completed", { item: { type: "commandExecution", id: "s2", command: "make", cwd: "/", status: "completed", exitCode: 0, aggregatedOutput: "done\n" } });
      say("turn/completed", { turn: { id: turnId, status: "completed", items: [] } });
    }, 5);
  }
}
