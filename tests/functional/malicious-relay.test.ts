// A relay that flips, cuts, doubles, swaps and splices whatever it carries gets nowhere: each
// handshake message and each record is refused, nothing false is ever delivered, and once the
// relay behaves the same device comes back.

import { Host } from "./lib/host";
import { DATA, flipped, type Frame, type Leg, Mitm, type Tamper, withBody } from "./lib/mitm";
import { Phone } from "./lib/phone";
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
const handshake: [name: string, way: Frame["way"], nth: number][] = [
  ["msg1", "up", 0],
  ["msg2", "down", 0],
  ["msg3", "up", 1],
  ["READY", "down", 1],
];

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

  // One host for each message: its relay lets nobody try a phrase more than some ten times a minute.
  for (const mode of ["link", "phrase"] as const) {
    for (const [name, way, nth] of handshake) {
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
          expect(await pairThrough(scene, host, mitm, mode, name), what).not.toBe("paired");
          expect(old(), what).toBeDefined();
        }
        mitm.tamper = (frame) => [frame.octets];
        expect(await pairThrough(scene, host, mitm, mode, "honest")).toBe("paired");
      });
    }
  }
});

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
async function pairThrough(scene: Scene, host: Host, mitm: Mitm, mode: "link" | "phrase", name: string): Promise<string> {
  const owner = await host.owner;
  await owner.call("farhand/pairing/unlock"); // tampering counts as guessing
  const phone = new Phone(scene, name);
  phone.sockets.redirect = () => mitm.url;
  const from = owner.mark;
  const offer = await host.offer({ phrase: mode === "phrase" });
  const { pairingId, url, relay } = offer.farhand;
  const pairing = mode === "phrase" ? await phone.pairByPhrase(offer.manualPairingCode, relay) : phone.pairByLink(url);
  const done = pairing.done.then(() => "paired", (error: Error) => error.message);
  const row = owner.event("farhand/pairing/changed", (p) => p.pairingId === pairingId && p.state === "confirming", { from }).then(() => "asked", () => "never");
  let outcome = await Promise.race([done, row, quiet(mitm)]);
  if (outcome === "asked") {
    if (mode === "phrase") await Promise.race([pairing.digits().then(() => pairing.pairing.matches(), () => undefined), done]);
    await owner.call("farhand/pairing/confirm", { pairingId, accept: true }).catch(() => undefined);
    outcome = await Promise.race([done, quiet(mitm)]);
  }
  pairing.pairing.cancel();
  await owner.call("farhand/pairing/cancel", { pairingId }).catch(() => undefined);
  return outcome;
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
