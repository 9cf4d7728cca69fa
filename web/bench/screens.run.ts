// Every screen in every state, in three sizes, light and dark, as pictures in
// build/screens; and on each of them the checks that a person's eye would make last:
// nothing clipped, nothing wider than the screen, targets of 44 px, contrast and names
// (axe). Then the keyboard: whatever it reaches shows that it is there.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppDouble } from "../test/lib/app_double";
import { HostDouble } from "../test/lib/host_double";
import { servePage } from "../test/lib/page_server";

const OUT = fileURLToPath(new URL("../../build/screens", import.meta.url));
const SIZES = { phone: [390, 844], tablet: [820, 1180], desk: [1280, 800] } as const;
const LOOKS = ["light", "dark"] as const;
const findings: string[] = [];

let browser: Browser;

beforeAll(async () => {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env["FARHAND_CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});

afterAll(async () => {
  await browser?.close();
  writeFileSync(`${OUT}/findings.txt`, `${findings.join("\n")}\n`);
});

/** What no program but one that looks at the page can tell. Runs inside the page. */
function inspect(): string[] {
  const out: string[] = [];
  const name = (e: Element) => `${e.tagName.toLowerCase()}.${[...e.classList].join(".")} “${(e.textContent ?? "").trim().slice(0, 30)}”`;
  const seen = (e: Element) => {
    const box = e.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight && getComputedStyle(e).visibility === "visible";
  };
  if (document.documentElement.scrollWidth > innerWidth) out.push(`the page is ${document.documentElement.scrollWidth - innerWidth} px too wide`);
  for (const e of document.querySelectorAll("body *")) {
    if (!seen(e) || e.closest(".unseen, svg, .diff-window, .md-table")) continue;
    const style = getComputedStyle(e);
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent!.trim());
    const hidden = style.overflowX === "hidden" || style.overflowX === "clip";
    if (text && hidden && e.scrollWidth > e.clientWidth + 1 && style.textOverflow !== "ellipsis") out.push(`clipped: ${name(e)}`);
    const box = e.getBoundingClientRect();
    if (text && box.right > innerWidth + 1 && !e.closest("pre, .output, .diff-body, .exact, .strip")) out.push(`beyond the edge: ${name(e)}`);
  }
  for (const e of document.querySelectorAll("button, a[href], input, select, textarea, [role=radio]")) {
    // Lines of code and links in running text are as tall as their text (WCAG 2.5.8, inline).
    if (!seen(e) || e.closest(".diff-window, .md, .output") || (e as HTMLButtonElement).disabled) continue;
    const target = (e.closest("label") ?? e).getBoundingClientRect();
    if (target.height < 43.5 || target.width < 43.5) out.push(`small target (${Math.round(target.width)} x ${Math.round(target.height)}): ${name(e)}`);
  }
  return out;
}

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: run } = globalThis as unknown as { axe: typeof axe };
    const result = await run.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], rules: { region: { enabled: false } } });
    return result.violations.map((v) => `axe ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}`);
  });
}

