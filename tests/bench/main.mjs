// main: what the spine must reach, measured. Starts the real programs, lets bench_ctrl (C) play the
// controller, prints a table and writes JSON. A target that is missed is reported as missed; the
// exit code says only whether everything could be measured.
//
// Usage: main.mjs [--quick] [NAME…]     NAME: idle start pair reconnect calls deltas

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { FARHAND, clean, codex, device, dir, env, finish, median, memory, pair, pause, report, round, startCtrl, startHost, stopHost, up, wakeUps, work } from "./world.mjs";

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const chosen = args.filter((arg) => !arg.startsWith("--"));

// ---- the measures -----------------------------------------------------------------------------

const measures = {
  async idle() {
    const { pid } = codex();
    await pause(5000); // the host rests three seconds after the last who asked has gone
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
  await stopHost();
  clean();
}
finish("spine");
process.exit(code);
