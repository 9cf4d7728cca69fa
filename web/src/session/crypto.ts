// The primitives of fh1 in one place: WebCrypto for everything it has, noble for
// ristretto255 and for the Ed25519 checks that WebCrypto gets wrong.
//
// Why noble verifies signatures: browsers, Node and OpenSSL accept (R = identity,
// S = 0) over any message for the identity-point key. Strict verification refuses
// it, and one implementation on every platform refuses the same things.

import { ed25519 } from "@noble/curves/ed25519.js";
import { type Bytes, concat, lv } from "../wire/bytes";

const subtle = crypto.subtle;
const ZERO_IV = new Uint8Array(12);

export type Random = (count: number) => Bytes;

export const random: Random = (count) => crypto.getRandomValues(new Uint8Array(count));

export async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await subtle.digest("SHA-256", concat(...parts)));
}

// --- HMAC ------------------------------------------------------------------
// A PSK is always an HMAC CryptoKey, so pair_root can stay non-extractable.

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

export async function hmacKey(secret: Bytes): Promise<CryptoKey> {
  return subtle.importKey("raw", secret, HMAC, false, ["sign"]);
}

export async function hmac(key: CryptoKey, ...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await subtle.sign("HMAC", key, concat(...parts)));
}

// --- HKDF ------------------------------------------------------------------

export async function hkdfKey(ikm: Bytes): Promise<CryptoKey> {
  return subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits", "deriveKey"]);
}

function hkdfParams(salt: Bytes, info: Bytes): HkdfParams {
  return { name: "HKDF", hash: "SHA-256", salt, info };
}

export async function hkdf(
  key: CryptoKey, salt: Bytes, info: Bytes, length: number,
): Promise<Bytes> {
  return new Uint8Array(await subtle.deriveBits(hkdfParams(salt, info), key, length * 8));
}

export async function hkdfHmacKey(key: CryptoKey, salt: Bytes, info: Bytes): Promise<CryptoKey> {
  const type = { ...HMAC, length: 256 };
  return subtle.deriveKey(hkdfParams(salt, info), key, type, false, ["sign"]);
}

export async function hkdfAeadKey(key: CryptoKey, salt: Bytes, info: Bytes): Promise<CryptoKey> {
  const type = { name: "AES-GCM", length: 256 };
  return subtle.deriveKey(hkdfParams(salt, info), key, type, false, ["encrypt", "decrypt"]);
}

// --- AES-256-GCM -----------------------------------------------------------

export async function seal(
  key: CryptoKey, aad: Bytes, plain: Bytes, iv: Bytes = ZERO_IV,
): Promise<Bytes> {
  const params = { name: "AES-GCM", iv, additionalData: aad };
  return new Uint8Array(await subtle.encrypt(params, key, plain));
}

/** Rejects when the tag is wrong. */
export async function open(
  key: CryptoKey, aad: Bytes, sealed: Bytes, iv: Bytes = ZERO_IV,
): Promise<Bytes> {
  const params = { name: "AES-GCM", iv, additionalData: aad };
  return new Uint8Array(await subtle.decrypt(params, key, sealed));
}

// --- X25519 ----------------------------------------------------------------

export interface Exchange {
  publicKey: Bytes;
  privateKey: CryptoKey;
}

export async function newExchange(): Promise<Exchange> {
  const usages: KeyUsage[] = ["deriveKey", "deriveBits"];
  const pair = (await subtle.generateKey("X25519", false, usages)) as CryptoKeyPair;
  return {
    publicKey: new Uint8Array(await subtle.exportKey("raw", pair.publicKey)),
    privateKey: pair.privateKey,
  };
}

/**
 * X25519 straight into an HKDF key: `dh` never enters this program's memory.
 * A peer key of small order gives the all-zero secret, which every engine refuses.
 */
export async function exchange(mine: CryptoKey, theirs: Bytes): Promise<CryptoKey> {
  const peer = await subtle.importKey("raw", theirs, "X25519", false, []);
  const params = { name: "X25519", public: peer } as EcdhKeyDeriveParams;
  return subtle.deriveKey(params, mine, "HKDF", false, ["deriveBits", "deriveKey"]);
}

// --- Ed25519 ---------------------------------------------------------------

export interface Signer {
  publicKey: Bytes;
  privateKey: CryptoKey; // non-extractable
}

export async function newSigner(): Promise<Signer> {
  const pair = (await subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  return {
    publicKey: new Uint8Array(await subtle.exportKey("raw", pair.publicKey)),
    privateKey: pair.privateKey,
  };
}

export async function sign(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle.sign("Ed25519", key, message));
}

/** Canonical, in the prime-order subgroup, and not the identity. */
export function validPublicKey(key: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(key);
    // The identity is torsion-free, so is0() is needed as well.
    return point.isTorsionFree() && !point.is0();
  } catch {
    return false;
  }
}

export function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!validPublicKey(key)) return false;
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

// --- identifiers -----------------------------------------------------------

async function identifier(label: string, key: Uint8Array): Promise<Bytes> {
  return (await sha256(lv(label), key)).slice(0, 16);
}

export const hostId = (host: Uint8Array): Promise<Bytes> => identifier("fh1 host", host);
export const deviceId = (device: Uint8Array): Promise<Bytes> => identifier("fh1 device", device);
export const mailboxId = (relayKey: Uint8Array): Promise<Bytes> =>
  identifier("fh1 mailbox", relayKey);
