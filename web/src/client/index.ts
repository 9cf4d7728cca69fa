// The controller: everything a program needs to be a device of a host. The page uses
// it, and so do the functional tests of the whole product, from Node.
//
//   import WebSocket from "ws";
//   const controller = createController({ WebSocket, store: new MemoryStore(), deviceName: "test" });
//
//   // Pair, by link or by phrase; compare the digits on both sides.
//   const pairing = controller.pairByLink("https://…/#p=…");
//   const pairing = await controller.pairByPhrase("WOLF-PINE-7489", "ws://127.0.0.1:4317/relay");
//   pairing.onStep((step) => { if (step.step === "comparing") { check(step.digits); pairing.matches(); } });
//   const record = await pairing.done;                 // rejects with PairFailed{kind, message}
//
//   // Connect: one session with the host, reconnected by itself until close().
//   const host = await controller.connect(record.id);  // default: the first paired host
//   await host.ready();                                // `initialize` was answered
//   const { data } = await host.request<{ data: Thread[] }>("thread/list", { limit: 20 });
//   host.notify("method", params);
//   host.onNotification((method, params) => …);        // each returns a function that stops it
//   host.onServerRequest(({ id, method, params }) => host.respond(id, { decision: "accept" }));
//   host.onAnswerRefused((id, error) => …);            // somebody else decided first, …
//   host.onState((state) => …);                        // ConnectionState: phase, broken link, proofs
//   host.onRenewed(() => …);                           // the host restarted: subscriptions are gone,
//                                                      // open requests were rejected with -32014
//   host.close(); controller.close();
//
// request() rejects with RpcError{code, message, data}. While the line is down it waits
// here; once sent it is in the lane, is answered after a reconnect, and never sent twice.

import { RpcCode, type RpcErrorBody, type RpcId, type Params } from "../wire/jsonrpc";
import { Connection, type ConnectionState, type LastSession, type Mark, type Stream } from "./connection";
import type { Shelf } from "./history";
import type { Durable, Journal } from "./journal";
import type { SocketMaker } from "./leg";
import { pairByLink, pairByPhrase, PairFailed, type PairDeps, type Pairing } from "./pair";
import { RpcError, RpcPeer, type ServerRequest } from "./rpc";
import type { Ready, SeenLog } from "../session/pairing";
import type { HostRecord, Store } from "./store";

export { MemoryStore, type HostRecord, type Store } from "./store";
export { PairFailed, type Pairing, type PairStep, type PairFailureKind } from "./pair";
export { type ConnectionState, type Phase, type Broken } from "./connection";
export { RpcError, type ServerRequest } from "./rpc";
export { RpcCode, type RpcId, type RpcErrorBody } from "../wire/jsonrpc";
export type { SocketMaker } from "./leg";

export interface ControllerOptions {
  WebSocket: SocketMaker;
  store: Store;
  deviceName: string;
  version?: string;
  now?: () => number;
  /** The page: which addresses its server lets it dial. */
  mayDial?: (url: string) => boolean;
  /** What survives this program: the lane, what was typed, what was decided. */
  durable?: Durable;
  /** Copies of what was read last, for when there is no line. */
  shelf?: Shelf;
}

/** What became of a command whose answer was lost with its stream. */
export type Outcome =
  | { state: "undelivered" }
  | { state: "answered"; turnId?: string; error?: RpcErrorBody }
  | { state: "accepted" | "sent" | "unknown" };

interface CommandRow {
  seq: number;
  state: "accepted" | "sent" | "answered" | "unknown";
  turnId?: string | null;
  error?: RpcErrorBody | null;
}

type Listener<A extends unknown[]> = (...args: A) => void;

class Listeners<A extends unknown[]> {
  private readonly set = new Set<Listener<A>>();
  add(listener: Listener<A>): () => void {
    this.set.add(listener);
    return () => this.set.delete(listener);
  }
  call(...args: A): void {
    for (const listener of [...this.set]) listener(...args);
  }
}

