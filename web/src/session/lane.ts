// A lane: what survives a lost connection (docs/protocol.md §5.3). Two numberings,
// one per way, from 1. Pure: messages and times in, decisions out.
//
// This device -> host never restarts while the pairing lives. Host -> this device
// restarts with each lane_epoch, and with it every stream.

import type { Bytes } from "../wire/bytes";
import { Assembler, voided } from "./streams";

export const MAX_UNACKED = 5000;
export const MAX_UNACKED_OCTETS = 10 * 1024 * 1024;
const ACK_AFTER_MESSAGES = 32;
const ACK_AFTER_MS = 250;

export interface Numbered {
  seq: number;
  body: Bytes;
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
  private lastSent = 0;
  private unacked: Numbered[] = [];
  private unackedOctets = 0;
  private owed = 0;
  private owedSince = 0;

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

  get waiting(): number {
    return this.unacked.length;
  }

  acked(upTo: number): void {
    if (upTo > this.lastSent) throw new LaneError("acknowledged what was never sent");
    while (this.unacked[0] && this.unacked[0].seq <= upTo) {
      this.unackedOctets -= this.unacked.shift()!.body.length;
    }
  }

  /** True: apply it. False: seen before, drop it. A gap is an error. */
  receive(seq: number, now: number): boolean {
    if (seq <= this.lastRecv) return false;
    if (seq !== this.lastRecv + 1) throw new LaneError("a message is missing");
    this.lastRecv = seq;
    if (this.owed++ === 0) this.owedSince = now;
    return true;
  }

  /** Every record carries the ack; this clears the debt of a stand-alone one. */
  ackSent(): void {
    this.owed = 0;
  }

  /** Milliseconds until a stand-alone ACK is due, or undefined when none is. */
  ackDueIn(now: number): number | undefined {
    if (this.owed === 0) return undefined;
    if (this.owed >= ACK_AFTER_MESSAGES) return 0;
    return Math.max(0, this.owedSince + ACK_AFTER_MS - now);
  }

  /**
   * After a handshake: the host says what it has; gives what must be sent again, with
   * the same numbers. When it has lost count, or we have (a page that was loaded anew),
   * nothing is sent twice under two numbers: what was in flight has an unknown outcome.
   */
  resume(hostLastRecv: number | undefined): { resend: Numbered[]; lost: Numbered[] } {
    const inStep = hostLastRecv !== undefined && hostLastRecv <= this.lastSent
      && hostLastRecv >= this.lastSent - this.unacked.length;
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
    this.owed = 0;
    this.assembler.forget();
    if (known) this.unacked = this.unacked.map((m) => ({ seq: m.seq, body: voided(m.body) }));
    this.unackedOctets = this.unacked.reduce((sum, m) => sum + m.body.length, 0);
    return true;
  }
}
