// A host and its relay in one object on a loopback port, for unit tests and for
// looking at the page without a host. It plays the responder's side of everything
// the controller does; the product's real host is written in C.

import { type AddressInfo } from "node:net";
import { WebSocket as WsSocket, WebSocketServer } from "ws";
import {
  type Bytes, concat, equal, hex, lv, Reader, text, u16, u32, u64, u8, utf8,
} from "../../src/wire/bytes";
import { authSigned, decodeFrame, encodeFrame, errBody, RelayError, Type } from "../../src/wire/envelope";
import { encodeQr } from "../../src/wire/qr";
import { parseRpc, type RpcMessage } from "../../src/wire/jsonrpc";
import { field, parseTlv, tlv } from "../../src/wire/tlv";
import { b64url } from "../../src/wire/bytes";
import * as crypto from "../../src/session/crypto";
import { Lane } from "../../src/session/lane";
import { encodeGrant } from "../../src/session/pairing";
import { Itype } from "../../src/session/records";
import { Session, type SessionEvent } from "../../src/session/session";
import * as t from "../../src/session/transcript";
import { answerCpace, Responder } from "./responder";

export interface Device {
  key: Bytes;
  relayKey: Bytes;
  psk: CryptoKey;
  lane: Lane;
  laneEpoch: number;
  sessions: Set<HostSession>;
  revoked: boolean;
}

export interface OpenPairing {
  pairId: Bytes;
  secret: Bytes;
  offer: Bytes;
  nameplate: string;
  prs: string;
  role: number;
  confirm: "ask" | "none";
  /** Called with the digits; resolves to the person's answer at the host. */
  decide: (digits: string) => Promise<boolean>;
  used: boolean;
  guesses: number;
}

/** One app-server connection of a controller, as the double's owner sees it. */
export interface AppStream {
  device: Device;
  send(message: unknown): void;
  close(): void;
}

export interface HostSession {
  session: Session;
  drop(): void;
}

export type AppHandler = (stream: AppStream, message: RpcMessage) => void;

export class HostDouble {
  readonly devices: Device[] = [];
  readonly pairings: OpenPairing[] = [];
  laneEpoch = 1;
  /** Like a host in memory that restarted: it does not know what it had received. */
  forgetful = false;
  app: AppHandler = () => undefined;
  /** A malicious relay: changes, drops or repeats what passes. */
  tamper: ((octets: Bytes, way: "up" | "down") => Bytes[]) | undefined;
  name = "studio";
  private readonly sockets = new Set<WsSocket>();

  private constructor(
    readonly server: WebSocketServer,
    readonly keys: crypto.Signer,
    readonly mailboxId: Bytes,
  ) {
    server.on("connection", (socket) => this.serve(socket));
  }

  static async start(port = 0): Promise<HostDouble> {
    const server = new WebSocketServer({ host: "127.0.0.1", port, path: "/relay" });
    await new Promise((resolve) => server.once("listening", resolve));
    const relayKey = await crypto.newSigner();
    const mailbox = await crypto.mailboxId(relayKey.publicKey);
    return new HostDouble(server, await crypto.newSigner(), mailbox);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/relay`;
  }

  stop(): void {
    this.dropAll();
    this.server.close();
  }

  /** Every connection breaks, as when a phone leaves the house. */
  dropAll(): void {
    for (const socket of this.sockets) socket.terminate();
  }

  // --- pairing ------------------------------------------------------------------

  openPairing(more: Partial<OpenPairing> = {}): OpenPairing {
    const pairId = crypto.random(16);
    const offer = concat(u8(1), u8(1), pairId, crypto.random(16), u16(300));
    const pairing: OpenPairing = {
      pairId, offer, secret: crypto.random(16), nameplate: "748", prs: "wolf-pine-748",
      role: 3, confirm: "ask", decide: async () => true, used: false, guesses: 0, ...more,
    };
    this.pairings.push(pairing);
    return pairing;
  }

  link(pairing: OpenPairing, origin = "https://app.example/"): string {
    const blob = encodeQr({
      expiresAt: Math.floor(Date.now() / 1000) + 300, pairId: pairing.pairId,
      host: this.keys.publicKey, secret: pairing.secret, relayUrl: this.url,
    });
    return `${origin}#p=${b64url(blob)}`;
  }

  // --- the relay's part -------------------------------------------------------------

