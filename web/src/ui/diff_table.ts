// A file's change as a table of numbers: where each line begins in its text, what it is,
// which words of it changed, what state its colours begin in. Made in a worker when it is
// large, and handed over without a copy; a hundred thousand lines are five small arrays.

import type { FileChange } from "../wire/codex";
import { between } from "./diff_words";
import { languageOf, lex } from "./highlight";

export const Kind = { SAME: 0, ADD: 1, DEL: 2, HUNK: 3 } as const;
export const NONE = 0xffffffff;

export interface Table {
  text: string;
  lines: number;
  kind: Uint8Array<ArrayBuffer>;
  start: Uint32Array<ArrayBuffer>;
  end: Uint32Array<ArrayBuffer>;
  before: Uint32Array<ArrayBuffer>;
  after: Uint32Array<ArrayBuffer>;
  markFrom: Uint16Array<ArrayBuffer>;
  markTo: Uint16Array<ArrayBuffer>;
  state: Uint8Array<ArrayBuffer>;
  added: number;
  removed: number;
  /** The longest line, up to a limit that a screen can show. */
  columns: number;
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/;
const COLUMNS_MAX = 400;

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/** "add" and "delete" carry the whole text; "update" carries unified hunks. */
export function tableOf(change: Pick<FileChange, "path" | "kind" | "diff">): Table {
  const text = change.diff.endsWith("\n") ? change.diff.slice(0, -1) : change.diff;
  const most = countLines(text);
  const t: Table = {
    text, lines: 0, added: 0, removed: 0, columns: 0,
    kind: new Uint8Array(most), start: new Uint32Array(most), end: new Uint32Array(most),
    before: new Uint32Array(most), after: new Uint32Array(most),
    markFrom: new Uint16Array(most), markTo: new Uint16Array(most), state: new Uint8Array(most),
  };
  const whole = change.kind.type === "add" ? Kind.ADD : change.kind.type === "delete" ? Kind.DEL : undefined;
  let [before, after] = [1, 1];
  for (let from = 0; from <= text.length;) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    const first = text[from];
    if (whole !== undefined) {
      add(t, whole, from, end, before++, after++);
    } else if (first === "@" && text.startsWith("@@ ", from)) {
      const hunk = HUNK.exec(text.slice(from, Math.min(end, from + 500)));
      if (hunk) [before, after] = [Number(hunk[1]), Number(hunk[2])];
      add(t, Kind.HUNK, hunk ? end - hunk[3]!.trimStart().length : from, end, before, after);
    } else if (first === "+") add(t, Kind.ADD, from + 1, end, before, after++);
    else if (first === "-") add(t, Kind.DEL, from + 1, end, before++, after);
    else if (first !== "\\") add(t, Kind.SAME, Math.min(from + 1, end), end, before++, after++);
    from = end + 1;
  }
  markWords(t);
  colour(t, change.path);
  return t;
}

function add(t: Table, kind: number, start: number, end: number, before: number, after: number): void {
  const at = t.lines++;
  t.kind[at] = kind;
  t.start[at] = start;
  t.end[at] = end;
  t.before[at] = before;
  t.after[at] = after;
  if (kind === Kind.ADD) t.added++;
  if (kind === Kind.DEL) t.removed++;
  t.columns = Math.max(t.columns, Math.min(end - start, COLUMNS_MAX));
}

export function lineText(t: Table, at: number): string {
  return t.text.slice(t.start[at], t.end[at]);
}

/** How many lines of a kind follow each other. */
function run(t: Table, from: number, kind: number): number {
  let at = from;
  while (at < t.lines && t.kind[at] === kind) at++;
  return at - from;
}

/** The n-th removed line of a block is compared with the n-th added one. */
function markWords(t: Table): void {
  for (let at = 0; at < t.lines;) {
    const dels = run(t, at, Kind.DEL);
    const adds = dels > 0 ? run(t, at + dels, Kind.ADD) : 0;
    for (let n = 0; n < Math.min(dels, adds); n++) {
      const marks = between(lineText(t, at + n), lineText(t, at + dels + n));
      if (!marks) continue;
      [t.markFrom[at + n], t.markTo[at + n]] = marks.del;
      [t.markFrom[at + dels + n], t.markTo[at + dels + n]] = marks.add;
    }
    at += Math.max(1, dels + adds);
  }
}

/** Removed and added lines are two texts: each goes on where its own left off. */
function colour(t: Table, path: string): void {
  const language = languageOf(path);
  if (!language) return;
  let [old, now] = [0, 0];
  for (let at = 0; at < t.lines; at++) {
    const kind = t.kind[at];
    if (kind === Kind.HUNK) {
      old = now = 0;
      continue;
    }
    const begins = kind === Kind.DEL ? old : now;
    t.state[at] = begins;
    const next = lex(lineText(t, at), language, begins);
    if (kind !== Kind.ADD) old = next;
    if (kind !== Kind.DEL) now = next;
  }
}

/** Rows of the side-by-side view: a line of each side, or NONE. */
export function pairsOf(t: Table): { left: Uint32Array; right: Uint32Array } {
  const left: number[] = [];
  const right: number[] = [];
  for (let at = 0; at < t.lines;) {
    const kind = t.kind[at];
    if (kind === Kind.SAME || kind === Kind.HUNK) {
      left.push(at);
      right.push(at++);
      continue;
    }
    const dels = run(t, at, Kind.DEL);
    const adds = run(t, at + dels, Kind.ADD);
    for (let n = 0; n < Math.max(dels, adds); n++) {
      left.push(n < dels ? at + n : NONE);
      right.push(n < adds ? at + dels + n : NONE);
    }
    at += dels + adds;
  }
  return { left: Uint32Array.from(left), right: Uint32Array.from(right) };
}

/** Its arrays, for a hand-over without a copy. */
export function buffersOf(t: Table): ArrayBuffer[] {
  return [t.kind, t.start, t.end, t.before, t.after, t.markFrom, t.markTo, t.state].map((list) => list.buffer);
}
