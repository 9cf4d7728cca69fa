// A card: one request of the agent that waits for a person. It is drawn from the octets
// that would be signed and from material whose hash is in them, and from nothing else.
// What the host shows beside them must say the same, or the card is refused.

import { b64url, type Bytes, Malformed, unb64url, unhex } from "../wire/bytes";
import type { Params } from "../wire/jsonrpc";
import type { Decider } from "../wire/codex";
import { type ApprovalRequest, Kind, openMaterial, parseRequest, requestDigest } from "../session/approval";
import type { SeenLog } from "../session/pairing";

/** What the host sends, by request or in farhand/approval/list; kept on disk as it is. */
export interface RawCard {
  id: string;
  method: string;
  params: Params;
  arrivedAt: number;
}

export interface Vote {
  by?: Decider;
  decision?: string;
  atMs?: number;
}

export interface Card extends RawCard {
  threadId: string;
  itemId: string | undefined;
  /** Undefined while it is checked. */
  request: ApprovalRequest | undefined;
  rd: Bytes | undefined;
  /** What the engine asked, as signed: the only source of what is drawn. */
  material: Params;
  /** Why nobody may decide it here. */
  broken: string | undefined;
  /** Where the log stood when it was asked. */
  log: SeenLog | undefined;
  votes: Vote[];
}

export const KIND_OF: Record<string, number> = {
  "item/commandExecution/requestApproval": Kind.COMMAND,
  "item/fileChange/requestApproval": Kind.FILE_CHANGE,
  "item/permissions/requestApproval": Kind.PERMISSIONS,
  "item/tool/requestUserInput": Kind.QUESTION,
  "mcpServer/elicitation/request": Kind.ELICITATION,
};

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const given = (value: unknown): boolean => value !== undefined && value !== null;

/** JSON values alike, whatever the order of their members. */
export function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return left.length === right.size
    && left.every(([key, value]) => right.has(key) && alike(value, right.get(key)));
}

function askedOf(kind: number, m: Params): { network: boolean; outsideWorkspace: boolean } {
  const more = (m[kind === Kind.PERMISSIONS ? "permissions" : "additionalPermissions"] ?? {}) as Params;
  return {
    network: given(m["networkApprovalContext"]) || given(more["network"]),
    outsideWorkspace: given(m["grantRoot"]) || given(more["fileSystem"]),
  };
}

/** A change's path, and behind it where its file is moved to. */
function pathsOf(change: Params): string[] {
  const to = text(((change["kind"] ?? {}) as Params)["move_path"]);
  return to === "" ? [text(change["path"])] : [text(change["path"]), to];
}

/** The first member in which the octets and the material differ. */
function differs(r: ApprovalRequest, m: Params): string | undefined {
  const command = m["command"];
  const changes = Array.isArray(m["changes"]) ? m["changes"] as Params[] : [];
  const asked = askedOf(r.kind, m);
  const pairs: [string, unknown, unknown][] = [
    ["thread", r.thread, text(m["threadId"])],
    ["turn", r.turn, text(m["turnId"])],
    ["item", r.item, text(m["itemId"])],
    ["folder", r.cwd, text(m["cwd"])],
    ["reason", r.reason, text(m["reason"])],
    ["network", r.asked.network, asked.network],
    ["reach", r.asked.outsideWorkspace, asked.outsideWorkspace],
  ];
  if (r.kind === Kind.COMMAND) {
    pairs.push(["command", r.command, text(command)]);
    pairs.push(["arguments", r.argv, Array.isArray(command) ? command.map(text) : []]);
  }
  if (r.kind === Kind.FILE_CHANGE) pairs.push(["paths", r.paths, changes.flatMap(pathsOf)]);
  return pairs.find(([, signed, shown]) => !alike(signed, shown))?.[0];
}

function check(raw: RawCard, r: ApprovalRequest, material: Params): void {
  if (raw.id !== b64url(r.id)) throw new Malformed("it is another request");
  if (KIND_OF[raw.method] !== r.kind) throw new Malformed("it is another kind of request");
  const { farhand: _, ...shown } = raw.params;
  const { changes, ...signed } = material;
  const beside = r.kind === Kind.FILE_CHANGE ? signed : { ...signed, ...(given(changes) ? { changes } : {}) };
  if (!alike(shown, beside)) throw new Malformed("what is shown is not what would be signed");
  const member = differs(r, material);
  if (member) throw new Malformed(`its ${member} is not what would be signed`);
}

function logOf(farhand: Params): SeenLog | undefined {
  const [idx, head] = [farhand["auditIdx"], farhand["auditHead"]];
  if (!Number.isSafeInteger(idx) || typeof head !== "string" || head.length !== 64) return undefined;
  return { idx: idx as number, head: unhex(head) };
}

/** Opens a card: read, hashed and compared; what does not fit is said, never drawn. */
export async function openCard(raw: RawCard): Promise<Card> {
  const card: Card = {
    ...raw, threadId: text(raw.params["threadId"]), itemId: text(raw.params["itemId"]) || undefined,
    request: undefined, rd: undefined, material: {}, broken: undefined, log: undefined, votes: [],
  };
  try {
    const farhand = (raw.params["farhand"] ?? {}) as Params;
    if (typeof farhand["request"] !== "string" || typeof farhand["material"] !== "string") {
      throw new Malformed("the host does not say what would be signed");
    }
    const octets = unb64url(farhand["request"]);
    const request = parseRequest(octets);
    const material = await openMaterial(request, farhand["material"]);
    if (typeof material !== "object" || material === null || Array.isArray(material)) {
      throw new Malformed("its material is no object");
    }
    check(raw, request, material as Params);
    Object.assign(card, {
      request, rd: await requestDigest(octets), material, log: logOf(farhand),
      threadId: request.thread, itemId: request.item || undefined,
    });
  } catch (error) {
    card.broken = error instanceof Error ? error.message : "it cannot be read";
  }
  return card;
}
