// Terminal output as spans: the sixteen colours, bold, dim, underline. Cursor
// movement, titles and everything else that a terminal would obey is dropped; a
// carriage return starts the line again, as progress bars expect.

export interface Span {
  text: string;
  style: string; // class names
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
// CSI sequences, OSC strings, other escapes, and lone control characters.
const ESCAPES = /\u001b\[([0-9;:?]*)([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[^[\]]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

interface State {
  colour: string;
  bold: boolean;
  dim: boolean;
  underline: boolean;
}

const PLAIN: State = { colour: "", bold: false, dim: false, underline: false };

function sgr(state: State, codes: string): State {
  let next = { ...state };
  const list = codes === "" ? [0] : codes.split(/[;:]/).map(Number);
  for (let i = 0; i < list.length; i++) {
    const code = list[i]!;
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 4) next.underline = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 24) next.underline = false;
    else if (code >= 30 && code <= 37) next.colour = COLOURS[code - 30]!;
    else if (code >= 90 && code <= 97) next.colour = COLOURS[code - 90]!;
    else if (code === 39) next.colour = "";
    else if (code === 38 || code === 48) i += list[i + 1] === 5 ? 2 : 4; // 256 and true colour
  }
  return next;
}

function classes(state: State): string {
  const names = [];
  if (state.colour) names.push(`ansi-${state.colour}`);
  if (state.bold) names.push("ansi-bold");
  if (state.dim) names.push("ansi-dim");
  if (state.underline) names.push("ansi-underline");
  return names.join(" ");
}

function overwrite(output: string): string {
  if (!output.includes("\r")) return output;
  return output.replaceAll("\r\n", "\n").split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r", line.length - 2) + 1).replace(/\r$/, ""))
    .join("\n");
}

export function spans(output: string): Span[] {
  const source = overwrite(output);
  const out: Span[] = [];
  let state = PLAIN;
  let at = 0;
  const push = (text: string) => {
    if (text) out.push({ text, style: classes(state) });
  };
  for (const match of source.matchAll(ESCAPES)) {
    push(source.slice(at, match.index));
    if (match[2] === "m") state = sgr(state, match[1]!);
    at = match.index + match[0].length;
  }
  push(source.slice(at));
  return out;
}
