// The store of the page: IndexedDB, which keeps non-extractable CryptoKeys as they
// are. Small and plain: one database, one object store.

import type { HostRecord, Store } from "./store";

const NAME = "farhand";
const HOSTS = "hosts";

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage failed"));
  });
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(HOSTS, { keyPath: "id" });
  };
  return done(request);
}

export class IdbStore implements Store {
  private database: Promise<IDBDatabase> | undefined;

  private async hosts(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    this.database ??= openDatabase();
    // strict: a pairing that was announced as done must survive a flat battery.
    const transaction = (await this.database).transaction(HOSTS, mode, { durability: "strict" });
    return transaction.objectStore(HOSTS);
  }

  async list(): Promise<HostRecord[]> {
    return done((await this.hosts("readonly")).getAll() as IDBRequest<HostRecord[]>);
  }

  async put(record: HostRecord): Promise<void> {
    await done((await this.hosts("readwrite")).put(record));
  }

  async remove(id: string): Promise<void> {
    await done((await this.hosts("readwrite")).delete(id));
  }
}
