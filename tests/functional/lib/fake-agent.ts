// fake-agent: an app server of our own making, for what the real Codex asks only with an account,
// a plugin or bad luck. It knows one thread, and asks whatever a test tells it to.

import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";

import { Inbox } from "./inbox";
import type { Json, Message } from "./rpc";

export const THREAD = "01a20306-e7c7-7311-91fb-38a3b57e1682";

const thread = {
  id: THREAD,
  sessionId: THREAD,
  cliVersion: "0.169.0",
  createdAt: 1795347113,
  updatedAt: 1795347113,
  cwd: "/",
  ephemeral: false,
  modelProvider: "fake",
  preview: "",
  projectId: null,
  source: "vscode",
  status: { type: "idle" },
  turns: [],
};

const started = {
  thread,
  model: "fake",
  modelProvider: "fake",
  cwd: "/",
  approvalPolicy: "untrusted",
  approvalsReviewer: "user",
  sandbox: { type: "readOnly" },
};

const answers: Record<string, Json> = {
  initialize: { userAgent: "fake/0.169.0 (test)", codexHome: "/nowhere", platformFamily: "unix", platformOs: "linux" },
  "account/read": { account: null, requiresOpenaiAuth: false },
  "thread/start": started,
  "thread/resume": started,
  "thread/loaded/list": { data: [THREAD], nextCursor: null },
  "thread/list": { data: [thread], nextCursor: null },
  "thread/read": { thread },
};

export class FakeAgent {
  /** Every request and notification of the host, and its answers to our requests. */
  readonly inbox = new Inbox<Message>("fake agent");
  readonly #server: WebSocketServer;
  #peer: WebSocket | undefined;
  #next = 0;
  answers: Record<string, Json> = { ...answers };

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (peer) => {
      this.#peer = peer;
      peer.on("message", (data) => this.#received(peer, JSON.parse(data.toString()) as Message));
      peer.on("error", () => undefined);
    });
  }

  static async start(): Promise<FakeAgent> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((listening) => server.once("listening", listening));
    return new FakeAgent(server);
  }

  get endpoint(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #received(peer: WebSocket, message: Message): void {
    this.inbox.push(message);
    if (message.method === undefined || message.id === undefined) return;
    const result = this.answers[message.method];
    if (result === undefined) {
      peer.send(JSON.stringify({ id: message.id, error: { code: -32600, message: `Invalid request: unknown variant \`${message.method}\`` } }));
    } else {
      peer.send(JSON.stringify({ id: message.id, result }));
    }
  }

  send(message: Message): void {
    this.#peer?.send(JSON.stringify(message));
  }

  notify(method: string, params: Json): void {
    this.send({ method, params });
  }

  /** Ask the host something; resolves with its answer, whoever gave it. */
  async ask(method: string, params: Json, within?: number): Promise<Message> {
    const id = this.#next++;
    const from = this.inbox.items.length;
    this.send({ id, method, params });
    return this.inbox.next(`an answer to ${method}`, (m) => m.method === undefined && m.id === id, { from, ...(within ? { within } : {}) });
  }

  async close(): Promise<void> {
    for (const peer of this.#server.clients) peer.terminate();
    await new Promise((done) => this.#server.close(done));
  }
}
