// What waits for a person, across threads, and what was decided here. A decision is
// signed at the tap, on disk before it leaves, and sent until the host has answered:
//
//   queued -> sent -> recorded -> (resolved: the card goes, with the name of who decided)
//       \       \---> pending      recorded; a quorum still needs others
//        \      \---> refused      with the host's sentence: decide again
//         \---- the line was away: the same signature leaves when it is back
//
// Sending twice is harmless: the host takes one decision for one request id.

import { b64url, type Bytes, unb64url, unhex } from "../wire/bytes";
import { type Decider } from "../wire/codex";
import { type Params, RpcCode, type RpcId } from "../wire/jsonrpc";
import { Decision, encodeDecision, Scope, signDecision } from "../session/approval";
import { type Card, KIND_OF, openCard, type RawCard, type Vote } from "./card";
import { type HostClient, RpcError, type ServerRequest } from "./index";
import { refusal } from "./reader";
import type { Journal } from "./journal";
import type { LogWatch } from "./log_watch";

export type DecisionProgress = "queued" | "sent" | "recorded" | "pending" | "refused";

export interface Decided {
  id: string;
  threadId: string;
  itemId?: string | undefined;
  decision: Decision;
  /** For how long an acceptance is meant. */
  scope?: number;
  /** The answer's JSON, exactly as signed. */
  result?: string | undefined;
  decidedMs: number;
  rd: Bytes;
  a?: string;
  sig?: string;
  progress: DecisionProgress;
  sentence?: string | undefined;
}

/** How a request ended, for the list of what was decided lately. */
export interface Ended {
  card: Card;
  how: "decided" | "expired" | "withdrawn";
  by?: Decider | undefined;
  decision?: string | undefined;
  sentence?: string | undefined;
  at: number;
}

interface ListRow extends Params {
  requestId: string;
  method: string;
  createdAt?: number;
  decisions?: Vote[];
  params: Params;
}

/** Of the 24 hours that a session may be named in, with room for clocks that differ. */
const SESSION_MS = 23 * 3600 * 1000;
const LATELY = 30;
const NOTHING_SEEN = { idx: 0, head: new Uint8Array(32) };

export class Approvals {
  readonly cards = new Map<string, Card>();
  readonly decided = new Map<string, Decided>();
  lately: Ended[] = [];
  listed = false;
  private journal: Journal | undefined;
  private readonly sending = new Set<string>();
  private readonly over = new Set<string>();
  private opening: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: HostClient,
    private readonly log: LogWatch,
    private readonly say: (sentence: string) => void,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {
    this.opening = this.restore();
  }

  /** What an earlier page knew: shown at once, also without a line to the host. */
  private async restore(): Promise<void> {
    const journal = this.journal = await this.client.journal();
    for (const row of journal.rows<Decided>("decision")) this.decided.set(row.id, row);
    for (const raw of journal.rows<RawCard>("ask")) this.put(await openCard(raw));
    this.changed();
  }

  // --- cards ---------------------------------------------------------------------

  of(threadId: string): Card[] {
    return [...this.cards.values()].filter((card) => card.threadId === threadId)
      .sort((a, b) => a.arrivedAt - b.arrivedAt);
  }

  static knows(method: string): boolean {
    return method in KIND_OF;
  }

  asked({ id, method, params }: ServerRequest): void {
    void this.open({ id: String(id), method, params, arrivedAt: this.now() });
  }

  private open(raw: RawCard, votes: Vote[] = []): Promise<void> {
    // On disk with the ack of the message that brought it.
    this.journal?.put("ask", raw.id, raw);
    const opened = this.opening.then(() => openCard(raw)).then((card) => {
      this.put({ ...card, votes });
      this.changed();
    });
    this.opening = opened;
    return opened;
  }

  private put(card: Card): void {
    if (this.over.has(card.id)) return this.journal?.drop("ask", card.id);
    const created = card.request?.createdMs ?? card.arrivedAt;
    this.cards.set(card.id, { ...card, arrivedAt: created });
    if (card.log) this.log.note(card.log);
  }

  /** The host's own list is the truth: what is not on it does not wait any more. */
  async reload(): Promise<void> {
    await this.opening;
    const before = [...this.cards.keys()];
    try {
      const { data } = await this.client.request<{ data: ListRow[] }>("farhand/approval/list");
      const rows = data.filter((row) => Approvals.knows(row.method));
      const waiting = new Set(rows.map((row) => row.requestId));
      for (const id of before) if (!waiting.has(id)) this.forget(id);
      for (const { requestId, method, params, createdAt, decisions } of rows) {
        await this.open({ id: requestId, method, params, arrivedAt: createdAt ?? this.now() }, decisions ?? []);
      }
      for (const id of [...this.decided.keys()]) if (!waiting.has(id)) this.dropDecision(id);
      this.listed = true;
    } catch (error) {
      // An older host: it asks again by itself, thread by thread.
      if (error instanceof RpcError && error.code === RpcCode.OUTCOME_UNKNOWN) return;
      for (const id of before) this.forget(id);
    }
    this.journal?.later();
    this.changed();
    for (const decision of this.decided.values()) void this.send(decision);
  }

  private forget(id: string): void {
    this.cards.delete(id);
    this.journal?.drop("ask", id);
  }

