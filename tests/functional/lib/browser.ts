// browser: the page in the real Chromium, at the size of a phone, with pictures kept.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

import type { Host } from "./host";
import { SCREENS, type Scene } from "./scene";

function findChromium(): string {
  for (const place of [process.env["FARHAND_CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser"]) {
    if (place && existsSync(place)) return place;
  }
  return execFileSync("which", ["chromium"]).toString().trim();
}

export interface PhoneBrowser {
  browser: Browser;
  context: BrowserContext;
  page: Page;
  /** What the page complained about: errors on its console, refused requests. */
  complaints: string[];
  shoot(name: string): Promise<void>;
}

export interface BrowserOptions {
  /** Words before the browser's own command line: another network, for instance. */
  wrapper?: string[];
  insecure?: boolean;
  dark?: boolean;
}

export async function openBrowser(scene: Scene, { wrapper = [], insecure = false, dark = false }: BrowserOptions = {}): Promise<PhoneBrowser> {
  let executablePath = findChromium();
  if (wrapper.length > 0) executablePath = wrapperScript(scene, [...wrapper, executablePath]);
  const browser = await chromium.launch({
    executablePath,
    // A container runs as root and has a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    env: { ...scene.env, HOME: scene.path("home") } as Record<string, string>,
  });
  scene.atEnd(async () => {
    const open = browser.contexts().flatMap((one) => one.pages());
    const name = `${expect.getState().currentTestName ?? "page"}`.replaceAll(/\W+/g, "-").slice(-60);
    for (const one of open) await one.screenshot({ path: join(SCREENS, `end-of-${name}.png`), timeout: 5_000 }).catch(() => undefined);
    await browser.close();
  });
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
    colorScheme: dark ? "dark" : "light",
    ignoreHTTPSErrors: insecure,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(`${error}`));
  return {
    browser,
    context,
    page,
    complaints,
    shoot: async (name) => {
      mkdirSync(SCREENS, { recursive: true });
      await page.screenshot({ path: join(SCREENS, `${name}.png`) });
    },
  };
}

/** playwright starts one file: put the wrapping command (ip netns exec …) into a script. */
function wrapperScript(scene: Scene, argv: string[]): string {
  const file = scene.path("chromium.sh");
  const line = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  execFileSync("sh", ["-c", `printf '#!/bin/sh\\nexec %s "$@"\\n' "$1" >"$2" && chmod +x "$2"`, "sh", line, file]);
  return file;
}

/** The person at the host compares the digits with the phone's screen, and says yes. */
export async function confirmOnHost(host: Host, page: Page): Promise<void> {
  const owner = await host.owner;
  const row = await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
  const digits = page.locator(".digits");
  await digits.waitFor();
  expect((await digits.textContent())?.trim()).toBe(row.params.sas);
  await owner.call("farhand/pairing/confirm", { pairingId: row.params.pairingId, accept: true });
}

/** A browser that has opened the link of this host's `up`, and was let in. */
export async function pairedBrowser(scene: Scene, host: Host, options: BrowserOptions = {}): Promise<PhoneBrowser> {
  const phone = await openBrowser(scene, options);
  await phone.page.goto(host.link);
  await confirmOnHost(host, phone.page);
  return phone;
}

export async function newThread(page: Page): Promise<void> {
  await page.getByRole("button", { name: "New thread" }).first().click();
}

export async function ask(page: Page, text: string): Promise<void> {
  const box = page.getByRole("textbox", { name: /What should the agent do|Ask for the next thing/ });
  await box.fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}
