// The watch over the host's log, against hosts that keep it and hosts that do not.

import { expect, test } from "vitest";
import type { HostClient } from "../../src/client";
import { Journal, MemoryDurable } from "../../src/client/journal";
import { LogWatch } from "../../src/client/log_watch";
import type { LogHeader } from "../../src/session/audit";
import type { Ready, SeenLog } from "../../src/session/pairing";
import { unhex } from "../../src/wire/bytes";
import { vectors } from "../lib/vectors";

const LOG = vectors<{ records: LogHeader[] }>("audit.json").records;
const at = (idx: number): SeenLog => ({ idx, head: unhex(LOG[idx - 1]!.h) });

/** A page that is loaded over `disk`, and the host that it meets. */
async function page(disk: MemoryDurable, headers: LogHeader[] = LOG) {
  const journal = await Journal.open(disk, "h");
  let ready: (ready: Ready) => void = () => undefined;
  const client = {
    journal: async () => journal,
    onReady: (listener: (ready: Ready) => void) => (ready = listener),
    request: async (_method: string, { fromIdx, limit }: { fromIdx: number; limit: number }) =>
      ({ headers: headers.filter((h) => h.idx >= fromIdx).slice(0, limit) }),
    seenLog: undefined as SeenLog | undefined,
  };
  const watch = new LogWatch(client as unknown as HostClient, () => undefined, () => 1);
  await journal.flush();
  /** A session begins: the host says where its log stands. */
  const meet = async (log: SeenLog) => {
    ready({ log } as Ready);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    await journal.flush();
  };
  return { watch, client, meet };
}

test("the first look is taken as it is, every later one must follow from it", async () => {
  const disk = new MemoryDurable();
  const first = await page(disk);
  await first.meet(at(2));
  expect(first.watch.seen).toEqual(at(2));
  const second = await page(disk);
  await second.meet(at(4));
  expect(second.watch.alarm).toBeUndefined();
  expect([second.watch.seen, second.client.seenLog]).toEqual([at(4), at(4)]);
});

test("a log that became shorter is said, and stays said after a reload until a person has looked", async () => {
  const disk = new MemoryDurable();
  await (await page(disk)).meet(at(4));
  const second = await page(disk);
  await second.meet(at(3));
  expect(second.watch.alarm?.kind).toBe("shortened");
  const third = await page(disk);
  await third.meet(at(3));
  expect(third.watch.alarm?.kind).toBe("shortened");
  third.watch.accept();
  expect([third.watch.alarm, third.watch.seen]).toEqual([undefined, at(3)]);
});

test("a rewritten record is found, below and at the end", async () => {
  const disk = new MemoryDurable();
  await (await page(disk)).meet(at(2));
  const forged = LOG.map((h) => (h.idx === 3 ? { ...h, time: h.time + 1 } : h));
  const second = await page(disk, forged);
  await second.meet(at(4));
  expect(second.watch.alarm).toMatchObject({ kind: "rewritten", sentence: expect.stringContaining("record 3") });
  const other = new MemoryDurable();
  await (await page(other)).meet(at(2));
  const same = await page(other);
  await same.meet({ idx: 2, head: at(1).head });
  expect(same.watch.alarm?.kind).toBe("rewritten");
});

test("a host that withholds its records is not believed", async () => {
  const disk = new MemoryDurable();
  await (await page(disk)).meet(at(2));
  const second = await page(disk, []);
  await second.meet(at(4));
  expect(second.watch.alarm?.kind).toBe("rewritten");
});
