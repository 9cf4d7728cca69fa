// scene: a world for one test. Homes of its own, programs with their logs, and an end that
// leaves nothing behind: whatever still runs with this scene's marker in its environment is
// ended by pid, and a sanitizer's report fails the test.

import { accessSync, constants, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { type TestContext, test as plain } from "vitest";

import { type Exit, Program } from "./program";

export const TOP = resolve(import.meta.dirname, "../../..");
export const BUILD = process.env["FARHAND_BUILD"] ?? join(TOP, "build/asan");
export const FARHAND = join(BUILD, "farhand");
export const SCREENS = join(TOP, "build/test/screens");

/** The real Codex: FARHAND_CODEX, PATH, or what `make deps` installed. */
export function findCodex(): string {
  const named = process.env["FARHAND_CODEX"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const places = [...(named ? [named] : []), ...folders.map((dir) => join(dir, "codex")), join(TOP, "build/tools/node_modules/.bin/codex")];
  for (const place of places) {
    try {
      accessSync(place, constants.X_OK);
      return place;
    } catch {
      // the next one
    }
  }
  throw new Error("no codex: run make deps");
}

export class Scene {
  readonly dir = mkdtempSync(join(tmpdir(), "fh-"));
  readonly programs: Program[] = [];
  readonly env: NodeJS.ProcessEnv;
  #endings: (() => Promise<void> | void)[] = [];

  constructor() {
    for (const name of ["home", "farhand", "codex", "work"]) mkdirSync(join(this.dir, name), { mode: 0o700 });
    this.env = {
      HOME: join(this.dir, "home"),
      FARHAND_HOME: join(this.dir, "farhand"),
      CODEX_HOME: join(this.dir, "codex"),
      FARHAND_CODEX: findCodex(),
      FARHAND_WEB: join(TOP, "build/web"),
      TEST_SCENE: this.dir,
      PATH: process.env["PATH"],
      LANG: "C.UTF-8",
      TERM: "xterm-256color",
      USER: "tester",
      ASAN_OPTIONS: `${process.env["ASAN_OPTIONS"] ?? "detect_leaks=1"}:log_path=${this.dir}/sanitizer`,
      UBSAN_OPTIONS: `print_stacktrace=1:halt_on_error=1:log_path=${this.dir}/sanitizer`,
      LSAN_OPTIONS: "print_suppressions=0",
    };
  }

  /** The state folder of the host of this scene. */
  get home(): string {
    return join(this.dir, "farhand");
  }

  /** The workspace the agent works in. */
  get work(): string {
    return join(this.dir, "work");
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  start(argv: readonly string[], { env = {}, cwd = this.work, name }: { env?: NodeJS.ProcessEnv; cwd?: string; name?: string } = {}): Program {
    const program = new Program(argv, { env: { ...this.env, ...env }, cwd, name: name ?? argv.slice(0, 3).join(" ") });
    this.programs.push(program);
    return program;
  }

  farhand(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): Program {
    return this.start([FARHAND, ...args], { ...options, name: `farhand ${args.join(" ")}` });
  }

  /** Run a command of farhand to its end. */
  async run(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {}): Promise<Exit & { stdout: string; stderr: string }> {
    const program = this.farhand(args, options);
    program.child.stdin?.end(options.input ?? "");
    const exit = await program.exited;
    return { ...exit, stdout: program.stdout, stderr: program.stderr };
  }

  /** Run a command that must succeed, and read its JSON. */
  // biome-ignore lint: JSON of somebody else's making
  async json(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {}): Promise<any> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`farhand ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return JSON.parse(stdout);
  }

  atEnd(step: () => Promise<void> | void): void {
    this.#endings.push(step);
  }

  async end(): Promise<void> {
    for (const step of this.#endings.reverse()) await step();
    for (const program of this.programs.reverse()) {
      if (program.running) program.child.kill("SIGTERM");
    }
    await this.#endStrays();
    await Promise.all(this.programs.map((program) => program.exited));
    const reports = this.sanitizerReports();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
    if (reports !== "") throw new Error(`a sanitizer reported:\n${reports}`);
  }

  sanitizerReports(): string {
    return readdirSync(this.dir)
      .filter((name) => name.startsWith("sanitizer."))
      .map((name) => readFileSync(join(this.dir, name), "utf8"))
      .join("\n");
  }

  /** Detached children (the agent, the practice model) carry our marker in their environment. */
  strays(): number[] {
    const marker = `TEST_SCENE=${this.dir}\0`;
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return pid !== process.pid && `${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(marker);
        } catch {
          return false; // gone, or a kernel thread
        }
      });
  }

  commandOf(pid: number): string {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
    } catch {
      return "";
    }
  }

  environmentOf(pid: number): string {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1");
    } catch {
      return "";
    }
  }

  /** Make an empty file of the scene: what `hold` waits for. */
  touch(name: string): void {
    writeFileSync(this.path(name), "");
  }

  async #endStrays(): Promise<void> {
    const deadline = Date.now() + 15_000;
    for (let signal: NodeJS.Signals = "SIGTERM"; ; ) {
      const pids = this.strays();
      if (pids.length === 0) return;
      const late = Date.now() > deadline - 10_000;
      if (late) signal = "SIGKILL";
      for (const pid of pids) {
        try {
          process.kill(pid, signal);
        } catch {
          // gone meanwhile
        }
      }
      if (Date.now() > deadline) throw new Error(`still running: ${pids.join(" ")}`);
      await new Promise((tick) => setTimeout(tick, 50));
    }
  }

  get logs(): string {
    const logs = this.programs.map((program) => program.log);
    for (const name of ["farhand/run/codex.log", "farhand/run/host.log", "farhand/host.log"]) {
      const file = join(this.dir, name);
      if (existsSync(file)) logs.push(`---- ${name} ----\n${readFileSync(file, "utf8").slice(-4000)}`);
    }
    return logs.join("\n");
  }

  /** Keep a picture or a terminal's content beside the logs. */
  keep(file: string, name: string): void {
    mkdirSync(SCREENS, { recursive: true });
    cpSync(file, join(SCREENS, name));
  }
}

/** `test("…", async ({ scene }) => …)`: a scene that is ended whatever happens. */
export const test = plain.extend<{ scene: Scene }>({
  scene: async ({ onTestFailed }: TestContext, use: (scene: Scene) => Promise<void>) => {
    const scene = new Scene();
    let logs = "";
    onTestFailed(() => {
      console.log(logs);
    });
    try {
      await use(scene);
    } finally {
      logs = scene.logs;
      await scene.end();
    }
  },
});

export { describe, expect } from "vitest";