/** One app-server connection to one host, renewed when the host restarts. */
export class HostClient {
  private peer: RpcPeer;
  private stream!: Stream;
  private initialized!: Promise<unknown>;
  private closed = false;
  private readonly notifications = new Listeners<[string, Params]>();
  private readonly requests = new Listeners<[ServerRequest]>();
  private readonly refusals = new Listeners<[RpcId, RpcErrorBody]>();
  private readonly renewals = new Listeners<[]>();

  constructor(
    private readonly connection: Connection,
    private readonly clientInfo: { name: string; title: string; version: string },
    readonly shelf?: Shelf,
  ) {
    this.peer = this.openStream();
    connection.start();
  }

  private openStream(): RpcPeer {
    const stream = this.connection.openStream({
      message: (text) => peer.receive(text),
      waits: () => peer.waits,
      lost: () => this.renew(peer),
    });
    const peer: RpcPeer = new RpcPeer(stream, {
      notification: (method, params) => this.notifications.call(method, params),
      serverRequest: (request) => this.requests.call(request),
      answerRefused: (id, error) => this.refusals.call(id, error),
    });
    this.stream = stream;
    this.initialized = peer.request("initialize", {
      clientInfo: this.clientInfo,
      capabilities: { experimentalApi: true, requestAttestation: false, optOutNotificationMethods: [] },
    }, 24 * 3600 * 1000).then((result) => {
      peer.notify("initialized");
      return result;
    });
    this.initialized.catch(() => undefined);
    return peer;
  }

  private renew(old: RpcPeer): void {
    if (this.closed || old !== this.peer) return;
    old.lost();
    if (this.connection.state.phase === "ended") return;
    this.peer = this.openStream();
    this.renewals.call();
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  get host(): HostRecord {
    return this.connection.host;
  }

  /** Resolves once `initialize` was answered by the host, in the current stream. */
  async ready(): Promise<void> {
    for (;;) {
      const { peer, initialized } = this;
      try {
        await initialized;
        return;
      } catch (error) {
        if (peer === this.peer) throw error; // not renewed meanwhile: a real refusal
      }
    }
  }

  /** Resolves when a request would leave at once. */
  async online(): Promise<void> {
    await this.connection.whenOpen();
    await this.ready();
  }

  async request<T = unknown>(method: string, params: unknown = {}, timeoutMs?: number): Promise<T> {
    if (this.closed) throw new RpcError(RpcCode.OUTCOME_UNKNOWN, "closed");
    // Nothing leaves this device before there is a session: what waits here has a known
    // outcome, also when the host comes back as another process.
    await this.online();
    return this.peer.request<T>(method, params, timeoutMs);
  }

  /**
   * A call that changes something: `mark` is told its number, and what its owner writes
   * into the journal then is on disk before the call leaves. Waits as long as it takes.
   */
  async command<T = unknown>(method: string, params: unknown, mark: Mark): Promise<T> {
    if (this.closed) throw new RpcError(RpcCode.OUTCOME_UNKNOWN, "closed");
    await this.online();
    return this.peer.request<T>(method, params, undefined, mark);
  }

  /** What became of commands under these numbers, when nobody can answer them any more. */
  async outcomes(seqs: readonly number[]): Promise<Map<number, Outcome>> {
    const out = new Map<number, Outcome>();
    await this.online();
    const had = this.connection.hostHas;
    for (const seq of seqs) {
      const never = had !== undefined && seq > had;
      out.set(seq, { state: never ? "undelivered" : "unknown" });
    }
    const open = seqs.filter((seq) => out.get(seq)!.state === "unknown");
    if (open.length === 0) return out;
    try {
      const { data } = await this.peer.request<{ data: CommandRow[] }>(
        "farhand/commands/read", { from: Math.min(...open) });
      for (const { seq, state, turnId, error } of data) {
        if (!out.has(seq)) continue;
        out.set(seq, state !== "answered" ? { state } : {
          state, ...(turnId ? { turnId } : {}), ...(error ? { error } : {}),
        });
      }
    } catch {
      // A host that keeps no commands: what was on its way stays unknown.
    }
    return out;
  }

  journal(): Promise<Journal> {
    return this.connection.journal();
  }

  get lastSession(): LastSession | undefined {
    return this.connection.last;
  }

  /** How far this device has seen the host's log. */
  set seenLog(seen: SeenLog | undefined) {
    this.connection.seenLog = seen;
  }

  onReady(listener: (ready: Ready) => void): () => void {
    return this.connection.onReady(listener);
  }

  notify(method: string, params?: unknown): void {
    this.peer.notify(method, params);
  }

  respond(id: RpcId, result: unknown): void {
    this.peer.respond(id, result);
  }

  respondError(id: RpcId, error: RpcErrorBody): void {
    this.peer.respondError(id, error);
  }

  onNotification(listener: (method: string, params: Params) => void): () => void {
    return this.notifications.add(listener);
  }

  onServerRequest(listener: (request: ServerRequest) => void): () => void {
    return this.requests.add(listener);
  }

  onAnswerRefused(listener: (id: RpcId, error: RpcErrorBody) => void): () => void {
    return this.refusals.add(listener);
  }

  onRenewed(listener: () => void): () => void {
    return this.renewals.add(listener);
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.connection.onState(listener);
  }

  /** Everything up to this number has reached the host (not yet the agent). */
  onDelivered(listener: (upTo: number) => void): () => void {
    return this.connection.onDelivered(listener);
  }

  /** The network or the screen is back. */
  wake(): void {
    this.connection.wake();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.peer.lost();
    this.stream.close();
    this.connection.stop();
  }
}

export class Controller {
  private readonly clients = new Set<HostClient>();
  private readonly spent = new Set<string>();

