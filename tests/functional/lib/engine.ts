// engine: src/engine/ alone, on the stdin and stdout of tests/drive/engine_drive, with the real
// Codex behind it. No hub: what Codex says arrives as it is.

import { createInterface } from "node:readline";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Inbox } from "./inbox";
import type { Program } from "./program";
import { type Json, type Message, Rpc } from "./rpc";
import { BUILD, FARHAND, type Scene } from "./scene";

export interface State {
  state: string;
  joined: boolean;
  shared: boolean;
  pid: number;
  version: string;
  instance: string;
  error: string;
}

function parseState(line: string): State {
  const [, state = "", joined, shared, pid, version = "", instance = "", error = ""] =
    line.match(/^# state (\w+) joined=(\d) practice=\d shared=(\d) pid=(\d+) version=(\S*) instance=(\S*) error=(.*)$/) ?? [];
  return { state, joined: joined === "1", shared: shared === "1", pid: Number(pid), version, instance, error };
}

/** What a person would say to each kind of request of Codex. */
export const YES: Record<string, (params: Json) => Json> = {
  "item/commandExecution/requestApproval": () => ({ decision: "accept" }),
  "item/fileChange/requestApproval": () => ({ decision: "accept" }),
  "item/permissions/requestApproval": ({ permissions }) => ({ permissions, scope: "turn" }),
  "item/tool/requestUserInput": () => ({ answers: { choice: { answers: ["red"] } } }),
  "mcpServer/elicitation/request": () => ({ action: "accept", content: { colour: "red" } }),
  "item/tool/call": () => ({ contentItems: [{ type: "inputText", text: "pong" }], success: true }),
  "currentTime/read": () => ({ currentTimeAt: 1_700_000_000 }),
  "account/chatgptAuthTokens/refresh": () => ({ accessToken: "a.b.c", chatgptAccountId: "acc" }),
};

export interface Turn {
  status: string;
  error: string;
  deltas: number;
  text: string;
  asked: Message[];
  items: Json[];
}

export class Engine {
  readonly states = new Inbox<State>("states of the engine");
  readonly rpc: Rpc;

  private constructor(readonly program: Program) {
    this.rpc = new Rpc("agent", { send: (text) => program.type(`${text}\n`), close: () => program.endInput() });
    createInterface({ input: program.child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      if (line.startsWith("# state ")) this.states.push(parseState(line));
      else if (line.startsWith("{")) this.rpc.received(line);
    });
    void program.exited.then(() => this.states.end("the driver has ended"));
  }

  static start(scene: Scene, args: readonly string[] = ["--practice"], env: NodeJS.ProcessEnv = {}): Engine {
    const run = join(scene.home, "run");
    mkdirSync(run, { recursive: true, mode: 0o700 });
    const argv = [join(BUILD, "tests/drive/engine_drive"), "--home", scene.home, "--run", run, "--cwd", scene.work, "--program", FARHAND];
    return new Engine(scene.start([...argv, ...args], { env, name: "engine_drive" }));
  }

  state(name: string, from = 0): Promise<State> {
    return this.states.next(`state ${name}`, ({ state }) => state === name, { from });
  }

  /** Ends the engine and leaves the agent alone. */
  async leave(): Promise<void> {
    this.program.endInput();
    await this.program.exited;
  }

  /** Ends the agent too. */
  async stop(): Promise<void> {
    this.program.type("stop\n");
    await this.program.exited;
  }

  async thread(cwd: string, more: Json = {}): Promise<string> {
    const { thread } = await this.rpc.call("thread/start", { cwd, approvalPolicy: "untrusted", sandbox: "workspace-write", ...more });
    return thread.id;
  }

  /** One turn to its end; every request of Codex is granted. */
  async turn(threadId: string, text: string): Promise<Turn> {
    const from = this.rpc.mark;
    const ended = this.rpc.event("turn/completed", (params) => params.threadId === threadId, { from });
    const asked: Message[] = [];
    const answering = this.#answer(from, asked, ended);
    await this.rpc.call("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] });
    const { turn } = (await ended).params;
    await answering;
    const items = this.rpc.events("item/completed", from).map(({ params }) => params.item);
    const said = items.filter(({ type }) => type === "agentMessage").map((item) => item.text);
    const deltas = this.rpc.events("item/agentMessage/delta", from).length;
    return { status: turn.status, error: JSON.stringify(turn.error), deltas, text: said.join("\n"), asked, items };
  }

  async #answer(from: number, asked: Message[], ended: Promise<Message>): Promise<void> {
    for (let at = from; ; ) {
      const next = this.rpc.inbox.next("anything", (m) => m.id !== undefined && m.method !== undefined, { from: at });
      const message = await Promise.race([next, ended]);
      if (message.method === "turn/completed") {
        next.catch(() => undefined); // nobody asks any more
        return;
      }
      at = this.rpc.inbox.items.indexOf(message) + 1;
      asked.push(message);
      const yes = YES[message.method as string];
      if (yes) this.rpc.answer(message, yes(message.params));
    }
  }
}
