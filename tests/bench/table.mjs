// table: the figures of a bench for people. As a program: table.mjs FILE… prints what is in them.

import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { pathToFileURL } from "node:url";

const HEAD = ["measure", "unit", "ours", "yardstick", "ratio", "target", "met", "yardstick is"];

export function printTable(rows) {
  const lines = rows.map((r) => [r.name, r.unit, r.ours, r.yardstick, r.ratio ?? "-", r.target, r.met ? "yes" : "MISSED", r.yardstick_is + (r.note ? ` (${r.note})` : "")].map(String));
  const widths = HEAD.map((h, i) => Math.max(h.length, ...lines.map((l) => l[i].length)));
  const line = (cells) => cells.map((c, i) => (i >= 2 && i <= 4 ? c.padStart(widths[i]) : c.padEnd(widths[i]))).join("  ").trimEnd();
  console.log(line(HEAD));
  for (const l of lines) console.log(line(l));
  console.log(`\n${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]}, ${rows.filter((r) => r.met).length} of ${rows.length} met`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printTable(process.argv.slice(2).flatMap((file) => JSON.parse(readFileSync(file, "utf8"))));
}
