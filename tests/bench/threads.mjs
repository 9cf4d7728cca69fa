// threads: what threads cost: one more controller of a stream, a decision, and ten threads of 100 MB,
// written in the real Codex's own format (one of its rollouts, its turn repeated under new ids).
//
// Usage: threads.mjs [--quick] [NAME…]     NAME: extra decide large

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { clean, codex, device, dir, finish, home, memory, pair, pause, report, rpc, startHost, startTool, stopHost, until, up } from "./world.mjs";

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const chosen = args.filter((arg) => !arg.startsWith("--"));
const THREADS = 10;
const THREAD_OCTETS = 100e6;

const runTool = (...argv) => startTool("bench_thread", {}, ...argv);

// ---- large threads ----------------------------------------------------------------------------

/** A thread of one turn, of the practice model; its rollout. */
async function smallThread() {
  const { thread } = rpc("thread/start");
  rpc("turn/start", { threadId: thread.id, input: [{ type: "text", text: "long 60", text_elements: [] }] });
  await until("a turn", () => {
    try {
      return rpc("thread/turns/list", { threadId: thread.id, limit: 1 }).data[0]?.status === "completed";
    } catch {
      return false; // nothing of it is written yet
    }
  });
  return { id: thread.id, path: rpc("thread/read", { threadId: thread.id }).thread.path };
}

const hex = (n, digits) => n.toString(16).padStart(digits, "0");

/** The lines of that rollout, the last turn of it repeated until they are so many octets. */
function multiply(path, octets) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const begin = lines.findLastIndex((line) => JSON.parse(line).payload.type === "task_started");
  const turn = lines.slice(begin).join("\n") + "\n";
  const ids = [...new Set(turn.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|msg_\d+_[0-9a-f]{16}|resp_\d+_[0-9a-f]{16}/g))];
  const thread = JSON.parse(lines[0]).payload.id;
  const own = ids.filter((id) => id !== thread);
  const pattern = new RegExp(`${own.join("|")}|"ordinal":\\d+`, "g");
  const parts = [lines.join("\n") + "\n"];
  let ordinal = lines.length;
  for (let size = parts[0].length, n = 1; size < octets; n++) {
    const text = turn.replace(pattern, (found) => (found.startsWith('"') ? `"ordinal":${ordinal++}` : found.slice(0, -6) + hex((n * 64 + own.indexOf(found)) % 0xffffff, 6)));
    parts.push(text);
    size += text.length;
  }
  return { thread, text: parts.join("") };
}

/** Ten threads of which the agent knows when it starts next; the id of the first. */
function plant({ thread, text }, path) {
  mkdirSync(dirname(path), { recursive: true });
  const ids = [];
  for (let i = 0; i < THREADS; i++) {
    const id = thread.slice(0, -4) + hex(0xa000 + i, 4);
    writeFileSync(path.replace(thread, id), text.replaceAll(thread, id));
    ids.push(id);
  }
  return ids;
}

async function large() {
  const small = await smallThread();
  const whole = multiply(small.path, THREAD_OCTETS);
  await stopHost();
  const ids = plant(whole, small.path);
  await startHost();
  await until("the threads", () => rpc("thread/list", { limit: 50 }).data.filter((t) => ids.includes(t.id)).length === THREADS);
  await pause(5000);
  const [ours, theirs] = [memory(up.pid), memory(codex().pid)];
  report("host memory, ten threads of 100 MB known, none open", "MB", ours.private, theirs.private, "codex app-server, the same", "< 32", ours.private < 32, `resident ${ours.resident.toFixed(1)}`);
  const into = join(dir, "reader"); // the relay has another port now
  mkdirSync(into, { mode: 0o700 });
  await pair("operator", into);
  const r = await runTool("open", codex().url, into, quick ? 10 : 40, up.pid, ids[0]);
  const ratio = r.ours.p50 / r.straight.p50;
  report("a thread of 100 MB opened by window, p50", "ms", r.ours.p50, r.straight.p50, "the same calls, straight to codex", "<= 1.2 x", ratio <= 1.2);
  report("its octets on the wire", "KiB", r.octets.p95 / 1024, 128, "the limit", "< 128", r.octets.p95 < 128 * 1024);
}

// ---- the rest ---------------------------------------------------------------------------------

async function extra() {
  const homes = [device];
  for (const name of ["second", "third", "fourth", "fifth"]) {
    const into = join(dir, name);
    mkdirSync(into, { mode: 0o700 });
    await pair("approver", into);
    homes.push(into);
  }
  const r = await runTool("extra", codex().url, 5000, quick ? 5 : 15, up.pid, ...homes);
  report("CPU of host + relay a delta and further controller", "us", r.each.p50, r.one.p50, "the first controller", "<= 10", r.each.p50 <= 10, `${homes.length - 1} further`);
}

/** The most fsyncs of the host between a decision's line and the word that it was made; NaN: no strace. */
async function countSyncs(what) {
  const trace = join(dir, "syncs");
  const tracer = spawn("strace", ["-f", "-s", "100", "-e", "trace=write,fsync,fdatasync", "-o", trace, "-p", String(up.pid)], { stdio: ["ignore", "ignore", "pipe"] });
  const gone = new Promise((done) => tracer.on("close", done).on("error", done));
  const attached = await Promise.race([gone.then(() => false), new Promise((done) => tracer.stderr.on("data", (text) => String(text).includes("attached") && done(true)))]);
  if (!attached) return NaN;
  await what();
  tracer.kill("SIGINT");
  await gone;
  let most = 0;
  let n = NaN;
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    if (line.includes('\\"type\\":\\"decision\\"')) n = 0;
    else if (/ f(data)?sync\(/.test(line)) n += 1;
    else if (line.includes("serverRequest/resolved")) {
      most = Math.max(most, n || 0);
      n = NaN;
    }
  }
  return most;
}

async function decide() {
  const url = `unix://${join(home, "run/host.sock")}`;
  const r = await runTool("decide", url, home, quick ? 10 : 40);
  const added = r.ours.p50 - r.alone.p50;
  report("decision durable and at the agent, p50 added", "ms", added, r.alone.p50, "two fsyncs alone", "<= +2", added <= 2, `ours ${r.ours.p50}, best ${r.ours.min} and ${r.alone.min}`);
  const syncs = await countSyncs(() => runTool("decide", url, home, 5));
  if (syncs) report("fsyncs of a decision, the most", "", syncs, 2, "the limit", "<= 2", syncs <= 2);
}

const measures = { extra, decide, large };

let code = 0;
try {
  const wanted = chosen.length > 0 ? chosen : Object.keys(measures);
  if (wanted.some((name) => !(name in measures))) throw new Error(`measures: ${Object.keys(measures).join(" ")}`);
  await startHost();
  await pair("operator", device);
  for (const name of wanted) await measures[name]();
} catch (error) {
  console.error(`bench: ${error.message}`);
  code = 1;
} finally {
  await stopHost();
  clean();
}
finish("threads");
process.exit(code);
