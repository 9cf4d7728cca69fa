// Inside two lines, the words that changed. Pure.

/** Beyond this a line is no text that people compare word by word. */
const WORDS_MAX = 2000;

const WORD = /[\p{L}\p{N}_]/u;
const within = (text: string, at: number) => at > 0 && at < text.length && WORD.test(text[at - 1]!) && WORD.test(text[at]!);

/** What is not common to the beginning and the end of both, in whole words; undefined: hardly alike. */
export function between(before: string, after: string): { del: [number, number]; add: [number, number] } | undefined {
  if (before.length > WORDS_MAX || after.length > WORDS_MAX) return undefined;
  const short = Math.min(before.length, after.length);
  let head = 0;
  while (head < short && before[head] === after[head]) head++;
  const alike = head === before.length && head === after.length;
  while (!alike && (within(before, head) || within(after, head))) head--;
  let tail = 0;
  while (tail < short - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  while (tail > 0 && (within(before, before.length - tail) || within(after, after.length - tail))) tail--;
  const kept = before.slice(0, head).trim().length + before.slice(before.length - tail).trim().length;
  if (kept * 4 < Math.min(before.trim().length, after.trim().length)) return undefined;
  return { del: [head, before.length - tail], add: [head, after.length - tail] };
}
