// A relay of its own: who may use it, behind TLS, and what a restart loses (nothing).

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

import { connectRpc } from "./lib/rpc";
import type { Program } from "./lib/program";
import { describe, expect, type Scene, test } from "./lib/scene";

const CERT = join(import.meta.dirname, "fixtures/localhost-cert.pem");
const KEY = join(import.meta.dirname, "fixtures/localhost-key.pem");

interface Relay {
  program: Program;
  port: number;
  metricsPort: number;
  urls: string[];
  hosts: string;
}

async function startRelay(scene: Scene, args: readonly string[], port = 0): Promise<Relay> {
  const home = scene.path("relay-home");
  const program = scene.farhand(["relay", "--listen", `127.0.0.1:${port}`, "--home", home, "--json", ...args]);
  const [line] = await program.line(/^\{.*"listen".*\}$/);
  return { program, ...JSON.parse(line) };
}

/** A host without page or relay of its own, and a connection to its local door. */
async function startHost(scene: Scene, args: readonly string[]) {
  const program = scene.farhand(["host", "--practice", "--cwd", scene.work, ...args]);
  await program.line(/Host .* is ready/);
  const rpc = await connectRpc("owner", `unix:${scene.home}/run/host.sock`);
  scene.atEnd(() => rpc.close());
  await rpc.initialize();
  return { program, rpc };
}

type Rpc = Awaited<ReturnType<typeof startHost>>["rpc"];

async function relayState(rpc: Rpc, state: string): Promise<void> {
  const from = rpc.mark;
  if ((await rpc.call("farhand/status")).relay.state === state) return;
  await rpc.event("farhand/status/changed", (p) => p.relay.state === state, { from });
}

describe("a relay of its own", () => {
  test("behind TLS, admits who has the invite, and carries a session that survives its restart", async ({ scene }) => {
    const invites = scene.path("invites");
    writeFileSync(invites, "# for us\nswordfish\n");
    const tls = ["--invite-file", invites, "--tls-cert", CERT, "--tls-key", KEY];
    const relay = await startRelay(scene, tls);
    expect(relay.hosts).toBe("invited");
    const url = `wss://localhost:${relay.port}/relay`;
    expect(relay.urls).toContain(url);

    const secret = scene.path("secret");
    writeFileSync(secret, "swordfish\n", { mode: 0o600 });
    const { rpc } = await startHost(scene, ["--relay", url, "--ca", CERT, "--invite-file", secret]);
    await relayState(rpc, "connected");
    const offer = await rpc.call("remoteControl/pairing/start", { farhand: { role: "approver", confirm: false } });
    const elsewhere = { FARHAND_HOME: scene.path("elsewhere") };
    const joined = await scene.run(["join", offer.pairingCode, "--ca", CERT], { env: elsewhere });
    expect(joined.stderr).not.toContain("farhand:");
    expect(joined.code).toBe(0);
    const listed = await scene.json(["rpc", "thread/list", "{}"], { env: elsewhere });
    expect(listed.data).toEqual([]);

    const keys = readFileSync(scene.path("relay-home", "relay", "ticket.keys"), "utf8");
    expect(statSync(scene.path("relay-home", "relay", "ticket.keys")).mode & 0o777).toBe(0o600);
    expect((await relay.program.stop()).code).toBe(0);
    await relayState(rpc, "errored");
    await startRelay(scene, tls, relay.port);
    await relayState(rpc, "connected");
    expect(readFileSync(scene.path("relay-home", "relay", "ticket.keys"), "utf8")).toBe(keys);
    expect((await scene.json(["rpc", "thread/list", "{}"], { env: elsewhere })).data).toEqual([]);
  });

  test("tells its operator how it is, and nobody else how busy", async ({ scene }) => {
    const invites = scene.path("invites");
    writeFileSync(invites, "swordfish\n");
    const relay = await startRelay(scene, ["--invite-file", invites, "--metrics", "127.0.0.1:0"]);
    const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect(await (await get(relay.port, "/readyz")).text()).toBe("ready\n");
    expect((await get(relay.port, "/metrics")).status).toBe(404);

    const { rpc } = await startHost(scene, ["--relay", relay.urls[0] ?? ""]);
    await relayState(rpc, "errored"); // it has no invite
    const page = await get(relay.metricsPort, "/metrics");
    expect(page.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await page.text();
    const value = (name: string) => Number(text.split("\n").find((l) => l.startsWith(`${name} `))?.split(" ").at(-1));
    expect(value('farhand_relay_refused_total{reason="not-admitted"}')).toBeGreaterThanOrEqual(1);
    expect(value("farhand_relay_hosts")).toBe(0);
    expect(value("farhand_relay_memory_limit_bytes")).toBe(256 * 1024 * 1024);
    const { mailboxId } = (await rpc.call("farhand/status")).host;
    expect(text).not.toContain(mailboxId.slice(0, 8));
  });

  test("looks through its options without opening a port", async ({ scene }) => {
    const check = (...args: string[]) => scene.run(["relay", "--check", "--open", "--home", scene.path("r"), ...args]);
    const tls = ["--tls-cert", CERT, "--tls-key", KEY];
    const fine = await check("--public-url", "wss://localhost/relay", ...tls);
    expect([fine.code, fine.stdout]).toEqual([0, expect.stringContaining("can be started")]);
    const elsewhere = await check("--public-url", "wss://relay.example/relay", ...tls);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([11, expect.stringContaining("not for relay.example")]);
    const proxied = await check("--public-url", "wss://relay.example/relay");
    expect([proxied.code, proxied.stdout]).toEqual([13, expect.stringContaining("needs a proxy with TLS")]);
    expect((await check("--max-memory", "lots")).code).toBe(2);
  });

  test("refuses a host without its invite, in words", async ({ scene }) => {
    const invites = scene.path("invites");
    writeFileSync(invites, "swordfish\n");
    const relay = await startRelay(scene, ["--invite-file", invites]);
    const { rpc } = await startHost(scene, ["--relay", relay.urls[0] ?? ""]);
    await relayState(rpc, "errored");
    expect((await rpc.call("farhand/status")).relay.lastError).toContain("invite");
    expect(relay.program.stderr).not.toContain("swordfish");
    const pair = await scene.run(["pair"]);
    expect(pair.code).toBe(17);
    expect(pair.stderr).toMatch(/^farhand: no code can be made: the relay does not admit this key .*--invite-file FILE\)$/m);
  });

  test("ends `up` that it refuses, with a sentence and a status of its own", async ({ scene }) => {
    const invites = scene.path("invites");
    writeFileSync(invites, "swordfish\n");
    const relay = await startRelay(scene, ["--invite-file", invites]);
    const up = await scene.run(["up", "--practice", "--port", "0", "--relay", relay.urls[0] ?? ""]);
    expect(up.code).toBe(17);
    expect(up.stderr).toContain("--invite-file FILE");
    const started = await scene.run(["remote-control", "start", "--practice", "--port", "0", "--relay", relay.urls[0] ?? ""]);
    expect(started.code).toBe(17);
    expect(started.stderr).toMatch(/^farhand: the host runs, but the relay does not admit this key/m);
    expect((await scene.run(["stop"])).code).toBe(0);
  });

  test("admits the mailbox that its allow-list names", async ({ scene }) => {
    const { program, rpc } = await startHost(scene, []);
    const { mailboxId } = (await rpc.call("farhand/status")).host;
    expect(mailboxId).toMatch(/^[0-9a-f]{32}$/);
    await program.stop();
    const allowed = scene.path("allowed");
    writeFileSync(allowed, `${mailboxId}\n`);
    const relay = await startRelay(scene, ["--allow-file", allowed]);
    const again = await startHost(scene, ["--relay", relay.urls[0] ?? ""]);
    await relayState(again.rpc, "connected");
  });
});

