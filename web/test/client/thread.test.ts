import { describe, expect, test } from "vitest";
import { ThreadModel } from "../../src/client/thread";
import type { AgentMessage, Command } from "../../src/wire/codex";

function model(): ThreadModel {
  return new ThreadModel({
    id: "t", preview: "", cwd: "/w", createdAt: 0, updatedAt: 0, status: { type: "idle" },
  });
}

const message = (id: string, text = "") => ({ type: "agentMessage", id, text });
const texts = (m: ThreadModel) => m.entries.map((e) => (e.item as AgentMessage).text);
const say = (m: ThreadModel, method: string, params: Record<string, unknown>) =>
  m.apply(method, { threadId: "t", turnId: "u", ...params });

describe("a thread as it is heard", () => {
  test("deltas grow the open item, completion replaces it", () => {
    const m = model();
    say(m, "item/started", { item: message("a") });
    say(m, "item/agentMessage/delta", { itemId: "a", delta: "one " });
    say(m, "item/agentMessage/delta", { itemId: "a", delta: "two" });
    expect(texts(m)).toEqual(["one two"]);
    expect(m.entry("a")!.open).toBe(true);
    say(m, "item/completed", { item: message("a", "one two three") });
    expect(texts(m)).toEqual(["one two three"]);
    expect(m.entry("a")!.open).toBe(false);
  });

  test("a second start of an item that is being heard does not wipe its text", () => {
    const m = model();
    say(m, "item/started", { item: message("a") });
    say(m, "item/agentMessage/delta", { itemId: "a", delta: "so far" });
    say(m, "item/started", { item: message("a") });
    expect(texts(m)).toEqual(["so far"]);
  });

  test("items that the agent leaves open are closed with their turn, and only those", () => {
    const m = model();
    say(m, "turn/started", { turn: { id: "u", status: "inProgress" } });
    say(m, "item/started", { item: message("a") });
    m.apply("item/started", { threadId: "t", turnId: "other", item: message("b") });
    say(m, "turn/completed", { turn: { id: "u", status: "interrupted" } });
    expect(m.entry("a")!.open).toBe(false);
    expect(m.entry("b")!.open).toBe(true);
    expect(m.turns.get("u")!.status).toBe("interrupted");
  });

  test("output is kept to its end when there is too much of it", () => {
    const m = model();
    const item = { type: "commandExecution", id: "c", command: "yes", cwd: "/", status: "inProgress" };
    say(m, "item/started", { item });
    for (let i = 0; i < 40; i++) {
      say(m, "item/commandExecution/outputDelta", { itemId: "c", delta: "x".repeat(10_000) });
    }
    say(m, "item/commandExecution/outputDelta", { itemId: "c", delta: "the end" });
    const output = (m.entry("c")!.item as Command).aggregatedOutput!;
    expect(output.length).toBeLessThanOrEqual(256 * 1024);
    expect(output.endsWith("the end")).toBe(true);
  });

  test("deltas for unknown items or of another kind change nothing", () => {
    const m = model();
    say(m, "item/agentMessage/delta", { itemId: "nobody", delta: "x" });
    say(m, "item/started", { item: message("a", "kept") });
    say(m, "item/commandExecution/outputDelta", { itemId: "a", delta: "x" });
    expect(texts(m)).toEqual(["kept"]);
  });

  test("an unknown kind of item gets a line of its own, and bad ones are left out", () => {
    const m = model();
    say(m, "item/completed", { item: { type: "hologram", id: "h", query: "why" } });
    say(m, "item/completed", { item: { type: "agentMessage" } });
    say(m, "item/completed", { item: null });
    expect(m.entries.map((e) => e.item)).toEqual([
      { type: "other", id: "h", kind: "hologram", detail: "why" },
    ]);
  });

  test("an error that will be retried is told as such, then as the failure", () => {
    const m = model();
    say(m, "turn/started", { turn: { id: "u", status: "inProgress" } });
    say(m, "error", { error: { message: "Reconnecting... 1/1" }, willRetry: true });
    expect(m.turns.get("u")!.retrying).toBe("Reconnecting... 1/1");
    say(m, "error", { error: { message: "gone" }, willRetry: false });
    expect(m.turns.get("u")).toMatchObject({ error: { message: "gone" }, retrying: undefined });
  });
});

describe("history under what is live", () => {
  test("a window goes before, and the live copy of an item wins", () => {
    const m = model();
    say(m, "item/started", { item: message("b") });
    say(m, "item/agentMessage/delta", { itemId: "b", delta: "live" });
    m.prepend([
      { turnId: "u", item: message("a", "stored") },
      { turnId: "u", item: message("b", "stale") },
    ]);
    expect(texts(m)).toEqual(["stored", "live"]);
  });

  test("older windows stack up in order, without doubles", () => {
    const m = model();
    m.prepend([{ turnId: "u", item: message("c", "3") }, { turnId: "u", item: message("d", "4") }]);
    m.prepend([{ turnId: "u", item: message("a", "1") }, { turnId: "u", item: message("b", "2") }]);
    m.prepend([{ turnId: "u", item: message("a", "1") }]);
    expect(texts(m)).toEqual(["1", "2", "3", "4"]);
  });

  test("a message of ours is found by the id it was given", () => {
    const m = model();
    say(m, "item/completed", { item: { type: "userMessage", id: "x", clientId: "mine", content: [] } });
    expect(m.hasClientMessage("mine")).toBe(true);
    expect(m.hasClientMessage("other")).toBe(false);
  });
});
