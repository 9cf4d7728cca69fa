// `farhand up --lan`: a phone on the same network, which reaches the host by its address and by
// nothing else, takes the one-time step and then does the main job.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

import { ask, confirmOnHost, newThread, openBrowser } from "./lib/browser";
import { Host } from "./lib/host";
import { describe, expect, FARHAND, test } from "./lib/scene";
import { HOST_ADDRESS, TwoMachines } from "./lib/two-machines";

describe("farhand up --lan", () => {
  test("serves a phone in the same network over https, after the one-time step", async ({ scene }) => {
    const two = await TwoMachines.make(scene);
    const program = scene.start([...two.onHost, FARHAND, "up", "--practice", "--port", "0", "--cwd", scene.work, "--lan", HOST_ADDRESS], { name: "farhand up --lan" });
    const [, explain = ""] = await program.line(/open (http:\/\/\S+) and follow/);
    const [, link = ""] = await program.line(/(https:\/\/\S+#p=[\w-]+)/);
    expect(link).toContain(HOST_ADDRESS);
    const host = new Host(scene, program, link);
    await host.agentReady();

    // The step that the page explains: fetch the authority's certificate, and trust it.
    const fetcher = scene.start([...two.onPhone, "node", "-e", FETCH_CA, explain, scene.path("ca.crt")], { name: "fetch the certificate" });
    expect(await fetcher.exited).toMatchObject({ code: 0 });
    const nssdb = scene.path("home", ".pki", "nssdb");
    mkdirSync(nssdb, { recursive: true });
    execFileSync("certutil", ["-d", `sql:${nssdb}`, "-N", "--empty-password"]);
    execFileSync("certutil", ["-d", `sql:${nssdb}`, "-A", "-t", "C,,", "-n", "farhand", "-i", scene.path("ca.crt")]);

    const { page, complaints, shoot } = await openBrowser(scene, { wrapper: two.onPhone });
    await page.goto(explain);
    await shoot("lan-1-the-one-step");
    await page.goto(link);
    await confirmOnHost(host, page);
    await newThread(page);
    await ask(page, "say hello over the network");
    await page.getByText("hello over the network").nth(1).waitFor();
    await shoot("lan-2-answer");
    expect(complaints).toEqual([]);
  });
});

/** Follow the page's own link to the certificate. */
const FETCH_CA = `(async () => {
  const page = process.argv[1];
  const html = await (await fetch(page)).text();
  const href = [...html.matchAll(/href="([^"]+)"/g)].map((m) => m[1]).find((h) => h.endsWith(".crt"));
  const answer = await fetch(new URL(href, page));
  require("node:fs").writeFileSync(process.argv[2], Buffer.from(await answer.arrayBuffer()));
})();`;
