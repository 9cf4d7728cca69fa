// Tables of changes for whoever draws them: small ones at once, large ones from a worker.

import { useEffect, useState } from "preact/hooks";
import type { FileChange } from "../wire/codex";
import workerUrl from "./diff_worker?worker&url";
import { type Table, tableOf } from "./diff_table";

/** Below this many octets reading takes less than a frame, also on a slow phone. */
const AT_ONCE = 60_000;

let worker: Worker | undefined;
let next = 1;
const waiting = new Map<number, (table: Table) => void>();
const made = new WeakMap<FileChange, Table>();

/** The one script that this page starts besides itself. */
function start(): Worker {
  const policy = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): unknown } } })
    .trustedTypes?.createPolicy("farhand-worker", { createScriptURL: () => workerUrl });
  const started = new Worker((policy?.createScriptURL("") ?? workerUrl) as string, { type: "module" });
  started.addEventListener("message", ({ data }: MessageEvent<{ id: number; table: Table }>) => {
    waiting.get(data.id)?.(data.table);
    waiting.delete(data.id);
  });
  return started;
}

function ask(change: FileChange): Promise<Table> {
  worker ??= start();
  const id = next++;
  return new Promise((resolve) => {
    waiting.set(id, (table) => resolve({ ...table, text: change.diff.endsWith("\n") ? change.diff.slice(0, -1) : change.diff }));
    worker!.postMessage({ id, change });
  });
}

/** Undefined while a large one is read. */
function ready(change: FileChange): Table | undefined {
  const known = made.get(change);
  if (known || change.diff.length > AT_ONCE) return known;
  const table = tableOf(change);
  made.set(change, table);
  return table;
}

/** The tables of all changes, or undefined until the last one is read. */
export function useTables(changes: readonly FileChange[]): Table[] | undefined {
  const [, redraw] = useState(0);
  const tables = changes.map(ready);
  const open = tables.some((table) => table === undefined);
  useEffect(() => {
    let here = true;
    const large = changes.filter((change) => !made.has(change) && change.diff.length > AT_ONCE);
    if (large.length === 0) return;
    void Promise.all(large.map(async (change) => made.set(change, await ask(change))))
      .then(() => here && redraw((n) => n + 1));
    return () => {
      here = false;
    };
  }, [changes, open]);
  return open ? undefined : tables as Table[];
}
