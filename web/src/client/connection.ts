// The device's session with one host, kept alive for as long as it is wanted:
//
//   OFF -> dialing -> securing -> open -> waiting (lost; again soon) -> dialing ...
//   any -> ended: revoked, or the host cannot be trusted any more
//
// The lane lives here, above sessions, so nothing is lost or doubled between them.

import type { Bytes } from "../wire/bytes";
import { CloseReason, RelayError } from "../wire/envelope";
import { type Door, doorOf } from "../wire/qr";
import { random } from "../session/crypto";
import { Lane, type SavedLane } from "../session/lane";
import { checkGrant, encodeControllerParams, parseDenied, type Ready, type SeenLog } from "../session/pairing";
import { queueMessage, Session, type SessionEvent } from "../session/session";
import { fragments, MAX_STREAM } from "../session/streams";
import { type Durable, Journal, MemoryDurable } from "./journal";
import { type Leg, LegClosed, type SocketMaker } from "./leg";
import type { HostRecord, Store } from "./store";
import { Watch } from "./watch";
import { firstWay, type WayPlan } from "./way";

export type Phase = "off" | "dialing" | "securing" | "open" | "waiting" | "ended";

/** Which link of the way is broken, for the header strip. */
export type Broken = "relay" | "host" | "revoked" | "trust" | "over";

export interface ConnectionState {
  phase: Phase;
  since: number;
  broken?: Broken;
  sentence?: string;
  retryAt?: number;
  /** When each link last proved itself. */
  relayProof: number;
  hostProof: number;
  /** The way that the session took. */
  via?: Door;
}

export interface StreamEvents {
  /** True: must not be missed; acknowledged once what came of it is on disk. */
  message(text: string): boolean | void;
  /** Somebody waits for an answer on it. */
  waits?(): boolean;
  /** The host forgot the stream: what was asked on it has an unknown outcome. */
  lost(): void;
}

/** Told the number of a command before it leaves; undefined: it did not leave after all. */
export type Mark = (seq: number | undefined) => void;

export interface Stream {
  /** With a mark it is a command: its number is on disk before it leaves. */
  send(text: string, mark?: Mark): void;
  close(): void;
}

export interface ConnectionDeps {
  WebSocket: SocketMaker;
  store: Store;
  version: string;
  deviceName: string;
  now(): number;
  /** What survives this program; without it nothing does. */
  durable?: Durable;
  /** The page may only dial what its server allows. */
  mayDial?(url: string): boolean;
}

/** The last session, which a decision made without one names. */
export interface LastSession {
  th4: Bytes;
  at: number;
}

interface LaneRow {
  lane: SavedLane;
  nextStream: number;
  last: LastSession | undefined;
}

const BACKOFF_MS = [0, 250, 1000, 2000, 5000, 10_000, 20_000];
const SECURE_MS = 10_000;
const PING_EVERY_MS = 20_000;

class HostStream implements Stream {
  /** Given with the first message, so that streams open in the order of their numbers; 0 before. */
  id = 0;
  /** Its first message has left, with *open*. */
  begun = false;
  /** What was said before the first READY: until then this device knows no numbers. */
  readonly held: { text: string; mark: Mark | undefined }[] = [];
  constructor(
    readonly events: StreamEvents,
    private readonly owner: Connection,
  ) {}
  send(text: string, mark?: Mark): void {
    this.owner.transmit(this, text, mark);
  }
  close(): void {
    this.owner.release(this);
  }
}

