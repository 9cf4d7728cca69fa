// Pairing, by link or by phrase (docs/protocol.md §3, §4): one object, one attempt.
//
//   connecting -> securing -> comparing -> waiting -> done
//                                    \______ failed (with a sentence) from anywhere
//
// A phrase needs the tap "matches" here as well: whoever learned the phrase could
// otherwise play the host. Nothing is stored before READY and, with a phrase, the tap.

import { type Bytes, hex } from "../wire/bytes";
import { CloseReason, RelayError } from "../wire/envelope";
import { type Door, doorOf, parseLink, type QrBlob } from "../wire/qr";
import * as crypto from "../session/crypto";
import { type Established, Initiator } from "../session/handshake";
import * as p from "../session/pairing";
import { Session, type SessionEvent } from "../session/session";
import * as t from "../session/transcript";
import { claimOfDigits, type Entry, Leg, LegClosed, type SocketMaker } from "./leg";
import type { HostRecord } from "./store";

export type PairStep =
  | { step: "connecting" }
  | { step: "securing" }
  | { step: "comparing"; digits: string; hostName: string; role: number; expires: number; tapNeeded: boolean }
  | { step: "waiting" };

export type PairFailureKind =
  | "expired" | "spent" | "noSuchCode" | "tooMany" | "hostOffline" | "unreachable"
  | "denied" | "mismatch" | "cancelled" | "failed" | "notHere";

export class PairFailed extends Error {
  override name = "PairFailed";
  constructor(readonly kind: PairFailureKind, sentence: string) {
    super(sentence);
  }
}

export interface PairDeps {
  WebSocket: SocketMaker;
  deviceName: string;
  version: string;
  now(): number;
  /** Phrases of this device that were tried and failed: never tried again. */
  spent: Set<string>;
  save(record: HostRecord): Promise<void>;
  /** The page may only dial what its server allows. */
  mayDial?(url: string): boolean;
}

export interface Pairing {
  onStep(listener: (step: PairStep) => void): void;
  /** The person says that the digits are the same on both screens. */
  matches(): void;
  /** The digits differ, or the person gave up. */
  cancel(): void;
  readonly done: Promise<HostRecord>;
}

const STEP_MS = 20_000;

interface Plan {
  mode: typeof t.Mode.QR | typeof t.Mode.CODE;
  doors: Door[];
  entry: Entry;
  pinned?: Bytes;
}

class Attempt implements Pairing {
  readonly done: Promise<HostRecord>;
  private listener: (step: PairStep) => void = () => undefined;
  private last: PairStep = { step: "connecting" };
  private reject!: (error: PairFailed) => void;
  private tapped!: () => void;
  private readonly tap = new Promise<void>((resolve) => (this.tapped = resolve));
  private readonly inbox: Bytes[] = [];
  private wake: (() => void) | undefined;
  private leg: Leg | undefined;
  private session: Session | undefined;
  private making: Promise<void> = Promise.resolve();
  private secured = false;
  /** The host has said all it has to say: it may go while the person or the disk here takes longer. */
  private ready = false;

  constructor(
    private readonly deps: PairDeps,
    private readonly plan: Plan,
    private readonly psk: (attempt: Attempt, leg: Leg) => Promise<{ psk: CryptoKey; ctx: Bytes }>,
  ) {
    const abort = new Promise<never>((_, reject) => (this.reject = reject));
    this.done = Promise.race([this.run(), abort])
      .catch((error: unknown) => {
        throw error instanceof PairFailed ? error : this.silence();
      })
      .finally(() => this.tidy());
    this.done.catch(() => undefined);
  }

  onStep(listener: (step: PairStep) => void): void {
    this.listener = listener;
    listener(this.last);
  }

  matches(): void {
    if (this.last.step !== "comparing") return; // nothing was shown that could match
    this.tapped();
    this.step({ step: "waiting" });
  }

  cancel(): void {
    const kind = this.last.step === "comparing" ? "mismatch" : "cancelled";
    this.reject(new PairFailed(kind, kind === "mismatch"
      ? "The digits did not match. Nothing was paired."
      : "Pairing was cancelled."));
  }

  private step(step: PairStep): void {
    this.last = step;
    this.listener(step);
  }

  private tidy(): void {
    this.session?.close(CloseReason.DONE);
    // The CLOSE record leaves through the sealing queue; let it go first.
    setTimeout(() => this.leg?.close(), 50);
  }

  // --- the conversation --------------------------------------------------------

  private async run(): Promise<HostRecord> {
    const device = await crypto.newSigner();
    const relay = await crypto.newSigner();
    this.leg = await this.dial();
    this.step({ step: "securing" });
    const { psk, ctx } = await this.psk(this, this.leg);
    const rI = crypto.random(16);
    const made = await this.handshake(psk, ctx, device, p.encodeControllerParams({
      version: this.deps.version, name: this.deps.deviceName, rI, relayKey: relay.publicKey,
    }));
    this.secured = true;
    const { exporter, pairRoot } = made.keys;
    const ready = await this.settle(made, exporter, rI);
    const record = await this.record(made, ready, { device, relay, pairRoot: pairRoot! });
    await this.deps.save(record);
    return record;
  }

