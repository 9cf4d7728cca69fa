// Chaos: kill -9 of whatever, whenever, in the middle of turns whose commands append a line to a
// file. Nothing runs twice, nothing that was taken is lost, and what cannot be known is said.
//
//   FARHAND_CHAOS=100 FARHAND_CHAOS_SEED=7   how many rounds, and which

import { existsSync, readFileSync } from "node:fs";

import { APPROVAL, Host, say, startRelay, startThread, turnEnds } from "./lib/host";
import type { Phone } from "./lib/phone";
import type { Program } from "./lib/program";
import { type Json, type Rpc, RpcError } from "./lib/rpc";
import { describe, expect, type Scene, test } from "./lib/scene";

const ROUNDS = Number(process.env["FARHAND_CHAOS"] ?? 6);
const SEED = Number(process.env["FARHAND_CHAOS_SEED"] ?? Date.now() % 1_000_000);
const LOOK_MS = 400; // how long a turn may take to end before its history is read again
const LOOKS = 150;

const VICTIMS = ["host", "relay", "agent", "controller"] as const;
const MOMENTS = ["sent", "taken", "answered", "asked", "accepted", "ran"] as const;
type Victim = (typeof VICTIMS)[number];
type Moment = (typeof MOMENTS)[number];

/** Deterministic: a failing run can be repeated with its seed. */
function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

interface Verdict {
  /** What the controller was told: an answer, an error's code, or nothing. */
  told: string;
  inHistory: number;
  status: string;
  lines: number;
}

class World {
  relay!: { program: Program; url: string; port: number };
  host!: Host;
  desk!: Rpc;
  phone!: Phone;
  rpc!: Rpc;
  threadId = "";

  constructor(readonly scene: Scene) {}

  get file(): string {
    return `${this.scene.work}/counted`;
  }

  async begin(): Promise<void> {
    this.relay = await startRelay(this.scene);
    this.host = await Host.behind(this.scene, this.relay.url);
    await this.host.agentReady();
    this.phone = await this.host.pair();
    await this.sit();
    this.rpc = await this.phone.attach();
    this.threadId = await startThread(this.desk);
    // A thread of which nothing was said yet is not on disk: nobody could resume it.
    await say(this.desk, this.threadId, "say hello");
    await turnEnds(this.desk, this.threadId);
  }

  /** Somebody at the desk who says yes to everything, once. */
  async sit(): Promise<void> {
    const desk = await this.host.local("desk");
    this.desk = desk;
    void (async () => {
      for (let from = 0; ; ) {
        const request = await desk.event(APPROVAL, () => true, { from, within: 3_600_000 });
        from = desk.inbox.items.indexOf(request) + 1;
        desk.answer(request, { decision: "accept" });
      }
    })().catch(() => undefined); // the desk is gone
  }

  async kill(victim: Victim): Promise<void> {
    if (victim === "host") await this.host.stop("SIGKILL");
    else if (victim === "relay") await this.relay.program.stop("SIGKILL");
    else if (victim === "controller") {
      this.phone.sockets.cut();
      this.phone.stop();
    } else this.agent("SIGKILL");
  }

  agent(signal: NodeJS.Signals): void {
    for (const pid of this.scene.strays().filter((pid) => this.scene.commandOf(pid).includes("app-server"))) process.kill(pid, signal);
  }

  /** Until the host says that the newest command of this device has gone to the agent. */
  async sent(): Promise<void> {
    for (let look = 0; look < 1000; look++) {
      const { data } = await this.rpc.call("farhand/commands/read");
      if (data.at(-1)?.method === "turn/start" && data.at(-1)?.state === "sent") return;
    }
    throw new Error("the command was not sent");
  }

  async revive(victim: Victim, from: number): Promise<void> {
    if (victim === "relay") this.relay = await startRelay(this.scene, this.relay.port);
    if (victim === "host") {
      this.host = await Host.behind(this.scene, this.relay.url);
      await this.sit();
    }
    if (victim === "agent") await this.desk.event("farhand/status/changed", (p) => p.agent.state === "ready", { from });
    await this.host.agentReady();
    await this.host.relayConnected();
    this.phone.stop(); // as a page that is opened again: nothing but what it keeps
    this.rpc = await this.phone.attach();
    await this.desk.call("thread/resume", { threadId: this.threadId });
  }

  lines(tag: string): number {
    const text = existsSync(this.file) ? readFileSync(this.file, "utf8") : "";
    return text.split("\n").filter((line) => line === tag).length;
  }

  async turnsWith(tag: string): Promise<Json[]> {
    const { data } = await this.rpc.call("thread/turns/list", { threadId: this.threadId, limit: 10, sortDirection: "desc", itemsView: "full" }).catch((error) => {
      if (error instanceof RpcError) return { data: [] };
      throw error;
    });
    return data.filter((turn: Json) => turn.items.some((item: Json) => item.type === "userMessage" && item.clientId === tag));
  }

