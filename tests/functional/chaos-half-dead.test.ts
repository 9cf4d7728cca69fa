// Half-dead links, for real: three machines in network namespaces, and wires that swallow every
// packet both ways while no socket closes. Whoever expects traffic knows within ten seconds.

import { ask, confirmOnHost, openBrowser } from "./lib/browser";
import { Host, say, startThread, turnEnds } from "./lib/host";
import { Machine } from "./lib/machine";
import type { Json, Rpc } from "./lib/rpc";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";
import { DOOR_ADDRESS, RELAY_ADDRESS, Wires } from "./lib/wires";

/** 5 s of silence, 5 s for the PING; the rest is a busy machine's. */
const FOUND_WITHIN_MS = 14_000;

async function found(what: string, work: () => Promise<unknown>): Promise<void> {
  const began = Date.now();
  await work();
  const took = Date.now() - began;
  console.log(`half-dead: ${what}: found after ${(took / 1000).toFixed(1)} s`);
  expect(took, what).toBeLessThan(FOUND_WITHIN_MS);
}

const connected = (params: Json, name: string): boolean => params.devices.find((d: Json) => d.displayName === name)?.connected === true;

async function hostOn(scene: Scene, wires: Wires, args: string[]): Promise<Host> {
  const program = scene.start([...wires.on("host"), FARHAND, "host", "--practice", "--cwd", scene.work, ...args], { name: "host on its machine" });
  await program.line(/ is ready: /);
  const host = new Host(scene, program, "");
  await host.agentReady();
  return host;
}

/** Something is asked of the host; the machine's session process finds out that nobody hears. */
async function findsOut(machine: Machine, rpc: Rpc): Promise<{ asked: Promise<Json> }> {
  const seen = machine.keeperLog.length;
  const asked = rpc.call("thread/loaded/list", {}, 60_000);
  await expect.poll(() => machine.keeperLog.slice(seen), { timeout: 30_000, interval: 100 }).toMatch(/ctrl\.lost/);
  return { asked }; // under way until the wire is whole again
}

describe("a wire that swallows every packet both ways", () => {
  test("is found between host and relay, and between controller and relay, by both ends", async ({ scene }) => {
    const wires = await Wires.make(scene);
    const relay = scene.start([...wires.on("relay"), FARHAND, "relay", "--open", "--json", "--listen", `${RELAY_ADDRESS}:0`], {
      env: { FARHAND_HOME: scene.path("relay") },
      name: "relay on its machine",
    });
    const [url = ""] = await relay.line(/wss?:\/\/10\.78\.9\.9:\d+\/relay/);
    const host = await hostOn(scene, wires, ["--relay", url]);
    await host.relayConnected();
    const machine = await Machine.join(scene, host, { name: "laptop", within: wires.on("phone") });
    const { rpc } = await machine.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "say first");
    await turnEnds(rpc, threadId);
    const owner = await host.owner;
    const { name } = (await host.status()).host;

    let from = owner.mark;
    await wires.set("hr", "drop");
    await found("host -> relay, by the host", async () => {
      const asked = host.offer().catch((error: Error) => error);
      const lost = await owner.event("farhand/status/changed", (p) => p.relay.state !== "connected", { from, within: 30_000 });
      expect(lost.params.relay.lastError).toBe("the relay fell silent");
      await wires.set("hr", "pass");
      await asked;
    });
    await host.relayConnected();
    await rpc.call("thread/loaded/list"); // the controller's streams outlived it

    from = owner.mark;
    await owner.call("thread/resume", { threadId });
    await wires.set("pr", "drop");
    await found("controller -> relay, by the host", async () => {
      await say(owner, threadId, "say hello");
      await owner.event("farhand/status/changed", (p) => !connected(p, "laptop"), { from, within: 30_000 });
    });
    await wires.set("pr", "pass");
    await rpc.call("thread/loaded/list");
    await wires.set("pr", "drop");
    let under: { asked: Promise<Json> } | undefined;
    await found("controller -> relay, by the controller", async () => void (under = await findsOut(machine, rpc)));
    const status = await machine.run("status", "--host", name, "--json");
    expect(status.code).toBe(6);
    expect(JSON.parse(status.stdout).host).toMatchObject({ name, state: "unreachable" });
    await wires.set("pr", "pass");
    await under?.asked;
    expect((await rpc.call("thread/loaded/list")).data).toContain(threadId);
    await turnEnds(rpc, threadId, 0);
  });

  test("is found at a direct door, by both ends", async ({ scene }) => {
    const wires = await Wires.make(scene);
    const host = await hostOn(scene, wires, ["--listen", `${DOOR_ADDRESS}:0`]);
    const machine = await Machine.join(scene, host, { name: "laptop", within: wires.on("phone") });
    const { rpc } = await machine.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "say first");
    await turnEnds(rpc, threadId);
    const owner = await host.owner;
    await owner.call("thread/resume", { threadId });
    const from = owner.mark;
    await wires.set("ph", "drop");
    let under: { asked: Promise<Json> } | undefined;
    const both = [
      found("direct door, by the controller", async () => void (under = await findsOut(machine, rpc))),
      found("direct door, by the host", async () => {
        await say(owner, threadId, "say hello");
        await owner.event("farhand/status/changed", (p) => !connected(p, "laptop"), { from, within: 30_000 });
      }),
    ];
    await Promise.all(both);
    await wires.set("ph", "pass");
    await under?.asked;
    expect((await rpc.call("thread/loaded/list")).data).toContain(threadId);
  });

  test("is found by the page in Chromium, which comes back by itself", async ({ scene }) => {
    const wires = await Wires.make(scene);
    const program = scene.start([...wires.on("host"), FARHAND, "up", "--practice", "--port", "0", "--cwd", scene.work, "--lan", DOOR_ADDRESS], { name: "up on its machine" });
    const [, link = ""] = await program.line(/(https:\/\/\S+#p=[\w-]+)/);
    const host = new Host(scene, program, link);
    await host.agentReady();
    const { page, shoot } = await openBrowser(scene, { wrapper: wires.on("phone"), insecure: true });
    await page.goto(link);
    await confirmOnHost(host, page);
    await page.getByRole("button", { name: "New thread" }).first().click();
    await ask(page, "say here already");
    await page.locator(".agent").getByText("here already").waitFor();
    await wires.set("ph", "drop");
    await found("page -> relay, by the page", async () => {
      await ask(page, "say through the tunnel");
      await page.locator(".trouble").waitFor();
    });
    await shoot("half-dead");
    await wires.set("ph", "pass");
    await page.locator(".agent").getByText("through the tunnel").waitFor();
    await page.locator(".trouble").waitFor({ state: "detached" });
    expect(await page.locator(".mine .bubble").getByText("say through the tunnel").count()).toBe(1);
  });
});