  private serve(socket: WsSocket): void {
    this.sockets.add(socket);
    const nonce = crypto.random(32);
    const write = (type: number, body: Bytes) => socket.send(encodeFrame(type, 0, body));
    let receive: ((octets: Bytes) => void) | undefined;
    let gone = () => undefined as void;
    const down = (octets: Bytes) => {
      for (const out of this.tamper?.(octets, "down") ?? [octets]) write(Type.DATA, out);
    };
    const peer = {
      send: down,
      drop: () => {
        write(Type.CLOSE, u8(4));
        socket.close();
      },
      onGone: (callback: () => void) => (gone = callback),
    };
    socket.on("close", () => {
      this.sockets.delete(socket);
      gone();
    });
    socket.on("message", (data: Buffer) => {
      const frame = decodeFrame(new Uint8Array(data));
      if (frame.type === Type.PING) return write(Type.PING, frame.body);
      if (frame.type === Type.DATA) {
        for (const octets of this.tamper?.(frame.body, "up") ?? [frame.body]) receive?.(octets);
        return write(Type.CREDIT, u32(frame.body.length));
      }
      if (frame.type === Type.AUTH) {
        const device = this.authenticate(frame.body, nonce);
        if (!device) return write(Type.ERR, errBody(RelayError.NOT_ADMITTED, "not admitted"));
        receive = this.trusted(peer);
        return write(Type.AUTH_OK, concat(lv(""), u64(0)));
      }
      if (frame.type === Type.CLAIM) {
        const pairing = this.claimed(frame.body);
        if (!pairing) return write(Type.ERR, errBody(RelayError.NO_SUCH_CODE, "no such code"));
        const digits = frame.body.length <= 5;
        receive = this.box(pairing, peer, digits);
        return write(Type.CLAIM, lv(digits ? pairing.offer : ""));
      }
    });
    write(Type.CHALLENGE, concat(nonce, u64(Date.now())));
  }

  private authenticate(body: Bytes, nonce: Bytes): Device | undefined {
    const reader = new Reader(body);
    reader.u8();
    const role = reader.u8();
    const pub = reader.take(32);
    const mailboxId = reader.take(16);
    const time = reader.count();
    reader.u64();
    reader.lv(64);
    const signature = reader.take(64);
    const signed = authSigned({ relayUrl: this.url, nonce, role, mailboxId, pub, time });
    if (!crypto.verify(pub, signed, signature) || !equal(mailboxId, this.mailboxId)) return undefined;
    return this.devices.find((d) => !d.revoked && equal(d.relayKey, pub));
  }

  private claimed(claim: Bytes): OpenPairing | undefined {
    const open = this.pairings.filter((p) => !p.used);
    if (claim.length === 16) return open.find((p) => equal(p.pairId, claim));
    return open.find((p) => p.nameplate === text(claim));
  }

  // --- the host's part: a box ---------------------------------------------------------

  private box(pairing: OpenPairing, peer: Peer, byDigits: boolean): (octets: Bytes) => void {
    const mode = byDigits ? t.Mode.CODE : t.Mode.QR;
    let psk: Promise<CryptoKey> = t.qrPsk(pairing.secret, this.keys.publicKey);
    let responder: Responder | undefined;
    let session: Session | undefined;
    const rH = crypto.random(32);
    const step = async (octets: Bytes): Promise<void> => {
      if (session) return session.receive(octets);
      if (octets[0] === 0x11) {
        const run = await answerCpace(pairing.prs, pairing.offer, octets);
        psk = t.codePsk(run.isk, run.sid);
        return peer.send(run.p3);
      }
      if (!responder) {
        const params = tlv(
          [1, utf8("0.1.0")], [3, await t.sasCommitment(rH)], [4, utf8(this.name)],
          [5, u64(Date.now())],
        );
        responder = await Responder.accept({
          mode, ctx: pairing.pairId, psk: await psk, host: this.keys, params,
        }, octets);
        return peer.send(responder.msg2);
      }
      const accepted = await responder.finish(octets);
      pairing.used = true;
      const io = { send: peer.send, event: () => undefined, now: Date.now };
      const secrets = { send: accepted.keys.r2i.slice(), receive: accepted.keys.i2r.slice() };
      session = await Session.create(secrets, io);
      await this.enrol(pairing, session, accepted, rH);
    };
    return serial(step, () => {
      if (mode === t.Mode.CODE && !session) pairing.guesses++;
      peer.drop();
    });
  }

