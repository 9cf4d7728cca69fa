// What a person does to a thread besides talking to it: begin, rename, archive, interrupt,
// fork, review. Each is on disk from the tap on and says truthfully where it is, like a
// prompt (client/courier.ts). Its number is the key: the host does it once or says that it
// does not know.

import type { Thread } from "../wire/codex";
import { Courier, type Sent } from "./courier";
import type { Mark } from "./connection";
import type { HostClient, Outcome } from "./index";

export type ActKind =
  | "start" | "rename" | "archive" | "unarchive" | "interrupt" | "fork" | "review" | "settings";

export interface Act extends Sent {
  kind: ActKind;
  params: Record<string, unknown>;
  /** In words, for the line that says where it is. */
  what: string;
  /** The first words to a thread that does not exist yet. */
  text?: string;
  images?: string[];
}

const METHOD: Record<ActKind, string> = {
  start: "thread/start", rename: "thread/name/set", archive: "thread/archive",
  unarchive: "thread/unarchive", interrupt: "turn/interrupt", fork: "thread/fork",
  review: "review/start", settings: "thread/settings/update",
};

/** Until the host has made it, a thread has a name of this device's own. */
export const DRAFT = "new:";

export interface ActEvents {
  changed(): void;
  done(act: Act, result: { thread?: Thread } | undefined): void;
}

export class Acts extends Courier<Act> {
  constructor(client: HostClient, private readonly events: ActEvents, now: () => number) {
    super(client, "act", () => events.changed(), now);
  }

  do(kind: ActKind, threadId: string, what: string, params: Record<string, unknown>, text?: string, images: string[] = []): Act {
    const id = crypto.randomUUID();
    return this.take({
      id, kind, threadId: threadId || `${DRAFT}${id}`, what, params, progress: "queued", at: this.now(),
      ...(text === undefined ? {} : { text }), ...(images.length > 0 ? { images } : {}),
    });
  }

  /** Threads that wait to be made. */
  get starts(): Act[] {
    return this.messages.filter((act) => act.kind === "start");
  }

  protected override call(act: Act, mark: Mark): Promise<unknown> {
    return this.client.command(METHOD[act.kind], act.params, mark);
  }

  protected override done(act: Act, result: unknown): void {
    // In the same moment as the answer: what it leads to is on disk with it.
    this.events.done(act, result as { thread?: Thread });
    this.drop(act);
  }

  protected override doneUnheard(act: Act, _outcome: Outcome): void {
    if (act.kind === "start") {
      // It was made, but under which id was only in the answer that was lost.
      return this.become(act, "unknown", "The thread was made, and its first words were not sent. Find it in the list, or start again.");
    }
    this.events.done(act, undefined);
    this.drop(act);
  }
}
