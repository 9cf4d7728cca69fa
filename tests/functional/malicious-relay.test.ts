// A relay that flips, cuts, doubles, swaps and splices whatever it carries gets nowhere: each
// handshake message and each record is refused, nothing false is ever delivered, and once the
// relay behaves the same device comes back.

import { approval, Host, linesIn, say, startThread, turnEnds } from "./lib/host";
import { DATA, flipped, type Frame, type Leg, Mitm, type Tamper, withBody } from "./lib/mitm";
import { Phone } from "./lib/phone";
import type { Json } from "./lib/rpc";
import { describe, expect, type Scene, test } from "./lib/scene";

/** Host, phone, and the evil twin between the phone and the relay. */
async function withMitm(scene: Scene): Promise<{ host: Host; mitm: Mitm; phone: Phone }> {
  const host = await Host.up(scene);
  const { relay } = (await host.offer()).farhand;
  const mitm = await Mitm.start(relay);
  scene.atEnd(() => mitm.close());
  const phone = await host.pair();
  phone.sockets.redirect = () => mitm.url;
  return { host, mitm, phone };
}

type Change = (body: Buffer, leg: Leg, others: Leg[]) => Buffer[];

const changes: Record<string, Change> = {
  "flips the first bit of": (body) => [flipped(body, 0)],
  "flips a bit in the middle of": (body) => [flipped(body, body.length * 4)],
  "flips the last bit of": (body) => [flipped(body, body.length * 8 - 1)],
  truncates: (body) => [body.subarray(0, body.length - 1)],
  lengthens: (body) => [Buffer.concat([body, Buffer.alloc(1)])],
  empties: () => [Buffer.alloc(0)],
  "swallows": () => [],
};

/** Do this to the nth DATA frame of one way; let the rest pass. */
function on(way: Frame["way"], nth: number, change: Change, mitm: Mitm): Tamper {
  return (frame, leg) => {
    if (frame.type !== DATA || frame.way !== way || frame.nth !== nth) return [frame.octets];
    const others = mitm.legs.filter((one) => one !== leg);
    return change(frame.octets.subarray(6), leg, others).map((body) => withBody(frame.octets, body));
  };
}

// Mode 3 and what follows: up 0 = msg1, up 1 = msg3; down 0 = msg2, down 1 = READY.
type Place = [name: string, way: Frame["way"], nth: number];
const handshake: Place[] = [
  ["msg1", "up", 0],
  ["msg2", "down", 0],
  ["msg3", "up", 1],
  ["READY", "down", 1],
];

type Mode = "link" | "phrase";
const modes: readonly Mode[] = ["link", "phrase"];
const pairings: Record<Mode, Place[]> = {
  link: [
    ["msg1", "up", 0],
    ["msg2", "down", 0],
    ["msg3", "up", 1],
    ["PENDING", "down", 1],
    ["READY", "down", 2],
  ],
  phrase: [
    ["P2", "up", 0],
    ["P3", "down", 0],
    ["msg1", "up", 1],
    ["msg2", "down", 1],
    ["msg3", "up", 2],
    ["PENDING", "down", 2],
    ["READY", "down", 3],
  ],
};

const honest: Tamper = (frame) => [frame.octets];

/** Hold the nth DATA frame of one way until the next of that way, and send them the other way round. */
function swapped(way: Frame["way"], nth: number, did: { swap: number }): Tamper {
  let held: Buffer | undefined;
  return (frame) => {
    if (frame.type !== DATA || frame.way !== way) return [frame.octets];
    if (frame.nth === nth) {
      held = frame.octets;
      return [];
    }
    if (!held) return [frame.octets];
    const first = held;
    held = undefined;
    did.swap++;
    return [frame.octets, first];
  };
}

/** Another phone of the same host, on an honest way; give what must hold at the end. */
async function bystander(host: Host): Promise<() => Promise<void>> {
  const phone = await host.pair({ name: "Bystander" });
  const rpc = await phone.attach();
  const { mark } = phone;
  return async () => {
    expect((await rpc.call("remoteControl/status/read")).status).toBe("connected");
    expect(phone.states.items.slice(mark)).toEqual([]);
  };
}

/** The phone begins a session: its phases until it says that this one is over. */
async function begunAndOver(phone: Phone, what: string): Promise<string[]> {
  phone.stop();
  const from = phone.mark;
  phone.connect().catch(() => undefined);
  await phone.states.next(`${what}: the end of it`, (s) => s.phase === "waiting" || s.phase === "ended", { from });
  phone.stop();
  return phone.states.items.slice(from).map((s) => s.phase);
}

