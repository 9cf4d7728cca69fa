// How far a person has read a thread on this device.

const KEY = "farhand:read";
const MAX = 200;

function marks(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

export function readMark(threadId: string): string | undefined {
  return marks()[threadId];
}

export function setReadMark(threadId: string, itemId: string): void {
  const all = marks();
  if (all[threadId] === itemId) return;
  delete all[threadId];
  all[threadId] = itemId;
  const kept = Object.entries(all).slice(-MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(kept)));
  } catch {
    // No room: the thread opens at its end.
  }
}
