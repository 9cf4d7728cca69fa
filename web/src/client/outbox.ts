// What was typed and is on its way. Nothing typed is ever lost: each message is on
// disk from the tap on, and says truthfully where it is:
//
//   queued -> host -> taken          the agent has it; the item itself is shown instead
//     ^ \_______\____> unknown       the host restarted in between: look, then send again
//     |  \___________> failed        refused, with the host's sentence: send again or copy
//     \___ never delivered: sent again by itself, under a new number

import { RpcCode } from "../wire/jsonrpc";
import { type HostClient, type Outcome, RpcError } from "./index";
import type { Journal } from "./journal";
import type { ThreadModel } from "./thread";

export type Progress = "queued" | "host" | "taken" | "unknown" | "failed";

export interface Outgoing {
  id: string; // clientUserMessageId: comes back as userMessage.clientId
  threadId: string;
  text: string;
  progress: Progress;
  sentence?: string;
  at: number;
  /** Its number in the lane, from just before it left. */
  seq?: number;
  /** For after the turn that runs, not into it. */
  next?: boolean;
}

const AGAIN_MS = 3000;

export class Outbox {
  private messages: Outgoing[] = [];
  private journal: Journal | undefined;
  /** One after another in a thread, in the order they were typed. */
  private readonly tails = new Map<string, Promise<void>>();
  /** Sent from this page, the answer not yet here. */
  private readonly flying = new Set<string>();
  private readonly ready: Promise<void>;

  constructor(
    private readonly client: HostClient,
    /** The thread as it is known here; opened first if it is not. */
    private readonly modelOf: (threadId: string) => Promise<ThreadModel>,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {
    client.onDelivered((upTo) => this.delivered(upTo));
    this.ready = this.restore();
  }

  /** What an earlier page left: not taken yet as far as it knew. */
  private async restore(): Promise<void> {
    this.journal = await this.client.journal();
    const kept = this.journal.rows<Outgoing>("outbox").sort((a, b) => a.at - b.at);
    this.messages = [...kept, ...this.messages];
    for (const message of this.messages) this.keep(message);
    if (kept.length > 0) this.changed();
    await this.settle();
  }

  of(threadId: string): Outgoing[] {
    return this.messages.filter((message) => message.threadId === threadId);
  }

  /** Resolves when the message is on disk: from then on closing the tab loses nothing. */
  send(model: ThreadModel, text: string, next = false): Outgoing {
    const message: Outgoing = {
      id: crypto.randomUUID(), threadId: model.id, text, progress: "queued", at: this.now(),
      ...(next ? { next } : {}),
    };
    this.messages = [...this.messages, message];
    this.keep(message);
    void this.journal?.flush();
    this.deliver(message);
    return message;
  }

  retry(message: Outgoing): void {
    message.progress = "queued";
    delete message.sentence;
    delete message.seq;
    this.keep(message);
    this.deliver(message);
  }

  drop(message: Outgoing): void {
    this.messages = this.messages.filter((m) => m !== message);
    this.journal?.drop("outbox", message.id);
    void this.journal?.flush();
    this.changed();
  }

  private keep(message: Outgoing): void {
    this.journal?.put("outbox", message.id, { ...message });
  }

  private become(message: Outgoing, progress: Progress, sentence?: string): void {
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

  private deliver(message: Outgoing): void {
    this.changed();
    if (this.flying.has(message.id)) return;
    this.flying.add(message.id);
    const before = this.tails.get(message.threadId) ?? Promise.resolve();
    this.tails.set(message.threadId, before.then(() => this.go(message)));
  }

  private async go(message: Outgoing): Promise<void> {
    try {
      await this.ready;
      await this.client.online();
      const model = await this.modelOf(message.threadId);
      const waits = message.next === true && model.activeTurn !== undefined;
      await this.ask(message, model);
      this.become(message, "taken");
      // What waits for its turn is in the thread's queue now, and shown there.
      if (waits || model.hasClientMessage(message.id)) this.drop(message);
    } catch (error) {
      this.refused(message, error);
    } finally {
      this.flying.delete(message.id);
    }
    this.changed();
  }

  private ask(message: Outgoing, model: ThreadModel): Promise<unknown> {
    const input = [{ type: "text", text: message.text, text_elements: [] }];
    const common = { threadId: message.threadId, clientUserMessageId: message.id, input };
    const turn = model.activeTurn;
    const mark = (seq: number | undefined) => {
      if (seq === undefined) delete message.seq;
      else message.seq = seq;
      if (this.messages.includes(message)) this.keep(message);
    };
    if (turn && message.next) return this.client.command("thread/queue/add", common, mark);
    return turn
      ? this.client.command("turn/steer", { ...common, expectedTurnId: turn.id }, mark)
      : this.client.command("turn/start", common, mark);
  }

  private refused(message: Outgoing, error: unknown): void {
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

  private settled(message: Outgoing, outcome: Outcome | undefined): void {
    switch (outcome?.state) {
      case "undelivered": return this.retry(message);
      case "answered":
        if (outcome.error) return this.become(message, "failed", outcome.error.message || "the host refused it.");
        return this.become(message, "taken");
      case "accepted":
      case "sent":
        // The host has it and waits for the agent: asked again until it knows.
        setTimeout(() => void this.settle(), AGAIN_MS);
        return this.become(message, "host");
      default:
        return this.become(message, "unknown", "The host restarted before it could say. Look whether the agent has it.");
    }
  }

  /** Items of the thread are the truth: what is among them needs no place here. */
  seen(model: ThreadModel): void {
    const there = this.messages.filter(
      (m) => m.threadId === model.id && model.hasClientMessage(m.id));
    for (const message of there) this.drop(message);
  }
}
