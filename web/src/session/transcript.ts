// What both sides of the S3 handshake compute alike (docs/protocol.md §2): the
// prologue, the transcript hashes, the keys. No state and no decisions here; the
// initiator is in handshake.ts, and the responder of the tests uses these too.

import { type Bytes, concat, lv, Reader, u8 } from "../wire/bytes";
import { hkdf, hkdfAeadKey, hkdfHmacKey, hkdfKey, hmac, hmacKey, sha256 } from "./crypto";

export const Mode = { QR: 1, CODE: 2, TRUSTED: 3 } as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

export const SUITE = 1;
export const MSG1_LENGTH = 92;
export const MSG1_TAGGED = 76;
export const MSG2_HEAD = 68;
export const MSG3_HEAD = 4;
export const MAX_HANDSHAKE = 4096;
const MAX_PARAMS = 1024;
const NONE: Bytes = new Uint8Array(0);

/** The one answer to every failure before keys exist: no reason, on purpose. */
export class HandshakeFailed extends Error {
  override name = "HandshakeFailed";
  constructor(cause?: unknown) {
    super("handshake failed", { cause });
  }
}

export function require(condition: boolean): asserts condition {
  if (!condition) throw new HandshakeFailed();
}

export function prologue(mode: Mode, ctx: Bytes): Bytes {
  return concat(lv("fh1-S3-X25519-Ed25519-AES256GCM-SHA256"), u8(mode), lv(ctx));
}

export function head(message: 1 | 2 | 3, mode: Mode): Bytes {
  return Uint8Array.of(message, 1, mode, SUITE);
}

export async function qrPsk(secret: Bytes, host: Bytes): Promise<CryptoKey> {
  const info = concat(lv("fh1 qr psk"), host);
  return hkdfHmacKey(await hkdfKey(secret), NONE, info);
}

export async function codePsk(isk: Bytes, sid: Bytes): Promise<CryptoKey> {
  return hmacKey(await hkdf(await hkdfKey(isk), sid, lv("fh1 code psk"), 32));
}

export async function saltOf(psk: CryptoKey, pro: Bytes): Promise<Bytes> {
  return hmac(psk, lv("fh1 salt"), await sha256(pro));
}

export async function hintOf(psk: CryptoKey, mode: Mode, nonce: Bytes): Promise<Bytes> {
  if (mode !== Mode.TRUSTED) return new Uint8Array(8);
  return (await hmac(psk, lv("fh1 hint"), nonce)).slice(0, 8);
}

export async function helloTag(psk: CryptoKey, pro: Bytes, tagged: Bytes): Promise<Bytes> {
  return (await hmac(psk, lv("fh1 hello"), pro, tagged)).slice(0, 16);
}

/** k2 and k3: each encrypts exactly one message, so a zero IV is safe. */
export async function messageKey(
  dh: CryptoKey, salt: Bytes, label: "fh1 k2" | "fh1 k3", th: Bytes,
): Promise<CryptoKey> {
  return hkdfAeadKey(dh, salt, concat(lv(label), th));
}

export function hostSigned(th2: Bytes, host: Bytes, params: Bytes): Bytes {
  return concat(lv("fh1 sig host"), th2, lv(host), lv(params));
}

export function controllerSigned(th3: Bytes, host: Bytes, device: Bytes, params: Bytes): Bytes {
  return concat(lv("fh1 sig ctrl"), th3, lv(host), lv(device), lv(params));
}

export interface Identity {
  key: Bytes;
  signature: Bytes;
  params: Bytes;
}

export function encodeIdentity(id: Identity): Bytes {
  return concat(lv(id.key), lv(id.signature), lv(id.params));
}

export function parseIdentity(octets: Bytes): Identity {
  const reader = new Reader(octets);
  const id = { key: reader.lv(32), signature: reader.lv(64), params: reader.lv(MAX_PARAMS) };
  reader.end();
  require(id.key.length === 32 && id.signature.length === 64);
  return id;
}

export interface SessionKeys {
  i2r: Bytes;
  r2i: Bytes;
  exporter: Bytes;
  th4: Bytes;
  /** Modes 1 and 2 only: what TRUSTED mode will use as its PSK. */
  pairRoot: CryptoKey | undefined;
}

export async function sessionKeys(
  mode: Mode, dh: CryptoKey, salt: Bytes, th4: Bytes,
): Promise<SessionKeys> {
  const derive = (label: string) => hkdf(dh, salt, concat(lv(label), th4), 32);
  const root = concat(lv("fh1 root"), th4);
  return {
    i2r: await derive("fh1 i2r"),
    r2i: await derive("fh1 r2i"),
    exporter: await derive("fh1 exp"),
    th4,
    pairRoot: mode === Mode.TRUSTED ? undefined : await hkdfHmacKey(dh, salt, root),
  };
}

// --- short authentication string --------------------------------------------

export async function sasCommitment(rH: Bytes): Promise<Bytes> {
  return sha256(lv("fh1 sas commit"), rH);
}

export async function sas(exporter: Bytes, rH: Bytes, rI: Bytes): Promise<string> {
  const info = concat(lv("fh1 sas"), rH, rI);
  const octets = await hkdf(await hkdfKey(exporter), NONE, info, 8);
  const number = new Reader(octets).u64() % 1_000_000n;
  return number.toString().padStart(6, "0");
}

/** `482913` as it is shown: `482 913`. */
export function shownSas(digits: string): string {
  return `${digits.slice(0, 3)} ${digits.slice(3)}`;
}
