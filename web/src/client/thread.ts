// One thread as a person sees it: items in order, their text so far, what waits for an
// answer. Pure: notifications in, a changed model out.
//
// History comes in windows and is merged under what was heard live: the live copy of
// an item is never older than a stored one.

import {
  type Command, type Decider, type Item, type Patch, type Plan, type Queued, type Reasoning, type Thread,
  type ThreadStatus, toItem, type Turn, type TurnError,
} from "../wire/codex";
import type { Params } from "../wire/jsonrpc";

/** Output kept per command; older lines are in the host's history. */
const OUTPUT_MAX = 256 * 1024;

export interface Decision {
  /** Made on this very device. */
  mine?: boolean;
  by?: Decider;
  decision?: string;
}

export interface Entry {
  item: Item;
  turnId: string;
  /** Still being worked on: more text may come. */
  open: boolean;
  /** Heard live since this thread was opened here. */
  live: boolean;
  /** The host joined in the middle: the beginning is missing until it completes. */
  partial: boolean;
  decision?: Decision;
  /** Rises with every change, so that a view redraws only what changed. */
  revision: number;
}

export interface TurnView {
  id: string;
  status: Turn["status"];
  error?: TurnError | undefined;
  retrying?: string | undefined;
  plan?: { step: string; status: string }[] | undefined;
  startedAt?: number | undefined;
  durationMs?: number | undefined;
}

export interface StoredEntry {
  turnId: string;
  item: unknown;
}

type Handler = (model: ThreadModel, params: Params) => void;

const str = (value: unknown): string => (typeof value === "string" ? value : "");

export class ThreadModel {
  entries: Entry[] = [];
  readonly turns = new Map<string, TurnView>();
  status: ThreadStatus;
  tokens: { used: number; window: number; total?: number | undefined } | undefined;
  /** What waits for its turn, in order. */
  queue: Queued[] = [];
  /** Cursor of the next older window; null when the beginning is reached. */
  older: string | null | undefined;
  /** Set: what is shown is a copy from then, not what the host says now. */
  keptAt: number | undefined;
  /** Set: what comes after this item is not loaded; the end of the thread is elsewhere. */
  cutAfter: { turnId: string; itemId: string } | undefined;
  private readonly byId = new Map<string, Entry>();
  /** Octets of stored items, as far as they are known. */
  private readonly weights = new Map<string, number>();

  constructor(public thread: Thread) {
    this.status = thread.status;
  }

  get id(): string {
    return this.thread.id;
  }

  get activeTurn(): TurnView | undefined {
    return [...this.turns.values()].findLast((turn) => turn.status === "inProgress");
  }

  entry(itemId: string): Entry | undefined {
    return this.byId.get(itemId);
  }

  apply(method: string, params: Params): boolean {
    const handler = HANDLERS[method];
    if (!handler) return false;
    handler(this, params);
    return true;
  }

  // --- history -------------------------------------------------------------------

  /** Shows a copy until the host answers; what came live stays. */
  showCopy(stored: StoredEntry[], at: number): void {
    this.prepend(stored);
    this.keptAt = at;
  }

  /** The host answers: the copy goes. */
  endCopy(): void {
    if (this.keptAt === undefined) return;
    this.keptAt = undefined;
    this.entries = this.entries.filter((entry) => entry.live);
    for (const id of [...this.byId.keys()]) if (!this.byId.get(id)!.live) this.byId.delete(id);
    this.weights.clear();
  }

  /** What follows is what was cut off, oldest first. */
  append(stored: StoredEntry[]): void {
    const [tail, rest] = [this.entries.filter((e) => e.live), this.entries.filter((e) => !e.live)];
    const fresh = stored.flatMap(({ turnId, item: raw }) => {
      const item = toItem(raw);
      if (!item || this.byId.has(item.id)) return [];
      this.weigh(item.id, raw);
      return [this.remember(item, turnId, false)];
    });
    this.entries = [...rest, ...fresh, ...tail];
  }

