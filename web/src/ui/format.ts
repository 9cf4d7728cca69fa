// Numbers and names as people read them.

export function age(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 3) return "now";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** The time of day; with the date when it was another day. */
export function clock(ms: number, now = Date.now()): string {
  const [then, today] = [new Date(ms), new Date(now)];
  const time = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const same = then.toDateString() === today.toDateString();
  return same ? time : `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** The last two parts of a path; the whole one is in the title. */
export function shortPath(path: string): string {
  const parts = path.split("/").filter(Boolean);
  if (parts.length <= 2) return path;
  return `…/${parts.slice(-2).join("/")}`;
}

export function baseName(path: string): string {
  return path.split("/").filter(Boolean).at(-1) ?? path;
}

export interface Piece {
  text: string;
  control: boolean;
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/**
 * For what a person decides on: characters that a screen would hide or that reorder
 * the text around them are spelled out and marked.
 */
export function visible(text: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at) out.push({ text: text.slice(at, match.index), control: false });
    const code = match[0].codePointAt(0)!.toString(16).padStart(4, "0");
    out.push({ text: `\\u${code}`, control: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) out.push({ text: text.slice(at), control: false });
  return out;
}

const WRAPPED = /^(?:\/\S*\/)?(?:ba|z|da)?sh -l?c (?:'([^']*)'|"([^"$`\\]*)"|([\w@%+=:,./-]+))$/;

/** `/bin/bash -lc 'ls'` is read as `ls`; anything less plain stays as it is. */
export function plainCommand(command: string): string {
  const match = WRAPPED.exec(command);
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? command;
}

export function title(thread: { name?: string | null; preview: string }): string {
  return thread.name || thread.preview.split("\n")[0]?.trim() || "New thread";
}
