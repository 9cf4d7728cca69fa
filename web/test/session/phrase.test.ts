import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkDigit, completions, isPhrase, parsePhrase } from "../../src/session/phrase";
import { WORDS } from "../../src/session/words";

test("the words are those of docs/words.txt: 2048, four letters, distinct, sorted", () => {
  const path = fileURLToPath(new URL("../../../docs/words.txt", import.meta.url));
  const listed = readFileSync(path, "utf8").trim().split("\n");
  expect(WORDS).toEqual(listed);
  expect(new Set(WORDS).size).toBe(2048);
  expect(WORDS.every((word) => /^[a-z]{4}$/.test(word))).toBe(true);
  expect([...WORDS].sort()).toEqual(WORDS);
});

test("wolf-pine-748 has the check digit 9", async () => {
  expect(await checkDigit("wolf-pine-748")).toBe(9);
});

test("case and separators do not matter", async () => {
  for (const typed of ["wolf-pine-7489", "WOLF PINE 7489", "Wolfpine7489", " wolf - pine - 748 9 "]) {
    expect(await parsePhrase(typed)).toEqual({ secret: "wolf-pine-748", nameplate: "748" });
  }
});

test("a busy relay's longer nameplate is accepted", async () => {
  const digit = await checkDigit("wolf-pine-12345");
  const phrase = await parsePhrase(`wolf-pine-12345${digit}`);
  expect(isPhrase(phrase) && phrase.nameplate).toBe("12345");
});

test("a typo is told apart: an unknown word, a wrong digit, an unfinished code", async () => {
  expect(await parsePhrase("wolg-pine-7489")).toEqual({ kind: "word", word: "wolg" });
  expect(await parsePhrase("wolf-pine-7488")).toEqual({ kind: "check" });
  for (const typed of ["", "wolf", "wolf-pine", "wolf-pine-74", "wolf-pin-7489"]) {
    expect(await parsePhrase(typed)).toEqual({ kind: "incomplete" });
  }
});

test("words complete from their first letters", () => {
  expect(completions("wol")).toEqual(["wolf"]);
  expect(completions("")).toEqual([]);
  expect(completions("a", 3)).toHaveLength(3);
});
