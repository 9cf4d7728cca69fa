// One session: records, lane and streams over one connection. Octets and time in,
// octets and events out; it never touches the network.
//
// The controller may send nothing before READY. The host's side of the same class
// is used by the tests, which play the host.

import { type Bytes, Malformed, Reader, u32, u8 } from "../wire/bytes";
import { CloseReason } from "../wire/envelope";
import { random } from "./crypto";
import { type Lane, type Numbered } from "./lane";
import { parseReady, type Ready } from "./pairing";
import {
  decodePlain, encodePlain, Itype, Opener, pad, Padding, type Plain, RecordError, Sealer, unpad,
} from "./records";
import { decodeFragment, encodeFragment, Flag, fragments } from "./streams";

const NONE: Bytes = new Uint8Array(0);
const MAX_AGE_MS = 12 * 60 * 60 * 1000;
const REPLY_BIT = 0x80;

export type SessionEvent =
  | { type: "pending"; body: Bytes }
  | { type: "ready"; ready: Ready; restarted: boolean; lost: Numbered[] }
  | { type: "denied"; body: Bytes }
  /** Held in the lane under `seqs`: who hears it releases them when it is safe. */
  | { type: "message"; stream: number; text: string; opened: boolean; seqs: readonly number[] }
  | { type: "streamClosed"; stream: number }
  | { type: "snapshotRequired"; epoch: number }
  | { type: "pong"; rttMs: number }
  | { type: "acked"; waiting: number }
  | { type: "revoked" }
  | { type: "closed"; reason: number; error?: unknown };

export interface SessionIo {
  send(record: Bytes): void;
  event(event: SessionEvent): void;
  now(): number;
}

export interface SessionSecrets {
  send: Bytes;
  receive: Bytes;
}

/** Numbers a message and leaves it in the lane, for this session or the next. */
export function queueMessage(
  lane: Lane, stream: number, message: string, opens: boolean,
): Numbered[] {
  const cut = fragments(stream, message, opens ? Flag.OPEN : 0);
  return cut.map((fragment) => lane.send(encodeFragment(fragment)));
}

export class Session {
  private state: "waiting" | "open" | "closed" = "waiting";
  private inbound: Promise<void> = Promise.resolve();
  private readonly began: number;
  private pings = new Map<string, number>();

  private constructor(
    private readonly sealer: Sealer,
    private readonly opener: Opener,
    private readonly io: SessionIo,
    /** A box has none: it carries no APP records. */
    private readonly lane: Lane | undefined,
    private padding: number,
  ) {
    this.began = io.now();
  }

