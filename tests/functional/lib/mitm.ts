// mitm: a relay's evil twin. Stands between one controller (or host) and the real relay, passes
// every frame of the envelope, and lets a test decide what becomes of each.

import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";

export const DATA = 6;

export interface Frame {
  /** "up": from whoever dialled us to the relay. */
  way: "up" | "down";
  type: number;
  octets: Buffer;
  /** Counts the DATA frames of this way on this connection, from 0. */
  nth: number;
}

/** What goes on instead of this frame: itself, something else, nothing, or several. */
export type Tamper = (frame: Frame, leg: Leg) => Buffer[];

export interface Leg {
  /** Everything that DATA carried, by way, as it came. */
  seen: { up: Buffer[]; down: Buffer[] };
  cut(): void;
}

export class Mitm {
  tamper: Tamper = (frame) => [frame.octets];
  readonly legs: Leg[] = [];
  readonly #server: WebSocketServer;

  private constructor(
    server: WebSocketServer,
    public target: string,
  ) {
    this.#server = server;
    server.on("connection", (client) => this.#pass(client));
  }

  static async start(target: string, port = 0): Promise<Mitm> {
    const server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", reject);
    });
    return new Mitm(server, target);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/relay`;
  }

  #pass(client: WebSocket): void {
    const relay = new WebSocket(this.target, { perMessageDeflate: false });
    const waiting: Buffer[] = [];
    const leg: Leg = {
      seen: { up: [], down: [] },
      cut: () => {
        client.terminate();
        relay.terminate();
      },
    };
    this.legs.push(leg);
    const forward = (way: "up" | "down", to: WebSocket) => (octets: Buffer) => {
      const type = octets[1] ?? 0;
      const nth = leg.seen[way].length;
      if (type === DATA) leg.seen[way].push(Buffer.from(octets.subarray(6)));
      for (const out of this.tamper({ way, type, octets, nth }, leg)) {
        if (to.readyState === WebSocket.OPEN) to.send(out);
        else if (to.readyState === WebSocket.CONNECTING) waiting.push(out);
      }
    };
    client.on("message", forward("up", relay));
    relay.on("message", forward("down", client));
    relay.on("open", () => {
      for (const octets of waiting.splice(0)) relay.send(octets);
    });
    for (const [one, other] of [[client, relay], [relay, client]] as const) {
      one.on("error", () => other.terminate());
      one.on("close", () => other.terminate());
    }
  }

  async close(): Promise<void> {
    for (const leg of this.legs) leg.cut();
    await new Promise((done) => this.#server.close(done));
  }
}

/** The same envelope around other octets. */
export function withBody(frame: Buffer, body: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, 6), body]);
}

export function flipped(octets: Buffer, bit: number): Buffer {
  const copy = Buffer.from(octets);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}
