// sandbox: what holding a command costs. The kinds take turns in one run, so that whatever else
// the machine does hits them alike. What takes long is told in processor time, of the command and
// of everything that holds it: on a busy machine the clock on the wall tells of the others. Prints
// a table and writes JSON; a missed target is said to be missed, the exit code says only whether
// everything could be measured.
//
// Usage: sandbox.mjs [--json FILE] [--quick]

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";

const TOP = resolve(import.meta.dirname, "../..");
const BUILD = process.env.FARHAND_BUILD ?? join(TOP, "build/release");
const SANDBOX = [join(BUILD, "farhand"), "sandbox"];

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const jsonAt = args.indexOf("--json");
const jsonFile = jsonAt < 0 ? undefined : args[jsonAt + 1];

// Not below /tmp, which is private inside.
const dir = mkdtempSync(join(BUILD, "bench-sandbox-"));
const work = join(dir, "work");
mkdirSync(work);
const env = { PATH: process.env.PATH, HOME: dir, LANG: "C.UTF-8", CODEX_HOME: join(dir, "codex") };
mkdirSync(env.CODEX_HOME);

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const tenth = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 10)];
const round = (x) => Number(x.toFixed(2));

function findCodex() {
  const places = [process.env.FARHAND_CODEX, ...(process.env.PATH ?? "").split(":").map((p) => join(p, "codex")), join(TOP, "build/tools/node_modules/.bin/codex")];
  return places.filter(Boolean).find((place) => spawnSync(place, ["--version"], { stdio: "ignore" }).status === 0);
}

function timed([program, ...argv]) {
  const begin = process.hrtime.bigint();
  const done = spawnSync(program, argv, { env, cwd: work, stdio: ["ignore", "ignore", "pipe"] });
  const ms = Number(process.hrtime.bigint() - begin) / 1e6;
  if (done.status !== 0) throw new Error(`${program} ${argv.join(" ")}: ${done.status ?? done.signal}\n${done.stderr}`);
  return ms;
}

/** Processor time of the command and of whatever it waited for. */
function worked(command) {
  const done = spawnSync("bash", ["-c", 'TIMEFORMAT="%3U %3S"; time "$0" "$@" > /dev/null 2>&1', ...command], { env, cwd: work, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (done.status !== 0) throw new Error(`${command.join(" ")}: ${done.status ?? done.signal}`);
  return done.stderr.trim().split(" ").reduce((sum, part) => sum + Number(part) * 1000, 0);
}

/** Every kind once per round, in a new order each time. */
function interleave(kinds, rounds, measure = timed) {
  const names = Object.keys(kinds);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < names.length; k++) {
      const name = names[(i + k) % names.length];
      times[name].push(measure(kinds[name]));
    }
  }
  return times;
}

const rows = [];
const report = (name, unit, value, target, met, note = "") => rows.push({ name, unit, value: round(value), target, met, note });

/** The difference of two kinds, and how it looks on the quieter turns. */
const over = (a, b) => ({ p50: median(a.map((x, i) => x - b[i])), p10: tenth(a) - tenth(b) });