  constructor(private readonly options: ControllerOptions) {}

  hosts(): Promise<HostRecord[]> {
    return this.options.store.list();
  }

  private get version(): string {
    return this.options.version ?? "0.1.0";
  }

  private get now(): () => number {
    return this.options.now ?? Date.now;
  }

  private pairDeps(): PairDeps {
    const { WebSocket, deviceName, store, mayDial } = this.options;
    return {
      WebSocket, deviceName, version: this.version, now: this.now, spent: this.spent,
      save: (record) => store.put(record),
      ...(mayDial ? { mayDial } : {}),
    };
  }

  pairByLink(link: string): Pairing {
    return pairByLink(this.pairDeps(), link);
  }

  /** Rejects at once, nothing sent, when the phrase has a typo. */
  async pairByPhrase(typed: string, relayUrl: string): Promise<Pairing> {
    const { isPhrase, parsePhrase } = await import("../session/phrase");
    const phrase = await parsePhrase(typed);
    if (!isPhrase(phrase)) {
      throw new PairFailed("failed", phrase.kind === "word"
        ? `“${phrase.word}” is not a word of a phrase.`
        : "The phrase does not add up: check the words and digits.");
    }
    return pairByPhrase(this.pairDeps(), phrase, relayUrl);
  }

  async connect(id?: string): Promise<HostClient> {
    const hosts = await this.hosts();
    const record = id === undefined ? hosts[0] : hosts.find((host) => host.id === id);
    if (!record) throw new Error("no such host is paired");
    const { WebSocket, store, deviceName, durable, mayDial, shelf } = this.options;
    const connection = new Connection(record, {
      WebSocket, store, deviceName, version: this.version, now: this.now,
      ...(durable ? { durable } : {}), ...(mayDial ? { mayDial } : {}),
    });
    const info = { name: "farhand_web", title: "Farhand", version: this.version };
    const client = new HostClient(connection, info, shelf);
    this.clients.add(client);
    return client;
  }

  /** Removes the keys from this device; works although the host is dead. */
  async forget(id: string): Promise<void> {
    for (const client of this.clients) if (client.host.id === id) client.close();
    await this.options.store.remove(id);
  }

  close(): void {
    for (const client of this.clients) client.close();
    this.clients.clear();
  }
}

export function createController(options: ControllerOptions): Controller {
  return new Controller(options);
}
