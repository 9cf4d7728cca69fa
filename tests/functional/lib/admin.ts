// admin: a machine with an administrator. The file has one place, /etc/farhand, which nothing
// but the build chooses; a program sees this one's in a mount namespace of its own.

import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Host } from "./host";
import type { Program } from "./program";
import { FARHAND, type Scene } from "./scene";

export class Admin {
  readonly etc: string;

  constructor(readonly scene: Scene) {
    this.etc = scene.path("etc");
    cpSync("/etc", this.etc, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }

  write(text: string, mode = 0o644, name = "farhand"): void {
    mkdirSync(join(this.etc, name), { recursive: true, mode: 0o755 });
    const path = join(this.etc, name, "requirements.toml");
    rmSync(path, { force: true });
    writeFileSync(path, text, { mode });
  }

  remove(): void {
    rmSync(join(this.etc, "farhand"), { recursive: true, force: true });
  }

  farhand(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    return this.scene.start(["unshare", "-m", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', this.etc, FARHAND, ...args], {
      env,
      name: `farhand ${args.join(" ")}`,
    });
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const program = this.farhand(args, env);
    program.child.stdin?.end();
    const { code } = await program.exited;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  async up(args: readonly string[] = []): Promise<Host> {
    const program = this.farhand(["up", "--practice", "--port", "0", "--cwd", this.scene.work, ...args]);
    const [, link = ""] = await program.line(/(https?:\/\/\S+#p=[\w-]+)/);
    return new Host(this.scene, program, link);
  }

  async host(args: readonly string[] = []): Promise<Host> {
    const program = this.farhand(["host", "--practice", "--cwd", this.scene.work, ...args]);
    await program.line(/ is ready: /);
    return new Host(this.scene, program, "");
  }
}
