// What a person does besides talking, and what is read without a line: against a host that
// is played in this process.

import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Controller, createController, MemoryStore, type SocketMaker } from "../../src/client";
import { Desk } from "../../src/client/desk";
import { MemoryDurable } from "../../src/client/journal";
import { Watch } from "../../src/client/watch";
import { AppDouble } from "../lib/app_double";
import { HostDouble } from "../lib/host_double";

let host: HostDouble;
let controller: Controller;
let desk: Desk;
let store: MemoryStore;
let disk: MemoryDurable;

async function load(): Promise<void> {
  controller = createController({
    WebSocket: WebSocket as unknown as SocketMaker, store, durable: disk, shelf: disk, deviceName: "test",
  });
  if ((await store.list()).length === 0) {
    await controller.pairByLink(host.link(host.openPairing({ confirm: "none" }))).done;
  }
  desk = new Desk(await controller.connect());
}

async function reload(): Promise<void> {
  await desk.client.journal().then((journal) => journal.flush());
  desk.close();
  controller.close();
  await load();
}

async function cut(): Promise<void> {
  host.devices[0]!.revoked = true;
  host.dropAll();
  await until(() => desk.client.state.phase === "waiting");
}

function back(): void {
  host.devices[0]!.revoked = false;
  desk.client.wake();
}

function until(holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = desk.subscribe(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });
}

beforeEach(async () => {
  host = await HostDouble.start();
  host.app = new AppDouble().handle;
  store = new MemoryStore();
  disk = new MemoryDurable();
  await load();
  await until(() => desk.listed === "yes" && desk.status !== undefined);
});

afterEach(() => {
  desk.close();
  controller.close();
  host.stop();
});

test("a thread begun without a line is made once, after a reload, and gets its first words", async () => {
  await cut();
  const act = desk.begin("/home/mira/work/ledger", "say it when you can");
  expect(act.progress).toBe("queued");
  await reload();
  await until(() => desk.acts.starts.length === 1);
  expect(desk.acts.starts[0]).toMatchObject({ text: "say it when you can", progress: "queued" });
  back();
  await until(() => desk.arrivals.has(act.id));
  const id = desk.arrivals.get(act.id)!;
  expect(desk.open.get(id)!.thread.cwd).toBe("/home/mira/work/ledger");
  await until(() => desk.open.get(id)!.entries.some((e) => e.item.type === "userMessage"));
  expect([...desk.threads.keys()].filter((key) => key.startsWith("t-new"))).toEqual([id]);
  expect(desk.acts.all).toHaveLength(0);
});

test("rename and archive wait for the line, and can be taken back before they leave", async () => {
  const model = await desk.openThread("t-docs");
  const calls: string[] = [];
  const app = new AppDouble();
  host.app = (stream, message) => {
    if (message.kind === "request" && /name\/set|archive/.test(message.method)) {
      calls.push(message.method);
      return stream.send({ id: message.id, result: {} });
    }
    app.handle(stream, message);
  };
  await cut();
  desk.rename(model, "Notes");
  desk.archive("t-docs");
  expect(desk.acts.of("t-docs").map((act) => act.progress)).toEqual(["queued", "queued"]);
  desk.acts.drop(desk.acts.of("t-docs")[1]!);
  back();
  await until(() => desk.acts.all.length === 0);
  expect(calls).toEqual(["thread/name/set"]);
  expect(desk.threads.get("t-docs")!.name).toBe("Notes");
});

test("what the host refuses stays, with its sentence, until a person has seen it", async () => {
  const app = new AppDouble();
  host.app = (stream, message) => {
    if (message.kind === "request" && message.method === "thread/archive") {
      return stream.send({ id: message.id, error: { code: -32011, message: "not for your role" } });
    }
    app.handle(stream, message);
  };
  desk.archive("t-docs");
  await until(() => desk.acts.all[0]?.progress === "failed");
  expect(desk.acts.all[0]!.sentence).toBe("not for your role");
  expect(desk.threads.has("t-docs")).toBe(true);
});

test("without a line the list and a thread that was opened are read from the copy", async () => {
  await desk.openThread("t-flake");
  await desk.openThread("t-docs");
  host.devices[0]!.revoked = true;
  host.dropAll();
  await reload();
  await until(() => desk.listKeptAt !== undefined);
  expect(desk.threads.get("t-flake")!.status.type).toBe("notLoaded");
  void desk.openThread("t-flake");
  await until(() => desk.open.get("t-flake")?.keptAt !== undefined);
  const texts = desk.open.get("t-flake")!.entries.map((e) => e.item.id);
  expect(texts).toContain("i4");
  back();
  await until(() => desk.open.get("t-flake")?.keptAt === undefined && desk.listKeptAt === undefined);
  expect(desk.open.get("t-flake")!.entries.map((e) => e.item.id)).toEqual(["i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8"]);
});

test("a half-dead line is asked after five seconds and given up after ten", () => {
  let now = 0;
  const said: string[] = [];
  let waits = true;
  const watch = new Watch({ waits: () => waits, ask: () => said.push(`ask ${now}`), dead: () => said.push(`dead ${now}`) }, () => now);
  watch.stir();
  for (now = 0; now <= 12_000; now += 500) watch.look();
  expect(said).toEqual(["ask 5000", "dead 10000"]);
  said.length = 0;
  watch.stir();
  for (const until = now + 20_000; now <= until; now += 500) {
    if (now % 4000 === 0) watch.heard();
    watch.look();
  }
  waits = false;
  watch.look();
  expect(said).toEqual([]);
});
