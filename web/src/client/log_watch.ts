// Watches the host's audit log: how far this device has seen it, and whether what it
// sees now goes on from there. When it does not, somebody rewrote or shortened the log:
// that is said loudly, and stays said until a person has looked.

import { follow, type LogHeader } from "../session/audit";
import type { SeenLog } from "../session/pairing";
import { equal } from "../wire/bytes";
import type { HostClient } from "./index";
import type { Journal } from "./journal";

export interface LogAlarm {
  kind: "shortened" | "rewritten";
  sentence: string;
  at: number;
}

interface Kept {
  seen: SeenLog;
  checkedAt: number;
  alarm?: LogAlarm | undefined;
}

const PAGE = 1000;

export class LogWatch {
  alarm: LogAlarm | undefined;
  checkedAt = 0;
  /** Seen and checked: everything up to here follows from what was seen before. */
  seen: SeenLog | undefined;
  /** The newest that the host told; what a decision names. */
  told: SeenLog | undefined;
  private journal: Journal | undefined;
  private checking: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: HostClient,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {
    void client.journal().then((journal) => {
      this.journal = journal;
      const [kept] = journal.rows<Kept>("audit");
      if (!kept) return;
      this.seen ??= kept.seen;
      this.told ??= kept.seen;
      this.alarm = kept.alarm;
      this.checkedAt = kept.checkedAt;
      client.seenLog = this.seen;
    });
    client.onReady((ready) => ready.log && this.hear(ready.log));
  }

  /** The host says where its log stands. */
  hear(log: SeenLog): void {
    if (!this.told || log.idx > this.told.idx || this.alarm) this.told = log;
    this.checking = this.checking.then(() => this.check(log)).catch(() => undefined);
  }

  /** The newest end of the log that was told; checked with the next session. */
  note(log: SeenLog): void {
    if (!this.told || log.idx > this.told.idx) this.told = log;
  }

  /** A person has looked at the alarm: from here on the log as it is counts. */
  accept(): void {
    this.alarm = undefined;
    if (this.told) this.advance(this.told);
    this.changed();
  }

  private async check(log: SeenLog): Promise<void> {
    await this.client.journal();
    if (this.alarm) return;
    if (!this.seen) return this.advance(log); // the first look: nothing to compare with
    if (log.idx < this.seen.idx) {
      return this.raise("shortened", `This device has seen record ${this.seen.idx} of the log; the host now has only ${log.idx}.`);
    }
    let at = this.seen;
    while (at.idx < log.idx) {
      const limit = Math.min(PAGE, log.idx - at.idx);
      const { headers } = await this.client.request<{ headers: LogHeader[] }>(
        "farhand/audit/headers", { fromIdx: at.idx + 1, limit });
      try {
        const next = await follow(at, headers.slice(0, limit));
        if (next.idx === at.idx) throw new Error("the host does not give its records");
        at = next;
      } catch (error) {
        return this.raise("rewritten", `The log does not go on from what this device saw: ${(error as Error).message}.`);
      }
    }
    if (!equal(at.head, log.head)) {
      return this.raise("rewritten", `Record ${log.idx} of the log is not the one that this device saw.`);
    }
    this.advance(at);
  }

  private advance(seen: SeenLog): void {
    this.seen = seen;
    this.checkedAt = this.now();
    this.client.seenLog = seen;
    this.keep();
    this.changed();
  }

  private raise(kind: LogAlarm["kind"], sentence: string): void {
    this.alarm = { kind, sentence, at: this.now() };
    this.keep();
    void this.journal?.flush();
    this.changed();
  }

  private keep(): void {
    if (!this.seen) return;
    const row: Kept = { seen: this.seen, checkedAt: this.checkedAt, alarm: this.alarm };
    this.journal?.put("audit", "", row);
    this.journal?.later();
  }
}
