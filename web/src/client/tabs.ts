// One tab speaks for a device: two would fight over one lane. The first holds a lock;
// another says so and may take over.

export interface Lease {
  /** Called when another tab took over. */
  onLost(listener: () => void): void;
  release(): void;
}

const NAME = "farhand:device";

/** Undefined: another tab holds it. With `steal` it is taken in any case. */
export async function acquire(steal = false): Promise<Lease | undefined> {
  if (!navigator.locks) return { onLost: () => undefined, release: () => undefined };
  return new Promise((resolve) => {
    let lost: (() => void) | undefined;
    const options: LockOptions = steal ? { steal: true } : { ifAvailable: true };
    navigator.locks.request(NAME, options, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((release) => {
        resolve({ onLost: (listener) => (lost = listener), release });
      });
    }).catch(() => lost?.());
  });
}
