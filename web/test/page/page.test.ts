// The built page in real Chromium, under the content policy that the host sends.
// Leaves screenshots in build/shots for whoever wants to look.

import { existsSync, mkdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppDouble } from "../lib/app_double";
import { HostDouble } from "../lib/host_double";
import { servePage } from "../lib/page_server";

const CHROMIUM = process.env["FARHAND_CHROMIUM"] ?? "/usr/bin/chromium";
const BUILT = fileURLToPath(new URL("../../../build/web/index.html", import.meta.url));
const SHOTS = fileURLToPath(new URL("../../../build/shots", import.meta.url));
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];
const SIZES = { phone: [390, 844], tablet: [820, 1180], desk: [1280, 800] } as const;

const able = existsSync(CHROMIUM) && existsSync(BUILT);

describe.skipIf(!able)("the page", () => {
  let browser: Browser;
  let host: HostDouble;
  let served: Awaited<ReturnType<typeof servePage>>;
  const problems: string[] = [];

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    host = await HostDouble.start();
    host.app = new AppDouble().handle;
    served = await servePage(host.url);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  afterAll(async () => {
    await browser?.close();
    served?.server.close();
    host?.stop();
  });

  async function open(size: keyof typeof SIZES, scheme: "light" | "dark", fragment = ""): Promise<[Page, BrowserContext]> {
    const [width, height] = SIZES[size];
    const context = await browser.newContext({
      viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: Number(process.env["FARHAND_SHOT_SCALE"] ?? 1), reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.on("console", (m) => {
      if (m.type() === "error" || /Content Security|Trusted/.test(m.text())) problems.push(m.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(served.url + fragment);
    return [page, context];
  }

  async function paired(size: keyof typeof SIZES, scheme: "light" | "dark"): Promise<[Page, BrowserContext]> {
    const link = host.link(host.openPairing({ confirm: "none" }), served.url);
    const opened = await open(size, scheme, new URL(link).hash);
    await opened[0].getByRole("heading", { name: "studio" }).waitFor();
    return opened;
  }

  /** WCAG 2.2 A and AA, as far as a program can tell. */
  async function accessible(page: Page, where: string): Promise<void> {
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      const { axe: run } = globalThis as unknown as { axe: typeof axe };
      const result = await run.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
      });
      return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
    });
    expect(violations, where).toEqual([]);
  }

  const shot = (page: Page, name: string) => page.screenshot({ path: `${SHOTS}/${name}.png` });

  test("a link pairs, and leaves the address bar and the history", async () => {
    const [page, context] = await paired("phone", "light");
    expect(page.url()).not.toContain("p=");
    expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
    await page.getByText("Waiting for you").waitFor();
    await context.close();
  });

  test("the first screen costs at most 120 KB of compressed script", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    let octets = 0;
    page.on("response", async (response) => {
      if (response.url().endsWith(".js")) octets += gzipSync(await response.body()).length;
    });
    await page.goto(served.url);
    await page.getByRole("heading", { name: "Pair with your host" }).waitFor();
    await page.waitForLoadState("networkidle");
    expect(octets).toBeGreaterThan(0);
    expect(octets).toBeLessThanOrEqual(120 * 1024);
    await context.close();
  });

  test("a phrase pairs after the tap, and a typo is told at once", async () => {
    host.openPairing({ decide: () => new Promise((resolve) => setTimeout(() => resolve(true), 300)) });
    const [page, context] = await open("phone", "dark");
    await shot(page, "pair-dark");
    const field = page.getByLabel("Phrase from the host");
    await field.pressSequentially("wolf pin");
    await page.getByRole("button", { name: "PINE", exact: true }).click();
    await field.pressSequentially("7488");
    await page.getByText("does not add up").waitFor();
    await shot(page, "pair-typo");
    await accessible(page, "pair");
    await field.press("Backspace");
    await field.pressSequentially("9");
    await page.getByRole("button", { name: "Pair with the phrase" }).click();
    await page.getByRole("button", { name: "They match" }).waitFor();
    await shot(page, "pair-digits");
    await page.getByRole("button", { name: "They match" }).click();
    await page.getByRole("heading", { name: "studio" }).waitFor();
    await context.close();
  });

  test("a prompt, an approval with its command, and the result", async () => {
    const [page, context] = await paired("phone", "light");
    await page.getByRole("button", { name: "New thread" }).click();
    await page.getByRole("radio", { name: /tideline/ }).waitFor();
    await shot(page, "new-thread");
    await page.getByPlaceholder("What should the agent do?").fill("please approve this");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("heading", { name: "Run this command?" }).waitFor();
    await page.getByText("/bin/bash -lc 'touch a && echo hi'", { exact: true }).waitFor();
    await shot(page, "approve-command");
    await page.getByRole("button", { name: "Approve", exact: true }).click();
    await page.getByText("It ran.").waitFor();
    await page.getByText("Approved here").waitFor();
    await context.close();
  });

  test("a patch with its diff, a question, a form, a failure", async () => {
    const [page, context] = await paired("phone", "light");
    await page.getByRole("button", { name: "New thread" }).click();
    await page.getByRole("radio", { name: /tideline/ }).waitFor();
    await page.getByPlaceholder("What should the agent do?").fill("patch it");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("heading", { name: "Make this change?" }).waitFor();
    await shot(page, "approve-patch");
    await page.getByRole("button", { name: "Approve", exact: true }).click();
    await page.getByText("applied").waitFor();
    const say = async (text: string) => {
      await page.getByPlaceholder("Ask for the next thing").fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    };
    await say("ask me");
    await page.getByRole("radio", { name: /All twelve/ }).click();
    await shot(page, "question");
    await accessible(page, "question");
    await page.getByRole("button", { name: "Answer", exact: true }).click();
    await page.getByText(/All twelve/).last().waitFor();
    await say("form please");
    await page.getByLabel("Title").fill("Resume is flaky");
    await shot(page, "form");
    await accessible(page, "form");
    await page.getByRole("button", { name: "Send", exact: true }).first().click();
    await page.getByText(/Resume is flaky/).last().waitFor();
    await say("fail now");
    await page.getByText("The model answered 500 three times.").waitFor();
    await context.close();
  });

  test("history, live output, and the way back by itself", async () => {
    const [page, context] = await paired("desk", "light");
    await page.getByRole("link", { name: /resume test is flaky/ }).click();
    await page.getByText("run 143 of 200").waitFor();
    await page.getByText("The flake comes from").waitFor();
    await shot(page, "thread-desk");
    host.dropAll();
    await page.waitForTimeout(1200);
    await page.getByPlaceholder("Steer the agent").fill("faster please");
    await page.getByRole("button", { name: /Steer/ }).click();
    await page.getByText("faster please").waitFor();
    await context.close();
  });

  test("what is broken is named, with what happens next", async () => {
    const [page, context] = await paired("phone", "light");
    await page.getByText("Waiting for you").waitFor();
    const device = host.devices.at(-1)!;
    device.revoked = true; // the relay does not let it in for now
    host.dropAll();
    await page.getByText(/the host may have removed it/).waitFor();
    await shot(page, "offline");
    await accessible(page, "offline");
    await page.getByRole("button", { name: "Try now" }).waitFor();
    device.revoked = false; // and it comes back by itself
    await page.getByRole("link", { name: "Devices" }).click();
    await page.getByText("Kitchen tablet").waitFor();
    await shot(page, "devices");
    await accessible(page, "devices");
    await context.close();
  });

  test.each(["light", "dark"] as const)("the inbox, settings and the log, %s", async (scheme) => {
    const [page, context] = await paired("phone", scheme);
    await page.getByRole("link", { name: /billing tables/ }).click(); // the double asks when it is opened
    await page.getByRole("heading", { name: "Run this command?" }).waitFor();
    await shot(page, `dock-${scheme}`);
    await page.goBack();
    await page.getByRole("link", { name: /Waiting/ }).click();
    await page.getByRole("article", { name: "Run this command?" }).waitFor();
    await shot(page, `inbox-${scheme}`);
    await accessible(page, "inbox");
    await page.getByRole("button", { name: "Decline", exact: true }).click();
    await page.getByText("Nothing waits for you").waitFor();
    await page.getByText("Declined here").waitFor();
    await shot(page, `inbox-empty-${scheme}`);
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByText("Appearance").waitFor();
    await shot(page, `settings-${scheme}`);
    await accessible(page, "settings");
    await page.getByRole("link", { name: /^Log/ }).click();
    await page.getByRole("heading", { name: "Log", exact: true }).waitFor();
    await shot(page, `log-${scheme}`);
    await accessible(page, "log");
    await context.close();
  });

  test.each(["light", "dark"] as const)("the whole change, the menu of a thread, what comes next, %s", async (scheme) => {
    const [page, context] = await paired("phone", scheme);
    await page.getByRole("link", { name: /flaky/ }).click();
    await page.getByRole("button", { name: "Open the whole change" }).click();
    await page.getByRole("group", { name: "Lines of the change" }).waitFor();
    await shot(page, `diff-${scheme}`);
    await accessible(page, "diff");
    await page.getByRole("button", { name: "Next change" }).click();
    await page.getByRole("button", { name: /resume.test.ts/ }).click(); // folds it
    await page.getByText("spawnRelay").first().waitFor({ state: "detached" });
    await page.goBack();
    await page.getByPlaceholder("Steer the agent").fill("then run it on CI");
    await page.getByRole("button", { name: "Queue for after this turn" }).click();
    await page.getByRole("region", { name: "Next" }).getByText("then run it on CI").waitFor();
    await shot(page, `queue-${scheme}`);
    await accessible(page, "queue");
    await page.getByRole("button", { name: "Edit" }).click();
    await expect.poll(() => page.getByPlaceholder("Steer the agent").inputValue()).toBe("then run it on CI");
    await page.getByRole("button", { name: "More about this thread" }).click();
    await page.getByRole("button", { name: "Rename" }).waitFor();
    await shot(page, `menu-${scheme}`);
    await accessible(page, "menu");
    await page.getByRole("button", { name: /Model and effort/ }).click();
    await page.getByRole("radio", { name: /mini/ }).waitFor();
    await shot(page, `model-${scheme}`);
    await accessible(page, "model");
    await context.close();
  });

  test("a draft and the keys survive a reload", async () => {
    const [page, context] = await paired("phone", "light");
    await page.getByRole("link", { name: /upgrade notes/ }).click();
    await page.getByPlaceholder("Ask for the next thing").fill("half a thought");
    await page.reload();
    expect(await page.getByPlaceholder("Ask for the next thing").inputValue()).toBe("half a thought");
    await context.close();
  });

  test("a second tab says so and can take over", async () => {
    const [page, context] = await paired("phone", "light");
    const second = await context.newPage();
    await second.goto(served.url);
    await second.getByText("Open in another tab").waitFor();
    await second.getByRole("button", { name: "Use this tab" }).click();
    await second.getByRole("heading", { name: "studio" }).waitFor();
    await page.getByText("Open in another tab").waitFor();
    await context.close();
  });

  test("hostile markdown and tool output do nothing", async () => {
    const [page, context] = await paired("phone", "light");
    const threadId = "t-docs";
    const [app] = [host.app];
    host.app = (stream, message) => {
      if (message.kind === "request" && message.method === "thread/items/list") {
        const text = "<img src=x onerror=alert(1)> ![seen](http://127.0.0.1:1/pixel.png) [go](javascript:alert(2)) <script>alert(3)</script>";
        return stream.send({ id: message.id, result: { data: [{ turnId: "x", item: { type: "agentMessage", id: "h1", text } }], nextCursor: null } });
      }
      app(stream, message);
    };
    await page.goto(`${served.url}#/t/${threadId}`);
    await page.getByText("onerror=alert(1)").waitFor();
    expect(await page.locator(".md img, .md script, .md a[href^=javascript]").count()).toBe(0);
    host.app = app;
    await context.close();
  });

  /** A page over a thread whose items the test chose. */
  async function thread(items: Record<string, unknown>[]): Promise<[Page, BrowserContext, string[]]> {
    const app = host.app;
    host.app = (stream, message) => {
      if (message.kind === "request" && message.method === "thread/items/list") {
        return stream.send({ id: message.id, result: { data: items.map((item) => ({ turnId: "x", item })).reverse(), nextCursor: null } });
      }
      app(stream, message);
    };
    const [page, context] = await paired("phone", "light");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.evaluate(() => (location.hash = "#/t/t-docs"));
    await page.locator(".item").first().waitFor();
    host.app = app;
    return [page, context, asked];
  }

  const hostile: [string, Record<string, unknown>, (page: Page) => Promise<void>][] = [
    ["a markdown bomb", { type: "agentMessage", text: `${"[".repeat(20_000)}${"*a _b ".repeat(5000)}\n${"> ".repeat(2000)}deep` }, async (page) => {
      await page.locator(".md").waitFor();
    }],
    ["SVG and data addresses", { type: "agentMessage", text: '<svg onload=alert(1)><script>alert(2)</script></svg> ![x](data:image/svg+xml;base64,AAAA) [y](data:text/html,<script>alert(3)</script>) [z](vbscript:x)' }, async (page) => {
      await page.getByText("onload=alert(1)").waitFor();
      expect(await page.locator(".md svg, .md img, .md a[href^=data], .md a[href^=vbscript]").count()).toBe(0);
    }],
    ["escape sequences", { type: "commandExecution", command: "x", cwd: "/", status: "completed", exitCode: 0, aggregatedOutput: "\u001b]0;title\u0007\u001b[2J\u001b[31mred\u001b[0m \u001b]8;;http://127.0.0.1:1/\u0007link\u001b]8;;\u0007 \u001b[999999999mend" }, async (page) => {
      const output = page.locator(".output pre");
      await output.waitFor();
      expect((await output.textContent())?.trim()).toBe("red link end");
      expect(await page.locator(".output a").count()).toBe(0);
    }],
    ["a line of a million columns", { type: "fileChange", status: "completed", changes: [{ path: "/w/a.js", kind: { type: "add" }, diff: `${"x".repeat(1e6)}\n` }] }, async (page) => {
      await page.getByText("998,000 more characters").waitFor();
    }],
    ["a picture from elsewhere", { type: "userMessage", content: [{ type: "image", url: "http://127.0.0.1:1/pixel.png" }, { type: "text", text: "look" }] }, async (page) => {
      await page.getByText("look", { exact: true }).waitFor();
      expect(await page.locator(".mine img").count()).toBe(0);
    }],
    ["names that reorder what stands around them", { type: "fileChange", status: "completed", changes: [{ path: "/w/safe\u202egnp.exe", kind: { type: "add" }, diff: "a\u200bb\n" }] }, async (page) => {
      await page.getByText("\\u202e").first().waitFor();
      await page.getByText("\\u200b").first().waitFor();
    }],
  ];
  test.each(hostile)("hostile: %s", async (_name, item, look) => {
    const [page, context, asked] = await thread([{ id: "h", ...item }]);
    const began = Date.now();
    await look(page);
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(asked.filter((url) => !url.startsWith(served.url) && !url.startsWith("data:") && !url.startsWith("blob:"))).toEqual([]);
    await context.close();
  });

  test("an approval shows what would run, whatever hides in it", async () => {
    const [page, context] = await paired("phone", "light");
    const ask = new AppDouble();
    const app = host.app;
    const command = `echo ok\u202e; rm -rf ~ #\u200b ${"y ".repeat(400)}`;
    host.app = (stream, message) => {
      ask.handle(stream, message);
      if (message.kind === "request" && message.method === "thread/resume") {
        ask.ask(stream, "item/commandExecution/requestApproval", { threadId: "t-docs", turnId: "x", itemId: "h", command, cwd: "/w" }, () => undefined);
      }
    };
    await page.evaluate(() => (location.hash = "#/t/t-docs"));
    const dock = page.getByRole("region", { name: "Run this command?" });
    await dock.getByText("\\u202e").waitFor();
    await dock.getByText("\\u200b").waitFor();
    const shown = await dock.locator("pre.exact").textContent();
    expect(shown).toContain("rm -rf ~");
    expect(shown!.length).toBeGreaterThanOrEqual(command.length);
    await dock.getByText(/characters: scroll to read all of it/).waitFor();
    host.app = app;
    await context.close();
  });

  test("a gigapixel picture is refused before it is opened", async () => {
    const [page, context] = await paired("phone", "light");
    await page.evaluate(() => (location.hash = "#/t/t-docs"));
    const bomb = Buffer.alloc(64);
    bomb.writeUInt32BE(0x89504e47, 0);
    bomb.writeUInt32BE(100_000, 16);
    bomb.writeUInt32BE(100_000, 20);
    await page.locator("input[type=file]").setInputFiles({ name: "bomb.png", mimeType: "image/png", buffer: bomb });
    await page.getByText("too many pixels").waitFor();
    await context.close();
  });

  test("storage that the browser cleared is said, and pairing leads back", async () => {
    const [page, context] = await paired("phone", "light");
    const browser = await context.newCDPSession(page);
    await browser.send("Storage.clearDataForOrigin", { origin: new URL(page.url()).origin, storageTypes: "indexeddb" });
    await page.reload();
    await page.getByText("This browser was cleared").waitFor();
    await page.getByLabel("Phrase from the host").waitFor();
    await context.close();
  });

  test("a full disk stops nothing, and is said", async () => {
    const [page, context] = await paired("phone", "light");
    await page.evaluate(() => {
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (...rest: Parameters<typeof put>) {
        if (this.name === "rows") throw new DOMException("full", "QuotaExceededError");
        return put.apply(this, rest);
      };
    });
    await page.evaluate(() => (location.hash = "#/t/t-docs"));
    await page.getByPlaceholder("Ask for the next thing").fill("say it anyway");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("This browser has no room left").waitFor();
    await page.getByText("The flake comes from").waitFor(); // it was sent, and answered
    await context.close();
  });

  test("a comment on a line of a change goes to the agent, with its place", async () => {
    const [page, context] = await paired("desk", "light");
    const sent: string[] = [];
    const app = host.app;
    host.app = (stream, message) => {
      if (message.kind === "request" && message.method === "turn/steer") sent.push(JSON.stringify(message.params));
      app(stream, message);
    };
    await page.evaluate(() => (location.hash = "#/d/t-flake/i6"));
    await page.locator(".diff-half.add").nth(0).click();
    await page.getByRole("button", { name: "Comment" }).click();
    await page.getByLabel("What should be different").fill("use the old port");
    await page.getByRole("button", { name: "Send", exact: true }).last().click();
    await expect.poll(() => sent.join()).toContain("test/resume.test.ts, line 21");
    expect(sent.join()).toContain("use the old port");
    host.app = app;
    await context.close();
  });

  test.each([["phone", "light"], ["phone", "dark"], ["tablet", "light"], ["desk", "dark"]] as const)(
    "looks: %s, %s", async (size, scheme) => {
      const [page, context] = await paired(size, scheme);
      await page.getByText("Waiting for you").waitFor();
      await shot(page, `threads-${size}-${scheme}`);
      await accessible(page, "threads");
      await page.getByRole("link", { name: /resume test is flaky/ }).click();
      await page.getByText("run 143 of 200").waitFor();
      await page.waitForTimeout(300);
      await shot(page, `thread-${size}-${scheme}`);
      await accessible(page, "thread");
      if (size === "phone") await page.getByRole("button", { name: "Back to threads" }).click();
      await page.getByRole("link", { name: /billing tables/ }).click();
      await page.getByRole("heading", { name: "Run this command?" }).waitFor();
      await page.waitForTimeout(500);
      await shot(page, `approval-${size}-${scheme}`);
      await accessible(page, "approval");
      await page.getByRole("button", { name: /^Connection/ }).click();
      await page.waitForTimeout(200);
      await shot(page, `path-${size}-${scheme}`);
      await context.close();
    });

  test("the console stayed clean: no policy violation, no error", () => {
    expect(problems).toEqual([]);
  });
});
