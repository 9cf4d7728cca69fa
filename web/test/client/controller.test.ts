import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  type Controller, createController, type HostClient, MemoryStore, type PairFailed, type SocketMaker,
} from "../../src/client";
import { b64url, unb64url } from "../../src/wire/bytes";
import { checkDigit } from "../../src/session/phrase";
import { type AppStream, HostDouble } from "../lib/host_double";

let host: HostDouble;
let controller: Controller;
let store: MemoryStore;

/** Answers `initialize` and echoes the params of everything else. */
function echo(stream: AppStream, message: Parameters<HostDouble["app"]>[1]): void {
  if (message.kind !== "request") return;
  const result = message.method === "initialize" ? { userAgent: "double" } : message.params;
  stream.send({ id: message.id, result });
}

beforeEach(async () => {
  host = await HostDouble.start();
  host.app = echo;
  store = new MemoryStore();
  controller = createController({
    WebSocket: WebSocket as unknown as SocketMaker, store, deviceName: "test phone",
  });
});

afterEach(() => {
  controller.close();
  host.stop();
});

async function pair(): Promise<HostClient> {
  const pairing = controller.pairByLink(host.link(host.openPairing({ confirm: "none" })));
  await pairing.done;
  const client = await controller.connect();
  await client.ready();
  return client;
}

async function failure(done: Promise<unknown>): Promise<PairFailed> {
  return done.then(() => expect.fail("paired"), (error: PairFailed) => error);
}

function until(client: HostClient, phase: string): Promise<void> {
  if (client.state.phase === phase) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = client.onState((state) => {
      if (state.phase !== phase) return;
      stop();
      resolve();
    });
  });
}

async function typed(secret = "wolf-pine-748"): Promise<string> {
  return secret.toUpperCase() + (await checkDigit(secret));
}

describe("pairing", () => {
  test("by link, without a question", async () => {
    const pairing = controller.pairByLink(host.link(host.openPairing({ confirm: "none" })));
    const record = await pairing.done;
    expect(record.name).toBe("studio");
    expect(record.role).toBe(3);
    expect(record.id).toBe(await host.id());
    expect(await store.list()).toHaveLength(1);
  });

  test("by link, with digits that are the same on both sides", async () => {
    let shownThere = "";
    const open = host.openPairing({
      decide: async (digits) => {
        shownThere = digits;
        return true;
      },
    });
    const pairing = controller.pairByLink(host.link(open));
    let shownHere = "";
    pairing.onStep((s) => {
      if (s.step === "comparing") shownHere = s.digits;
    });
    await pairing.done;
    expect(shownHere).toMatch(/^\d{3} \d{3}$/);
    expect(shownHere).toBe(shownThere);
  });

  test("by phrase it waits for the tap on this side too", async () => {
    host.openPairing();
    const pairing = await controller.pairByPhrase(await typed(), host.url);
    const compared = new Promise<void>((resolve) => {
      pairing.onStep((s) => {
        if (s.step === "comparing" && s.tapNeeded) resolve();
      });
    });
    await compared;
    await new Promise((resolve) => setTimeout(resolve, 50)); // READY is here, the tap is not
    expect(await store.list()).toHaveLength(0);
    pairing.matches();
    await pairing.done;
    expect(await store.list()).toHaveLength(1);
  });

  test("a typo never reaches the relay", async () => {
    const wrong = (await typed()).slice(0, -1) + ((await checkDigit("wolf-pine-748")) + 1) % 10;
    await expect(controller.pairByPhrase(wrong, host.url)).rejects.toThrow(/does not add up/);
  });

  test("a wrong phrase spends the code, and is never tried again from here", async () => {
    const open = host.openPairing();
    const wrong = await typed("wolf-pint-748");
    const first = await controller.pairByPhrase(wrong, host.url);
    expect((await failure(first.done)).kind).toBe("spent");
    expect(open.guesses).toBe(1);
    const second = await controller.pairByPhrase(wrong, host.url);
    expect((await failure(second.done)).kind).toBe("spent");
    expect(open.guesses).toBe(1);
  });

  test("digits that do not match pair nothing", async () => {
    host.openPairing({ decide: () => new Promise(() => undefined) });
    const pairing = await controller.pairByPhrase(await typed(), host.url);
    pairing.onStep((s) => {
      if (s.step === "comparing") pairing.cancel();
    });
    expect((await failure(pairing.done)).kind).toBe("mismatch");
    expect(await store.list()).toHaveLength(0);
  });

  test("a refusal at the host is told", async () => {
    const pairing = controller.pairByLink(host.link(host.openPairing({ decide: async () => false })));
    const error = await failure(pairing.done);
    expect(error.kind).toBe("denied");
    expect(error.message).toMatch(/declined/);
  });

  test("a used or unknown code is told", async () => {
    const link = host.link(host.openPairing({ confirm: "none" }));
    await controller.pairByLink(link).done;
    expect((await failure(controller.pairByLink(link).done)).kind).toBe("noSuchCode");
  });

  test("a link whose host key was changed on the way pairs nothing", async () => {
    const other = await HostDouble.start();
    const open = host.openPairing({ confirm: "none" });
    const blob = unb64url(new URL(host.link(open)).hash.slice(3));
    blob.set(other.keys.publicKey, 1 + 1 + 8 + 16);
    const error = await failure(controller.pairByLink(`#p=${b64url(blob)}`).done);
    expect(error.kind).toBe("failed");
    expect(open.used).toBe(false);
    other.stop();
  });

  test("an expired link, a foreign text and a small-order host key are refused here", async () => {
    const late = createController({
      WebSocket: WebSocket as unknown as SocketMaker, store, deviceName: "t",
      now: () => Date.now() + 3_600_000,
    });
    const link = host.link(host.openPairing());
    expect((await failure(late.pairByLink(link).done)).kind).toBe("expired");
    expect((await failure(controller.pairByLink("https://example.org").done)).kind).toBe("failed");
  });
});

