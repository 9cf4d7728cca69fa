// The host's side of S3 and CPace, for tests only: enough to be the other party of
// the initiator in src/session, and to be attacked from both sides.

import { type Bytes, concat, equal, Reader } from "../../src/wire/bytes";
import * as cpace from "../../src/session/cpace";
import * as crypto from "../../src/session/crypto";
import * as t from "../../src/session/transcript";
import { utf8 } from "../../src/wire/bytes";

export interface ResponderInput {
  mode: t.Mode;
  ctx: Bytes;
  psk: CryptoKey;
  host: crypto.Signer;
  params: Bytes;
  /** Mode 3: the D enrolled for this PSK. */
  device?: Bytes;
  fixed?: { nonce: Bytes; exchange: crypto.Exchange };
}

export interface Accepted {
  keys: t.SessionKeys;
  device: Bytes;
  paramsI: Bytes;
}

export class Responder {
  private constructor(
    private readonly input: ResponderInput,
    readonly msg2: Bytes,
    private readonly state: { dh: CryptoKey; salt: Bytes; th3: Bytes },
  ) {}

  /** Throws on a wrong tag: a real host drops it without an answer. */
  static async accept(input: ResponderInput, msg1: Bytes): Promise<Responder> {
    t.require(msg1.length === t.MSG1_LENGTH && equal(msg1.slice(0, 4), t.head(1, input.mode)));
    const pro = t.prologue(input.mode, input.ctx);
    const tagged = msg1.slice(0, t.MSG1_TAGGED);
    const nonceI = msg1.slice(44, 76);
    t.require(equal(msg1.slice(4, 12), await t.hintOf(input.psk, input.mode, nonceI)));
    t.require(equal(msg1.slice(t.MSG1_TAGGED), await t.helloTag(input.psk, pro, tagged)));
    const { nonce, exchange } = input.fixed ?? {
      nonce: crypto.random(32),
      exchange: await crypto.newExchange(),
    };
    const dh = await crypto.exchange(exchange.privateKey, msg1.slice(12, 44));
    const salt = await t.saltOf(input.psk, pro);
    const head = concat(t.head(2, input.mode), exchange.publicKey, nonce);
    const th1 = await crypto.sha256(pro, msg1);
    const th2 = await crypto.sha256(th1, head);
    const key = input.host.publicKey;
    const signature = await crypto.sign(
      input.host.privateKey, t.hostSigned(th2, key, input.params),
    );
    const k2 = await t.messageKey(dh, salt, "fh1 k2", th2);
    const ct2 = await crypto.seal(k2, th2, t.encodeIdentity({ key, signature, params: input.params }));
    const th3 = await crypto.sha256(th2, ct2);
    return new Responder(input, concat(head, ct2), { dh, salt, th3 });
  }

  async finish(msg3: Bytes): Promise<Accepted> {
    const { dh, salt, th3 } = this.state;
    t.require(msg3.length > t.MSG3_HEAD && equal(msg3.slice(0, 4), t.head(3, this.input.mode)));
    const ct3 = msg3.slice(t.MSG3_HEAD);
    const k3 = await t.messageKey(dh, salt, "fh1 k3", th3);
    const id = t.parseIdentity(await crypto.open(k3, th3, ct3));
    const signed = t.controllerSigned(th3, this.input.host.publicKey, id.key, id.params);
    t.require(crypto.verify(id.key, signed, id.signature));
    t.require(!this.input.device || equal(this.input.device, id.key));
    const th4 = await crypto.sha256(th3, ct3);
    const keys = await t.sessionKeys(this.input.mode, dh, salt, th4);
    return { keys, device: id.key, paramsI: id.params };
  }
}

/** The host's side of one CPace run: P2 in, P3 and ISK out. */
export async function answerCpace(
  prs: string, offer: Bytes, p2: Bytes,
): Promise<{ p3: Bytes; isk: Bytes; sid: Bytes }> {
  const reader = new Reader(p2);
  t.require(reader.u8() === 0x11 && reader.u8() === 0x01);
  const nonce = reader.take(16);
  const ya = reader.take(32);
  reader.end();
  const sid = await cpace.sessionId(cpace.parseOffer(offer).hostNonce, nonce);
  const base = cpace.generator(utf8(prs), cpace.channelId(offer), sid);
  const scalar = cpace.newScalar();
  const yb = cpace.multiply(base, scalar);
  const p3 = concat(Uint8Array.of(0x12, 0x01), yb);
  const k = cpace.multiplyVerified(ya, scalar);
  const isk = cpace.sessionKey(
    sid, k, { y: ya, ad: p2.slice(0, 18) }, { y: yb, ad: p3.slice(0, 2) },
  );
  return { p3, isk, sid };
}
