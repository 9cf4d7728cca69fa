import { describe, expect, test } from "vitest";
import { type Bytes, concat, hex, lv, unhex } from "../../src/wire/bytes";
import * as cpace from "../../src/session/cpace";
import * as crypto from "../../src/session/crypto";
import { Initiator } from "../../src/session/handshake";
import { Opener, Sealer } from "../../src/session/records";
import * as t from "../../src/session/transcript";
import { exchangeOf, signerOf } from "../lib/keys";
import { Responder } from "../lib/responder";
import { vectors } from "../lib/vectors";

type Vector = Record<string, string> & { mode: t.Mode };

async function bothSides(v: Vector) {
  const octets = (name: string): Bytes => unhex(v[name]!);
  const psk = await crypto.hmacKey(octets("psk"));
  const common = { mode: v.mode, ctx: octets("mailbox"), psk };
  const initiator = await Initiator.start({
    ...common,
    host: octets("H"),
    device: await signerOf(octets("dev_sk")),
    params: octets("paramsI"),
    fixed: { nonce: octets("nI"), exchange: await exchangeOf(octets("eph_i_sk")) },
  });
  const responder = await Responder.accept({
    ...common,
    host: await signerOf(octets("host_sk")),
    params: octets("paramsR"),
    device: octets("D"),
    fixed: { nonce: octets("nR"), exchange: await exchangeOf(octets("eph_r_sk")) },
  }, initiator.msg1);
  const established = await initiator.answer(responder.msg2);
  const accepted = await responder.finish(established.msg3);
  return { initiator, responder, established, accepted, octets };
}

describe.each(vectors<Vector[]>("handshake.json"))("handshake vector of mode $mode", (v) => {
  test("every message and every key is the published one", async () => {
    const { initiator, responder, established, accepted } = await bothSides(v);
    expect(hex(initiator.msg1)).toBe(v["msg1"]);
    expect(hex(responder.msg2)).toBe(v["msg2"]);
    expect(hex(established.msg3)).toBe(v["msg3"]);
    for (const keys of [established.keys, accepted.keys]) {
      expect(hex(keys.i2r)).toBe(v["ts_i2r"]);
      expect(hex(keys.r2i)).toBe(v["ts_r2i"]);
      expect(hex(keys.exporter)).toBe(v["exporter"]);
      expect(hex(keys.th4)).toBe(v["th4"]);
    }
    expect(hex(established.host)).toBe(v["H"]);
    expect(hex(accepted.device)).toBe(v["D"]);
  });

  test("the intermediate values agree too", async () => {
    const { octets } = await bothSides(v);
    const psk = await crypto.hmacKey(octets("psk"));
    const pro = t.prologue(v.mode, octets("mailbox"));
    expect(hex(await t.saltOf(psk, pro))).toBe(v["salt"]);
    const th1 = await crypto.sha256(pro, octets("msg1"));
    expect(hex(th1)).toBe(v["th1"]);
    const th2 = await crypto.sha256(th1, octets("msg2").slice(0, 68));
    expect(hex(th2)).toBe(v["th2"]);
    const dh = await crypto.hkdfKey(octets("dh"));
    const info = (label: string, th: Bytes) => concat(lv(label), th);
    expect(hex(await crypto.hkdf(dh, octets("salt"), info("fh1 k2", th2), 32))).toBe(v["k2"]);
    expect(hex(await crypto.hkdf(dh, octets("salt"), info("fh1 k3", octets("th3")), 32))).toBe(v["k3"]);
    expect(hex(await crypto.hkdf(dh, octets("salt"), info("fh1 root", octets("th4")), 32)))
      .toBe(v["pair_root"]);
  });

  test("pair_root works as the PSK and cannot be exported", async () => {
    const { established, octets } = await bothSides(v);
    if (v.mode === t.Mode.TRUSTED) return expect(established.keys.pairRoot).toBeUndefined();
    const root = established.keys.pairRoot!;
    const expected = await crypto.hmacKey(octets("pair_root"));
    const probe = lv("probe");
    expect(hex(await crypto.hmac(root, probe))).toBe(hex(await crypto.hmac(expected, probe)));
    await expect(globalThis.crypto.subtle.exportKey("raw", root)).rejects.toThrow();
  });

  test("records open at epochs 0 and 1, and seal to the same octets", async () => {
    const octets = (name: string): Bytes => unhex(v[name]!);
    const opener = await Opener.create(octets("ts_r2i"));
    const first = await opener.open(octets("rec_r2i_0"));
    const second = await opener.open(octets("rec_r2i_1"));
    await opener.rekey();
    const third = await opener.open(octets("rec_r2i_epoch1_0"));
    const sealer = await Sealer.create(octets("ts_r2i"), 0);
    expect(hex(await sealer.seal(first))).toBe(v["rec_r2i_0"]);
    expect(hex(await sealer.seal(second))).toBe(v["rec_r2i_1"]);
    const again = await Sealer.create(octets("r2i_next"), 0);
    expect(hex((await again.seal(third)).slice(2))).not.toBe("");
  });

  test("the six digits agree", async () => {
    const octets = (name: string): Bytes => unhex(v[name]!);
    expect(await t.sas(octets("exporter"), octets("rH"), octets("rI"))).toBe(v["sas"]);
  });
});

describe("CPace vectors of the draft", () => {
  const file = vectors<Record<string, Record<string, unknown>>>("cpace-ristretto255.json");
  const v = file["G_Coffee25519"]! as Record<string, string>;
  const points = file["G_Coffee25519_points"]! as Record<string, unknown>;
  const octets = (name: string): Bytes => unhex(v[name]!);

  test("the generator", () => {
    const g = cpace.generator(octets("PRS"), octets("CI"), octets("sid"));
    expect(hex(g.toBytes()).toUpperCase()).toBe(v["g"]);
  });

  test("both points, K and ISK", () => {
    const g = cpace.generator(octets("PRS"), octets("CI"), octets("sid"));
    const [ya, yb] = [cpace.littleEndian(octets("ya")), cpace.littleEndian(octets("yb"))];
    expect(hex(cpace.multiply(g, ya)).toUpperCase()).toBe(v["Ya"]);
    expect(hex(cpace.multiply(g, yb)).toUpperCase()).toBe(v["Yb"]);
    const k = cpace.multiplyVerified(octets("Yb"), ya);
    expect(hex(k).toUpperCase()).toBe(v["K"]);
    expect(hex(cpace.multiplyVerified(octets("Ya"), yb)).toUpperCase()).toBe(v["K"]);
    const isk = cpace.sessionKey(
      octets("sid"), k,
      { y: octets("Ya"), ad: octets("ADa") }, { y: octets("Yb"), ad: octets("ADb") },
    );
    expect(hex(isk).toUpperCase()).toBe(v["ISK_IR"]);
  });

  test("valid and invalid points", () => {
    const valid = points["Valid"] as Record<string, string>;
    const s = cpace.littleEndian(unhex(valid["s"]!));
    const product = cpace.multiplyVerified(unhex(valid["X"]!), s);
    expect(hex(product).toUpperCase()).toBe(valid["G.scalar_mult_vfy(s,X)"]);
    for (const name of ["Invalid Y1", "Invalid Y2"]) {
      const point = unhex(points[name] as string);
      expect(() => cpace.multiplyVerified(point, s)).toThrow(cpace.CpaceFailed);
    }
  });
});
