// The manual code `W1-W2-DDDC`: two words that the relay never sees, the digits it
// does see, and a check digit that never leaves this device. A typo is found here,
// before a guess is spent.

import { concat, utf8 } from "../wire/bytes";
import { sha256 } from "./crypto";
import { WORDS } from "./words";

export interface Phrase {
  /** "w1-w2-ddd", what CPace takes. */
  secret: string;
  /** What the relay is told. */
  nameplate: string;
}

export type PhraseProblem =
  | { kind: "incomplete" }
  | { kind: "word"; word: string }
  | { kind: "check" };

const known = new Set(WORDS);

export function isWord(word: string): boolean {
  return known.has(word);
}

/** Words that begin with what was typed so far, at most `limit`. */
export function completions(prefix: string, limit = 5): string[] {
  if (prefix === "") return [];
  return WORDS.filter((word) => word.startsWith(prefix.toLowerCase())).slice(0, limit);
}

export async function checkDigit(secret: string): Promise<number> {
  const digest = await sha256(concat(utf8("fh1 check"), utf8(secret)));
  return digest[0]! % 10;
}

/** Splits what a person typed: case and separators do not matter. */
export function splitPhrase(typed: string): { words: string[]; digits: string } {
  const lower = typed.toLowerCase();
  const letters = lower.replace(/[^a-z]/g, "");
  const words = letters.match(/.{1,4}/g) ?? [];
  return { words, digits: lower.replace(/[^0-9]/g, "") };
}

export async function parsePhrase(typed: string): Promise<Phrase | PhraseProblem> {
  const { words, digits } = splitPhrase(typed);
  for (const word of words) {
    if (word.length === 4 && !known.has(word)) return { kind: "word", word };
  }
  const whole = words.length >= 2 && words.length <= 3 && words.every((w) => w.length === 4);
  if (!whole || digits.length < 4 || digits.length > 6) return { kind: "incomplete" };
  const nameplate = digits.slice(0, -1);
  const secret = [...words, nameplate].join("-");
  if ((await checkDigit(secret)) !== Number(digits.slice(-1))) return { kind: "check" };
  return { secret, nameplate };
}

export function isPhrase(value: Phrase | PhraseProblem): value is Phrase {
  return "secret" in value;
}
