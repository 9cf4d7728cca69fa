// One file's change as a diff. Additions and removals differ by sign and by side of
// the palette (teal and vermilion), so that colour is never the only difference.

import { useMemo, useState } from "preact/hooks";
import type { FileChange } from "../wire/codex";
import { Exact } from "./bits";
import { CodeLine } from "./code_line";
import { Kind, type Table } from "./diff_table";
import { useTables } from "./diff_tables";
import { languageOf } from "./highlight";
import { Icon } from "./icons";

export const SIGN = [" ", "+", "−", "⋯"] as const;
export const CLASS = ["same", "add", "del", "hunk"] as const;
const KIND_WORD = { add: "new", delete: "deleted", update: "" } as const;
const FOLDED = 60;
const WINDOW = 400;

/** Inside the thread's folder a path is read from there; elsewhere it stays whole. */
export function within(root: string, path: string): string {
  return root && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

/** The number of a line in the text that it belongs to. */
export function numberOf(table: Table, at: number): number | undefined {
  if (table.kind[at] === Kind.HUNK) return undefined;
  return table.kind[at] === Kind.DEL ? table.before[at] : table.after[at];
}

export function Counts({ added, removed }: { added: number; removed: number }) {
  return (
    <span class="counts">
      {added > 0 && <span class="plus">+{added}</span>}
      {removed > 0 && <span class="minus">−{removed}</span>}
    </span>
  );
}

export function FileDiff({ change, root, open = true }: {
  change: FileChange; root: string; open?: boolean;
}) {
  const table = useTables(useMemo(() => [change], [change]))?.[0];
  const [shown, setShown] = useState(open);
  const path = within(root, change.path);
  const slash = path.lastIndexOf("/") + 1;
  return (
    <div class="diff" role="group" aria-label={`Change of ${change.path}`}>
      <button type="button" class="diff-head" aria-expanded={shown} onClick={() => setShown(!shown)}>
        <Icon name="file" size={18} />
        <span class="diff-path" title={change.path}>
          <b><Exact text={path.slice(slash)} /></b>
          {change.kind.move_path && <b> → <Exact text={within(root, change.kind.move_path)} /></b>}
          {slash > 0 && <small><Exact text={path.slice(0, slash - 1)} /></small>}
        </span>
        {KIND_WORD[change.kind.type] && <span class="chip">{KIND_WORD[change.kind.type]}</span>}
        {table && <Counts added={table.added} removed={table.removed} />}
      </button>
      {shown && (table ? <Lines table={table} path={change.path} /> : <p class="note">Reading a large change.</p>)}
    </div>
  );
}

function Lines({ table, path }: { table: Table; path: string }) {
  const [limit, setLimit] = useState(table.lines > FOLDED * 2 ? FOLDED : table.lines);
  const language = languageOf(path);
  const shown = Math.min(limit, table.lines);
  return (
    <>
      <div class="diff-body" tabIndex={0} role="group" aria-label="Lines">
        <table>
          <tbody>
            {Array.from({ length: shown }, (_, at) => (
              <tr class={CLASS[table.kind[at]!]} key={at}>
                <td class="num">{numberOf(table, at) ?? ""}</td>
                <td class="sign">{SIGN[table.kind[at]!]}</td>
                <td class="code"><CodeLine table={table} at={at} language={language} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {limit < table.lines && (
        <button type="button" class="more" onClick={() => setLimit(limit + WINDOW)}>
          Show {Math.min(WINDOW, table.lines - limit)} more of {table.lines - limit} lines
        </button>
      )}
    </>
  );
}