  private weigh(id: string, raw: unknown): void {
    this.weights.set(id, JSON.stringify(raw).length);
  }

  get weight(): number {
    let sum = 0;
    for (const octets of this.weights.values()) sum += octets;
    return sum;
  }

  /**
   * Windows both ways: who reads far up does not hold the whole thread. Lets go of the
   * newest stored items until `max` octets are left; live ones stay, out of sight.
   */
  trimEnd(max: number): void {
    let over = this.weight - max;
    if (over <= 0) return;
    const stored = this.entries.filter((entry) => !entry.live);
    while (over > 0 && stored.length > 8) {
      const { item } = stored.pop()!;
      over -= this.weights.get(item.id) ?? 0;
      this.weights.delete(item.id);
      this.byId.delete(item.id);
    }
    const last = stored.at(-1)!;
    this.cutAfter = { turnId: last.turnId, itemId: last.item.id };
    this.entries = [...stored, ...this.entries.filter((entry) => entry.live)];
  }

  /** What is in sight: up to the cut, if there is one. */
  get shown(): Entry[] {
    return this.cutAfter ? this.entries.filter((entry) => !entry.live) : this.entries;
  }

  /** Merges a window of stored items, oldest first, before what is known. */
  prepend(stored: StoredEntry[]): void {
    const window: Entry[] = [];
    for (const { turnId, item: raw } of stored) {
      const item = toItem(raw);
      if (!item) continue;
      const known = this.byId.get(item.id);
      if (known && window.includes(known)) continue;
      this.weigh(item.id, raw);
      const entry = known ?? this.remember(item, turnId, false);
      window.push(entry);
      if (known && !known.live) this.replace(known, item);
    }
    const inWindow = new Set(window);
    this.entries = [...window, ...this.entries.filter((entry) => !inWindow.has(entry))];
  }

  addTurn(turn: Turn): void {
    const known = this.turns.get(turn.id);
    if (known && known.status !== "inProgress") return;
    this.turns.set(turn.id, {
      ...known,
      id: turn.id,
      status: turn.status,
      error: turn.error ?? undefined,
      startedAt: turn.startedAt ?? undefined,
      durationMs: turn.durationMs ?? undefined,
    });
  }

  // --- live ----------------------------------------------------------------------

  private remember(item: Item, turnId: string, live: boolean): Entry {
    const entry = { item, turnId, open: false, live, partial: false, revision: 0 };
    this.byId.set(item.id, entry);
    return entry;
  }

  private replace(entry: Entry, item: Item): void {
    entry.item = item;
    entry.revision++;
  }

  put(params: Params, open: boolean): void {
    const item = toItem(params["item"]);
    if (!item) return;
    const turnId = str(params["turnId"]);
    const known = this.byId.get(item.id);
    const entry = known ?? this.remember(item, turnId, true);
    if (!known) this.entries = [...this.entries, entry];
    // A second item/started (a late joiner's snapshot) must not wipe the text so far.
    if (!known || !open || !entry.live) this.replace(entry, item);
    entry.live = true;
    entry.open = open;
    const farhand = params["farhand"] as { partial?: boolean; closed?: boolean } | undefined;
    // Closed by the host, not completed by the agent: what was missing stays missing.
    entry.partial = farhand?.partial === true || (farhand?.closed === true && entry.partial);
    if (!this.turns.has(turnId)) this.turns.set(turnId, { id: turnId, status: "inProgress" });
  }

  change<T extends Item>(itemId: unknown, type: T["type"], edit: (item: T) => T): void {
    const entry = this.byId.get(str(itemId));
    if (!entry || entry.item.type !== type) return;
    entry.item = edit(entry.item as T);
    entry.revision++;
  }

  decided(itemId: string | undefined, decision: Decision): void {
    const entry = itemId === undefined ? undefined : this.byId.get(itemId);
    if (!entry) return;
    entry.decision = decision;
    entry.revision++;
  }

