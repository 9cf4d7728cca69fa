// program: one real program under test. Its lines, from both outputs, land in an inbox.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { Inbox } from "./inbox";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  env: NodeJS.ProcessEnv;
  cwd: string;
  name?: string;
}

export class Program {
  readonly lines: Inbox<string>;
  readonly exited: Promise<Exit>;
  readonly child: ChildProcess;
  #out: string[] = [];
  #err: string[] = [];

  constructor(argv: readonly string[], { env, cwd, name }: ProgramOptions) {
    const [file = "", ...args] = argv;
    this.lines = new Inbox(name ?? argv.join(" "));
    this.child = spawn(file, args, { env, cwd, stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdin?.on("error", () => undefined); // it may end before it reads
    const take = (into: string[]) => (line: string) => {
      into.push(line);
      this.lines.push(line);
    };
    const out = this.child.stdout as NodeJS.ReadableStream;
    const err = this.child.stderr as NodeJS.ReadableStream;
    createInterface({ input: out }).on("line", take(this.#out));
    createInterface({ input: err }).on("line", take(this.#err));
    this.exited = new Promise((resolve) => {
      this.child.on("error", (error) => {
        this.lines.end(`could not be started: ${error.message}`);
        resolve({ code: 127, signal: null });
      });
      // "close", not "exit": every line has been read by then. A program that leaves a detached
      // child behind must not share its outputs with it.
      this.child.on("close", (code, signal) => {
        this.lines.end(`ended with ${signal ?? code}`);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get stdout(): string {
    return this.#out.join("\n");
  }

  get stderr(): string {
    return this.#err.join("\n");
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first line that matches, with its groups. */
  async line(pattern: RegExp, options: { from?: number; within?: number } = {}): Promise<RegExpMatchArray> {
    const line = await this.lines.next(`a line like ${pattern}`, (text) => pattern.test(text), options);
    return line.match(pattern) as RegExpMatchArray;
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  endInput(): void {
    this.child.stdin?.end();
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    if (this.running) this.child.kill(signal);
    return this.exited;
  }

  get log(): string {
    return `---- ${this.lines.name} (pid ${this.pid}) ----\n${this.lines.items.slice(-200).join("\n")}`;
  }
}
