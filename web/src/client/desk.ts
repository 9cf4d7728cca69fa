// The desk: everything the page shows about one connected host. It listens to the
// host, keeps the list of threads, the open ones, what waits for a person and what
// was typed but not yet taken, and tells its listeners that something changed.

import {
  type Decider, type DeviceRow, type FarhandStatus, type Folder, type KeptRule, type Model, type PairingRow, type Present, type Profile, type Queued, type Thread, type ThreadStatus,
  toItem,
} from "../wire/codex";
import { unhex } from "../wire/bytes";
import { type Params, RpcCode, type RpcId } from "../wire/jsonrpc";
import { Approvals } from "./approvals";
import type { Card } from "./card";
import { Company } from "./company";
import { type Act, type ActKind, Acts } from "./acts";
import { History } from "./history";
import { type HostClient, RpcError, type ServerRequest } from "./index";
import type { Journal } from "./journal";
import { LogWatch } from "./log_watch";
import { Outbox, type Outgoing } from "./outbox";
import { Reader, sentence } from "./reader";
import { type Decision, ThreadModel } from "./thread";

export interface Notice {
  id: number;
  text: string;
  tone: "info" | "bad";
}

const LIST = 60;
const TEXT = /[dD]elta$|patchUpdated$/;

export class Desk {
  threads = new Map<string, Thread>();
  readonly reader: Reader;
  readonly approvals: Approvals;
  readonly log: LogWatch;
  private readonly company: Company;
  status: { value: FarhandStatus; at: number } | undefined;
  notices: Notice[] = [];
  listed: "no" | "loading" | "yes" | "failed" = "no";
  readonly outbox: Outbox;
  readonly acts: Acts;
  private readonly history: History;
  /** Set: the list is a copy from then. */
  listKeptAt: number | undefined;
  /** Of the list's next page; null: that was all. */
  private moreThreads: string | null = null;
  archived: Thread[] | undefined;
  /** Who is on a thread, as far as the host tells. */
  readonly present = new Map<string, Present[]>();
  rules: KeptRule[] | undefined;
  /** What this device keeps; its trouble is told in the strip. */
  journal: Journal | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly textListeners = new Set<() => void>();
  private scheduled = false;
  private nextNotice = 1;
  private readonly stops: (() => void)[];

  constructor(
    readonly client: HostClient,
    private readonly now: () => number = Date.now,
  ) {
    this.outbox = new Outbox(client, (id) => this.openThread(id), () => this.changed(), this.now);
    this.acts = new Acts(client, {
      changed: () => this.changed(), done: (act, result) => this.acted(act, result),
    }, this.now);
    this.history = new History(client.shelf, client.host.id, this.now);
    this.reader = new Reader({
      client, history: this.history, now: this.now,
      summary: (id) => this.threads.get(id),
      say: (text, tone) => this.say(text, tone),
      changed: () => this.changed(),
      seen: (model) => this.outbox.seen(model),
      loadQueue: (id) => this.loadQueue(id),
    });
    void this.showCopies();
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
    this.textListeners.clear();
  }

  get open(): Map<string, ThreadModel> {
    return this.reader.open;
  }

  // --- telling the page -------------------------------------------------------------

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Also when only the text of an open item grew, which nobody else needs to hear. */
  subscribeText(listener: () => void): () => void {
    const stop = this.subscribe(listener);
    this.textListeners.add(listener);
    return () => {
      stop();
      this.textListeners.delete(listener);
    };
  }