describe.each(LOOKS)("%s", (look) => {
  test.each(Object.keys(SIZES) as (keyof typeof SIZES)[])("%s", async (size) => {
    const host = await HostDouble.start();
    const app = new AppDouble();
    host.app = app.handle;
    const served = await servePage(host.url);
    const [width, height] = SIZES[size];
    const context: BrowserContext = await browser.newContext({ viewport: { width, height }, colorScheme: look, reducedMotion: "reduce", hasTouch: size !== "desk" });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const bad: string[] = [];
    const shot = async (screen: string) => {
      await page.waitForTimeout(450); // what settles after a moment has settled
      await page.screenshot({ path: `${OUT}/${screen}-${size}-${look}.png` });
      for (const finding of [...await page.evaluate(inspect), ...await violations(page)]) bad.push(`${screen} ${size} ${look}: ${finding}`);
    };
    const to = (hash: string) => page.evaluate((next) => void (location.hash = next), hash);
    const say = async (text: string) => {
      await page.getByPlaceholder(/Ask for the next thing|What should the agent do/).fill(text);
      await page.getByRole("button", { name: "Send" }).first().click();
    };
    const steps: Record<string, () => Promise<void>> = {
      "pair": async () => {
        await page.goto(served.url);
        await page.getByRole("heading", { name: "Pair with your host" }).waitFor();
      },
      "pair-typo": async () => {
        await page.getByLabel("Phrase from the host").fill("wolf pine 7488");
        await page.getByText("does not add up").waitFor();
      },
      "pair-digits": async () => {
        host.openPairing({ decide: () => new Promise((resolve) => setTimeout(() => resolve(true), 3000)) });
        await page.getByLabel("Phrase from the host").fill("wolf pine 7489");
        await page.getByRole("button", { name: "Pair with the phrase" }).click();
        await page.getByRole("button", { name: "They match" }).waitFor();
      },
      "threads": async () => {
        await page.getByRole("button", { name: "They match" }).click();
        await page.getByText("Waiting for you").first().waitFor();
      },
      "hosts": async () => {
        await page.locator(".host-name").click();
        await page.getByRole("heading", { name: "Hosts" }).waitFor();
      },
      "thread": async () => {
        await page.keyboard.press("Escape");
        await to("#/t/t-flake");
        await page.getByText("run 143 of 200").waitFor();
      },
      "thread-menu": async () => {
        await page.getByRole("button", { name: "More about this thread" }).click();
        await page.getByRole("button", { name: "Rename" }).waitFor();
      },
      "thread-model": async () => {
        await page.getByRole("button", { name: /Model and effort/ }).click();
        await page.getByRole("radio", { name: /mini/ }).waitFor();
      },
      "diff": async () => {
        await page.keyboard.press("Escape");
        await to("#/d/t-flake/i6");
        await page.getByRole("group", { name: "Lines of the change" }).waitFor();
      },
      "diff-split": async () => {
        await page.getByRole("button", { name: /Side by side|One below the other/ }).click();
      },
      "diff-comment": async () => {
        await page.locator(".diff-half.add").first().click();
        await page.getByRole("button", { name: "Comment" }).click();
        await page.getByRole("heading", { name: "Comment for the agent" }).waitFor();
      },
      "approval": async () => {
        await page.keyboard.press("Escape");
        await to("#/t/t-migrate");
        await page.getByRole("heading", { name: "Run this command?" }).waitFor();
      },
      "approval-word": async () => {
        await page.getByRole("button", { name: "Decline with a word" }).click();
      },
      "inbox": async () => {
        await to("#/inbox");
        await page.getByRole("article", { name: "Run this command?" }).waitFor();
      },
      "inbox-done": async () => {
        await page.getByRole("button", { name: "Decline", exact: true }).click();
        await page.getByText("Nothing waits for you").waitFor();
      },
      "new-thread": async () => {
        await to("#/new");
        await page.getByRole("radio", { name: /tideline/ }).waitFor();
      },
      "approval-patch": async () => {
        await say("patch it");
        await page.getByRole("heading", { name: "Make this change?" }).waitFor();
      },
      "question": async () => {
        await page.getByRole("button", { name: "Approve", exact: true }).click();
        await page.getByText("applied").waitFor();
        await say("ask me");
        await page.getByRole("radio", { name: /All twelve/ }).click();
      },
      "form": async () => {
        await page.getByRole("button", { name: "Answer", exact: true }).click();
        await page.getByText(/All twelve/).last().waitFor();
        await say("form please");
        await page.getByLabel("Title").fill("Resume is flaky");
      },
      "thread-failed": async () => {
        await page.getByRole("button", { name: "Send", exact: true }).first().click();
        await page.getByText(/Resume is flaky/).last().waitFor();
        await say("fail now");
        await page.getByText("The model answered 500 three times.").waitFor();
      },
      "devices": async () => {
        await to("#/devices");
        await page.getByText("Kitchen tablet").waitFor();
      },
      "settings": async () => {
        await to("#/settings");
        await page.getByText("Appearance").waitFor();
      },
      "archived": async () => {
        await to("#/archived");
        await page.getByRole("heading", { name: "Archived" }).waitFor();
      },
      "log": async () => {
        await to("#/log");
        await page.getByRole("heading", { name: "Log", exact: true }).waitFor();
      },
      "way": async () => {
        await page.getByRole("button", { name: /^Connection/ }).click();
        await page.getByRole("heading", { name: "The way to your agent" }).waitFor();
      },
      "offline-thread": async () => {
        await page.keyboard.press("Escape");
        await to("#/t/t-docs");
        await page.getByPlaceholder("Ask for the next thing").waitFor();
        for (const device of host.devices) device.revoked = true;
        host.dropAll();
        await page.locator(".trouble").first().waitFor();
        await say("Say this when the line is back.");
        await page.getByText("Queued", { exact: true }).waitFor();
      },
      "offline-acts": async () => {
        await page.getByRole("button", { name: "More about this thread" }).click();
        await page.getByRole("button", { name: "Review uncommitted changes" }).click();
        await page.locator(".act-line").waitFor();
      },
      "offline-new": async () => {
        await to("#/new");
        await say("Start when the host is back.");
        await page.getByText("Queued", { exact: true }).waitFor();
      },
      "offline-threads": async () => {
        await to("#/");
        await page.reload();
        await page.locator(".kept").first().waitFor();
      },
      "offline-copy": async () => {
        await to("#/t/t-flake");
        await page.getByText(/offline. What came since/).waitFor();
      },
    };
    try {
      for (const [screen, step] of Object.entries(steps)) {
        await step().catch((error: Error) => {
          throw new Error(`${screen} ${size} ${look}: ${error.message.split("\n")[0]}`);
        });
        await shot(screen);
      }
      if (size === "phone") bad.push(...await walk(page, `keyboard ${size} ${look}`));
    } finally {
      findings.push(...bad);
      await context.close();
      served.server.close();
      host.stop();
    }
    expect([...new Set(bad)]).toEqual([]);
  });
});

/** Tab through a screen: what has the focus shows it. */
async function walk(page: Page, where: string): Promise<string[]> {
  const out: string[] = [];
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press("Tab");
    const lost = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return "";
      const shows = (x: Element | null): boolean => x !== null && (getComputedStyle(x).outlineStyle !== "none" || getComputedStyle(x).boxShadow !== "none");
      return shows(e) || shows(e.parentElement) ? "" : `${e.tagName.toLowerCase()}.${[...e.classList].join(".")}`;
    });
    if (lost) out.push(`${where}: no focus shown on ${lost}`);
  }
  return out;
}