describe("a connected host", () => {
  test("answers requests, also long ones in many fragments", async () => {
    const client = await pair();
    expect(await client.request("echo", { a: 1 })).toEqual({ a: 1 });
    const long = "x".repeat(300_000);
    expect(await client.request("echo", { long })).toEqual({ long });
  });

  test("calls back, and takes the answer", async () => {
    const answers: unknown[] = [];
    host.app = (stream, message) => {
      echo(stream, message);
      if (message.kind === "request" && message.method === "ask") {
        stream.send({ id: "abc", method: "item/tool/requestUserInput", params: { q: 1 } });
      }
      if (message.kind === "response") answers.push(message);
    };
    const client = await pair();
    client.onServerRequest((r) => client.respond(r.id, { answers: r.params }));
    await client.request("ask");
    await client.request("echo");
    expect(answers).toEqual([{ kind: "response", id: "abc", result: { answers: { q: 1 } } }]);
  });

  test("comes back by itself and nothing is lost or doubled", async () => {
    const seen: number[] = [];
    host.app = (stream, message) => {
      if (message.kind === "request" && message.method === "count") {
        seen.push((message.params as { n: number }).n);
      }
      echo(stream, message);
    };
    const client = await pair();
    const answers: Promise<unknown>[] = [];
    for (let n = 0; n < 60; n++) {
      answers.push(client.request("count", { n }));
      if (n % 20 === 10) {
        host.dropAll();
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    expect(await Promise.all(answers)).toEqual([...Array(60).keys()].map((n) => ({ n })));
    expect(seen).toEqual([...Array(60).keys()]);
  });

  test("a restarted host is met with a new stream, and open requests are told unknown", async () => {
    const client = await pair();
    host.app = (stream, message) => {
      if (message.kind === "request" && message.method === "hang") return;
      echo(stream, message);
    };
    let renewed = 0;
    client.onRenewed(() => renewed++);
    const hanging = client.request("hang").catch((error: { code: number }) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 50));
    host.laneEpoch++;
    host.forgetful = true;
    host.dropAll();
    expect(await hanging).toBe(-32014);
    expect(await client.request("echo", { again: true })).toEqual({ again: true });
    expect(renewed).toBe(1);
  });

  test("a reloaded page goes on where the numbering was", async () => {
    const client = await pair();
    await client.request("echo");
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const again = await controller.connect();
    expect(await again.request("echo", { n: 2 })).toEqual({ n: 2 });
  });

  test("revoked means over", async () => {
    const client = await pair();
    host.revoke(host.devices[0]!);
    await until(client, "ended");
    expect(client.state.broken).toBe("revoked");
  });

  test("a host that is away is named, and met when it is back", async () => {
    const client = await pair();
    const device = host.devices[0]!;
    device.revoked = true; // the relay does not admit it for now
    host.dropAll();
    await until(client, "waiting");
    device.revoked = false;
    client.wake();
    await until(client, "open");
    expect(await client.request("echo", { back: 1 })).toEqual({ back: 1 });
  });
});
