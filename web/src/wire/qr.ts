// The QR blob and the link that carries it in its fragment (docs/protocol.md §3).
// A fragment never goes to a server; the page erases it before anything else.

import { type Bytes, concat, Malformed, Reader, text, u64, u8, unb64url, utf8 } from "./bytes";

export interface Door {
  kind: "relay" | "direct";
  url: string;
}

export interface QrBlob {
  expiresAt: number; // seconds
  pairId: Bytes;
  host: Bytes; // H
  secret: Bytes;
  doors: Door[];
}

/** Of an address without a kind (READY): a path that ends in /fh1 is the host's own door. */
export function doorOf(url: string): Door {
  return { kind: /\/fh1$/.test(url.split(/[?#]/)[0]!) ? "direct" : "relay", url };
}

const LIST = 1;
const MAX_DOORS = 8;

function door(kind: number, url: string): Door {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Malformed("not an address");
  }
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") throw new Malformed("not a relay");
  if (kind !== 1 && kind !== 2) throw new Malformed("unknown kind of address");
  return { kind: kind === 1 ? "relay" : "direct", url };
}

export function parseQr(octets: Uint8Array): QrBlob {
  const reader = new Reader(octets);
  if (reader.u8() !== 1) throw new Malformed("unknown code version");
  const flags = reader.u8();
  if ((flags & ~LIST) !== 0) throw new Malformed("unknown code flags");
  const expiresAt = reader.count();
  const pairId = reader.take(16);
  const host = reader.take(32);
  const secret = reader.take(16);
  const doors: Door[] = [];
  const count = reader.u8();
  if (flags & LIST) {
    if (count === 0 || count > MAX_DOORS) throw new Malformed("no address");
    for (let i = 0; i < count; i++) {
      const kind = reader.u8();
      doors.push(door(kind, text(reader.take(reader.u8()))));
    }
  } else {
    doors.push(door(1, text(reader.take(count))));
  }
  reader.end();
  return { expiresAt, pairId, host, secret, doors };
}

export function encodeQr(blob: Omit<QrBlob, "doors"> & { relayUrl: string }): Bytes {
  const url = utf8(blob.relayUrl);
  return concat(
    u8(1), u8(0), u64(blob.expiresAt), blob.pairId, blob.host, blob.secret, u8(url.length), url,
  );
}

/** Accepts what a person may have: the whole link, its fragment, or the bare code. */
export function parseLink(link: string): QrBlob {
  const trimmed = link.trim();
  const at = trimmed.indexOf("#");
  const fragment = at >= 0 ? trimmed.slice(at + 1) : trimmed;
  const code = fragment.startsWith("p=") ? fragment.slice(2) : fragment;
  if (code.length > 2048) throw new Malformed("code too long");
  return parseQr(unb64url(code));
}
