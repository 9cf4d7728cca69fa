// A plug pulled at one exact point, and a state folder that is not as it was left.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join as inside } from "node:path";

import { Decision } from "../../web/src/session/approval";
import { holding, send, signed } from "./lib/decide";
import { approval, audited, Gate, Host, joins, linesIn, say, startRelay, startThread, turnEnds } from "./lib/host";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";

/** Holds the state file's write lock, so that a decision has its line and waits for its row. */
async function holdsTheState(scene: Scene): Promise<() => Promise<void>> {
  const script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()";
  const holder = scene.start(["python3", "-c", script, inside(scene.home, "state.db")], { name: "holder of the lock" });
  await holder.line(/held/);
  return async () => {
    holder.child.stdin?.end();
    await holder.exited;
  };
}

async function until(done: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!done()) {
    if (Date.now() > end) throw new Error("it did not come to that");
    await new Promise((next) => setTimeout(next, 5));
  }
}

describe("a decision", () => {
  test("whose host was killed between its line and its row counts once", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo counted >> ran.txt");
    const request = await approval(desk, threadId);
    const release = await holdsTheState(scene);
    desk.answer(request, { decision: "accept" });
    await until(() => audited(scene, "decision").length === 1);
    await host.stop("SIGKILL");
    await release();
    expect(linesIn(scene, "ran.txt")).toBe(0);
    const again = await Host.ready(scene);
    const back = await again.owner;
    await joins(back, threadId);
    await until(() => linesIn(scene, "ran.txt") === 1);
    await until(() => audited(scene, "effect").some((e) => e.kind === "commandExecution"));
    expect(audited(scene, "decision")).toMatchObject([{ requestId: request.id, decision: "accept" }]);
    expect(audited(scene, "recovered")).toMatchObject([{ requestId: request.id, decision: expect.any(Number) }]);
    expect((await back.call("farhand/approval/list", {})).data).toEqual([]);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("signed before the relay died counts when the relay is back", async ({ scene }) => {
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url);
    await host.agentReady();
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo back >> ran.txt");
    const decision = await signed(holding(phone), await approval(rpc, threadId), Decision.ACCEPT);
    const mark = phone.mark;
    await relay.program.stop("SIGKILL");
    await startRelay(scene, relay.port);
    await phone.phase("open", mark);
    expect((await rpc.call("farhand/approval/list", {})).data).toMatchObject([{ state: "pending", decisions: [] }]);
    expect(await send(rpc, decision)).toEqual({ state: "decided" });
    await turnEnds(rpc, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("of a device that may not decide any more is void until the agent has it", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    await desk.call("farhand/approval/policy", { quorum: 2 });
    const [ada, bob] = [await host.pair({ name: "Ada" }), await host.pair({ name: "Bob" })];
    const { host: me } = await desk.call("farhand/status");
    const { data } = await desk.call("remoteControl/client/list", { environmentId: me.environmentId });
    const idOf = (name: string) => data.find((row: { displayName: string }) => row.displayName === name).clientId;
    await desk.call("farhand/device/update", { clientId: idOf("Ada"), person: "Ada" });
    await desk.call("farhand/device/update", { clientId: idOf("Bob"), person: "Bob" });
    const [a, b] = [await ada.attach(), await bob.attach()];
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo both >> ran.txt");
    await approval(desk, threadId);
    await joins(a, threadId);
    await joins(b, threadId);
    const request = await approval(a, threadId);
    expect(await send(a, await signed(holding(ada), request, Decision.ACCEPT))).toEqual({ state: "pending" });
    await desk.call("farhand/device/update", { clientId: idOf("Ada"), role: "viewer" });
    expect((await desk.call("farhand/approval/list", {})).data).toMatchObject([{ state: "pending", decisions: [] }]);
    expect(await send(b, await signed(holding(bob), request, Decision.ACCEPT))).toEqual({ state: "pending" });
    expect(linesIn(scene, "ran.txt")).toBe(0);
    await desk.call("farhand/device/update", { clientId: idOf("Bob"), threads: ["another"] });
    expect((await desk.call("farhand/approval/list", {})).data).toMatchObject([{ state: "pending", decisions: [] }]);
    await desk.call("farhand/device/update", { clientId: idOf("Bob"), threads: null });
    await desk.call("farhand/device/update", { clientId: idOf("Ada"), role: "approver" });
    expect(await send(a, await signed(holding(ada), request, Decision.ACCEPT))).toEqual({ state: "pending" });
    expect(await send(b, await signed(holding(bob), request, Decision.ACCEPT))).toEqual({ state: "decided" });
    await turnEnds(desk, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("to decline takes a word with it, to the agent and into the log", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const threadId = await startThread(desk);
    const gate = new Gate(scene);
    await say(desk, threadId, `run echo never >> ran.txt\nhold ${gate.path}`);
    const request = await approval(desk, threadId);
    const said = await scene.run(["approvals", "decline", String(request.id), "--reason", "say something kind instead"]);
    expect(said.stdout + said.stderr).toContain("The agent has your word");
    expect(said.code).toBe(0);
    gate.open();
    await turnEnds(desk, threadId);
    expect(audited(scene, "decision")).toMatchObject([{ decision: "decline", reason: "say something kind instead" }]);
    expect(audited(scene, "turn").map((t) => t.state)).toContain("steered");
    expect(linesIn(scene, "ran.txt")).toBe(0);
    const wrong = await scene.run(["approvals", "accept", String(request.id), "--reason", "x"]);
    expect(wrong.code).toBe(2);
  });
});

describe("a state folder", () => {
  test("whose database is torn is refused in words, and left as it is", async ({ scene }) => {
    const host = await Host.ready(scene);
    await host.stop();
    const path = inside(scene.home, "state.db");
    const size = statSync(path).size;
    const octets = Buffer.from(readFileSync(path));
    octets.fill(0x5a, Math.min(4096, size / 2), Math.min(4096 * 3, size));
    for (const torn of [octets, octets.subarray(0, size / 2), Buffer.from("not a database at all".repeat(300))]) {
      writeFileSync(path, torn);
      const { code, stderr, stdout } = await scene.run(["host", "--practice", "--cwd", scene.work, "--listen", "127.0.0.1:0"]);
      expect(code, stderr + stdout).not.toBe(0);
      expect(stderr).toMatch(/state/);
      expect(readFileSync(path).equals(torn)).toBe(true);
    }
  });

  test("on a disk that is read-only is refused in words", async ({ scene }) => {
    const host = await Host.ready(scene);
    await host.stop();
    const unshare = process.getuid?.() === 0 ? ["unshare", "--mount"] : ["unshare", "--user", "--map-root-user", "--mount"];
    const script = `mount --bind '${scene.home}' '${scene.home}' && mount -o remount,bind,ro '${scene.home}' && exec '${FARHAND}' host --practice --cwd '${scene.work}' --listen 127.0.0.1:0`;
    const before = readFileSync(inside(scene.home, "audit.jsonl"));
    const program = scene.start([...unshare, "sh", "-c", script], { name: "host on a read-only disk" });
    const { code } = await program.exited;
    expect(code).not.toBe(0);
    expect(program.stderr + program.stdout).toMatch(/cannot be (used|written)|Read-only/);
    expect(readFileSync(inside(scene.home, "audit.jsonl")).equals(before)).toBe(true);
  });
});
