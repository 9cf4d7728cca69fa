import { describe, expect, test } from "vitest";
import { spans } from "../../src/ui/ansi";
import { piecesOf } from "../../src/ui/code_line";
import { Kind, lineText, NONE, pairsOf, tableOf } from "../../src/ui/diff_table";
import { commentOn } from "../../src/ui/diff_view";
import { between } from "../../src/ui/diff_words";
import { languageOf, lex, type Token } from "../../src/ui/highlight";
import { age, duration, plainCommand, shortPath, visible } from "../../src/ui/format";
import { hashOf, parseRoute } from "../../src/ui/hooks";
import { blocks } from "../../src/ui/markdown";
import { deviceName } from "../../src/ui/device_name";

describe("terminal output", () => {
  test("colours become classes, everything else a terminal would obey is gone", () => {
    expect(spans("a\u001b[31mred\u001b[0m\u001b[2K\u001b]0;title\u0007b\u001b[1;32mok")).toEqual([
      { text: "a", style: "" }, { text: "red", style: "ansi-red" }, { text: "b", style: "" },
      { text: "ok", style: "ansi-green ansi-bold" },
    ]);
  });

  test("256 and true colours do not leak their numbers into other attributes", () => {
    expect(spans("\u001b[38;5;1mx\u001b[48;2;1;4;2my")).toEqual([
      { text: "x", style: "" }, { text: "y", style: "" },
    ]);
  });

  test("a carriage return starts the line again", () => {
    expect(spans("10%\r50%\r100%\nnext\r\n").map((s) => s.text).join("")).toBe("100%\nnext\n");
  });
});

describe("what a person decides on", () => {
  test("hidden and direction-changing characters are spelled out", () => {
    expect(visible("rm \u202eoof\u0007")).toEqual([
      { text: "rm ", control: false }, { text: "\\u202e", control: true },
      { text: "oof", control: false }, { text: "\\u0007", control: true },
    ]);
    expect(visible("two\nlines\tand a tab")).toEqual([{ text: "two\nlines\tand a tab", control: false }]);
  });

  test("only the plainest shell wrapper is taken off, and only for reading", () => {
    expect(plainCommand("/bin/bash -lc 'ls -l'")).toBe("ls -l");
    expect(plainCommand('bash -c "ls -l"')).toBe("ls -l");
    expect(plainCommand("/bin/bash -lc bin/check")).toBe("bin/check");
    for (const odd of ["/bin/bash -lc 'a'\\''b'", 'bash -c "$(x)"', "bash -lc 'a' b", "ls"]) {
      expect(plainCommand(odd)).toBe(odd);
    }
  });
});

