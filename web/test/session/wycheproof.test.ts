import { expect, test } from "vitest";
import { hex, unhex } from "../../src/wire/bytes";
import * as crypto from "../../src/session/crypto";
import { exchangeOf } from "../lib/keys";
import { wycheproof } from "../lib/vectors";

test("Ed25519: exactly the valid signatures verify", () => {
  for (const group of wycheproof<{ msg: string; sig: string }>("ed25519")) {
    const key = unhex((group["publicKey"] as { pk: string }).pk);
    for (const v of group.tests) {
      const ok = crypto.verify(key, unhex(v.msg), unhex(v.sig));
      expect(ok, `case ${v.tcId}`).toBe(v.result === "valid");
    }
  }
});

test("X25519: agreed secrets match, an all-zero secret is refused", async () => {
  for (const group of wycheproof<{ public: string; private: string; shared: string }>("x25519")) {
    for (const v of group.tests) {
      const mine = await exchangeOf(unhex(v.private));
      const key = crypto.exchange(mine.privateKey, unhex(v.public)).catch(() => undefined);
      const zero = /^0+$/.test(v.shared);
      const dh = await key;
      if (zero) {
        expect(dh, `case ${v.tcId}`).toBeUndefined();
      } else if (v.result === "valid" || dh) {
        const expected = await crypto.hkdfKey(unhex(v.shared));
        const none = new Uint8Array(0);
        const bits = (k: CryptoKey) => crypto.hkdf(k, none, none, 32);
        expect(hex(await bits(dh!)), `case ${v.tcId}`).toBe(hex(await bits(expected)));
      }
    }
  }
});

test("AES-256-GCM with 96-bit IVs: valid ones open, the others do not", async () => {
  type Case = { key: string; iv: string; aad: string; msg: string; ct: string; tag: string };
  for (const group of wycheproof<Case>("aes_gcm")) {
    if (group["keySize"] !== 256 || group["ivSize"] !== 96 || group["tagSize"] !== 128) continue;
    for (const v of group.tests) {
      const key = await globalThis.crypto.subtle.importKey(
        "raw", unhex(v.key), "AES-GCM", false, ["encrypt", "decrypt"],
      );
      const opened = await crypto.open(key, unhex(v.aad), unhex(v.ct + v.tag), unhex(v.iv))
        .catch(() => undefined);
      expect(opened !== undefined, `case ${v.tcId}`).toBe(v.result === "valid");
      if (opened) expect(hex(opened)).toBe(v.msg);
    }
  }
});

test("HMAC-SHA256", async () => {
  for (const group of wycheproof<{ key: string; msg: string; tag: string }>("hmac_sha256")) {
    for (const v of group.tests) {
      const mac = await crypto.hmac(await crypto.hmacKey(unhex(v.key)), unhex(v.msg));
      const shown = hex(mac).slice(0, v.tag.length);
      expect(shown === v.tag, `case ${v.tcId}`).toBe(v.result === "valid");
    }
  }
});

test("HKDF-SHA256", async () => {
  type Case = { ikm: string; salt: string; info: string; size: number; okm: string };
  for (const group of wycheproof<Case>("hkdf_sha256")) {
    for (const v of group.tests) {
      const key = await crypto.hkdfKey(unhex(v.ikm));
      const okm = await crypto.hkdf(key, unhex(v.salt), unhex(v.info), v.size).catch(() => undefined);
      expect(okm && hex(okm), `case ${v.tcId}`).toBe(v.result === "valid" ? v.okm : undefined);
    }
  }
});
