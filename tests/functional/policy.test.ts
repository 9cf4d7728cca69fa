// policy explain: what a real bash runs of a script is never more than what farhand read in it.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

import { approval, audited, Host, say, startThread, turnEnds } from "./lib/host";
import { describe, expect, FARHAND, type Scene, test } from "./lib/scene";

const SCRIPTS = Number(process.env["FARHAND_POLICY_SCRIPTS"] ?? 250);

// Pieces whose joints are where shells surprise. Only programs named c0 to c9 exist, and each
// of them only notes how it was called.
const PIECES = [
  "c0", "c1", "c2 a", "c3 'x;c4'", '"$(c5)"', "c6", " c7 b", ";", ";", "|", "&&", "||", "&", "(", ")", "\n", "$(", ")", "`", "'", '"', "\\", "<<E\n", "\nE\n", "<<'E'\n", "<<-E\n\t",
  "#", " ", " ", "if ", "; then ", "; fi", "! ", "{ ", "; }", "case c0 in c0) ", ";; esac", "for i in a b; do ", "; done", "< in", ">out", "c9() ", "$'", "\\'", "$((", "))", "${x:-",
  "}", "<(", "[[ c1 ", " ]]", "\\\n", "&>out", ">&2", "|&", "x=c8 ", "$x", "*", "{c0,c1}", "time ", "exec ", "command ",
];

/** Numbers that repeat: a failure names its seed. */
function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

type Roll = (n: number) => number;

const WORDS = ["a", "'x;c4'", '"b c"', "\\;", "$x", '"$(c5)"', "`c6`", "*", "{a,b}", "$'q'", "a#b", "$((1+2))", "${x:-d}", "-n"];
const REDIRECTS = [" <in", " >out", " 2>&1", " >/dev/null", " <<< a"];

function simple(roll: Roll): string {
  let text = roll(8) === 0 ? "x=c8 " : "";
  text += `${roll(8) === 0 ? "command " : ""}c${roll(10)}`;
  for (let i = roll(3); i > 0; i--) text += ` ${WORDS[roll(WORDS.length)]}`;
  return text + (roll(5) === 0 ? REDIRECTS[roll(REDIRECTS.length)] : "");
}

function list(roll: Roll, depth: number): string {
  let text = command(roll, depth);
  for (let i = roll(3); i > 0; i--) text += `${["; ", " | ", " && ", " || ", " & ", "\n", " |& "][roll(7)]}${command(roll, depth)}`;
  return text;
}

function command(roll: Roll, depth: number): string {
  if (depth === 0) return simple(roll);
  const inner = (): string => list(roll, depth - 1);
  switch (roll(11)) {
    case 0: return `(${inner()})`;
    case 1: return `{ ${inner()}; }`;
    case 2: return `if ${inner()}; then ${inner()}; else ${inner()}; fi`;
    case 3: return `for i in a ${WORDS[roll(WORDS.length)]}; do ${inner()}\ndone`;
    case 4: return `case c0 in (c1|c*) ${inner()};; esac`;
    case 5: return `c0 $(${inner()})`;
    case 6: return `c1 "a $(${inner()}) b"`;
    case 7: return `c2 <<E\na $(${simple(roll)})\nE\n${inner()}`;
    case 8: return `! ${inner()}`;
    case 9: return `[[ -n ${WORDS[roll(WORDS.length)]} ]] && ${inner()}`;
    default: return simple(roll);
  }
}

/** A script that is right, and often one slip away from it. */
function makeScript(seed: number): string {
  const roll = dice(seed);
  let text = list(roll, roll(3));
  for (let i = roll(3); i > 0; i--) {
    const at = roll(text.length + 1);
    text = text.slice(0, at) + (roll(3) === 0 ? "" : PIECES[roll(PIECES.length)]) + text.slice(at + roll(2));
  }
  return text;
}

interface Explained {
  understood: boolean;
  commands: (string | null)[][];
}

/** The commands that bash ran, each as its words. */
function runBash(scene: Scene, script: string): string[][] {
  const log = scene.path("ran");
  const work = scene.path("place");
  rmSync(log, { force: true });
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  writeFileSync(`${work}/in`, "");
  try {
    execFileSync("/usr/bin/timeout", ["5", "/bin/bash", "-c", script], {
      cwd: work,
      env: { PATH: scene.path("shims"), RAN: log, FUNCNEST: "3", LC_ALL: "C.UTF-8" },
      stdio: "ignore",
    });
  } catch {
    // a script may fail; what it ran before counts
  }
  if (!existsSync(log)) return [];
  return readFileSync(log, "utf8").split("\x1e").slice(0, -1).map((record) => record.split("\x1f").slice(0, -1));
}