export class Connection {
  private readonly lane = new Lane();
  private streams = new Set<HostStream>();
  private nextStream = 1;
  private session: Session | undefined;
  private leg: Leg | undefined;
  private everReady = false;
  private attempt = 0;
  private generation = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setTimeout> | undefined;
  private asked = false;
  private readonly watch = new Watch({
    waits: () => this.waits(),
    ask: () => this.ping(),
    dead: () => this.lost("host", "The line went silent."),
  });
  private secureTimer: ReturnType<typeof setTimeout> | undefined;
  private ackTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly delivered = new Set<(upTo: number) => void>();
  private readonly readies = new Set<(ready: Ready) => void>();
  /** What leaves, in order: a command waits for the disk, and what comes after waits too. */
  private readonly out: (() => void | Promise<void>)[] = [];
  private draining = false;
  private kept: Promise<Journal> | undefined;
  private diary: Journal | undefined;
  private th4: Bytes | undefined;
  private lastSession: LastSession | undefined;
  /** Legs on which the host has not proved itself yet. */
  private readonly trying = new Set<Leg>();
  /** What the host had of us when this session began; undefined: it has lost count. */
  hostHas: number | undefined;
  /** How far this device has seen the host's log; told to the host in the handshake. */
  seenLog: SeenLog | undefined;
  private readonly listeners = new Set<(state: ConnectionState) => void>();
  private current: ConnectionState = { phase: "off", since: 0, relayProof: 0, hostProof: 0 };

  constructor(
    private record: HostRecord,
    private readonly deps: ConnectionDeps,
  ) {}

  get state(): ConnectionState {
    return this.current;
  }

