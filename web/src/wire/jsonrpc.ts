// JSON-RPC as the app-server speaks it: no "jsonrpc" member, ids are strings or
// integers and come back as sent, unknown members are ignored.

import { Malformed } from "./bytes";

export type RpcId = string | number;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Params = Record<string, unknown>;

export interface RpcRequest {
  id: RpcId;
  method: string;
  params?: unknown;
}
export interface RpcNotification {
  method: string;
  params?: unknown;
}
export interface RpcErrorBody {
  code: number;
  message: string;
  data?: unknown;
}
export interface RpcResponse {
  id: RpcId;
  result?: unknown;
  error?: RpcErrorBody;
}

export type RpcMessage =
  | ({ kind: "request" } & RpcRequest)
  | ({ kind: "notification" } & RpcNotification)
  | ({ kind: "response" } & RpcResponse);

/** Farhand's own error codes. */
export const RpcCode = {
  ALREADY_DECIDED: -32010,
  NOT_ALLOWED: -32011,
  REFUSED_BY_POLICY: -32012,
  AGENT_DOWN: -32013,
  OUTCOME_UNKNOWN: -32014,
  LIMIT: -32015,
  METHOD_NOT_FOUND: -32601,
} as const;

function isId(value: unknown): value is RpcId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function parseError(value: unknown): RpcErrorBody {
  const error = value as Partial<RpcErrorBody> | null;
  if (!error || typeof error.code !== "number" || typeof error.message !== "string") {
    throw new Malformed("not an error object");
  }
  return { code: error.code, message: error.message, data: error.data };
}

export function parseRpc(line: string): RpcMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Malformed("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Malformed("not a message");
  }
  const { id, method, params, result, error } = value as Record<string, unknown>;
  if (typeof method === "string") {
    if (id === undefined) return { kind: "notification", method, params };
    if (isId(id)) return { kind: "request", id, method, params };
  } else if (isId(id)) {
    if (error !== undefined) return { kind: "response", id, error: parseError(error) };
    return { kind: "response", id, result };
  }
  throw new Malformed("not a message");
}
