// Chaos: kill -9 of whatever, whenever, in the middle of turns whose commands append a line to a
// file. Nothing runs twice, nothing that was taken is lost, and what cannot be known is said.
//
// The controllers are the page's client on Node and the session process in C; the person who says
// yes sits at the desk, or at the controller itself.
//
//   FARHAND_CHAOS=100 FARHAND_CHAOS_SEED=7   how many rounds, and which

import { existsSync, readFileSync } from "node:fs";

import { dice, rounds, SEED, Tally } from "./lib/chaos";
import { APPROVAL, Host, say, startRelay, startThread, turnEnds } from "./lib/host";
import { Machine } from "./lib/machine";
import type { Phone } from "./lib/phone";
import type { Program } from "./lib/program";
import { type Json, type Rpc, RpcError } from "./lib/rpc";
import { describe, expect, type Scene, test } from "./lib/scene";

const ROUNDS = rounds(8, 1);
const LOOK_MS = 400; // how long a turn may take to end before its history is read again
const LOOKS = 150;

const KINDS = ["phone", "laptop"] as const; // the page's client, and the session process in C
const VICTIMS = { phone: ["host", "relay", "agent", "controller"], laptop: ["host", "relay", "agent", "session process", "attach"] } as const;
const MOMENTS = ["sent", "taken", "answered", "asked", "accepted", "ran"] as const;
const DECIDERS = ["desk", "itself"] as const;
type Kind = (typeof KINDS)[number];
type Victim = (typeof VICTIMS)[Kind][number];
type Moment = (typeof MOMENTS)[number];
type Decider = (typeof DECIDERS)[number];

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
  laptop!: Machine;
  attached: Program | undefined;
  rpc!: Rpc;
  kind: Kind = "phone";
  decider: Decider = "desk";
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
    this.laptop = await Machine.join(this.scene, this.host, { name: "laptop" });
    await this.sit();
    await this.takeUp("phone");
    this.threadId = await startThread(this.desk);
    // A thread of which nothing was said yet is not on disk: nobody could resume it.
    await say(this.desk, this.threadId, "say hello");
    await turnEnds(this.desk, this.threadId);
    await this.rpc.call("thread/resume", { threadId: this.threadId });
  }

  /** Somebody at the desk, who says yes to everything, once, when it is theirs to say. */
  async sit(): Promise<void> {
    this.desk = await this.host.local("desk");
    this.sayYes(this.desk, "desk", 0);
  }

  sayYes(rpc: Rpc, decider: Decider, since: number): void {
    void (async () => {
      for (let from = since; ; ) {
        const request = await rpc.event(APPROVAL, () => true, { from, within: 3_600_000 });
        from = rpc.inbox.items.indexOf(request) + 1;
        if (this.decider === decider) rpc.answer(request, { decision: "accept" });
      }
    })().catch(() => undefined); // this connection is gone
  }

  /** The controller that the next rounds are driven from. */
  async takeUp(kind: Kind): Promise<void> {
    this.kind = kind;
    if (kind === "phone") {
      this.phone.stop(); // as a page that is opened again: nothing but what it keeps
      this.rpc = await this.phone.attach();
    } else {
      this.rpc?.close();
      if (this.attached?.running) await this.attached.stop();
      const { rpc, program } = await this.laptop.attach();
      this.rpc = rpc;
      this.attached = program;
    }
    if (this.threadId !== "") await this.rpc.call("thread/resume", { threadId: this.threadId });
  }

  async kill(victim: Victim): Promise<void> {
    if (victim === "host") await this.host.stop("SIGKILL");
    else if (victim === "relay") await this.relay.program.stop("SIGKILL");
    else if (victim === "controller") {
      this.phone.sockets.cut();
      this.phone.stop();
    } else if (victim === "session process") {
      for (const pid of this.laptop.keepers()) process.kill(pid, "SIGKILL");
    } else if (victim === "attach") await this.attached?.stop("SIGKILL");
    else this.agent("SIGKILL");
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
    if (victim === "agent") {
      const down = await this.desk.event("farhand/status/changed", (p) => p.agent.state !== "ready", { from });
      const since = this.desk.inbox.items.indexOf(down);
      await this.desk.event("farhand/status/changed", (p) => p.agent.state === "ready", { from: since });
    }
    await this.host.agentReady();
    await this.host.relayConnected();
    await this.takeUp(this.kind);
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
  // The controller's own person reads before they say yes: at "asked" nobody has, yet.
  if (world.decider === "itself" && moment !== "asked") world.sayYes(rpc, "itself", rpc.mark);
  await reached[moment]();
  const before = world.desk.mark;
  await world.kill(victim);
  await world.revive(victim, before);
  world.sayYes(world.rpc, "itself", 0);
  const turns = await world.settled(tag);
  return { told, inHistory: turns.length, status: turns[0]?.status ?? "none", lines: world.lines(tag) };
}

