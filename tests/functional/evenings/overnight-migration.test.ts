// The first evening: an always-on server works through a migration with a profile that lets
// reading through and asks for the rest. The owner approves each destructive step from bed; the
// laptop that began it is shut.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Admin } from "../lib/admin";
import { approval, APPROVAL, audited, Host, say, startRelay, startThread, turnEnds } from "../lib/host";
import { describe, expect, type Scene, test } from "../lib/scene";

const NIGHT = `[profile.migration-server]
approval_policy = "unless-allow-listed"
model = "o3"
[profile.migration-server.shell_environment_policy]
inherit = "core"
`;

const STEPS = ["run ls", "run cat plan.txt", "run rm -rf old", "run mv new current", "run ls current"].join("\n");

function data(scene: Scene): void {
  writeFileSync(join(scene.home, "config.toml"), NIGHT);
  writeFileSync(join(scene.work, "plan.txt"), "drop the old tables, then move\n");
  for (const name of ["old", "new"]) mkdirSync(join(scene.work, name));
}

describe("overnight migration", () => {
  test("reading runs by itself, each destructive step waits for the phone, the laptop is shut", async ({ scene }) => {
    data(scene);
    const relay = await startRelay(scene);
    const server = await Host.behind(scene, relay.url, ["--profile", "migration-server"]);
    await server.agentReady();
    const phone = await server.pair({ name: "Phone by the bed" });
    const laptopDevice = await server.pair({ name: "Laptop" });

    // In the evening, at the laptop; then it is shut.
    const laptop = await laptopDevice.attach();
    const threadId = await startThread(laptop);
    await say(laptop, threadId, STEPS);
    const first = await approval(laptop, threadId);
    expect(first.params.command).toContain("rm -rf old");
    laptopDevice.stop();
    expect(laptop.events(APPROVAL)).toHaveLength(1);

    // In bed.
    const bed = await phone.attach();
    await bed.call("thread/resume", { threadId });
    const asked = await approval(bed, threadId);
    expect(asked.id).toBe(first.id);
    expect(existsSync(join(scene.work, "old"))).toBe(true);
    const from = bed.mark;
    bed.answer(asked, { decision: "accept" });
    const second = await bed.event(APPROVAL, (p) => p.threadId === threadId && p.command.includes("mv new current"), { from });
    expect(existsSync(join(scene.work, "old"))).toBe(false);
    expect(existsSync(join(scene.work, "current"))).toBe(false);
    bed.answer(second, { decision: "accept" });
    expect((await turnEnds(bed, threadId, from)).status).toBe("completed");
    expect(existsSync(join(scene.work, "current"))).toBe(true);

    // What ran by itself has its line, and what a person allowed names the device.
    expect(audited(scene, "policy decision").map((line) => line.decision)).toEqual(["accept", "accept", "accept"]);
    expect(audited(scene, "decision").map((line) => line.by.name)).toEqual(["Phone by the bed", "Phone by the bed"]);
  });

  test("an administrator's file stops it with a sentence that says so", async ({ scene }) => {
    data(scene);
    const admin = new Admin(scene);
    admin.write('allowed_approval_policies = ["untrusted"]\nbecause = "no unattended runs on this machine"\n');
    const { code, stderr } = await admin.run(["host", "--practice", "--profile", "migration-server", "--cwd", scene.work]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      "the approval policy unless-allow-listed of profile migration-server is forbidden by /etc/farhand/requirements.toml: " +
        "check with your administrator (no unattended runs on this machine)",
    );
  });

  test("an administrator who forbids remote control stops the hand-off too, on the phone", async ({ scene }) => {
    const admin = new Admin(scene);
    const host = await admin.up();
    const phone = await host.pair({ name: "Ada's phone" });
    const rpc = await phone.attach();
    admin.write("allow_remote_control = false\n");
    const { stderr } = await scene.run(["pair", "--json", "--for", "Bob"]);
    expect(stderr).toContain("remote control is forbidden by /etc/farhand/requirements.toml: check with your administrator");
    expect((await rpc.event("farhand/ended")).params.reason).toContain("check with your administrator");
  });
});
