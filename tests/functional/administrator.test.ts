// What the administrator of the machine demands: it can only tighten, a refusal names it, and
// there is no way round it for the user.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Admin } from "./lib/admin";
import { approval, say, startRelay, startThread, turnEnds } from "./lib/host";
import { RpcError } from "./lib/rpc";
import { describe, expect, test } from "./lib/scene";

const NAMED = /by \/etc\/farhand\/requirements\.toml: check with your administrator/;

async function refusal(call: Promise<unknown>): Promise<RpcError> {
  return call.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: Error) => error as RpcError,
  );
}

describe("the administrator's file", () => {
  test("that is wrong, or could be somebody else's, stops every start with its place", async ({ scene }) => {
    const admin = new Admin(scene);
    for (const [text, sentence] of [
      ["\nallow_remote_contrl = false\n", /requirements\.toml:2:1: allow_remote_contrl is not known here; did you mean allow_remote_control\?/],
      ['max_role = "root"\n', /requirements\.toml:1:1: max_role is viewer, approver, operator or owner/],
      ["max_role = \n", /requirements\.toml: /],
      ['[[rule]]\ndecide = "allow"\ncommand = "ls"\n', /requirements\.toml:2:1: the administrator's rules may ask and deny/],
    ] as const) {
      admin.write(text);
      for (const command of [["host", "--practice"], ["up", "--practice", "--port", "0"], ["policy", "check"]]) {
        const { code, stderr } = await admin.run(command);
        expect(code, `${command}: ${text}`).not.toBe(0);
        expect(stderr).toMatch(sentence);
      }
    }
    const doubted = /is not root's alone to write, so it cannot be believed: check with your administrator/;
    admin.write("# nothing\n", 0o666);
    chmodSync(join(admin.etc, "farhand/requirements.toml"), 0o666);
    expect((await admin.run(["policy", "check"])).stderr).toMatch(doubted);
    admin.write("# nothing\n");
    chmodSync(join(admin.etc, "farhand"), 0o777);
    expect((await admin.run(["policy", "check"])).stderr).toMatch(doubted);
    admin.remove();
    mkdirSync(join(admin.etc, "elsewhere"));
    writeFileSync(join(admin.etc, "elsewhere/requirements.toml"), "# nothing\n");
    symlinkSync("elsewhere", join(admin.etc, "farhand"));
    expect((await admin.run(["policy", "check"])).stderr).toMatch(/is behind a link/);
    admin.remove();
    expect((await admin.run(["policy", "check"])).code).toBe(0);
  });

  test("forbids remote control: on the terminal, over the socket, and to a phone that is connected", async ({ scene }) => {
    const admin = new Admin(scene);
    const host = await admin.up();
    await host.agentReady();
    const phone = await host.pair({ name: "Pixel" });
    const rpc = await phone.attach();
    const states = phone.mark;
    admin.write('allow_remote_control = false\nbecause = "ask Eve"\n');
    const sentence = "remote control is forbidden by /etc/farhand/requirements.toml: check with your administrator (ask Eve)";

    expect((await scene.run(["status"])).stdout).toContain(sentence);
    expect((await rpc.event("farhand/ended")).params.reason).toBe(sentence);
    await phone.states.next("it is let go", (s) => s.phase !== "open", { from: states });
    for (const command of [["remote-control", "start"], ["pair", "--json"]]) {
      const { code, stderr } = await scene.run(command);
      expect(code).not.toBe(0);
      expect(stderr).toContain(sentence);
    }
    await host.stop();

    // No option, variable or stored setting helps.
    writeFileSync(join(scene.home, "requirements.toml"), "allow_remote_control = true\n");
    const env = { FARHAND_REQUIREMENTS: scene.path("none"), FARHAND_ADMIN_DIR: scene.path("none") };
    const up = await admin.run(["up", "--practice", "--port", "0"], env);
    expect(up.code).not.toBe(0);
    expect(up.stderr).toContain(sentence);
    const local = await admin.host(["--relay", "ws://127.0.0.1:1/relay"]);
    expect(local.program.stderr).toContain(sentence);
    expect((await local.status()).relay).toMatchObject({ state: "disabled", lastError: sentence, next: "check with your administrator" });
    await local.stop();
    const door = await admin.run(["host", "--practice", "--listen", "127.0.0.1:0"]);
    expect(door.code).not.toBe(0);
    expect(door.stderr).toContain(sentence);
  });

  test("of Codex counts where it forbids remote control", async ({ scene }) => {
    const admin = new Admin(scene);
    admin.write("allow_remote_control = false\n", 0o644, "codex");
    const { code, stderr } = await admin.run(["up", "--practice", "--port", "0"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("remote control is forbidden by /etc/codex/requirements.toml: check with your administrator");
  });

  test("caps roles, of devices that have more already too", async ({ scene }) => {
    const admin = new Admin(scene);
    const host = await admin.up();
    await host.agentReady();
    const phone = await host.pair({ name: "Pixel" });
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    admin.write('max_role = "approver"\n');
    expect((await rpc.call("farhand/status")).you.role).toBe("approver");
    expect((await refusal(rpc.call("turn/start", { threadId, input: [] }))).code).toBe(-32011);
    const owner = await host.owner;
    expect((await refusal(host.offer({ role: "operator" }))).message).toMatch(NAMED);
    expect((await refusal(owner.call("farhand/device/update", { clientId: "Pixel", role: "owner" }))).message).toMatch(NAMED);
    expect((await host.offer({ role: "approver" })).farhand.role).toBe("approver");
    // Taken back, the device is what it was.
    admin.remove();
    expect((await rpc.call("farhand/status")).you.role).toBe("operator");
  });

  test("names the relays that may be used", async ({ scene }) => {
    const admin = new Admin(scene);
    const relay = await startRelay(scene);
    admin.write('allowed_relays = ["wss://relay.example/relay"]\n');
    const other = await admin.host(["--relay", relay.url]);
    expect(other.program.stderr).toMatch(/the relay ws:\/\/127\.0\.0\.1:\d+\/relay is forbidden by \/etc\/farhand/);
    await other.stop();
    expect((await admin.run(["up", "--practice", "--port", "0"])).stderr).toMatch(NAMED);
    admin.write(`allowed_relays = ["${relay.url}"]\n`);
    const host = await admin.host(["--relay", relay.url]);
    await host.relayConnected();
    expect((await admin.run(["host", "--practice", "--listen", "127.0.0.1:0"], { FARHAND_HOME: scene.path("other") })).stderr).toMatch(/a direct door \(--listen\) is forbidden/);
  });

  test("forces a profile and its rules on a live turn, whatever the user wrote", async ({ scene }) => {
    const admin = new Admin(scene);
    admin.write(
      'force_profile = "careful"\nmin_quorum = 2\n[profile.careful]\napproval_policy = "unless-allow-listed"\n' +
        '[[rule]]\ndecide = "deny"\ncommand = "touch"\nbecause = "no touching here"\n',
    );
    writeFileSync(join(scene.home, "config.toml"), '[profile.careful]\napproval_policy = "on-request"\n[profile.wild]\napproval_policy = "on-request"\n');
    writeFileSync(join(scene.home, "policy.toml"), '[[rule]]\ndecide = "allow"\ncommand = "touch"\n');
    expect((await admin.run(["host", "--practice", "--profile", "wild"])).stderr).toMatch(/every profile but careful is forbidden by \/etc\/farhand/);
    const explained = await admin.run(["policy", "explain", "--json", "--", "touch", "x"]);
    expect(JSON.parse(explained.stdout)).toMatchObject({ verdict: "deny", because: expect.stringContaining("no touching here") });

    const host = await admin.host();
    const desk = await host.owner;
    await host.agentReady();
    const threadId = await startThread(desk);
    await say(desk, threadId, "run touch x");
    await turnEnds(desk, threadId);
    expect(desk.events("item/commandExecution/requestApproval")).toHaveLength(0);
    const from = desk.mark;
    await say(desk, threadId, "run ls");
    await turnEnds(desk, threadId, from);
    expect(desk.events("item/commandExecution/requestApproval")).toHaveLength(0);
    await say(desk, threadId, "run mv a b");
    const asked = await approval(desk, threadId, from);
    const row = (await desk.call("farhand/approval/list", {})).data[0];
    expect(row).toMatchObject({ requestId: asked.id, quorum: 2 });
    desk.answer(asked, { decision: "decline" });
  });
});
