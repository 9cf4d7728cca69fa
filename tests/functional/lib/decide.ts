// decide: what a phone does when its person decides: it reads the request's bytes, checks the
// material, signs A and sends it. Parts can be bent, to see a host refuse them.

import { type DecisionInput, encodeDecision, openMaterial, parseRequest, requestDigest, Scope, signDecision } from "../../../web/src/session/approval";
import { type Bytes, b64url, unb64url, unhex } from "../../../web/src/wire/bytes";
import type { Phone } from "./phone";
import type { Json, Message, Rpc } from "./rpc";

export interface Signed {
  requestId: string;
  a: string;
  sig: string;
  result?: string;
}

interface Held {
  phone: Phone;
  /** th4 of the session in which it is signed. */
  th4: Bytes;
}

/** The session that this phone is in now. */
export function holding(phone: Phone): Held {
  const th4 = (phone.connection as unknown as { th4?: Bytes } | undefined)?.th4;
  if (!th4) throw new Error("this phone has no session");
  return { phone, th4 };
}

/** Signs a decision on a server request; nothing is sent. */
export async function signed(held: Held, request: Message, decision: number, { result, bend = {} }: { result?: string; bend?: Partial<DecisionInput> } = {}): Promise<Signed> {
  const record = await held.phone.record;
  const { request: code, material, auditIdx, auditHead } = request.params.farhand;
  const bytes = unb64url(code);
  await openMaterial(parseRequest(bytes), material);
  const a = await encodeDecision({
    hostId: unhex(record.id),
    requestId: unb64url(String(request.id)),
    rd: await requestDigest(bytes),
    decision: decision as DecisionInput["decision"],
    scope: Scope.ONCE,
    ...(result === undefined ? {} : { result }),
    decidedMs: Date.now(),
    grantSerial: record.serial,
    seenIdx: auditIdx,
    seenHead: unhex(auditHead),
    th4: held.th4,
    ...bend,
  });
  const sig = await signDecision(record.device.privateKey, a);
  return { requestId: String(request.id), a: b64url(a), sig: b64url(sig), ...(result === undefined ? {} : { result }) };
}

export function send(rpc: Rpc, decision: Signed): Promise<Json> {
  return rpc.call("farhand/approval/decide", decision);
}

const WORDS: Record<string, number> = { accept: 1, acceptForSession: 2, decline: 3, cancel: 4 };

/** What an answer of the engine's own shape comes to, signed and sent as this phone's decision. */
export async function answerSigned(phone: Phone, rpc: Rpc, request: Message, result: Json): Promise<void> {
  const said: unknown = result.decision ?? (result.action === "accept" ? undefined : result.action);
  const permits = result.permissions && (Object.values(result.permissions).some((v) => v !== null) ? "accept" : "decline");
  const word = typeof said === "object" && said !== null ? "accept" : (said ?? permits);
  const decision = WORDS[String(word)] ?? 5;
  const json = decision === 5 ? { result: JSON.stringify(result) } : {};
  await send(rpc, await signed(holding(phone), request, decision, json)).catch(() => undefined); // as an answer: nobody is told
}