  private async enrol(
    pairing: OpenPairing, session: Session, accepted: Awaited<ReturnType<Responder["finish"]>>,
    rH: Bytes,
  ): Promise<void> {
    const params = parseTlv(accepted.paramsI, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    if (pairing.confirm === "ask") {
      session.control(Itype.PENDING, tlv(
        [1, rH], [2, u8(pairing.role)], [3, utf8(this.name)], [4, u64(Date.now() + 300_000)],
      ));
      const digits = await t.sas(accepted.keys.exporter, rH, field(params, 3, 16)!);
      if (!(await pairing.decide(t.shownSas(digits)))) {
        return session.control(Itype.DENIED, concat(u8(2), utf8("declined at the host")));
      }
    }
    this.devices.push({
      key: accepted.device, relayKey: field(params, 5, 32)!, psk: accepted.keys.pairRoot!,
      lane: new Lane(), laneEpoch: 0, sessions: new Set(), revoked: false,
    });
    session.admit(tlv(
      [1, await this.grant(accepted.device, pairing.role)], [2, this.mailboxId],
      [3, u32(this.laneEpoch)], [4, u64(0)], [6, utf8(this.url)], [7, utf8(this.name)],
    ), 0);
  }

  async grant(device: Bytes, role: number): Promise<Bytes> {
    const body = encodeGrant({
      host: await crypto.hostId(this.keys.publicKey), device, role, caps: 0n, serial: 1n,
      issued: BigInt(Date.now()), notAfter: 0n, person: "", name: "phone", scope: "",
    });
    return concat(body, await crypto.sign(this.keys.privateKey, body));
  }

  // --- the host's part: a paired device -----------------------------------------------

  private trusted(peer: Peer): (octets: Bytes) => void {
    let responder: Responder | undefined;
    let device: Device | undefined;
    let session: Session | undefined;
    const step = async (octets: Bytes): Promise<void> => {
      if (session) return session.receive(octets);
      if (!responder) {
        for (device of this.devices.filter((d) => !d.revoked)) {
          const input = {
            mode: t.Mode.TRUSTED, ctx: this.mailboxId, psk: device.psk, host: this.keys,
            params: tlv([1, utf8("0.1.0")], [4, utf8(this.name)]), device: device.key,
          };
          responder = await Responder.accept(input, octets).catch(() => undefined);
          if (responder) break;
        }
        if (responder) peer.send(responder.msg2);
        return; // a wrong tag: no answer
      }
      const accepted = await responder.finish(octets);
      session = await this.open(device!, accepted, peer);
    };
    return serial(step, peer.drop);
  }

  private async open(
    device: Device, accepted: Awaited<ReturnType<Responder["finish"]>>, peer: Peer,
  ): Promise<Session> {
    const resume = field(parseTlv(accepted.paramsI, [1, 2, 3, 4, 5, 6, 7, 8, 9]), 9, 12);
    const reader = new Reader(resume ?? new Uint8Array(12));
    const [epoch, lastRecv] = [reader.u32(), reader.count()];
    const known = device.laneEpoch === this.laneEpoch && epoch === this.laneEpoch;
    if (!known) device.lane = this.forgetful ? new ForgetfulLane() : laneFrom(device.lane);
    device.laneEpoch = this.laneEpoch;
    const lane = device.lane;
    const streams = new Map<number, AppStream>();
    const io = {
      send: peer.send,
      now: Date.now,
      event: (event: SessionEvent) => {
        if (event.type !== "message") return;
        lane.release(event.seqs, lane.epoch, Date.now());
        const stream = streams.get(event.stream) ?? this.appStream(device, event.stream, () => session);
        streams.set(event.stream, stream);
        this.app(stream, parseRpc(event.text));
      },
    };
    const secrets = { send: accepted.keys.r2i.slice(), receive: accepted.keys.i2r.slice() };
    // One session per device: the older one ends now that msg3 has verified.
    for (const older of device.sessions) older.session.close(1);
    const session: Session = await Session.create(secrets, io, lane);
    const handle = { session, drop: peer.drop };
    device.sessions.add(handle);
    peer.onGone(() => device.sessions.delete(handle));
    const fields: [number, Bytes][] = [
      [2, this.mailboxId], [3, u32(this.laneEpoch)], [6, utf8(this.url)], [7, utf8(this.name)],
    ];
    if (!this.forgetful) fields.push([4, u64(lane.lastRecv)]);
    session.admit(tlv(...fields), known ? lastRecv : 0);
    return session;
  }

  private appStream(device: Device, id: number, of: () => Session): AppStream {
    return {
      device,
      send: (message) => {
        const [latest] = [...device.sessions].slice(-1);
        (latest?.session ?? of()).sendMessage(id, JSON.stringify(message), false);
      },
      close: () => of().closeStream(id),
    };
  }

  revoke(device: Device): void {
    device.revoked = true;
    for (const { session } of device.sessions) session.control(Itype.REVOKED, new Uint8Array(0));
  }

  async id(): Promise<string> {
    return hex(await crypto.hostId(this.keys.publicKey));
  }
}

/** The lane of a host that does not know what it had received: it takes what comes. */
class ForgetfulLane extends Lane {
  private lost = true;

  override receive(seq: number, now: number): boolean {
    if (this.lost) this.lastRecv = seq - 1;
    this.lost = false;
    return super.receive(seq, now);
  }
}

/** A new lane_epoch: host -> device starts again, device -> host goes on. */
function laneFrom(old: Lane): Lane {
  const lane = new Lane();
  lane.lastRecv = old.lastRecv;
  return lane;
}

interface Peer {
  send(octets: Bytes): void;
  drop(): void;
  onGone(callback: () => void): void;
}

/** One message at a time; the first failure ends the conversation. */
function serial(step: (octets: Bytes) => Promise<void>, failed: () => void): (octets: Bytes) => void {
  let tail = Promise.resolve();
  return (octets) => {
    tail = tail.then(() => step(octets)).catch(failed);
  };
}
