// Pairing from a script: no terminal anywhere, digits compared by a program.

import { Host } from "./lib/host";
import { Phone } from "./lib/phone";
import type { Program } from "./lib/program";
import { describe, expect, type Scene, test } from "./lib/scene";

/** A second machine: another home, the same network. */
function elsewhere(scene: Scene): NodeJS.ProcessEnv {
  return { FARHAND_HOME: scene.path("elsewhere"), HOME: scene.path("elsewhere-home") };
}

async function joinJson(join: Program, key: string): Promise<Record<string, unknown>> {
  const line = await join.lines.next(`JSON with ${key}`, (text) => text.startsWith("{") && key in JSON.parse(text));
  return JSON.parse(line);
}

describe("a script", () => {
  test("pairs by phrase, compares the digits, lists and revokes", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.relayConnected();
    const env = elsewhere(scene);
    const offer = await scene.json(["rpc", "remoteControl/pairing/start", '{"manualCode":true}']);
    expect(offer.manualPairingCode).toMatch(/^[A-Z]{4}-[A-Z]{4}-\d{4,6}$/);
    const claimed = async (): Promise<boolean> =>
      (await scene.json(["rpc", "remoteControl/pairing/status", JSON.stringify({ manualPairingCode: offer.manualPairingCode })])).claimed;
    expect(await claimed()).toBe(false);

    const join = scene.farhand(["join", offer.manualPairingCode, "--relay", offer.farhand.relay, "--json"], { env });
    const { digits } = (await joinJson(join, "digits")) as { digits: string };
    const rows = await scene.json(["rpc", "farhand/pairing/list"]);
    const row = rows.data.find((r: { pairingId: string }) => r.pairingId === offer.farhand.pairingId);
    expect(row).toMatchObject({ state: "confirming", sas: digits });
    join.type("matches\n");
    expect((await scene.run(["pair", "confirm", offer.farhand.pairingId])).code).toBe(0);
    expect((await join.exited).code).toBe(0);
    expect(await claimed()).toBe(true);

    const { environmentId } = await scene.json(["rpc", "remoteControl/status/read"]);
    const list = await scene.json(["rpc", "remoteControl/client/list", JSON.stringify({ environmentId })]);
    expect(list.data).toHaveLength(1);
    const { clientId } = list.data[0];
    expect(await scene.json(["rpc", "remoteControl/client/revoke", JSON.stringify({ environmentId, clientId })])).toEqual({});
    const after = await scene.json(["rpc", "remoteControl/client/list", JSON.stringify({ environmentId })]);
    expect(after.data).toHaveLength(0);
  });

  test("joins by link and calls the host from elsewhere", async ({ scene }) => {
    const host = await Host.ready(scene);
    const env = elsewhere(scene);
    const offer = await host.offer();
    const owner = await host.owner;
    const join = scene.farhand(["join", offer.farhand.url, "--json"], { env });
    await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
    join.type("matches\n");
    expect((await join.exited).code).toBe(0);
    const loaded = await scene.json(["rpc", "thread/loaded/list"], { env });
    expect(loaded.data).toEqual([]);
    const refused = await scene.run(["rpc", "no/such/method"], { env });
    expect(refused.code).toBe(7);
    expect(JSON.parse(refused.stdout || refused.stderr).code).toBeLessThan(0);
  });

  test("is told that digits differ, and nothing is paired", async ({ scene }) => {
    const host = await Host.up(scene);
    const env = elsewhere(scene);
    const offer = await host.offer({ phrase: true });
    const join = scene.farhand(["join", offer.manualPairingCode, "--relay", offer.farhand.relay, "--json"], { env });
    await joinJson(join, "digits");
    join.type("differs\n");
    expect((await join.exited).code).toBe(4);
    const { environmentId } = await scene.json(["rpc", "remoteControl/status/read"]);
    const list = await scene.json(["rpc", "remoteControl/client/list", JSON.stringify({ environmentId })]);
    expect(list.data).toHaveLength(0);
  });
});

