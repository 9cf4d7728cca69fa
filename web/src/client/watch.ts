// Finds a line that is half dead: when something is waited for and no record came for five
// seconds, the host is asked; five more are the end (docs/protocol.md §5.1). Nothing waits:
// nothing is asked, and a phone may sleep.

export interface WatchDeps {
  /** Something was sent that wants an answer or an ack. */
  waits(): boolean;
  ask(): void;
  dead(): void;
}

const SILENT_MS = 5000;
const LOOK_MS = 500;

export class Watch {
  private timer: ReturnType<typeof setInterval> | undefined;
  private heardAt = 0;
  private askedAt = 0;

  /** `clock` never jumps: it is no time of day. */
  constructor(private readonly deps: WatchDeps, private readonly clock: () => number = () => performance.now()) {}

  /** A record came. */
  heard(): void {
    this.heardAt = this.clock();
    this.askedAt = 0;
  }

  /** Something was sent. */
  stir(): void {
    if (this.timer !== undefined) return;
    this.heardAt = this.clock();
    this.askedAt = 0;
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  look(): void {
    if (this.timer === undefined) return;
    if (!this.deps.waits()) return this.stop();
    const now = this.clock();
    if (this.askedAt > 0) {
      if (now - this.askedAt >= SILENT_MS) {
        this.stop();
        this.deps.dead();
      }
    } else if (now - this.heardAt >= SILENT_MS) {
      this.askedAt = now;
      this.deps.ask();
    }
  }
}
