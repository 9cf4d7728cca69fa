// All files of one change, full size: only what is in sight is drawn, so a hundred
// thousand lines scroll like ten. One text or two beside each other; files and hunks fold;
// next and previous change by button or n and p; a line that is chosen can be commented,
// and the comment goes to the agent.

import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { FileChange, Patch } from "../wire/codex";
import { Empty, Exact, IconButton, Sheet, Waiting } from "./bits";
import { CodeLine } from "./code_line";
import { CLASS, Counts, numberOf, SIGN, within } from "./diff";
import { Kind, lineText, NONE, pairsOf, type Table } from "./diff_table";
import { useTables } from "./diff_tables";
import { go, useDesk } from "./hooks";
import { type Language, languageOf } from "./highlight";
import { Icon } from "./icons";
import { rightsOf } from "./rights";

const ROW = 24;
const AROUND = 24;
const VIEW = "farhand:diff-view";

interface Place {
  file: number;
  line: number;
}

/** Rows as numbers: the file, and its line on each side; a file's head has none on both. */
interface Rows {
  count: number;
  file: Uint16Array;
  left: Uint32Array;
  right: Uint32Array;
}

export function DiffView({ desk, threadId, itemId }: { desk: Desk; threadId: string; itemId: string }) {
  useDesk(desk);
  const [opened, setOpened] = useState(desk.open.has(threadId));
  useEffect(() => void desk.openThread(threadId).then(() => setOpened(true)), [desk, threadId]);
  const model = desk.open.get(threadId);
  const item = model?.entry(itemId)?.item;
  const changes = item?.type === "fileChange" ? (item as Patch).changes : undefined;
  const back = () => go({ at: "thread", id: threadId });
  const comment = (text: string) => {
    desk.send({ id: threadId }, text);
    back();
  };
  return (
    <div class="pane diff-view">
      {changes ? <Files changes={changes} root={model!.thread.cwd} onBack={back} onComment={rightsOf(desk).steer ? comment : undefined} /> : (
        <>
          <header class="bar"><IconButton icon="back" label="Back to the thread" onClick={back} /><div class="bar-title"><h1>Change</h1></div></header>
          {opened ? <Empty icon="file" title="This change is not loaded"><p>Open the thread and go back to where it was made.</p></Empty> : <Waiting what="Opening the thread." />}
        </>
      )}
    </div>
  );
}

function rowsOf(tables: Table[], split: boolean, folded: ReadonlySet<string>): Rows {
  const sides = tables.map((table) => {
    if (split) return pairsOf(table);
    const all = Uint32Array.from({ length: table.lines }, (_, at) => at);
    return { left: all, right: all };
  });
  const most = sides.reduce((sum, side) => sum + side.left.length + 1, 0);
  const rows: Rows = { count: 0, file: new Uint16Array(most), left: new Uint32Array(most), right: new Uint32Array(most) };
  const put = (file: number, left: number, right: number) => {
    rows.file[rows.count] = file;
    rows.left[rows.count] = left;
    rows.right[rows.count++] = right;
  };
  sides.forEach(({ left, right }, file) => {
    put(file, NONE, NONE);
    if (folded.has(`${file}`)) return;
    let hidden = false;
    for (let n = 0; n < left.length; n++) {
      const hunk = left[n] === right[n] && tables[file]!.kind[left[n]!] === Kind.HUNK;
      if (hunk) hidden = folded.has(`${file}/${left[n]}`);
      if (!hidden || hunk) put(file, left[n]!, right[n]!);
    }
  });
  return rows;
}

function Files({ changes, root, onBack, onComment }: {
  changes: FileChange[]; root: string; onBack: () => void; onComment: ((text: string) => void) | undefined;
}) {
  const tables = useTables(changes);
  const name = changes.length === 1 ? within(root, changes[0]!.path) : `${changes.length} files`;
  const [split, setSplit] = useState(() => (localStorage.getItem(VIEW) ?? (innerWidth >= 1100 ? "split" : "one")) === "split");
  const turn = () => {
    localStorage.setItem(VIEW, split ? "one" : "split");
    setSplit(!split);
  };
  const jump = useRef<(way: 1 | -1) => void>(() => undefined);
  const added = tables?.reduce((sum, table) => sum + table.added, 0) ?? 0;
  const removed = tables?.reduce((sum, table) => sum + table.removed, 0) ?? 0;
  return (
    <>
      <header class="bar">
        <IconButton icon="back" label="Back to the thread" onClick={onBack} />
        <div class="bar-title"><h1 title={name}>{name}</h1><Counts added={added} removed={removed} /></div>
        <IconButton icon={split ? "rows" : "columns"} label={split ? "One below the other" : "Side by side"} onClick={turn} />
        <IconButton icon="up" label="Previous change" onClick={() => jump.current(-1)} />
        <IconButton icon="down" label="Next change" onClick={() => jump.current(1)} />
      </header>
      {tables
        ? <Window changes={changes} tables={tables} root={root} split={split} jump={jump} onComment={onComment} />
        : <Waiting what="Reading a large change." />}
    </>
  );
}

