// The host's audit log as a device sees it: a chain of hashes (docs/protocol.md §7).
// A device remembers how far it has seen it. Whoever rewrites or shortens what was seen
// cannot make a chain that goes on from there.

import { type Bytes, equal, lv, Malformed, u64, unhex } from "../wire/bytes";
import { sha256 } from "./crypto";
import type { SeenLog } from "./pairing";

export interface LogHeader {
  idx: number;
  time: number;
  type: string;
  payloadHash: string; // hex
  h: string; // hex
}

/** h_i from h_{i-1} and what a record says of itself. */
export function link(prev: Bytes, header: LogHeader): Promise<Bytes> {
  return sha256(
    lv("fh1 log"), prev, u64(header.idx), u64(header.time), lv(header.type), unhex(header.payloadHash),
  );
}

function plausible(header: LogHeader): boolean {
  const { idx, time, type, payloadHash, h } = header;
  return Number.isSafeInteger(idx) && Number.isSafeInteger(time) && idx > 0 && time >= 0
    && typeof type === "string" && /^[0-9a-f]{64}$/.test(payloadHash) && /^[0-9a-f]{64}$/.test(h);
}

/** Goes on from what was seen, record by record; throws where it does not follow. */
export async function follow(seen: SeenLog, headers: readonly LogHeader[]): Promise<SeenLog> {
  let { idx, head } = seen;
  for (const header of headers) {
    if (!plausible(header) || header.idx !== idx + 1) throw new Malformed(`record ${idx + 1} is missing`);
    const h = await link(head, header);
    if (!equal(h, unhex(header.h))) throw new Malformed(`record ${header.idx} does not follow`);
    [idx, head] = [header.idx, h];
  }
  return { idx, head };
}
