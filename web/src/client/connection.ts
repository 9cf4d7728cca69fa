// The device's session with one host, kept alive for as long as it is wanted:
//
//   OFF -> dialing -> securing -> open -> waiting (lost; again soon) -> dialing ...
//   any -> ended: revoked, or the host cannot be trusted any more
//
// The lane lives here, above sessions, so nothing is lost or doubled between them.

import type { Bytes } from "../wire/bytes";
import { CloseReason, RelayError } from "../wire/envelope";
import { random } from "../session/crypto";
import { Initiator } from "../session/handshake";
import { Lane } from "../session/lane";
import { checkGrant, encodeControllerParams, parseDenied, type Ready } from "../session/pairing";
import { queueMessage, Session, type SessionEvent } from "../session/session";
import { MAX_STREAM } from "../session/streams";
import { Mode } from "../session/transcript";
import { Leg, LegClosed, type LegEvents, type SocketMaker } from "./leg";
import type { HostRecord, Store } from "./store";

export type Phase = "off" | "dialing" | "securing" | "open" | "waiting" | "ended";

/** Which link of the way is broken, for the header strip. */
export type Broken = "relay" | "host" | "revoked" | "trust";

export interface ConnectionState {
  phase: Phase;
  since: number;
  broken?: Broken;
  sentence?: string;
  retryAt?: number;
  /** When each link last proved itself. */
  relayProof: number;
  hostProof: number;
}

export interface StreamEvents {
  message(text: string): void;
  /** The host forgot the stream: what was asked on it has an unknown outcome. */
  lost(): void;
}

export interface Stream {
  send(text: string): void;
  close(): void;
}

export interface ConnectionDeps {
  WebSocket: SocketMaker;
  store: Store;
  version: string;
  deviceName: string;
  now(): number;
}

const BACKOFF_MS = [0, 250, 1000, 2000, 5000, 10_000, 20_000];
const SECURE_MS = 10_000;
const PING_EVERY_MS = 20_000;
const PING_TIMEOUT_MS = 8_000;