  /** Many changes in one task make one redraw. */
  private changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    });
  }

  private grew(): void {
    for (const listener of this.textListeners) listener();
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
    await Promise.all([this.outbox.settle(), this.acts.settle()]);
    this.changed();
  }

  private async loadStatus(): Promise<void> {
    this.tell(await this.client.request<FarhandStatus>("farhand/status"));
    void this.loadPairings();
  }

  async loadThreads(): Promise<void> {
    try {
      const { data, nextCursor } = await this.client.request<{ data: Thread[]; nextCursor?: string | null }>("thread/list", {
        limit: LIST, sortKey: "updated_at", sortDirection: "desc", archived: false,
      });
      this.moreThreads = nextCursor ?? null;
      this.listKeptAt = undefined;
      this.history.keepList(data);
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

  get hasMoreThreads(): boolean {
    return this.moreThreads !== null;
  }

  /** The next page of the list, for who scrolls to its end. */
  async loadMoreThreads(): Promise<void> {
    const cursor = this.moreThreads;
    if (cursor === null) return;
    this.moreThreads = null;
    try {
      const { data, nextCursor } = await this.client.request<{ data: Thread[]; nextCursor?: string | null }>("thread/list", {
        limit: LIST, sortKey: "updated_at", sortDirection: "desc", archived: false, cursor,
      });
      for (const thread of data) if (!this.threads.has(thread.id)) this.threads.set(thread.id, thread);
      this.moreThreads = nextCursor ?? null;
    } catch (error) {
      this.moreThreads = cursor;
      this.say(sentence(error), "bad");
    }
    this.changed();
  }

  async loadArchived(): Promise<void> {
    const { data } = await this.client.request<{ data: Thread[] }>("thread/list", {
      limit: LIST, sortKey: "updated_at", sortDirection: "desc", archived: true,
    });
    this.archived = data;
    this.changed();
  }

  /** What was read last, until the host answers. */
  private async showCopies(): Promise<void> {
    const kept = await this.history.list();
    if (!kept || this.listed === "yes") return;
    for (const thread of kept.threads) {
      // What ran then need not run now: only the host knows.
      if (!this.threads.has(thread.id)) this.threads.set(thread.id, { ...thread, status: { type: "notLoaded" } });
    }
    this.listKeptAt = kept.at;
    this.changed();
  }

  // --- threads ------------------------------------------------------------------------

  openThread(id: string, again = false): Promise<ThreadModel> {
    return this.reader.openThread(id, again);
  }

  /** Begins a thread with its first words; until the host has made it, it is an act. */
  begin(cwd: string | undefined, text: string, images: string[] = [], profile?: string): Act {
    const params = { ...(cwd ? { cwd } : {}), ...(profile ? { farhand: { profile } } : {}) };
    return this.acts.do("start", "", "New thread", params, text, images);
  }

  profiles(): Promise<{ default?: Profile; data: Profile[] }> {
    return this.client.request("farhand/profile/list");
  }

  /** Called by the table of acts, in the moment of the answer. */
  private acted(act: Act, result: { thread?: Thread } | undefined): void {
    if (result) this.noteClamp(result);
    if (act.kind === "start" && result?.thread) return this.began(act, result.thread);
    if (act.kind === "fork" && result?.thread) {
      this.note(result.thread);
      return this.arrived(act.id, result.thread.id);
    }
    if (act.kind === "rename") this.renamed(act.threadId, String(act.params["name"]));
    if (act.kind === "archive") this.gone(act.threadId);
    if (act.kind === "unarchive") void Promise.allSettled([this.loadThreads(), this.loadArchived()]);
    if (act.kind === "settings") this.settled(act);
  }

  private began(act: Act, thread: Thread): void {
    const model = this.adopt(thread);
    if (act.text) this.outbox.send(model.id, act.text, { images: act.images ?? [] });
    this.arrived(act.id, model.id);
  }

  /** Which thread an act has led to, for the screen that waits for it. */
  readonly arrivals = new Map<string, string>();

  private arrived(actId: string, threadId: string): void {
    this.arrivals.set(actId, threadId);
    this.changed();
  }

  private adopt(thread: Thread): ThreadModel {
    const model = new ThreadModel(thread);
    model.older = null;
    this.open.set(model.id, model);
    this.threads.set(model.id, thread);
    this.changed();
    return model;
  }

  async startThread(cwd: string | undefined): Promise<ThreadModel> {
    const result = await this.client.request<{ thread: Thread }>("thread/start", cwd ? { cwd } : {});
    this.noteClamp(result);
    return this.adopt(result.thread);
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
  send(model: Pick<ThreadModel, "id">, text: string, next = false, images: string[] = []): Outgoing {
    return this.outbox.send(model.id, text, { next, images });
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

  interrupt(model: ThreadModel): void {
    const turn = model.activeTurn;
    if (!turn) return;
    const asked = this.acts.of(model.id).some((act) => act.kind === "interrupt" && act.params["turnId"] === turn.id);
    if (!asked) this.act("interrupt", model.id, "Interrupt", { turnId: turn.id });
  }

  rename(model: ThreadModel, name: string): void {
    this.act("rename", model.id, `Rename to “${name}”`, { name });
  }

  archive(id: string): void {
    this.act("archive", id, "Archive", {});
  }

  unarchive(id: string): void {
    this.act("unarchive", id, "Bring back", {});
  }

  /** A copy of the history under a new id. */
  fork(model: ThreadModel): Act {
    return this.act("fork", model.id, "Fork", { excludeTurns: true });
  }

  /** Another look of the agent at what is not committed yet. */
  review(model: ThreadModel): void {
    this.act("review", model.id, "Review uncommitted changes", {
      target: { type: "uncommittedChanges" }, delivery: "inline",
    });
  }

  private act(kind: ActKind, threadId: string, what: string, params: Record<string, unknown>): Act {
    return this.acts.do(kind, threadId, what, { threadId, ...params });
  }

  async models(): Promise<Model[]> {
    const { data } = await this.client.request<{ data: Model[] }>("model/list", {});
    return data.filter((model) => !model.hidden);
  }

  /** For the turns that come; the one that runs keeps what it has. */
  choose(model: ThreadModel, settings: { model?: string; effort?: string }): void {
    this.act("settings", model.id, `Use ${[settings.model, settings.effort].filter(Boolean).join(", ")}`, settings);
  }

  private settled({ threadId, params }: Act): void {
    const model = this.open.get(threadId);
    if (!model) return;
    const { model: name, effort } = params as { model?: string; effort?: string };
    model.thread = {
      ...model.thread, ...(name ? { model: name } : {}), ...(effort ? { reasoningEffort: effort } : {}),
    };
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

  /** Devices that wait to be let in, for who may decide that. */
  pairings: PairingRow[] = [];

  async loadPairings(): Promise<void> {
    if (!this.mayAdmin) return;
    try {
      const { data } = await this.client.request<{ data?: PairingRow[] }>("farhand/pairing/list");
      this.pairings = (data ?? []).filter((row) => row.state === "confirming");
      this.changed();
    } catch {
      // Not for this device: the host asks at its terminal.
    }
  }

  /** A person compared the digits, or did not know the device. */
  async confirmPairing(pairingId: string, accept: boolean): Promise<void> {
    await this.attempt(this.client.request("farhand/pairing/confirm", { pairingId, accept }));
    await this.loadPairings();
  }

  // --- rules and trust ------------------------------------------------------------------

  async loadRules(): Promise<void> {
    this.rules = (await this.client.request<{ data: KeptRule[] }>("farhand/policy/rules/list")).data;
    this.changed();
  }

  async removeRule(ruleId: string): Promise<void> {
    const done = await this.attempt(this.client.request("farhand/policy/rules/remove", { ruleId }));
    if (done) await this.loadRules();
  }

  /** The folder that the host asks about, if this device may answer. */
  get trustAsked(): string | undefined {
    const { cwd, trust } = this.status?.value.host ?? {};
    return trust?.asks && this.mayAdmin ? cwd : undefined;
  }

  async trust(path: string, trusted: boolean): Promise<void> {
    const done = await this.attempt(this.client.request("farhand/trust/set", { path, trusted }));
    if (done) await this.loadStatus();
    this.changed();
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
    if (method === "turn/completed" && model) this.history.keepWindow(model);
    if (taken && !own && TEXT.test(method)) this.grew();
    else if (own || taken) this.changed();
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
    this.history.drop(id);
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
  "farhand/presence/changed": function (p) {
    this.present.set(p["threadId"] as string, (p["present"] as Present[] | undefined) ?? []);
  },
  "farhand/policy/rules/changed": function () { if (this.rules) void this.loadRules().catch(() => undefined); },
  "farhand/pairing/changed": function () { void this.loadPairings(); },
  "farhand/ended": function (p) { this.say(String(p["reason"] ?? "This invitation is over."), "bad"); },
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
