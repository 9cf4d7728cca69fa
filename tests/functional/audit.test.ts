// What happened is written down, and nobody can change it without being found out.

import { execFileSync } from "node:child_process";
import { appendFileSync, closeSync, copyFileSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join as inside } from "node:path";

import { approval, Host, say, startRelay, startThread, turnEnds } from "./lib/host";
import { connectRpc, type Json } from "./lib/rpc";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";

function log(scene: Scene): Json[] {
  return readFileSync(inside(scene.home, "audit.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
}

function audit(scene: Scene, ...argv: string[]): { code: number; out: string } {
  try {
    return { code: 0, out: execFileSync(FARHAND, ["audit", ...argv], { env: scene.env, encoding: "utf8", stdio: "pipe" }) };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, out: stdout + stderr };
  }
}

/** A turn with one question, answered by the phone; one command that ran. */
async function work(scene: Scene): Promise<Host> {
  const host = await Host.ready(scene);
  const rpc = await (await host.pair({ name: "Pixel" })).attach();
  const threadId = await startThread(rpc);
  await say(rpc, threadId, "run echo written-down");
  rpc.answer(await approval(rpc, threadId), { decision: "accept" });
  await turnEnds(rpc, threadId);
  return host;
}

describe("the audit log", () => {
  test("has the pairing, the turn, the question, who decided, and what ran, in their order", async ({ scene }) => {
    const host = await work(scene);
    await host.stop();
    const rows = log(scene);
    const find = (type: string, fits: (payload: Json) => boolean = () => true): Json => {
      const row = rows.find((r) => r.type === type && fits(r.payload));
      expect(row, `${type} in ${rows.map((r) => r.type)}`).toBeDefined();
      return row;
    };
    expect(rows[0].type).toBe("start");
    expect(find("pair").payload).toMatchObject({ name: "Pixel", how: "qr", by: { kind: "local" } });
    expect(find("grant").idx).toBeGreaterThan(find("pair").idx);
    expect(find("turn", (p) => p.state === "started").payload.by).toMatchObject({ kind: "device", name: "Pixel" });
    const decision = find("decision");
    expect(decision.payload).toMatchObject({ decision: "accept", by: { kind: "device", name: "Pixel" } });
    expect(find("request").payload.requestId).toBe(decision.payload.requestId);
    const effect = find("effect", (p) => p.kind === "commandExecution");
    expect(effect.payload).toMatchObject({ asked: true, requestId: decision.payload.requestId, status: "completed" });
    expect(decision.idx).toBeLessThan(effect.idx);
    expect(find("turn", (p) => p.state === "completed").payload.status).toBe("completed");
    expect(rows.at(-1).type).toBe("checkpoint");
    expect(audit(scene, "verify")).toMatchObject({ code: 0 });
    const shown = audit(scene, "show", "--device", "Pixel", "--type", "decision");
    expect(shown.out.trim().split("\n")).toHaveLength(1);
    expect(shown.out).toContain("Pixel");
    expect(audit(scene, "verify", inside(scene.home, "audit.jsonl"), "--host-key", rows[0].payload.hostKey)).toMatchObject({ code: 0 });
    const other = audit(scene, "verify", "--host-key", "11".repeat(32));
    expect(other.code).toBe(12);
    expect(other.out).toContain("record 1 ");
  });

  test("that somebody edited is named by verify, said by the host, and goes on", async ({ scene }) => {
    await (await work(scene)).stop();
    const path = inside(scene.home, "audit.jsonl");
    const rows = log(scene);
    const row = rows.find((r) => r.type === "decision");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"decision":"accept"', '"decision":"cancel"'));
    const verified = audit(scene, "verify");
    expect(verified.code).toBe(12);
    expect(verified.out).toContain(`record ${row.idx} `);
    expect(verified.out).toContain("changed after it was written");
    const again = await Host.up(scene);
    expect((await again.status()).audit.lastError).toContain(`record ${row.idx}`);
    await again.stop();
    expect(log(scene).some((r) => r.type === "recovered" && r.payload.broken === row.idx)).toBe(true);
    writeFileSync(path, text.split("\n").filter((line) => !line.includes('"type":"decision"')).join("\n"));
    expect(audit(scene, "verify").out).toContain("records are missing");
  });

  test("whose end was torn by a crash is repaired and says so", async ({ scene }) => {
    const host = await work(scene);
    await host.program.stop("SIGKILL");
    const path = inside(scene.home, "audit.jsonl");
    const whole = log(scene).length;
    appendFileSync(path, '{"idx":99,"time":17');
    expect(audit(scene, "verify").out).toContain("no whole one");
    const again = await Host.up(scene);
    await again.stop();
    const rows = log(scene);
    expect(rows[whole].type).toBe("start");
    expect(rows[whole + 1]).toMatchObject({ type: "recovered", payload: { dropped: 19 } });
    expect(audit(scene, "verify")).toMatchObject({ code: 0 });
  });

  test("an excerpt can be exported and verified with the host's key", async ({ scene }) => {
    await (await work(scene)).stop();
    const rows = log(scene);
    const part = scene.path("part.jsonl");
    copyFileSync(inside(scene.home, "audit.jsonl"), part);
    writeFileSync(part, rows.slice(3).map((r) => `${JSON.stringify(r)}\n`).join(""));
    expect(audit(scene, "verify", part, "--host-key", rows[0].payload.hostKey).code).toBe(0);
    const out = scene.path("export.jsonl");
    expect(audit(scene, "export", "--since", "1h", "--out", out).code).toBe(0);
    expect(audit(scene, "verify", out).code).toBe(0);
    truncateSync(out, 100);
    expect(audit(scene, "verify", out).code).toBe(12);
    expect(audit(scene, "show", "--since", "yesterdayish").code).toBe(2);
  });

  test("cannot be cut behind the back of a machine that has seen it", async ({ scene }) => {
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url);
    const env = await host.joinFrom();
    const ask = (): Promise<{ code: number | null; stderr: string }> => scene.run(["rpc", "farhand/status", "{}"], { env });
    for (let i = 0; i < 2; i++) expect(await ask()).toMatchObject({ code: 0, stderr: "" });
    await host.stop();
    const path = inside(scene.home, "audit.jsonl");
    writeFileSync(path, `${readFileSync(path, "utf8").split("\n").slice(0, 2).join("\n")}\n`);
    expect(audit(scene, "verify").code).toBe(0); // a shorter chain is a chain: only a witness can tell
    await Host.behind(scene, relay.url);
    await ask();
    const told = await ask();
    expect(told.stderr).toContain("WARNING: the host's audit log is not the one this device has seen");
    expect(told.code).toBe(0);
  });

  test("on a full disk refuses in words what would act, and goes on when there is room", async ({ scene }) => {
    // A disk of its own: a tmpfs in a mount namespace, reached through /proc.
    const root = process.getuid?.() === 0;
    const unshare = root ? ["unshare", "--mount"] : ["unshare", "--user", "--map-root-user", "--mount"];
    const script = `mount -t tmpfs -o size=64m,mode=0700 tmpfs '${scene.home}' && exec '${FARHAND}' up --practice --port 0 --no-code --cwd '${scene.work}'`;
    const program = scene.start([...unshare, "sh", "-c", script], { name: "host on a small disk" });
    await program.line(/The agent is ready/);
    const home = `/proc/${program.pid}/root${scene.home}`;
    const rpc = await connectRpc("local", `unix:${home}/run/host.sock`);
    scene.atEnd(() => rpc.close());
    await rpc.initialize();
    const threadId = await startThread(rpc);
    const filler = openSync(inside(home, "filler"), "w");
    try {
      for (;;) writeSync(filler, Buffer.alloc(4096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
    // The first record that does not fit raises the alarm; then nothing that acts begins.
    const asked = async (): Promise<string> =>
      say(rpc, threadId, "say hello").then(
        () => "",
        (error: Error) => error.message,
      );
    let refusal = "";
    for (let i = 0; i < 40 && refusal === ""; i++) refusal = await asked();
    expect(refusal).toContain("No space left on device");
    const status = await rpc.call("farhand/status");
    expect(status.audit.lastError).toContain("No space left on device");
    closeSync(filler);
    rmSync(inside(home, "filler"));
    const from = rpc.mark;
    expect(await asked()).toBe("");
    await turnEnds(rpc, threadId, from);
    expect((await rpc.call("farhand/status")).audit.lastError).toBeUndefined();
    copyFileSync(inside(home, "audit.jsonl"), scene.path("full.jsonl"));
    expect(audit(scene, "verify", scene.path("full.jsonl"))).toMatchObject({ code: 0 });
    expect(readFileSync(scene.path("full.jsonl"), "utf8")).toContain('"after":"the audit log cannot be written');
  });

  test("is not filled by a device that asks for what it may not have", async ({ scene }) => {
    const host = await Host.ready(scene);
    const viewer = await (await host.pair({ role: "viewer", name: "Nosy" })).attach();
    const began = Date.now();
    const noted = (): boolean => readFileSync(inside(scene.home, "audit.jsonl"), "utf8").includes('"not recorded"');
    while (!noted() && Date.now() - began < 20_000) {
      await Promise.all(Array.from({ length: 50 }, () => viewer.call("thread/start").catch(() => undefined)));
    }
    const seconds = (Date.now() - began) / 1000;
    await host.stop();
    const refusals = log(scene).filter((r) => r.type === "refusal");
    expect(refusals.length).toBeLessThan((seconds + 2) * 21);
    expect(refusals[0].payload).toMatchObject({ method: "thread/start", by: { name: "Nosy", role: "viewer" } });
    expect(refusals.some((r) => r.payload.method === "not recorded" && /^\d+ more/.test(r.payload.reason))).toBe(true);
  });
});
