// Text that grows is cut into blocks, so that only the last one is drawn again with
// each delta. The renderer itself is loaded when the first text is there.

import { memo } from "preact/compat";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

type Engine = typeof import("./markdown_engine");

let engine: Engine | undefined;
let loading: Promise<Engine> | undefined;

/** Also called early, when the page has nothing better to do. */
export function load(): Promise<Engine> {
  loading ??= import("./markdown_engine").then((module) => (engine = module));
  return loading;
}

/**
 * Cuts where a new block surely begins: after a blank line outside of a fence, when
 * the next line is neither indented nor part of a list, a quote or a table.
 */
export function blocks(source: string): string[] {
  const out: string[] = [];
  let block: string[] = [];
  let fence: string | undefined;
  let blank = false;
  for (const line of source.split("\n")) {
    const mark = /^ {0,3}(```+|~~~+)/.exec(line)?.[1];
    const fresh = blank && !fence && !/^(\s|[-*+>|]|\d+[.)])/.test(line);
    if (fresh && line !== "") {
      out.push(block.join("\n"));
      block = [];
    }
    if (mark) {
      if (!fence) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
    }
    block.push(line);
    blank = line.trim() === "";
  }
  out.push(block.join("\n"));
  return out;
}

const Block = memo(function Block({ source }: { source: string }) {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return undefined;
    if (engine) return box.replaceChildren(engine.toFragment(source));
    // Until the renderer is here the words are, unformatted.
    box.textContent = source;
    let here = true;
    void load().then((loaded) => here && box.replaceChildren(loaded.toFragment(source)));
    return () => {
      here = false;
    };
  }, [source]);
  return <div class="md-block" ref={ref} />;
});

export function Markdown({ text, live = false }: { text: string; live?: boolean }) {
  const parts = useMemo(() => blocks(text), [text]);
  return (
    <div class={live ? "md md-live" : "md"}>
      {parts.map((source, at) => <Block key={at} source={source} />)}
    </div>
  );
}
