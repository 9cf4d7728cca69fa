// The page, in the real Chromium, as a person would use it.

import { existsSync, readFileSync } from "node:fs";

import { ask, confirmOnHost, newThread, openBrowser, pairedBrowser } from "./lib/browser";
import { approval, Gate, Host, say, startThread, turnEnds } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("the page", () => {
  test("pairs by link, runs a turn, approves a command and shows what came of it", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, complaints, shoot } = await openBrowser(scene);
    await page.goto(host.link);
    await shoot("page-1-digits");
    await confirmOnHost(host, page);
    await newThread(page);
    // The secret has left the address bar.
    expect(page.url()).not.toContain("#p=");
    await shoot("page-2-new-thread");
    await ask(page, "markdown");
    await page.getByRole("heading").nth(1).waitFor();
    await shoot("page-3-answer");

    await ask(page, "run printf made-by-the-page >page.txt && cat page.txt");
    const dock = page.getByRole("region", { name: "Run this command?" });
    await dock.waitFor();
    await expect.poll(() => dock.textContent()).toContain("made-by-the-page");
    await shoot("page-4-approval");
    expect(existsSync(`${scene.work}/page.txt`)).toBe(false);
    await dock.getByRole("button", { name: "Approve", exact: true }).click();
    await dock.waitFor({ state: "detached" });
    await expect.poll(() => existsSync(`${scene.work}/page.txt`) && readFileSync(`${scene.work}/page.txt`, "utf8"), { timeout: 45_000 }).toBe("made-by-the-page");
    await shoot("page-5-done");

    await ask(page, "patch from-the-page.txt a line for the diff");
    const patch = page.getByRole("region", { name: "Make this change?" });
    await patch.waitFor();
    await expect.poll(() => patch.textContent()).toContain("a line for the diff");
    await shoot("page-6-patch");
    await patch.getByRole("button", { name: "Decline", exact: true }).click();
    await patch.waitFor({ state: "detached" });
    expect(existsSync(`${scene.work}/from-the-page.txt`)).toBe(false);

    await ask(page, "ask Which colour? red / green");
    const question = page.getByRole("region", { name: "The agent asks" });
    await question.getByRole("radio", { name: /green/ }).click();
    await shoot("page-7-question");
    await question.getByRole("button", { name: "Answer" }).click();
    await question.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  test("is still paired after a reload, and shows the thread with its history", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, shoot } = await pairedBrowser(scene, host, { dark: true });
    await newThread(page);
    await ask(page, "say a sentence to find again");
    await page.getByText("a sentence to find again").nth(1).waitFor();
    await page.reload();
    await page.getByText("a sentence to find again").nth(1).waitFor();
    await shoot("page-8-reloaded-dark");
  });

  test("shows the decision of somebody else, with the name", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const { page, shoot } = await pairedBrowser(scene, host);
    const threadId = await startThread(desk);
    await say(desk, threadId, "say hello to both");
    await turnEnds(desk, threadId);
    await page.getByText("hello to both").first().click();
    const from = desk.mark;
    await say(desk, threadId, "run echo elsewhere");
    const dock = page.getByRole("region", { name: "Run this command?" });
    await dock.waitFor();
    desk.answer(await approval(desk, threadId, from), { decision: "accept" });
    await dock.waitFor({ state: "detached" });
    await turnEnds(desk, threadId, from);
    await shoot("page-9-decided-elsewhere");
  });

  test("says honestly that the host is gone, and comes back by itself", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, shoot } = await pairedBrowser(scene, host);
    await expect.poll(() => page.locator(".strip .link.good").count(), { timeout: 30_000 }).toBe(4); // device, relay, host, agent
    const { port } = new URL(host.link);
    await host.stop();
    const trouble = page.locator(".trouble");
    await trouble.waitFor();
    await shoot("page-10-host-gone");
    await Host.ready(scene, ["--port", port]);
    await trouble.waitFor({ state: "detached", timeout: 60_000 });
    await expect.poll(() => page.locator(".strip .link.good").count(), { timeout: 30_000 }).toBe(4);
  });

  test("interrupts a turn", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page } = await pairedBrowser(scene, host);
    await newThread(page);
    const gate = new Gate(scene);
    await ask(page, `hold ${gate.path}`);
    await page.getByRole("button", { name: "Interrupt the turn" }).click();
    await page.getByRole("button", { name: "Interrupt the turn" }).waitFor({ state: "detached" });
  });

  test("a reload in the middle of an approval: the same card, decided once", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, complaints } = await pairedBrowser(scene, host);
    await newThread(page);
    await ask(page, "run printf x >>count.txt");
    const dock = page.getByRole("region", { name: "Run this command?" });
    await dock.waitFor();
    await page.reload();
    await dock.waitFor();
    await expect.poll(() => dock.textContent()).toContain("printf x >>count.txt");
    await dock.getByRole("button", { name: "Approve", exact: true }).click();
    // Gone in the instant after the tap: what is on disk by then is sent again by itself; a tap
    // that had not got that far is none, and the same card asks for it once more.
    await page.reload();
    const approve = dock.getByRole("button", { name: "Approve", exact: true });
    await expect
      .poll(
        async () => {
          if (await approve.isVisible()) await approve.click({ timeout: 500 }).catch(() => undefined);
          return existsSync(`${scene.work}/count.txt`) && readFileSync(`${scene.work}/count.txt`, "utf8");
        },
        { timeout: 45_000 },
      )
      .toBe("x");
    await dock.waitFor({ state: "detached" });
    await page.getByText("done", { exact: true }).waitFor();
    expect(readFileSync(`${scene.work}/count.txt`, "utf8")).toBe("x");
    expect(complaints).toEqual([]);
  });

  test("host killed during an approval: decided offline, counts when it is back, runs once", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, shoot } = await pairedBrowser(scene, host);
    await newThread(page);
    await ask(page, "run printf x >>count.txt");
    const dock = page.getByRole("region", { name: "Run this command?" });
    await dock.waitFor();
    await expect.poll(() => dock.getByRole("button", { name: "Approve", exact: true }).isEnabled()).toBe(true);
    const { port } = new URL(host.link);
    await host.stop("SIGKILL");
    await page.locator(".trouble").waitFor();
    await dock.getByRole("button", { name: "Approve", exact: true }).click();
    await dock.getByText(/leaves as soon as the host is reached/).waitFor();
    await shoot("page-11-decided-offline");
    await Host.ready(scene, ["--port", port]);
    await dock.waitFor({ state: "detached", timeout: 60_000 });
    await expect.poll(() => existsSync(`${scene.work}/count.txt`) && readFileSync(`${scene.work}/count.txt`, "utf8"), { timeout: 45_000 }).toBe("x");
    await page.getByText("done", { exact: true }).first().waitFor();
    expect(readFileSync(`${scene.work}/count.txt`, "utf8")).toBe("x");
  });

  test("what is typed while the host is away is queued, and leaves once", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, shoot } = await pairedBrowser(scene, host);
    await newThread(page);
    await ask(page, "say here already");
    await page.locator(".agent").getByText("here already").waitFor();
    await page.getByRole("textbox", { name: "Ask for the next thing" }).waitFor(); // the turn is over
    const { port } = new URL(host.link);
    await host.stop("SIGKILL");
    await page.locator(".trouble").waitFor();
    await ask(page, "say typed in the tunnel");
    await page.getByText("Queued").waitFor();
    await shoot("page-12-queued");
    await Host.ready(scene, ["--port", port]);
    await page.getByText("Queued").waitFor({ state: "detached", timeout: 60_000 });
    await page.locator(".agent").getByText("typed in the tunnel").waitFor();
    expect(await page.locator(".mine .bubble").getByText("say typed in the tunnel").count()).toBe(1);
  });

  test("two tabs: one speaks, the other says so and takes over when it is closed", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { page, context } = await pairedBrowser(scene, host);
    await page.getByRole("button", { name: "New thread" }).first().waitFor();
    const second = await context.newPage();
    await second.goto(page.url());
    await second.getByText("Open in another tab").waitFor();
    await page.close();
    await newThread(second);
    await ask(second, "say from the second tab");
    await second.locator(".agent").getByText("from the second tab").waitFor();
  });
});
