// inbox: things that happen, kept in order, waited for by what they are. The only way a test
// waits: for an event it names, with a limit, and with a list of what came instead.

export const WITHIN_MS = 45_000;

interface Waiter<T> {
  matches: (item: T) => boolean;
  found: (item: T) => void;
}

export class Inbox<T> {
  readonly items: T[] = [];
  #waiters = new Set<Waiter<T>>();
  #dead: string | null = null;
  #onDead = new Set<(why: string) => void>();

  constructor(readonly name: string) {}

  push(item: T): void {
    this.items.push(item);
    for (const waiter of [...this.#waiters]) {
      if (waiter.matches(item)) waiter.found(item);
    }
  }

  /** Nothing more will come: whoever waits is told why. */
  end(why: string): void {
    if (this.#dead !== null) return;
    this.#dead = why;
    for (const tell of [...this.#onDead]) tell(why);
  }

  get ended(): string | null {
    return this.#dead;
  }

  /** The first item that matches, of those from `from` on, or of those still to come. */
  async next(
    what: string,
    matches: (item: T) => boolean,
    { from = 0, within = WITHIN_MS }: { from?: number; within?: number } = {},
  ): Promise<T> {
    const there = this.items.slice(from).find(matches);
    if (there !== undefined) return there;
    if (this.#dead !== null) throw this.#failure(`${what}: ${this.#dead}`);
    return new Promise<T>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        this.#onDead.delete(dead);
      };
      const waiter: Waiter<T> = {
        matches,
        found: (item) => {
          end();
          resolve(item);
        },
      };
      const dead = (why: string): void => {
        end();
        reject(this.#failure(`${what}: ${why}`));
      };
      const timer = setTimeout(() => {
        end();
        reject(this.#failure(`${what}: not within ${within} ms`));
      }, within);
      this.#waiters.add(waiter);
      this.#onDead.add(dead);
    });
  }

  #failure(text: string): Error {
    const seen = this.items.slice(-25).map((item) => {
      const line = typeof item === "string" ? item : JSON.stringify(item);
      return `  ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`;
    });
    return new Error(`${this.name}: ${text}; the last of ${this.items.length} seen:\n${seen.join("\n")}`);
  }
}
