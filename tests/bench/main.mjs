// main: what the spine must reach, measured. Starts the real programs, lets bench_ctrl (C) play the
// controller, prints a table and writes JSON. A target that is missed is reported as missed; the
// exit code says only whether everything could be measured.
//
// Usage: main.mjs [--quick] [NAME…]     NAME: idle start pair reconnect calls deltas

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

import { printTable } from "./table.mjs";

const TOP = resolve(import.meta.dirname, "../..");
const BUILD = process.env.FARHAND_BUILD ?? join(TOP, "build/release");
const FARHAND = join(BUILD, "farhand");
const CTRL = join(BUILD, "tests/bench/bench_ctrl");

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const chosen = args.filter((arg) => !arg.startsWith("--"));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const round = (x, digits = 2) => Number(x.toFixed(digits));

// ---- the world -------------------------------------------------------------------------------

const dir = mkdtempSync(join(tmpdir(), "fh-bench-"));
const home = join(dir, "host");
const work = join(dir, "work");
const device = join(dir, "device");
for (const path of [home, work, device, join(dir, "codex")]) mkdirSync(path, { mode: 0o700 });

function findCodex() {
  const places = [process.env.FARHAND_CODEX, ...(process.env.PATH ?? "").split(":").map((p) => join(p, "codex")), join(TOP, "build/tools/node_modules/.bin/codex")];
  for (const place of places.filter(Boolean)) {
    try {
      execFileSync(place, ["--version"], { stdio: "ignore" });
      return place;
    } catch {
      // the next one
    }
  }
  throw new Error("no codex: run make deps");
}

const env = {
  PATH: process.env.PATH,
  LANG: "C.UTF-8",
  TERM: "xterm-256color",
  HOME: dir,
  CODEX_HOME: join(dir, "codex"),
  FARHAND_CODEX: findCodex(),
  FARHAND_HOME: home,
  FARHAND_WEB: join(TOP, "build/web"),
};

function farhand(...argv) {
  return execFileSync(FARHAND, argv, { env, cwd: work, encoding: "utf8", timeout: 60_000 });
}

/** A call at the host's local door. */
function rpc(method, params = {}) {
  return JSON.parse(farhand("rpc", "--host", "local", method, JSON.stringify(params)));
}

/** bench_ctrl runs while we do something else; its JSON. */
function startCtrl(more, ...argv) {
  if (typeof more === "string") return startCtrl({}, more, ...argv);
  const child = spawn(CTRL, argv.map(String), { env: { ...env, ...more }, cwd: work, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => (text += part));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => (code === 0 ? done(JSON.parse(text)) : fail(new Error(`bench_ctrl ${argv[0]} ended with ${code}`))));
  });
}

let up;
let log = "";

async function until(what, check, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}\n${log.slice(-2000)}`);
    await pause(100);
  }
}

async function startHost() {
  up = spawn(FARHAND, ["up", "--practice", "--port", "0", "--cwd", work], { env, cwd: work, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [up.stdout, up.stderr]) stream.on("data", (part) => (log += part));
  await until("the host", () => {
    try {
      const status = rpc("farhand/status");
      return status.agent.state === "ready" && status.relay.state === "connected";
    } catch {
      return false;
    }
  });
}

/** The socket and the process of the Codex behind the host. */
function codex() {
  const socket = join(home, "practice/app-server-control/app-server-control.sock");
  const pid = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((p) => {
      try {
        const cmd = readFileSync(`/proc/${p}/cmdline`, "utf8").split("\0");
        return cmd.includes("app-server") && basename(cmd[0]) !== "node" && readFileSync(`/proc/${p}/environ`, "utf8").includes(dir);
      } catch {
        return false;
      }
    });
  return { url: `unix://${socket}`, pid };
}

function memory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)[1]);
  return { private: (kb("Private_Clean") + kb("Private_Dirty")) / 1024, resident: kb("Rss") / 1024 };
}

/** How often any thread of it woke up by itself. */
function wakeUps(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"))[1]))
    .reduce((a, b) => a + b, 0);
}

/** Pair a controller of that role; what bench_ctrl measured. */
async function pair(role, into) {
  const { farhand: offer } = rpc("remoteControl/pairing/start", { farhand: { role, confirm: role === "operator" } });
  const paired = startCtrl("pair", offer.url, into, `bench ${role}`);
  if (role === "operator") {
    await until("the digits", () => rpc("farhand/pairing/list").data.some((row) => row.pairingId === offer.pairingId && row.state === "confirming"));
    rpc("farhand/pairing/confirm", { pairingId: offer.pairingId, accept: true });
  }
  return paired;
}

// ---- the measures -----------------------------------------------------------------------------

const rows = [];