  static async create(
    secrets: SessionSecrets, io: SessionIo, lane?: Lane, padding: number = Padding.PADME,
  ): Promise<Session> {
    const sealer = await Sealer.create(secrets.send, io.now());
    const session = new Session(sealer, await Opener.create(secrets.receive), io, lane, padding);
    secrets.send.fill(0);
    secrets.receive.fill(0);
    return session;
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** True when the session has lived its 12 hours: make a new one meanwhile. */
  get isOld(): boolean {
    return this.io.now() - this.began >= MAX_AGE_MS;
  }

  // --- in ---------------------------------------------------------------------

  receive(record: Bytes): void {
    this.inbound = this.inbound.then(() => this.take(record));
  }

  /** Resolves when everything received so far has been dealt with. */
  settled(): Promise<void> {
    return this.inbound;
  }

  private async take(record: Bytes): Promise<void> {
    if (this.state === "closed") return;
    try {
      const plain = decodePlain(unpad(await this.opener.open(record)));
      // Closed while it was opened: the lane belongs to the next session already, which
      // told the other side that this record has not arrived.
      if (this.isClosed()) return;
      await this.apply(plain);
    } catch (error) {
      this.end(CloseReason.PROTOCOL, error);
    }
  }

  private isClosed(): boolean {
    return this.state === "closed";
  }

  private async apply(plain: Plain): Promise<void> {
    if (plain.itype !== Itype.APP && plain.seq !== 0) throw new Malformed("number out of place");
    if (this.state === "waiting") return this.applyFirst(plain);
    if (this.lane && plain.ack > 0) {
      this.lane.acked(plain.ack);
      this.io.event({ type: "acked", waiting: this.lane.waiting });
    }
    switch (plain.itype) {
      case Itype.APP: return this.applyApp(plain);
      case Itype.ACK: return;
      case Itype.KEYUPDATE: return this.opener.rekey();
      case Itype.SNAPSHOT_REQUIRED: return this.applySnapshot(plain.body);
      case Itype.PING: return this.applyPing(plain.body);
      case Itype.REVOKED: return this.applyRevoked();
      case Itype.CLOSE: return this.end(new Reader(plain.body).u8());
      default: throw new Malformed("record of an unknown kind");
    }
  }

  /** Before READY the host may say PENDING, DENIED, REVOKED or CLOSE, nothing else. */
  private applyFirst(plain: Plain): void {
    switch (plain.itype) {
      case Itype.READY: return this.applyReady(plain.body);
      case Itype.PENDING: return this.io.event({ type: "pending", body: plain.body });
      case Itype.DENIED: return this.io.event({ type: "denied", body: plain.body });
      case Itype.REVOKED: return this.applyRevoked();
      case Itype.CLOSE: return this.end(new Reader(plain.body).u8());
      default: throw new Malformed("record before READY");
    }
  }

  private applyReady(body: Bytes): void {
    const ready = parseReady(body);
    if (ready.padding !== undefined) this.padding = ready.padding;
    if (!this.lane) {
      this.state = "open";
      return this.io.event({ type: "ready", ready, restarted: true, lost: [] });
    }
    if (ready.laneEpoch === 0) throw new Malformed("READY names no lane_epoch");
    const restarted = this.lane.restart(ready.laneEpoch);
    const { resend, lost } = this.lane.resume(ready.lastRecv);
    this.state = "open";
    // Before the event: what its listeners send has higher numbers.
    for (const message of resend) this.emit(Itype.APP, message.body, message.seq);
    this.io.event({ type: "ready", ready, restarted, lost });
  }

  private applyApp(plain: Plain): void {
    if (!this.lane) throw new Malformed("APP in a box");
    if (!this.lane.receive(plain.seq, this.io.now())) return;
    const fragment = decodeFragment(plain.body);
    const arrived = this.lane.assembler.take(fragment);
    const { stream, message, opened } = arrived;
    const seqs = [...(this.lane.unfinished.get(stream) ?? []), plain.seq];
    this.lane.unfinished.delete(stream);
    if (message !== undefined) {
      this.lane.hold(plain.seq);
      this.io.event({ type: "message", stream, text: message, opened, seqs });
    } else if (fragment.flags & Flag.MORE && !arrived.closed) {
      this.lane.hold(plain.seq);
      this.lane.unfinished.set(stream, seqs);
    } else {
      this.lane.release(seqs, this.lane.epoch, this.io.now());
    }
    if (arrived.closed) this.io.event({ type: "streamClosed", stream });
  }

  private applySnapshot(body: Bytes): void {
    const reader = new Reader(body);
    const epoch = reader.u32();
    reader.end();
    const restarted = this.lane?.restart(epoch) === true;
    // The echo tells the host where the new numbering of our acks begins.
    this.emit(Itype.SNAPSHOT_REQUIRED, u32(epoch));
    if (restarted) this.io.event({ type: "snapshotRequired", epoch });
  }

  private applyPing(body: Bytes): void {
    if (body.length !== 8) throw new Malformed("ping of a wrong size");
    if (!(body[0]! & REPLY_BIT)) {
      const reply = body.slice();
      reply[0]! |= REPLY_BIT;
      return this.emit(Itype.PING, reply);
    }
    const asked = body.slice();
    asked[0]! &= ~REPLY_BIT;
    const sent = this.pings.get(asked.join());
    if (sent === undefined) return;
    this.pings.delete(asked.join());
    this.io.event({ type: "pong", rttMs: this.io.now() - sent });
  }

  private applyRevoked(): void {
    this.io.event({ type: "revoked" });
    this.end(CloseReason.REVOKED);
  }

  // --- out --------------------------------------------------------------------

  /** One JSON-RPC text on a stream; the first message of a stream opens it. */
  sendMessage(stream: number, message: string, opens: boolean): void {
    if (!this.lane) throw new Error("a box carries no messages");
    for (const numbered of queueMessage(this.lane, stream, message, opens)) {
      this.sendNumbered(numbered);
    }
  }

  closeStream(stream: number): void {
    if (!this.lane) return;
    this.sendNumbered(this.lane.send(encodeFragment({ stream, flags: Flag.CLOSE, octets: NONE })));
  }

  private sendNumbered(message: Numbered): void {
    // Kept by the lane in any case; goes out now only if there is a session.
    if (this.state === "open") this.emit(Itype.APP, message.body, message.seq);
  }

  ping(): void {
    if (this.state !== "open") return;
    const body = random(8);
    body[0]! &= ~REPLY_BIT;
    this.pings.set(body.join(), this.io.now());
    this.emit(Itype.PING, body);
  }

  /** Sends a stand-alone ACK if one is due; says when to ask again. */
  tick(): number | undefined {
    const due = this.state === "open" ? this.lane?.ackDueIn(this.io.now()) : undefined;
    if (due !== 0) return due;
    this.emit(Itype.ACK, NONE);
    return undefined;
  }

  close(reason: number): void {
    if (this.state === "closed") return;
    if (this.state === "open") this.emit(Itype.CLOSE, u8(reason));
    this.end(reason);
  }

  // --- the host's side, for the tests ---------------------------------------------

  control(itype: number, body: Bytes): void {
    this.emit(itype, body);
  }

  admit(body: Bytes, deviceLastRecv: number): void {
    this.emit(Itype.READY, body);
    this.state = "open";
    for (const m of this.lane?.resume(deviceLastRecv).resend ?? []) {
      this.emit(Itype.APP, m.body, m.seq);
    }
  }

  requireSnapshot(epoch: number): void {
    this.emit(Itype.SNAPSHOT_REQUIRED, u32(epoch));
  }

  // --- sealing --------------------------------------------------------------------

  private emit(itype: number, body: Bytes, seq = 0): void {
    const ack = this.lane?.ack ?? 0;
    this.lane?.ackSent();
    if (this.sealer.due(this.io.now())) {
      const last = pad(encodePlain({ itype: Itype.KEYUPDATE, seq: 0, ack, body: NONE }), this.padding);
      this.deliver(this.sealer.rekey(last, this.io.now()));
    }
    this.deliver(this.sealer.seal(pad(encodePlain({ itype, seq, ack, body }), this.padding)));
  }

  private deliver(record: Promise<Bytes>): void {
    record.then(
      (octets) => this.io.send(octets),
      (error: unknown) => this.end(CloseReason.PROTOCOL, error ?? new RecordError("cannot seal")),
    );
  }

  private end(reason: number, error?: unknown): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.io.event(error === undefined ? { type: "closed", reason } : { type: "closed", reason, error });
  }
}
