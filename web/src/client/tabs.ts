// One tab speaks for a device: two would fight over one lane. The first holds a lock;
// another says so and may take over.

export interface Lease {
  /** Called when another tab took over. */
  onLost(listener: () => void): void;
  release(): void;
}

const NAME = "farhand:device";

function hold(options: LockOptions): Promise<Lease | undefined> {
  return new Promise((resolve, reject) => {
    let lost: (() => void) | undefined;
    let given = false;
    navigator.locks.request(NAME, options, (lock) => {
      if (!lock) return resolve(undefined);
      given = true;
      return new Promise<void>((release) => {
        resolve({ onLost: (listener) => (lost = listener), release });
      });
    }).catch((error: unknown) => (given ? lost?.() : reject(error)));
  });
}

const ALONE: Lease = { onLost: () => undefined, release: () => undefined };

/** Undefined: another tab holds it. With `steal` it is taken in any case. */
export async function acquire(steal = false): Promise<Lease | undefined> {
  if (!navigator.locks) return ALONE;
  return hold(steal ? { steal: true } : { ifAvailable: true });
}

/** Resolves when the other tab has gone; undefined when `signal` came first. */
export async function inTurn(signal: AbortSignal): Promise<Lease | undefined> {
  return hold({ signal }).catch(() => undefined);
}
