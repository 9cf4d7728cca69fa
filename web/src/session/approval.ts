// What a person decides on, and what their device signs (docs/protocol.md §7).
//
// A request has exactly one encoding: tags rise, an empty text is left out, what is
// unknown is refused. So two programs that read the same octets cannot show different
// things. Nothing is drawn that is not in these octets, or in material whose hash is.

import { type Bytes, concat, equal, lv, Malformed, Reader, text, u64, u8, utf8 } from "../wire/bytes";
import { sha256, sign } from "./crypto";

export const Kind = {
  COMMAND: 1, FILE_CHANGE: 2, PERMISSIONS: 3, QUESTION: 4, ELICITATION: 5, GATE: 6, PAIRING: 7,
} as const;
export const Decision = { ACCEPT: 1, ACCEPT_SESSION: 2, DECLINE: 3, CANCEL: 4, ANSWER: 5 } as const;
export type Decision = (typeof Decision)[keyof typeof Decision];
export const Scope = { ONCE: 0, THREAD: 1, UNTIL_RESTART: 2, KEPT: 3 } as const;

export interface Asked {
  network: boolean;
  outsideSandbox: boolean;
  outsideWorkspace: boolean;
}

export interface ApprovalRequest {
  id: Bytes;
  thread: string;
  turn: string;
  item: string;
  kind: number;
  cwd: string;
  command: string;
  argv: string[];
  material: Bytes; // its hash
  paths: string[];
  reason: string;
  asked: Asked;
  policy: string;
  createdMs: number;
  /** 0: never */
  expiresMs: number;
  quorum: number;
  uv: boolean;
}

const REQUEST_MAX = 512 * 1024;
const COMMAND_MAX = 256 * 1024;
const PIECE = 65535;
const NAME_MAX = 128;
const PATH_MAX = 4096;
const Tag = {
  ID: 1, THREAD: 2, TURN: 3, ITEM: 4, KIND: 5, CWD: 6, COMMAND: 7, ARGV: 8, MATERIAL: 9, PATH: 10,
  REASON: 11, ASKED: 12, POLICY: 13, CREATED: 14, EXPIRES: 15, QUORUM: 16, UV: 17,
} as const;
const REPEATED: readonly number[] = [Tag.COMMAND, Tag.ARGV, Tag.PATH];

/** Tags in the one order they may have; anything else is refused. */
function fieldsOf(octets: Bytes): Map<number, Bytes[]> {
  if (octets.length > REQUEST_MAX) throw new Malformed("request too long");
  const reader = new Reader(octets);
  const fields = new Map<number, Bytes[]>();
  let last = 0;
  while (reader.left > 0) {
    const tag = reader.u8();
    const value = reader.take(reader.u16());
    if (tag < Tag.ID || tag > Tag.UV) throw new Malformed("unknown field");
    if (tag < last || (tag === last && !REPEATED.includes(tag))) throw new Malformed("fields out of order");
    last = tag;
    const held = fields.get(tag);
    if (held) held.push(value);
    else fields.set(tag, [value]);
  }
  return fields;
}

function fixed(fields: Map<number, Bytes[]>, tag: number, length: number): Bytes {
  const value = fields.get(tag)?.[0];
  if (!value || value.length !== length) throw new Malformed("field missing or of a wrong length");
  return value;
}

function words(fields: Map<number, Bytes[]>, tag: number, max: number): string {
  const value = fields.get(tag)?.[0];
  if (!value) return "";
  if (value.length === 0 || value.length > max) throw new Malformed("text of a wrong length");
  return text(value);
}

/** Longer than one field may be: all pieces but the last are full. */
function commandOf(pieces: Bytes[]): string {
  const short = pieces.slice(0, -1).some((piece) => piece.length !== PIECE);
  const whole = concat(...pieces);
  if (short || pieces.at(-1)?.length === 0 || whole.length > COMMAND_MAX) throw new Malformed("command in bad pieces");
  return text(whole);
}