/** Words that are known only when they run (null) stand for any number of words. */
function fits(ran: string[], read: (string | null)[]): boolean {
  if (read.length === 0) return ran.length === 0;
  const [first, ...rest] = read;
  if (first === null) {
    for (let n = 0; n <= ran.length; n++) if (fits(ran.slice(n), rest)) return true;
    return false;
  }
  return ran[0] === first && fits(ran.slice(1), rest);
}

const WRAPPERS = new Set(["time", "exec", "command"]);

function unwrapped(words: (string | null)[]): (string | null)[] {
  return words.length > 0 && WRAPPERS.has(words[0] ?? "") ? unwrapped(words.slice(1)) : words;
}

function makeShims(scene: Scene): void {
  const shim = scene.path("shim");
  mkdirSync(scene.path("shims"));
  // One write a call: two may run at the same time.
  writeFileSync(shim, '#!/bin/sh\nr=$(printf "%s\\037" "${0##*/}" "$@"; printf .)\nprintf "%s\\036" "${r%.}" >>"$RAN"\n');
  chmodSync(shim, 0o755);
  for (let i = 0; i < 10; i++) symlinkSync(shim, scene.path("shims", `c${i}`));
}

describe("farhand policy explain", () => {
  test("reads in a script all that bash runs of it",  ({ scene }) => {
    makeShims(scene);
    let understood = 0;
    let ranAny = 0;
    for (let seed = 1; seed <= SCRIPTS; seed++) {
      const script = makeScript(seed);
      const read = JSON.parse(execFileSync(FARHAND, ["policy", "explain", "--json", `--sh=${script}`], { cwd: scene.work, env: scene.env, encoding: "utf8" })) as Explained;
      if (!read.understood) continue;
      understood++;
      const commands = read.commands.map(unwrapped);
      for (const ran of runBash(scene, script)) {
        ranAny++;
        expect(commands.some((words) => fits(ran, words)), `seed ${seed}: bash ran ${JSON.stringify(ran)} of ${JSON.stringify(script)}, read was ${JSON.stringify(commands)}`).toBe(true);
      }
    }
    // The test means something only while a good part of the scripts is understood and runs.
    expect(understood).toBeGreaterThan(SCRIPTS / 4);
    expect(ranAny).toBeGreaterThan(SCRIPTS / 4);
  });

  test("points at a rule that cannot be read, and starts nothing", async ({ scene }) => {
    writeFileSync(`${scene.home}/policy.toml`, '[[rule]]\ndecide = "ask"\n  comand = "rm"\n');
    const { code, stderr } = await scene.run(["policy", "check"]);
    expect(code).toBe(2);
    expect(stderr).toContain("policy.toml:3:3: ");
    expect(stderr).toContain("did you mean command?");
  });

  test("says what would happen, and which line says so", async ({ scene }) => {
    writeFileSync(`${scene.home}/policy.toml`, '[[rule]]\ndecide = "deny"\ncommand = "git push"\nbecause = "pushing is for people"\n');
    writeFileSync(`${scene.home}/config.toml`, '[profile.night]\napproval_policy = "unless-allow-listed"\n');
    const explain = (...words: string[]) => scene.json(["policy", "explain", "--json", "--profile", "night", ...words]);
    expect(await explain("--", "ls", "-l")).toMatchObject({ verdict: "allow", rule: null });
    expect(await explain("--sh", "ls && git push")).toMatchObject({ verdict: "deny", rule: `${scene.home}/policy.toml:1`, because: "pushing is for people: git" });
    expect(await explain("--", "cat", "/etc/passwd")).toMatchObject({ verdict: "ask", quorum: 1 });
    expect(await explain("--", "rm", "-rf", "x")).toMatchObject({ verdict: "ask" });
    symlinkSync("/etc/passwd", `${scene.work}/innocent`);
    expect(await explain("--", "cat", "innocent")).toMatchObject({ verdict: "ask" });
    expect(await explain("--sh", "cat inn*")).toMatchObject({ verdict: "ask" });
  });
});

