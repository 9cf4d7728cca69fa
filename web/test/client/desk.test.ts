// The desk against a host that is played in this process: what a person would see.

import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Controller, createController, MemoryStore, type SocketMaker } from "../../src/client";
import { Desk } from "../../src/client/desk";
import { openCard } from "../../src/client/card";
import { Decision } from "../../src/session/approval";
import type { Params } from "../../src/wire/jsonrpc";
import { askedRequest } from "../lib/asked";
import { MemoryDurable } from "../../src/client/journal";
import type { AgentMessage, Command } from "../../src/wire/codex";
import { AppDouble } from "../lib/app_double";
import { HostDouble } from "../lib/host_double";

let host: HostDouble;
let controller: Controller;
let desk: Desk;
let app: AppDouble;
let store: MemoryStore;
let disk: MemoryDurable;

/** A page over what an earlier one left on disk. */
async function load(): Promise<void> {
  controller = createController({
    WebSocket: WebSocket as unknown as SocketMaker, store, durable: disk, deviceName: "test",
  });
  if ((await store.list()).length === 0) {
    await controller.pairByLink(host.link(host.openPairing({ confirm: "none" }))).done;
  }
  desk = new Desk(await controller.connect());
}

/** The tab is gone in this instant; nothing says goodbye. */
async function reload(): Promise<void> {
  desk.close();
  desk.client.close();
  controller.close();
  await load();
}

