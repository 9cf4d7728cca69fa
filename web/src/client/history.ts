// What was read last, kept so that it can be read again without a line to the host: the
// list of threads, and the newest window of each thread that was opened here. It goes with
// the host when that is removed, and is never more than a copy: what the host says wins.

import type { Thread, Turn } from "../wire/codex";
import type { StoredEntry, ThreadModel } from "./thread";

/** Where copies are kept; the page's is IndexedDB. */
export interface Shelf {
  keepCopy(host: string, id: string, value: unknown): Promise<void>;
  readCopy(host: string, id: string): Promise<unknown>;
  copies(host: string): Promise<string[]>;
  dropCopy(host: string, id: string): Promise<void>;
}

export interface KeptWindow {
  at: number;
  thread: Thread;
  turns: Turn[];
  entries: StoredEntry[];
}

export interface KeptList {
  at: number;
  threads: Thread[];
}

const LIST = "";
const WINDOWS_MAX = 24;
const ENTRIES_MAX = 60;
const WEIGHT_MAX = 256 * 1024;
const TEXT_MAX = 16 * 1024;

/** One item may be a whole build's output: its end is what is read again. */
function slim(item: unknown): unknown {
  const row = item as Record<string, unknown>;
  const output = row["aggregatedOutput"];
  return typeof output === "string" && output.length > TEXT_MAX
    ? { ...row, aggregatedOutput: output.slice(-TEXT_MAX) } : row;
}

export class History {
  private readonly order: string[] = [];
  private trouble = false;

  constructor(
    private readonly shelf: Shelf | undefined,
    private readonly host: string,
    private readonly now: () => number,
  ) {}

  async list(): Promise<KeptList | undefined> {
    return this.read<KeptList>(LIST);
  }

  keepList(threads: Thread[]): void {
    void this.write(LIST, { at: this.now(), threads: threads.map(({ turns: _, ...rest }) => rest) });
  }

  window(threadId: string): Promise<KeptWindow | undefined> {
    return this.read<KeptWindow>(`t/${threadId}`);
  }

  keepWindow(model: ThreadModel): void {
    if (model.keptAt !== undefined || model.entries.length === 0) return;
    const entries: StoredEntry[] = [];
    let weight = 0;
    for (const entry of model.entries.toReversed()) {
      const item = slim(entry.item);
      weight += JSON.stringify(item).length;
      if (entries.length > 0 && (weight > WEIGHT_MAX || entries.length >= ENTRIES_MAX)) break;
      entries.unshift({ turnId: entry.turnId, item });
    }
    const used = new Set(entries.map((entry) => entry.turnId));
    const turns = [...model.turns.values()].filter((turn) => used.has(turn.id))
      .map(({ id, status, startedAt, durationMs }) => ({ id, status, startedAt: startedAt ?? null, durationMs: durationMs ?? null }));
    const { turns: _, ...thread } = model.thread;
    void this.write(`t/${model.id}`, { at: this.now(), thread, turns, entries });
    void this.trim(model.id);
  }

  drop(threadId: string): void {
    void this.shelf?.dropCopy(this.host, `t/${threadId}`).catch(() => undefined);
  }

  private async trim(threadId: string): Promise<void> {
    const at = this.order.indexOf(threadId);
    if (at >= 0) this.order.splice(at, 1);
    this.order.push(threadId);
    try {
      const ids = (await this.shelf?.copies(this.host) ?? []).filter((id) => id !== LIST);
      const rank = (id: string) => this.order.indexOf(id.slice(2));
      const out = ids.sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, ids.length - WINDOWS_MAX));
      for (const id of out) await this.shelf?.dropCopy(this.host, id);
    } catch {
      // The disk refuses: the journal says so.
    }
  }

  private async read<T>(id: string): Promise<T | undefined> {
    try {
      return await this.shelf?.readCopy(this.host, id) as T | undefined;
    } catch {
      return undefined;
    }
  }

  /** A copy that cannot be kept is no trouble; what must be kept is in the journal. */
  private async write(id: string, value: unknown): Promise<void> {
    if (this.trouble) return;
    try {
      await this.shelf?.keepCopy(this.host, id, value);
    } catch {
      this.trouble = true;
    }
  }
}
