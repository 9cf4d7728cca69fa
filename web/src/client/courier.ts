// What a person sent and what became of it: on disk from the tap on, and truthful about
// where it is.
//
//   queued -> host -> taken          the agent has it
//     ^ \_______\____> unknown       the host restarted in between: look, then send again
//     |  \___________> failed        refused, with the host's sentence: send again or copy
//     \___ never delivered: sent again by itself, under a new number

import { type RpcErrorBody, RpcCode } from "../wire/jsonrpc";
import type { Mark } from "./connection";
import { type HostClient, type Outcome, RpcError } from "./index";
import type { Journal, RowKind } from "./journal";

export type Progress = "queued" | "host" | "taken" | "unknown" | "failed";

export interface Sent {
  id: string;
  threadId: string;
  progress: Progress;
  sentence?: string;
  at: number;
  /** Its number in the lane, from just before it left. */
  seq?: number;
}

const AGAIN_MS = 3000;

export abstract class Courier<M extends Sent> {
  protected messages: M[] = [];
  protected journal: Journal | undefined;
  /** One after another in a thread, in the order they were made. */
  private readonly tails = new Map<string, Promise<void>>();
  /** Sent from this page, the answer not yet here. */
  private readonly flying = new Set<string>();
  private readonly ready: Promise<void>;

  constructor(
    protected readonly client: HostClient,
    private readonly kind: RowKind,
    protected readonly changed: () => void,
    protected readonly now: () => number,
  ) {
    client.onDelivered((upTo) => this.delivered(upTo));
    this.ready = this.restore();
  }

  /** Makes the call; what it gives goes to `done`. */
  protected abstract call(message: M, mark: Mark): Promise<unknown>;
  /** The agent has taken it. */
  protected abstract done(message: M, result: unknown): void;
  /** Known from the host's own rows alone: its answer was lost with an earlier page. */
  protected abstract doneUnheard(message: M, outcome: Outcome & { state: "answered" }): void;

  /** What an earlier page left: not taken yet as far as it knew. */
  private async restore(): Promise<void> {
    this.journal = await this.client.journal();
    const kept = this.journal.rows<M>(this.kind).sort((a, b) => a.at - b.at);
    this.messages = [...kept, ...this.messages];
    for (const message of this.messages) this.keep(message);
    if (kept.length > 0) this.changed();
    await this.settle();
  }

  of(threadId: string): M[] {
    return this.messages.filter((message) => message.threadId === threadId);
  }

  get all(): readonly M[] {
    return this.messages;
  }

  protected take(message: M): M {
    this.messages = [...this.messages, message];
    this.keep(message);
    void this.journal?.flush();
    this.deliver(message);
    return message;
  }

  retry(message: M): void {
    message.progress = "queued";
    delete message.sentence;
    delete message.seq;
    this.keep(message);
    this.deliver(message);
  }

  drop(message: M): void {
    this.messages = this.messages.filter((m) => m !== message);
    this.journal?.drop(this.kind, message.id);
    void this.journal?.flush();
    this.changed();
  }

  protected keep(message: M): void {
    this.journal?.put(this.kind, message.id, { ...message });
  }

  protected become(message: M, progress: Progress, sentence?: string): void {
    if (!this.messages.includes(message)) return;
    message.progress = progress;
    if (sentence) message.sentence = sentence;
    else delete message.sentence;
    this.keep(message);
    this.journal?.later();
    this.changed();
  }

  private delivered(upTo: number): void {
    for (const message of this.messages) {
      if (message.progress === "queued" && message.seq !== undefined && message.seq <= upTo) {
        this.become(message, "host");
      }
    }
  }

  private deliver(message: M): void {
    this.changed();
    if (this.flying.has(message.id)) return;
    this.flying.add(message.id);
    const before = this.tails.get(message.threadId) ?? Promise.resolve();
    this.tails.set(message.threadId, before.then(() => this.go(message)));
  }

  private async go(message: M): Promise<void> {
    try {
      await this.ready;
      await this.client.online();
      if (!this.messages.includes(message)) return; // taken back before it left
      const result = await this.call(message, (seq) => this.mark(message, seq));
      this.become(message, "taken");
      this.done(message, result);
    } catch (error) {
      this.refused(message, error);
    } finally {
      this.flying.delete(message.id);
    }
    this.changed();
  }

  private mark(message: M, seq: number | undefined): void {
    if (seq === undefined) delete message.seq;
    else message.seq = seq;
    if (this.messages.includes(message)) this.keep(message);
  }

  private refused(message: M, error: unknown): void {
    const unknown = error instanceof RpcError && error.code === RpcCode.OUTCOME_UNKNOWN;
    // Its stream ended: settle() asks the host what became of it.
    if (unknown) return void this.settle();
    this.become(message, "failed", error instanceof Error ? error.message : "not delivered");
  }

  private settling: Promise<void> | undefined;

  /** Asks the host about everything whose answer cannot come any more. */
  settle(): Promise<void> {
    this.settling ??= this.settleAll().finally(() => (this.settling = undefined));
    return this.settling;
  }

  private async settleAll(): Promise<void> {
    await Promise.resolve(); // after the rejections of the same moment
    const open = this.messages.filter((m) =>
      (m.progress === "queued" || m.progress === "host") && !this.flying.has(m.id));
    for (const message of open.filter((m) => m.seq === undefined)) this.deliver(message);
    const numbered = open.filter((m) => m.seq !== undefined);
    if (numbered.length === 0) return;
    try {
      const outcomes = await this.client.outcomes(numbered.map((m) => m.seq!));
      for (const message of numbered) this.settled(message, outcomes.get(message.seq!));
    } catch {
      // The line broke meanwhile: the next session asks again.
    }
  }

  private settled(message: M, outcome: Outcome | undefined): void {
    switch (outcome?.state) {
      case "undelivered": return this.retry(message);
      case "answered":
        if (outcome.error) return this.become(message, "failed", wordsOf(outcome.error));
        this.become(message, "taken");
        return this.doneUnheard(message, outcome);
      case "accepted":
      case "sent":
        // The host has it and waits for the agent: asked again until it knows.
        setTimeout(() => void this.settle(), AGAIN_MS);
        return this.become(message, "host");
      default:
        return this.become(message, "unknown", "The host restarted before it could say. Look whether the agent has it.");
    }
  }
}

function wordsOf(error: RpcErrorBody): string {
  return error.message || "the host refused it.";
}
