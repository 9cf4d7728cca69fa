// What a repository brings along counts only where the user said so.

import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { APPROVAL, Host, say, startThread, turnEnds } from "./lib/host";
import { type Rpc, RpcError } from "./lib/rpc";
import { describe, expect, test } from "./lib/scene";

const RULE = '[[rule]]\ndecide = "deny"\ncommand = "ls"\nbecause = "this repository lists nothing"\n';

function bring(folder: string, text: string): void {
  mkdirSync(join(folder, ".farhand"), { recursive: true });
  writeFileSync(join(folder, ".farhand/policy.toml"), text);
}

/** Did anybody have to be asked about `ls`? */
async function asks(rpc: Rpc, threadId: string): Promise<boolean> {
  const from = rpc.mark;
  await say(rpc, threadId, "run ls");
  const asked = rpc.event(APPROVAL, (p) => p.threadId === threadId, { from }).then((request) => {
    rpc.answer(request, { decision: "decline" });
    return true;
  });
  asked.catch(() => undefined); // the scene may end first
  const ended = turnEnds(rpc, threadId, from).then(() => false);
  return (await Promise.race([asked, ended])) ? (await ended, true) : false;
}

async function refused(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 0,
    (error: Error) => (error instanceof RpcError ? error.code : -1),
  );
}

describe("a repository's rules", () => {
  test("count from the moment in which the user trusts the folder, and no more when it is taken back", async ({ scene }) => {
    bring(scene.work, RULE);
    const host = await Host.up(scene);
    await host.agentReady();
    const desk = await host.local("desk");
    const threadId = await startThread(desk);
    const trust = async () => (await host.status()).host.trust;
    expect(await trust()).toEqual({ state: "unasked", asks: true });
    expect(await asks(desk, threadId)).toBe(true);

    expect((await scene.run(["trust", scene.work])).stdout).toContain("is trusted");
    expect(await trust()).toEqual({ state: "trusted", asks: false });
    expect(await asks(desk, threadId)).toBe(false);
    expect((await scene.run(["trust", "list"])).stdout).toContain(`trusted      ${scene.work}`);
    const explained = await scene.run(["policy", "explain", "--cwd", scene.work, "--", "ls"]);
    expect(explained.stdout).toContain("this repository lists nothing");

    expect((await scene.run(["trust", "decline", scene.work])).code).toBe(0);
    expect(await trust()).toEqual({ state: "declined", asks: false });
    expect(await asks(desk, threadId)).toBe(true);
    expect((await scene.run(["trust", "remove", scene.work])).code).toBe(0);
    expect(await trust()).toEqual({ state: "unasked", asks: true });
    const audit = await scene.run(["audit", "show", "--json"]);
    expect(audit.stdout + audit.stderr).toBeTruthy();
    expect((await scene.run(["trust", "list"])).stdout).toContain("No folder is trusted");
  });

  test("and what it tells Codex count only there", async ({ scene }) => {
    mkdirSync(join(scene.work, ".codex"));
    writeFileSync(join(scene.work, ".codex/config.toml"), 'model_reasoning_summary = "none"\nmodel = "of-the-repository"\n');
    const host = await Host.up(scene);
    await host.agentReady();
    const desk = await host.local("desk");
    const before = await desk.call("thread/start", {});
    expect(before.model).toBe("practice");
    expect((await scene.run(["trust", scene.work])).code).toBe(0);
    expect((await desk.call("thread/start", {})).model).toBe("of-the-repository");
    expect((await scene.run(["trust", "remove", scene.work])).code).toBe(0);
    expect((await desk.call("thread/start", {})).model).toBe("practice");
  });

  test("that cannot be read are not trusted, and say where", async ({ scene }) => {
    bring(scene.work, '[[rule]]\ndecide = "allow"\ncommand = "rm"\n');
    const host = await Host.up(scene);
    const { code, stderr } = await scene.run(["trust", scene.work]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/policy\.toml:2:1: a repository's rules may ask and deny/);
    expect((await host.status()).host.trust.state).toBe("unasked");
  });

  test("are a device's to trust only as an owner, and for the workspace alone", async ({ scene }) => {
    bring(scene.work, RULE);
    const host = await Host.up(scene);
    const operator = await (await host.pair({ name: "operator" })).attach();
    const owner = await (await host.pair({ name: "owner", role: "owner" })).attach();
    expect(await refused(operator.call("farhand/trust/set", { path: scene.work, trusted: true }))).toBe(-32011);
    expect(await refused(operator.call("farhand/trust/list"))).toBe(-32011);
    expect(await refused(owner.call("farhand/trust/set", { path: scene.home, trusted: true }))).toBe(-32011);
    await owner.call("farhand/trust/set", { path: scene.work, trusted: true });
    expect((await owner.call("farhand/trust/list")).data).toMatchObject([{ path: scene.work, trusted: true, holds: true, by: "owner" }]);
  });

  test("do not count in another folder that is put in the place of a trusted one", async ({ scene }) => {
    bring(scene.work, RULE);
    const first = await Host.up(scene);
    expect((await scene.run(["trust", scene.work])).code).toBe(0);
    await first.stop();
    renameSync(scene.work, scene.path("moved"));
    mkdirSync(scene.work);
    bring(scene.work, RULE);
    const other = await Host.up(scene);
    expect((await other.status()).host.trust).toEqual({ state: "unasked", asks: true });
    expect((await scene.run(["trust", "list"])).stdout).toContain("another folder is there now");
    await other.stop();
    const explained = await scene.run(["policy", "explain", "--json", "--cwd", scene.path("moved"), "--", "ls"]);
    expect(explained.stderr).toContain("is not read: the folder is not trusted");
    symlinkSync(scene.path("moved"), scene.path("link"));
    await Host.up(scene);
    const link = await scene.run(["rpc", "farhand/trust/set", JSON.stringify({ path: scene.path("link"), trusted: true })]);
    expect(link.code).not.toBe(0);
  });
});