  endTurn(turn: Turn): void {
    this.turns.set(turn.id, {
      ...this.turns.get(turn.id),
      id: turn.id,
      status: turn.status,
      error: turn.error ?? undefined,
      retrying: undefined,
      durationMs: turn.durationMs ?? undefined,
    });
    // The agent leaves items open after a steer and after a cancelled patch.
    for (const entry of this.entries) {
      if (entry.turnId !== turn.id || !entry.open) continue;
      entry.open = false;
      entry.revision++;
    }
  }

  editTurn(turnId: unknown, change: Partial<TurnView>): void {
    const known = this.turns.get(str(turnId));
    if (known) this.turns.set(known.id, { ...known, ...change });
  }

  /** A client's own message that the agent took, found by the id it was given. */
  hasClientMessage(clientId: string): boolean {
    return this.entries.some((e) => e.item.type === "userMessage" && e.item.clientId === clientId);
  }
}

function appendOutput(item: Command, delta: string): Command {
  const whole = (item.aggregatedOutput ?? "") + delta;
  const cut = whole.length > OUTPUT_MAX ? whole.slice(-OUTPUT_MAX) : whole;
  return { ...item, aggregatedOutput: cut };
}

function appendAt(list: string[], at: number, delta: string): string[] {
  const out = [...list];
  while (out.length <= at) out.push("");
  out[at] += delta;
  return out;
}

const index = (value: unknown): number => (Number.isSafeInteger(value) ? Math.min(value as number, 999) : 0);

const HANDLERS: Record<string, Handler> = {
  "item/started": (m, p) => m.put(p, true),
  "item/completed": (m, p) => m.put(p, false),
  "item/agentMessage/delta": (m, p) => m.change(p["itemId"], "agentMessage", (item) =>
    ({ ...item, text: (item as { text: string }).text + str(p["delta"]) }) as Item),
  "item/plan/delta": (m, p) => m.change<Plan>(p["itemId"], "plan", (item) =>
    ({ ...item, text: item.text + str(p["delta"]) })),
  "item/reasoning/summaryTextDelta": (m, p) => m.change<Reasoning>(p["itemId"], "reasoning", (item) =>
    ({ ...item, summary: appendAt(item.summary, index(p["summaryIndex"]), str(p["delta"])) })),
  "item/reasoning/textDelta": (m, p) => m.change<Reasoning>(p["itemId"], "reasoning", (item) =>
    ({ ...item, content: appendAt(item.content, index(p["contentIndex"]), str(p["delta"])) })),
  "item/commandExecution/outputDelta": (m, p) => m.change<Command>(p["itemId"], "commandExecution",
    (item) => appendOutput(item, str(p["delta"]))),
  "item/fileChange/patchUpdated": (m, p) => m.change<Patch>(p["itemId"], "fileChange", (item) =>
    (Array.isArray(p["changes"]) ? { ...item, changes: p["changes"] as Patch["changes"] } : item)),
  "turn/started": (m, p) => m.addTurn(p["turn"] as Turn),
  "turn/completed": (m, p) => m.endTurn(p["turn"] as Turn),
  "turn/plan/updated": (m, p) => m.editTurn(p["turnId"], {
    plan: p["plan"] as { step: string; status: string }[],
  }),
  "thread/status/changed": (m, p) => {
    m.status = p["status"] as ThreadStatus;
    m.editTurn(m.activeTurn?.id, { retrying: undefined });
  },
  "thread/name/updated": (m, p) => {
    m.thread = { ...m.thread, name: str(p["threadName"] ?? p["name"]) };
  },
  "thread/tokenUsage/updated": (m, p) => {
    const usage = p["tokenUsage"] as {
      last?: { totalTokens: number }; total?: { totalTokens: number }; modelContextWindow?: number | null;
    };
    if (usage.last && usage.modelContextWindow) {
      m.tokens = { used: usage.last.totalTokens, window: usage.modelContextWindow, total: usage.total?.totalTokens };
    }
  },
  "error": (m, p) => {
    const error = p["error"] as TurnError;
    m.editTurn(p["turnId"], p["willRetry"] ? { retrying: error.message } : { error, retrying: undefined });
  },
};
