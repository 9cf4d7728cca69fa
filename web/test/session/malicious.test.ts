// A relay that does what it likes with every handshake message and record. All of it
// must fail closed, and before keys exist always in the same way: HandshakeFailed.

import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { beforeAll, describe, expect, test } from "vitest";
import { type Bytes, concat, hex, unhex, utf8 } from "../../src/wire/bytes";
import * as cpace from "../../src/session/cpace";
import * as crypto from "../../src/session/crypto";
import { type Established, Initiator } from "../../src/session/handshake";
import { encodePlain, Itype, LIMITS, Opener, pad, RecordError, Sealer, unpad } from "../../src/session/records";
import * as t from "../../src/session/transcript";
import { answerCpace, Responder } from "../lib/responder";

let host: crypto.Signer;
let device: crypto.Signer;
let psk: CryptoKey;
const ctx = crypto.random(16);
const params = utf8("pp");

beforeAll(async () => {
  host = await crypto.newSigner();
  device = await crypto.newSigner();
  psk = await crypto.hmacKey(crypto.random(32));
});

const MODES = [t.Mode.QR, t.Mode.CODE, t.Mode.TRUSTED] as const;

function initiator(mode: t.Mode, more = {}): Promise<Initiator> {
  return Initiator.start({ mode, ctx, psk, host: host.publicKey, device, params, ...more });
}

function responder(mode: t.Mode, msg1: Bytes, more = {}): Promise<Responder> {
  return Responder.accept({ mode, ctx, psk, host, params, ...more }, msg1);
}

async function whole(mode: t.Mode): Promise<Established & { msg1: Bytes; msg2: Bytes; msg3: Bytes }> {
  const i = await initiator(mode);
  const r = await responder(mode, i.msg1);
  return { ...(await i.answer(r.msg2)), msg1: i.msg1, msg2: r.msg2 };
}

async function refuses(work: Promise<unknown>, what: string): Promise<void> {
  const error = await work.then(() => undefined, (e: unknown) => e);
  expect(error, what).toBeInstanceOf(Error);
}

async function uniform(work: Promise<unknown>, what: string): Promise<void> {
  const error = await work.then(() => undefined, (e: unknown) => e);
  expect(error, what).toBeInstanceOf(t.HandshakeFailed);
  expect((error as Error).message).toBe("handshake failed");
}

function* flips(octets: Bytes): Generator<[number, Bytes]> {
  for (let bit = 0; bit < octets.length * 8; bit++) {
    const out = octets.slice();
    out[bit >> 3]! ^= 1 << (bit & 7);
    yield [bit, out];
  }
}

describe.each(MODES)("mode %i", (mode) => {
  test("every bit of msg1 matters to the host", async () => {
    const { msg1 } = await initiator(mode);
    for (const [bit, bad] of flips(msg1)) await refuses(responder(mode, bad), `bit ${bit}`);
  });

  test("every bit of msg2 matters to this device", async () => {
    const first = await initiator(mode);
    const length = (await responder(mode, first.msg1)).msg2.length;
    for (let bit = 0; bit < length * 8; bit++) {
      const i = await initiator(mode);
      const { msg2 } = await responder(mode, i.msg1);
      msg2[bit >> 3]! ^= 1 << (bit & 7);
      await uniform(i.answer(msg2), `bit ${bit}`);
    }
  });

  test("every bit of msg3 matters to the host", async () => {
    const i = await initiator(mode);
    const r = await responder(mode, i.msg1);
    const { msg3 } = await i.answer(r.msg2);
    for (const [bit, bad] of flips(msg3)) await refuses(r.finish(bad), `bit ${bit}`);
  });

  test("truncated or lengthened messages fail", async () => {
    const model = await whole(mode);
    for (let n = 0; n < model.msg2.length; n += 7) {
      const i = await initiator(mode);
      const { msg2 } = await responder(mode, i.msg1);
      await uniform(i.answer(msg2.slice(0, n)), `msg2 cut to ${n}`);
    }
    const i = await initiator(mode);
    const r = await responder(mode, i.msg1);
    await uniform(i.answer(concat(r.msg2, Uint8Array.of(0))), "msg2 with an octet more");
    for (let n = 0; n < 92; n++) await refuses(responder(mode, model.msg1.slice(0, n)), `msg1 ${n}`);
    for (let n = 0; n < model.msg3.length; n++) await refuses(r.finish(model.msg3.slice(0, n)), `msg3 ${n}`);
  });

  test("a replayed, reflected or foreign msg2 fails, and an attempt is used once", async () => {
    const old = await whole(mode);
    await uniform((await initiator(mode)).answer(old.msg2), "msg2 of an older run");
    const i = await initiator(mode);
    await uniform(i.answer(i.msg1), "our own msg1");
    const { msg2 } = await responder(mode, i.msg1);
    await uniform(i.answer(msg2), "a second answer after a failure");
    const j = await initiator(mode);
    const r = await responder(mode, j.msg1);
    await j.answer(r.msg2);
    await uniform(j.answer(r.msg2), "the same msg2 twice");
  });

  test("two spliced runs fail", async () => {
    const [a, b] = [await initiator(mode), await initiator(mode)];
    const [ra, rb] = [await responder(mode, a.msg1), await responder(mode, b.msg1)];
    const crossed = concat(ra.msg2.slice(0, 68), rb.msg2.slice(68));
    const made = await b.answer(rb.msg2);
    await refuses(ra.finish(made.msg3), "msg3 of the other run");
    await uniform(a.answer(crossed), "the head of one and the body of the other");
  });

  test("another mode, another context, another PSK fail", async () => {
    const i = await initiator(mode);
    for (const other of MODES.filter((m) => m !== mode)) {
      const swapped = concat(t.head(1, other), i.msg1.slice(4));
      await refuses(responder(other, swapped), `as mode ${other}`);
    }
    await refuses(responder(mode, i.msg1, { ctx: crypto.random(16) }), "another context");
    const foreign = await crypto.hmacKey(crypto.random(32));
    await refuses(responder(mode, i.msg1, { psk: foreign }), "another PSK");
  });

  test("small-order and non-canonical exchange keys fail", async () => {
    for (const bad of SMALL_ORDER) {
      const i = await initiator(mode);
      const { msg2 } = await responder(mode, i.msg1);
      msg2.set(bad, 4);
      await uniform(i.answer(msg2), hex(bad));
    }
  });
});

