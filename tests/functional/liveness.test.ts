// Links that look alive and are not, and one slow device beside a quick one.

import { connectRpc, type Json } from "./lib/rpc";
import { approval, Host, say, startThread, turnEnds } from "./lib/host";
import { Mitm } from "./lib/mitm";
import { Phone } from "./lib/phone";
import { describe, expect, type Scene, test } from "./lib/scene";

/** From traffic being expected to the word for it: 5 s of silence, 5 s for the PING; the rest is a busy machine's. */
const FOUND_WITHIN_MS = 14_000;

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const began = Date.now();
  await work();
  return Date.now() - began;
}

function device(params: Json, name: string): Json {
  return params.devices.find((d: Json) => d.displayName === name);
}

/** `farhand host` whose way to a relay of its own leads through a man in the middle. */
async function behindMitm(scene: Scene) {
  const mitm = await Mitm.start("ws://127.0.0.1:9/relay");
  scene.atEnd(() => mitm.close());
  const relay = scene.farhand(["relay", "--open", "--json", "--listen", "127.0.0.1:0", "--public-url", mitm.url], {
    env: { FARHAND_HOME: scene.path("relay") },
  });
  const [line] = await relay.line(/^\{.*"listen".*\}$/);
  mitm.target = `ws://127.0.0.1:${JSON.parse(line).port}/relay`;
  const program = scene.farhand(["host", "--practice", "--cwd", scene.work, "--relay", mitm.url]);
  await program.line(/ is ready: /);
  const host = new Host(scene, program, "");
  await host.relayConnected();
  return { host, mitm };
}

describe("a quiet link", () => {
  test("stays up when nothing more is to be said", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.offer(); // a nameplate is registered: the last that the relay is asked
    const owner = await host.owner;
    const lost = owner.event("farhand/status/changed", (p) => p.relay.state !== "connected", { from: owner.mark, within: FOUND_WITHIN_MS });
    await expect(lost).rejects.toThrow("not within");
  });
});

describe("a half-dead link", () => {
  test("a device that vanished is called away within seconds of a message to it", async ({ scene }) => {
    const host = await Host.ready(scene);
    const phone = new Phone(scene, "Vanishing");
    await host.pairPhone(phone);
    const mitm = await Mitm.start((await host.status()).relay.url);
    scene.atEnd(() => mitm.close());
    phone.sockets.redirect = () => mitm.url;
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    await say(rpc, threadId, "say first");
    await turnEnds(rpc, threadId);
    const owner = await host.owner;
    const from = owner.mark;
    mitm.tamper = () => []; // both ways, and no socket closes
    const took = await elapsed(async () => {
      await owner.call("thread/resume", { threadId });
      await say(owner, threadId, "say hello");
      await owner.event("farhand/status/changed", (p) => device(p, "Vanishing")?.connected === false, { from, within: 30_000 });
    });
    expect(took).toBeLessThan(FOUND_WITHIN_MS);
  });

  test("a relay that swallows everything is found, and dialled again", async ({ scene }) => {
    const { host, mitm } = await behindMitm(scene);
    const owner = await host.owner;
    const from = owner.mark;
    const [leg] = mitm.legs;
    mitm.tamper = (frame, of) => (of === leg ? [] : [frame.octets]);
    const took = await elapsed(async () => {
      const asked = host.offer().catch((error: Error) => error);
      const lost = await owner.event("farhand/status/changed", (p) => p.relay.state !== "connected", { from, within: 30_000 });
      expect(lost.params.relay.lastError).toBe("the relay fell silent");
      await asked;
    });
    expect(took).toBeLessThan(FOUND_WITHIN_MS);
    await host.relayConnected(); // over a new leg
    expect(mitm.legs.length).toBeGreaterThan(1);
  });

  test("a controller in C whose path is swallowed says so and comes back", async ({ scene }) => {
    const { host, mitm } = await behindMitm(scene);
    await host.agentReady();
    const env = await host.joinFrom("laptop");
    expect((await scene.json(["rpc", "farhand/status"], { env })).host).toBeTruthy();
    const before = mitm.legs.length;
    const [hosts] = mitm.legs;
    mitm.tamper = (frame, of) => (of === hosts || mitm.legs.indexOf(of) >= before ? [frame.octets] : []);
    const took = await elapsed(() => scene.run(["rpc", "thread/loaded/list"], { env }));
    expect(took).toBeLessThan(FOUND_WITHIN_MS + 5_000);
    expect(mitm.legs.length).toBeGreaterThan(before);
  });
});

