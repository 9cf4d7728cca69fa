// The store of the page: IndexedDB, which keeps non-extractable CryptoKeys as they
// are. Three object stores: the hosts this device is paired with, the journal's rows, and
// copies of what was read last.
//
// Every write is strict: what was announced as done survives a flat battery. And it is
// done when its transaction is complete, not when its request succeeded.

import type { Shelf } from "./history";
import type { Durable, Row } from "./journal";
import type { HostRecord, Store } from "./store";

const NAME = "farhand";
const HOSTS = "hosts";
const ROWS = "rows";
const COPIES = "copies";
const STRICT: IDBTransactionOptions = { durability: "strict" };

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage failed"));
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("storage failed"));
    transaction.onerror = () => reject(transaction.error ?? new Error("storage failed"));
  });
}

export class IdbStore implements Store, Durable, Shelf {
  private database: Promise<IDBDatabase> | undefined;

  private open(): Promise<IDBDatabase> {
    this.database ??= this.opened().catch((error: unknown) => {
      this.database = undefined;
      throw error;
    });
    return this.database;
  }

  private async opened(): Promise<IDBDatabase> {
    const request = indexedDB.open(NAME, 3);
    request.onupgradeneeded = (event) => {
      if (event.oldVersion < 1) request.result.createObjectStore(HOSTS, { keyPath: "id" });
      if (event.oldVersion < 2) request.result.createObjectStore(ROWS, { keyPath: ["host", "kind", "id"] });
      request.result.createObjectStore(COPIES, { keyPath: ["host", "id"] });
    };
    const database = await done(request);
    // Cleared by the person or the browser: the next write opens it anew.
    database.onclose = () => (this.database = undefined);
    database.onversionchange = () => {
      database.close();
      this.database = undefined;
    };
    return database;
  }

  private async write(stores: string[], act: (transaction: IDBTransaction) => void): Promise<void> {
    const transaction = (await this.open()).transaction(stores, "readwrite", STRICT);
    const end = completed(transaction);
    act(transaction);
    await end;
  }

  // --- the hosts ------------------------------------------------------------------

  async list(): Promise<HostRecord[]> {
    const transaction = (await this.open()).transaction(HOSTS, "readonly");
    return done(transaction.objectStore(HOSTS).getAll() as IDBRequest<HostRecord[]>);
  }

  put(record: HostRecord): Promise<void> {
    return this.write([HOSTS], (t) => t.objectStore(HOSTS).put(record));
  }

  /** The keys, and everything kept about it. */
  remove(id: string): Promise<void> {
    return this.write([HOSTS, ROWS, COPIES], (t) => {
      t.objectStore(HOSTS).delete(id);
      t.objectStore(ROWS).delete(IDBKeyRange.bound([id], [id, []]));
      t.objectStore(COPIES).delete(IDBKeyRange.bound([id], [id, []]));
    });
  }

  // --- copies -----------------------------------------------------------------------

  async keepCopy(host: string, id: string, value: unknown): Promise<void> {
    const transaction = (await this.open()).transaction(COPIES, "readwrite"); // may be lost: not strict
    const end = completed(transaction);
    transaction.objectStore(COPIES).put({ host, id, value });
    await end;
  }

  async readCopy(host: string, id: string): Promise<unknown> {
    const transaction = (await this.open()).transaction(COPIES, "readonly");
    const row = await done(transaction.objectStore(COPIES).get([host, id]) as IDBRequest<{ value: unknown } | undefined>);
    return row?.value;
  }

  async copies(host: string): Promise<string[]> {
    const transaction = (await this.open()).transaction(COPIES, "readonly");
    const keys = await done(transaction.objectStore(COPIES).getAllKeys(IDBKeyRange.bound([host], [host, []])));
    return (keys as [string, string][]).map(([, id]) => id);
  }

  dropCopy(host: string, id: string): Promise<void> {
    return this.write([COPIES], (t) => t.objectStore(COPIES).delete([host, id]));
  }

  // --- the journal ------------------------------------------------------------------

  async load(host: string): Promise<Row[]> {
    const transaction = (await this.open()).transaction(ROWS, "readonly");
    const range = IDBKeyRange.bound([host], [host, []]);
    return done(transaction.objectStore(ROWS).getAll(range) as IDBRequest<Row[]>);
  }

  commit(rows: Row[]): Promise<void> {
    return this.write([ROWS], (t) => {
      const store = t.objectStore(ROWS);
      for (const row of rows) {
        if (row.value === undefined) store.delete([row.host, row.kind, row.id]);
        else store.put(row);
      }
    });
  }
}
