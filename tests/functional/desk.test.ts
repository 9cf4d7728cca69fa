// The desk is a controller too: a Codex opened later joins the same agent, and what is decided
// there, past the hub, is seen by everyone.

import { readlinkSync } from "node:fs";

import { approval, Gate, Host, say, startThread, turnEnds } from "./lib/host";
import { connectRpc } from "./lib/rpc";
import { describe, expect, findCodex, type Scene, test } from "./lib/scene";
import { Terminal } from "./lib/tmux";

/** Codex's own socket, as a plain `codex` finds it. */
function ownSocket(scene: Scene): string {
  const path = `${scene.home}/practice/app-server-control/app-server-control.sock`;
  try {
    return readlinkSync(path);
  } catch {
    return path;
  }
}

describe("the desk", () => {
  test("a Codex opened later on the same thread shows it, and its prompt reaches the phone", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await (await host.pair()).attach();
    const threadId = await startThread(phone);
    await say(phone, threadId, "say spoken on the phone");
    await turnEnds(phone, threadId);
    const desk = new Terminal(scene, "desk", `${findCodex()} resume ${threadId}`, { env: { CODEX_HOME: `${scene.home}/practice` } });
    await desk.shows(/spoken on the phone/);
    desk.keep("desk-resumed");
    const from = phone.mark;
    await desk.submit("say typed at the desk");
    expect((await turnEnds(phone, threadId, from)).status).toBe("completed");
    await phone.event("item/completed", (p) => p.item.type === "agentMessage" && p.item.text.includes("typed at the desk"), { from });
  });

  test("an approval answered past the hub closes everywhere, as decided outside", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = await (await host.pair()).attach();
    const threadId = await startThread(phone);
    const gate = new Gate(scene);
    await say(phone, threadId, `run echo outside\nhold ${gate.path}`);
    const request = await approval(phone, threadId);
    const outside = await connectRpc("outside", `unix:${ownSocket(scene)}`);
    scene.atEnd(() => outside.close());
    await outside.initialize();
    await outside.call("thread/resume", { threadId });
    outside.answer(await approval(outside, threadId), { decision: "accept" });
    const resolved = await phone.event("serverRequest/resolved", (p) => p.requestId === request.id);
    expect(resolved.params.farhand.by.kind).toBe("outside");
    gate.open();
    expect((await turnEnds(phone, threadId)).status).toBe("completed");
  });
});