describe("a phrase", () => {
  test("with a typo is caught before anything is dialled", async ({ scene }) => {
    const host = await Host.up(scene);
    const offer = await host.offer({ phrase: true });
    const typed = offer.manualPairingCode.replace(/\d$/, (digit: string) => `${(Number(digit) + 1) % 10}`);
    const { code, stderr } = await scene.run(["join", typed, "--relay", offer.farhand.relay], { env: elsewhere(scene) });
    expect(code).toBe(2);
    expect(stderr).toMatch(/digit|typo/i);
  });

  test("that is wrong is spent, and three wrong ones close it", async ({ scene }) => {
    const host = await Host.up(scene);
    const owner = await host.owner;
    const offer = await host.offer({ phrase: true });
    const { checkDigit } = await import("../../web/src/session/phrase");
    const { WORDS } = await import("../../web/src/session/words");
    const nameplate = offer.manualPairingCode.split("-")[2].slice(0, -1);
    for (let guess = 0; guess < 3; guess++) {
      const secret = `${WORDS[guess]}-${WORDS[guess + 7]}-${nameplate}`;
      const phone = new Phone(scene, `guesser ${guess}`);
      const pairing = await phone.pairByPhrase(`${secret}${await checkDigit(secret)}`, offer.farhand.relay);
      await expect(pairing.done).rejects.toThrow("This code is spent");
    }
    await owner.event("farhand/pairing/changed", (p) => p.pairingId === offer.farhand.pairingId && p.state === "locked");
    const phone = new Phone(scene, "too late");
    const pairing = await phone.pairByPhrase(offer.manualPairingCode, offer.farhand.relay);
    await expect(pairing.done).rejects.toThrow();
  });

  for (const by of ["the page", "a terminal"]) {
    test(`is accepted on ${by} long after the host said yes and has gone`, async ({ scene }) => {
      const host = await Host.up(scene);
      const owner = await host.owner;
      const offer = await host.offer({ phrase: true });
      const phone = new Phone(scene);
      const pairing = by === "the page" ? await phone.pairByPhrase(offer.manualPairingCode, offer.farhand.relay) : undefined;
      const join = pairing ? undefined : scene.farhand(["join", offer.manualPairingCode, "--relay", offer.farhand.relay, "--json"], { env: elsewhere(scene) });
      await (pairing ? pairing.digits() : joinJson(join as Program, "digits"));
      await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
      await owner.event("farhand/pairing/changed", (p) => p.state === "done");
      await host.stop();
      if (pairing) {
        pairing.pairing.matches();
        await pairing.done;
      } else {
        join?.type("matches\n");
        expect((await join?.exited)?.code).toBe(0);
      }
    });
  }

  test("is single use", async ({ scene }) => {
    const host = await Host.up(scene);
    const first = new Phone(scene, "first");
    const owner = await host.owner;
    const offer = await host.offer({ phrase: true });
    const pairing = await first.pairByPhrase(offer.manualPairingCode, offer.farhand.relay);
    await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
    const second = new Phone(scene, "second");
    const late = await second.pairByPhrase(offer.manualPairingCode, offer.farhand.relay);
    await expect(late.done).rejects.toThrow();
    await pairing.digits();
    pairing.pairing.matches();
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
    await pairing.done;
  });
});

describe("a link", () => {
  test("pairs although the host goes while the device still writes its keys", async ({ scene }) => {
    const host = await Host.up(scene);
    const owner = await host.owner;
    const offer = await host.offer();
    const phone = new Phone(scene);
    let written = (): void => undefined;
    const writing = new Promise<void>((begun) => {
      const { put } = phone.store;
      phone.store.put = (record) => {
        begun();
        return new Promise<void>((resolve) => (written = resolve)).then(() => put.call(phone.store, record));
      };
    });
    const pairing = phone.pairByLink(offer.farhand.url);
    await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: true });
    await writing;
    await host.stop();
    written();
    await pairing.done;
  });

  test("that was changed on the way is refused", async ({ scene }) => {
    const host = await Host.up(scene);
    const offer = await host.offer();
    const phone = new Phone(scene);
    const blob = Buffer.from(offer.pairingCode, "base64url");
    blob[60] = (blob[60] as number) ^ 1; // in the secret
    const pairing = phone.pairByLink(`#p=${blob.toString("base64url")}`);
    await expect(pairing.done).rejects.toThrow();
  });

  test("declined on the host pairs nobody, and says so", async ({ scene }) => {
    const host = await Host.up(scene);
    const owner = await host.owner;
    const offer = await host.offer();
    const phone = new Phone(scene);
    const pairing = phone.pairByLink(offer.farhand.url);
    await owner.event("farhand/pairing/changed", (p) => p.state === "confirming");
    await owner.call("farhand/pairing/confirm", { pairingId: offer.farhand.pairingId, accept: false });
    await expect(pairing.done).rejects.toThrow("declined");
  });
});
