// Approvals exactly once: signed, durable, decided by one, known to all.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { Decision } from "../../web/src/session/approval";
import { lv, unb64url } from "../../web/src/wire/bytes";
import { holding, send, signed } from "./lib/decide";
import { approval, audited, Host, joins, linesIn, say, startThread, turnEnds } from "./lib/host";
import type { Json } from "./lib/rpc";
import { describe, expect, test } from "./lib/scene";

describe("an approval", () => {
  test("is decided by a signature, and the log has it before the command ran", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair({ role: "approver", name: "Ada's phone" });
    const rpc = await phone.attach();
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo once >> ran.txt");
    await approval(desk, threadId); // a thread can be joined once something was said
    await joins(rpc, threadId);
    const request = await approval(rpc, threadId);
    const { data } = await rpc.call("farhand/approval/list", { threadId });
    expect(data).toMatchObject([{ requestId: request.id, kind: "command", state: "pending", mayDecide: true }]);
    expect(await send(rpc, await signed(holding(phone), request, Decision.ACCEPT))).toEqual({ state: "decided" });
    expect((await turnEnds(desk, threadId)).status).toBe("completed");
    expect(linesIn(scene, "ran.txt")).toBe(1);
    const resolved = await desk.event("serverRequest/resolved", (p) => p.requestId === request.id);
    expect(resolved.params.farhand).toMatchObject({ by: { kind: "device", name: "Ada's phone" }, decision: "accept" });
    expect(audited(scene, "decision")).toMatchObject([{ requestId: request.id, decision: "accept", final: true, by: { kind: "device" } }]);
    expect((await rpc.call("farhand/approval/list", {})).data).toEqual([]);
  });

  test("is not decided by what was signed for something else", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo never >> ran.txt");
    const request = await approval(rpc, threadId);
    const held = holding(phone);
    const other = new Uint8Array(32).fill(7);
    const id = new Uint8Array(16).fill(7);
    const bends = [{ rd: other }, { hostId: id }, { requestId: id }, { th4: other }, { grantSerial: 10_000n }, { grantSerial: 0n }, { seenHead: other }, { seenIdx: 10_000 }];
    for (const bend of bends) {
      await expect(send(rpc, await signed(held, request, Decision.ACCEPT, { bend })), JSON.stringify(Object.keys(bend))).rejects.toMatchObject({ code: -32016 });
    }
    const good = await signed(held, request, Decision.ACCEPT);
    const stranger = await host.pair({ name: "other" });
    const elsewhere = await stranger.attach();
    await expect(send(elsewhere, good)).rejects.toMatchObject({ code: -32016 });
    await expect(send(rpc, { ...good, sig: good.sig.replace(/^./, (c) => (c === "A" ? "B" : "A")) })).rejects.toMatchObject({ code: -32016 });
    await expect(rpc.call("farhand/approval/decide", { requestId: request.id, decision: "accept", rd: "00".repeat(32) })).rejects.toMatchObject({ code: -32602 });
    expect((await rpc.call("farhand/approval/list", {})).data).toMatchObject([{ state: "pending", decisions: [] }]);
    // A local program too has to name what it decides.
    const desk = await host.owner;
    await expect(desk.call("farhand/approval/decide", { requestId: request.id, decision: "accept", rd: "00".repeat(32) })).rejects.toMatchObject({ code: -32016 });
    expect(await send(rpc, await signed(held, request, Decision.DECLINE))).toEqual({ state: "decided" });
    await turnEnds(rpc, threadId);
    await expect(send(rpc, good)).rejects.toMatchObject({ code: -32010, message: expect.stringContaining("decline") });
    expect(linesIn(scene, "ran.txt")).toBe(0);
  });

  test("that two devices race for is decided once, and the loser learns who", async ({ scene }) => {
    const host = await Host.ready(scene);
    const ada = await host.pair({ name: "Ada" });
    const bob = await host.pair({ name: "Bob" });
    const [a, b] = [await ada.attach(), await bob.attach()];
    const threadId = await startThread(a);
    await say(a, threadId, "run echo raced >> ran.txt");
    const request = await approval(a, threadId);
    await joins(b, threadId);
    await approval(b, threadId);
    const outcomes = await Promise.allSettled([
      signed(holding(ada), request, Decision.ACCEPT).then((d) => send(a, d)),
      signed(holding(bob), request, Decision.ACCEPT).then((d) => send(b, d)),
    ]);
    const winners = outcomes.filter((o) => o.status === "fulfilled");
    const [loser] = outcomes.filter((o) => o.status === "rejected");
    expect(winners).toHaveLength(1);
    expect((loser as PromiseRejectedResult).reason).toMatchObject({ code: -32010, message: expect.stringMatching(/decided by (Ada|Bob)/) });
    await turnEnds(a, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
    expect(audited(scene, "decision")).toHaveLength(1);
  });

  test("signed before the line was cut is valid after it", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo late >> ran.txt");
    const decision = await signed(holding(phone), await approval(rpc, threadId), Decision.ACCEPT);
    const mark = phone.mark;
    phone.sockets.cut();
    await phone.phase("waiting", mark);
    await phone.phase("open", mark);
    const again = phone.rpc();
    await again.initialize();
    await joins(again, threadId);
    expect(await send(again, decision)).toEqual({ state: "decided" });
    await turnEnds(again, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("outlives a kill of the host with its id and its time, and a decision signed before it counts", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo survived >> ran.txt");
    const request = await approval(rpc, threadId);
    const [before] = (await rpc.call("farhand/approval/list")).data;
    const decision = await signed(holding(phone), request, Decision.ACCEPT);
    const port = new URL(host.link).port;
    const mark = phone.mark;
    await host.stop("SIGKILL");
    await Host.ready(scene, ["--port", port]);
    await phone.phase("open", mark);
    const back = phone.rpc();
    await back.initialize();
    await joins(back, threadId);
    const repeated = await approval(back, threadId);
    expect(repeated.id).toBe(request.id);
    expect(repeated.params.farhand.request).toBe(request.params.farhand.request);
    const [after] = (await back.call("farhand/approval/list")).data;
    expect(after).toMatchObject({ requestId: before.requestId, createdAt: before.createdAt, state: "pending" });
    await send(back, decision);
    await turnEnds(back, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("to change files has its diff, also after a restart of the host", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "patch added.txt hello");
    const FILES = "item/fileChange/requestApproval";
    const asked = await desk.event(FILES, (p) => p.threadId === threadId);
    const material = JSON.parse(asked.params.farhand.material);
    expect(material.changes).toMatchObject([{ path: expect.stringContaining("added.txt"), diff: expect.stringContaining("hello") }]);
    await host.stop();
    const again = await Host.ready(scene);
    const back = await again.local("back");
    await joins(back, threadId);
    const repeated = await back.event(FILES, (p) => p.threadId === threadId);
    expect(repeated.id).toBe(asked.id);
    expect(JSON.parse(repeated.params.farhand.material).changes).toEqual(material.changes);
    const item = await back.event("item/started", (p) => p.item.type === "fileChange");
    expect(item.params.item.changes).toMatchObject(material.changes);
    back.answer(repeated, { decision: "accept" });
    await turnEnds(back, threadId);
    expect(readFileSync(`${scene.work}/added.txt`, "utf8")).toContain("hello");
  });

  test("of an agent that died is withdrawn, and everyone is told", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo never >> ran.txt");
    const request = await approval(rpc, threadId);
    const decision = await signed(holding(phone), request, Decision.ACCEPT);
    const from = rpc.mark;
    for (const pid of scene.strays().filter((p) => scene.commandOf(p).includes("app-server"))) process.kill(pid, "SIGKILL");
    await rpc.event("farhand/approval/changed", (p) => p.requestId === request.id && p.state === "withdrawn", { from });
    await expect(send(rpc, decision)).rejects.toMatchObject({ code: -32010, message: expect.stringContaining("withdrawn") });
    expect(linesIn(scene, "ran.txt")).toBe(0);
    expect(audited(scene, "withdrawn")).toMatchObject([{ requestId: request.id }]);
  });

  test("is not decided by a device that was revoked after it had signed", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const desk = await host.owner;
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo never >> ran.txt");
    await approval(desk, threadId);
    await joins(rpc, threadId);
    const request = await approval(rpc, threadId);
    const decision = await signed(holding(phone), request, Decision.ACCEPT);
    const { host: me } = await desk.call("farhand/status");
    const { data } = await desk.call("remoteControl/client/list", { environmentId: me.environmentId });
    await desk.call("remoteControl/client/revoke", { environmentId: me.environmentId, clientId: data[0].clientId });
    const refused = send(rpc, decision).then(
      () => "taken",
      () => "refused",
    );
    const gone = phone.phase("ended").then(() => "refused");
    expect(await Promise.race([refused, gone])).toBe("refused");
    const other = await host.pair({ name: "another" });
    const second = await other.attach();
    await joins(second, threadId);
    await expect(send(second, decision)).rejects.toMatchObject({ code: -32016 });
    expect((await desk.call("farhand/approval/list")).data).toMatchObject([{ state: "pending", decisions: [] }]);
    desk.answer(await approval(desk, threadId), { decision: "decline" });
    await turnEnds(desk, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(0);
  });

  test("with a limit ends declined when nobody was in time", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    await expect(desk.call("farhand/approval/policy", { expiresAfterMs: 5 })).rejects.toMatchObject({ code: -32602 });
    expect(await desk.call("farhand/approval/policy", { expiresAfterMs: 10_000 })).toEqual({ quorum: 1, expiresAfterMs: 10_000 });
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo never >> ran.txt");
    const request = await approval(desk, threadId);
    const resolved = await desk.event("serverRequest/resolved", (p) => p.requestId === request.id);
    expect(resolved.params.farhand).toMatchObject({ by: { kind: "expired" }, decision: "decline" });
    await turnEnds(desk, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(0);
    expect(audited(scene, "decision")).toMatchObject([{ decision: "decline", final: true }]);
  });

  test("that wants two people is not decided by one with two devices, nor at the desk", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    await desk.call("farhand/approval/policy", { quorum: 2 });
    const one = await host.pair({ name: "Ada's phone" });
    const two = await host.pair({ name: "Ada's tablet" });
    const three = await host.pair({ name: "Bob's phone" });
    await desk.call("farhand/device/update", { clientId: "Bob's phone", person: "Bob" });
    const [a, b, c] = [await one.attach(), await two.attach(), await three.attach()];
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo both >> ran.txt");
    const waiting = await approval(desk, threadId);
    for (const rpc of [a, b, c]) await joins(rpc, threadId);
    const request = await approval(a, threadId);
    expect(await send(a, await signed(holding(one), request, Decision.ACCEPT))).toEqual({ state: "pending" });
    await expect(send(b, await signed(holding(two), request, Decision.ACCEPT))).rejects.toMatchObject({ code: -32010 });
    const [row] = (await desk.call("farhand/approval/list")).data;
    expect(row).toMatchObject({ state: "pending", quorum: 2, decisions: [{ by: { name: "Ada's phone" }, decision: "accept" }] });
    const { request: code, material } = waiting.params.farhand;
    expect(material).toContain("echo both");
    const rd = createHash("sha256").update(lv("fh1 approval req")).update(unb64url(code)).digest("hex");
    await expect(desk.call("farhand/approval/decide", { requestId: waiting.id, decision: "accept", rd })).rejects.toMatchObject({ code: -32011 });
    // The first vote outlives the host; the second one then decides.
    await host.stop("SIGKILL");
    const marks = three.mark;
    await Host.ready(scene, ["--port", new URL(host.link).port]);
    await three.phase("open", marks);
    const back = three.rpc();
    await back.initialize();
    await joins(back, threadId);
    const repeated = await approval(back, threadId);
    expect(await send(back, await signed(holding(three), repeated, Decision.ACCEPT))).toEqual({ state: "decided" });
    await turnEnds(back, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(1);
  });

  test("is listed, shown and decided from a terminal here and on a joined machine, which signs", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.owner;
    const elsewhere = await host.joinFrom();
    const threadId = await startThread(desk);
    await say(desk, threadId, "run echo here >> ran.txt\nrun echo there >> ran.txt");
    const first = await approval(desk, threadId);
    const listed = await scene.run(["approvals", "list"]);
    expect(listed.stdout).toContain("echo here");
    const shown = await scene.run(["approvals", "show", String(first.id)]);
    expect(shown.stdout).toMatch(/echo here >> ran\.txt[\s\S]*may decide[\s\S]*digest/);
    expect((await scene.run(["approvals", "accept", "none"])).code).not.toBe(0);
    const from = desk.mark;
    expect((await scene.run(["approvals", "accept", String(first.id)])).stdout).toContain("Decided: accept");
    const second = await desk.event("item/commandExecution/requestApproval", (p) => p.command.includes("there"), { from });
    const there = await scene.run(["approvals", "accept", String(second.id).slice(0, 8)], { env: elsewhere });
    expect(there.stdout + there.stderr).toContain("Decided: accept");
    await turnEnds(desk, threadId);
    expect(linesIn(scene, "ran.txt")).toBe(2);
    const [here, signedOne] = audited(scene, "decision");
    expect(here).toMatchObject({ by: { kind: "local" } });
    expect(here.sig).toBeFalsy();
    expect(signedOne).toMatchObject({ by: { kind: "device" }, sig: expect.any(String) });
  });

  test("answered bare by a device is refused: only a signature decides", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "run echo never >> ran.txt");
    const request = await approval(rpc, threadId);
    const errors: Json[] = [];
    const received = rpc.received.bind(rpc);
    rpc.received = (text) => {
      const message = JSON.parse(text);
      if (message.id === request.id && message.error) errors.push(message.error);
      received(text);
    };
    rpc.transport.send(JSON.stringify({ id: request.id, result: { decision: "accept" } }));
    expect((await rpc.call("farhand/approval/list")).data).toMatchObject([{ state: "pending", decisions: [] }]);
    expect(errors).toMatchObject([{ code: -32016 }]);
    expect(linesIn(scene, "ran.txt")).toBe(0);
  });
});