  get host(): HostRecord {
    return this.record;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Rows of this host that survive the page. */
  journal(): Promise<Journal> {
    this.kept ??= this.openJournal();
    return this.kept;
  }

  private async openJournal(): Promise<Journal> {
    const journal = await Journal.open(this.deps.durable ?? new MemoryDurable(), this.record.id);
    const [row] = journal.rows<LaneRow>("lane");
    if (row) {
      this.lane.restore(row.lane);
      this.nextStream = row.nextStream;
      this.lastSession = row.last;
    }
    this.diary = journal;
    return journal;
  }

  private keepLane(coming = 0, stream = 0): void {
    const row: LaneRow = {
      lane: this.lane.saved(coming, stream), nextStream: this.nextStream, last: this.lastSession,
    };
    this.diary?.put("lane", "", row);
  }

  /** The session that is, or the last one there was. */
  get last(): LastSession | undefined {
    return this.lastSession;
  }

  /** A session began; what READY said. */
  onReady(listener: (ready: Ready) => void): () => void {
    this.readies.add(listener);
    return () => this.readies.delete(listener);
  }

  /** Everything up to this number is in the host's hands. */
  onDelivered(listener: (upTo: number) => void): () => void {
    this.delivered.add(listener);
    return () => this.delivered.delete(listener);
  }

  /** Resolves when there is a session; rejects when there will never be one. */
  whenOpen(): Promise<void> {
    if (this.current.phase === "open") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = this.onState(({ phase, sentence }) => {
        if (phase !== "open" && phase !== "ended" && phase !== "off") return;
        stop();
        if (phase === "open") resolve();
        else reject(new Error(sentence ?? "the connection was closed"));
      });
    });
  }

  // --- life -------------------------------------------------------------------

  start(): void {
    if (this.current.phase !== "off") return;
    this.set("dialing");
    void this.journal().then(() => this.current.phase === "dialing" && this.dial());
  }

  /** The network or the screen came back: do not sit out the backoff, do not trust a silent socket. */
  wake(): void {
    if (this.current.phase === "waiting") {
      this.attempt = 0;
      this.dial();
    } else if (this.current.phase === "open") {
      this.probe();
    }
  }

  stop(reason: number = CloseReason.DONE): void {
    this.drop(reason);
    this.diary?.close();
    if (this.current.phase !== "ended") this.set("off");
  }

  private set(phase: Phase, more: Partial<ConnectionState> = {}): void {
    const { relayProof, hostProof, via } = this.current;
    const since = phase === this.current.phase ? this.current.since : this.deps.now();
    this.current = { phase, since, relayProof, hostProof, ...(via ? { via } : {}), ...more };
    for (const listener of this.listeners) listener(this.current);
  }

  private prove(link: "relayProof" | "hostProof"): void {
    this.current = { ...this.current, [link]: this.deps.now() };
  }

  private timers() {
    return [this.retryTimer, this.secureTimer, this.pingTimer, this.ackTimer];
  }

  /** Ends the session of this generation without a word about what comes next. */
  private drop(reason: number): void {
    this.generation++;
    for (const timer of this.timers()) clearTimeout(timer);
    this.watch.stop();
    this.asked = false;
    const { session, leg } = this;
    this.session = undefined;
    this.leg = undefined;
    for (const other of this.trying) other.close();
    this.trying.clear();
    session?.close(reason);
    if (leg) setTimeout(() => leg.close(reason), 20); // after the CLOSE record has been sealed
  }

  private lost(broken: Broken, sentence: string): void {
    this.drop(CloseReason.DONE);
    const wait = BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)]!;
    this.attempt++;
    // Jitter: after a relay restart not everybody comes back in the same instant.
    const delay = wait * (0.75 + Math.random() / 2);
    this.set("waiting", { broken, sentence, retryAt: this.deps.now() + delay });
    this.retryTimer = setTimeout(() => this.dial(), delay);
  }

  private end(broken: Broken, sentence: string): void {
    this.drop(CloseReason.DONE);
    this.set("ended", { broken, sentence });
    this.forgetStreams();
  }

  // --- dialing and the handshake --------------------------------------------------

  private dial(): void {
    clearTimeout(this.retryTimer);
    const generation = ++this.generation;
    this.set("dialing");
    this.connect(generation).catch((error: unknown) => {
      if (generation === this.generation) this.failed(error);
    });
  }

  private failed(error: unknown): void {
    if (!(error instanceof LegClosed)) {
      return this.lost("host", "The host did not prove who it is. Trying again.");
    }
    const { code, reason } = error.detail;
    if (reason === CloseReason.REVOKED) return this.end("revoked", "This device was revoked.");
    if (code === RelayError.HOST_OFFLINE || reason === CloseReason.HOST_OFFLINE) {
      return this.lost("host", "The host is not connected to its relay.");
    }
    if (code === RelayError.NOT_ADMITTED) {
      return this.lost("host", "The relay does not know this device; the host may have removed it.");
    }
    if (code === RelayError.CLOCK) return this.lost("relay", "The clock of this device is wrong.");
    if (code !== undefined) return this.lost("relay", error.message);
    if (this.current.phase === "securing") return this.lost("host", "The host did not answer.");
    this.lost("relay", "The relay cannot be reached.");
  }

  private async connect(generation: number): Promise<void> {
    const live = () => generation === this.generation;
    const way = await firstWay(this.plan(live));
    if (!live()) return way.leg.close();
    const { leg, made } = way;
    let session: Session | undefined;
    // What came before the end comes first: a REVOKED says more than a close.
    void way.gone.then(async (why) => {
      await session?.settled();
      if (live()) this.failed(why);
    });
    this.leg = leg;
    this.current = { ...this.current, via: way.door };
    const io = {
      send: (record: Bytes) => leg.send(record),
      event: (event: SessionEvent) => void (live() && this.on(event)),
      now: this.deps.now,
    };
    const secrets = { send: made.keys.i2r, receive: made.keys.r2i };
    const next = await Session.create(secrets, io, this.lane);
    if (!live()) return;
    this.session = session = next;
    this.th4 = made.keys.th4;
    leg.send(made.msg3);
    way.hand((octets) => {
      if (live()) this.watch.heard();
      next.receive(octets);
    });
  }

  private plan(live: () => boolean): WayPlan {
    const { WebSocket, version, deviceName, now, mayDial } = this.deps;
    return {
      WebSocket, now, live, host: this.record, trying: this.trying,
      params: () => encodeControllerParams({
        version, name: deviceName, rI: random(16), grantSerial: this.record.serial,
        // What is safe here, not what was heard: the host lets go of the rest.
        lane: { epoch: this.lane.epoch, lastRecv: this.lane.ack },
        ...(this.seenLog ? { seenLog: this.seenLog } : {}),
      }),
      proof: () => this.prove("relayProof"),
      admitted: () => this.current.phase === "dialing" && this.securing(live),
      ...(mayDial ? { mayDial } : {}),
    };
  }

  private securing(live: () => boolean): void {
    this.set("securing");
    this.secureTimer = setTimeout(
      () => live() && this.lost("host", "The host does not answer."), SECURE_MS);
  }

  // --- what the session says --------------------------------------------------------

  private on(event: SessionEvent): void {
    this.prove("hostProof");
    switch (event.type) {
      case "ready": return this.ready(event.ready, event.restarted || event.lost.length > 0);
      case "message": return this.message(event.stream, event.text, event.seqs);
      case "streamClosed": return this.streamClosed(event.stream);
      case "snapshotRequired": return this.forgetStreams();
      case "acked":
        return this.heardAck();
      case "pong":
        this.asked = false;
        return this.set(this.current.phase);
      case "denied": {
        const { code, sentence } = parseDenied(event.body);
        if (code === 3) return this.end("over", sentence || "The invitation of this device is over.");
        if (code === 6) return this.end("revoked", "This device was revoked.");
        return this.lost("host", sentence || "The host refuses this device right now.");
      }
      case "revoked": return this.end("revoked", "This device was revoked. Pair it again to use it.");
      case "closed": return this.sessionClosed(event.reason, event.error);
      default: return;
    }
  }

  private sessionClosed(reason: number, error: unknown): void {
    if (this.current.phase === "ended") return;
    if (reason === CloseReason.REVOKED) return this.end("revoked", "This device was revoked.");
    if (error !== undefined) return this.lost("host", "The session broke. Making a new one.");
    const sentence = reason === CloseReason.SHUTTING_DOWN ? "The host is restarting." : "The host closed the session.";
    this.lost("host", sentence);
  }

  private heardAck(): void {
    for (const listener of this.delivered) listener(this.lane.delivered);
    this.keepLane();
    this.diary?.later();
  }

  private ready(ready: Ready, restarted: boolean): void {
    this.attempt = 0;
    clearTimeout(this.secureTimer);
    void this.keep(ready);
    this.hostHas = ready.lastRecv;
    if (this.th4) this.lastSession = { th4: this.th4, at: this.deps.now() };
    for (const listener of this.readies) listener(ready);
    this.heardAck();
    if (this.everReady && restarted) this.forgetStreams();
    this.everReady = true;
    this.set("open");
    for (const stream of this.streams) {
      for (const { text, mark } of stream.held.splice(0)) this.transmit(stream, text, mark);
    }
    this.scheduleProbe();
  }

  /** READY may carry a renewed grant, new addresses, the host's new name. */
  private async keep(ready: Ready): Promise<void> {
    const next = { ...this.record };
    if (ready.hostName) next.name = ready.hostName;
    if (ready.relayUrls.length > 0) next.doors = ready.relayUrls.map(doorOf);
    if (ready.grant) {
      try {
        const grant = await checkGrant(ready.grant, next.host, next.device.publicKey);
        Object.assign(next, { grant: ready.grant, role: grant.role, serial: grant.serial });
      } catch {
        return this.end("trust", "The host sent a grant that it did not sign.");
      }
    }
    this.record = next;
    await this.deps.store.put(next);
  }

  // --- streams ------------------------------------------------------------------------

  openStream(events: StreamEvents): Stream {
    const stream = new HostStream(events, this);
    this.streams.add(stream);
    return stream;
  }

  transmit(stream: HostStream, text: string, mark?: Mark): void {
    if (!this.streams.has(stream)) return mark?.(undefined);
    if (this.lane.epoch === 0) return void stream.held.push({ text, mark });
    this.enqueue(mark ? () => this.command(stream, text, mark) : () => this.say(stream, text));
  }

  private enqueue(job: () => void | Promise<void>): void {
    this.out.push(job);
    if (!this.draining) void this.drain();
  }

  private async drain(): Promise<void> {
    this.draining = true;
    for (let job = this.out.shift(); job; job = this.out.shift()) {
      const waits = job();
      if (waits) await waits;
    }
    this.draining = false;
  }

  /** The number of a command, and whatever its owner wrote down beside it, is on disk first. */
  private async command(stream: HostStream, text: string, mark: Mark): Promise<void> {
    if (!this.streams.has(stream)) return mark(undefined);
    const id = this.numbered(stream);
    const cut = fragments(id, text).length;
    mark(this.lane.next + cut - 1);
    this.keepLane(cut, id);
    await this.diary?.flush();
    if (!this.streams.has(stream)) return mark(undefined);
    this.say(stream, text);
  }

  private numbered(stream: HostStream): number {
    if (stream.id === 0) {
      stream.id = this.nextStream;
      this.nextStream = stream.id >= MAX_STREAM ? 1 : stream.id + 1;
    }
    return stream.id;
  }

  private say(stream: HostStream, text: string): void {
    if (!this.streams.has(stream)) return;
    const id = this.numbered(stream);
    const opens = !stream.begun;
    stream.begun = true;
    // Without a session it waits in the lane, numbered, for the next one.
    if (this.session) this.session.sendMessage(id, text, opens);
    else queueMessage(this.lane, id, text, opens);
    this.watch.stir();
    this.keepLane();
    this.diary?.later();
    this.scheduleAck();
  }

  release(stream: HostStream): void {
    if (!this.streams.delete(stream)) return;
    if (stream.begun) this.enqueue(() => this.session?.closeStream(stream.id));
  }

  private opened(id: number): HostStream | undefined {
    for (const stream of this.streams) {
      if (stream.id === id) return stream;
    }
    return undefined;
  }

  private message(id: number, text: string, seqs: readonly number[]): void {
    const { epoch } = this.lane;
    const safe = () => {
      this.lane.release(seqs, epoch, this.deps.now());
      this.scheduleAck();
    };
    if (this.opened(id)?.events.message(text) !== true) return safe();
    // A turn later: what its listeners make of it goes into the same transaction.
    setTimeout(() => void (this.diary?.flush() ?? Promise.resolve()).then(safe), 0);
  }

  private streamClosed(id: number): void {
    const stream = this.opened(id);
    if (!stream) return;
    this.streams.delete(stream);
    stream.events.lost();
  }

  private forgetStreams(): void {
    const gone = this.streams;
    this.streams = new Set();
    for (const stream of gone) stream.events.lost();
  }

  // --- liveness -----------------------------------------------------------------------

  private scheduleAck(): void {
    clearTimeout(this.ackTimer);
    const due = this.session?.tick();
    if (due !== undefined) this.ackTimer = setTimeout(() => this.scheduleAck(), due);
  }

  private scheduleProbe(): void {
    clearTimeout(this.pingTimer);
    this.pingTimer = setTimeout(() => {
      if (this.session?.isOld) return this.lost("host", "Renewing the session.");
      this.probe();
      this.scheduleProbe();
    }, PING_EVERY_MS);
  }

  /** One round trip to the relay and one to the host; silence means a dead line. */
  private probe(): void {
    this.ping();
    this.watch.stir();
  }

  private ping(): void {
    this.asked = true;
    this.leg?.ping();
    this.session?.ping();
  }

  private waits(): boolean {
    if (this.current.phase !== "open") return false;
    return this.asked || this.lane.waiting > 0 || [...this.streams].some((stream) => stream.events.waits?.() === true);
  }
}