beforeEach(async () => {
  host = await HostDouble.start();
  app = new AppDouble();
  host.app = app.handle;
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

/** Resolves when it is true, asked after every change of the desk. */
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

test("lists threads, and knows what runs and what waits", () => {
  expect(desk.threads.size).toBe(7);
  expect(desk.threads.get("t-flake")!.status.type).toBe("active");
});

test("an opened thread has its history first and what is live after it", async () => {
  const model = await desk.openThread("t-flake");
  const kinds = model.entries.map((entry) => entry.item.type);
  expect(kinds[0]).toBe("userMessage");
  expect(kinds.at(-1)).toBe("commandExecution");
  const live = model.entries.at(-1)!;
  expect(live.open).toBe(true);
  expect((live.item as Command).aggregatedOutput).toMatch(/run 143 of 200/);
  expect(model.older).toBeNull();
});

test("a prompt goes from queued to taken, and its item takes its place", async () => {
  const model = await desk.startThread("/home/mira/work/tideline");
  const message = desk.send(model, "say something");
  expect(message.progress).toBe("queued");
  await until(() => desk.outbox.of(model.id).length === 0);
  await until(() => model.entries.some((entry) => entry.item.type === "agentMessage" && !entry.open));
  expect(model.hasClientMessage(message.id)).toBe(true);
  expect((model.entries.at(-1)!.item as AgentMessage).text).toMatch(/The flake comes from/);
  expect(desk.threads.get(model.id)!.preview).toBe("say something");
});

test("an approval waits, is signed and decided, and says who decided", async () => {
  const model = await desk.openThread("t-migrate");
  await until(() => desk.requestsOf(model.id).length === 1);
  const [card] = desk.requestsOf(model.id);
  expect(card).toMatchObject({ broken: undefined, itemId: "m4", request: { command: "/bin/bash -lc 'bin/migrate --table credit_notes 0142'" } });
  void desk.approvals.decide(card!, Decision.ACCEPT);
  expect(desk.approvals.decided.get(card!.id)!.progress).toBe("queued");
  await until(() => desk.requestsOf(model.id).length === 0);
  await until(() => model.entry("m4")?.open === false);
  expect(model.entry("m4")!.decision).toMatchObject({ decision: "accept", by: { name: "Mira's phone" }, mine: true });
  expect(desk.approvals.lately[0]).toMatchObject({ how: "decided", decision: "accept" });
});

test("a decision made offline survives a reload, and the same signature leaves once", async () => {
  const model = await desk.openThread("t-migrate");
  await until(() => desk.requestsOf(model.id).length === 1);
  const device = host.devices[0]!;
  device.revoked = true;
  host.dropAll();
  await until(() => desk.client.state.phase === "waiting");
  void desk.approvals.decide(desk.requestsOf(model.id)[0]!, Decision.DECLINE);
  await until(() => [...desk.approvals.decided.values()].some((row) => row.sig !== undefined));
  await desk.client.journal().then((journal) => journal.flush());
  await reload();
  await until(() => desk.approvals.cards.size === 1 && desk.approvals.decided.size === 1);
  const [row] = desk.approvals.decided.values();
  expect(row).toMatchObject({ progress: "queued", decision: Decision.DECLINE });
  expect(app.decisions).toHaveLength(0);
  device.revoked = false;
  desk.client.wake();
  await until(() => desk.approvals.cards.size === 0);
  expect(app.decisions).toHaveLength(1);
  expect(app.decisions[0]).toMatchObject({ a: row!.a, sig: row!.sig });
});

test("a decision that the host refuses is said, and can be made again", async () => {
  const model = await desk.openThread("t-migrate");
  await until(() => desk.requestsOf(model.id).length === 1);
  const [card] = desk.requestsOf(model.id);
  app.refuses = { code: -32016, message: "this session is too old" };
  void desk.approvals.decide(card!, Decision.ACCEPT);
  await until(() => desk.approvals.decided.get(card!.id)?.progress === "refused");
  expect(desk.approvals.decided.get(card!.id)!.sentence).toMatch(/too old/);
  app.refuses = undefined;
  void desk.approvals.decide(card!, Decision.ACCEPT);
  await until(() => desk.requestsOf(model.id).length === 0);
});

test("what is shown but not what would be signed cannot be decided", async () => {
  const lies: [string, (params: Params) => void][] = [
    ["is not what would be signed", (p) => (p["command"] = "ls")],
    ["is not what would be signed", (p) => (p["more"] = "x")],
    ["is not what the request names", (p) => ((p["farhand"] as Params)["material"] = "{}")],
    ["does not say", (p) => delete p["farhand"]],
  ];
  for (const [why, lie] of lies) {
    const asked = askedRequest("item/commandExecution/requestApproval", { threadId: "t-flake", itemId: "i8", command: "rm -rf /", cwd: "/w" });
    lie(asked.params);
    const card = await openCard({ id: asked.id, method: "item/commandExecution/requestApproval", params: asked.params, arrivedAt: 1 });
    expect(card.broken).toContain(why);
  }
  // The octets say one command, the material another.
  const [a, b] = ["ls", "rm -rf /"].map((command) =>
    askedRequest("item/commandExecution/requestApproval", { threadId: "t", command, cwd: "/w" }));
  const { request } = a!.params["farhand"] as Params;
  const mixed = { ...b!.params, farhand: { ...b!.params["farhand"] as Params, request } };
  expect((await openCard({ id: a!.id, method: "item/commandExecution/requestApproval", params: mixed, arrivedAt: 1 })).broken).toBeDefined();
});

test("what was typed while the host is away leaves when it is back", async () => {
  const model = await desk.startThread(undefined);
  const device = host.devices[0]!;
  device.revoked = true; // the relay does not let it in for now
  host.dropAll();
  await until(() => desk.client.state.phase === "waiting");
  const message = desk.send(model, "say it later");
  expect(message.progress).toBe("queued");
  device.revoked = false;
  desk.client.wake();
  await until(() => model.hasClientMessage(message.id));
});

test("a failed turn keeps its reason", async () => {
  const model = await desk.startThread(undefined);
  desk.send(model, "fail please");
  await until(() => [...model.turns.values()].some((turn) => turn.status === "failed"));
  expect([...model.turns.values()].at(-1)!.error!.message).toMatch(/500/);
});

test("a request that no face exists for is answered at once, never left open", async () => {
  const answers: unknown[] = [];
  host.app = (stream, message) => {
    if (message.kind === "response") answers.push(message.error?.code);
    else if (message.kind === "request") {
      stream.send({ id: "x", method: "attestation/generate", params: {} });
      stream.send({ id: message.id, result: {} });
    }
  };
  await desk.client.request("anything");
  await desk.client.request("anything");
  expect(answers[0]).toBe(-32601);
});

test("what was typed while offline survives a reload, and leaves once", async () => {
  const model = await desk.startThread(undefined);
  const device = host.devices[0]!;
  device.revoked = true;
  host.dropAll();
  await until(() => desk.client.state.phase === "waiting");
  const message = desk.send(model, "say it after the reload");
  await desk.client.journal().then((journal) => journal.flush());
  await reload();
  await until(() => desk.outbox.of(model.id).length === 1);
  expect(desk.outbox.of(model.id)[0]).toMatchObject({ id: message.id, text: "say it after the reload", progress: "queued" });
  device.revoked = false;
  desk.client.wake();
  await until(() => desk.outbox.of(model.id).length === 0);
  const items = desk.open.get(model.id)!.entries.filter((e) => e.item.type === "userMessage");
  expect(items).toHaveLength(1);
});

test("what had a number when the tab died is asked about, never guessed", async () => {
  const rows: { seq: number; state: string; error?: unknown }[] = [];
  const app = new AppDouble();
  let mute = true;
  const starts: unknown[] = [];
  host.app = (stream, message) => {
    if (message.kind === "request" && message.method === "farhand/commands/read") {
      return stream.send({ id: message.id, result: { data: rows } });
    }
    if (message.kind === "request" && message.method === "turn/start") {
      starts.push(message.params);
      if (mute) return;
    }
    app.handle(stream, message);
  };
  const model = await desk.startThread(undefined);
  const sent = ["one", "two", "three"].map((text, at) => desk.send({ ...model, id: at === 0 ? model.id : `t-${at}` } as never, text));
  while (!sent.every((m) => m.progress === "host")) await desk.client.request("farhand/status"); // its answer brings the ack
  const seqs = sent.map((m) => m.seq!);
  rows.push({ seq: seqs[0]!, state: "answered" }, { seq: seqs[1]!, state: "unknown" });
  rows.push({ seq: seqs[2]!, state: "answered", error: { code: -1, message: "no such thread" } });
  await desk.client.journal().then((journal) => journal.flush());
  mute = false;
  await reload();
  const states = () => [model.id, "t-1", "t-2"].map((id) => desk.outbox.of(id)[0]?.progress);
  await until(() => states().join() === "taken,unknown,failed");
  expect(desk.outbox.of("t-2")[0]!.sentence).toBe("no such thread");
  expect(starts).toHaveLength(3);
});

test("a disk that refuses stops nothing, and is told", async () => {
  const journal = await desk.client.journal();
  disk.refuses = Object.assign(new Error("full"), { name: "QuotaExceededError" });
  const model = await desk.startThread(undefined);
  const message = desk.send(model, "say it anyway");
  await until(() => model.hasClientMessage(message.id));
  expect(journal.trouble).toMatch(/no room left/);
  disk.refuses = undefined;
  desk.send(model, "and again");
  await until(() => journal.trouble === undefined);
});
