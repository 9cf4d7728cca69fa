// The stock Codex TUI, in a real terminal, driving the host through `farhand attach`.

import { existsSync, mkdirSync } from "node:fs";

import { audited, Host, say, startThread, turnEnds } from "./lib/host";
import { connectRpc } from "./lib/rpc";
import { FARHAND, describe, expect, test } from "./lib/scene";
import { Terminal } from "./lib/tmux";

describe("farhand attach", () => {
  test("runs a turn with an approval in the stock TUI, from a folder that the host has not", async ({ scene }) => {
    const host = await Host.ready(scene);
    const env = await host.joinFrom();
    const cwd = scene.path("only-here");
    mkdirSync(cwd);
    const tui = new Terminal(scene, "tui", `${FARHAND} attach`, { env, cwd });
    await tui.shows(/›|❯|>_|Ask Codex|OpenAI Codex/);
    await tui.shows(/practice|model/i);
    await tui.submit("run touch from-the-tui.txt");
    await tui.shows(/touch from-the-tui\.txt[\s\S]*(Yes|approve|proceed)/i);
    tui.keep("attach-approval");
    expect(existsSync(`${scene.work}/from-the-tui.txt`)).toBe(false);
    tui.type("y");
    await tui.shows(/exited with|done|ran|from-the-tui/i);
    const owner = await host.owner;
    await owner.event("thread/status/changed", (p) => p.status.type === "idle");
    expect(existsSync(`${scene.work}/from-the-tui.txt`)).toBe(true);
    // The TUI decided as the device of that machine, which signed; the log says what it used.
    expect(audited(scene, "decision")).toMatchObject([{ by: { kind: "device" }, via: "codex-tui", sig: expect.any(String) }]);
    tui.keep("attach-done");
  });

  test("resumes a thread, steers it and interrupts it", async ({ scene }) => {
    const host = await Host.ready(scene);
    const owner = await host.owner;
    const threadId = await startThread(owner);
    await say(owner, threadId, "say begun on the host");
    await turnEnds(owner, threadId);
    const env = await host.joinFrom();
    const cwd = scene.path("only-here");
    mkdirSync(cwd);
    const tui = new Terminal(scene, "tui", `${FARHAND} attach -- resume ${threadId}`, { env, cwd });
    await tui.shows(/begun on the host/);
    let from = owner.mark;
    await tui.submit(`hold ${scene.path("gate")}`);
    const held = await owner.event("item/agentMessage/delta", (p) => p.threadId === threadId, { from });
    await tui.submit("say steered from the terminal"); // the gate stays shut: this is no next turn
    const steered = await owner.event("item/completed", (p) => p.item.type === "agentMessage" && p.item.text.includes("steered from the terminal"), { from });
    expect(steered.params.turnId).toBe(held.params.turnId);
    expect(await turnEnds(owner, threadId, from)).toMatchObject({ id: held.params.turnId, status: "completed" });
    from = owner.mark;
    await tui.submit("hang");
    await owner.event("turn/started", (p) => p.threadId === threadId, { from });
    await tui.shows(/This answer has no end/);
    tui.key("Escape");
    expect((await turnEnds(owner, threadId, from)).status).toBe("interrupted");
    tui.keep("attach-resumed");
  });

  test("reads a history of many pages back to its first words", async ({ scene }) => {
    const host = await Host.ready(scene);
    const owner = await host.owner;
    const threadId = await startThread(owner);
    await say(owner, threadId, "say the very first words");
    await turnEnds(owner, threadId);
    for (let i = 0; i < 4; i++) { // a page holds 64 KiB
      const from = owner.mark;
      await say(owner, threadId, "long 4000");
      await turnEnds(owner, threadId, from);
    }
    const env = await host.joinFrom();
    const tui = new Terminal(scene, "tui", `${FARHAND} attach -- resume ${threadId}`, { env });
    await tui.shows(/far hand reaches/);
    await tui.turnsTo("PPage", /the very first words/);
    tui.keep("attach-first-words");
  });

  test("twice, and a script beside them, share one session", async ({ scene }) => {
    const host = await Host.ready(scene);
    const env = await host.joinFrom();
    const one = scene.farhand(["attach", "--print"], { env });
    const two = scene.farhand(["attach", "--print", "--listen", "ws://127.0.0.1:0"], { env });
    const [, path = ""] = await one.line(/unix:\/\/(\S+)/);
    const [url = ""] = await two.line(/ws:\/\/127\.0\.0\.1:\d+\S*/);
    const token = await two.lines.next("a token", (line) => /^\S{20,}$/.test(line) && !line.includes("ws://"));
    const first = await connectRpc("first", `unix:${path}`);
    const second = await connectRpc("second", url, { Authorization: `Bearer ${token}` });
    await Promise.all([first.initialize(), second.initialize()]);
    const loaded = await scene.json(["rpc", "thread/loaded/list"], { env });
    expect(loaded.data).toEqual([]);
    const threadId = await startThread(first);
    await say(first, threadId, "say to both");
    await turnEnds(first, threadId);
    await second.call("thread/resume", { threadId });
    expect((await host.status()).devices.filter((d: { connected: boolean }) => d.connected)).toHaveLength(1);
    await expect(connectRpc("stranger", url)).rejects.toThrow("401");
    first.close();
    second.close();
  });
});
