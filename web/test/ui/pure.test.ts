import { describe, expect, test } from "vitest";
import { spans } from "../../src/ui/ansi";
import { counts, linesOf } from "../../src/ui/diff_lines";
import { between } from "../../src/ui/diff_lines";
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
  test("hunks are numbered by their sides", () => {
    const lines = linesOf({ path: "a", kind: { type: "update" }, diff: "@@ -5,3 +5,3 @@ fn\n a\n-b\n+c\n d\n\\ No newline at end of file\n" });
    expect(lines.map((l) => [l.kind, l.number])).toEqual([
      ["hunk", undefined], ["same", 5], ["del", 6], ["add", 6], ["same", 7],
    ]);
    expect(counts(lines)).toEqual({ added: 1, removed: 1 });
  });

  test("a new and a deleted file are whole texts, not hunks", () => {
    expect(linesOf({ path: "a", kind: { type: "add" }, diff: "+x\ny\n" }).map((l) => l.text)).toEqual(["+x", "y"]);
    expect(linesOf({ path: "a", kind: { type: "delete" }, diff: "x\n" })[0]!.kind).toBe("del");
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
  const lines = linesOf({ path: "a", kind: { type: "update" }, diff: "@@ -1,2 +1,2 @@\n-let a = 1;\n-let b = 2;\n+let a = 10;\n+let b = 2;\n" });
  const marked = lines.map((line) => (line.mark ? line.text.slice(...line.mark) : ""));
  expect(marked).toEqual(["", "1", "", "10", ""]);
});
