// Colours for code, one line at a time: comments, strings, numbers, keywords and types of
// the common families of languages. It reads, it does not understand: a wrong colour is
// the worst that it can do. Pure.

export type Tone = "" | "k" | "s" | "c" | "n" | "t";

export interface Token {
  from: number;
  to: number;
  tone: Tone;
}

/** What a line begins in: 0 code, 1 a block comment, 2 and up an open string. */
export type LexState = number;

export interface Language {
  line: string[];
  block: [string, string] | undefined;
  /** Strings that may go on over lines come first. */
  quotes: { mark: string; many: boolean }[];
  keywords: ReadonlySet<string>;
}

const set = (words: string) => new Set(words.split(" "));
const C_LIKE = "break case const continue default do else enum extern false for goto if inline null return sizeof static struct switch true typedef union volatile while";
const DOUBLE = { mark: '"', many: false };
const SINGLE = { mark: "'", many: false };
const TICK = { mark: "`", many: true };

const FAMILIES: Record<string, Language> = {
  c: { line: ["//"], block: ["/*", "*/"], quotes: [DOUBLE, SINGLE], keywords: set(`${C_LIKE} auto bool char class constexpr delete double explicit float friend int long namespace new nullptr operator override private protected public short signed template this throw try catch typename unsigned using virtual void`) },
  js: { line: ["//"], block: ["/*", "*/"], quotes: [TICK, DOUBLE, SINGLE], keywords: set(`${C_LIKE} abstract any as async await boolean class declare delete export extends finally from function get implements import in instanceof interface is keyof let namespace never new number of override private protected public readonly set string super this throw try catch type typeof undefined unknown var void yield`) },
  rust: { line: ["//"], block: ["/*", "*/"], quotes: [DOUBLE], keywords: set("as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while bool char f32 f64 i8 i16 i32 i64 isize str u8 u16 u32 u64 usize") },
  go: { line: ["//"], block: ["/*", "*/"], quotes: [TICK, DOUBLE, SINGLE], keywords: set("break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var bool byte error float64 int int64 rune string uint") },
  java: { line: ["//"], block: ["/*", "*/"], quotes: [{ mark: '"""', many: true }, DOUBLE, SINGLE], keywords: set(`${C_LIKE} abstract boolean byte catch char class data double extends final finally float fun implements import in instanceof int interface internal is let long new object open override package private protected public record sealed short super suspend this throw throws try val var void when`) },
  python: { line: ["#"], block: undefined, quotes: [{ mark: '"""', many: true }, { mark: "'''", many: true }, DOUBLE, SINGLE], keywords: set("and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield") },
  shell: { line: ["#"], block: undefined, quotes: [{ mark: '"', many: true }, { mark: "'", many: true }], keywords: set("case do done elif else esac exit export fi for function if in local readonly return set shift then trap unset until while") },
  ruby: { line: ["#"], block: undefined, quotes: [DOUBLE, SINGLE], keywords: set("alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield") },
  sql: { line: ["--"], block: ["/*", "*/"], quotes: [SINGLE, DOUBLE], keywords: set("add all alter and as asc begin between by case cascade check column commit constraint create default delete desc distinct drop else end exists false foreign from group having if in index insert into is join key left like limit not null on or order outer primary references return right rollback select set table then true union unique update using values view when where with") },
  data: { line: ["#"], block: undefined, quotes: [DOUBLE, SINGLE], keywords: set("true false null yes no on off") },
  css: { line: [], block: ["/*", "*/"], quotes: [DOUBLE, SINGLE], keywords: set("important media supports import keyframes layer container") },
  html: { line: [], block: ["<!--", "-->"], quotes: [DOUBLE], keywords: set("") },
};

const BY_EXTENSION: Record<string, keyof typeof FAMILIES> = {
  c: "c", h: "c", cc: "c", cpp: "c", cxx: "c", hpp: "c", m: "c", cs: "java", java: "java", kt: "java", kts: "java",
  scala: "java", swift: "rust", dart: "js", js: "js", jsx: "js", ts: "js", tsx: "js", mjs: "js", cjs: "js", mts: "js",
  php: "js", vue: "js", svelte: "js", json: "data", rs: "rust", go: "go", zig: "rust", py: "python", pyi: "python",
  sh: "shell", bash: "shell", zsh: "shell", fish: "shell", mk: "shell", rb: "ruby", ex: "ruby", exs: "ruby", lua: "sql",
  sql: "sql", yml: "data", yaml: "data", toml: "data", ini: "data", conf: "data", css: "css", scss: "css", html: "html",
  xml: "html", svg: "html",
};

export function languageOf(path: string): Language | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (/^(Makefile|Dockerfile|Justfile)/.test(name)) return FAMILIES["shell"];
  const family = BY_EXTENSION[name.slice(name.lastIndexOf(".") + 1).toLowerCase()];
  return family === undefined ? undefined : FAMILIES[family];
}

/** Beyond this a line is no code that people read in colour. */
const COLUMNS_MAX = 2000;
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const NUMBER = /\d[\w.]*/y;

/** Where a string that began with `mark` ends, or -1: not in this line. */
function endOf(line: string, mark: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line.startsWith(mark, at)) return at + mark.length;
  }
  return -1;
}

/** Colours one line; gives what the next line begins in. */
export function lex(line: string, language: Language, begins: LexState, out?: Token[]): LexState {
  let at = 0;
  const push = (to: number, tone: Tone) => {
    if (to > at) out?.push({ from: at, to, tone });
    at = to;
  };
  if (begins === 1 && language.block) {
    const end = line.indexOf(language.block[1]);
    if (end < 0) return push(line.length, "c"), 1;
    push(end + language.block[1].length, "c");
  } else if (begins >= 2) {
    const { mark } = language.quotes[begins - 2]!;
    const end = endOf(line, mark, 0);
    if (end < 0) return push(line.length, "s"), begins;
    push(end, "s");
  }
  const length = Math.min(line.length, COLUMNS_MAX);
  while (at < length) {
    const rest = language.line.find((mark) => line.startsWith(mark, at));
    if (rest && !(rest === "#" && at > 0 && !/\s/.test(line[at - 1]!))) return push(line.length, "c"), 0;
    if (language.block && line.startsWith(language.block[0], at)) {
      const end = line.indexOf(language.block[1], at + language.block[0].length);
      if (end < 0) return push(line.length, "c"), 1;
      push(end + language.block[1].length, "c");
      continue;
    }
    const quote = language.quotes.findIndex(({ mark }) => line.startsWith(mark, at));
    if (quote >= 0) {
      const { mark, many } = language.quotes[quote]!;
      const end = endOf(line, mark, at + mark.length);
      if (end < 0) return push(line.length, "s"), many ? quote + 2 : 0;
      push(end, "s");
      continue;
    }
    WORD.lastIndex = NUMBER.lastIndex = at;
    const number = NUMBER.exec(line);
    const word = number ? undefined : WORD.exec(line)?.[0];
    if (number) push(at + number[0].length, "n");
    else if (word) push(at + word.length, language.keywords.has(word) ? "k" : /^\p{Lu}/u.test(word) ? "t" : "");
    else at++;
  }
  return 0;
}
