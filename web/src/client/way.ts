// The way to a host: all its doors are dialled together, and the first on which the
// host proves who it is (msg2 of the handshake) is kept. Only there msg3 is sent, so the
// others never become sessions.

import type { Bytes } from "../wire/bytes";
import type { Door } from "../wire/qr";
import { type Established, Initiator } from "../session/handshake";
import { Mode } from "../session/transcript";
import { Leg, LegClosed, type SocketMaker } from "./leg";
import type { HostRecord } from "./store";

export interface WayPlan {
  WebSocket: SocketMaker;
  host: HostRecord;
  now(): number;
  /** The page may only dial what its server allows. */
  mayDial?(url: string): boolean;
  /** False: nobody waits for this any more. */
  live(): boolean;
  params(): Bytes;
  /** A relay or a door answered. */
  proof(): void;
  /** The first leg is in; the handshake begins. */
  admitted(): void;
  /** Legs on which the host has not proved itself yet; who gives up closes them. */
  trying: Set<Leg>;
}

export interface Way {
  door: Door;
  leg: Leg;
  made: Established & { msg3: Bytes };
  /** From here on what comes goes to the session. */
  hand(to: (octets: Bytes) => void): void;
  gone: Promise<LegClosed>;
}

export async function firstWay(plan: WayPlan): Promise<Way> {
  const doors = plan.host.doors.filter((door) => plan.mayDial?.(door.url) !== false);
  if (doors.length === 0) throw new LegClosed("no address of the host can be dialled from this page");
  const tries = doors.map((door) => tryDoor(plan, door));
  try {
    const way = await Promise.any(tries);
    for (const other of tries) {
      other.then((loser) => loser !== way && loser.leg.close(), () => undefined);
    }
    return way;
  } catch (failure) {
    throw mostTelling(failure instanceof AggregateError ? failure.errors : [failure]);
  }
}

/** A refusal says more than silence. */
function mostTelling(errors: unknown[]): unknown {
  return errors.find((error) => error instanceof LegClosed
    && (error.detail.code ?? error.detail.reason) !== undefined) ?? errors[0];
}

async function tryDoor(plan: WayPlan, door: Door): Promise<Way> {
  const { mailboxId, relay: signer } = plan.host;
  const inbox: Bytes[] = [];
  let wake: (() => void) | undefined;
  let to: ((octets: Bytes) => void) | undefined;
  let end!: (why: LegClosed) => void;
  const gone = new Promise<LegClosed>((resolve) => (end = resolve));
  const leg = await Leg.open(plan.WebSocket, door, { kind: "device", mailboxId, signer }, {
    data: (octets) => {
      if (to) return to(octets);
      inbox.push(octets);
      wake?.();
    },
    closed: (why) => end(why),
    proof: () => plan.live() && plan.proof(),
  }, plan.now);
  if (!plan.live()) {
    leg.close();
    throw await gone;
  }
  plan.trying.add(leg);
  plan.admitted();
  const next = async (): Promise<Bytes> => {
    if (inbox.length === 0) {
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), gone]);
    }
    const message = inbox.shift();
    if (!message) throw await gone;
    return message;
  };
  const made = await prove(plan, leg, next).catch((error: unknown) => {
    leg.close();
    throw error;
  }).finally(() => plan.trying.delete(leg));
  const hand = (listener: (octets: Bytes) => void) => {
    to = listener;
    for (const octets of inbox.splice(0)) listener(octets);
  };
  return { door, leg, made, hand, gone };
}

async function prove(plan: WayPlan, leg: Leg, next: () => Promise<Bytes>): Promise<Way["made"]> {
  const { mailboxId, pairRoot, host, device } = plan.host;
  const initiator = await Initiator.start({
    mode: Mode.TRUSTED, ctx: mailboxId, psk: pairRoot, host, device, params: plan.params(),
  });
  leg.send(initiator.msg1);
  return initiator.answer(await next());
}
