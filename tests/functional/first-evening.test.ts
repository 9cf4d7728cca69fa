// The README to the letter: `farhand up` in a real terminal on a home that never was, the link
// in the real Chromium, `y` at the question, a command that asks. No --practice: up finds out by
// itself that nobody is logged in, and changes over to the practice model while all this goes on.

import { execFileSync } from "node:child_process";
import { existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import type { Page } from "playwright-core";

import { ask, newThread, openBrowser } from "./lib/browser";
import { Phone } from "./lib/phone";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";
import { Terminal } from "./lib/tmux";

const LINK = /(https?:\/\/\S+#p=[\w-]+)/;
const QUESTION = /Does it show (\d{3} \d{3})\? \[y\/N\]/;

/** Wide: a link that the terminal broke in two would not be one. */
function upInTerminal(scene: Scene, more = ""): Terminal {
  return new Terminal(scene, "up", `exec ${FARHAND} up --port 0 --cwd ${scene.work} ${more}`, { columns: 240, rows: 70 });
}

async function linkOf(up: Terminal): Promise<string> {
  const [, link = ""] = await up.shows(LINK);
  return link;
}

/** A Codex that does not begin before it is let: one line into the pipe, one start. */
function heldCodex(scene: Scene): { begin: () => void } {
  const pipe = scene.path("begin");
  const file = scene.path("codex.sh");
  execFileSync("mkfifo", [pipe]);
  writeFileSync(file, `#!/bin/sh\ncase "$*" in *--version*) ;; *) read -r go <'${pipe}' ;; esac\nexec '${scene.env["FARHAND_CODEX"]}' "$@"\n`, { mode: 0o755 });
  scene.env["FARHAND_CODEX"] = file;
  const writer = openSync(pipe, "r+");
  return { begin: () => void writeSync(writer, "go\n") };
}

async function sayYes(up: Terminal, page: Page): Promise<void> {
  const [, digits] = await up.shows(QUESTION);
  await page.locator(".digits").waitFor();
  expect((await page.locator(".digits").textContent())?.trim()).toBe(digits);
  up.type("y");
  up.key("Enter");
  await up.shows(/is paired as operator/);
}

async function approveACommand(scene: Scene, page: Page): Promise<void> {
  const dock = page.getByRole("region", { name: "Run this command?" });
  await dock.waitFor();
  await dock.getByRole("button", { name: "Approve", exact: true }).click();
  await dock.waitFor({ state: "detached" });
  await expect.poll(() => existsSync(`${scene.work}/made.txt`) && readFileSync(`${scene.work}/made.txt`, "utf8"), { timeout: 45_000 }).toBe("made");
}

const COMMAND = "run printf made >made.txt && cat made.txt";

describe("the first evening", () => {
  test("opens the link, says y, runs a command that asks", async ({ scene }) => {
    const up = upInTerminal(scene);
    const { page, complaints } = await openBrowser(scene);
    await page.goto(await linkOf(up));
    await sayYes(up, page);
    await newThread(page);
    await ask(page, COMMAND);
    await approveACommand(scene, page);
    await up.shows(/The agent is ready: Codex .*practice model/);
    expect(complaints).toEqual([]);
  });

  test("is quicker than the agent: what was asked meanwhile waits for it", async ({ scene }) => {
    const codex = heldCodex(scene);
    const { page } = await openBrowser(scene);
    const up = upInTerminal(scene);
    await page.goto(await linkOf(up));
    await sayYes(up, page);
    await newThread(page);
    await ask(page, COMMAND); // no agent has begun
    codex.begin(); // the one that finds no login
    codex.begin(); // the one on the practice model
    await approveACommand(scene, page);
    expect(await page.locator(".notice.bad").count()).toBe(0);
  });

  test("reloads the page while the host is asked: the code is spent, the next one works", async ({ scene }) => {
    const up = upInTerminal(scene);
    const { page } = await openBrowser(scene);
    const link = await linkOf(up);
    await page.goto(link);
    await up.shows(QUESTION);
    await page.reload();
    await up.shows(/The other side has left before it was paired/);
    const last = (): string => [...up.scrollback.matchAll(new RegExp(LINK, "g"))].at(-1)?.[1] ?? "";
    await expect.poll(last, { timeout: 45_000 }).not.toBe(link);
    await page.goto("about:blank");
    await page.goto(last());
    await page.locator(".digits").waitFor();
    const digits = (await page.locator(".digits").textContent())?.trim();
    await expect.poll(() => [...up.scrollback.matchAll(new RegExp(QUESTION, "g"))].at(-1)?.[1], { timeout: 45_000 }).toBe(digits);
    up.type("y");
    up.key("Enter");
    await page.getByRole("button", { name: "New thread" }).first().waitFor();
  });
});

describe("the question in the terminal", () => {
  test("is not answered by what was typed before it, and only once", async ({ scene }) => {
    const up = upInTerminal(scene, "--practice");
    const link = await linkOf(up);
    up.type("y");
    up.key("Enter");
    await up.shows(/No device asks yet/);
    const pairing = new Phone(scene).pairByLink(link);
    const [, digits] = await up.shows(QUESTION);
    expect(await pairing.digits()).toBe(digits);
    up.type("y");
    up.key("Enter", "Enter"); // one too many is no second answer
    await pairing.done;
    await up.shows(/is paired as operator/);
    expect(up.scrollback).not.toContain("waits for no answer");
  });

  test("names the other way to answer when there is no input", async ({ scene }) => {
    const up = upInTerminal(scene, "--practice </dev/null");
    const pairing = new Phone(scene).pairByLink(await linkOf(up));
    await up.shows(/Answer with 'farhand pair confirm'/);
    expect((await scene.run(["pair", "confirm"])).code).toBe(0);
    await pairing.done;
  });

  test("is asked again below what the agent had to say", async ({ scene }) => {
    const codex = heldCodex(scene);
    const up = upInTerminal(scene, "--practice");
    const pairing = new Phone(scene).pairByLink(await linkOf(up));
    await up.shows(QUESTION);
    codex.begin();
    await up.shows(/The agent is ready[^]*Does it show \d{3} \d{3}\? \[y\/N\]/);
    up.type("y");
    up.key("Enter");
    await pairing.done;
  });
});