function count(fields: Map<number, Bytes[]>, tag: number): number {
  return new Reader(fixed(fields, tag, 8)).count();
}

function asked(bits: number): Asked {
  if (bits & ~7) throw new Malformed("asks for something without a name");
  return { network: (bits & 1) !== 0, outsideSandbox: (bits & 2) !== 0, outsideWorkspace: (bits & 4) !== 0 };
}

export function parseRequest(octets: Bytes): ApprovalRequest {
  const f = fieldsOf(octets);
  const kind = fixed(f, Tag.KIND, 1)[0]!;
  const quorum = fixed(f, Tag.QUORUM, 1)[0]!;
  const uv = fixed(f, Tag.UV, 1)[0]!;
  if (kind < Kind.COMMAND || kind > Kind.PAIRING) throw new Malformed("unknown kind of request");
  if (quorum < 1 || uv > 1) throw new Malformed("field out of range");
  const paths = (f.get(Tag.PATH) ?? []).map((path) => {
    if (path.length === 0 || path.length > PATH_MAX) throw new Malformed("path of a wrong length");
    return text(path);
  });
  return {
    id: fixed(f, Tag.ID, 16),
    thread: words(f, Tag.THREAD, NAME_MAX),
    turn: words(f, Tag.TURN, NAME_MAX),
    item: words(f, Tag.ITEM, NAME_MAX),
    kind,
    cwd: words(f, Tag.CWD, PATH_MAX),
    command: commandOf(f.get(Tag.COMMAND) ?? []),
    argv: (f.get(Tag.ARGV) ?? []).map((word) => text(word)),
    material: fixed(f, Tag.MATERIAL, 32),
    paths,
    reason: words(f, Tag.REASON, PIECE),
    asked: asked(fixed(f, Tag.ASKED, 1)[0]!),
    policy: words(f, Tag.POLICY, PIECE),
    createdMs: count(f, Tag.CREATED),
    expiresMs: count(f, Tag.EXPIRES),
    quorum,
    uv: uv === 1,
  };
}

export function requestDigest(octets: Bytes): Promise<Bytes> {
  return sha256(lv("fh1 approval req"), octets);
}

/** The JSON that the request's hash stands for; anything else is refused. */
export async function openMaterial(request: ApprovalRequest, material: string): Promise<unknown> {
  if (!equal(await sha256(utf8(material)), request.material)) {
    throw new Malformed("the material is not what the request names");
  }
  try {
    return JSON.parse(material) as unknown;
  } catch {
    throw new Malformed("the material is not JSON");
  }
}

export interface DecisionInput {
  hostId: Bytes;
  requestId: Bytes;
  rd: Bytes;
  decision: Decision;
  scope: number;
  /** The JSON of an answer, exactly as it will be sent. */
  result?: string;
  decidedMs: number;
  grantSerial: bigint;
  seenIdx: number;
  seenHead: Bytes;
  th4: Bytes;
}

const NONE: Bytes = new Uint8Array(0);

/** A: what is signed, and nothing of it is left to the host to fill in. */
export async function encodeDecision(d: DecisionInput): Promise<Bytes> {
  if ((d.decision === Decision.ANSWER) !== (d.result !== undefined)) {
    throw new Malformed("an answer has a result, and only an answer");
  }
  const extra = d.result === undefined ? NONE : await sha256(utf8(d.result));
  return concat(
    lv("fh1 approval"), d.hostId, d.requestId, d.rd, u8(d.decision), u8(d.scope), lv(extra),
    u64(d.decidedMs), u64(d.grantSerial), u64(d.seenIdx), d.seenHead, d.th4,
  );
}

/** The signature is over A itself, which begins with its own label. */
export function signDecision(deviceKey: CryptoKey, a: Bytes): Promise<Bytes> {
  return sign(deviceKey, a);
}
