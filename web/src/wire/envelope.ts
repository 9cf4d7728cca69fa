// The relay envelope: one WebSocket binary message is one frame,
// `01 | type u8 | chan u32 | body`. The relay sees these octets; everything that
// matters is inside DATA and means nothing to it.

import { type Bytes, concat, lv, Malformed, Reader, text, u16, u32, u64, u8 } from "./bytes";

export const MAX_BODY = 64 * 1024 + 64;
export const WINDOW = 256 * 1024;

export const Type = {
  CHALLENGE: 1,
  AUTH: 2,
  AUTH_OK: 3,
  OPEN: 4,
  CLOSE: 5,
  DATA: 6,
  ACL: 7,
  NAMEPLATE: 8,
  CLAIM: 9,
  PING: 11,
  ERR: 12,
  CREDIT: 13,
} as const;

export interface Frame {
  type: number;
  chan: number;
  body: Bytes;
}

export function encodeFrame(type: number, chan: number, body: Uint8Array): Bytes {
  return concat(u8(1), u8(type), u32(chan), body);
}

export function decodeFrame(octets: Uint8Array): Frame {
  const reader = new Reader(octets);
  if (reader.u8() !== 1) throw new Malformed("unknown envelope version");
  const type = reader.u8();
  const chan = reader.u32();
  if (reader.left > MAX_BODY) throw new Malformed("frame too long");
  return { type, chan, body: reader.rest() };
}

export interface Challenge {
  nonce: Bytes;
  relayTime: number;
}

export function parseChallenge(body: Uint8Array): Challenge {
  const reader = new Reader(body);
  const challenge = { nonce: reader.take(32), relayTime: reader.count() };
  reader.end();
  return challenge;
}

export interface AuthInput {
  relayUrl: string;
  nonce: Uint8Array;
  role: number;
  mailboxId: Uint8Array;
  pub: Uint8Array;
  time: number;
}

const NO_COUNTER = u64(0);
const NO_INVITE = lv("");

/** The octets a device signs to be let into its mailbox. */
export function authSigned(a: AuthInput): Bytes {
  return concat(
    lv("fh1 relay auth"), lv(a.relayUrl), a.nonce, u8(a.role), a.mailboxId, a.pub,
    u64(a.time), NO_COUNTER, NO_INVITE,
  );
}

export function authBody(a: AuthInput, signature: Uint8Array): Bytes {
  return concat(
    u8(1), u8(a.role), a.pub, a.mailboxId, u64(a.time), NO_COUNTER, NO_INVITE, signature,
  );
}

export function openBody(kind: 1 | 2, id: Uint8Array): Bytes {
  return concat(u8(kind), id);
}

/** CLOSE reasons, the same numbers in frames and in records. */
export const CloseReason = {
  DONE: 0,
  REPLACED: 1,
  SHUTTING_DOWN: 2,
  PROTOCOL: 3,
  HS_FAIL: 4,
  STALLED: 5,
  IDLE: 6,
  REVOKED: 7,
  LIMIT: 8,
  HOST_OFFLINE: 9,
} as const;

export const RelayError = {
  MALFORMED: 1,
  NOT_ADMITTED: 2,
  HOST_OFFLINE: 3,
  NO_SUCH_CODE: 4,
  CODE_EXPIRED: 5,
  TOO_MANY: 6,
  MEMORY: 7,
  WRONG_URL: 8,
  CLOCK: 9,
} as const;

export interface RelayRefusal {
  code: number;
  sentence: string;
}

export function parseErr(body: Uint8Array): RelayRefusal {
  const reader = new Reader(body);
  return { code: reader.u16(), sentence: text(reader.rest()).slice(0, 200) };
}

export function errBody(code: number, sentence: string): Bytes {
  return concat(u16(code), new TextEncoder().encode(sentence));
}
