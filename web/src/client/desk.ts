// The desk: everything the page shows about one connected host. It listens to the
// host, keeps the list of threads, the open ones, what waits for a person and what
// was typed but not yet taken, and tells its listeners that something changed.

import {
  type Decider, type DeviceRow, type FarhandStatus, type Folder, type Model, type Queued, type Thread, type ThreadStatus,
  toItem, type Turn,
} from "../wire/codex";
import { unhex } from "../wire/bytes";
import { type Params, RpcCode, type RpcId } from "../wire/jsonrpc";
import { Approvals } from "./approvals";
import type { Card } from "./card";
import { Company } from "./company";
import { type HostClient, RpcError, type ServerRequest } from "./index";
import type { Journal } from "./journal";
import { LogWatch } from "./log_watch";
import { Outbox, type Outgoing } from "./outbox";
import { type Decision, type StoredEntry, ThreadModel } from "./thread";

export interface Notice {
  id: number;
  text: string;
  tone: "info" | "bad";
}

const PAGE = 40;
const LIST = 60;

function sentence(error: unknown): string {
  if (error instanceof RpcError) {
    if (error.code === RpcCode.NOT_ALLOWED) return "Your role on this host does not allow that.";
    return error.message;
  }
  return error instanceof Error ? error.message : "Something failed.";
}

export class Desk {
  threads = new Map<string, Thread>();
  readonly open = new Map<string, ThreadModel>();
  readonly approvals: Approvals;
  readonly log: LogWatch;
  private readonly company: Company;
  status: { value: FarhandStatus; at: number } | undefined;
  notices: Notice[] = [];
  listed: "no" | "loading" | "yes" | "failed" = "no";
  readonly outbox: Outbox;
  /** What this device keeps; its trouble is told in the strip. */
  journal: Journal | undefined;
  private readonly listeners = new Set<() => void>();
  private scheduled = false;
  private nextNotice = 1;
  private readonly stops: (() => void)[];

  constructor(
    readonly client: HostClient,
    private readonly now: () => number = Date.now,
  ) {
    this.outbox = new Outbox(client, (id) => this.openThread(id), () => this.changed(), this.now);
    this.log = new LogWatch(client, () => this.changed(), this.now);
    this.approvals = new Approvals(
      client, this.log, (sentence) => this.say(sentence), () => this.changed(), this.now);
    this.company = new Company(client, (sentence) => this.say(sentence));
    this.stops = [
      client.onNotification((method, params) => this.heard(method, params)),
      client.onServerRequest((request) => this.asked(request)),
      client.onAnswerRefused((id, error) => this.refused(id, new RpcError(error.code, error.message))),
      client.onState(() => this.changed()),
      client.onRenewed(() => void this.reload()),
    ];
    void client.journal().then((journal) => {
      this.journal = journal;
      this.stops.push(journal.onTrouble(() => this.changed()));
      this.changed();
    });
    void this.reload();
  }

  close(): void {
    for (const stop of this.stops) stop();
    this.listeners.clear();
  }

