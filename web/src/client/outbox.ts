// What was typed and is on its way (client/courier.ts says through which states). Once the
// agent has it, the item itself is shown instead.

import { Courier, type Progress, type Sent } from "./courier";
import type { Mark } from "./connection";
import type { HostClient } from "./index";
import type { ThreadModel } from "./thread";

export type { Progress } from "./courier";

export interface Outgoing extends Sent {
  id: string; // clientUserMessageId: comes back as userMessage.clientId
  text: string;
  progress: Progress;
  /** For after the turn that runs, not into it. */
  next?: boolean;
  /** Pictures, as data URLs made on this device. */
  images?: string[];
}

export class Outbox extends Courier<Outgoing> {
  /** It went into the queue of its thread, not into a turn. */
  private readonly waits = new Set<string>();

  constructor(
    client: HostClient,
    /** The thread as it is known here; opened first if it is not. */
    private readonly modelOf: (threadId: string) => Promise<ThreadModel>,
    changed: () => void,
    now: () => number,
  ) {
    super(client, "outbox", changed, now);
  }

  /** On disk from here on: closing the tab loses nothing. */
  send(threadId: string, text: string, { next = false, images = [] }: { next?: boolean; images?: string[] } = {}): Outgoing {
    return this.take({
      id: crypto.randomUUID(), threadId, text, progress: "queued", at: this.now(),
      ...(next ? { next } : {}), ...(images.length > 0 ? { images } : {}),
    });
  }

  protected override async call(message: Outgoing, mark: Mark): Promise<unknown> {
    const model = await this.modelOf(message.threadId);
    const input = [
      ...(message.images ?? []).map((url) => ({ type: "image", url })),
      ...(message.text || !message.images ? [{ type: "text", text: message.text, text_elements: [] }] : []),
    ];
    const common = { threadId: message.threadId, clientUserMessageId: message.id, input };
    const turn = model.activeTurn;
    if (turn && message.next) {
      this.waits.add(message.id);
      return this.client.command("thread/queue/add", common, mark);
    }
    return turn
      ? this.client.command("turn/steer", { ...common, expectedTurnId: turn.id }, mark)
      : this.client.command("turn/start", common, mark);
  }

  protected override done(message: Outgoing): void {
    // What waits for its turn is in the thread's queue now, and shown there.
    const waits = this.waits.delete(message.id);
    void this.modelOf(message.threadId).then((model) => {
      if (waits || model.hasClientMessage(message.id)) this.drop(message);
    });
  }

  protected override doneUnheard(): void {
    // Its item takes its place when the thread is read again.
  }

  /** Items of the thread are the truth: what is among them needs no place here. */
  seen(model: ThreadModel): void {
    const there = this.of(model.id).filter((m) => model.hasClientMessage(m.id));
    for (const message of there) this.drop(message);
  }
}
