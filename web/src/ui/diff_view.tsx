// All files of one change, full size: only what is in sight is drawn, so a hundred
// thousand lines scroll like ten. Folding by file, next and previous change by button or
// n and p.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { FileChange, Patch } from "../wire/codex";
import { Empty, Exact, IconButton, Waiting } from "./bits";
import { SIGN, within, Words } from "./diff";
import { counts, type Line, linesOf } from "./diff_lines";
import { go, useDesk } from "./hooks";
import { Icon } from "./icons";

const ROW = 24;
const AROUND = 24;

type Row = { file: number } | { line: Line; file: number };

interface File {
  change: FileChange;
  lines: Line[];
  added: number;
  removed: number;
}

export function DiffView({ desk, threadId, itemId }: { desk: Desk; threadId: string; itemId: string }) {
  useDesk(desk);
  const [opened, setOpened] = useState(desk.open.has(threadId));
  useEffect(() => void desk.openThread(threadId).then(() => setOpened(true)), [desk, threadId]);
  const model = desk.open.get(threadId);
  const item = model?.entry(itemId)?.item;
  const changes = item?.type === "fileChange" ? (item as Patch).changes : undefined;
  const back = () => go({ at: "thread", id: threadId });
  return (
    <div class="pane diff-view">
      {changes ? <Files changes={changes} root={model!.thread.cwd} onBack={back} /> : (
        <>
          <header class="bar"><IconButton icon="back" label="Back to the thread" onClick={back} /><div class="bar-title"><h1>Change</h1></div></header>
          {opened ? <Empty icon="file" title="This change is not loaded"><p>Open the thread and go back to where it was made.</p></Empty> : <Waiting what="Opening the thread." />}
        </>
      )}
    </div>
  );
}

function Files({ changes, root, onBack }: { changes: FileChange[]; root: string; onBack: () => void }) {
  const files = useMemo<File[]>(() => changes.map((change) => {
    const lines = linesOf(change);
    return { change, lines, ...counts(lines) };
  }), [changes]);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo<Row[]>(() => files.flatMap((file, at) =>
    [{ file: at }, ...(folded.has(at) ? [] : file.lines.map((line) => ({ line, file: at })))]), [files, folded]);
  const { box, first, count } = useWindow(rows.length);
  const hunks = useMemo(() => startsOf(rows), [rows]);
  const jump = (way: 1 | -1) => {
    const area = box.current;
    if (!area) return;
    const here = Math.round(area.scrollTop / ROW);
    const next = way === 1 ? hunks.find((at) => at > here + 1) : hunks.findLast((at) => at < here);
    if (next !== undefined) area.scrollTop = Math.max(0, next * ROW - ROW);
  };
  const fold = (at: number) => {
    const next = new Set(folded);
    if (!next.delete(at)) next.add(at);
    setFolded(next);
  };
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  return (
    <>
      <header class="bar">
        <IconButton icon="back" label="Back to the thread" onClick={onBack} />
        <div class="bar-title">
          <h1>{files.length === 1 ? within(root, files[0]!.change.path) : `${files.length} files`}</h1>
          <span class="counts"><span class="plus">+{added}</span><span class="minus">−{removed}</span></span>
        </div>
        <IconButton icon="up" label="Previous change" onClick={() => jump(-1)} />
        <IconButton icon="down" label="Next change" onClick={() => jump(1)} />
      </header>
      <div
        class="scroll diff-window" ref={box} tabIndex={0} role="group" aria-label="Lines of the change"
        onKeyDown={(event) => (event.key === "n" ? jump(1) : event.key === "p" && jump(-1))}
      >
        <div class="diff-all" style={{ height: `${rows.length * ROW}px` }}>
          <div class="diff-seen" style={{ transform: `translateY(${first * ROW}px)` }}>
            {rows.slice(first, first + count).map((row, at) => "line" in row
              ? <LineRow key={first + at} line={row.line} />
              : <FileRow key={`f${row.file}`} file={files[row.file]!} root={root} open={!folded.has(row.file)} onFold={() => fold(row.file)} />)}
          </div>
        </div>
      </div>
    </>
  );
}

/** Which rows are in sight, and some around them. */
function useWindow(total: number) {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ first: 0, count: 60 });
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    let frame = 0;
    const look = () => {
      frame = 0;
      const first = Math.max(0, Math.floor(area.scrollTop / ROW) - AROUND);
      const count = Math.ceil(area.clientHeight / ROW) + 2 * AROUND;
      setPlace((old) => (old.first === first && old.count === count ? old : { first, count }));
    };
    const scrolled = () => void (frame ||= requestAnimationFrame(look));
    area.addEventListener("scroll", scrolled, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(area);
    look();
    return () => {
      area.removeEventListener("scroll", scrolled);
      observer.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [total]);
  return { box, ...place };
}

/** Where changed blocks begin. */
function startsOf(rows: Row[]): number[] {
  const changed = (row: Row | undefined) => row && "line" in row && (row.line.kind === "add" || row.line.kind === "del");
  return rows.flatMap((row, at) => (changed(row) && !changed(rows[at - 1]) ? [at] : []));
}

function LineRow({ line }: { line: Line }) {
  return (
    <div class={`diff-row ${line.kind}`}>
      <span class="num">{line.number ?? ""}</span>
      <span class="sign">{line.kind === "hunk" ? "⋯" : SIGN[line.kind]}</span>
      <span class="code"><Words line={line} /></span>
    </div>
  );
}

function FileRow({ file, root, open, onFold }: { file: File; root: string; open: boolean; onFold: () => void }) {
  const { change, added, removed } = file;
  return (
    <button type="button" class="diff-row file" aria-expanded={open} onClick={onFold}>
      <Icon name={open ? "down" : "right"} size={16} />
      <span class="grow"><Exact text={within(root, change.path)} />{change.kind.move_path && <> → <Exact text={within(root, change.kind.move_path)} /></>}</span>
      <span class="counts"><span class="plus">+{added}</span><span class="minus">−{removed}</span></span>
    </button>
  );
}
