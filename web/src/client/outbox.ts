// What was typed and is on its way. Nothing typed is ever lost, and each message says
// truthfully where it is:
//
//   queued -> host -> taken          the agent has it; the item itself is shown instead
//      \________\___> unknown        the host restarted in between: look, then retry
//      \____________> failed         refused, with the host's sentence: retry or copy

import { RpcCode } from "../wire/jsonrpc";
import { type HostClient, RpcError } from "./index";
import type { ThreadModel } from "./thread";

export type Progress = "queued" | "host" | "taken" | "unknown" | "failed";

export interface Outgoing {
  id: string; // clientUserMessageId: comes back as userMessage.clientId
  threadId: string;
  text: string;
  progress: Progress;
  sentence?: string;
  at: number;
}

export class Outbox {
  private messages: Outgoing[] = [];

  constructor(
    private readonly client: HostClient,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {
    client.onDelivered(() => {
      for (const message of this.messages) {
        if (message.progress === "queued" && this.sent.has(message.id)) message.progress = "host";
      }
      this.changed();
    });
  }

  private readonly sent = new Set<string>();

  of(threadId: string): Outgoing[] {
    return this.messages.filter((message) => message.threadId === threadId);
  }

  send(model: ThreadModel, text: string): Outgoing {
    const message: Outgoing = {
      id: crypto.randomUUID(), threadId: model.id, text, progress: "queued", at: this.now(),
    };
    this.messages = [...this.messages, message];
    void this.deliver(message, model);
    return message;
  }

  retry(message: Outgoing, model: ThreadModel): void {
    message.progress = "queued";
    delete message.sentence;
    void this.deliver(message, model);
  }

  drop(message: Outgoing): void {
    this.messages = this.messages.filter((m) => m !== message);
    this.changed();
  }

  private async deliver(message: Outgoing, model: ThreadModel): Promise<void> {
    this.changed();
    const input = [{ type: "text", text: message.text, text_elements: [] }];
    const common = { threadId: model.id, clientUserMessageId: message.id, input };
    try {
      await this.client.online();
      this.sent.add(message.id);
      const turn = model.activeTurn;
      const request = turn
        ? this.client.request("turn/steer", { ...common, expectedTurnId: turn.id })
        : this.client.request("turn/start", common);
      await request;
      message.progress = "taken";
      if (model.hasClientMessage(message.id)) this.drop(message);
    } catch (error) {
      const unknown = error instanceof RpcError && error.code === RpcCode.OUTCOME_UNKNOWN;
      message.progress = unknown ? "unknown" : "failed";
      message.sentence = error instanceof Error ? error.message : "not delivered";
    }
    this.changed();
  }

  /** Items of the thread are the truth: what is among them needs no place here. */
  seen(model: ThreadModel): void {
    const before = this.messages.length;
    this.messages = this.messages.filter(
      (m) => m.threadId !== model.id || !model.hasClientMessage(m.id));
    if (this.messages.length !== before) this.changed();
  }

  /** After a reload of history: an unknown one that is in it was taken after all. */
  review(of: (threadId: string) => ThreadModel | undefined): void {
    for (const threadId of new Set(this.messages.map((m) => m.threadId))) {
      const model = of(threadId);
      if (model) this.seen(model);
    }
  }
}
