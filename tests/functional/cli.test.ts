// The command line itself: help that is complete, mistakes that are met with the next best word.

import { describe, expect, test } from "./lib/scene";

describe("farhand", () => {
  test("without a word, shows what there is", async ({ scene }) => {
    const { code, stdout } = await scene.run(["help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("usage: farhand COMMAND");
    expect(stdout).toMatch(/\n {2}help /);
  });

  test("has a help page for each command it lists", async ({ scene }) => {
    const { stdout } = await scene.run(["help"]);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1] as string);
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const { code, stdout: page } = await scene.run(["help", name]);
      expect(code, name).toBe(0);
      expect(page, name).toContain(`usage: farhand ${name}`);
    }
  });

  test("suggests the nearest command, with status 2", async ({ scene }) => {
    const { code, stderr } = await scene.run(["hlep"]);
    expect(code).toBe(2);
    expect(stderr).toContain("help");
  });
});
