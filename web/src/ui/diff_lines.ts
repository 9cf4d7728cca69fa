// A file's change as lines, and inside changed lines the words that changed. Pure.

import type { FileChange } from "../wire/codex";

export interface Line {
  kind: "add" | "del" | "same" | "hunk";
  text: string;
  number?: number | undefined;
  /** What changed within the line: from, to. */
  mark?: [number, number];
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/;
/** Beyond this a line is no text that people compare word by word. */
const WORDS_MAX = 2000;

/** "add" and "delete" carry the whole text; "update" carries unified hunks. */
export function linesOf(change: FileChange): Line[] {
  const text = change.diff.replace(/\n$/, "").split("\n");
  if (change.kind.type === "add") return text.map((t, at) => ({ kind: "add", text: t, number: at + 1 }));
  if (change.kind.type === "delete") return text.map((t, at) => ({ kind: "del", text: t, number: at + 1 }));
  const out: Line[] = [];
  let [before, after] = [1, 1];
  for (const line of text) {
    const hunk = HUNK.exec(line);
    if (hunk) {
      [before, after] = [Number(hunk[1]), Number(hunk[2])];
      out.push({ kind: "hunk", text: hunk[3]!.trim() });
    } else if (line.startsWith("+")) {
      out.push({ kind: "add", text: line.slice(1), number: after++ });
    } else if (line.startsWith("-")) {
      out.push({ kind: "del", text: line.slice(1), number: before++ });
    } else if (line.startsWith("\\")) {
      continue; // "No newline at end of file"
    } else {
      out.push({ kind: "same", text: line.slice(1), number: after++ });
      before++;
    }
  }
  return markWords(out);
}

export function counts(lines: Line[]): { added: number; removed: number } {
  return {
    added: lines.filter((line) => line.kind === "add").length,
    removed: lines.filter((line) => line.kind === "del").length,
  };
}

const words = (text: string): string[] => text.match(/[\p{L}\p{N}_]+|\s+|./gsu) ?? [];

/** What is not common to the beginning and the end of both; undefined: hardly alike. */
export function between(before: string, after: string): { del: [number, number]; add: [number, number] } | undefined {
  if (before.length > WORDS_MAX || after.length > WORDS_MAX) return undefined;
  const [a, b] = [words(before), words(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const length = (list: string[]) => list.reduce((sum, word) => sum + word.length, 0);
  const [from, end] = [length(a.slice(0, head)), length(a.slice(a.length - tail))];
  const kept = before.slice(0, from).trim().length + before.slice(before.length - end).trim().length;
  if (kept * 4 < Math.min(before.trim().length, after.trim().length)) return undefined;
  return { del: [from, before.length - end], add: [from, after.length - end] };
}

/** The n-th removed line of a block is compared with the n-th added one. */
function markWords(lines: Line[]): Line[] {
  let at = 0;
  while (at < lines.length) {
    const dels = runOf(lines, at, "del");
    const adds = runOf(lines, at + dels, "add");
    for (let n = 0; n < Math.min(dels, adds); n++) {
      const [before, after] = [lines[at + n]!, lines[at + dels + n]!];
      const marks = between(before.text, after.text);
      if (!marks) continue;
      before.mark = marks.del;
      after.mark = marks.add;
    }
    at += Math.max(1, dels + adds);
  }
  return lines;
}

function runOf(lines: Line[], from: number, kind: Line["kind"]): number {
  let n = 0;
  while (lines[from + n]?.kind === kind) n++;
  return n;
}
