// The initiator of S3: this device. One object is one attempt; ephemerals are
// never used twice, also not after a failure, and any failure is HandshakeFailed.

import { type Bytes, concat, equal } from "../wire/bytes";
import * as crypto from "./crypto";
import * as t from "./transcript";
import { HandshakeFailed, Mode } from "./transcript";

export interface InitiatorInput {
  mode: Mode;
  /** pair_id in modes 1 and 2, mailbox_id in mode 3. */
  ctx: Bytes;
  psk: CryptoKey;
  /** H as pinned. Must be given in modes 1 and 3; mode 2 learns it here. */
  host?: Bytes;
  device: crypto.Signer;
  params: Bytes;
  /** Vectors only: fixed ephemerals. */
  fixed?: { nonce: Bytes; exchange: crypto.Exchange };
}

export interface Established {
  keys: t.SessionKeys;
  host: Bytes;
  paramsR: Bytes;
}

interface Waiting {
  salt: Bytes;
  th1: Bytes;
  private: CryptoKey;
}

export class Initiator {
  /** Undefined once used: a second msg2, or one after a failure, finds nothing. */
  private waiting: Waiting | undefined;

  private constructor(
    private readonly input: InitiatorInput,
    readonly msg1: Bytes,
    waiting: Waiting,
  ) {
    this.waiting = waiting;
  }

  static async start(input: InitiatorInput): Promise<Initiator> {
    if (input.mode !== Mode.CODE && !input.host) throw new HandshakeFailed();
    const { nonce, exchange } = input.fixed ?? {
      nonce: crypto.random(32),
      exchange: await crypto.newExchange(),
    };
    const pro = t.prologue(input.mode, input.ctx);
    const hint = await t.hintOf(input.psk, input.mode, nonce);
    const tagged = concat(t.head(1, input.mode), hint, exchange.publicKey, nonce);
    const msg1 = concat(tagged, await t.helloTag(input.psk, pro, tagged));
    return new Initiator(input, msg1, {
      salt: await t.saltOf(input.psk, pro),
      th1: await crypto.sha256(pro, msg1),
      private: exchange.privateKey,
    });
  }

  /** Takes msg2, gives msg3 and the keys. */
  async answer(msg2: Bytes): Promise<Established & { msg3: Bytes }> {
    const waiting = this.waiting;
    this.waiting = undefined;
    if (!waiting) throw new HandshakeFailed();
    try {
      return await this.finish(waiting, msg2);
    } catch (cause) {
      throw cause instanceof HandshakeFailed ? cause : new HandshakeFailed(cause);
    }
  }

  private async finish(w: Waiting, msg2: Bytes): Promise<Established & { msg3: Bytes }> {
    const { mode } = this.input;
    t.require(msg2.length > t.MSG2_HEAD && msg2.length <= t.MAX_HANDSHAKE);
    t.require(equal(msg2.slice(0, 4), t.head(2, mode)));
    const dh = await crypto.exchange(w.private, msg2.slice(4, 36));
    const th2 = await crypto.sha256(w.th1, msg2.slice(0, t.MSG2_HEAD));
    const ct2 = msg2.slice(t.MSG2_HEAD);
    const k2 = await t.messageKey(dh, w.salt, "fh1 k2", th2);
    const id = t.parseIdentity(await crypto.open(k2, th2, ct2));
    this.checkHost(id, th2);

    const th3 = await crypto.sha256(th2, ct2);
    const ct3 = await this.identify(dh, w.salt, th3, id.key);
    const th4 = await crypto.sha256(th3, ct3);
    return {
      msg3: concat(t.head(3, mode), ct3),
      keys: await t.sessionKeys(mode, dh, w.salt, th4),
      host: id.key,
      paramsR: id.params,
    };
  }

  private checkHost(id: t.Identity, th2: Bytes): void {
    const pinned = this.input.host;
    t.require(!pinned || equal(id.key, pinned));
    t.require(crypto.verify(id.key, t.hostSigned(th2, id.key, id.params), id.signature));
  }

  private async identify(
    dh: CryptoKey, salt: Bytes, th3: Bytes, host: Bytes,
  ): Promise<Bytes> {
    const { device, params } = this.input;
    const signed = t.controllerSigned(th3, host, device.publicKey, params);
    const signature = await crypto.sign(device.privateKey, signed);
    const k3 = await t.messageKey(dh, salt, "fh1 k3", th3);
    return crypto.seal(k3, th3, t.encodeIdentity({ key: device.publicKey, signature, params }));
  }
}
