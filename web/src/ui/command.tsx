// A command as a card: what ran, where, its output as it comes, how it ended.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Entry } from "../client/thread";
import type { Command } from "../wire/codex";
import { spans } from "./ansi";
import { ASKS, type Asks, DecidedBy } from "./decision";
import { duration, plainCommand, shortPath } from "./format";
import { Icon } from "./icons";

const TAIL = 12;

function Output({ text, open }: { text: string; open: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  const [all, setAll] = useState(false);
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const cut = !all && lines.length > TAIL;
  const shown = useMemo(() => spans((cut ? lines.slice(-TAIL) : lines).join("\n")), [lines, cut]);
  useLayoutEffect(() => {
    if (open && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, open]);
  if (text === "") return null;
  return (
    <div class="output">
      {cut && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show all {lines.length} lines
        </button>
      )}
      <pre ref={box} tabIndex={0} aria-label="Output">
        {shown.map((span, at) => span.style ? <span class={span.style} key={at}>{span.text}</span> : span.text)}
      </pre>
    </div>
  );
}

function outcome(item: Command, entry: Entry, asks: Asks): { word: string; tone: string } {
  if (asks) return { word: ASKS[asks], tone: "wait" };
  if (item.status === "declined") return { word: "declined", tone: "bad" };
  if (entry.open) return { word: "running", tone: "live" };
  if (item.exitCode === 0) return { word: "done", tone: "good" };
  if (typeof item.exitCode === "number") return { word: `exit ${item.exitCode}`, tone: "bad" };
  if (item.status === "failed") return { word: "failed", tone: "bad" };
  return item.status === "completed" ? { word: "done", tone: "good" } : { word: "not finished", tone: "" };
}

export function CommandCard({ entry, asks }: { entry: Entry; asks: Asks }) {
  const item = entry.item as Command;
  const { word, tone } = outcome(item, entry, asks);
  return (
    <article class={`card command ${tone}`}>
      <header class="card-head">
        <Icon name="terminal" size={18} />
        <code class="command-line" title={item.command}>{plainCommand(item.command)}</code>
      </header>
      <Output text={item.aggregatedOutput ?? ""} open={entry.open} />
      {entry.partial && <p class="note">The beginning of this output was before the host came back.</p>}
      <footer class="card-foot">
        <span class={`chip ${tone}`}>
          {tone === "good" && <Icon name="check" size={14} />}
          {tone === "live" && <i class="pulse" />}
          {word}
        </span>
        <span title={item.cwd}>{shortPath(item.cwd)}</span>
        {item.durationMs != null && <span>{duration(item.durationMs)}</span>}
        <DecidedBy decision={entry.decision} />
      </footer>
    </article>
  );
}