const NIGHT = '[profile.migration-server]\napproval_policy = "unless-allow-listed"\nmodel = "o3"\n[profile.migration-server.shell_environment_policy]\ninherit = "core"\n';

describe("the overnight migration", () => {
  test("lets ls run with no person and a line in the log; rm waits for a device", async ({ scene }) => {
    writeFileSync(`${scene.home}/config.toml`, NIGHT);
    writeFileSync(`${scene.work}/precious`, "x");
    const host = await Host.ready(scene, ["--profile", "migration-server"]);
    const phone = await (await host.pair()).attach();
    const threadId = await startThread(phone);

    let from = phone.mark;
    await say(phone, threadId, "run ls");
    await turnEnds(phone, threadId, from);
    expect(phone.events("item/commandExecution/requestApproval")).toHaveLength(0);
    const item = await phone.event("item/completed", (p) => p.item.type === "commandExecution", { from });
    expect(item.params.item).toMatchObject({ exitCode: 0, aggregatedOutput: expect.stringContaining("precious") });
    expect(audited(scene, "policy decision")).toMatchObject([{ decision: "accept", because: expect.stringContaining("only reads") }]);

    from = phone.mark;
    await say(phone, threadId, "run rm -rf precious");
    const asked = await approval(phone, threadId);
    expect(existsSync(`${scene.work}/precious`)).toBe(true);
    expect(audited(scene, "policy decision")).toHaveLength(1);
    phone.answer(asked, { decision: "accept" });
    await turnEnds(phone, threadId, from);
    expect(existsSync(`${scene.work}/precious`)).toBe(false);
  });

  test("refuses what a rule denies, and asks what a link leads out to", async ({ scene }) => {
    writeFileSync(`${scene.home}/config.toml`, NIGHT);
    writeFileSync(`${scene.home}/policy.toml`, '[[rule]]\ndecide = "deny"\ncommand = "touch"\nbecause = "nothing new tonight"\n');
    symlinkSync("/etc/hostname", `${scene.work}/innocent`);
    const host = await Host.ready(scene, ["--profile", "migration-server"]);
    const desk = await host.local("desk");
    const threadId = await startThread(desk);
    const from = desk.mark;
    await say(desk, threadId, "run ls; touch made");
    await turnEnds(desk, threadId, from);
    expect(existsSync(`${scene.work}/made`)).toBe(false);
    expect(audited(scene, "policy decision")).toMatchObject([{ decision: "decline", rule: `${scene.home}/policy.toml:1`, because: expect.stringContaining("nothing new tonight") }]);
    await say(desk, threadId, "run cat innocent");
    desk.answer(await approval(desk, threadId), { decision: "decline" });
  });

  test("asks for everything while no profile was chosen", async ({ scene }) => {
    const host = await Host.ready(scene);
    const desk = await host.local("desk");
    const threadId = await startThread(desk);
    await say(desk, threadId, "run ls");
    desk.answer(await approval(desk, threadId), { decision: "decline" });
    expect(audited(scene, "policy decision")).toEqual([]);
  });

  test("keeps what a person allowed for longer as a rule of its own, and takes it back", async ({ scene }) => {
    const host = await Host.up(scene);
    await host.agentReady();
    const desk = await host.local("desk");
    const threadId = await startThread(desk);
    await say(desk, threadId, "run touch made");
    const asked = await approval(desk, threadId);
    expect(asked.params.availableDecisions).toContain("acceptForSession");
    let from = desk.mark;
    desk.answer(asked, { decision: "acceptForSession" });
    await turnEnds(desk, threadId, from);
    rmSync(`${scene.work}/made`);

    from = desk.mark;
    await say(desk, threadId, "run touch made"); // the engine was told "accept": it asks again, the rule answers
    await turnEnds(desk, threadId, from);
    expect(existsSync(`${scene.work}/made`)).toBe(true);
    const [rule] = (await scene.json(["policy", "rules", "--json"]))["data"];
    expect(rule).toMatchObject({ scope: "thread", threadId, uses: 1 });
    expect(audited(scene, "policy decision")).toMatchObject([{ decision: "accept", rule: `given rule ${rule.ruleId}` }]);

    await say(desk, threadId, "run touch other");
    desk.answer(await approval(desk, threadId), { decision: "decline" });
    expect((await scene.run(["policy", "rules", "remove", rule.ruleId])).code).toBe(0);
    await turnEnds(desk, threadId, from);
    await say(desk, threadId, "run touch made");
    desk.answer(await approval(desk, threadId), { decision: "decline" });
    const what = audited(scene, "policy").map((line) => line["what"]);
    expect(what).toEqual(expect.arrayContaining(["rule given", "rule removed"]));
  });

  test("lets a thread begin with a profile of its own, none weaker than the host's from afar", async ({ scene }) => {
    writeFileSync(`${scene.home}/config.toml`, `${NIGHT}[profiles.look]\nsandbox_mode = "read-only"\napproval_policy = "suggest"\n[profiles.look.shell_environment_policy]\ninherit = "none"\nset = { ONLY = "this", PATH = "/usr/bin:/bin" }\n[profiles.strict]\napproval_policy = "ask-every-time"\nshell_environment_policy = { inherit = "core" }\n`);
    const host = await Host.up(scene, ["--profile", "migration-server"]);
    await host.agentReady();
    const desk = await host.local("desk");
    const started = await desk.call("thread/start", { farhand: { profile: "look" } });
    expect(started.sandbox.type).toBe("readOnly");
    const from = desk.mark;
    await say(desk, started.thread.id, "run pwd");
    await turnEnds(desk, started.thread.id, from);
    await say(desk, started.thread.id, "run env");
    desk.answer(await approval(desk, started.thread.id), { decision: "accept" });
    const item = await desk.event("item/completed", (p) => p.item.type === "commandExecution" && p.item.command.includes("env"), { from });
    expect(item.params.item.aggregatedOutput).toContain("ONLY=this");
    expect(item.params.item.aggregatedOutput).not.toContain("FARHAND_");

    const phone = await (await host.pair()).attach();
    const rows = await phone.call("farhand/profile/list", {});
    expect(rows.data.map((row: { name: string; mayChoose: boolean }) => [row.name, row.mayChoose])).toEqual(expect.arrayContaining([["strict", true], ["look", true]]));
    await expect(phone.call("thread/start", { farhand: { profile: "stict" } })).rejects.toThrow(/config.toml does not have/);
    const strict = await phone.call("thread/start", { farhand: { profile: "strict" } });
    await say(phone, strict.thread.id, "run ls");
    const asked = await approval(phone, strict.thread.id);
    expect(asked.params.availableDecisions).toEqual(["accept", "decline", "cancel"]);
    phone.answer(asked, { decision: "decline" });
  });

  test("counts what Codex's own rules let through", async ({ scene }) => {
    mkdirSync(`${scene.home}/practice/rules`, { recursive: true, mode: 0o700 });
    chmodSync(`${scene.home}/practice`, 0o700);
    writeFileSync(`${scene.home}/practice/rules/default.rules`, 'prefix_rule(pattern=["echo"], decision="allow")\n');
    const host = await Host.up(scene);
    await host.agentReady();
    const desk = await host.local("desk");
    const threadId = await startThread(desk);
    expect((await desk.call("farhand/status", {})).policy).toMatchObject({ codexRules: 1, ranUnasked: 0 });
    const from = desk.mark;
    await say(desk, threadId, "run echo unasked");
    await turnEnds(desk, threadId, from);
    expect((await desk.call("farhand/status", {})).policy).toMatchObject({ ranUnasked: 1 });
    expect(audited(scene, "effect").filter((line) => line["kind"] === "commandExecution")).toMatchObject([{ asked: false }]);
    await say(desk, threadId, "run touch made");
    const next = desk.mark;
    desk.answer(await approval(desk, threadId), { decision: "accept" });
    await turnEnds(desk, threadId, next);
    expect((await desk.call("farhand/status", {})).policy).toMatchObject({ ranUnasked: 1 });
  });

  test("does not start with a rule that cannot be read, or a profile that is not there", async ({ scene }) => {
    writeFileSync(`${scene.home}/config.toml`, NIGHT);
    const missing = await scene.run(["up", "--practice", "--port", "0", "--profile", "migration"]);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("there is migration-server");
    writeFileSync(`${scene.home}/policy.toml`, '[[rule]]\ndecide = "alow"\n');
    const broken = await scene.run(["up", "--practice", "--port", "0"]);
    expect(broken.code).not.toBe(0);
    expect(broken.stderr).toContain("policy.toml:2:1: decide is");
  });
});
