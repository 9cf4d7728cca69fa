// Octets and integers, big-endian, as docs/protocol.md writes them.
// Every parser in this program reads through Reader, which refuses to run past
// the end: a short message throws Malformed and nothing else.

export type Bytes = Uint8Array<ArrayBuffer>;

/** A peer sent octets that are not what the protocol says. */
export class Malformed extends Error {
  override name = "Malformed";
}

const encoder = new TextEncoder();
// fatal: text that is not UTF-8 is malformed, never silently repaired.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

export function text(octets: Uint8Array): string {
  try {
    return decoder.decode(octets);
  } catch {
    throw new Malformed("not UTF-8");
  }
}

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function u8(value: number): Bytes {
  return Uint8Array.of(value);
}

export function u16(value: number): Bytes {
  const out = new Uint8Array(2);
  new DataView(out.buffer).setUint16(0, value);
  return out;
}

export function u32(value: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

export function u64(value: number | bigint): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

/** LV(x): u32 length, then x. Labels are given as strings. */
export function lv(value: Uint8Array | string): Bytes {
  const octets = typeof value === "string" ? utf8(value) : value;
  return concat(u32(octets.length), octets);
}

/** Compares without an early exit; only the lengths may show in the time taken. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let diff = 0;
  for (let i = 0; i < a.length; i++) diff |= a[i]! ^ b[i]!;
  return diff === 0;
}

export function hex(octets: Uint8Array): string {
  let out = "";
  for (const octet of octets) out += octet.toString(16).padStart(2, "0");
  return out;
}

export function unhex(digits: string): Bytes {
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new Malformed("not hex");
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return out;
}

const B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function b64url(octets: Uint8Array): string {
  let out = "";
  for (let i = 0; i < octets.length; i += 3) {
    const [a, b, c] = [octets[i]!, octets[i + 1], octets[i + 2]];
    out += B64[a >> 2]! + B64[((a & 3) << 4) | ((b ?? 0) >> 4)]!;
    if (b !== undefined) out += B64[((b & 15) << 2) | ((c ?? 0) >> 6)]!;
    if (c !== undefined) out += B64[c & 63]!;
  }
  return out;
}

/** Strict: no padding, no foreign characters, no bits left over. */
export function unb64url(code: string): Bytes {
  if (code.length % 4 === 1) throw new Malformed("not base64url");
  const out = new Uint8Array(Math.floor((code.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of code) {
    const value = B64.indexOf(letter);
    if (value < 0) throw new Malformed("not base64url");
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  if (held !== 0) throw new Malformed("not base64url");
  return out;
}

/** Reads a message front to back; the last call of every parser is end(). */
export class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly octets: Uint8Array) {
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  get left(): number {
    return this.octets.length - this.at;
  }

  take(count: number): Bytes {
    if (count > this.left) throw new Malformed("short message");
    const out = this.octets.slice(this.at, this.at + count) as Bytes;
    this.at += count;
    return out;
  }

  private skip(count: number): number {
    if (count > this.left) throw new Malformed("short message");
    const at = this.at;
    this.at += count;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.view.getUint16(this.skip(2));
  }

  u32(): number {
    return this.view.getUint32(this.skip(4));
  }

  u64(): bigint {
    return this.view.getBigUint64(this.skip(8));
  }

  /** A u64 that must be exact as a number: counters, times and sizes. */
  count(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("number too large");
    return Number(value);
  }

  lv(max: number): Bytes {
    const length = this.u32();
    if (length > max) throw new Malformed("field too long");
    return this.take(length);
  }

  rest(): Bytes {
    return this.take(this.left);
  }

  end(): void {
    if (this.left !== 0) throw new Malformed("octets left over");
  }
}
