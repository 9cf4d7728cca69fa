// Each link of the path is broken in turn, and doctor names that one and says what to do.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Host, startRelay } from "./lib/host";
import type { Json } from "./lib/rpc";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";

function doctor(scene: Scene, argv: string[] = [], env: NodeJS.ProcessEnv = {}): { code: number; report: Json; row: (name: string) => Json } {
  const run = (args: string[]): { code: number; out: string } => {
    try {
      return { code: 0, out: execFileSync(FARHAND, args, { env: { ...scene.env, ...env }, encoding: "utf8", stdio: "pipe" }) };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: string };
      return { code: status, out: stdout };
    }
  };
  const { code, out } = run(["doctor", "--json", ...argv]);
  const report = JSON.parse(out);
  return { code, report, row: (name) => report.rows.find((r: Json) => r.name === name) };
}

describe("doctor", () => {
  test("finds nothing wrong where nothing is, and then each link that breaks", async ({ scene }) => {
    const host = await Host.ready(scene);
    await host.pair({ name: "Pixel" });
    const well = doctor(scene);
    expect(well.report.broken, JSON.stringify(well.report)).toBeNull();
    for (const name of ["program", "state folder", "disk", "state", "audit log", "codex", "login", "host", "agent", "relay", "clock", "page", "devices"]) {
      expect(well.row(name)?.level, `${name}: ${well.row(name)?.text}`).toBe("ok");
    }
    expect([0, 13]).toContain(well.code); // 13: a kernel without Landlock

    // Codex's own rules let something run unasked.
    mkdirSync(join(scene.env["CODEX_HOME"] as string, "rules"));
    writeFileSync(join(scene.env["CODEX_HOME"] as string, "rules/default.rules"), 'prefix_rule(pattern=["ls"], decision="allow")\n');
    const ruled = doctor(scene);
    expect(ruled.code).toBe(13);
    expect(ruled.row("rules")).toMatchObject({ level: "warning" });
    expect(ruled.row("rules").text).toContain("let 1 kind of command run unasked");

    // Others may read the keys.
    chmodSync(join(scene.home, "keys/host.key"), 0o644);
    const open = doctor(scene);
    expect(open).toMatchObject({ code: 1, report: { broken: "state folder" } });
    expect(open.row("state folder").fix).toContain("chmod go-rwx");
    chmodSync(join(scene.home, "keys/host.key"), 0o600);

    // The address is a web server's, not a relay's.
    const { host: address } = new URL(host.link);
    expect(doctor(scene, ["--relay", `ws://${address}/`]).row("relay").text).toContain("answers with HTTP 200");

    // Nobody runs; the log is edited; the state is damaged.
    await host.stop();
    const gone = doctor(scene);
    expect(gone).toMatchObject({ code: 1, report: { broken: "host" } });
    expect(gone.row("host").fix).toBe("farhand up");
    const path = join(scene.home, "audit.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"name":"Pixel"', '"name":"Pixie"'));
    expect(doctor(scene).report.broken).toBe("audit log");
    writeFileSync(join(scene.home, "state.db"), "this is no database, whatever its name says ".repeat(100));
    expect(doctor(scene).report.broken).toBe("state");
    expect(doctor(scene, [], { FARHAND_CODEX: "/nowhere/codex" }).row("codex").level).toBe("broken");
    const old = scene.path("codex-old");
    writeFileSync(old, "#!/bin/sh\necho codex-cli 0.99.1\n", { mode: 0o755 });
    expect(doctor(scene, [], { FARHAND_CODEX: old }).row("codex").text).toContain("must be 0.169 or later");
    expect(doctor(scene, ["--home", scene.path("nothing-here")]).report.broken).toBe("state folder");
  });

  test("tells a relay that is down from a name that is none", async ({ scene }) => {
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url);
    await Promise.all([host.relayConnected(), host.agentReady()]);
    expect(doctor(scene).row("relay")).toMatchObject({ level: "ok" });
    await relay.program.stop("SIGTERM");
    const down = doctor(scene);
    expect(down).toMatchObject({ code: 1, report: { broken: "relay" } });
    expect(down.row("relay").text).toContain(relay.url);
    expect(down.row("relay").fix).toContain("is the relay running");
    const none = doctor(scene, ["--relay", "ws://no-such-name.invalid/relay"]);
    expect(none.row("relay").fix).toContain("DNS");
  });
});
