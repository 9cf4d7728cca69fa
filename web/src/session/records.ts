// Records: `10 | epoch u8 | ctr u64 | ct||tag16`, header = AAD (docs/protocol.md §5.1).
// A (key, counter) pair is used once: sealing goes through one async queue and the
// counter moves before the encryption starts. Opening is strict: the next record of
// this epoch or, right after KEYUPDATE, the first of the next. No window, no second try.

import { type Bytes, concat, lv, Malformed, Reader, u64, u8 } from "../wire/bytes";
import { hkdf, hkdfAeadKey, hkdfKey, open, seal } from "./crypto";

export const Itype = {
  READY: 0,
  PENDING: 1,
  DENIED: 2,
  APP: 3,
  ACK: 4,
  KEYUPDATE: 5,
  SNAPSHOT_REQUIRED: 7,
  REVOKED: 8,
  PING: 9,
  CLOSE: 10,
} as const;

export interface Plain {
  itype: number;
  seq: number;
  ack: number;
  body: Bytes;
}

export const Padding = { OFF: 0, PADME: 1, B1K: 2 } as const;

const HEADER = 10;
const TAG = 16;
const PLAIN_HEAD = 17;
const MAX_RECORD = 64 * 1024;
const MAX_EPOCH = 255;
const NONE: Bytes = new Uint8Array(0);

export const LIMITS = {
  records: 2 ** 20,
  octets: 2 ** 30,
  ageMs: 60 * 60 * 1000,
};

/** The session's keys are used up, or a record was not the one expected. */
export class RecordError extends Error {
  override name = "RecordError";
}

// --- padding -----------------------------------------------------------------

/** Padmé: at most 12 % more, and only O(log log n) distinct lengths. */
function padme(length: number): number {
  const e = Math.floor(Math.log2(length));
  const s = Math.floor(Math.log2(e)) + 1;
  const mask = (1 << (e - s)) - 1;
  return (length + mask) & ~mask;
}

export function paddedLength(length: number, mode: number): number {
  const least = length + 1; // the 0x80 always fits
  if (mode === Padding.OFF) return least;
  if (mode === Padding.B1K) return Math.ceil(least / 1024) * 1024;
  return Math.max(64, padme(least));
}

export function pad(plain: Bytes, mode: number): Bytes {
  const out = new Uint8Array(paddedLength(plain.length, mode));
  out.set(plain);
  out[plain.length] = 0x80;
  return out;
}

/** Always reads every octet, so the time taken says nothing about the length. */
export function unpad(padded: Bytes): Bytes {
  let end = -1;
  let bad = 0;
  let searching = 1;
  for (let i = padded.length - 1; i >= 0; i--) {
    const octet = padded[i]!;
    const isMark = Number(octet === 0x80);
    const isZero = Number(octet === 0);
    end += searching * isMark * (i + 1);
    bad |= searching & ~isMark & ~isZero;
    searching &= ~isMark & isZero;
  }
  if (end < 0 || bad & 1) throw new Malformed("bad padding");
  return padded.slice(0, end);
}

export function encodePlain(plain: Plain): Bytes {
  return concat(u8(plain.itype), u64(plain.seq), u64(plain.ack), plain.body);
}

export function decodePlain(octets: Bytes): Plain {
  const reader = new Reader(octets);
  return {
    itype: reader.u8(), seq: reader.count(), ack: reader.count(), body: reader.rest(),
  };
}

// --- one direction -------------------------------------------------------------

interface EpochKeys {
  epoch: number;
  key: CryptoKey;
  iv: Bytes;
  next: Bytes;
}

async function epochKeys(ts: Bytes, epoch: number): Promise<EpochKeys> {
  const base = await hkdfKey(ts);
  return {
    epoch,
    key: await hkdfAeadKey(base, NONE, lv("fh1 key")),
    iv: await hkdf(base, NONE, lv("fh1 iv"), 12),
    next: await hkdf(base, NONE, lv("fh1 next"), 32),
  };
}

