// CPace-RISTR255-SHA512 (draft-irtf-cfrg-cpace, initiator-responder): a short
// phrase becomes a PSK, and a stranger gets one guess per run and none offline.
// Lengths inside CPace are LEB128, as the draft says; LV is used only for CI.

import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, lv, Malformed, Reader, utf8 } from "../wire/bytes";
import { type Random, random, sha256 } from "./crypto";

const Point = ristretto255.Point;
const ORDER = Point.Fn.ORDER;
const DSI = utf8("CPaceRistretto255");
const DSI_ISK = utf8("CPaceRistretto255_ISK");
const HASH_BLOCK = 128;

/** A wrong point or an identity result: the run is over. */
export class CpaceFailed extends Error {
  override name = "CpaceFailed";
}

function leb128(value: number): Bytes {
  const out: number[] = [];
  do {
    out.push((value & 127) | (value > 127 ? 128 : 0));
    value >>= 7;
  } while (value > 0);
  return Uint8Array.from(out);
}

function prefixed(value: Uint8Array): Bytes {
  return concat(leb128(value.length), value);
}

function lvCat(...parts: Uint8Array[]): Bytes {
  return concat(...parts.map(prefixed));
}

export function generatorString(prs: Bytes, ci: Bytes, sid: Bytes): Bytes {
  const zeros = Math.max(0, HASH_BLOCK - 1 - prefixed(prs).length - prefixed(DSI).length);
  return lvCat(DSI, prs, new Uint8Array(zeros), ci, sid);
}

export type CpacePoint = InstanceType<typeof Point>;

export function generator(prs: Bytes, ci: Bytes, sid: Bytes): CpacePoint {
  const hash = sha512(generatorString(prs, ci, sid));
  return ristretto255_hasher.deriveToCurve!(hash) as CpacePoint;
}

/** 64 random octets mod L, never zero. */
export function newScalar(from: Random = random): bigint {
  for (;;) {
    const scalar = littleEndian(from(64)) % ORDER;
    if (scalar !== 0n) return scalar;
  }
}

export function littleEndian(octets: Uint8Array): bigint {
  let value = 0n;
  for (let i = octets.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(octets[i]!);
  return value;
}

export function multiply(point: CpacePoint, scalar: bigint): Bytes {
  return point.multiply(scalar).toBytes() as Bytes;
}

/**
 * scalar_mult_vfy: refuses what does not decode and everything that ends in the
 * identity. noble decodes 32 zero octets to the identity, hence both is0() checks.
 */
export function multiplyVerified(encoded: Bytes, scalar: bigint): Bytes {
  let point: CpacePoint;
  try {
    point = Point.fromBytes(encoded);
  } catch {
    throw new CpaceFailed();
  }
  if (point.is0()) throw new CpaceFailed();
  const product = point.multiply(scalar);
  if (product.is0()) throw new CpaceFailed();
  return product.toBytes() as Bytes;
}

/** The intermediate session key of an initiator-responder run. */
export function sessionKey(
  sid: Bytes, k: Bytes, a: { y: Bytes; ad: Bytes }, b: { y: Bytes; ad: Bytes },
): Bytes {
  const transcript = concat(lvCat(a.y, a.ad), lvCat(b.y, b.ad));
  return sha512(concat(lvCat(DSI_ISK, sid, k), transcript)) as Bytes;
}

// --- the two messages of fh1 -------------------------------------------------

export interface Offer {
  pairId: Bytes;
  octets: Bytes;
  expiresIn: number; // seconds
}

export const OFFER_LENGTH = 36;

export function parseOffer(octets: Bytes): Offer & { hostNonce: Bytes } {
  const reader = new Reader(octets);
  if (reader.u8() !== 1 || reader.u8() !== 1) throw new Malformed("unknown offer");
  const pairId = reader.take(16);
  const hostNonce = reader.take(16);
  const expiresIn = reader.u16();
  reader.end();
  return { pairId, hostNonce, expiresIn, octets };
}

/** CI leaves expires_in out: the relay counts it down. */
export function channelId(offer: Bytes): Bytes {
  const fixed = offer.slice(0, OFFER_LENGTH - 2);
  return concat(lv("fh1 cpace"), lv("I=controller"), lv("R=host"), lv(fixed));
}

export async function sessionId(hostNonce: Bytes, controllerNonce: Bytes): Promise<Bytes> {
  return sha256(lv("fh1 sid"), hostNonce, controllerNonce);
}

export interface CpaceRun {
  p2: Bytes;
  sid: Bytes;
  /** Takes P3, gives ISK. */
  finish(p3: Bytes): Bytes;
}

/** The controller's side: P2 out, P3 in. `prs` is "w1-w2-ddd" in lower case. */
export async function startCpace(
  prs: string, offer: Bytes, from: Random = random,
): Promise<CpaceRun> {
  const { hostNonce } = parseOffer(offer);
  const nonce = from(16);
  const sid = await sessionId(hostNonce, nonce);
  const base = generator(utf8(prs), channelId(offer), sid);
  const scalar = newScalar(from);
  const ya = multiply(base, scalar);
  const p2 = concat(Uint8Array.of(0x11, 0x01), nonce, ya);
  let used = false;
  return {
    p2,
    sid,
    finish(p3) {
      if (used || p3.length !== 34 || p3[0] !== 0x12 || p3[1] !== 0x01) throw new CpaceFailed();
      used = true;
      const yb = p3.slice(2);
      const k = multiplyVerified(yb, scalar);
      return sessionKey(sid, k, { y: ya, ad: p2.slice(0, 18) }, { y: yb, ad: p3.slice(0, 2) });
    },
  };
}
