// pictures: docs/img/app-*.png, taken of a real session: the real host, relay and Codex (on the
// practice model), the page in the real Chromium at the size of a phone. Run tools/pictures.sh.

import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";

import { ask, confirmOnHost, openBrowser } from "./lib/browser";
import { Host } from "./lib/host";
import { expect, test, TOP } from "./lib/scene";

const CHECK = `#!/bin/sh
echo 'Three harbours, one with a gap:'
printf '%-7s %4s  %s\\n' leith 365 ok dover 365 ok
[ -f brest.csv ] && printf '%-7s %4s  %s\\n' brest 365 ok || printf '%-7s %4s  %s\\n' brest 358 '7 missing'
`;
const FILL = `#!/bin/sh
echo day,high,low >brest.csv
echo "7 days written to brest.csv."
`;

/** A small folder of tide tables, one of which has a gap. */
function makeTides(): string {
  const dir = join(tmpdir(), "work", "tides"); // a name that may be seen
  mkdirSync(join(dir, ".."));
  mkdirSync(join(dir, "bin"), { recursive: true });
  for (const [name, text] of [["check", CHECK], ["fill", FILL]] as const) {
    writeFileSync(join(dir, "bin", name), text);
    chmodSync(join(dir, "bin", name), 0o755);
  }
  writeFileSync(join(dir, "notes.md"), "# Tides\n\nBrest lacks a week.\n\nSource: the harbour office.\n");
  return dir;
}

async function approve(page: Page, title: string): Promise<void> {
  const dock = page.getByRole("region", { name: title });
  await dock.getByRole("button", { name: "Approve", exact: true }).click();
  await dock.waitFor({ state: "detached" });
}

async function shoot(page: Page, name: string): Promise<void> {
  await expect.poll(() => page.getByRole("button", { name: "Approve", exact: true }).isEnabled()).toBe(true);
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.screenshot({ path: join(TOP, "docs/img", `${name}.png`), animations: "disabled" });
}

test("the README's pictures", async ({ scene }) => {
  const tides = makeTides();
  scene.atEnd(() => rmSync(join(tides, ".."), { recursive: true }));
  const host = await Host.ready(scene, ["--cwd", tides, "--name", "studio"]);
  const owner = await host.owner;
  const { page, complaints } = await openBrowser(scene);
  await page.goto(host.link);
  await confirmOnHost(host, page);
  await page.getByRole("button", { name: "New thread" }).first().click();
  const from = owner.mark;
  await ask(page, [
    "run bin/check",
    "say **Brest** lacks the week after the clock change. I fill it from the harbour's own table.",
    "run bin/fill brest",
    "say The same gap will be there next year, so I write it down in `notes.md`.",
    "edit notes.md Brest lacks a week. => In April: bin/fill brest",
  ].join("\n"));
  const { params } = await owner.event("thread/started", () => true, { from });
  await owner.call("thread/name/set", { threadId: params.thread.id, name: "Mend the tide tables" });
  const command = page.getByRole("region", { name: "Run this command?" });
  await command.waitFor();
  await approve(page, "Run this command?");
  await page.getByText("7 missing").first().waitFor();
  await command.waitFor();
  await expect.poll(() => command.textContent()).toContain("bin/fill");
  await expect.poll(() => page.getByText("/bin/bash -lc").count()).toBe(1); // in the question only
  await shoot(page, "app-light");
  await approve(page, "Run this command?");
  const patch = page.getByRole("region", { name: "Make this change?" });
  await patch.waitFor();
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await shoot(page, "app-dark");
  await approve(page, "Make this change?");
  expect(complaints).toEqual([]);
});
