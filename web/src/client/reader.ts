// Reads the history of threads: the newest window at once, older and newer pages as they
// are looked at, a copy where the host is not reached. Nothing else of a thread is loaded.

import { type StoredEntry, ThreadModel } from "./thread";
import type { History } from "./history";
import { type HostClient, RpcError } from "./index";
import { type Thread, toItem, type Turn } from "../wire/codex";
import { RpcCode } from "../wire/jsonrpc";

/** A first window is on the screen at once, on any line; a page is what one look takes. */
const FIRST = 8;
const FIRST_OCTETS = 24 * 1024;
const PAGE_OCTETS = 64 * 1024;
const PAGE_MAX = 40;
/** Beyond this the end that is not looked at is let go. */
const HELD_OCTETS = 6 * 1024 * 1024;

export interface ReaderDeps {
  client: HostClient;
  history: History;
  /** What the list knows of a thread. */
  summary(id: string): Thread | undefined;
  say(text: string, tone: "info" | "bad"): void;
  changed(): void;
  /** New items of a thread are here. */
  seen(model: ThreadModel): void;
  loadQueue(id: string): Promise<void>;
  now(): number;
}

/** An administrator's or an invitation's no says who to ask; a role's does not need to. */
export function refusal(said: string): string {
  return /administrator|invit|folder|thread/i.test(said) ? said : "Your role on this host does not allow that.";
}

export function sentence(error: unknown): string {
  if (error instanceof RpcError) {
    if (error.code === RpcCode.NOT_ALLOWED) return refusal(error.message);
    return error.message;
  }
  return error instanceof Error ? error.message : "Something failed.";
}

function blankThread(id: string): Thread {
  return { id, preview: "", cwd: "", createdAt: 0, updatedAt: 0, status: { type: "notLoaded" } };
}

export class Reader {
  readonly open = new Map<string, ThreadModel>();

  constructor(private readonly deps: ReaderDeps) {}

  async openThread(id: string, again = false): Promise<ThreadModel> {
    const known = this.open.get(id);
    if (known && !again) return known;
    const summary = this.deps.summary(id) ?? known?.thread;
    const model = new ThreadModel(summary ?? blankThread(id));
    this.open.set(id, model);
    if (known) {
      model.showCopy(known.entries.map(({ turnId, item }) => ({ turnId, item })), known.keptAt ?? this.deps.now());
    } else {
      await this.showWindow(model);
    }
    this.deps.changed();
    // Both at once: the window is on the screen while the agent still loads the thread.
    const [fresh] = await Promise.all([this.resume(model), this.loadOlder(model)]);
    if (fresh && known) this.open.set(id, known);
    const opened = this.open.get(id)!;
    // A thread that the agent had not indexed shows its history only after resuming.
    if (opened.entries.length === 0 && !fresh) await this.loadFirst(opened);
    void this.deps.loadQueue(id);
    this.deps.history.keepWindow(opened);
    return opened;
  }

  private async showWindow(model: ThreadModel): Promise<void> {
    const kept = await this.deps.history.window(model.id);
    if (!kept || model.entries.length > 0) return;
    for (const turn of kept.turns) {
      model.addTurn({ ...turn, status: turn.status === "inProgress" ? "interrupted" : turn.status });
    }
    if (!model.thread.cwd) model.thread = kept.thread;
    model.showCopy(kept.entries, kept.at);
  }

  /** True: a thread before its first message, which cannot be resumed. */
  private async resume(model: ThreadModel): Promise<boolean> {
    try {
      const { thread } = await this.deps.client.request<{ thread: Thread }>("thread/resume", {
        threadId: model.id, excludeTurns: true,
      });
      model.thread = thread;
      model.status = thread.status;
    } catch (error) {
      // One that another program holds opens for reading only; its history still loads.
      if (error instanceof RpcError && /no rollout/.test(error.message)) return true;
      this.deps.say(sentence(error), "bad");
    }
    this.deps.changed();
    return false;
  }

  private loadFirst(model: ThreadModel): Promise<void> {
    model.older = undefined;
    return this.loadOlder(model);
  }

  async loadOlder(model: ThreadModel): Promise<void> {
    if (model.older === null) return;
    const first = model.older === undefined;
    try {
      if (first) void this.loadTurns(model).catch(() => undefined);
      const octets = await this.loadPage(model, first ? FIRST : this.pageOf(model));
      if (first && octets < FIRST_OCTETS && model.older) await this.loadPage(model, this.pageOf(model));
      model.trimEnd(HELD_OCTETS);
    } catch (error) {
      const lost = error instanceof RpcError && error.code === RpcCode.OUTCOME_UNKNOWN;
      if (!lost) await this.readWhole(model);
    }
    this.deps.changed();
  }

  /** As many items as are about one page, by what those known weigh. */
  private pageOf(model: ThreadModel): number {
    const each = Math.max(1, model.weight / Math.max(1, model.entries.length));
    return Math.max(4, Math.min(PAGE_MAX, Math.round(PAGE_OCTETS / each)));
  }

  private async loadPage(model: ThreadModel, limit: number): Promise<number> {
    const page = await this.deps.client.request<{ data: StoredEntry[]; nextCursor: string | null }>(
      "thread/items/list", {
        threadId: model.id, limit, sortDirection: "desc", cursor: model.older ?? null,
      });
    model.endCopy();
    const before = model.weight;
    model.prepend(page.data.toReversed());
    model.older = page.nextCursor;
    this.deps.seen(model);
    this.deps.changed();
    return model.weight - before;
  }

  /** After the cut: what was let go while somebody read far up. */
  async loadNewer(model: ThreadModel): Promise<void> {
    const after = model.cutAfter;
    if (!after) return;
    try {
      const { data, nextCursor } = await this.deps.client.request<{ data: StoredEntry[]; nextCursor: string | null }>(
        "thread/items/list", {
          threadId: model.id, turnId: after.turnId, limit: this.pageOf(model), sortDirection: "asc",
          cursor: { type: "item", itemId: after.itemId },
        });
      model.append(data);
      const last = data.at(-1);
      const id = toItem(last?.item)?.id;
      if (nextCursor !== null && last && id) model.cutAfter = { turnId: last.turnId, itemId: id };
      else return await this.toLatest(model);
    } catch (error) {
      this.deps.say(sentence(error), "bad");
    }
    this.deps.changed();
  }

  /** Back to the end: read anew, since what lies between is not here. */
  async toLatest(model: ThreadModel): Promise<void> {
    if (model.cutAfter) await this.openThread(model.id, true);
  }

  private async loadTurns(model: ThreadModel): Promise<void> {
    const { data } = await this.deps.client.request<{ data: Turn[] }>("thread/turns/list", {
      threadId: model.id, limit: 50, sortDirection: "desc", itemsView: "notLoaded",
    });
    for (const turn of data.toReversed()) model.addTurn(turn);
  }

  /** Where windows are not offered: the whole thread at once, if it can be had. */
  private async readWhole(model: ThreadModel): Promise<void> {
    model.older = null;
    try {
      const { thread } = await this.deps.client.request<{ thread: Thread }>("thread/read", {
        threadId: model.id, includeTurns: true,
      });
      const turns = thread.turns ?? [];
      for (const turn of turns) model.addTurn(turn);
      model.prepend(turns.flatMap((turn) =>
        (turn.items ?? []).map((item) => ({ turnId: turn.id, item }))));
    } catch {
      // A thread before its first message has no history; there is nothing to tell.
    }
  }
}
