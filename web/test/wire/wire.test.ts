import { describe, expect, test } from "vitest";
import {
  b64url, concat, equal, hex, lv, Malformed, Reader, text, u16, u32, u64, u8, unb64url, unhex, utf8,
} from "../../src/wire/bytes";
import { decodeFrame, encodeFrame, MAX_BODY, parseErr, Type } from "../../src/wire/envelope";
import { parseRpc } from "../../src/wire/jsonrpc";
import { encodeQr, parseLink, parseQr } from "../../src/wire/qr";
import { field, parseTlv, tlv } from "../../src/wire/tlv";

describe("octets", () => {
  test("integers are big-endian and exact", () => {
    expect(hex(concat(u8(1), u16(0x203), u32(0x4050607), u64(2n ** 64n - 1n)))).toBe(
      "01020304050607ffffffffffffffff");
    expect(new Reader(u64(2n ** 53n)).u64()).toBe(2n ** 53n);
    expect(() => new Reader(u64(2n ** 53n)).count()).toThrow(Malformed);
  });

  test("a reader never runs past the end, nor leaves octets", () => {
    const reader = new Reader(unhex("0102"));
    expect(() => reader.u32()).toThrow(Malformed);
    expect(reader.u8()).toBe(1);
    expect(() => reader.end()).toThrow(Malformed);
    expect(() => new Reader(u32(100)).lv(1000)).toThrow(Malformed);
    expect(() => new Reader(lv(new Uint8Array(5))).lv(4)).toThrow(Malformed);
  });

  test("base64url goes both ways and refuses everything loose", () => {
    for (let n = 0; n < 70; n++) {
      const octets = crypto.getRandomValues(new Uint8Array(n));
      expect(equal(unb64url(b64url(octets)), octets)).toBe(true);
      expect(b64url(octets)).toBe(Buffer.from(octets).toString("base64url"));
    }
    for (const bad of ["A", "AB=", "A+", "AB\n", "AB", "AAB"]) {

      expect(() => unb64url(bad), bad).toThrow(Malformed);
    }
  });

  test("text that is not UTF-8 is malformed", () => {
    expect(text(utf8("grüße"))).toBe("grüße");
    expect(() => text(unhex("ff"))).toThrow(Malformed);
  });
});

describe("frames", () => {
  test("go both ways", () => {
    const frame = decodeFrame(encodeFrame(Type.DATA, 7, utf8("x")));
    expect(frame).toEqual({ type: Type.DATA, chan: 7, body: utf8("x") });
  });

  test("short, long and foreign ones are refused", () => {
    expect(() => decodeFrame(unhex("0106000000"))).toThrow(Malformed);
    expect(() => decodeFrame(unhex("020600000000"))).toThrow(Malformed);
    expect(() => decodeFrame(encodeFrame(6, 0, new Uint8Array(MAX_BODY + 1)))).toThrow(Malformed);
  });

  test("a refusal's sentence is text, and short", () => {
    const refusal = parseErr(concat(u16(6), utf8("x".repeat(5000))));
    expect(refusal.code).toBe(6);
    expect(refusal.sentence.length).toBeLessThanOrEqual(200);
  });
});

describe("the code in the link", () => {
  const blob = {
    expiresAt: 1_900_000_000, pairId: new Uint8Array(16).fill(1), host: new Uint8Array(32).fill(2),
    secret: new Uint8Array(16).fill(3), relayUrl: "ws://127.0.0.1:4317/relay",
  };

  test("is 100 octets with a 25-character address, and reads back", () => {
    const octets = encodeQr(blob);
    expect(octets.length).toBe(100);
    const { doors, ...rest } = parseQr(octets);
    const { relayUrl, ...given } = blob;
    expect(rest).toEqual(given);
    expect(doors).toEqual([{ kind: "relay", url: relayUrl }]);
  });

  test("is found in a link, a fragment, or alone", () => {
    const code = b64url(encodeQr(blob));
    for (const form of [`https://h.example/#p=${code}`, `#p=${code}`, code, ` ${code}\n`]) {
      expect(parseLink(form).expiresAt).toBe(blob.expiresAt);
    }
  });

  test("may list several addresses, with their kinds", () => {
    const url = utf8("wss://a/relay");
    const door = utf8("ws://b/fh1");
    const head = encodeQr(blob).slice(0, 1 + 1 + 8 + 64);
    head[1] = 1;
    const list = concat(head, u8(2), u8(1), u8(url.length), url, u8(2), u8(door.length), door);
    expect(parseQr(list).doors).toEqual([
      { kind: "relay", url: "wss://a/relay" }, { kind: "direct", url: "ws://b/fh1" },
    ]);
  });

  test("cut short, lengthened, of another version or to elsewhere it is refused", () => {
    const octets = encodeQr(blob);
    for (let n = 0; n < octets.length; n++) expect(() => parseQr(octets.slice(0, n))).toThrow(Malformed);
    expect(() => parseQr(concat(octets, u8(0)))).toThrow(Malformed);
    for (const at of [0, 1]) {
      const bad = octets.slice();
      bad[at] = 9;
      expect(() => parseQr(bad)).toThrow(Malformed);
    }
    for (const relayUrl of ["http://x/", "javascript:alert(1)", "nowhere"]) {
      expect(() => parseQr(encodeQr({ ...blob, relayUrl }))).toThrow(Malformed);
    }
  });
});

describe("TLV", () => {
  test("reads what it knows, skips what it may, stops at what it must know", () => {
    expect(field(parseTlv(tlv([1, u8(7)], [50, u8(1)]), [1]), 1, 1)).toEqual(u8(7));
    expect(() => parseTlv(tlv([0x81, u8(1)]), [1])).toThrow(Malformed);
    expect(() => parseTlv(tlv([1, u8(1)], [1, u8(2)]), [1])).toThrow(Malformed);
    expect(parseTlv(tlv([6, u8(1)], [6, u8(2)]), [6], [6]).get(6)).toHaveLength(2);
    expect(() => field(parseTlv(tlv([1, u16(7)]), [1]), 1, 1)).toThrow(Malformed);
    expect(() => parseTlv(unhex("010005aa"), [1])).toThrow(Malformed);
  });
});

describe("JSON-RPC", () => {
  test("tells requests, notifications and responses apart", () => {
    expect(parseRpc('{"id":1,"method":"a","params":{"x":1},"emittedAtMs":5}')).toEqual(
      { kind: "request", id: 1, method: "a", params: { x: 1 } });
    expect(parseRpc('{"method":"a"}').kind).toBe("notification");
    expect(parseRpc('{"id":"s","result":null}')).toEqual({ kind: "response", id: "s", result: null });
    expect(parseRpc('{"id":2,"error":{"code":-1,"message":"no"}}')).toMatchObject({ error: { code: -1 } });
  });

  test("refuses everything else", () => {
    for (const bad of ["", "[]", "null", "5", "{}", '{"id":1.5,"method":"a"}', '{"id":{},"result":1}', '{"id":1,"error":"x"}', '{"method":5}']) {
      expect(() => parseRpc(bad), bad).toThrow(Malformed);
    }
  });
});