  /** All addresses together; the first that lets this device in is kept. */
  private async dial(): Promise<Leg> {
    const { mayDial } = this.deps;
    const doors = this.plan.doors.filter((door) => !mayDial || mayDial(door.url));
    if (doors.length === 0) {
      throw new PairFailed("notHere", `This page may not connect to ${this.plan.doors[0]?.url ?? "the host"}. Open the link that the host shows.`);
    }
    let kept: Leg | undefined;
    const tries = doors.map(async (door) => {
      const leg: Leg = await Leg.open(this.deps.WebSocket, door, this.plan.entry, {
        data: (octets) => leg === kept && this.arrived(octets),
        closed: (why) => leg === kept && void this.heard().then(() => this.ready || this.reject(this.explain(why))),
        proof: () => undefined,
      }, this.deps.now);
      if (kept) leg.close();
      else kept = leg;
      return leg;
    });
    try {
      await Promise.any(tries);
      return kept!;
    } catch (failure) {
      const errors = failure instanceof AggregateError ? failure.errors as unknown[] : [failure];
      const told = errors.find((e) => e instanceof LegClosed && e.detail.code !== undefined) ?? errors[0];
      throw told instanceof LegClosed ? this.explain(told) : told;
    }
  }

  private arrived(octets: Bytes): void {
    if (this.session) return this.session.receive(octets);
    this.inbox.push(octets);
    this.wake?.();
  }

  /** Everything that came before the end has been opened: a DENIED says more than a close. */
  private async heard(): Promise<void> {
    await this.making;
    await this.session?.settled();
    await new Promise((turn) => setTimeout(turn, 0));
  }

  /** The next handshake message, or a failure when none comes. */
  async next(): Promise<Bytes> {
    if (this.inbox.length === 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve, reject) => {
        this.wake = resolve;
        timer = setTimeout(() => reject(this.silence()), STEP_MS);
      }).finally(() => clearTimeout(timer));
    }
    return this.inbox.shift()!;
  }

  private silence(): PairFailed {
    return this.plan.mode === t.Mode.CODE ? spentFailure() : new PairFailed(
      "failed", "The host did not answer this code. Make a new one on the host.");
  }

  private async handshake(
    psk: CryptoKey, ctx: Bytes, device: crypto.Signer, params: Bytes,
  ): Promise<Established> {
    const { mode, pinned } = this.plan;
    const input = { mode, ctx, psk, device, params };
    const initiator = await Initiator.start(pinned ? { ...input, host: pinned } : input);
    this.leg!.send(initiator.msg1);
    try {
      const made = await initiator.answer(await this.next());
      this.leg!.send(made.msg3);
      return made;
    } catch (error) {
      throw error instanceof PairFailed ? error : this.silence();
    }
  }

  /** From PENDING to READY. */
  private settle(made: Established, exporter: Bytes, rI: Bytes): Promise<p.Ready> {
    const commitment = p.parseHostParams(made.paramsR).commitment;
    return new Promise((resolve, reject) => {
      let compared = false;
      const event = (e: SessionEvent) => {
        if (e.type === "pending") {
          this.compare(e.body, commitment, exporter, rI).then(() => (compared = true), reject);
        } else if (e.type === "ready") {
          this.ready = true;
          // Without PENDING there were no digits, and a phrase is nothing without them.
          if (this.plan.mode === t.Mode.QR) return resolve(e.ready);
          void this.tap.then(() => compared ? resolve(e.ready) : reject(this.silence()));
        } else if (e.type === "denied") {
          reject(deniedFailure(p.parseDenied(e.body)));
        } else if (e.type === "closed" && !this.ready) {
          reject(new PairFailed("failed", "The host ended the pairing."));
        }
      };
      const io = { send: (r: Bytes) => this.leg!.send(r), event, now: this.deps.now };
      const secrets = { send: made.keys.i2r, receive: made.keys.r2i };
      this.making = Session.create(secrets, io).then((session) => {
        this.session = session;
        for (const record of this.inbox.splice(0)) session.receive(record);
      }, reject);
    });
  }

  private async compare(
    body: Bytes, commitment: Bytes | undefined, exporter: Bytes, rI: Bytes,
  ): Promise<void> {
    const pending = p.parsePending(body);
    await p.checkPending(pending, commitment);
    this.step({
      step: "comparing",
      digits: t.shownSas(await t.sas(exporter, pending.rH, rI)),
      hostName: pending.hostName,
      role: pending.role,
      expires: pending.expires,
      tapNeeded: this.plan.mode === t.Mode.CODE,
    });
  }

  private async record(
    made: Established, ready: p.Ready,
    keys: { device: crypto.Signer; relay: crypto.Signer; pairRoot: CryptoKey },
  ): Promise<HostRecord> {
    if (!ready.grant || !ready.mailboxId) {
      throw new PairFailed("failed", "The host's answer was incomplete. Nothing was paired.");
    }
    const grant = await p.checkGrant(ready.grant, made.host, keys.device.publicKey);
    const urls = ready.relayUrls.length > 0 ? ready.relayUrls : this.plan.doors.map((d) => d.url);
    return {
      id: hex(await crypto.hostId(made.host)),
      name: ready.hostName || p.parseHostParams(made.paramsR).name || "host",
      host: made.host,
      mailboxId: ready.mailboxId,
      ...keys,
      doors: urls.map(doorOf),
      grant: ready.grant,
      role: grant.role,
      serial: grant.serial,
      pairedAt: this.deps.now(),
    };
  }

  private explain(why: LegClosed): PairFailed {
    const { code, reason } = why.detail;
    if (code === RelayError.NO_SUCH_CODE) {
      return new PairFailed("noSuchCode", "The relay does not know this code. It may be used up; make a new one on the host.");
    }
    if (code === RelayError.CODE_EXPIRED) return expiredFailure();
    if (code === RelayError.TOO_MANY) {
      return new PairFailed("tooMany", "Too many tries from here. Wait a minute, then try again.");
    }
    if (code === RelayError.HOST_OFFLINE || reason === CloseReason.HOST_OFFLINE) {
      return new PairFailed("hostOffline", "The host is not connected to its relay right now.");
    }
    if (code !== undefined) return new PairFailed("failed", why.message);
    if (reason === CloseReason.HS_FAIL || (reason !== undefined && !this.secured)) return this.silence();
    if (reason !== undefined) return new PairFailed("failed", "The host ended the pairing.");
    return new PairFailed("unreachable", "The relay cannot be reached from this device.");
  }
}

