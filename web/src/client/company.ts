// Who else is paired with the host. A new device and a revoked one are announced, also
// when it happened while this page was closed.

import type { DeviceStatus } from "../wire/codex";
import type { HostClient } from "./index";
import type { Journal } from "./journal";

type Known = Record<string, string>; // clientId -> name

export class Company {
  private known: Known | undefined;
  private journal: Journal | undefined;
  private readonly loaded: Promise<void>;

  constructor(client: HostClient, private readonly say: (sentence: string) => void) {
    this.loaded = client.journal().then((journal) => {
      this.journal = journal;
      [this.known] = journal.rows<Known>("devices");
    });
  }

  /** The list as the host tells it; `me` is never news. */
  async hear(devices: readonly DeviceStatus[], me: string | undefined): Promise<void> {
    await this.loaded;
    const now: Known = Object.fromEntries(devices.map((d) => [d.clientId, d.displayName || "a device"]));
    const before = this.known;
    this.known = now;
    if (before) {
      for (const { clientId, role } of devices) {
        if (!(clientId in before) && clientId !== me) this.say(`New device: ${now[clientId]}, ${role ?? "paired"}.`);
      }
      for (const [id, name] of Object.entries(before)) if (!(id in now)) this.say(`${name} was revoked.`);
      if (Object.keys(before).join() === Object.keys(now).join()) return;
    }
    this.journal?.put("devices", "", now);
    this.journal?.later();
  }
}