describe("a hostile relay", () => {
  test("that changes any message of the handshake opens no session", async ({ scene }) => {
    const { mitm, phone } = await withMitm(scene);
    for (const [name, way, nth] of handshake) {
      for (const [what, change] of Object.entries(changes)) {
        mitm.tamper = on(way, nth, change, mitm);
        const from = phone.mark;
        phone.stop();
        const opened = await attempt(phone, mitm);
        expect(opened, `${what} ${name}`).toBe(false);
        expect(phone.states.items.slice(from).some((s) => s.phase === "ended"), `${what} ${name}`).toBe(false);
      }
    }
    mitm.tamper = (frame) => [frame.octets];
    phone.stop();
    await phone.connect();
  });

  test("that replays or splices old handshakes opens no session", async ({ scene }) => {
    const { mitm, phone } = await withMitm(scene);
    await phone.connect(); // an honest session to take pieces from
    phone.stop();
    for (const [name, way, nth] of handshake) {
      const recorded = mitm.legs[0]?.seen[way][nth];
      expect(recorded, name).toBeDefined();
      mitm.tamper = on(way, nth, () => [recorded as Buffer], mitm);
      expect(await attempt(phone, mitm), `splices an old ${name}`).toBe(false);
      phone.stop();
    }
    mitm.tamper = (frame) => [frame.octets];
    await phone.connect();
  });

  test("that changes, doubles, swaps or splices any record ends the session and delivers nothing false", async ({ scene }) => {
    const { mitm, phone } = await withMitm(scene);
    const spliced: Record<string, Change> = {
      ...changes,
      doubles: (body) => [body, body],
      "splices a record of another session into": (body, _leg, others) => [others.flatMap((leg) => leg.seen.down).find((old) => old.length === body.length) ?? flipped(body, 90)],
    };
    delete spliced["swallows"]; // nothing follows it here: silence is found by the ping, not by this
    for (const way of ["up", "down"] as const) {
      for (const [what, change] of Object.entries(spliced)) {
        mitm.tamper = (frame) => [frame.octets];
        phone.stop();
        await phone.connect();
        const rpc = phone.rpc();
        await rpc.initialize();
        const leg = mitm.legs.at(-1) as Leg;
        mitm.tamper = on(way, leg.seen[way].length, change, mitm);
        const from = phone.mark;
        // Lanes make it whole again: the answer comes, true and once, over a new session.
        const answer = rpc.call("remoteControl/status/read");
        await phone.states.next(`${what} a record (${way}): a new session`, (s) => s.phase === "waiting", { from });
        mitm.tamper = (frame) => [frame.octets];
        expect((await answer).status, `${what} a record (${way})`).toBe("connected");
      }
    }
  });

  test("that swaps two records ends the session", async ({ scene }) => {
    const { mitm, phone } = await withMitm(scene);
    await phone.connect();
    const rpc = phone.rpc();
    await rpc.initialize();
    let held: Buffer | undefined;
    mitm.tamper = (frame) => {
      if (frame.type !== DATA || frame.way !== "up") return [frame.octets];
      if (!held) {
        held = frame.octets;
        return [];
      }
      const first = held;
      held = undefined;
      mitm.tamper = (f) => [f.octets];
      return [frame.octets, first];
    };
    const from = phone.mark;
    const answers = Promise.all([rpc.call("remoteControl/status/read"), rpc.call("remoteControl/status/read")]);
    await phone.phase("waiting", from);
    expect((await answers).map((a) => a.status)).toEqual(["connected", "connected"]);
  });

  test("that sends a message of the handshake twice ends the session", async ({ scene }) => {
    const { host, mitm, phone } = await withMitm(scene);
    const unnoticed = await bystander(host);
    for (const [name, way, nth] of handshake) {
      mitm.tamper = on(way, nth, (body) => [body, body], mitm);
      const phases = await begunAndOver(phone, `${name} twice`);
      // READY answers the first msg3, and counts once: what comes after it ends what it opened.
      if (name === "msg1" || name === "msg2") expect(phases, `${name} twice`).not.toContain("open");
      expect(phases.filter((phase) => phase === "open").length, `${name} twice`).toBeLessThan(2);
      expect(phases, `${name} twice`).not.toContain("ended");
      expect(phases, `${name} twice`).toContain("waiting");
      mitm.tamper = honest;
      await phone.connect();
    }
    await unnoticed();
  });

  test("that plays a whole session again hears nothing and runs nothing", async ({ scene }) => {
    const host = await Host.ready(scene);
    const unnoticed = await bystander(host);
    const mitm = await Mitm.start((await host.offer()).farhand.relay);
    scene.atEnd(() => mitm.close());
    const phone = await host.pair();
    phone.sockets.redirect = () => mitm.url;
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo once >> ran.txt");
    rpc.answer(await approval(rpc, threadId), { decision: "accept" });
    await turnEnds(rpc, threadId);
    expect(mitm.legs.length).toBe(1);
    phone.stop();
    const old = mitm.legs[0]?.seen.up as Buffer[];
    expect(old.length).toBeGreaterThan(5);
    mitm.tamper = on("up", 0, () => old, mitm);
    expect(await attempt(phone, mitm)).toBe(false);
    expect(mitm.legs[1]?.seen.up.length).toBe(1);
    expect(mitm.legs[1]?.seen.down).toEqual([]);
    mitm.tamper = honest;
    const again = await phone.attach();
    expect((await again.call("thread/read", { threadId, includeTurns: true })).thread.turns.length).toBe(1);
    expect(linesIn(scene, "ran.txt")).toBe(1);
    await unnoticed();
  });

  // Neither side says more before the other's message is in, so msg3 can only follow a record of
  // another session, and READY is the first message that has a neighbour of its own.
  test("that sends a record before msg3 opens no session", async ({ scene }) => {
    const { host, mitm, phone } = await withMitm(scene);
    const unnoticed = await bystander(host);
    await phone.attach();
    const first = mitm.legs[0]?.seen.up[2] as Buffer;
    expect(first).toBeDefined();
    mitm.tamper = on("up", 1, (msg3) => [first, msg3], mitm);
    expect(await begunAndOver(phone, "a record before msg3")).not.toContain("open");
    mitm.tamper = honest;
    await phone.connect();
    await unnoticed();
  });

  test("that swaps READY with the record after it opens no session", async ({ scene }) => {
    const { host, mitm, phone } = await withMitm(scene);
    const unnoticed = await bystander(host);
    const rpc = await phone.attach();
    const did = { swap: 0 };
    const swap = swapped("down", 1, did);
    let lost = false;
    // The answer does not arrive: the host says it again right after the next READY.
    mitm.tamper = (frame, leg) => {
      if (lost) return leg === mitm.legs.at(-1) ? swap(frame, leg) : [];
      if (frame.type !== DATA || frame.way !== "down") return [frame.octets];
      lost = true;
      leg.cut();
      return [];
    };
    const from = phone.mark;
    const answer = rpc.call("remoteControl/status/read");
    const cut = await phone.phase("waiting", from);
    const next = phone.states.items.indexOf(cut) + 1;
    await phone.phase("waiting", next);
    mitm.tamper = honest;
    expect(did.swap).toBe(1);
    const phases = phone.states.items.slice(next).map((s) => s.phase);
    expect(phases.slice(0, phases.indexOf("waiting"))).not.toContain("open");
    expect((await answer).status).toBe("connected");
    await unnoticed();
  });

  test("that swaps two records of the host ends the session", async ({ scene }) => {
    const { host, mitm, phone } = await withMitm(scene);
    const unnoticed = await bystander(host);
    const rpc = await phone.attach();
    const did = { swap: 0 };
    mitm.tamper = swapped("down", mitm.legs.at(-1)?.seen.down.length as number, did);
    const from = phone.mark;
    const answers = Promise.all([rpc.call("remoteControl/status/read"), rpc.call("remoteControl/status/read")]);
    await phone.phase("waiting", from);
    mitm.tamper = honest;
    expect(did.swap).toBe(1);
    expect((await answers).map((a) => a.status)).toEqual(["connected", "connected"]);
    await unnoticed();
  });

  test("that plays a record again, at once or later, ends the session and runs nothing twice", async ({ scene }) => {
    const host = await Host.ready(scene);
    const unnoticed = await bystander(host);
    const mitm = await Mitm.start((await host.offer()).farhand.relay);
    scene.atEnd(() => mitm.close());
    const phone = await host.pair();
    phone.sockets.redirect = () => mitm.url;
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    const up = mitm.legs.at(-1)?.seen.up.length as number;
    let from = phone.mark;
    let twice = 0;
    mitm.tamper = (frame) => {
      if (frame.type !== DATA || frame.way !== "up" || frame.nth < up || twice > 0) return [frame.octets];
      twice++;
      return [frame.octets, frame.octets];
    };
    await say(rpc, threadId, "run echo once >> ran.txt");
    await phone.phase("waiting", from);
    await phone.phase("open", from);
    rpc.answer(await approval(rpc, threadId), { decision: "accept" });
    await turnEnds(rpc, threadId);
    expect([twice, linesIn(scene, "ran.txt")]).toEqual([1, 1]);
    // All that was said so far, on that session and on this one, after the next honest record.
    for (const way of ["up", "down"] as const) {
      for (const [which, of] of [["this", -1], ["the last", -2]] as const) {
        const leg = mitm.legs.at(-1) as Leg;
        await rpc.call("remoteControl/status/read");
        const old = (mitm.legs.at(of) as Leg).seen[way].slice(2);
        expect(old.length, `${way}, ${which}`).toBeGreaterThan(0);
        mitm.tamper = on(way, leg.seen[way].length, (body) => [body, ...old], mitm);
        from = phone.mark;
        const answer = rpc.call("remoteControl/status/read");
        await phone.phase("waiting", from);
        mitm.tamper = honest;
        await phone.phase("open", from);
        expect((await answer).status, `${way}, ${which}`).toBe("connected");
      }
    }
    expect((await rpc.call("thread/read", { threadId, includeTurns: true })).thread.turns.length).toBe(1);
    expect(rpc.events("turn/completed").length).toBe(1);
    expect(linesIn(scene, "ran.txt")).toBe(1);
    await unnoticed();
  });

  // One host for each message: its relay lets nobody try a phrase more than some ten times a minute.
  for (const mode of modes) {
    for (const [name, way, nth] of pairings[mode]) {
      test(`that changes ${name} of a pairing by ${mode} pairs no phone`, async ({ scene }) => {
        const host = await Host.up(scene);
        const mitm = await Mitm.start((await host.offer()).farhand.relay);
        scene.atEnd(() => mitm.close());
        const old = (): Buffer => mitm.legs[0]?.seen[way][nth] as Buffer; // of another pairing, at this place
        const of: Record<string, Change> = {
          flips: (body) => [flipped(body, body.length * 4)],
          truncates: (body) => [body.subarray(0, body.length - 1)],
          lengthens: (body) => [Buffer.concat([body, Buffer.alloc(1)])],
          "splices an old one into": () => [old()],
        };
        for (const [what, change] of Object.entries(of)) {
          mitm.tamper = on(way, nth, change, mitm);
          expect((await pairThrough(scene, host, mitm, mode, name)).outcome, what).not.toBe("paired");
          expect(old(), what).toBeDefined();
        }
        mitm.tamper = honest;
        expect((await pairThrough(scene, host, mitm, mode, "honest")).outcome).toBe("paired");
      });

      test(`that sends ${name} of a pairing by ${mode} again pairs no phone twice`, async ({ scene }) => {
        const host = await Host.up(scene);
        const mitm = await Mitm.start((await host.offer()).farhand.relay);
        scene.atEnd(() => mitm.close());
        const unnoticed = await bystander(host);
        mitm.tamper = on(way, nth, (body) => [body, body], mitm);
        const twice = await pairThrough(scene, host, mitm, mode, "twice");
        // The first READY was true; the second comes when all is said.
        if (name === "READY") expect(await devices(host, "twice")).toBe(1);
        else expect(twice.outcome).not.toBe("paired");
        // Before the first msg3 is in, which answers the first msg2, nobody at the host is asked.
        if (["P2", "P3", "msg1"].includes(name)) expect(twice.asked).toBe(false);
        mitm.tamper = honest;
        expect((await pairThrough(scene, host, mitm, mode, "honest")).outcome).toBe("paired");
        expect(await devices(host, "honest")).toBe(1);
        await unnoticed();
      });

      // The first msg3 that verifies uses the pairing up: PENDING and READY have no earlier ones.
      if (name === "PENDING" || name === "READY") continue;
      test(`that sends ${name} of an earlier handshake of a pairing by ${mode} pairs no phone`, async ({ scene }) => {
        const host = await Host.up(scene);
        const mitm = await Mitm.start((await host.offer()).farhand.relay);
        scene.atEnd(() => mitm.close());
        const unnoticed = await bystander(host);
        const offer = await host.offer({ phrase: mode === "phrase" });
        const [, , msg3] = pairings[mode].find(([one]) => one === "msg3") as Place;
        mitm.tamper = (frame, leg) => {
          if (frame.type !== DATA || frame.way !== "up" || frame.nth !== msg3) return [frame.octets];
          leg.cut();
          return [];
        };
        const cut = await pairThrough(scene, host, mitm, mode, "cut", offer);
        expect(cut).toMatchObject({ asked: false });
        expect(cut.outcome).not.toBe("paired");
        const old = mitm.legs[0]?.seen[way][nth] as Buffer;
        expect(old).toBeDefined();
        let sent = 0;
        mitm.tamper = on(way, nth, () => (sent++, [old]), mitm);
        const again = await pairThrough(scene, host, mitm, mode, "again", offer);
        expect(again).toMatchObject({ asked: false });
        expect(again.outcome).not.toBe("paired");
        expect(sent).toBe(1);
        await (await host.owner).call("farhand/pairing/cancel", { pairingId: offer.farhand.pairingId }).catch(() => undefined);
        mitm.tamper = honest;
        expect((await pairThrough(scene, host, mitm, mode, "honest")).outcome).toBe("paired");
        expect([await devices(host, "cut"), await devices(host, "again"), await devices(host, "honest")]).toEqual([0, 0, 1]);
        await unnoticed();
      });
    }

    test(`that swaps PENDING and READY of a pairing by ${mode} pairs no phone`, async ({ scene }) => {
      const host = await Host.up(scene);
      const mitm = await Mitm.start((await host.offer()).farhand.relay);
      scene.atEnd(() => mitm.close());
      const unnoticed = await bystander(host);
      const [, way, nth] = pairings[mode].find(([one]) => one === "PENDING") as Place;
      const did = { swap: 0 };
      mitm.tamper = swapped(way, nth, did);
      const result = await pairThrough(scene, host, mitm, mode, "swapped");
      expect(did.swap).toBe(1); // the host's person said yes to digits that the phone never showed
      expect(result.outcome).not.toBe("paired");
      mitm.tamper = honest;
      expect((await pairThrough(scene, host, mitm, mode, "honest")).outcome).toBe("paired");
      await unnoticed();
    });
  }
});