describe("a relay that cannot start", () => {
  const cases: [what: string, args: (scene: Scene, port: number) => string[], code: number, sentence: RegExp][] = [
    ["says that nobody was admitted", () => ["--listen", "127.0.0.1:0"], 2, /which hosts may use this relay/],
    ["says that two kinds of admission were named", () => ["--open", "--invite-file", "x"], 2, /which hosts/],
    ["wants a public address when it listens on any", () => ["--open", "--listen", "0.0.0.0:0"], 2, /--public-url/],
    ["refuses an address that is none", () => ["--open", "--listen", "nonsense"], 2, /ADDRESS:PORT/],
    ["refuses a public address that is none", () => ["--open", "--public-url", "http://x"], 2, /not an address of a relay/],
    ["wants certificate and key together", () => ["--open", "--tls-cert", CERT], 2, /go together/],
    ["names a certificate that is not there", () => ["--open", "--listen", "127.0.0.1:0", "--tls-cert", "/none", "--tls-key", KEY], 11, /certificate/],
    ["names a file of invites that is not there", () => ["--invite-file", "/none", "--listen", "127.0.0.1:0"], 1, /\/none/],
    ["says that the port is taken", (_, port) => ["--open", "--listen", `127.0.0.1:${port}`], 16, /is taken/],
    ["says that its folder cannot be used", () => ["--open", "--listen", "127.0.0.1:0", "--home", "/proc/none"], 10, /\/proc\/none/],
    ["names the nearest option", () => ["--opn"], 2, /did you mean --open/],
  ];
  for (const [what, args, code, sentence] of cases) {
    test(what, async ({ scene }) => {
      const busy = createServer().listen(0, "127.0.0.1");
      await new Promise((done) => busy.once("listening", done));
      scene.atEnd(() => void busy.close());
      const result = await scene.run(["relay", ...args(scene, (busy.address() as AddressInfo).port)]);
      expect(result.stderr).toMatch(sentence);
      expect(result.stderr.trim().split("\n")).toHaveLength(1);
      expect(result.code).toBe(code);
    });
  }
});
