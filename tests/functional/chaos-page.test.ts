// Chaos with the page in Chromium as the controller: reloaded, offline, its tab killed, at every
// moment of a turn with an approval. What was typed runs once; a card is decided once.

import { existsSync, readFileSync } from "node:fs";
import type { Page } from "playwright-core";

import { ask, confirmOnHost, openBrowser } from "./lib/browser";
import { dice, rounds, SEED, Tally } from "./lib/chaos";
import { Host } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

const ROUNDS = rounds(3, 0.25);
const FAULTS = ["reload", "offline for 2 s", "tab killed"] as const;
const MOMENTS = ["typed", "asked", "approved"] as const;

describe("chaos with the page", () => {
  test("reloads, lost networks and killed tabs lose nothing and run nothing twice", { timeout: 120_000 + ROUNDS * 90_000 }, async ({ scene }) => {
    const roll = dice(SEED);
    const tally = new Tally("page");
    const host = await Host.up(scene);
    await host.agentReady();
    const { page: first, context } = await openBrowser(scene);
    let page: Page = first;
    await page.goto(host.link);
    await confirmOnHost(host, page);
    await page.getByRole("button", { name: "New thread" }).first().click();
    await ask(page, "say here already");
    await page.locator(".agent").getByText("here already").waitFor();
    const owner = await host.owner;
    const counted = (tag: string): number =>
      existsSync(`${scene.work}/counted`) ? readFileSync(`${scene.work}/counted`, "utf8").split("\n").filter((line) => line === tag).length : 0;
    const dock = () => page.getByRole("region", { name: "Run this command?" });
    const approve = () => dock().getByRole("button", { name: "Approve", exact: true }).click();

    const injure = async (fault: (typeof FAULTS)[number]): Promise<void> => {
      if (fault === "reload") return void (await page.reload());
      if (fault === "tab killed") {
        const url = page.url();
        await page.close();
        page = await context.newPage();
        page.setDefaultTimeout(45_000);
        return void (await page.goto(url));
      }
      await context.setOffline(true);
      await owner.event("nothing", () => false, { within: 2_000 }).catch(() => undefined);
      await context.setOffline(false);
    };

    for (let n = 0; n < ROUNDS; n++) {
      const fault = FAULTS[n % FAULTS.length] as (typeof FAULTS)[number];
      const moment = MOMENTS[roll(MOMENTS.length)] as (typeof MOMENTS)[number];
      const tag = `page-${n}-`;
      const from = owner.mark;
      await ask(page, `run echo ${tag} >> counted`);
      await page.locator(".mine .bubble").getByText(`echo ${tag} `).waitFor();
      if (moment === "typed") await injure(fault);
      await dock().waitFor();
      if (moment === "asked") {
        await injure(fault);
        await dock().waitFor();
      }
      await approve();
      if (moment === "approved") await injure(fault);
      // A tap whose tab died before it was on disk was none: the card is there again, undecided.
      let again = "";
      const button = dock().getByRole("button", { name: "Approve", exact: true });
      await expect
        .poll(
          async () => {
            if (counted(tag) === 0 && moment === "approved" && again === "" && (await button.isEnabled({ timeout: 50 }).catch(() => false))) {
              again = ", asked again";
              await button.click();
            }
            return counted(tag);
          },
          { timeout: 60_000, interval: 500 },
        )
        .toBe(1);
      await dock().waitFor({ state: "detached" });
      await owner.event("thread/status/changed", (p) => p.status.type === "idle", { from });
      await page.locator(".mine .bubble").getByText(`echo ${tag} `).waitFor();
      const shown = await page.locator(".mine .bubble").getByText(`echo ${tag} `).count();
      tally.add(`${fault}, ${moment}`, `shown ${shown} time, ran ${counted(tag)}${again}`);
      expect(counted(tag), tag).toBe(1);
      expect(shown, tag).toBe(1);
    }
    tally.print();
  });
});