const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(unhex);

describe("who the host is", () => {
  test("another host than the pinned one is refused in modes 1 and 3", async () => {
    const impostor = await crypto.newSigner();
    for (const mode of [t.Mode.QR, t.Mode.TRUSTED]) {
      const i = await initiator(mode);
      const r = await responder(mode, i.msg1, { host: impostor });
      await uniform(i.answer(r.msg2), `mode ${mode}`);
    }
  });

  test("modes 1 and 3 do not start without a pinned host", async () => {
    for (const mode of [t.Mode.QR, t.Mode.TRUSTED]) {
      await uniform(Initiator.start({ mode, ctx, psk, device, params }), `mode ${mode}`);
    }
  });

  test("a host that cannot sign for the key it names is refused", async () => {
    const liar = { publicKey: host.publicKey, privateKey: device.privateKey };
    const i = await initiator(t.Mode.TRUSTED);
    const r = await responder(t.Mode.TRUSTED, i.msg1, { host: liar });
    await uniform(i.answer(r.msg2), "wrong private key");
  });

  test("keys of small order, with a torsion part or not canonical are no public keys", () => {
    const torsion = ed25519.Point.fromHex(
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    const mixed = ed25519.Point.fromBytes(host.publicKey).add(torsion).toBytes();
    const bad = [
      "0100000000000000000000000000000000000000000000000000000000000000", // identity
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
      "0000000000000000000000000000000000000000000000000000000000000000", // order 4
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
      "0100000000000000000000000000000000000000000000000000000000000080", // -0
    ].map(unhex);
    for (const key of [...bad, mixed, utf8("short")]) {
      expect(crypto.validPublicKey(key), hex(key)).toBe(false);
    }
    expect(crypto.validPublicKey(host.publicKey)).toBe(true);
  });

  test("the signature (identity, 0) of the identity key proves nothing", () => {
    const identity = unhex("01".padEnd(64, "0"));
    const forged = concat(identity, new Uint8Array(32));
    expect(crypto.verify(identity, utf8("anything"), forged)).toBe(false);
  });
});

describe("CPace", () => {
  const offer = concat(Uint8Array.of(1, 1), crypto.random(32), Uint8Array.of(1, 44));

  async function run(mine: string, theirs: string): Promise<[string, string]> {
    const ours = await cpace.startCpace(mine, offer);
    const answer = await answerCpace(theirs, offer, ours.p2);
    return [hex(ours.finish(answer.p3)), hex(answer.isk)];
  }

  test("one phrase gives one key, two phrases give two", async () => {
    const [a, b] = await run("wolf-pine-748", "wolf-pine-748");
    expect(a).toBe(b);
    const [c, d] = await run("wolf-pine-748", "wolf-pint-748");
    expect(c).not.toBe(d);
  });

  test("every bit of P3 matters: another key or a refusal, never the host's key", async () => {
    const answers = async () => {
      const ours = await cpace.startCpace("wolf-pine-748", offer);
      return { ours, theirs: await answerCpace("wolf-pine-748", offer, ours.p2) };
    };
    for (let bit = 0; bit < 34 * 8; bit++) {
      const { ours, theirs } = await answers();
      theirs.p3[bit >> 3]! ^= 1 << (bit & 7);
      let key = "refused";
      try {
        key = hex(ours.finish(theirs.p3));
      } catch (error) {
        expect(error).toBeInstanceOf(cpace.CpaceFailed);
      }
      expect(key, `bit ${bit}`).not.toBe(hex(theirs.isk));
    }
  });

  test("the identity, short answers and a second answer are refused", async () => {
    const ours = await cpace.startCpace("wolf-pine-748", offer);
    const head = Uint8Array.of(0x12, 0x01);
    for (const bad of [concat(head, new Uint8Array(32)), head, concat(head, new Uint8Array(33))]) {
      const fresh = await cpace.startCpace("wolf-pine-748", offer);
      expect(() => fresh.finish(bad)).toThrow(cpace.CpaceFailed);
    }
    const { p3 } = await answerCpace("wolf-pine-748", offer, ours.p2);
    ours.finish(p3);
    expect(() => ours.finish(p3)).toThrow(cpace.CpaceFailed);
  });

  test("a changed offer gives another key", async () => {
    const ours = await cpace.startCpace("wolf-pine-748", offer);
    const changed = offer.slice();
    changed[20]! ^= 1;
    const { p3, isk } = await answerCpace("wolf-pine-748", changed, ours.p2);
    expect(hex(ours.finish(p3))).not.toBe(hex(isk));
  });
});

describe("records", () => {
  const plain = (n: number) => pad(encodePlain({ itype: Itype.APP, seq: n, ack: 0, body: utf8(`m${n}`) }), 1);

  async function pairOf(): Promise<{ sealer: Sealer; opener: Opener }> {
    const ts = crypto.random(32);
    return { sealer: await Sealer.create(ts.slice(), 0), opener: await Opener.create(ts.slice()) };
  }

  test("every bit matters, and a session gets one attempt", async () => {
    const ts = crypto.random(32);
    const record = await (await Sealer.create(ts, 0)).seal(plain(1));
    for (const [bit, bad] of flips(record)) {
      const opener = await Opener.create(ts);
      await expect(opener.open(bad), `bit ${bit}`).rejects.toThrow(RecordError);
      await expect(opener.open(record)).rejects.toThrow(RecordError);
    }
  });

  test("replayed, reordered, dropped and reflected records end the session", async () => {
    for (const order of [[0, 0], [1], [0, 2]]) {
      const { sealer, opener } = await pairOf();
      const records = [await sealer.seal(plain(1)), await sealer.seal(plain(2)), await sealer.seal(plain(3))];
      const last = order.pop()!;
      for (const n of order) await opener.open(records[n]!);
      await expect(opener.open(records[last]!)).rejects.toThrow(RecordError);
    }
    const [a, b] = [await pairOf(), await pairOf()];
    await expect(a.opener.open(await b.sealer.seal(plain(1)))).rejects.toThrow(RecordError);
  });

  test("the epochs follow each other, and only after KEYUPDATE", async () => {
    const { sealer, opener } = await pairOf();
    await opener.open(await sealer.seal(plain(1)));
    await opener.open(await sealer.rekey(plain(2), 0));
    await opener.rekey();
    const next = await sealer.seal(plain(3));
    expect(next[1]).toBe(1);
    expect(hex(unpad(await opener.open(next)))).toBe(hex(unpad(plain(3))));
    const early = await pairOf();
    await early.sealer.rekey(plain(1), 0);
    await expect(early.opener.open(await early.sealer.seal(plain(2)))).rejects.toThrow(RecordError);
  });

  test("seals called at once leave in order with counters of their own", async () => {
    const { sealer, opener } = await pairOf();
    const records = await Promise.all([...Array(50).keys()].map((n) => sealer.seal(plain(n))));
    for (const record of records) await opener.open(record);
  });

  test("a rekey is due by count, by octets and by age", async () => {
    const saved = { ...LIMITS };
    try {
      LIMITS.records = 3;
      const { sealer } = await pairOf();
      expect(sealer.due(0)).toBe(false);
      await sealer.seal(plain(1));
      await sealer.seal(plain(2));
      expect(sealer.due(0)).toBe(true);
    } finally {
      Object.assign(LIMITS, saved);
    }
    const { sealer } = await pairOf();
    expect(sealer.due(60 * 60 * 1000)).toBe(true);
  });

  test("padding comes off exactly, and what is not padding is refused", () => {
    for (const mode of [0, 1, 2]) {
      for (const length of [0, 1, 17, 62, 63, 64, 100, 1023, 1024, 5000, 61_457]) {
        const octets = new Uint8Array(length).fill(0x80);
        const padded = pad(octets, mode);
        expect(hex(unpad(padded))).toBe(hex(octets));
        if (mode === 1) expect(padded.length).toBeLessThanOrEqual(Math.max(64, (length + 1) * 1.12));
        if (mode === 2) expect(padded.length % 1024).toBe(0);
      }
    }
    for (const bad of ["", "00", "0000", "01", "8001", "800001"]) {
      expect(() => unpad(unhex(bad)), bad).toThrow();
    }
  });
});

test("an exchange key made elsewhere agrees with noble", async () => {
  const mine = await crypto.newExchange();
  const secret = crypto.random(32);
  const shared = await crypto.exchange(mine.privateKey, x25519.getPublicKey(secret) as Bytes);
  const expected = await crypto.hkdfKey(x25519.getSharedSecret(secret, mine.publicKey) as Bytes);
  const none = new Uint8Array(0);
  expect(hex(await crypto.hkdf(shared, none, none, 32))).toBe(hex(await crypto.hkdf(expected, none, none, 32)));
});
