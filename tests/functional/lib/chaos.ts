// chaos: what every kind of chaos shares: dice that can be thrown again, and the table of what
// was done, which is printed and kept in build/chaos/.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { TOP } from "./scene";

/** Rounds of the long form (make chaos), or the few of `make test`. */
export const LONG = process.env["FARHAND_CHAOS"] !== undefined;
export const SEED = Number(process.env["FARHAND_CHAOS_SEED"] ?? Date.now() % 1_000_000);

export function rounds(short: number, share: number): number {
  return LONG ? Math.max(short, Math.ceil(Number(process.env["FARHAND_CHAOS"]) * share)) : short;
}

/** Deterministic: a failing run can be repeated with its seed. */
export function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

export class Tally {
  readonly #rows = new Map<string, { fault: string; outcome: string; count: number }>();

  constructor(readonly name: string) {}

  add(fault: string, outcome: string): void {
    const key = `${fault}\0${outcome}`;
    const row = this.#rows.get(key) ?? { fault, outcome, count: 0 };
    row.count += 1;
    this.#rows.set(key, row);
    console.log(`chaos: ${this.name}: ${fault}: ${outcome}`);
  }

  /** By fault, with what came of it; printed, and written to build/chaos/NAME.txt. */
  print(): void {
    const rows = [...this.#rows.values()].sort((a, b) => a.fault.localeCompare(b.fault) || b.count - a.count);
    const wide = Math.max(5, ...rows.map((row) => row.fault.length));
    const total = rows.reduce((sum, row) => sum + row.count, 0);
    const lines = rows.map((row) => `${String(row.count).padStart(5)}  ${row.fault.padEnd(wide)}  ${row.outcome}`);
    const text = [`${this.name}: ${total} faults, seed ${SEED}`, `count  ${"fault".padEnd(wide)}  outcome`, ...lines, ""].join("\n");
    console.log(text);
    mkdirSync(join(TOP, "build/chaos"), { recursive: true });
    writeFileSync(join(TOP, "build/chaos", `${this.name}.txt`), text);
  }
}
