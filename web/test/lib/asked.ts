// What a host sends beside a request that a person decides: the octets to be signed,
// and the material whose hash is in them (docs/protocol.md §7).

import { createHash, randomBytes } from "node:crypto";
import { KIND_OF } from "../../src/client/card";
import { Kind } from "../../src/session/approval";
import { b64url, type Bytes, concat, u64, u8, utf8 } from "../../src/wire/bytes";
import type { Params } from "../../src/wire/jsonrpc";
import { tlv } from "../../src/wire/tlv";

export interface AskedOptions {
  changes?: unknown;
  quorum?: number;
  expiresMs?: number;
  policy?: string;
  createdMs?: number;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const given = (value: unknown): boolean => value !== undefined && value !== null;
const sha256 = (octets: Bytes): Bytes => new Uint8Array(createHash("sha256").update(octets).digest());

function askedBits(kind: number, m: Params): number {
  const more = (m[kind === Kind.PERMISSIONS ? "permissions" : "additionalPermissions"] ?? {}) as Params;
  const network = given(m["networkApprovalContext"]) || given(more["network"]);
  const outside = given(m["grantRoot"]) || given(more["fileSystem"]);
  return (network ? 1 : 0) | (kind === Kind.COMMAND ? 2 : 0) | (outside ? 4 : 0);
}

export function askedRequest(method: string, params: Params, options: AskedOptions = {}): { id: string; params: Params } {
  const id: Bytes = new Uint8Array(randomBytes(16));
  const kind = KIND_OF[method]!;
  const material = JSON.stringify(options.changes ? { ...params, changes: options.changes } : params);
  const fields: [number, Bytes][] = [[1, id]];
  const put = (tag: number, value: string) => value && fields.push([tag, utf8(value)]);
  put(2, text(params["threadId"]));
  put(3, text(params["turnId"]));
  put(4, text(params["itemId"]));
  fields.push([5, u8(kind)]);
  put(6, text(params["cwd"]));
  if (kind === Kind.COMMAND) put(7, text(params["command"]));
  fields.push([9, sha256(utf8(material))]);
  for (const { path } of (options.changes ?? []) as { path: string }[]) fields.push([10, utf8(path)]);
  put(11, text(params["reason"]));
  fields.push([12, u8(askedBits(kind, params))]);
  put(13, options.policy ?? "");
  fields.push([14, u64(options.createdMs ?? Date.now())], [15, u64(options.expiresMs ?? 0)], [16, u8(options.quorum ?? 1)], [17, u8(0)]);
  const farhand = { request: b64url(concat(tlv(...fields))), material, auditIdx: 0, auditHead: "ab".repeat(32) };
  return { id: b64url(id), params: { ...params, farhand } };
}
