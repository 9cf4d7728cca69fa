// world: what a bench of the real programs runs in: a host with relay, page, practice model and the
// real Codex in a folder of its own, and rows of figures beside their yardsticks.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

import { printTable } from "./table.mjs";

export const TOP = resolve(import.meta.dirname, "../..");
const BUILD = process.env.FARHAND_BUILD ?? join(TOP, "build/release");
export const FARHAND = join(BUILD, "farhand");

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- the world -------------------------------------------------------------------------------

export const dir = mkdtempSync(join(tmpdir(), "fh-bench-"));
export const home = join(dir, "host");
export const work = join(dir, "work");
export const device = join(dir, "device");
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

export const env = {
  PATH: process.env.PATH,
  LANG: "C.UTF-8",
  TERM: "xterm-256color",
  HOME: dir,
  CODEX_HOME: join(dir, "codex"),
  FARHAND_CODEX: findCodex(),
  FARHAND_HOME: home,
  FARHAND_WEB: join(TOP, "build/web"),
};

export function farhand(...argv) {
  return execFileSync(FARHAND, argv, { env, cwd: work, encoding: "utf8", timeout: 200_000, stdio: ["ignore", "pipe", "pipe"] });
}

/** A call at the host's local door. */
export function rpc(method, params = {}) {
  return JSON.parse(farhand("rpc", "--host", "local", method, JSON.stringify(params)));
}

/** A program of tests/bench runs while we do something else; its JSON. */
export function startTool(tool, more, ...argv) {
  const child = spawn(join(BUILD, "tests/bench", tool), argv.map(String), { env: { ...env, ...more }, cwd: work, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => (text += part));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => (code === 0 ? done(JSON.parse(text)) : fail(new Error(`${tool} ${argv[0]} ended with ${code}`))));
  });
}

export const startCtrl = (more, ...argv) => (typeof more === "string" ? startTool("bench_ctrl", {}, more, ...argv) : startTool("bench_ctrl", more, ...argv));

export let up;
let log = "";

export async function until(what, check, ms = 200_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}\n${log.slice(-2000)}`);
    await pause(100);
  }
}

export async function startHost() {
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
export function codex() {
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

export function memory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)[1]);
  return { private: (kb("Private_Clean") + kb("Private_Dirty")) / 1024, resident: kb("Rss") / 1024 };
}

/** How often any thread of it woke up by itself. */
export function wakeUps(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"))[1]))
    .reduce((a, b) => a + b, 0);
}

/** Pair a controller of that role; what bench_ctrl measured. */
export async function pair(role, into) {
  const { farhand: offer } = rpc("remoteControl/pairing/start", { farhand: { role, confirm: role === "operator" } });
  const paired = startCtrl("pair", offer.url, into, `bench ${role}`);
  if (role === "operator") {
    await until("the digits", () => rpc("farhand/pairing/list").data.some((row) => row.pairingId === offer.pairingId && row.state === "confirming"));
    rpc("farhand/pairing/confirm", { pairingId: offer.pairingId, accept: true });
  }
  return paired;
}

/** The host, and whatever a host of ours left behind: nothing may outlive the bench. */
export async function stopHost() {
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
}

export const clean = () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });

// ---- figures ------------------------------------------------------------------------------------

export const round = (x, digits = 2) => Number(x.toFixed(digits));

const rows = [];

export function report(name, unit, ours, yardstick, yardstickIs, target, met, note = "") {
  rows.push({ name, unit, ours: round(ours, 3), yardstick: round(yardstick, 3), yardstick_is: yardstickIs, ratio: yardstick ? round(ours / yardstick, 3) : null, target, met, note });
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The table, and build/bench/NAME.json. */
export function finish(name) {
  if (rows.length === 0) return;
  printTable(rows);
  mkdirSync(join(TOP, "build/bench"), { recursive: true });
  writeFileSync(join(TOP, `build/bench/${name}.json`), `${JSON.stringify(rows, null, 2)}\n`);
}
