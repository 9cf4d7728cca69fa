// rpc: one app-server connection, as a controller has it. The transport is somebody else's:
// a WebSocket (the local door, a joined host, Codex itself) or a stream of the phone's session.

import WebSocket from "ws";

import { Inbox } from "./inbox";

// biome-ignore lint: JSON of somebody else's making
export type Json = any;

export interface Message {
  id?: string | number;
  method?: string;
  params?: Json;
  result?: Json;
  error?: { code: number; message: string; data?: Json };
}

export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data?: Json,
  ) {
    super(message);
  }
}

export interface Transport {
  send(text: string): void;
  close(): void;
}

export class Rpc {
  /** Everything the other side sent but answers: notifications and its own requests. */
  readonly inbox: Inbox<Message>;
  #next = 1;
  #waiting = new Map<string | number, { resolve: (m: Message) => void; reject: (e: Error) => void }>();

  constructor(
    name: string,
    readonly transport: Transport,
  ) {
    this.inbox = new Inbox(name);
  }

  /** The transport calls this with each text it gets. */
  received(text: string): void {
    const message = JSON.parse(text) as Message;
    if (message.method === undefined && message.id !== undefined) {
      this.#waiting.get(message.id)?.resolve(message);
      this.#waiting.delete(message.id);
      return;
    }
    this.inbox.push(message);
  }

  closed(why: string): void {
    this.inbox.end(why);
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.inbox.name}: ${why}`));
    this.#waiting.clear();
  }

  async call(method: string, params: Json = {}, within = 45_000): Promise<Json> {
    const id = this.#next++;
    const answer = await new Promise<Message>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${this.inbox.name}: ${method} was not answered within ${within} ms`));
      }, within);
      const over = (): void => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (message) => (over(), resolve(message)),
        reject: (error) => (over(), reject(error)),
      });
      this.transport.send(JSON.stringify({ id, method, params }));
    });
    if (answer.error) throw new RpcError(answer.error.code, answer.error.message, answer.error.data);
    return answer.result;
  }

  notify(method: string, params: Json = {}): void {
    this.transport.send(JSON.stringify({ method, params }));
  }

  answer(request: Message, result: Json): void {
    this.transport.send(JSON.stringify({ id: request.id, result }));
  }

  refuse(request: Message, code: number, message: string): void {
    this.transport.send(JSON.stringify({ id: request.id, error: { code, message } }));
  }

  async initialize(capabilities: Json = { experimentalApi: true }, name = "farhand_test"): Promise<Json> {
    const result = await this.call("initialize", {
      clientInfo: { name, title: "Test", version: "0" },
      capabilities,
    });
    this.notify("initialized");
    return result;
  }

  /** The next notification or request of this method whose params match. */
  event(method: string, matches: (params: Json) => boolean = () => true, options: { from?: number; within?: number } = {}): Promise<Message> {
    return this.inbox.next(method, (m) => m.method === method && matches(m.params ?? {}), options);
  }

  /** Where the inbox stands: for "from now on". */
  get mark(): number {
    return this.inbox.items.length;
  }

  events(method: string, from = 0): Message[] {
    return this.inbox.items.slice(from).filter((m) => m.method === method);
  }

  close(): void {
    this.transport.close();
  }
}

/** Connect to a WebSocket app server: `ws://…`, or `unix:PATH` (GET /rpc). */
export async function connectRpc(name: string, address: string, headers: Record<string, string> = {}): Promise<Rpc> {
  const url = address.startsWith("unix:") ? `ws+unix://${address.slice(5)}:/rpc` : address;
  const socket = new WebSocket(url, { headers, perMessageDeflate: false, maxPayload: 128 << 20 });
  const rpc = new Rpc(name, { send: (text) => socket.send(text), close: () => socket.close() });
  socket.on("message", (data) => rpc.received(data.toString()));
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
    socket.once("unexpected-response", (_request, response) => {
      reject(new Error(`${name}: HTTP ${response.statusCode}`));
    });
  });
  socket.on("error", (error) => rpc.closed(error.message));
  socket.on("close", (code, reason) => rpc.closed(`closed with ${code} ${reason.toString()}`));
  return rpc;
}