  // --- telling the page -------------------------------------------------------------

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Many deltas in one task make one redraw. */
  private changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    });
  }

  say(text: string, tone: Notice["tone"] = "info"): void {
    const id = this.nextNotice++;
    this.notices = [...this.notices, { id, text, tone }].slice(-3);
    this.changed();
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
    this.changed();
  }

  // --- a fresh look: at start, and after the host forgot us ---------------------------

  private async reload(): Promise<void> {
    this.listed = this.threads.size > 0 ? this.listed : "loading";
    this.changed();
    const reopen = [...this.open.keys()];
    await Promise.allSettled([
      this.loadStatus(),
      this.loadThreads(),
      this.approvals.reload(),
      ...reopen.map((id) => this.openThread(id, true)),
    ]);
    for (const model of this.open.values()) this.outbox.seen(model);
    await this.outbox.settle();
    this.changed();
  }

  private async loadStatus(): Promise<void> {
    this.tell(await this.client.request<FarhandStatus>("farhand/status"));
  }

  async loadThreads(): Promise<void> {
    try {
      const { data } = await this.client.request<{ data: Thread[] }>("thread/list", {
        limit: LIST, sortKey: "updated_at", sortDirection: "desc", archived: false,
      });
      const listed = new Map(data.map((thread) => [thread.id, thread]));
      // A fresh thread is not listed before its first turn; keep what we know of it.
      for (const [id, model] of this.open) if (!listed.has(id)) listed.set(id, model.thread);
      this.threads = listed;
      this.listed = "yes";
    } catch (error) {
      this.listed = this.threads.size > 0 ? "yes" : "failed";
      this.say(sentence(error), "bad");
    }
    this.changed();
  }

  // --- threads ------------------------------------------------------------------------

  async openThread(id: string, again = false): Promise<ThreadModel> {
    const known = this.open.get(id);
    if (known && !again) return known;
    const summary = this.threads.get(id) ?? known?.thread;
    const model = new ThreadModel(summary ?? blankThread(id));
    this.open.set(id, model);
    try {
      const { thread } = await this.client.request<{ thread: Thread }>("thread/resume", {
        threadId: id, excludeTurns: true,
      });
      model.thread = thread;
      model.status = thread.status;
    } catch (error) {
      // Before its first message a thread cannot be resumed, and one that another
      // program holds opens for reading only; its history still loads.
      const fresh = error instanceof RpcError && /no rollout/.test(error.message);
      if (!fresh) this.say(sentence(error), "bad");
      if (fresh && known) this.open.set(id, known);
    }
    void this.loadQueue(id);
    await this.loadOlder(this.open.get(id)!);
    return this.open.get(id)!;
  }

  async loadOlder(model: ThreadModel): Promise<void> {
    if (model.older === null) return;
    try {
      if (model.older === undefined) await this.loadTurns(model);
      const page = await this.client.request<{ data: StoredEntry[]; nextCursor: string | null }>(
        "thread/items/list", {
          threadId: model.id, limit: PAGE, sortDirection: "desc", cursor: model.older ?? null,
        });
      model.prepend(page.data.toReversed());
      model.older = page.nextCursor;
      this.outbox.seen(model);
    } catch {
      await this.readWhole(model);
    }
    this.changed();
  }

  private async loadTurns(model: ThreadModel): Promise<void> {
    const { data } = await this.client.request<{ data: Turn[] }>("thread/turns/list", {
      threadId: model.id, limit: 50, sortDirection: "desc", itemsView: "notLoaded",
    });
    for (const turn of data.toReversed()) model.addTurn(turn);
  }

  /** Where windows are not offered: the whole thread at once, if it can be had. */
  private async readWhole(model: ThreadModel): Promise<void> {
    model.older = null;
    try {
      const { thread } = await this.client.request<{ thread: Thread }>("thread/read", {
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

  async startThread(cwd: string | undefined): Promise<ThreadModel> {
    const result = await this.client.request<{ thread: Thread }>("thread/start", cwd ? { cwd } : {});
    this.noteClamp(result);
    const model = new ThreadModel(result.thread);
    model.older = null;
    this.open.set(model.id, model);
    this.threads.set(model.id, result.thread);
    this.changed();
    return model;
  }

  private noteClamp(result: unknown): void {
    const farhand = (result as { farhand?: { clamped?: { field: string; given: unknown }[] } }).farhand;
    for (const { field, given } of farhand?.clamped ?? []) {
      this.say(`The host's profile sets ${field} to ${JSON.stringify(given)}.`);
    }
  }

  folders(): Promise<{ default?: string; data: Folder[] }> {
    return this.client.request("farhand/folders/list");
  }

  // --- what a person does ---------------------------------------------------------------

  /** Into the turn that runs, or as a new one; `next`: after the one that runs. */
  send(model: ThreadModel, text: string, next = false): Outgoing {
    return this.outbox.send(model, text, next);
  }

  /** What waits for its turn in a thread, in order. */
  async loadQueue(threadId: string): Promise<void> {
    try {
      const { data } = await this.client.request<{ data: Queued[] }>("thread/queue/list", { threadId });
      const model = this.open.get(threadId);
      if (model) model.queue = data;
    } catch {
      // An agent without queues: nothing waits there.
    }
    this.changed();
  }

  async unqueue(model: ThreadModel, queued: Queued): Promise<boolean> {
    return this.attempt(this.client.request("thread/queue/delete", {
      threadId: model.id, queuedSubmissionId: queued.id,
    }).then(() => this.loadQueue(model.id)));
  }

  async reorder(model: ThreadModel, ids: string[]): Promise<void> {
    await this.attempt(this.client.request("thread/queue/reorder", {
      threadId: model.id, queuedSubmissionIds: ids,
    }).then(() => this.loadQueue(model.id)));
  }

  async interrupt(model: ThreadModel): Promise<void> {
    const turn = model.activeTurn;
    if (!turn) return;
    await this.attempt(this.client.request("turn/interrupt", { threadId: model.id, turnId: turn.id }));
  }

  async rename(model: ThreadModel, name: string): Promise<void> {
    await this.attempt(this.client.request("thread/name/set", { threadId: model.id, name }));
    this.renamed(model.id, name);
  }

  /** Resolves to false when the host refused; it has said why. */
  archive(id: string): Promise<boolean> {
    return this.attempt(this.client.request("thread/archive", { threadId: id }));
  }

  /** A copy of the history under a new id. */
  async fork(model: ThreadModel): Promise<string | undefined> {
    let made: Thread | undefined;
    await this.attempt(this.client.request<{ thread: Thread }>("thread/fork", {
      threadId: model.id, excludeTurns: true,
    }).then(({ thread }) => (made = thread)));
    if (made) this.note(made);
    this.changed();
    return made?.id;
  }

  async models(): Promise<Model[]> {
    const { data } = await this.client.request<{ data: Model[] }>("model/list", {});
    return data.filter((model) => !model.hidden);
  }

  /** For the turns that come; the one that runs keeps what it has. */
  async choose(model: ThreadModel, settings: { model?: string; effort?: string }): Promise<void> {
    const done = await this.attempt(this.client.request("thread/settings/update", {
      threadId: model.id, ...settings,
    }).then((result) => this.noteClamp(result)));
    if (!done) return;
    const { model: name, effort } = settings;
    model.thread = {
      ...model.thread, ...(name ? { model: name } : {}), ...(effort ? { reasoningEffort: effort } : {}),
    };
    this.changed();
  }

  private async attempt(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      this.say(sentence(error), "bad");
      return false;
    }
  }

  requestsOf(threadId: string): Card[] {
    return this.approvals.of(threadId);
  }

  // --- devices --------------------------------------------------------------------------

  /** Who may administer gets the whole list; everybody else what the status tells. */
  async devices(): Promise<DeviceRow[]> {
    if (!this.mayAdmin) {
      return (this.status?.value.devices ?? []).map(({ role, connected, ...row }) => ({
        ...row, farhand: { ...(role ? { role } : {}), ...(connected === undefined ? {} : { connected }) },
      }));
    }
    const environmentId = this.client.host.id;
    const { data } = await this.client.request<{ data: DeviceRow[] }>(
      "remoteControl/client/list", { environmentId, limit: 100 });
    return data;
  }

  get mayAdmin(): boolean {
    const you = this.status?.value.you;
    return you?.role === "owner" || (you?.capabilities ?? []).includes("admin");
  }

  async revoke(clientId: string): Promise<void> {
    await this.client.request("remoteControl/client/revoke", {
      environmentId: this.client.host.id, clientId,
    });
  }

  async changeDevice(clientId: string, change: { displayName?: string; role?: string }): Promise<void> {
    await this.client.request("farhand/device/update", { clientId, ...change });
  }

  // --- what the host says -----------------------------------------------------------------

  private asked(request: ServerRequest): void {
    if (Approvals.knows(request.method)) return this.approvals.asked(request);
    this.client.respondError(request.id, {
      code: RpcCode.METHOD_NOT_FOUND, message: "this device cannot answer that",
    });
  }

  private heard(method: string, params: Params): void {
    const own = DESK_HANDLERS[method];
    own?.call(this, params);
    const threadId = threadOf(params);
    const model = threadId ? this.open.get(threadId) : undefined;
    const taken = model?.apply(method, params) ?? false;
    if (threadId && (method === "item/started" || method === "item/completed")) {
      this.preview(threadId, params["item"]);
      if (model) this.outbox.seen(model);
    }
    if (own || taken) this.changed();
  }

  private refused(_id: RpcId, error: RpcError): void {
    this.say(sentence(error), "bad");
  }

  /** Called by the table below. */
  resolved(params: Params): void {
    const farhand = params["farhand"] as { by?: Decider; decision?: string } | undefined;
    const card = this.approvals.resolved(params["requestId"] as RpcId, farhand?.by, farhand?.decision);
    if (card && farhand) this.ended(card, farhand);
  }

  private ended(card: Card, { by, decision }: { by?: Decider | undefined; decision?: string | undefined }): void {
    const me = this.status?.value.you?.clientId;
    const made: Decision = { mine: me !== undefined && by?.clientId === me };
    if (by) made.by = by;
    if (decision) made.decision = decision;
    this.open.get(card.threadId)?.decided(card.itemId, made);
  }

  /** Called by the table below. */
  voted(params: Params): void {
    const ended = this.approvals.heard(params);
    if (ended) this.ended(ended.card, ended);
  }

  note(thread: Thread): void {
    if (thread.ephemeral || thread.threadSource === "thread_title") return;
    this.threads.set(thread.id, { ...this.threads.get(thread.id), ...thread });
  }

  /** A thread without a name is known by its first words. */
  private preview(id: string, item: unknown): void {
    const thread = this.threads.get(id);
    const first = toItem(item);
    if (!thread || thread.name || thread.preview || first?.type !== "userMessage") return;
    const preview = first.content.map((part) => part.text ?? "").join(" ").trim().slice(0, 200);
    this.threads.set(id, { ...thread, preview });
    const model = this.open.get(id);
    if (model && !model.thread.preview) model.thread = { ...model.thread, preview };
  }

  setStatus(id: string, status: ThreadStatus): void {
    const thread = this.threads.get(id);
    if (!thread) return void this.loadThreads();
    // Being loaded or unloaded is no news; beginning and ending to work is.
    const news = status.type === "active" || thread.status.type === "active";
    const updatedAt = news ? Math.floor(this.now() / 1000) : thread.updatedAt;
    this.threads.set(id, { ...thread, status, updatedAt });
  }

  renamed(id: string, name: string): void {
    const thread = this.threads.get(id);
    if (thread) this.threads.set(id, { ...thread, name });
    this.changed();
  }

  gone(id: string): void {
    this.threads.delete(id);
  }

  tell(value: FarhandStatus): void {
    // A notification may leave out what only an answer has.
    const you = value.you ?? this.status?.value.you;
    this.status = { value: you ? { ...value, you } : value, at: this.now() };
    if (value.devices) void this.company.hear(value.devices, you?.clientId);
    const { idx, head } = value.audit ?? {};
    if (idx !== undefined && head?.length === 64) this.log.note({ idx, head: unhex(head) });
  }
}

function blankThread(id: string): Thread {
  return { id, preview: "", cwd: "", createdAt: 0, updatedAt: 0, status: { type: "notLoaded" } };
}

function threadOf(params: Params): string | undefined {
  const id = params["threadId"] ?? (params["thread"] as { id?: unknown } | undefined)?.id;
  return typeof id === "string" ? id : undefined;
}

const DESK_HANDLERS: Record<string, (this: Desk, params: Params) => void> = {
  "serverRequest/resolved": function (p) { this.resolved(p); },
  "thread/queue/changed": function (p) {
    if (this.open.has(p["threadId"] as string)) void this.loadQueue(p["threadId"] as string);
  },
  "farhand/approval/changed": function (p) { this.voted(p); },
  "thread/started": function (p) { this.note(p["thread"] as Thread); },
  "thread/status/changed": function (p) {
    this.setStatus(p["threadId"] as string, p["status"] as ThreadStatus);
  },
  "thread/name/updated": function (p) {
    this.renamed(p["threadId"] as string, String(p["threadName"] ?? p["name"] ?? ""));
  },
  "thread/archived": function (p) { this.gone(p["threadId"] as string); },
  "thread/deleted": function (p) { this.gone(p["threadId"] as string); },
  "thread/unarchived": function () { void this.loadThreads(); },
  "farhand/status/changed": function (p) { this.tell(p as unknown as FarhandStatus); },
};