function expiredFailure(): PairFailed {
  return new PairFailed("expired", "This code has expired. Make a new one on the host.");
}

function spentFailure(): PairFailed {
  return new PairFailed("spent", "This code is spent. Make a new one on the host.");
}

const DENIALS = [
  "", "The administrator of the host forbids pairing.", "The host declined.",
  "This code has expired. Make a new one on the host.", "The host does not grant this role here.",
  "The host has no room for another device.", "This device was revoked.",
];

function deniedFailure(denied: p.Denied): PairFailed {
  const sentence = p.cleanName(new TextEncoder().encode(denied.sentence) as Bytes);
  return new PairFailed("denied", DENIALS[denied.code] || sentence || "The host declined.");
}

export function pairByLink(deps: PairDeps, link: string): Pairing {
  let blob: QrBlob;
  try {
    blob = parseLink(link);
  } catch {
    return failedPairing(new PairFailed("failed", "This is not a pairing link of a host."));
  }
  if (blob.expiresAt * 1000 <= deps.now()) return failedPairing(expiredFailure());
  if (!crypto.validPublicKey(blob.host)) {
    return failedPairing(new PairFailed("failed", "This link carries a key that no honest host has."));
  }
  const plan: Plan = {
    mode: t.Mode.QR,
    doors: blob.doors,
    entry: { kind: "pairing", claim: blob.pairId, pairId: blob.pairId },
    pinned: blob.host,
  };
  return new Attempt(deps, plan, async () => ({
    psk: await t.qrPsk(blob.secret, blob.host), ctx: blob.pairId,
  }));
}

/** `phrase` was checked before: see parsePhrase in session/phrase.ts. */
export function pairByPhrase(
  deps: PairDeps, phrase: { secret: string; nameplate: string }, relayUrl: string,
): Pairing {
  if (deps.spent.has(phrase.secret)) return failedPairing(spentFailure());
  const plan: Plan = {
    mode: t.Mode.CODE,
    doors: [{ kind: "relay", url: relayUrl }],
    entry: { kind: "pairing", claim: claimOfDigits(phrase.nameplate) },
  };
  return new Attempt(deps, plan, async (attempt, leg) => {
    const { codePsk } = t;
    const { parseOffer, startCpace } = await import("../session/cpace");
    const offer = parseOffer(leg.offer);
    const run = await startCpace(phrase.secret, leg.offer);
    // From here on a guess may be spent, whatever happens to this page.
    deps.spent.add(phrase.secret);
    leg.send(run.p2);
    const p3 = await attempt.next();
    return { psk: await codePsk(run.finish(p3), run.sid), ctx: offer.pairId };
  });
}

function failedPairing(failure: PairFailed): Pairing {
  const done = Promise.reject(failure);
  done.catch(() => undefined);
  return { onStep: () => undefined, matches: () => undefined, cancel: () => undefined, done };
}

