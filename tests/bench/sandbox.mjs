// sandbox: what holding a command costs. The kinds take turns in one run, so that whatever else
// the machine does hits them alike. Prints a table and writes JSON; a missed target is said to be
// missed, the exit code says only whether everything could be measured.
//
// Usage: sandbox.mjs [--json FILE] [--quick]

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";

const TOP = resolve(import.meta.dirname, "../..");
const BUILD = process.env.FARHAND_BUILD ?? join(TOP, "build/release");
const SANDBOX = join(BUILD, "farhand-sandbox");

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

/** Every kind once per round, in a new order each time. */
function interleave(kinds, rounds) {
  const names = Object.keys(kinds);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < names.length; k++) {
      const name = names[(i + k) % names.length];
      times[name].push(timed(kinds[name]));
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
    plain: [SANDBOX, "--no-namespace", "--", "true"],
    apart: [SANDBOX, "--", "true"],
    write: [SANDBOX, "--mode", "workspace-write", "--", "true"],
    ...(codex && { codex: [codex, "sandbox", "true"] }),
  };
  for (const kind of Object.values(kinds)) timed(kind);
  const t = interleave(kinds, quick ? 30 : 200);
  const [plain, apart, write] = [t.plain, t.apart, t.write].map((x) => over(x, t.bare));
  const note = (x) => `on quiet turns ${round(x.p10)}`;
  report("true under Landlock and seccomp alone, above bare", "ms", plain.p50, "<= 3", plain.p50 <= 3, note(plain));
  report("true with the namespace, above bare", "ms", apart.p50, "<= 6", apart.p50 <= 6, note(apart));
  report("true in workspace-write, above bare", "ms", write.p50, "<= 6", write.p50 <= 6, note(write));
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
    "git status, 50 times": "for i in 1 2 3 4 5 6 7 8 9 10; do git status -s >/dev/null; git status -s >/dev/null; git status -s >/dev/null; git status -s >/dev/null; git status -s >/dev/null; done",
    "a compile of 200 files": "for f in f*.c; do gcc -O1 -c $f -o ${f%.c}.o || exit 1; done",
  };
  for (const [name, script] of Object.entries(jobs)) {
    const command = ["sh", "-c", script];
    const t = interleave({ out: command, in: [SANDBOX, "--mode", "workspace-write", "--", ...command] }, quick ? 2 : 7);
    const more = (median(t.in.map((x, i) => x / t.out[i])) - 1) * 100;
    report(`${name}, inside above outside`, "%", more, "<= 3", more <= 3, `outside ${round(median(t.out))} ms; best against best ${round((Math.min(...t.in) / Math.min(...t.out) - 1) * 100)} %`);
  }
}

const privateKb = (pid) => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return ["Private_Clean", "Private_Dirty"].reduce((sum, name) => sum + Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)[1]), 0);
};

/** The wrapper and the first process of its namespace, while the command runs. */
async function memory() {
  const child = spawn(SANDBOX, ["--mode", "workspace-write", "--", "sh", "-c", "echo ready; exec sleep 60"], { env, cwd: work, stdio: ["ignore", "pipe", "inherit"] });
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
