// host: one running host with its agent and relay, and the few things every spec does with one.

import { existsSync, mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { expect } from "vitest";

import { Phone } from "./phone";
import type { Program } from "./program";
import { connectRpc, type Json, type Message, type Rpc } from "./rpc";
import type { Scene } from "./scene";

/** Resolves when the path exists. */
export async function appears(path: string, within = 45_000): Promise<void> {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === basename(path) && existsSync(path)) done();
    });
    const timer = setTimeout(() => done(new Error(`${path} did not appear within ${within} ms`)), within);
    const done = (error?: Error): void => {
      clearTimeout(timer);
      watcher.close();
      if (error) reject(error);
      else resolve();
    };
    if (existsSync(path)) done();
  });
}

export interface PairOptions {
  role?: "viewer" | "approver" | "operator" | "owner";
  phrase?: boolean;
  name?: string;
}

export class Host {
  #owner: Promise<Rpc> | undefined;

  constructor(
    readonly scene: Scene,
    readonly program: Program,
    /** The pairing link that `up` shows, if it is an `up`. */
    readonly link: string,
  ) {}

  /** `farhand up` with the practice model, its own relay and the page. */
  static async up(scene: Scene, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Host> {
    const program = scene.farhand(["up", "--practice", "--port", "0", "--cwd", scene.work, ...args], { env });
    const [, link = ""] = await program.line(/(https?:\/\/\S+#p=[\w-]+)/);
    return new Host(scene, program, link);
  }

  /** The same, with the agent ready. */
  static async ready(scene: Scene, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Host> {
    const host = await Host.up(scene, args, env);
    await host.agentReady();
    return host;
  }

  /** `farhand host`: no page, and the relay is somebody else's. */
  static async behind(scene: Scene, relay: string, args: readonly string[] = []): Promise<Host> {
    const program = scene.farhand(["host", "--practice", "--cwd", scene.work, "--relay", relay, ...args]);
    await program.line(/ is ready: /);
    return new Host(scene, program, "");
  }

  get socket(): string {
    return `${this.scene.home}/run/host.sock`;
  }

  /** A connection at the local door, as this user's own programs have it. */
  async local(name = "local"): Promise<Rpc> {
    const rpc = await connectRpc(name, `unix:${this.socket}`);
    this.scene.atEnd(() => rpc.close());
    await rpc.initialize();
    return rpc;
  }

  /** The local owner's connection that the helpers share. */
  get owner(): Promise<Rpc> {
    this.#owner ??= this.local("owner");
    return this.#owner;
  }

  async status(): Promise<Json> {
    return (await this.owner).call("farhand/status");
  }

  async agentReady(): Promise<void> {
    const owner = await this.owner;
    const from = owner.mark;
    if ((await this.status()).agent.state === "ready") return;
    await owner.event("farhand/status/changed", (params) => params.agent.state === "ready", { from });
  }

  async relayConnected(): Promise<void> {
    const owner = await this.owner;
    const from = owner.mark;
    if ((await this.status()).relay.state === "connected") return;
    await owner.event("farhand/status/changed", (params) => params.relay.state === "connected", { from });
  }

  /** Offer a pairing at the local door, as a script would. */
  async offer({ role = "operator", phrase = false }: PairOptions = {}): Promise<Json> {
    const owner = await this.owner;
    await this.relayConnected();
    return owner.call("remoteControl/pairing/start", { manualCode: phrase, farhand: { role, confirm: true } });
  }

  /** Pair a new phone, digits compared on both sides, and give it. */
  async pair(options: PairOptions = {}): Promise<Phone> {
    const phone = new Phone(this.scene, options.name);
    await this.pairPhone(phone, options);
    return phone;
  }

  async pairPhone(phone: Phone, options: PairOptions = {}): Promise<void> {
    const owner = await this.owner;
    const from = owner.mark;
    const offer = await this.offer(options);
    const { pairingId, url, relay } = offer.farhand;
    const pairing = options.phrase ? await phone.pairByPhrase(offer.manualPairingCode, relay) : phone.pairByLink(url ?? offer.pairingCode);
    const row = await owner.event("farhand/pairing/changed", (p) => p.pairingId === pairingId && p.state === "confirming", { from });
    expect(await pairing.digits()).toBe(row.params.sas);
    if (options.phrase) pairing.pairing.matches();
    await owner.call("farhand/pairing/confirm", { pairingId, accept: true });
    await pairing.done;
  }

  /** Another machine joins with `farhand join`; give the environment in which farhand is that machine. */
  async joinFrom(name = "elsewhere"): Promise<NodeJS.ProcessEnv> {
    const env = { FARHAND_HOME: this.scene.path(name), HOME: this.scene.path(`${name}-home`), CODEX_HOME: this.scene.path(`${name}-codex`) };
    for (const dir of Object.values(env)) mkdirSync(dir, { recursive: true, mode: 0o700 });
    const owner = await this.owner;
    const from = owner.mark;
    const offer = await this.offer();
    const join = this.scene.farhand(["join", offer.pairingCode, "--json"], { env });
    await owner.event("farhand/pairing/changed", (p) => p.pairingId === offer.farhand.pairingId && p.state === "confirming", { from });
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
    join.type("matches\n");
    expect((await join.exited).code).toBe(0);
    return env;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#owner = undefined;
    await this.program.stop(signal);
  }
}

/** `farhand relay` on a free port (or a given one), for any host: its own process. */
export async function startRelay(scene: Scene, port = 0): Promise<{ program: Program; url: string; port: number }> {
  const program = scene.farhand(["relay", "--open", "--json", "--listen", `127.0.0.1:${port}`], { env: { FARHAND_HOME: scene.path("relay") } });
  const [url = ""] = await program.line(/wss?:\/\/127\.0\.0\.1:\d+\/relay/);
  return { program, url, port: Number(new URL(url).port) };
}

// ---- threads and turns, from any controller -----------------------------------------------

export async function startThread(rpc: Rpc, params: Json = {}): Promise<string> {
  const { thread } = await rpc.call("thread/start", params);
  return thread.id;
}

export async function say(rpc: Rpc, threadId: string, text: string): Promise<string> {
  const { turn } = await rpc.call("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] });
  return turn.id;
}

export const APPROVAL = "item/commandExecution/requestApproval";

export function approval(rpc: Rpc, threadId: string, from = 0): Promise<Message> {
  return rpc.event(APPROVAL, (p) => p.threadId === threadId, { from });
}

export async function turnEnds(rpc: Rpc, threadId: string, from = 0): Promise<Json> {
  const message = await rpc.event("turn/completed", (p) => p.threadId === threadId, { from });
  return message.params.turn;
}

/** All the text of an item that deltas brought so far. */
export function textSoFar(rpc: Rpc, itemId: string, from = 0): string {
  return rpc
    .events("item/agentMessage/delta", from)
    .filter((m) => m.params.itemId === itemId)
    .map((m) => m.params.delta)
    .join("");
}

/** Hear of a thread that somebody else began, without its history. */
export async function joins(rpc: Rpc, threadId: string): Promise<void> {
  await rpc.call("thread/resume", { threadId, excludeTurns: true });
}

/** What the audit log of this scene's host says of one kind of event. */
export function audited(scene: Scene, type: string): Json[] {
  return readFileSync(`${scene.home}/audit.jsonl`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter((line) => line.type === type)
    .map((line) => (typeof line.payload === "string" ? JSON.parse(line.payload) : line.payload));
}

/** How many lines a file of the workspace has: how often a command ran. */
export function linesIn(scene: Scene, name: string): number {
  const file = `${scene.work}/${name}`;
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

/** A file that the practice model's `hold` waits for: `say hello\nhold PATH`. */
export class Gate {
  readonly path: string;
  constructor(scene: Scene, name = "gate") {
    this.path = scene.path(name);
  }
  open(): void {
    writeFileSync(this.path, "");
  }
}