describe("diffs", () => {
  const update = (diff: string, path = "a") => tableOf({ path, kind: { type: "update" }, diff });
  const all = (t: ReturnType<typeof tableOf>) => Array.from({ length: t.lines }, (_, at) => at);

  test("hunks are numbered by their sides", () => {
    const t = update("@@ -5,3 +5,3 @@ fn\n a\n-b\n+c\n d\n\\ No newline at end of file\n");
    expect(all(t).map((at) => [t.kind[at], t.before[at], t.after[at], lineText(t, at)])).toEqual([
      [Kind.HUNK, 5, 5, "fn"], [Kind.SAME, 5, 5, "a"], [Kind.DEL, 6, 6, "b"], [Kind.ADD, 7, 6, "c"], [Kind.SAME, 7, 7, "d"],
    ]);
    expect([t.added, t.removed]).toEqual([1, 1]);
  });

  test("a new and a deleted file are whole texts, not hunks", () => {
    const t = tableOf({ path: "a", kind: { type: "add" }, diff: "+x\ny\n" });
    expect(all(t).map((at) => lineText(t, at))).toEqual(["+x", "y"]);
    expect(tableOf({ path: "a", kind: { type: "delete" }, diff: "x\n" }).kind[0]).toBe(Kind.DEL);
  });

  test("side by side, what has no partner stands alone", () => {
    const { left, right } = pairsOf(update("@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n e\n"));
    expect([...left]).toEqual([0, 1, 2, NONE, 5]);
    expect([...right]).toEqual([0, 1, 3, 4, 5]);
  });

  test("a hundred thousand lines are read before somebody puts the phone away", () => {
    const diff = `@@ -1,100000 +1,100000 @@\n${Array.from({ length: 50_000 }, (_, n) => `-const a${n} = ${n};\n+const a${n} = ${n + 1};\n`).join("")}`;
    const began = performance.now();
    expect(update(diff, "a.ts").lines).toBe(100_001);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test("a comment says where it belongs, in words", () => {
    expect(commentOn("src/a.ts", 7, false, "  let `a` = 1;", "use const")).toBe("src/a.ts, line 7 (`let 'a' = 1;`): use const");
    expect(commentOn("src/a.ts", 7, true, "", "why?")).toBe("src/a.ts, removed line 7: why?");
  });
});

describe("colours for code", () => {
  const toned = (path: string, line: string, begins = 0): [string, string][] => {
    const out: Token[] = [];
    lex(line, languageOf(path)!, begins, out);
    return out.filter(({ tone }) => tone).map(({ from, to, tone }) => [tone, line.slice(from, to)]);
  };

  test("of the common families", () => {
    expect(toned("a.ts", 'const x = "a // b"; // c')).toEqual([["k", "const"], ["s", '"a // b"'], ["c", "// c"]]);
    expect(toned("a.py", "def f(): return 12 # x")).toEqual([["k", "def"], ["k", "return"], ["n", "12"], ["c", "# x"]]);
    expect(toned("x.sh", 'echo "a#b" $#')).toEqual([["s", '"a#b"']]);
    expect(languageOf("notes.txt")).toBeUndefined();
  });

  test("comments and strings go on over lines", () => {
    const c = languageOf("a.c")!;
    expect(lex("int a; /* b", c, 0)).toBe(1);
    expect(toned("a.c", "c */ int d;", 1)).toEqual([["c", "c */"], ["k", "int"]]);
    const ts = languageOf("a.ts")!;
    const open = lex("const a = `b", ts, 0);
    expect(open).toBeGreaterThan(1);
    expect(lex("c` + d", ts, open)).toBe(0);
  });

  test("a line of a million columns ends at once", () => {
    const began = performance.now();
    lex("a".repeat(1e6), languageOf("a.ts")!, 0, []);
    lex("(".repeat(1e6), languageOf("a.ts")!, 0, []);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test("pieces cover the text, once, in order", () => {
    const text = "let a = 10;";
    const tokens: Token[] = [];
    lex(text, languageOf("a.ts")!, 0, tokens);
    const pieces = piecesOf(text, tokens, 8, 10);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.filter((piece) => piece.changed).map((piece) => piece.text)).toEqual(["10"]);
  });
});

describe("markdown that grows", () => {
  test("is cut only where a block surely begins", () => {
    expect(blocks("a\n\nb\n\n- x\n\n- y\n\n  z\n\nc")).toEqual(["a\n", "b\n\n- x\n\n- y\n\n  z\n", "c"]);
  });

  test("is never cut inside a fence", () => {
    const fence = "```ts\na\n\nb\n```";
    expect(blocks(`${fence}\n\nafter`)).toEqual([`${fence}\n`, "after"]);
    expect(blocks("~~~\na\n\n```\n\nb")).toHaveLength(1);
  });
});

test("routes go both ways", () => {
  for (const route of [{ at: "threads" }, { at: "new" }, { at: "devices" }, { at: "thread", id: "a/b c" }] as const) {
    expect(parseRoute(hashOf(route))).toEqual(route);
  }
  expect(parseRoute("#/nonsense")).toEqual({ at: "threads" });
});

test("numbers as people read them", () => {
  expect([0, 12_000, 61_000, 7_300_000, 2e8].map(age)).toEqual(["now", "12 s", "1 min", "2 h", "2 d"]);
  expect([14, 2418, 61_000, undefined].map(duration)).toEqual(["14 ms", "2.4 s", "1 min 1 s", ""]);
  expect(shortPath("/home/u/work/x")).toBe("…/work/x");
  expect(shortPath("/w")).toBe("/w");
});

test("a device is named after what it is", () => {
  expect(deviceName("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19 Safari/604.1")).toBe("iPhone, Safari");
  expect(deviceName("Mozilla/5.0 (X11; Linux x86_64) Chrome/156 Safari/537.36")).toBe("Linux PC, Chrome");
  expect(deviceName("something")).toBe("Browser");
});

test("the words that changed in a line, and none where the lines are hardly alike", () => {
  const [before, after] = ["  await until(50);", "  await until(500, signal);"];
  const marks = between(before, after)!;
  expect([before.slice(...marks.del), after.slice(...marks.add)]).toEqual(["50", "500, signal"]);
  expect(between("const a = 1;", "import { z } from 'zod';")).toBeUndefined();
  expect(between("x".repeat(5000), "x".repeat(5001))).toBeUndefined();
  expect(between("same", "same")).toEqual({ del: [4, 4], add: [4, 4] });
});

test("a removed line is compared with the added one in its place", () => {
  const t = tableOf({ path: "a", kind: { type: "update" }, diff: "@@ -1,2 +1,2 @@\n-let a = 1;\n-let b = 2;\n+let a = 10;\n+let b = 2;\n" });
  const marked = Array.from({ length: t.lines }, (_, at) => lineText(t, at).slice(t.markFrom[at], t.markTo[at]));
  expect(marked).toEqual(["", "1", "", "10", ""]);
});
