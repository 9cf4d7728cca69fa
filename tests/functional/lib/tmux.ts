// tmux: a real terminal, on a server of its own, to see what a person would see.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { SCREENS, type Scene } from "./scene";

export class Terminal {
  readonly #socket: string;

  constructor(
    readonly scene: Scene,
    readonly name: string,
    command: string,
    { columns = 110, rows = 40, env = {}, cwd = scene.work }: { columns?: number; rows?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ) {
    this.#socket = scene.path(`tmux-${name}`);
    const all = { ...scene.env, ...env };
    execFileSync("tmux", ["-S", this.#socket, "-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", `${columns}`, "-y", `${rows}`, "-c", cwd, command], {
      env: all,
      stdio: "pipe",
    });
    this.#tmux("set-option", "-g", "remain-on-exit", "on");
    scene.atEnd(() => this.end());
  }

  #tmux(...args: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...args], { env: this.scene.env, stdio: "pipe" }).toString();
  }

  get screen(): string {
    return this.#tmux("capture-pane", "-p", "-t", "t");
  }

  /** Everything that scrolled by, too. */
  get scrollback(): string {
    return this.#tmux("capture-pane", "-p", "-S", "-2000", "-t", "t");
  }

  type(text: string): void {
    this.#tmux("send-keys", "-t", "t", "-l", text);
  }

  key(...keys: string[]): void {
    this.#tmux("send-keys", "-t", "t", ...keys);
  }

  /**
   * Type a line, and Enter. The TUI takes an Enter that follows fast keys for part of a paste, by
   * the clock: so this lets the clock run on after the last key has been drawn.
   */
  async submit(text: string): Promise<void> {
    this.type(text);
    await this.shows(new RegExp(text.slice(0, 24).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    await new Promise((tick) => setTimeout(tick, 300));
    this.key("Enter");
  }

  /** Press a key again and again until the screen matches: there is more to scroll than is drawn. */
  async turnsTo(key: string, pattern: RegExp, ms = 60_000): Promise<void> {
    for (const end = Date.now() + ms; !pattern.test(this.screen); ) {
      if (Date.now() > end) throw new Error(`${this.name}: ${pattern} does not come:\n${this.screen}`);
      this.key(key);
      await new Promise((tick) => setTimeout(tick, 50)); // until it has drawn
    }
  }

  /** Wait until the screen matches; tmux tells of no change, so it is looked at again and again. */
  async shows(pattern: RegExp, within = 45_000): Promise<RegExpMatchArray> {
    const deadline = Date.now() + within;
    for (;;) {
      const screen = this.screen;
      const match = screen.match(pattern);
      if (match) return match;
      if (Date.now() > deadline) throw new Error(`${this.name} never showed ${pattern}; it shows:\n${screen}`);
      await new Promise((tick) => setTimeout(tick, 60));
    }
  }

  keep(name: string): void {
    mkdirSync(SCREENS, { recursive: true });
    writeFileSync(join(SCREENS, `${name}.txt`), this.scrollback);
  }

  end(): void {
    try {
      this.#tmux("kill-server");
    } catch {
      // it ended by itself
    }
  }
}