describe("chaos", () => {
  test("kills of anything at any moment run nothing twice and lose nothing", { timeout: 60_000 + ROUNDS * 60_000 }, async ({ scene }) => {
    const roll = dice(SEED);
    const pick = <T,>(of: readonly T[]): T => of[roll(of.length)] as T;
    const world = new World(scene);
    const tally = new Tally("kills");
    await world.begin();
    console.log(`chaos: ${ROUNDS} rounds, seed ${SEED}`);
    for (let n = 0; n < ROUNDS; n++) {
      const kind = ROUNDS <= 10 ? (KINDS[n % 2] as Kind) : pick(KINDS);
      const victim = pick<Victim>(VICTIMS[kind]);
      const moment = pick(MOMENTS);
      world.decider = pick(DECIDERS);
      if (kind !== world.kind) await world.takeUp(kind);
      const tag = `round-${n}`;
      const v = await round(world, tag, victim, moment);
      tally.add(`kill ${victim} (${kind} drives, ${world.decider} decides) when ${moment}`, `told ${v.told}, turn ${v.status}, ran ${v.lines}`);
      const { lines, inHistory, status } = v;
      expect(lines, `${tag} ran at most once`).toBeLessThanOrEqual(1);
      expect(inHistory, `${tag} is in the history at most once`).toBeLessThanOrEqual(1);
      if (status === "completed") expect(lines, `${tag} completed, so it ran`).toBe(1);
      if (inHistory === 0) expect(lines, `${tag} never began, so it did not run`).toBe(0);
      // An agent that is killed may lose what it had taken and not written. Nobody else may.
      if (v.told === "an answer" && victim !== "agent") expect(status, `${tag} was taken, so it ends`).toBe("completed");
    }
    tally.print();
    const report = await world.laptop.run("rpc", "farhand/status");
    expect(report.code).toBe(0); // the path is whole after all of it
  });

  // One request, seen by the desk, a phone and a laptop; then something dies, alone.
  test.for(["relay", "controller", "host", "agent"] as const)("a pending approval and the death of the %s", { timeout: 180_000 }, async (victim, { scene }) => {
    const world = new World(scene);
    await world.begin();
    world.decider = "itself"; // nobody at the desk answers
    const { rpc, threadId } = world;
    const from = world.desk.mark;
    const there = rpc.mark;
    await say(rpc, threadId, "run echo pending >> counted");
    const asked = await world.desk.event(APPROVAL, (p) => p.threadId === threadId, { from });
    const pendingOf = async (of: Rpc): Promise<string[]> => (await of.call("farhand/approval/list")).data.map((row: Json) => row.requestId);
    expect(await pendingOf(rpc)).toEqual([asked.id]);
    await world.kill(victim);
    if (victim === "agent") {
      // Withdrawn, and everybody is told.
      for (const [who, mark] of [[world.desk, from], [rpc, there]] as const) {
        const told = await who.event("serverRequest/resolved", (p) => p.requestId === asked.id, { from: mark });
        expect(told.params.farhand.decision).toBe("withdrawn");
      }
      await world.revive(victim, from);
      expect(await pendingOf(world.rpc)).toEqual([]);
      expect(world.lines("pending")).toBe(0);
      return;
    }
    await world.revive(victim, from);
    for (const who of [world.desk, world.rpc]) expect(await pendingOf(who)).toEqual([asked.id]);
    const listed = await world.laptop.run("approvals", "list", "--json");
    expect(listed.stdout).toContain(`${asked.id}`);
    const after = world.desk.mark;
    world.sayYes(world.rpc, "itself", 0);
    await turnEnds(world.desk, threadId, after);
    expect(world.lines("pending")).toBe(1);
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