  private dropDecision(id: string): void {
    this.decided.delete(id);
    this.journal?.drop("decision", id);
  }

  // --- deciding --------------------------------------------------------------------

  /** The tap. Signed now when a session can be named, else as soon as there is one. */
  async decide(card: Card, decision: Decision, result?: unknown, scope?: number): Promise<void> {
    if (!card.request || !card.rd || card.broken) return;
    const row: Decided = {
      id: card.id, threadId: card.threadId, itemId: card.itemId, decision,
      result: decision === Decision.ANSWER ? JSON.stringify(result) : undefined,
      decidedMs: this.now(), rd: card.rd, progress: "queued",
      ...(scope === undefined ? {} : { scope }),
    };
    this.decided.set(card.id, row);
    this.keep(row);
    this.changed();
    await this.sign(row);
    this.keep(row);
    await this.journal?.flush();
    this.changed();
    await this.send(row);
  }

  /** The host refused it: the card is open again. */
  again(id: string): void {
    this.dropDecision(id);
    this.journal?.later();
    this.changed();
  }

  private async sign(row: Decided): Promise<boolean> {
    const last = this.client.lastSession;
    if (!last || this.now() - last.at > SESSION_MS) return false;
    const { host } = this.client;
    const seen = this.log.told ?? NOTHING_SEEN;
    const a = await encodeDecision({
      hostId: unhex(host.id), requestId: unb64url(row.id), rd: row.rd, decision: row.decision,
      scope: row.decision === Decision.ACCEPT_SESSION ? row.scope ?? Scope.THREAD : Scope.ONCE,
      ...(row.result === undefined ? {} : { result: row.result }),
      decidedMs: row.decidedMs, grantSerial: host.serial, seenIdx: seen.idx, seenHead: seen.head,
      th4: last.th4,
    });
    row.a = b64url(a);
    row.sig = b64url(await signDecision(host.device.privateKey, a));
    return true;
  }

  private keep(row: Decided): void {
    if (this.decided.get(row.id) === row) this.journal?.put("decision", row.id, { ...row });
  }

  private async send(row: Decided): Promise<void> {
    if (this.sending.has(row.id) || ["recorded", "pending", "refused"].includes(row.progress)) return;
    this.sending.add(row.id);
    try {
      await this.client.online();
      if (!row.sig && !(await this.sign(row))) throw new Error("there is no session to decide in");
      const { state } = await this.client.command<{ state: string }>("farhand/approval/decide", {
        requestId: row.id, a: row.a, sig: row.sig, via: "farhand_web",
        ...(row.result === undefined ? {} : { result: row.result }),
      }, (seq) => {
        row.progress = seq === undefined ? "queued" : "sent";
        this.keep(row);
        this.changed();
      });
      row.progress = state === "pending" ? "pending" : "recorded";
      row.sentence = undefined;
    } catch (error) {
      this.refusedWith(row, error);
    } finally {
      this.sending.delete(row.id);
    }
    this.keep(row);
    this.journal?.later();
    this.changed();
  }

  private refusedWith(row: Decided, error: unknown): void {
    const code = error instanceof RpcError ? error.code : 0;
    if (code === RpcCode.OUTCOME_UNKNOWN) {
      row.progress = "queued"; // reload() sends the same signature again
    } else if (code === RpcCode.ALREADY_DECIDED) {
      this.end(row.id, "decided", undefined, undefined, (error as Error).message);
      this.say((error as Error).message);
    } else {
      row.progress = "refused";
      row.sentence = code === RpcCode.NOT_ALLOWED
        ? refusal((error as Error).message) : (error as Error).message;
    }
  }

  // --- what the host says -------------------------------------------------------------

  /** Gives the card that ended, if it was known here. */
  resolved(id: RpcId, by: Decider | undefined, decision: string | undefined): Card | undefined {
    const how = decision === "withdrawn" ? "withdrawn" : decision === "expired" ? "expired" : "decided";
    return this.end(String(id), how, by, decision);
  }

  private end(
    id: string, how: Ended["how"], by: Decider | undefined, decision: string | undefined, sentence?: string,
  ): Card | undefined {
    const card = this.cards.get(id);
    this.over.add(id);
    this.forget(id);
    this.dropDecision(id);
    if (card) this.lately = [{ card, how, by, decision, sentence, at: this.now() }, ...this.lately].slice(0, LATELY);
    return card;
  }

  /**
   * farhand/approval/changed: votes of others, and ends. It comes to all who may see the
   * thread, serverRequest/resolved only to those who listen to it. Gives the card that ended.
   */
  heard(row: Params): Ended | undefined {
    const id = String(row["requestId"]);
    const card = this.cards.get(id);
    if (!card) return undefined;
    const votes = Array.isArray(row["decisions"]) ? row["decisions"] as Vote[] : card.votes;
    this.cards.set(id, { ...card, votes });
    const state = String(row["state"]);
    const last = votes.at(-1);
    if (["delivered", "resolved"].includes(state)) this.end(id, "decided", last?.by, last?.decision);
    if (state === "expired") this.end(id, "expired", undefined, "expired");
    if (state === "withdrawn") this.end(id, "withdrawn", undefined, "withdrawn");
    this.changed();
    return this.lately[0]?.card.id === id ? this.lately[0] : undefined;
  }
}
