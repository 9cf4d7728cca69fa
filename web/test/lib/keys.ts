// Fixed keys for vectors: WebCrypto takes raw private keys only inside PKCS #8.

import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { type Bytes, concat, unhex } from "../../src/wire/bytes";
import type { Exchange, Signer } from "../../src/session/crypto";

function pkcs8(oid: "6e" | "70", secret: Bytes): Bytes {
  return concat(unhex(`302e020100300506032b65${oid}04220420`), secret);
}

export async function exchangeOf(secret: Bytes): Promise<Exchange> {
  const key = await crypto.subtle.importKey(
    "pkcs8", pkcs8("6e", secret), "X25519", false, ["deriveKey", "deriveBits"],
  );
  return { publicKey: x25519.getPublicKey(secret) as Bytes, privateKey: key };
}

export async function signerOf(secret: Bytes): Promise<Signer> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8("70", secret), "Ed25519", false, ["sign"]);
  return { publicKey: ed25519.getPublicKey(secret) as Bytes, privateKey: key };
}
