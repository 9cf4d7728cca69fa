// Chaos on the network: turns with approvals while wires are cut, swallow one way, both ways, or
// are two seconds late. Nobody dies, so nothing may be lost: every turn ends, and ran once.

import { existsSync, readFileSync } from "node:fs";

import { dice, rounds, SEED, Tally } from "./lib/chaos";
import { APPROVAL, Host, say, startThread, turnEnds } from "./lib/host";
import { Machine } from "./lib/machine";
import type { Json, Rpc } from "./lib/rpc";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";
import { RELAY_ADDRESS, type WireMode, type WireName, Wires } from "./lib/wires";

const ROUNDS = rounds(4, 0.2);

/** What is done to a wire, and for how long. */
const FAULTS: [string, WireMode, number][] = [
  ["a cut of 3 s", "drop", 3_000],
  ["2 s late, both ways", "delay 2000", 20_000],
  ["half-open: nothing comes back", "down", 13_000],
  ["half-open: nothing goes out", "up", 13_000],
  ["swallows everything for 15 s", "drop", 15_000],
];
const WIRES: [string, WireName][] = [["controller-relay", "pr"], ["host-relay", "hr"]];
const MOMENTS = ["before it is sent", "when asked", "when accepted"] as const;

async function world(scene: Scene) {
  const wires = await Wires.make(scene);
  const relay = scene.start([...wires.on("relay"), FARHAND, "relay", "--open", "--json", "--listen", `${RELAY_ADDRESS}:0`], {
    env: { FARHAND_HOME: scene.path("relay") },
    name: "relay on its machine",
  });
  const [url = ""] = await relay.line(/wss?:\/\/10\.78\.9\.9:\d+\/relay/);
  const program = scene.start([...wires.on("host"), FARHAND, "host", "--practice", "--cwd", scene.work, "--relay", url], { name: "host on its machine" });
  await program.line(/ is ready: /);
  const host = new Host(scene, program, "");
  await host.agentReady();
  await host.relayConnected();
  const machine = await Machine.join(scene, host, { within: wires.on("phone") });
  const { rpc } = await machine.attach();
  const threadId = await startThread(rpc);
  await say(rpc, threadId, "say hello");
  await turnEnds(rpc, threadId);
  const desk = await host.local("desk");
  await desk.call("thread/resume", { threadId });
  return { wires, host, rpc, desk, threadId };
}

/** The person at the controller says yes to whatever it shows. */
function sayYes(rpc: Rpc): void {
  void (async () => {
    for (let from = rpc.mark; ; ) {
      const request = await rpc.event(APPROVAL, () => true, { from, within: 3_600_000 });
      from = rpc.inbox.items.indexOf(request) + 1;
      rpc.answer(request, { decision: "accept" });
    }
  })().catch(() => undefined);
}

describe("chaos on the wires", () => {
  test("turns with approvals end and run once over bad wires", { timeout: 120_000 + ROUNDS * 90_000 }, async ({ scene }) => {
    const roll = dice(SEED);
    const tally = new Tally("wires");
    const { wires, rpc, desk, threadId } = await world(scene);
    const counted = (tag: string): number =>
      existsSync(`${scene.work}/counted`) ? readFileSync(`${scene.work}/counted`, "utf8").split("\n").filter((line) => line === tag).length : 0;
    sayYes(rpc);
    for (let n = 0; n < ROUNDS; n++) {
      const [fault, mode, ms] = FAULTS[n % FAULTS.length] as (typeof FAULTS)[number];
      const [where, wire] = WIRES[roll(WIRES.length)] as (typeof WIRES)[number];
      const moment = mode.startsWith("delay") ? "before it is sent" : (MOMENTS[roll(MOMENTS.length)] as string);
      const tag = `wire-${n}`;
      const from = desk.mark;
      const ofThread = (p: Json): boolean => p.threadId === threadId;
      const ended = turnEnds(desk, threadId, from).catch(() => desk.event("turn/completed", ofThread, { from, within: 60_000 }).then((m) => m.params.turn));
      if (moment === "before it is sent") await wires.set(wire, mode);
      const answered = rpc.call("turn/start", { threadId, input: [{ type: "text", text: `run echo ${tag} >> counted`, text_elements: [] }] }, 100_000);
      if (moment === "when asked") await desk.event(APPROVAL, ofThread, { from });
      if (moment === "when accepted") await desk.event("serverRequest/resolved", ofThread, { from });
      if (moment !== "before it is sent") await wires.set(wire, mode);
      // As long as the fault lasts, or until the turn has ended in spite of it.
      await desk.event("turn/completed", ofThread, { from, within: ms }).catch(() => undefined);
      await wires.set(wire, "pass");
      await answered;
      const turn = await ended;
      tally.add(`${where} ${fault}, ${moment}`, `told an answer, turn ${turn.status}, ran ${counted(tag)}`);
      expect(turn.status, tag).toBe("completed");
      expect(counted(tag), tag).toBe(1);
    }
    tally.print();
  });
});
