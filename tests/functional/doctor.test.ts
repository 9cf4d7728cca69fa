// Each link of the path is broken in turn, and doctor names that one and says what to do.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as http, type Server } from "node:http";
import { createServer as https } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";

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

/** As doctor(), while this process goes on serving what it looks at. */
async function slowly(scene: Scene, argv: string[] = []): Promise<{ report: Json; row: (name: string) => Json }> {
  const report = JSON.parse((await scene.run(["doctor", "--json", ...argv])).stdout);
  return { report, row: (name) => report.rows.find((r: Json) => r.name === name) };
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

  test("names a certificate that is over or of another name, a wrong clock, and a page that is not there", async ({ scene }) => {
    const cert = (name: string, san: string, days: string): { key: Buffer; cert: Buffer; path: string } => {
      const at = (end: string): string => scene.path(`${name}.${end}`);
      writeFileSync(at("ext"), `subjectAltName=${san}\n`);
      execFileSync("openssl", ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", at("key"), "-out", at("csr"), "-subj", "/CN=test"], { stdio: "pipe" });
      execFileSync("openssl", ["x509", "-req", "-in", at("csr"), "-signkey", at("key"), "-days", days, "-extfile", at("ext"), "-out", at("crt")], { stdio: "pipe" });
      return { key: readFileSync(at("key")), cert: readFileSync(at("crt")), path: at("crt") };
    };
    const listen = async (server: Server): Promise<number> => {
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      scene.atEnd(() => void server.close());
      return (server.address() as AddressInfo).port;
    };
    for (const [name, san, days, says] of [["over", "IP:127.0.0.1", "-1", /expired/], ["other", "DNS:elsewhere.example", "30", /does not match|mismatch|name/]] as const) {
      const made = cert(name, san, days);
      const port = await listen(https(made));
      const row = (await slowly(scene, ["--relay", `wss://127.0.0.1:${port}/relay`, "--ca", made.path])).row("relay");
      expect(row.level, name).toBe("broken");
      expect(row.text, name).toMatch(says);
      expect(row.fix, name).toContain("certificate");
    }

    // A relay whose clock is ten minutes ahead of ours.
    const server = http();
    new WebSocketServer({ server }).on("connection", (socket) => {
      const challenge = Buffer.alloc(6 + 32 + 8);
      challenge.set([1, 1]);
      challenge.writeBigUInt64BE(BigInt(Date.now() + 600_000), 38);
      socket.send(challenge);
    });
    const clock = await slowly(scene, ["--relay", `ws://127.0.0.1:${await listen(server)}/relay`]);
    expect(clock.row("clock")).toMatchObject({ level: "broken" });
    expect(clock.row("clock").text).toMatch(/(599|600|601) s behind the relay/);

    // A page's address at which there is none, and a door.
    const empty = http((_request, response) => response.writeHead(404).end());
    const page = `http://127.0.0.1:${await listen(empty)}`;
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url, ["--app", page, "--listen", "127.0.0.1:0"]);
    await host.agentReady();
    await host.relayConnected();
    const unserved = await slowly(scene);
    expect(unserved.row("page")).toMatchObject({ level: "broken" });
    expect(unserved.row("page").text).toContain("404");
    expect(unserved.row("door")).toMatchObject({ level: "ok" });
    await host.stop();
  });

  test("names a Codex that is too old or not logged in, a full disk, and one that cannot be written", async ({ scene }) => {
    const old = scene.path("old-codex");
    writeFileSync(old, "#!/bin/sh\necho codex-cli 0.100.0\n", { mode: 0o755 });
    const tooOld = doctor(scene, [], { FARHAND_CODEX: old });
    expect(tooOld.row("codex")).toMatchObject({ level: "broken" });
    expect(tooOld.row("codex").text).toContain("0.100.0");
    expect(tooOld.row("login")).toMatchObject({ level: "warning" });
    expect(tooOld.row("login").fix).toContain("codex login");

    const root = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const within = (options: string, work: string): Json => {
      const script = `mount -t tmpfs -o mode=0700 tmpfs "$1" && ${work} && { mount -o remount,${options} "$1"; "$2" doctor --json --home "$1"; true; }`;
      const out = execFileSync("unshare", [...root, "--mount", "sh", "-c", script, "sh", scene.home, FARHAND], { env: scene.env, encoding: "utf8", stdio: "pipe" });
      return JSON.parse(out);
    };
    const full = within("size=4m", "dd if=/dev/zero of=\"$1/fill\" bs=1M count=3 2>/dev/null");
    expect(full.rows.find((r: Json) => r.name === "disk")).toMatchObject({ level: "broken", fix: expect.stringContaining("free some space") });
    const fixed = within("ro", "true");
    expect(fixed.rows.find((r: Json) => r.name === "disk")).toMatchObject({ level: "broken", fix: expect.stringContaining("mount it writable") });
  });
});
