// What this device keeps about a host it is paired with. Keys are non-extractable
// CryptoKeys; a store holds them without ever seeing their octets.

import type { Bytes } from "../wire/bytes";
import type { Door } from "../wire/qr";
import type { Signer } from "../session/crypto";

export interface HostRecord {
  /** hex of host_id */
  id: string;
  name: string;
  /** H, pinned */
  host: Bytes;
  mailboxId: Bytes;
  /** D: signs the handshake */
  device: Signer;
  /** Dr: signs into the relay; a different key, so the relay never sees D */
  relay: Signer;
  pairRoot: CryptoKey;
  doors: Door[];
  grant: Bytes;
  role: number;
  serial: bigint;
  pairedAt: number;
}

export interface Store {
  list(): Promise<HostRecord[]>;
  put(record: HostRecord): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Forgets everything when the program ends: for tests and scripts. */
export class MemoryStore implements Store {
  private readonly records = new Map<string, HostRecord>();

  async list(): Promise<HostRecord[]> {
    return [...this.records.values()];
  }

  async put(record: HostRecord): Promise<void> {
    this.records.set(record.id, record);
  }

  async remove(id: string): Promise<void> {
    this.records.delete(id);
  }
}