function Window({ changes, tables, root, split, jump, onComment }: {
  changes: FileChange[]; tables: Table[]; root: string; split: boolean;
  jump: { current: (way: 1 | -1) => void }; onComment: ((text: string) => void) | undefined;
}) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => rowsOf(tables, split, folded), [tables, split, folded]);
  const languages = useMemo(() => changes.map((change) => languageOf(change.path)), [changes]);
  const columns = tables.reduce((most, table) => Math.max(most, table.columns), 0);
  const { box, first, count } = useWindow(rows.count);
  const [chosen, setChosen] = useState<Place>();
  const [saying, setSaying] = useState(false);
  const fold = (key: string) => {
    const next = new Set(folded);
    if (!next.delete(key)) next.add(key);
    setFolded(next);
  };
  jump.current = (way) => {
    const area = box.current;
    if (!area) return;
    const next = changeFrom(rows, tables, Math.round(area.scrollTop / ROW) + way, way);
    if (next !== undefined) area.scrollTop = Math.max(0, next * ROW - ROW);
  };
  const choose = useCallback((file: number, line: number) => {
    setChosen((old) => (old?.file === file && old.line === line ? undefined : { file, line }));
  }, []);
  const side = (file: number, at: number, half: string) => (at === NONE
    ? <div class={`diff-half none ${half}`} />
    : <Half table={tables[file]!} file={file} at={at} half={half} language={languages[file]} chosen={chosen?.file === file && chosen.line === at} onChoose={choose} />);
  const seen = Array.from({ length: Math.max(0, Math.min(count, rows.count - first)) }, (_, n) => first + n);
  return (
    <>
      <div
        class={`scroll diff-window ${split ? "split" : ""}`} ref={box} tabIndex={0} role="group" aria-label="Lines of the change"
        onKeyDown={(event) => {
          if (event.key === "n" || event.key === "p") jump.current(event.key === "n" ? 1 : -1);
          if (event.key === "c" && chosen && onComment) setSaying(true);
        }}
      >
        <div class="diff-all" ref={(all) => { if (all) size(all, rows.count, split ? 2 * columns + 16 : columns + 8); }}>
          <div class="diff-seen" ref={(at) => { if (at) at.style.transform = `translateY(${first * ROW}px)`; }}>
            {seen.map((row) => {
              const [file, left, right] = [rows.file[row]!, rows.left[row]!, rows.right[row]!];
              if (left === NONE && right === NONE) {
                return <FileRow key={row} change={changes[file]!} table={tables[file]!} root={root} open={!folded.has(`${file}`)} onFold={() => fold(`${file}`)} />;
              }
              if (left === right && tables[file]!.kind[left] === Kind.HUNK) {
                return (
                  <button type="button" class="diff-row hunk" key={row} aria-expanded={!folded.has(`${file}/${left}`)} onClick={() => fold(`${file}/${left}`)}>
                    <span class="num"><Icon name={folded.has(`${file}/${left}`) ? "right" : "down"} size={14} /></span><span class="sign" /><span class="code">{lineText(tables[file]!, left)}</span>
                  </button>
                );
              }
              return <div class="diff-row" key={row}>{split ? <>{side(file, left, "left")}{side(file, right, "right")}</> : side(file, left, "whole")}</div>;
            })}
          </div>
        </div>
      </div>
      {chosen && (
        <div class="diff-chosen" role="group" aria-label="The chosen line">
          <span class="grow"><b>Line {numberOf(tables[chosen.file]!, chosen.line)}</b> <small>{within(root, changes[chosen.file]!.path)}</small></span>
          {onComment ? <button type="button" class="button primary" onClick={() => setSaying(true)}>Comment</button> : <small>Your role does not steer.</small>}
          <IconButton icon="cross" label="Choose no line" onClick={() => setChosen(undefined)} />
        </div>
      )}
      {chosen && saying && onComment && (
        <Comment table={tables[chosen.file]!} at={chosen.line} path={within(root, changes[chosen.file]!.path)} onClose={() => setSaying(false)} onSend={onComment} />
      )}
    </>
  );
}

