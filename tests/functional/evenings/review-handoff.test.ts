// The second evening: a developer works through a review, then reads a phrase to a colleague on
// a call. The colleague joins from their own phone, sees that conversation whole and no other,
// and carries on where it stopped; until the evening is over.

import { Gate, Host, say, startThread, turnEnds } from "../lib/host";
import { Phone } from "../lib/phone";
import { type Rpc, RpcError } from "../lib/rpc";
import { describe, expect, type Scene, test } from "../lib/scene";

async function code(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 0,
    (error: Error) => (error instanceof RpcError ? error.code : -1),
  );
}

/** What the developer types and reads aloud, and what both then compare. */
async function handOver(scene: Scene, host: Host, phone: Phone, args: readonly string[]): Promise<void> {
  const owner = await host.owner;
  await host.relayConnected();
  const from = owner.mark;
  const terminal = scene.farhand(["pair", "--json", ...args]);
  const [line] = await terminal.line(/\{"event":"code".*\}/);
  const offer = JSON.parse(line as string);
  const pairing = await phone.pairByPhrase(offer.manualPairingCode, offer.farhand.relay);
  const asks = await owner.event("farhand/pairing/changed", (p) => p.state === "confirming", { from });
  expect(await pairing.digits()).toBe(asks.params.sas);
  expect(asks.params).toMatchObject({ person: offer.farhand.person, threads: offer.farhand.threads, until: offer.farhand.until });
  pairing.pairing.matches();
  expect((await scene.run(["pair", "confirm"])).code).toBe(0);
  await pairing.done;
  expect((await terminal.exited).code).toBe(0);
}

async function work(rpc: Rpc, threadId: string, text: string): Promise<void> {
  const from = rpc.mark;
  await say(rpc, threadId, text);
  expect((await turnEnds(rpc, threadId, from)).status).toBe("completed");
}

describe("review hand-off", () => {
  test("a colleague sees one conversation whole and no other, carries it on, and is told when the time is up", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.agentReady();
    const dev = await host.local("developer");
    const [review, other] = [await startThread(dev), await startThread(dev)];
    await work(dev, review, "say first finding");
    await work(dev, other, "say nobody elses business");
    await work(dev, review, "say second finding");

    const phone = new Phone(scene, "Ada's phone");
    await handOver(scene, host, phone, ["--for", "Ada", "--thread", review, "--until", "+1h"]);
    const ada = await phone.attach();
    const me = (await ada.call("farhand/status")).you;
    expect(me).toMatchObject({ role: "operator", person: "Ada", threads: [review] });
    expect(me.until).toBeGreaterThan(Date.now());

    // That conversation whole …
    const joined = await ada.call("thread/resume", { threadId: review });
    const text = JSON.stringify(joined.thread.turns);
    expect(text).toContain("first finding");
    expect(text).toContain("second finding");
    // … and no other.
    expect((await ada.call("thread/list", {})).data.map((t: { id: string }) => t.id)).toEqual([review]);
    expect((await ada.call("thread/loaded/list", {})).data).toEqual([review]);
    for (const [method, params] of [
      ["thread/read", { threadId: other }],
      ["thread/resume", { threadId: other }],
      ["turn/start", { threadId: other, input: [] }],
      ["thread/start", {}],
      ["thread/fork", { threadId: review }],
      ["fs/readFile", { path: "/etc/passwd" }],
      ["remoteControl/client/list", {}],
      ["farhand/device/update", { clientId: me.clientId, threads: null, until: null }],
    ] as const) {
      expect(await code(ada.call(method, params)), method).toBe(-32011);
    }

    // She carries on where it stopped, and the developer sees it.
    await dev.call("thread/resume", { threadId: review });
    const here = await dev.event("farhand/presence/changed", (p) => p.threadId === review);
    expect(here.params.present).toContainEqual(expect.objectContaining({ kind: "device", name: "Ada's phone", person: "Ada", role: "operator" }));
    expect((await scene.run(["status"])).stdout).toMatch(/, Ada \(Ada's phone\)/);
    const devFrom = dev.mark;
    await work(ada, review, "say third finding");
    await turnEnds(dev, review, devFrom);
    await work(dev, other, "say still nobody elses");
    expect(JSON.stringify(ada.inbox.items)).not.toContain("nobody elses");
    const listed = await scene.run(["devices"]);
    expect(listed.stdout).toMatch(/operator .*Ada's phone · for Ada · one thread only · until /);

    // The time is up in the middle of a turn of hers.
    const gate = new Gate(scene);
    const [turnFrom, states] = [dev.mark, phone.mark];
    await say(ada, review, `hold ${gate.path}`);
    await dev.event("item/agentMessage/delta", (p) => p.threadId === review, { from: turnFrom });
    expect((await scene.run(["devices", "until", "Ada's phone", "+2s"])).code).toBe(0);
    const told = await ada.event("farhand/ended");
    expect(told.params.reason).toMatch(/^Your invitation ended at .*\. Ask the host's owner for more time\.$/);
    expect(await code(ada.call("turn/interrupt", { threadId: review, turnId: "x" }, 5000))).not.toBe(0);
    const refused = await phone.states.next("the sentence", (s) => (s.sentence ?? "").startsWith("Your invitation ended at"), { from: states });
    expect(refused.phase).not.toBe("open");
    // The turn goes on for the others.
    gate.open();
    expect((await turnEnds(dev, review, turnFrom)).status).toBe("completed");
    expect((await scene.run(["devices"])).stdout).toContain("ended ");

    // More time: she opens the app again, and has the same thread and no other.
    expect((await scene.run(["devices", "until", "Ada's phone", "+1h"])).code).toBe(0);
    phone.stop();
    const again = await phone.attach();
    expect((await again.call("thread/list", {})).data).toHaveLength(1);
  });

  test("what cannot be is refused in words, before a code is made", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.relayConnected();
    for (const [args, sentence] of [
      [["--until", "soon"], /'soon' is no time: write \+2h/],
      [["--until", "2001-01-01T00:00"], /is over already/],
      [["--role", "owner", "--until", "+1h"], /an owner is not limited/],
      [["--thread", "a b"], /threads is a list of thread ids/],
    ] as const) {
      const { code: exit, stderr } = await scene.run(["pair", "--json", ...args]);
      expect(exit, args.join(" ")).not.toBe(0);
      expect(stderr).toMatch(sentence);
    }
  });
});
