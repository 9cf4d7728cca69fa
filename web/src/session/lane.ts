// A lane: what survives a lost connection (docs/protocol.md §5.3). Two numberings,
// one per way, from 1. Pure: messages and times in, decisions out.
//
// This device -> host never restarts while the pairing lives, nor when this page is
// loaded anew: saved() is kept on disk and restore() brings it back, emptied, since the
// streams of a page that is gone are gone too. Host -> this device restarts with each
// lane_epoch, and with it every stream.
//
// An ack says "this is safe here". What must not be missed is held until it is on
// disk, and no ack passes a held message.

import type { Bytes } from "../wire/bytes";
import { Assembler, decodeFragment, encodeFragment, voided } from "./streams";

export const MAX_UNACKED = 5000;
export const MAX_UNACKED_OCTETS = 10 * 1024 * 1024;
const ACK_AFTER_MESSAGES = 32;
const ACK_AFTER_MS = 250;
const NONE: Bytes = new Uint8Array(0);

export interface Numbered {
  seq: number;
  body: Bytes;
}

/** What is kept on disk of this device -> host. */
export interface SavedLane {
  lastSent: number;
  /** Numbers without an ack, and the stream that each belonged to. */
  unacked: [seq: number, stream: number][];
}

export class LaneError extends Error {
  override name = "LaneError";
}

export class Lane {
  /** The host's lane_epoch, 0 before the first READY. */
  epoch = 0;
  lastRecv = 0;
  /** Unfinished messages live here: their first fragments are not sent again. */
  readonly assembler = new Assembler();
  /** The numbers of their fragments, by stream: held until the whole message is safe. */
  readonly unfinished = new Map<number, number[]>();
  private lastSent = 0;
  private unacked: Numbered[] = [];
  private unackedOctets = 0;
  private readonly holds = new Set<number>();
  private ackedOut = 0;
  private owedSince = 0;

  // --- this device -> host ------------------------------------------------------

  /** The number that the next message gets. */
  get next(): number {
    return this.lastSent + 1;
  }

  /** Everything up to here is in the host's hands. */
  get delivered(): number {
    return this.lastSent - this.unacked.length;
  }

  get waiting(): number {
    return this.unacked.length;
  }

  /** Numbers a message and keeps it until the other side has it. */
  send(body: Bytes): Numbered {
    const full = this.unacked.length >= MAX_UNACKED
      || this.unackedOctets + body.length > MAX_UNACKED_OCTETS;
    if (full) throw new LaneError("too much is waiting to be delivered");
    const message = { seq: ++this.lastSent, body };
    this.unacked.push(message);
    this.unackedOctets += body.length;
    return message;
  }

  acked(upTo: number): void {
    if (upTo > this.lastSent) throw new LaneError("acknowledged what was never sent");
    while (this.unacked[0] && this.unacked[0].seq <= upTo) {
      this.unackedOctets -= this.unacked.shift()!.body.length;
    }
  }

  /** For the disk; `coming` more fragments on a stream are about to be numbered. */
  saved(coming = 0, stream = 0): SavedLane {
    const unacked = this.unacked.map((m): [number, number] => [m.seq, decodeFragment(m.body).stream]);
    for (let n = 1; n <= coming; n++) unacked.push([this.lastSent + n, stream]);
    return { lastSent: this.lastSent + coming, unacked };
  }

  /** Of a page that is gone: its numbers go on, what it said does not act any more. */
  restore({ lastSent, unacked }: SavedLane): void {
    this.lastSent = lastSent;
    this.unacked = unacked.map(([seq, stream]) =>
      ({ seq, body: encodeFragment({ stream, flags: 0, octets: NONE }) }));
    this.unackedOctets = this.unacked.reduce((sum, m) => sum + m.body.length, 0);
  }

  // --- host -> this device ------------------------------------------------------

  /** True: apply it. False: seen before, drop it. A gap is an error. */
  receive(seq: number, now: number): boolean {
    if (seq <= this.lastRecv) return false;
    if (seq !== this.lastRecv + 1) throw new LaneError("a message is missing");
    if (this.ack === this.ackedOut) this.owedSince = now;
    this.lastRecv = seq;
    return true;
  }

  /** Not acknowledged before release(). */
  hold(seq: number): void {
    this.holds.add(seq);
  }

  /** It is on disk, or need not be. `epoch`: of the numbering that it was held in. */
  release(seqs: readonly number[], epoch: number, now: number): void {
    if (epoch !== this.epoch) return;
    if (this.ack === this.ackedOut) this.owedSince = now;
    for (const seq of seqs) this.holds.delete(seq);
  }

  /** What may be acknowledged: all of it is safe here. */
  get ack(): number {
    let ack = this.lastRecv;
    for (const seq of this.holds) ack = Math.min(ack, seq - 1);
    return ack;
  }

  /** Every record carries the ack; this clears the debt of a stand-alone one. */
  ackSent(): void {
    this.ackedOut = this.ack;
  }

  /** Milliseconds until a stand-alone ACK is due, or undefined when none is. */
  ackDueIn(now: number): number | undefined {
    const owed = this.ack - this.ackedOut;
    if (owed === 0) return undefined;
    if (owed >= ACK_AFTER_MESSAGES) return 0;
    return Math.max(0, this.owedSince + ACK_AFTER_MS - now);
  }

  // --- both -----------------------------------------------------------------------

  /**
   * After a handshake: the host says what it has; gives what must be sent again, with
   * the same numbers. When it has lost count, or we have, nothing is sent twice under
   * two numbers: what was in flight has an unknown outcome.
   */
  resume(hostLastRecv: number | undefined): { resend: Numbered[]; lost: Numbered[] } {
    const inStep = hostLastRecv !== undefined && hostLastRecv <= this.lastSent
      && hostLastRecv >= this.delivered;
    if (inStep) {
      this.acked(hostLastRecv);
      return { resend: [...this.unacked], lost: [] };
    }
    const lost = this.unacked;
    this.unacked = [];
    this.unackedOctets = 0;
    this.lastSent = hostLastRecv ?? this.lastSent;
    return { resend: [], lost };
  }

  /**
   * A new lane_epoch: host -> device counts from 1 again, and every stream is gone.
   * What has a number keeps it but says nothing any more. True when it changed.
   */
  restart(epoch: number): boolean {
    if (epoch === this.epoch) return false;
    const known = this.epoch !== 0;
    this.epoch = epoch;
    this.lastRecv = 0;
    this.ackedOut = 0;
    this.holds.clear();
    this.assembler.forget();
    this.unfinished.clear();
    if (known) this.unacked = this.unacked.map((m) => ({ seq: m.seq, body: voided(m.body) }));
    this.unackedOctets = this.unacked.reduce((sum, m) => sum + m.body.length, 0);
    return true;
  }
}