/** Drawn once: a scroll draws only the lines that come into sight. */
const Half = memo(function Half({ table, file, at, half, language, chosen, onChoose }: {
  table: Table; file: number; at: number; half: string; language: Language | undefined; chosen: boolean;
  onChoose: (file: number, line: number) => void;
}) {
  return (
    <div class={`diff-half ${CLASS[table.kind[at]!]} ${half} ${chosen ? "chosen" : ""}`} onClick={() => onChoose(file, at)}>
      <span class="num">{numberOf(table, at) ?? ""}</span><span class="sign">{SIGN[table.kind[at]!]}</span>
      <span class="code"><CodeLine table={table} at={at} language={language} /></span>
    </div>
  );
});

/** Set here, not as an attribute: the content policy knows no inline style. */
function size(all: HTMLElement, rows: number, columns: number): void {
  all.style.height = `${rows * ROW}px`;
  all.style.minWidth = `${columns}ch`;
}

/** Where the next block of changed lines begins. */
function changeFrom(rows: Rows, tables: Table[], from: number, way: 1 | -1): number | undefined {
  const changed = (row: number) => {
    if (row < 0 || row >= rows.count) return false;
    const { kind } = tables[rows.file[row]!]!;
    return [rows.left[row]!, rows.right[row]!].some((at) => at !== NONE && (kind[at] === Kind.ADD || kind[at] === Kind.DEL));
  };
  for (let row = from + way; row >= 0 && row < rows.count; row += way) {
    if (changed(row) && !changed(row - 1)) return row;
  }
  return undefined;
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
      // In steps, so that most frames of a scroll draw nothing new.
      const top = Math.floor(area.scrollTop / ROW);
      const first = Math.max(0, Math.floor(top / 8) * 8 - AROUND);
      const count = Math.ceil(area.clientHeight / ROW) + 2 * AROUND + 8;
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

function FileRow({ change, table, root, open, onFold }: {
  change: FileChange; table: Table; root: string; open: boolean; onFold: () => void;
}) {
  return (
    <button type="button" class="diff-row file" aria-expanded={open} onClick={onFold}>
      <Icon name={open ? "down" : "right"} size={16} />
      <span class="grow"><Exact text={within(root, change.path)} />{change.kind.move_path && <> → <Exact text={within(root, change.kind.move_path)} /></>}</span>
      <Counts added={table.added} removed={table.removed} />
    </button>
  );
}

const QUOTED = 300;

/** In words that an agent and a person read alike. */
export function commentOn(path: string, number: number | undefined, removed: boolean, line: string, said: string): string {
  const where = `${path}${number === undefined ? "" : `, ${removed ? "removed line" : "line"} ${number}`}`;
  const quoted = line.trim().slice(0, QUOTED).replaceAll("`", "'");
  return `${where}${quoted ? ` (\`${quoted}\`)` : ""}: ${said}`;
}

function Comment({ table, at, path, onClose, onSend }: {
  table: Table; at: number; path: string; onClose: () => void; onSend: (text: string) => void;
}) {
  const [said, setSaid] = useState("");
  const line = lineText(table, at);
  const send = () => {
    if (said.trim()) onSend(commentOn(path, numberOf(table, at), table.kind[at] === Kind.DEL, line, said.trim()));
  };
  return (
    <Sheet title="Comment for the agent" onClose={onClose}>
      <form class="word" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <p class="where"><Icon name="file" size={16} /><Exact text={`${path}:${numberOf(table, at) ?? ""}`} /></p>
        <pre class="exact"><Exact text={line.slice(0, QUOTED)} /></pre>
        <label class="field"><span>What should be different</span><textarea rows={3} value={said} autofocus onInput={(event) => setSaid(event.currentTarget.value)} /></label>
        <div class="answers">
          <button type="button" class="button" onClick={onClose}>Back</button>
          <button type="submit" class="button primary" disabled={!said.trim()}>Send</button>
        </div>
      </form>
    </Sheet>
  );
}
