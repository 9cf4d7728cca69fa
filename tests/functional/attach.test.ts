// The stock Codex TUI, in a real terminal, driving the host through `farhand attach`.

import { existsSync, mkdirSync } from "node:fs";

import { Host } from "./lib/host";
import { FARHAND, describe, expect, type Scene, test } from "./lib/scene";
import { Terminal } from "./lib/tmux";

/** Another machine: its own home, joined to the host. */
async function joined(scene: Scene, host: Host): Promise<NodeJS.ProcessEnv> {
  const env = { FARHAND_HOME: scene.path("elsewhere"), HOME: scene.path("elsewhere-home"), CODEX_HOME: scene.path("elsewhere-codex") };
  for (const dir of Object.values(env)) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const owner = await host.owner;
  const offer = await host.offer();
  const join = scene.farhand(["join", offer.farhand.url, "--json"], { env });
  await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
  await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
  join.type("matches\n");
  expect((await join.exited).code).toBe(0);
  return env;
}

describe("farhand attach", () => {
  test("runs a turn with an approval in the stock TUI, from a folder that the host has not", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.agentReady();
    const env = await joined(scene, host);
    const cwd = scene.path("only-here");
    mkdirSync(cwd);
    const tui = new Terminal(scene, "tui", `${FARHAND} attach`, { env, cwd });
    await tui.shows(/›|❯|>_|Ask Codex|OpenAI Codex/);
    await tui.shows(/practice|model/i);
    tui.type("run touch from-the-tui.txt");
    await tui.shows(/run touch from-the-tui\.txt/);
    tui.key("Enter");
    await tui.shows(/touch from-the-tui\.txt[\s\S]*(Yes|approve|proceed)/i);
    tui.keep("attach-approval");
    expect(existsSync(`${scene.work}/from-the-tui.txt`)).toBe(false);
    tui.type("y");
    await tui.shows(/exited with|done|ran|from-the-tui/i);
    const owner = await host.owner;
    await owner.event("thread/status/changed", (p) => p.status.type === "idle");
    expect(existsSync(`${scene.work}/from-the-tui.txt`)).toBe(true);
    tui.keep("attach-done");
  });
});
