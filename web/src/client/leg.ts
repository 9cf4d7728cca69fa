// One WebSocket to a relay or to the host's own door: login, DATA in both ways,
// credit, liveness. What DATA carries is none of its business.

import { type Bytes, Malformed, Reader, utf8 } from "../wire/bytes";
import {
  authBody, authSigned, CloseReason, decodeFrame, encodeFrame, type Frame, openBody,
  parseChallenge, parseErr, Type, WINDOW,
} from "../wire/envelope";
import type { Door } from "../wire/qr";
import { random, sign, type Signer } from "../session/crypto";

/** What this program needs of a WebSocket; the browser's and npm's `ws` both fit. */
export interface SocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Bytes): void;
  close(code?: number, reason?: string): void;
}
export type SocketMaker = new (url: string) => SocketLike;

export type Entry =
  | { kind: "device"; mailboxId: Bytes; signer: Signer }
  | { kind: "pairing"; claim: Bytes; pairId?: Bytes };

/** Why a leg is gone. `code` is a relay ERR, `reason` a CLOSE. */
export class LegClosed extends Error {
  override name = "LegClosed";
  constructor(
    message: string,
    readonly detail: { code?: number; reason?: number } = {},
  ) {
    super(message);
  }
}

export interface LegEvents {
  data(octets: Bytes): void;
  closed(why: LegClosed): void;
  /** The relay answered something just now. */
  proof(): void;
}

const LOGIN_MS = 10_000;

export class Leg {
  /** The offer that a claim by digits is answered with; empty otherwise. */
  offer: Bytes = new Uint8Array(0);
  private window = WINDOW;
  private readonly queue: Bytes[] = [];
  private over = false;
  private admitted: (() => void) | undefined;
  private readonly pings = new Set<string>();

  private constructor(
    private readonly socket: SocketLike,
    private readonly door: Door,
    private readonly entry: Entry,
    private readonly events: LegEvents,
    private readonly now: () => number,
  ) {}

  /** Resolves when DATA may flow; rejects with LegClosed. */
  static open(
    Socket: SocketMaker, door: Door, entry: Entry, events: LegEvents,
    now: () => number = Date.now,
  ): Promise<Leg> {
    return new Promise((resolve, reject) => {
      let socket: SocketLike;
      try {
        socket = new Socket(door.url);
      } catch {
        return reject(new LegClosed("this address cannot be dialled from here"));
      }
      let settled = false;
      const leg = new Leg(socket, door, entry, {
        ...events,
        closed: (why) => {
          clearTimeout(timer);
          if (settled) return events.closed(why);
          settled = true;
          reject(why);
        },
      }, now);
      const timer = setTimeout(() => leg.fail(new LegClosed("the relay does not answer")), LOGIN_MS);
      leg.admitted = () => {
        clearTimeout(timer);
        settled = true;
        resolve(leg);
      };
      leg.attach();
    });
  }

  private attach(): void {
    const socket = this.socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (this.door.kind === "direct") this.enterDirect();
    };
    socket.onmessage = ((event: { data: unknown }) => this.receive(event.data)) as never;
    socket.onclose = () => this.fail(new LegClosed("the connection was lost"));
    socket.onerror = () => this.fail(new LegClosed("the relay cannot be reached"));
  }

  private receive(data: unknown): void {
    if (this.over) return;
    try {
      if (!(data instanceof ArrayBuffer)) throw new Malformed("not binary");
      this.take(decodeFrame(new Uint8Array(data)));
    } catch (error) {
      this.fail(new LegClosed("the relay speaks another protocol"));
      if (!(error instanceof Malformed)) throw error;
    }
  }

  private take(frame: Frame): void {
    this.events.proof();
    switch (frame.type) {
      case Type.CHALLENGE: return void this.enter(frame.body).catch(() => this.fail(
        new LegClosed("this device's key cannot sign")));
      case Type.AUTH_OK: return this.letIn();
      case Type.CLAIM: {
        const reader = new Reader(frame.body);
        this.offer = reader.lv(4096);
        return this.letIn();
      }
      case Type.DATA: return this.events.data(frame.body);
      case Type.CREDIT: return this.credit(new Reader(frame.body).u32());
      case Type.PING: return this.ponged(frame.body);
      case Type.CLOSE: {
        const reason = frame.body[0] ?? CloseReason.DONE;
        return this.fail(new LegClosed("the other side closed", { reason }));
      }
      case Type.ERR: {
        const refusal = parseErr(frame.body);
        return this.fail(new LegClosed(refusal.sentence, { code: refusal.code }));
      }
      default: throw new Malformed("unknown frame");
    }
  }

  private async enter(challenge: Bytes): Promise<void> {
    const { nonce } = parseChallenge(challenge);
    const entry = this.entry;
    if (entry.kind === "pairing") return this.write(Type.CLAIM, entry.claim);
    const input = {
      relayUrl: this.door.url, nonce, role: 2, mailboxId: entry.mailboxId,
      pub: entry.signer.publicKey, time: this.now(),
    };
    const signature = await sign(entry.signer.privateKey, authSigned(input));
    this.write(Type.AUTH, authBody(input, signature));
  }

  private enterDirect(): void {
    const entry = this.entry;
    if (entry.kind === "device") this.write(Type.OPEN, openBody(1, entry.mailboxId));
    else this.write(Type.OPEN, openBody(2, entry.pairId ?? entry.claim));
    this.letIn();
  }

  private letIn(): void {
    this.admitted?.();
    this.admitted = undefined;
  }

  // --- out -------------------------------------------------------------------

  send(octets: Bytes): void {
    this.queue.push(octets);
    this.drain();
  }

  private credit(octets: number): void {
    this.window += octets;
    this.drain();
  }

  private drain(): void {
    const direct = this.door.kind === "direct"; // no CREDIT there: the socket's own backpressure
    while (this.queue[0] && (direct || this.queue[0].length <= this.window)) {
      const octets = this.queue.shift()!;
      if (!direct) this.window -= octets.length;
      this.write(Type.DATA, octets);
    }
  }

  private write(type: number, body: Bytes): void {
    if (!this.over) this.socket.send(encodeFrame(type, 0, body));
  }

  /** Asks the relay for a sign of life; `proof` follows. */
  ping(): void {
    const body = random(8);
    this.pings.add(body.join());
    this.write(Type.PING, body);
  }

  private ponged(body: Bytes): void {
    // Ours coming back, or theirs to be echoed.
    if (!this.pings.delete(body.join())) this.write(Type.PING, body);
  }

  close(reason: number = CloseReason.DONE): void {
    if (this.over) return;
    this.write(Type.CLOSE, Uint8Array.of(reason));
    this.fail(new LegClosed("closed", { reason }));
  }

  private fail(why: LegClosed): void {
    if (this.over) return;
    this.over = true;
    try {
      this.socket.close(1000);
    } catch {
      // A socket that never opened may refuse; it is gone either way.
    }
    this.events.closed(why);
  }
}

export function claimOfDigits(digits: string): Bytes {
  return utf8(digits);
}
