// JSON-RPC over one stream: requests with their answers, notifications, and the
// host's own requests (approvals, questions), which wait here until a person answers.

import { type Params, parseRpc, RpcCode, type RpcErrorBody, type RpcId } from "../wire/jsonrpc";
import type { Mark, Stream } from "./connection";

export class RpcError extends Error {
  override name = "RpcError";
  constructor(readonly code: number, message: string, readonly data?: unknown) {
    super(message);
  }
}

export interface ServerRequest {
  id: RpcId;
  method: string;
  params: Params;
}

export interface RpcEvents {
  notification(method: string, params: Params): void;
  serverRequest(request: ServerRequest): void;
  /** The host refused an answer of ours: somebody else was first, or we may not. */
  answerRefused(id: RpcId, error: RpcErrorBody): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: RpcError): void;
  timer: ReturnType<typeof setTimeout>;
}

export const REQUEST_MS = 60_000;
/** A command is waited for as long as its stream lives: giving up would only be a guess. */
const COMMAND_MS = 0x7fffffff;

/** What the device must not miss: questions, answers, and how things ended. */
const MUST_HEAR = new Set(["serverRequest/resolved", "item/completed", "farhand/approval/changed"]);

export class RpcPeer {
  private next = 1;
  private readonly waiting = new Map<RpcId, Waiting>();
  private readonly answered = new Set<RpcId>();

  constructor(
    private readonly stream: Stream,
    private readonly events: RpcEvents,
  ) {}

  /** With a mark it is a command, written down under its number before it leaves. */
  request<T>(
    method: string, params: unknown, timeoutMs?: number, mark?: Mark,
  ): Promise<T> {
    const id = this.next++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new RpcError(RpcCode.OUTCOME_UNKNOWN, "the host did not answer in time"));
      }, timeoutMs ?? (mark ? COMMAND_MS : REQUEST_MS));
      this.waiting.set(id, { resolve: (result) => resolve(result as T), reject, timer });
      try {
        this.stream.send(JSON.stringify({ id, method, params }), mark);
      } catch (error) {
        clearTimeout(timer);
        this.waiting.delete(id);
        reject(new RpcError(RpcCode.LIMIT, error instanceof Error ? error.message : "not sent"));
      }
    });
  }

  notify(method: string, params?: unknown): void {
    this.stream.send(JSON.stringify(params === undefined ? { method } : { method, params }));
  }

  respond(id: RpcId, result: unknown): void {
    this.answered.add(id);
    this.stream.send(JSON.stringify({ id, result }));
  }

  respondError(id: RpcId, error: RpcErrorBody): void {
    this.answered.add(id);
    this.stream.send(JSON.stringify({ id, error }));
  }

  /** True: it must be safe here before it is acknowledged. */
  receive(text: string): boolean {
    const message = parseRpc(text);
    const params = (m: { params?: unknown }) => (m.params ?? {}) as Params;
    if (message.kind === "notification") {
      this.events.notification(message.method, params(message));
    } else if (message.kind === "request") {
      this.events.serverRequest({ id: message.id, method: message.method, params: params(message) });
    } else {
      this.settle(message.id, message.result, message.error);
    }
    return message.kind !== "notification" || MUST_HEAR.has(message.method);
  }

  private settle(id: RpcId, result: unknown, error: RpcErrorBody | undefined): void {
    const waiting = this.waiting.get(id);
    if (!waiting) {
      // An error under an id that we answered, not asked: the answer was refused.
      if (error && this.answered.delete(id)) this.events.answerRefused(id, error);
      return;
    }
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new RpcError(error.code, error.message, error.data));
    else waiting.resolve(result);
  }

  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** The stream is gone: nobody will answer what is still open. */
  lost(): void {
    for (const waiting of this.waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new RpcError(
        RpcCode.OUTCOME_UNKNOWN, "the connection was renewed before the host answered"));
    }
    this.waiting.clear();
  }
}
