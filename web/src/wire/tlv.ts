// TLV lists: `u8 tag | u16 length | value`. A tag of 0x80 and above is critical:
// who does not know it must not go on. Duplicates are refused except for tags the
// caller names as repeatable (relay URLs in READY).

import { type Bytes, concat, Malformed, Reader, u16, u8 } from "./bytes";

export type TlvList = Map<number, Bytes[]>;

export function tlv(...fields: [tag: number, value: Uint8Array][]): Bytes {
  return concat(...fields.flatMap(([tag, value]) => [u8(tag), u16(value.length), value]));
}

export function parseTlv(
  octets: Uint8Array,
  known: readonly number[],
  repeatable: readonly number[] = [],
): TlvList {
  const list: TlvList = new Map();
  const reader = new Reader(octets);
  while (reader.left > 0) {
    const tag = reader.u8();
    const value = reader.take(reader.u16());
    if (tag >= 0x80 && !known.includes(tag)) throw new Malformed("unknown critical field");
    const held = list.get(tag);
    if (!held) list.set(tag, [value]);
    else if (repeatable.includes(tag)) held.push(value);
    else throw new Malformed("field given twice");
  }
  return list;
}

/** The value of a tag with a fixed length, or undefined when it is absent. */
export function field(list: TlvList, tag: number, length?: number): Bytes | undefined {
  const value = list.get(tag)?.[0];
  if (value && length !== undefined && value.length !== length) {
    throw new Malformed("field of a wrong length");
  }
  return value;
}
