// phone: a device played by the page's own code (web/src/client), on Node's WebSocket. What it
// does here is what it does in a browser: the same handshake, records, lanes and streams.

import WebSocket from "ws";

import { Connection, type ConnectionState, type Phase } from "../../../web/src/client/connection";
import type { SocketMaker } from "../../../web/src/client/leg";
import { type PairDeps, type Pairing, type PairStep, pairByLink, pairByPhrase } from "../../../web/src/client/pair";
import { type HostRecord, MemoryStore } from "../../../web/src/client/store";
import { isPhrase, parsePhrase } from "../../../web/src/session/phrase";
import { answerSigned } from "./decide";
import { Inbox } from "./inbox";
import { Rpc } from "./rpc";
import type { Scene } from "./scene";

/** Sockets of one phone: what they are called on, and a way to cut them all. */
export class Sockets {
  readonly open = new Set<WebSocket>();
  /** Dial something else instead: a hostile relay in the middle. */
  redirect: (url: string) => string = (url) => url;
  ca: Buffer | undefined;

  readonly Maker: SocketMaker;

  constructor() {
    const self = this;
    this.Maker = class extends WebSocket {
      constructor(url: string) {
        super(self.redirect(url), { perMessageDeflate: false, ...(self.ca ? { ca: self.ca } : {}) });
        self.open.add(this);
        this.on("close", () => self.open.delete(this));
        this.on("error", () => undefined);
      }
    } as unknown as SocketMaker;
  }

  /** As when the phone goes into a tunnel: no close frame, nothing. */
  cut(): void {
    for (const socket of this.open) socket.terminate();
  }
}

export interface PairResult {
  record: HostRecord;
  digits: string | undefined;
}

export class Phone {
  readonly store = new MemoryStore();
  readonly sockets = new Sockets();
  readonly spent = new Set<string>();
  readonly states = new Inbox<ConnectionState>("connection of the phone");
  connection: Connection | undefined;
  #streams = 0;

  constructor(
    readonly scene: Scene,
    readonly name = "Test phone",
  ) {
    scene.atEnd(() => this.stop());
  }

  get deps(): PairDeps {
    return {
      WebSocket: this.sockets.Maker,
      deviceName: this.name,
      version: "test",
      now: Date.now,
      spent: this.spent,
      save: (record) => this.store.put(record),
    };
  }

  pairByLink(link: string): WatchedPairing {
    return new WatchedPairing(this.name, pairByLink(this.deps, link));
  }

  async pairByPhrase(typed: string, relayUrl: string): Promise<WatchedPairing> {
    const phrase = await parsePhrase(typed);
    if (!isPhrase(phrase)) throw new Error(`${typed}: ${phrase.kind}`);
    return new WatchedPairing(this.name, pairByPhrase(this.deps, phrase, relayUrl));
  }

  get record(): Promise<HostRecord> {
    return this.store.list().then((records) => {
      const [record] = records;
      if (!record) throw new Error("this phone is not paired");
      return record;
    });
  }

  /** Start the session (mode 3) and wait until it is open. */
  async connect(): Promise<Connection> {
    const from = this.mark;
    this.connection ??= new Connection(await this.record, {
      WebSocket: this.sockets.Maker,
      store: this.store,
      version: "test",
      deviceName: this.name,
      now: Date.now,
    });
    this.connection.onState((state) => this.states.push(state));
    this.connection.start();
    await this.phase("open", from);
    return this.connection;
  }

  /** The next time the connection is in this phase; `from` is a mark in `states`. */
  async phase(phase: Phase, from = 0, within = 45_000): Promise<ConnectionState> {
    return this.states.next(`phase ${phase}`, (state) => state.phase === phase, { from, within });
  }

  get mark(): number {
    return this.states.items.length;
  }

  /** One app-server connection over the session. */
  rpc(): Rpc {
    const connection = this.connection;
    if (!connection) throw new Error("connect first");
    const rpc: Rpc = new Rpc(`${this.name}, stream ${++this.#streams}`, {
      send: (text) => stream.send(text),
      close: () => stream.close(),
    });
    // A device signs what it decides; what a spec answers in the engine's words is signed here.
    const bare = rpc.answer.bind(rpc);
    rpc.answer = (request, result) => {
      if (request.params?.farhand?.request) void answerSigned(this, rpc, request, result);
      else bare(request, result);
    };
    const stream = connection.openStream({
      message: (text) => rpc.received(text),
      lost: () => rpc.closed("the host forgot the stream"),
    });
    return rpc;
  }

  /** Connect, open a stream and initialize it. */
  async attach(): Promise<Rpc> {
    await this.connect();
    const rpc = this.rpc();
    await rpc.initialize();
    return rpc;
  }

  stop(): void {
    this.connection?.stop();
    this.connection = undefined;
  }
}

export class WatchedPairing {
  readonly steps: Inbox<PairStep>;
  readonly done: Promise<HostRecord>;

  constructor(
    name: string,
    readonly pairing: Pairing,
  ) {
    this.steps = new Inbox(`pairing of ${name}`);
    pairing.onStep((step) => this.steps.push(step));
    this.done = pairing.done;
    this.done.then(
      () => this.steps.end("paired"),
      (error: Error) => this.steps.end(`failed: ${error.message}`),
    );
  }

  /** The six digits on this side's screen. */
  async digits(): Promise<string> {
    const step = await this.steps.next("digits to compare", (s) => s.step === "comparing");
    return step.step === "comparing" ? step.digits : "";
  }
}
