// What must survive a reload, a crash of the tab or a flat battery: where the lane
// stands, what was typed, what waits for a decision, what was decided, how far the log
// was seen. Every owner puts its rows here; flush() makes all of them one transaction.
//
// When the disk refuses (no room, storage cleared, a private window), nothing stops:
// the page goes on from memory, and `trouble` is the sentence that says so.

import type { Shelf } from "./history";

export type RowKind = "lane" | "outbox" | "act" | "ask" | "decision" | "audit" | "devices";

export interface Row {
  host: string;
  kind: RowKind;
  id: string;
  /** Undefined: the row is gone. */
  value: unknown;
}

/** The disk. commit() resolves when all rows are on it, together, or rejects. */
export interface Durable {
  load(host: string): Promise<Row[]>;
  commit(rows: Row[]): Promise<void>;
}

const LATER_MS = 400;

export class Journal {
  trouble: string | undefined;
  private dirty = new Map<string, Row>();
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private readonly listeners = new Set<() => void>();

  private constructor(
    private readonly disk: Durable,
    private readonly host: string,
    private readonly loaded: Row[],
  ) {}

  static async open(disk: Durable, host: string): Promise<Journal> {
    try {
      return new Journal(disk, host, await disk.load(host));
    } catch (error) {
      const journal = new Journal(disk, host, []);
      journal.trouble = sentenceOf(error);
      return journal;
    }
  }

  /** What was there when this page was loaded. */
  rows<T>(kind: RowKind): T[] {
    return this.loaded.filter((row) => row.kind === kind).map((row) => row.value as T);
  }

  put(kind: RowKind, id: string, value: unknown): void {
    if (!this.closed) this.dirty.set(`${kind}/${id}`, { host: this.host, kind, id, value });
  }

  drop(kind: RowKind, id: string): void {
    this.put(kind, id, undefined);
  }

  /** Everything put so far is on disk, or `trouble` says why it is not. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.queued) return this.queued;
    if (this.dirty.size === 0) return this.running ?? Promise.resolve();
    this.queued = (this.running ?? Promise.resolve()).then(() => this.commit());
    return this.queued;
  }

  /** Soon, with whatever else there is: for what another look at the host would restore. */
  later(): void {
    this.timer ??= setTimeout(() => void this.flush(), LATER_MS);
  }

  onTrouble(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Another tab leads now, or the host was forgotten: this page writes no more. */
  close(): void {
    this.closed = true;
    this.dirty.clear();
    clearTimeout(this.timer);
  }

  private commit(): Promise<void> {
    this.queued = undefined;
    const rows = [...this.dirty.values()];
    this.dirty = new Map();
    if (rows.length === 0) return Promise.resolve();
    this.running = this.disk.commit(rows).then(
      () => this.say(undefined),
      (error: unknown) => {
        // Kept for the next try, under what has been put meanwhile.
        for (const row of rows) {
          const key = `${row.kind}/${row.id}`;
          if (!this.closed && !this.dirty.has(key)) this.dirty.set(key, row);
        }
        this.say(sentenceOf(error));
      },
    ).finally(() => (this.running = undefined));
    return this.running;
  }

  private say(trouble: string | undefined): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    for (const listener of this.listeners) listener();
  }
}

function sentenceOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "QuotaExceededError") {
    return "This browser has no room left. Messages still go out, but a reload would forget what is on its way.";
  }
  return "This browser keeps nothing right now. Messages still go out, but a reload would forget what is on its way.";
}

/** Forgets everything when the program ends: for tests and scripts. */
export class MemoryDurable implements Durable, Shelf {
  readonly kept = new Map<string, Row>();
  private readonly copied = new Map<string, unknown>();
  /** Set by a test: what the disk says instead of keeping. */
  refuses: Error | undefined;

  async keepCopy(host: string, id: string, value: unknown): Promise<void> {
    this.copied.set(`${host}/${id}`, structuredClone(value));
  }

  async readCopy(host: string, id: string): Promise<unknown> {
    return structuredClone(this.copied.get(`${host}/${id}`));
  }

  async copies(host: string): Promise<string[]> {
    return [...this.copied.keys()].filter((key) => key.startsWith(`${host}/`)).map((key) => key.slice(host.length + 1));
  }

  async dropCopy(host: string, id: string): Promise<void> {
    this.copied.delete(`${host}/${id}`);
  }

  async load(host: string): Promise<Row[]> {
    return structuredClone([...this.kept.values()].filter((row) => row.host === host));
  }

  async commit(rows: Row[]): Promise<void> {
    const copy = structuredClone(rows); // as it was when the transaction began
    await Promise.resolve();
    if (this.refuses) throw this.refuses;
    for (const row of copy) {
      const key = `${row.host}/${row.kind}/${row.id}`;
      if (row.value === undefined) this.kept.delete(key);
      else this.kept.set(key, row);
    }
  }
}
