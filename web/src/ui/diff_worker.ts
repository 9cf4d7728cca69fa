// Reads large changes beside the page, so that no frame waits for them.

import type { FileChange } from "../wire/codex";
import { buffersOf, tableOf } from "./diff_table";

export interface WorkerAsk {
  id: number;
  change: FileChange;
}

addEventListener("message", (event: MessageEvent<WorkerAsk>) => {
  const { id, change } = event.data;
  const table = tableOf(change);
  // The page has the text already.
  (postMessage as (message: unknown, transfer: Transferable[]) => void)(
    { id, table: { ...table, text: "" } }, buffersOf(table));
});
