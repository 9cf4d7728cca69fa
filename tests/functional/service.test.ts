// In the background, under Codex's names; and what happens without an account.

import { existsSync, readFileSync } from "node:fs";

import { Host } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("farhand remote-control", () => {
  test("start returns when the host is ready, pair prints a phrase, stop ends host and agent", async ({ scene }) => {
    const started = await scene.run(["remote-control", "start", "--practice", "--port", "0", "--json"]);
    expect(started.code).toBe(0);
    expect(JSON.parse(started.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ status: expect.stringMatching(/connect/) });
    expect((await scene.json(["status", "--json"])).host.name).toBeTruthy();
    const paired = await scene.run(["remote-control", "pair"]);
    expect(paired.code).toBe(0);
    expect(paired.stdout).toMatch(/[A-Z]{4}-[A-Z]{4}-\d{4}/);
    expect((await scene.run(["remote-control", "start", "--practice"])).code).toBe(0); // again: it runs already
    expect((await scene.run(["remote-control", "stop"])).code).toBe(0);
    await expect.poll(() => scene.strays(), { timeout: 30_000 }).toEqual([]);
    expect((await scene.run(["status"])).code).not.toBe(0);
  });
});

describe("farhand stop", () => {
  test("ends the host and its own agent; without it the agent lives on", async ({ scene }) => {
    const host = await Host.ready(scene);
    await host.stop("SIGINT");
    expect(scene.strays().some((pid) => scene.commandOf(pid).includes("app-server"))).toBe(true);
    const again = await Host.ready(scene);
    expect((await scene.run(["stop"])).code).toBe(0);
    expect((await again.program.exited).code).toBe(0);
    await expect.poll(() => scene.strays(), { timeout: 30_000 }).toEqual([]);
  });
});

describe("without a login", () => {
  test("farhand up uses the practice model, and says so", async ({ scene }) => {
    const program = scene.farhand(["up", "--port", "0", "--cwd", scene.work]);
    await program.line(/practice model/i);
    const [, link = ""] = await program.line(/(http:\/\/\S+#p=[\w-]+)/);
    const host = new Host(scene, program, link);
    await host.agentReady();
    expect((await host.status()).agent.practice).toBe(true);
  });
});

describe("the state folder", () => {
  test("is for this user alone, and holds no code or key in a log", async ({ scene }) => {
    const host = await Host.ready(scene);
    const offer = await host.offer({ phrase: true });
    await host.stop();
    expect(existsSync(host.socket)).toBe(false);
    const log = host.program.stderr;
    expect(log).not.toContain(offer.manualPairingCode);
    expect(log).not.toContain(offer.pairingCode);
    expect(log).not.toContain(readFileSync(`${scene.home}/keys/host.key`).toString("hex").slice(0, 32));
  });
});