  /** Until neither the host nor the agent has anything of it under way. */
  async settled(tag: string): Promise<Json[]> {
    for (let look = 0; look < LOOKS; look++) {
      const { data } = await this.rpc.call("farhand/commands/read", { from: 0 });
      const open = data.filter((row: Json) => row.state === "accepted" || row.state === "sent");
      const turns = await this.turnsWith(tag);
      if (open.length === 0 && turns.every((turn) => turn.status !== "inProgress")) return turns;
      await this.desk.event("turn/completed", () => true, { from: this.desk.mark, within: LOOK_MS }).catch(() => undefined);
    }
    throw new Error(`${tag} does not end`);
  }
}

async function round(world: World, tag: string, victim: Victim, moment: Moment): Promise<Verdict> {
  const { desk, rpc, threadId } = world;
  const from = desk.mark;
  let told = "nothing";
  const answered = rpc
    .call("turn/start", { threadId, clientUserMessageId: tag, input: [{ type: "text", text: `run echo ${tag} >> counted`, text_elements: [] }] })
    .then(
      () => (told = "an answer"),
      (error) => (told = error instanceof RpcError ? `error ${error.code}` : told),
    );
  const ofThread = (p: Json): boolean => p.threadId === threadId;
  const reached: Record<Moment, () => Promise<unknown>> = {
    sent: async () => undefined,
    taken: () => desk.event("thread/status/changed", (p) => ofThread(p) && p.status.type === "active", { from }),
    answered: () => answered,
    asked: () => desk.event(APPROVAL, ofThread, { from }),
    accepted: () => desk.event("serverRequest/resolved", ofThread, { from }),
    ran: () => desk.event("item/completed", (p) => ofThread(p) && p.item.type === "commandExecution", { from }),
  };
  await reached[moment]();
  await world.kill(victim);
  await world.revive(victim, from);
  const turns = await world.settled(tag);
  return { told, inHistory: turns.length, status: turns[0]?.status ?? "none", lines: world.lines(tag) };
}

describe("chaos", () => {
  test("kills of anything at any moment run nothing twice and lose nothing", { timeout: 60_000 + ROUNDS * 60_000 }, async ({ scene }) => {
    const roll = dice(SEED);
    const world = new World(scene);
    const counts = new Map<string, number>();
    await world.begin();
    console.log(`chaos: ${ROUNDS} rounds, seed ${SEED}`);
    for (let n = 0; n < ROUNDS; n++) {
      const victim = VICTIMS[roll(VICTIMS.length)] as Victim;
      const moment = MOMENTS[roll(MOMENTS.length)] as Moment;
      const tag = `round-${n}`;
      const v = await round(world, tag, victim, moment);
      const line = `kill ${victim} when ${moment}: told ${v.told}, turn ${v.status}, ran ${v.lines}`;
      console.log(`chaos: ${tag}: ${line}`);
      counts.set(line, (counts.get(line) ?? 0) + 1);
      expect(v.lines, `${tag} ran at most once`).toBeLessThanOrEqual(1);
      expect(v.inHistory, `${tag} is in the history at most once`).toBeLessThanOrEqual(1);
      if (v.status === "completed") expect(v.lines, `${tag} completed, so it ran`).toBe(1);
      if (v.inHistory === 0) expect(v.lines, `${tag} never began, so it did not run`).toBe(0);
      // An agent that is killed may lose what it had taken and not written. Nobody else may.
      if (v.told === "an answer" && victim !== "agent") expect(v.status, `${tag} was taken, so it ends`).toBe("completed");
    }
    for (const [line, count] of [...counts].sort()) console.log(`chaos: ${String(count).padStart(3)} x ${line}`);
  });

  // The agent is stopped, so that its answer cannot come before the host dies.
  test.for([
    ["that goes on", "SIGCONT"],
    ["that dies with it", "SIGKILL"],
  ] as const)("a host dies on a turn it has sent to an agent %s the turn is done once", async ([, signal], { scene }) => {
    const world = new World(scene);
    await world.begin();
    const tag = "between";
    world.agent("SIGSTOP");
    world.rpc
      .call("turn/start", { threadId: world.threadId, clientUserMessageId: tag, input: [{ type: "text", text: `run echo ${tag} >> counted`, text_elements: [] }] })
      .catch(() => undefined);
    await world.sent();
    await world.kill("host");
    world.agent(signal);
    await world.revive("host", 0);
    const turns = await world.settled(tag);
    expect(turns.map((turn) => turn.status)).toEqual(["completed"]);
    expect(world.lines(tag)).toBe(1);
    const { data } = await world.rpc.call("farhand/commands/read");
    expect(data.findLast((row: Json) => row.method === "turn/start").state).toBe("answered");
  });
});