function nonceOf(iv: Bytes, counter: number): Bytes {
  const nonce = iv.slice();
  const low = u64(counter);
  for (let i = 0; i < 8; i++) nonce[4 + i]! ^= low[i]!;
  return nonce;
}

function header(epoch: number, counter: number): Bytes {
  return concat(u8(0x10), u8(epoch), u64(counter));
}

export class Sealer {
  private counter = 0;
  /** Counted when asked for, not when sealed: due() must not lag behind the queue. */
  private asked = 0;
  private octets = 0;
  private since: number;
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(private keys: EpochKeys, now: number) {
    this.since = now;
  }

  static async create(ts: Bytes, now: number): Promise<Sealer> {
    return new Sealer(await epochKeys(ts, 0), now);
  }

  /** Seals one plaintext exactly as given, in the order of the calls. */
  seal(plain: Bytes): Promise<Bytes> {
    this.asked++;
    this.octets += plain.length;
    return this.queue(() => this.sealNow(plain));
  }

  /** True when the current epoch has done its share and KEYUPDATE is due. */
  due(now: number): boolean {
    return this.asked >= LIMITS.records - 1
      || this.octets >= LIMITS.octets - MAX_RECORD
      || now - this.since >= LIMITS.ageMs;
  }

  /** Seals `last` as the final record of this epoch, then moves to the next. */
  rekey(last: Bytes, now: number): Promise<Bytes> {
    this.asked = 0;
    this.octets = 0;
    this.since = now;
    return this.queue(async () => {
      if (this.keys.epoch >= MAX_EPOCH) throw new RecordError("session used up");
      const record = await this.sealNow(last);
      const spent = this.keys;
      this.keys = await epochKeys(spent.next, spent.epoch + 1);
      spent.next.fill(0);
      this.counter = 0;
      return record;
    });
  }

  private queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    // A failed seal must not be followed by another one under the same state.
    this.tail = result;
    result.catch(() => undefined);
    return result;
  }

  private async sealNow(plain: Bytes): Promise<Bytes> {
    const { epoch, key, iv } = this.keys;
    const counter = this.counter++;
    const aad = header(epoch, counter);
    return concat(aad, await seal(key, aad, plain, nonceOf(iv, counter)));
  }
}

export class Opener {
  private counter = 0;
  private dead = false;

  private constructor(private keys: EpochKeys) {}

  static async create(ts: Bytes): Promise<Opener> {
    return new Opener(await epochKeys(ts, 0));
  }

  /** The caller awaits each call before the next: records are opened in order. */
  async open(record: Bytes): Promise<Bytes> {
    if (this.dead) throw new RecordError("session is over");
    this.dead = true; // one attempt: only a record that opens brings it back
    if (record.length < HEADER + TAG || record.length > MAX_RECORD + HEADER + TAG) {
      throw new RecordError("record of a wrong size");
    }
    const aad = record.slice(0, HEADER);
    const expected = header(this.keys.epoch, this.counter);
    if (!aad.every((octet, i) => octet === expected[i])) throw new RecordError("not the next record");
    const nonce = nonceOf(this.keys.iv, this.counter);
    this.counter++;
    let plain: Bytes;
    try {
      plain = await open(this.keys.key, aad, record.slice(HEADER), nonce);
    } catch {
      throw new RecordError("record does not open");
    }
    this.dead = false;
    return plain;
  }

  /** After a KEYUPDATE was opened: what follows is sealed under the next epoch. */
  async rekey(): Promise<void> {
    if (this.keys.epoch >= MAX_EPOCH) throw new RecordError("session used up");
    const spent = this.keys;
    this.keys = await epochKeys(spent.next, spent.epoch + 1);
    spent.next.fill(0);
    this.counter = 0;
  }
}

export const MAX_BODY_IN_RECORD = MAX_RECORD - PLAIN_HEAD - 1;
