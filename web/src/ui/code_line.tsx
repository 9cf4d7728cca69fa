// One line of a change: coloured, with the words that changed set off. What a screen would
// hide is spelled out, and what is cut is said.

import { useState } from "preact/hooks";
import { Exact } from "./bits";
import { Kind, lineText, type Table } from "./diff_table";
import { type Language, lex, type Token } from "./highlight";

/** More columns than this are no line that a screen can lay out in time. */
const COLUMNS = 2000;

interface Piece {
  text: string;
  tone: string;
  changed: boolean;
}

/** Cuts at the ends of tokens and of the mark. */
export function piecesOf(text: string, tokens: readonly Token[], from: number, to: number): Piece[] {
  const edges = new Set([0, text.length, from, to]);
  for (const token of tokens) edges.add(token.from).add(token.to);
  const cuts = [...edges].filter((at) => at <= text.length).sort((a, b) => a - b);
  const out: Piece[] = [];
  let next = 0;
  for (let n = 0; n + 1 < cuts.length; n++) {
    const [start, end] = [cuts[n]!, cuts[n + 1]!];
    if (start === end) continue;
    while (next < tokens.length && tokens[next]!.to <= start) next++;
    const token = tokens[next];
    const tone = token && token.from <= start ? token.tone : "";
    out.push({ text: text.slice(start, end), tone, changed: from < to && start >= from && end <= to });
  }
  return out;
}

export function CodeLine({ table, at, language }: { table: Table; at: number; language: Language | undefined }) {
  const [all, setAll] = useState(false);
  const whole = lineText(table, at);
  const text = all || whole.length <= COLUMNS ? whole : whole.slice(0, COLUMNS);
  const tokens: Token[] = [];
  if (language && table.kind[at] !== Kind.HUNK) lex(text, language, table.state[at]!, tokens);
  const [from, to] = [table.markFrom[at]!, table.markTo[at]!];
  if (tokens.length === 0 && from >= to) return <><Exact text={text} /><Rest all={all} whole={whole} onAll={() => setAll(true)} /></>;
  return (
    <>
      {piecesOf(text, tokens, from, to).map((piece, n) => {
        const inner = <Exact text={piece.text} />;
        const toned = piece.tone ? <span class={`code-${piece.tone}`}>{inner}</span> : inner;
        return piece.changed ? <b class="changed" key={n}>{toned}</b> : <span key={n}>{toned}</span>;
      })}
      <Rest all={all} whole={whole} onAll={() => setAll(true)} />
    </>
  );
}

function Rest({ all, whole, onAll }: { all: boolean; whole: string; onAll: () => void }) {
  if (all || whole.length <= COLUMNS) return null;
  return <button type="button" class="rest" onClick={onAll}>… {(whole.length - COLUMNS).toLocaleString("en")} more characters</button>;
}