/** How many devices of this name the host lists. */
async function devices(host: Host, name: string): Promise<number> {
  const owner = await host.owner;
  const { host: me } = await owner.call("farhand/status");
  const { data } = await owner.call("remoteControl/client/list", { environmentId: me.environmentId });
  return data.filter((row: { displayName: string }) => row.displayName === name).length;
}

/** Nothing more passes the twin: whoever waits for an answer will not get one. */
async function quiet(mitm: Mitm): Promise<"silence"> {
  let last = -1;
  for (;;) {
    const sum = mitm.legs.reduce((n, leg) => n + leg.seen.up.length + leg.seen.down.length, 0);
    if (sum === last) return "silence";
    last = sum;
    await new Promise((tick) => setTimeout(tick, 400));
  }
}

/** One pairing of a new phone through the twin, confirmed by the person at the host if it gets that far. */
async function pairThrough(scene: Scene, host: Host, mitm: Mitm, mode: Mode, name: string, made?: Json): Promise<{ outcome: string; asked: boolean }> {
  const owner = await host.owner;
  await owner.call("farhand/pairing/unlock"); // tampering counts as guessing
  const phone = new Phone(scene, name);
  phone.sockets.redirect = () => mitm.url;
  const from = owner.mark;
  const offer = made ?? (await host.offer({ phrase: mode === "phrase" }));
  const { pairingId, url, relay } = offer.farhand;
  const pairing = mode === "phrase" ? await phone.pairByPhrase(offer.manualPairingCode, relay) : phone.pairByLink(url);
  const done = pairing.done.then(() => "paired", (error: Error) => error.message);
  const row = owner.event("farhand/pairing/changed", (p) => p.pairingId === pairingId && p.state === "confirming", { from }).then(() => "asked", () => "never");
  let outcome = await Promise.race([row, done, quiet(mitm)]);
  const asked = outcome === "asked" || (await Promise.race([row, Promise.resolve("not yet")])) === "asked";
  if (asked) {
    const yes = mode === "phrase" ? pairing.digits().then(() => pairing.pairing.matches(), () => undefined) : undefined;
    if (yes) await Promise.race([yes, done, quiet(mitm)]);
    await owner.call("farhand/pairing/confirm", { pairingId, accept: true }).catch(() => undefined);
    outcome = await Promise.race([done, quiet(mitm)]);
  }
  pairing.pairing.cancel();
  if (!made) await owner.call("farhand/pairing/cancel", { pairingId }).catch(() => undefined);
  return { outcome, asked };
}

/** One attempt of the phone to open its session: did it open? Its own patience is not waited for. */
async function attempt(phone: Phone, mitm: Mitm): Promise<boolean> {
  const from = phone.mark;
  const opened = phone.connect().then(() => true, () => false);
  const failed = phone.states.next("a verdict", (s) => s.phase === "waiting" || s.phase === "ended", { from }).then(() => false);
  failed.catch(() => undefined);
  const verdict = await Promise.race([opened, failed, quiet(mitm).then(() => false)]);
  phone.stop();
  return verdict;
}