function report(name, unit, ours, yardstick, yardstickIs, target, met, note = "") {
  rows.push({ name, unit, ours: round(ours, 3), yardstick: round(yardstick, 3), yardstick_is: yardstickIs, ratio: yardstick ? round(ours / yardstick, 3) : null, target, met, note });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const measures = {
  async idle() {
    const { pid } = codex();
    await pause(quick ? 2000 : 5000);
    const seconds = quick ? 10 : 60;
    const before = [wakeUps(up.pid), wakeUps(pid)];
    await pause(seconds * 1000);
    const woken = [wakeUps(up.pid) - before[0], wakeUps(pid) - before[1]].map((n) => (n * 60) / seconds);
    const ours = memory(up.pid);
    const theirs = memory(pid);
    report("idle private memory, host + relay + page", "MB", ours.private, theirs.private, "codex app-server, idle", "<= 4", ours.private <= 4);
    report("idle resident memory, host + relay + page", "MB", ours.resident, theirs.resident, "codex app-server, idle", "reported", true);
    report("idle wake-ups", "a minute", woken[0], woken[1], "codex app-server, idle", "keepalives only (<= 12)", woken[0] <= 12);
  },

  async start() {
    const bare = [];
    const shown = [];
    for (let i = 0; i < (quick ? 5 : 15); i++) {
      const begin = process.hrtime.bigint();
      execFileSync(FARHAND, ["version"], { env });
      bare.push(Number(process.hrtime.bigint() - begin) / 1e6);
      const fresh = join(dir, `start-${i}`);
      mkdirSync(fresh, { mode: 0o700 });
      shown.push(await startCtrl({ FARHAND_HOME: fresh }, "start", FARHAND, "up", "--practice", "--port", "0", "--cwd", work));
    }
    const [qr, cpu, waited] = ["qr", "cpu", "waited"].map((key) => median(shown.map((one) => one[key])));
    const best = Math.min(...shown.map((one) => one.qr));
    report("farhand up: QR code on the screen, fresh home", "ms", qr, median(bare), "farhand version, exec to exit", "<= 100", qr <= 100, `best ${round(best)}, CPU ${round(cpu)}, waiting for a core ${round(waited)}`);
  },

  async pair() {
    const ours = [];
    for (let i = 0; i < (quick ? 3 : 8); i++) {
      const into = join(dir, `pair-${i}`);
      mkdirSync(into, { mode: 0o700 });
      ours.push((await pair("approver", into)).listed);
    }
    const straight = await startCtrl("reconnect", codex().url, device, quick ? 5 : 15);
    report("QR pairing, scan to first thread list", "ms", median(ours), straight.straight.p50, "connect + initialize + a call, straight to codex", "<= 300", median(ours) <= 300);
  },

  async reconnect() {
    const r = await startCtrl("reconnect", codex().url, device, quick ? 10 : 40);
    report("reconnect to a true state, p50", "ms", r.ours.p50, r.straight.p50, "the same, straight to codex", "<= 100", r.ours.p50 <= 100, `p95 ${r.ours.p95}`);
  },

  async calls() {
    const r = await startCtrl("calls", codex().url, device, quick ? 200 : 1000, "thread/loaded/list");
    const added = r.ours.p50 - r.straight.p50;
    report("thread/loaded/list through session, relay, hub: p50 added", "ms", added, r.straight.p50, "the same call, straight to codex (p50)", "<= +0.5", added <= 0.5, `ours ${r.ours.p50}`);
  },

  async deltas() {
    const n = 5000;
    const { url } = codex();
    const r = await startCtrl("deltas", url, device, quick ? 5 : 15, n, String(up.pid));
    const ratio = r.ours.p50 / r.straight.p50;
    report("5,000 deltas, turn/start to turn/completed, median", "ms", r.ours.p50, r.straight.p50, "straight to codex", "<= 1.15 x", ratio <= 1.15);
    report("CPU of host + relay a delta", "us", r.cpu.p50, (r.straight.p50 * 1000) / n, "wall time of codex itself a delta", "<= 20", r.cpu.p50 <= 20);
  },
};

// ---- the end --------------------------------------------------------------------------------------

function write() {
  const text = `${JSON.stringify(rows, null, 2)}\n`;
  mkdirSync(join(TOP, "build/bench"), { recursive: true });
  writeFileSync(join(TOP, "build/bench/spine.json"), text);
}

/** The host, and whatever a host of ours left behind: nothing may outlive the bench. */
async function stop() {
  try {
    farhand("stop");
  } catch {
    up?.kill("SIGTERM");
  }
  if (up) await until("the end of the host", () => up.exitCode !== null || up.signalCode !== null).catch(() => up.kill("SIGKILL"));
  try {
    execFileSync(FARHAND, ["stop"], { env, cwd: work, stdio: "ignore", timeout: 60_000 }); // an agent without its host
  } catch {
    // there is none
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

let code = 0;
try {
  const wanted = chosen.length > 0 ? chosen : Object.keys(measures);
  if (wanted.some((name) => !(name in measures))) throw new Error(`measures: ${Object.keys(measures).join(" ")}`);
  await startHost();
  if (wanted.includes("idle")) await measures.idle();
  await pair("operator", device);
  for (const name of wanted.filter((w) => w !== "idle")) await measures[name]();
} catch (error) {
  console.error(`bench: ${error.message}`);
  code = 1;
} finally {
  await stop();
}
if (rows.length > 0) {
  printTable(rows);
  write();
}
process.exit(code);
