// machine: another computer with a home of its own, joined to the host in C. Its session process
// is what `farhand attach`, `rpc`, `status --host` and all the others speak through.

import { mkdirSync, readdirSync, readFileSync } from "node:fs";

import type { Host, PairOptions } from "./host";
import type { Program } from "./program";
import { connectRpc, type Rpc } from "./rpc";
import { expect, FARHAND, type Scene } from "./scene";

export class Machine {
  constructor(
    readonly scene: Scene,
    readonly name: string,
    readonly env: NodeJS.ProcessEnv,
    /** The words before every command: `ip netns exec …`. */
    readonly within: readonly string[] = [],
  ) {}

  /** Join the host: digits are compared on both sides, as people would. */
  static async join(scene: Scene, host: Host, { name = "laptop", role = "operator", within = [] }: PairOptions & { within?: readonly string[] } = {}): Promise<Machine> {
    const env = { FARHAND_HOME: scene.path(name), HOME: scene.path(`${name}-home`), CODEX_HOME: scene.path(`${name}-codex`) };
    for (const dir of Object.values(env)) mkdirSync(dir, { recursive: true, mode: 0o700 });
    const machine = new Machine(scene, name, env, within);
    const owner = await host.owner;
    const from = owner.mark;
    const offer = await host.offer({ role });
    const join = machine.farhand("join", offer.farhand.url ?? offer.pairingCode, "--json", "--name", name);
    const { pairingId } = offer.farhand;
    const row = await owner.event("farhand/pairing/changed", (p) => p.pairingId === pairingId && p.state === "confirming", { from });
    const digits = await join.lines.next("the digits", (line) => line.includes(row.params.sas));
    expect(digits).toContain(row.params.sas);
    await owner.call("farhand/pairing/confirm", { pairingId, accept: true });
    join.type("matches\n");
    expect((await join.exited).code).toBe(0);
    return machine;
  }

  farhand(...args: string[]): Program {
    return this.scene.start([...this.within, FARHAND, ...args], { env: this.env, name: `${this.name}: farhand ${args.join(" ")}` });
  }

  async run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const program = this.farhand(...args);
    program.endInput();
    const { code } = await program.exited;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  /** An app-server connection through `farhand attach`, as an editor has it. */
  async attach(): Promise<{ rpc: Rpc; program: Program }> {
    const program = this.farhand("attach", "--print");
    const [, path = ""] = await program.line(/unix:\/\/(\S+)/);
    const rpc = await connectRpc(`${this.name}, attached`, `unix:${path}`);
    this.scene.atEnd(() => rpc.close());
    await rpc.initialize();
    return { rpc, program };
  }

  /** What the session process of this machine says. */
  get keeperLog(): string {
    const dir = `${this.env["FARHAND_HOME"]}/run/hosts`;
    return readdirSync(dir)
      .filter((name) => name.endsWith(".log"))
      .map((name) => readFileSync(`${dir}/${name}`, "utf8"))
      .join("");
  }

  /** The process that owns this machine's session with the host. */
  keepers(): number[] {
    return this.scene.strays().filter((pid) => {
      const command = this.scene.commandOf(pid);
      return command.includes("session") && this.scene.environmentOf(pid).includes(`FARHAND_HOME=${this.env["FARHAND_HOME"]}\0`);
    });
  }
}
