// What the host says first: READY with a signed grant, PENDING with the revealed
// commitment, DENIED with a reason (docs/protocol.md §5.4, §6). Parsing only.

import { type Bytes, concat, equal, lv, Malformed, Reader, text, u32, u64, u8, utf8 } from "../wire/bytes";
import { field, parseTlv, tlv } from "../wire/tlv";
import { hostId, verify } from "./crypto";
import { sasCommitment } from "./transcript";

export const Role = { VIEWER: 1, APPROVER: 2, OPERATOR: 3, OWNER: 4 } as const;
export const roleNames = ["", "viewer", "approver", "operator", "owner"] as const;

export interface Grant {
  host: Bytes;
  device: Bytes;
  role: number;
  caps: bigint;
  serial: bigint;
  notAfter: bigint;
  protoMin: number;
  person: string;
  name: string;
  scope: string;
}

const SIGNATURE = 64;
/** Ids of threads with one space between, or nothing: every thread. */
const SCOPE = /^(?:[\w.:-]{1,128}(?: [\w.:-]{1,128})*)?$/;

export function parseGrant(octets: Bytes): Grant {
  const reader = new Reader(octets);
  if (text(reader.lv(32)) !== "fh1 grant" || reader.u8() !== 1) throw new Malformed("not a grant");
  const host = reader.take(16);
  const device = reader.take(32);
  const role = reader.u8();
  const caps = reader.u64();
  const serial = reader.u64();
  reader.u64(); // issued: shown nowhere, trusted for nothing
  const notAfter = reader.u64();
  const protoMin = reader.u8();
  const [person, name] = [text(reader.lv(256)), text(reader.lv(256))];
  const scope = text(reader.lv(8192));
  reader.take(SIGNATURE);
  reader.end();
  if (role < Role.VIEWER || role > Role.OWNER) throw new Malformed("unknown role");
  if (!SCOPE.test(scope)) throw new Malformed("unknown scope");
  return { host, device, role, caps, serial, notAfter, protoMin, person, name, scope };
}

/** Signed by H, for this host and this device. Anything else is refused. */
export async function checkGrant(octets: Bytes, host: Bytes, device: Bytes): Promise<Grant> {
  const grant = parseGrant(octets);
  const signed = octets.slice(0, -SIGNATURE);
  const ours = equal(grant.device, device) && equal(grant.host, await hostId(host));
  if (!ours || !verify(host, signed, octets.slice(-SIGNATURE))) throw new Malformed("grant refused");
  if (grant.protoMin > 1) throw new Malformed("this app is too old for the host");
  return grant;
}

export interface Ready {
  grant: Bytes | undefined;
  mailboxId: Bytes | undefined;
  laneEpoch: number;
  lastRecv: number | undefined;
  relayUrls: string[];
  hostName: string;
  padding: number | undefined;
  /** Where the host's log stands. */
  log: SeenLog | undefined;
}

/** A place in the host's log: how far it goes, and the hash of everything up to there. */
export interface SeenLog {
  idx: number;
  head: Bytes;
}

function logOf(value: Bytes | undefined): SeenLog | undefined {
  if (!value) return undefined;
  const reader = new Reader(value);
  return { idx: reader.count(), head: reader.take(32) };
}

function numberOf(value: Bytes | undefined): number | undefined {
  return value && new Reader(value).count();
}

export function parseReady(body: Bytes): Ready {
  const list = parseTlv(body, [1, 2, 3, 4, 5, 6, 7, 8], [6]);
  const epoch = field(list, 3, 4);
  return {
    grant: field(list, 1),
    mailboxId: field(list, 2, 16),
    laneEpoch: epoch ? new Reader(epoch).u32() : 0,
    lastRecv: numberOf(field(list, 4, 8)),
    relayUrls: (list.get(6) ?? []).map((url) => text(url)),
    hostName: cleanName(field(list, 7)),
    padding: field(list, 8, 1)?.[0],
    log: logOf(field(list, 5, 40)),
  };
}

export interface Pending {
  rH: Bytes;
  role: number;
  hostName: string;
  expires: number;
}

export function parsePending(body: Bytes): Pending {
  const list = parseTlv(body, [1, 2, 3, 4]);
  const rH = field(list, 1, 32);
  if (!rH) throw new Malformed("PENDING without its commitment");
  return {
    rH,
    role: field(list, 2, 1)?.[0] ?? 0,
    hostName: cleanName(field(list, 3)),
    expires: numberOf(field(list, 4, 8)) ?? 0,
  };
}

/** r_H must be what msg2 committed to, or the digits could have been chosen late. */
export async function checkPending(pending: Pending, commitment: Bytes | undefined): Promise<void> {
  if (!commitment || !equal(await sasCommitment(pending.rH), commitment)) {
    throw new Malformed("the host changed its commitment");
  }
}

export interface Denied {
  code: number;
  sentence: string;
}

export function parseDenied(body: Bytes): Denied {
  const reader = new Reader(body);
  return { code: reader.u8(), sentence: text(reader.rest()).slice(0, 200) };
}

/** Names come from the other side: no control or direction characters reach a screen. */
export function cleanName(octets: Bytes | undefined): string {
  if (!octets) return "";
  return text(octets).replace(/[\p{C}\u2028\u2029]/gu, "").trim().slice(0, 64);
}

// --- the parameters both sides send in the handshake ---------------------------------

export interface HostParams {
  version: string;
  commitment: Bytes | undefined;
  name: string;
  timeMs: number | undefined;
}

export function parseHostParams(params: Bytes): HostParams {
  const list = parseTlv(params, [1, 2, 3, 4, 5]);
  return {
    version: cleanName(field(list, 1)),
    commitment: field(list, 3, 32),
    name: cleanName(field(list, 4)),
    timeMs: numberOf(field(list, 5, 8)),
  };
}

export interface ControllerParams {
  version: string;
  name: string;
  rI: Bytes;
  relayKey?: Bytes; // Dr, when pairing
  role?: number;
  grantSerial?: bigint;
  seenLog?: SeenLog;
  lane?: { epoch: number; lastRecv: number };
}

export function encodeControllerParams(p: ControllerParams): Bytes {
  const fields: [number, Bytes][] = [
    [1, utf8(p.version)],
    [2, u64(0)],
    [3, p.rI],
    [4, utf8(p.name.slice(0, 32))],
  ];
  if (p.relayKey) fields.push([5, p.relayKey]);
  if (p.role !== undefined) fields.push([6, u8(p.role)]);
  if (p.grantSerial !== undefined) fields.push([7, u64(p.grantSerial)]);
  if (p.seenLog) fields.push([8, concat(u64(p.seenLog.idx), p.seenLog.head)]);
  if (p.lane) fields.push([9, concat(u32(p.lane.epoch), u64(p.lane.lastRecv))]);
  return tlv(...fields);
}

// Kept beside the parsers so that the tests' host writes the same bytes.

export function encodeGrant(g: Omit<Grant, "protoMin"> & { issued: bigint }): Bytes {
  return concat(
    lv("fh1 grant"), u8(1), g.host, g.device, u8(g.role), u64(g.caps), u64(g.serial),
    u64(g.issued), u64(g.notAfter), u8(1), lv(g.person), lv(g.name), lv(g.scope),
  );
}
