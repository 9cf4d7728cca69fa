// Streams: one per app-server connection, cut into fragments that each have their
// own lane number (docs/protocol.md §5.2).

import { type Bytes, concat, Malformed, Reader, text, u16, u8, utf8 } from "../wire/bytes";

export const Flag = { MORE: 1, OPEN: 2, CLOSE: 4 } as const;
export const MAX_FRAGMENT = 60 * 1024;
export const MAX_MESSAGE = 8 * 1024 * 1024;
export const MAX_STREAM = 65535;

export interface Fragment {
  stream: number;
  flags: number;
  octets: Bytes;
}

export function encodeFragment(f: Fragment): Bytes {
  return concat(u16(f.stream), u8(f.flags), f.octets);
}

export function decodeFragment(body: Bytes): Fragment {
  const reader = new Reader(body);
  const stream = reader.u16();
  const flags = reader.u8();
  if (flags & ~(Flag.MORE | Flag.OPEN | Flag.CLOSE)) throw new Malformed("unknown stream flags");
  if (reader.left > MAX_FRAGMENT) throw new Malformed("fragment too long");
  return { stream, flags, octets: reader.rest() };
}

/** Cuts one message into fragments; `first` goes on the first of them (open). */
export function fragments(stream: number, message: string, first = 0): Fragment[] {
  const octets = utf8(message);
  if (octets.length > MAX_MESSAGE) throw new RangeError("message too long");
  const out: Fragment[] = [];
  let at = 0;
  do {
    const end = Math.min(at + MAX_FRAGMENT, octets.length);
    const flags = (end < octets.length ? Flag.MORE : 0) | (at === 0 ? first : 0);
    out.push({ stream, flags, octets: octets.slice(at, end) });
    at = end;
  } while (at < octets.length);
  return out;
}

/** What is sent in the place of a fragment whose stream is gone: its number, no octets. */
export function voided(body: Bytes): Bytes {
  return encodeFragment({ stream: decodeFragment(body).stream, flags: 0, octets: new Uint8Array(0) });
}

export interface Arrived {
  stream: number;
  opened: boolean;
  closed: boolean;
  message: string | undefined;
}

/** Puts fragments together again, one unfinished message per stream. */
export class Assembler {
  private readonly parts = new Map<number, { parts: Bytes[]; length: number }>();

  take(f: Fragment): Arrived {
    const held = this.parts.get(f.stream) ?? { parts: [], length: 0 };
    held.parts.push(f.octets);
    held.length += f.octets.length;
    if (held.length > MAX_MESSAGE) throw new Malformed("message too long");
    const opened = (f.flags & Flag.OPEN) !== 0;
    const closed = (f.flags & Flag.CLOSE) !== 0;
    if (f.flags & Flag.MORE && !closed) {
      this.parts.set(f.stream, held);
      return { stream: f.stream, opened, closed, message: undefined };
    }
    this.parts.delete(f.stream);
    // An empty fragment only opens or closes; an unfinished message of a closed stream is dropped.
    const whole = held.length > 0 && !(f.flags & Flag.MORE);
    return { stream: f.stream, opened, closed, message: whole ? text(concat(...held.parts)) : undefined };
  }

  forget(): void {
    this.parts.clear();
  }
}