class HostStream implements Stream {
  /** Given with the first message, so that streams open in the order of their numbers; 0 before. */
  id = 0;
  /** What was said before the first READY: until then this device knows no numbers. */
  readonly held: string[] = [];
  constructor(
    readonly events: StreamEvents,
    private readonly owner: Connection,
  ) {}
  send(text: string): void {
    this.owner.transmit(this, text);
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
  private pongTimer: ReturnType<typeof setTimeout> | undefined;
  private secureTimer: ReturnType<typeof setTimeout> | undefined;
  private ackTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly delivered = new Set<() => void>();
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

  /** Everything sent so far is in the host's hands. */
  onDelivered(listener: () => void): () => void {
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
    if (this.current.phase === "off") this.dial();
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
    if (this.current.phase !== "ended") this.set("off");
  }

  private set(phase: Phase, more: Partial<ConnectionState> = {}): void {
    const { relayProof, hostProof } = this.current;
    const since = phase === this.current.phase ? this.current.since : this.deps.now();
    this.current = { phase, since, relayProof, hostProof, ...more };
    for (const listener of this.listeners) listener(this.current);
  }

  private prove(link: "relayProof" | "hostProof"): void {
    this.current = { ...this.current, [link]: this.deps.now() };
  }

  private timers() {
    return [this.retryTimer, this.secureTimer, this.pingTimer, this.pongTimer, this.ackTimer];
  }

  /** Ends the session of this generation without a word about what comes next. */
  private drop(reason: number): void {
    this.generation++;
    for (const timer of this.timers()) clearTimeout(timer);
    const { session, leg } = this;
    this.session = undefined;
    this.leg = undefined;
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
    const inbox: Bytes[] = [];
    let wake: (() => void) | undefined;
    let session: Session | undefined;
    const live = () => generation === this.generation;
    const leg = await this.openLeg({
      data: (octets) => {
        if (session) return session.receive(octets);
        inbox.push(octets);
        wake?.();
      },
      closed: (why) => {
        // What came before the end comes first: a REVOKED says more than a close.
        const heard = session?.settled() ?? Promise.resolve();
        void heard.then(() => live() && this.failed(why));
      },
      proof: () => live() && this.prove("relayProof"),
    });
    if (!live()) return leg.close();
    this.leg = leg;
    this.set("securing");
    this.secureTimer = setTimeout(
      () => live() && this.lost("host", "The host does not answer."), SECURE_MS);
    const { keys, msg3 } = await this.handshake(leg, async () => {
      if (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return inbox.shift()!;
    });
    const io = {
      send: (record: Bytes) => leg.send(record),
      event: (event: SessionEvent) => void (live() && this.on(event)),
      now: this.deps.now,
    };
    const made = await Session.create({ send: keys.i2r, receive: keys.r2i }, io, this.lane);
    if (!live()) return;
    this.session = session = made;
    leg.send(msg3);
    for (const record of inbox.splice(0)) session.receive(record);
  }

  private async openLeg(events: LegEvents): Promise<Leg> {
    const { mailboxId, relay, doors } = this.record;
    let last: unknown = new LegClosed("no address of the host is known");
    for (const door of doors) {
      try {
        return await Leg.open(
          this.deps.WebSocket, door, { kind: "device", mailboxId, signer: relay }, events, this.deps.now,
        );
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  private async handshake(leg: Leg, next: () => Promise<Bytes>) {
    const { mailboxId, pairRoot, host, device, serial } = this.record;
    const initiator = await Initiator.start({
      mode: Mode.TRUSTED, ctx: mailboxId, psk: pairRoot, host, device,
      params: encodeControllerParams({
        version: this.deps.version, name: this.deps.deviceName, rI: random(16),
        grantSerial: serial, lane: { epoch: this.lane.epoch, lastRecv: this.lane.lastRecv },
      }),
    });
    leg.send(initiator.msg1);
    return initiator.answer(await next());
  }

  // --- what the session says --------------------------------------------------------

  private on(event: SessionEvent): void {
    this.prove("hostProof");
    switch (event.type) {
      case "ready": return this.ready(event.ready, event.restarted || event.lost.length > 0);
      case "message": return this.message(event.stream, event.text);
      case "streamClosed": return this.streamClosed(event.stream);
      case "snapshotRequired": return this.forgetStreams();
      case "acked":
        if (event.waiting === 0) for (const listener of this.delivered) listener();
        return;
      case "pong":
        clearTimeout(this.pongTimer);
        return this.set(this.current.phase);
      case "denied": {
        const { code, sentence } = parseDenied(event.body);
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

  private ready(ready: Ready, restarted: boolean): void {
    this.attempt = 0;
    clearTimeout(this.secureTimer);
    void this.keep(ready);
    if (this.everReady && restarted) this.forgetStreams();
    this.everReady = true;
    this.set("open");
    for (const stream of this.streams) {
      for (const text of stream.held.splice(0)) this.transmit(stream, text);
    }
    this.scheduleProbe();
  }

  /** READY may carry a renewed grant, new addresses, the host's new name. */
  private async keep(ready: Ready): Promise<void> {
    const next = { ...this.record };
    if (ready.hostName) next.name = ready.hostName;
    if (ready.relayUrls.length > 0) next.doors = ready.relayUrls.map((url) => ({ kind: "relay", url }));
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

  transmit(stream: HostStream, text: string): void {
    if (!this.streams.has(stream)) return;
    if (this.lane.epoch === 0) return void stream.held.push(text);
    const opens = stream.id === 0;
    if (opens) {
      stream.id = this.nextStream;
      this.nextStream = stream.id >= MAX_STREAM ? 1 : stream.id + 1;
    }
    // Without a session it waits in the lane, numbered, for the next one.
    if (this.session) this.session.sendMessage(stream.id, text, opens);
    else queueMessage(this.lane, stream.id, text, opens);
    this.scheduleAck();
  }

  release(stream: HostStream): void {
    if (!this.streams.delete(stream)) return;
    if (stream.id !== 0) this.session?.closeStream(stream.id);
  }

  private opened(id: number): HostStream | undefined {
    for (const stream of this.streams) {
      if (stream.id === id) return stream;
    }
    return undefined;
  }

  private message(id: number, text: string): void {
    this.opened(id)?.events.message(text);
    this.scheduleAck();
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
    this.leg?.ping();
    this.session?.ping();
    clearTimeout(this.pongTimer);
    this.pongTimer = setTimeout(() => this.lost("host", "The line went silent."), PING_TIMEOUT_MS);
  }
}