function starts() {
  const codex = findCodex();
  const kinds = {
    bare: ["true"],
    plain: [...SANDBOX, "--no-namespace", "--", "true"],
    apart: [...SANDBOX, "--", "true"],
    write: [...SANDBOX, "--mode", "workspace-write", "--", "true"],
    ...(codex && { codex: [codex, "sandbox", "true"] }),
  };
  for (const kind of Object.values(kinds)) timed(kind);
  const t = interleave(kinds, quick ? 30 : 200);
  const [plain, apart, write] = [t.plain, t.apart, t.write].map((x) => over(x, t.bare));
  // A hundred in a row, because processor time is told in milliseconds.
  const many = (command) => ["sh", "-c", 'for i in 0 1 2 3 4 5 6 7 8 9; do for k in 0 1 2 3 4 5 6 7 8 9; do "$0" "$@"; done; done', ...command];
  const cpu = interleave({ bare: many(kinds.bare), plain: many(kinds.plain), apart: many(kinds.apart), write: many(kinds.write) }, quick ? 1 : 3, worked);
  const note = (x, name) => `on quiet turns ${round(x.p10)}; processor ${round(Math.min(...cpu[name].map((ms, i) => (ms - cpu.bare[i]) / 100)))}`;
  report("true under Landlock and seccomp alone, above bare", "ms", plain.p50, "<= 3", plain.p50 <= 3, note(plain, "plain"));
  report("true with the namespace, above bare", "ms", apart.p50, "<= 6", apart.p50 <= 6, note(apart, "apart"));
  report("true in workspace-write, above bare", "ms", write.p50, "<= 6", write.p50 <= 6, note(write, "write"));
  if (codex) {
    const times = median(t.codex) / median(t.apart);
    report("codex sandbox true / ours with the namespace", "times", times, ">= 10", times >= 10, `codex ${round(median(t.codex))} ms, ours ${round(median(t.apart))} ms, bare ${round(median(t.bare))} ms`);
  }
}

function works() {
  for (let i = 0; i < 200; i++) writeFileSync(join(work, `f${i}.c`), `#include <stdio.h>\nint f${i}(int x) { return printf("%d", x + ${i}); }\n`);
  const git = (...argv) => execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...argv], { env, cwd: work, stdio: "ignore" });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "x");
  const jobs = {
    "git status, 200 times": ["i=0; while [ $i -lt 200 ]; do git status -s; i=$((i+1)); done", 15],
    "a compile of 200 files": ["for f in f*.c; do gcc -O1 -c $f -o ${f%.c}.o || exit 1; done", 7],
  };
  for (const [name, [script, rounds]] of Object.entries(jobs)) {
    const command = ["sh", "-c", script];
    const kinds = { out: command, in: [...SANDBOX, "--mode", "workspace-write", "--", ...command] };
    const t = interleave(kinds, quick ? 3 : rounds, worked);
    const more = (median(t.in.map((x, i) => x / t.out[i])) - 1) * 100;
    report(`${name}, inside above outside`, "%", more, "<= 3", more <= 3, `processor time with the start; outside ${round(median(t.out))} ms; best against best ${round((Math.min(...t.in) / Math.min(...t.out) - 1) * 100)} %`);
  }
}

const privateKb = (pid) => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return ["Private_Clean", "Private_Dirty"].reduce((sum, name) => sum + Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)[1]), 0);
};

/** The wrapper and the first process of its namespace, while the command runs. */
async function memory() {
  const child = spawn(SANDBOX[0], ["sandbox", "--mode", "workspace-write", "--", "sh", "-c", "echo ready; exec sleep 60"], { env, cwd: work, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((done) => child.stdout.once("data", done));
  try {
    const init = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")[0]);
    const kb = [privateKb(child.pid), privateKb(init)];
    const sum = (kb[0] + kb[1]) / 1024;
    report("private memory of the wrapper, both processes", "MB", sum, "<= 1", sum <= 1, `${kb[0]} + ${kb[1]} kB`);
  } catch (error) {
    report("private memory of the wrapper, both processes", "MB", NaN, "<= 1", false, `not measured: ${error.message} (only root may look)`);
  } finally {
    child.kill("SIGTERM");
  }
}

try {
  starts();
  works();
  await memory();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
for (const row of rows) console.log(`${row.met ? "met   " : "MISSED"} ${row.name.padEnd(52)} ${String(row.value).padStart(8)} ${row.unit.padEnd(5)} (${row.target})  ${row.note}`);
console.log(`load ${loadavg().map(round).join(" ")}`);
if (jsonFile) writeFileSync(jsonFile, `${JSON.stringify({ load: loadavg(), rows }, null, 2)}\n`);
