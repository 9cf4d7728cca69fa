// One file's change as a diff. Additions and removals differ by sign and by side of
// the palette (teal and vermilion), so that colour is never the only difference.

import { useMemo, useState } from "preact/hooks";
import type { FileChange } from "../wire/codex";
import { Exact } from "./bits";
import { counts, type Line, linesOf } from "./diff_lines";
import { Icon } from "./icons";

export const SIGN = { add: "+", del: "−", same: " ", hunk: "" } as const;
const KIND_WORD = { add: "new", delete: "deleted", update: "" } as const;
const FOLDED = 60;
const WINDOW = 400;

/** Inside the thread's folder a path is read from there; elsewhere it stays whole. */
export function within(root: string, path: string): string {
  return root && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

/** A line, with the words that changed in it set off. */
export function Words({ line }: { line: Line }) {
  const [from, to] = line.mark ?? [0, 0];
  if (from >= to) return <Exact text={line.text} />;
  return (
    <>
      <Exact text={line.text.slice(0, from)} /><b class="changed"><Exact text={line.text.slice(from, to)} /></b><Exact text={line.text.slice(to)} />
    </>
  );
}

export function FileDiff({ change, root, open = true }: {
  change: FileChange; root: string; open?: boolean;
}) {
  const lines = useMemo(() => linesOf(change), [change]);
  const [shown, setShown] = useState(open);
  const [limit, setLimit] = useState(lines.length > FOLDED * 2 ? FOLDED : lines.length);
  const { added, removed } = counts(lines);
  const path = within(root, change.path);
  const slash = path.lastIndexOf("/") + 1;
  return (
    <section class="diff" aria-label={`Change of ${change.path}`}>
      <button type="button" class="diff-head" aria-expanded={shown} onClick={() => setShown(!shown)}>
        <Icon name="file" size={18} />
        <span class="diff-path" title={change.path}>
          <b><Exact text={path.slice(slash)} /></b>
          {change.kind.move_path && <b> → <Exact text={within(root, change.kind.move_path)} /></b>}
          {slash > 0 && <small><Exact text={path.slice(0, slash - 1)} /></small>}
        </span>
        {KIND_WORD[change.kind.type] && <span class="chip">{KIND_WORD[change.kind.type]}</span>}
        <span class="counts">
          {added > 0 && <span class="plus">+{added}</span>}
          {removed > 0 && <span class="minus">−{removed}</span>}
        </span>
      </button>
      {shown && (
        <div class="diff-body" tabIndex={0} role="group" aria-label="Lines">
          <table>
            <tbody>
              {lines.slice(0, limit).map((line, at) => (
                <tr class={line.kind} key={at}>
                  <td class="num">{line.number ?? ""}</td>
                  <td class="sign">{line.kind === "hunk" ? "⋯" : SIGN[line.kind]}</td>
                  <td class="code"><Words line={line} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown && limit < lines.length && (
        <button type="button" class="more" onClick={() => setLimit(limit + WINDOW)}>
          Show {Math.min(WINDOW, lines.length - limit)} more of {lines.length - limit} lines
        </button>
      )}
    </section>
  );
}