describe("an agent that hangs", () => {
  test("is found and said, and is well again when it goes on", async ({ scene }) => {
    const host = await Host.ready(scene);
    const owner = await host.owner;
    await startThread(owner);
    const pid = (await host.status()).agent.pid;
    const from = owner.mark;
    process.kill(pid, "SIGSTOP");
    const asked = owner.call("thread/loaded/list");
    const took = await elapsed(() => owner.event("farhand/status/changed", (p) => p.agent.silent === true, { from, within: 30_000 }));
    expect(took).toBeLessThan(FOUND_WITHIN_MS);
    const { agent } = await host.status();
    expect(agent.lastError).toContain("the agent does not answer");
    expect(agent.ageMs).toBeGreaterThan(9_000);
    const back = owner.mark;
    process.kill(pid, "SIGCONT");
    await owner.event("farhand/status/changed", (p) => p.agent.silent === false, { from: back });
    expect((await asked).data).toHaveLength(1); // nothing was lost
  });
});

describe("a stalled phone", () => {
  test("an approval reaches another phone while it stays stalled", async ({ scene }) => {
    const host = await Host.ready(scene);
    const stalled = await host.pair({ name: "Stalled" });
    const live = await host.pair({ name: "Live" });
    const slow = await stalled.attach();
    const quick = await live.attach();
    const threadId = await startThread(slow);
    await say(slow, threadId, "say first");
    await turnEnds(slow, threadId);
    await quick.call("thread/resume", { threadId });
    for (const socket of stalled.sockets.open) socket.pause();
    const from = quick.mark;
    await say(quick, threadId, "deltas 3000");
    await turnEnds(quick, threadId, from);
    await say(quick, threadId, "run echo beside");
    await approval(quick, threadId, from);
    expect(slow.events("item/commandExecution/requestApproval")).toHaveLength(0);
    for (const socket of stalled.sockets.open) socket.resume();
    await approval(slow, threadId); // late, and once
    const text = (rpc: typeof slow): string =>
      rpc.events("item/agentMessage/delta").filter((m) => m.params.threadId === threadId).map((m) => m.params.delta).join("");
    expect(text(quick).length).toBeGreaterThan(10_000);
    expect(text(slow).endsWith(text(quick))).toBe(true); // exact, and after what only it heard
  });
});

describe("a direct door", () => {
  test("pairs and serves a device without any relay", async ({ scene }) => {
    const program = scene.farhand(["host", "--practice", "--cwd", scene.work, "--listen", "127.0.0.1:0", "--private-agent"], {
      env: { FARHAND_RELAY: "", REMODEX_RELAY: "" },
    });
    await program.line(/ is ready: /);
    const rpc = await connectRpc("owner", `unix:${scene.home}/run/host.sock`);
    scene.atEnd(() => rpc.close());
    await rpc.initialize();
    const host = new Host(scene, program, "");
    await host.agentReady();
    const status = await rpc.call("farhand/status");
    expect(status.relay.door).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/fh1$/);
    expect(status.relay.state).toBe("connected");
    expect(status.agent).toMatchObject({ private: true, shared: false, managed: false, selfApproval: false });

    const env = { FARHAND_HOME: scene.path("laptop") };
    const from = rpc.mark;
    const offer = await rpc.call("remoteControl/pairing/start", { farhand: { role: "operator", confirm: true } });
    const join = scene.farhand(["join", offer.pairingCode, "--json"], { env });
    join.type("matches\n");
    const asked = await rpc.event("farhand/pairing/changed", (p) => p.state === "confirming", { from });
    await rpc.call("farhand/pairing/confirm", { pairingId: asked.params.pairingId, accept: true });
    expect((await join.exited).code).toBe(0);
    const there = await scene.json(["rpc", "farhand/status"], { env });
    expect(there.you.role).toBe("operator");
    const phrase = await rpc.call("remoteControl/pairing/start", { manualCode: true }).catch((error: Error) => error.message);
    expect(`${phrase}`).toContain("a phrase needs a relay");
  });
});
