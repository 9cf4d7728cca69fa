// The command line itself: help that is complete, mistakes that are met with the next best word.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";

import { Host } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

/** What a person reads on stderr: the log's lines are for others. */
function said(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line !== "" && !/^\d{4}-\d\d-\d\dT/.test(line));
  expect(lines, stderr).toHaveLength(1);
  return lines[0] ?? "";
}

describe("farhand", () => {
  test("without a word, shows what there is", async ({ scene }) => {
    const { code, stdout } = await scene.run(["help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("usage: farhand COMMAND");
    expect(stdout).toMatch(/\n {2}help /);
  });

  test("has a help page for each command it lists", async ({ scene }) => {
    const { stdout } = await scene.run(["help"]);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1] as string);
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const { code, stdout: page } = await scene.run(["help", name]);
      expect(code, name).toBe(0);
      expect(page, name).toContain(`usage: farhand ${name}`);
    }
  });

  test("has exit codes, variables, a man page and completions for all of it", async ({ scene }) => {
    const overview = (await scene.run(["help"])).stdout;
    const names = [...overview.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1] as string);
    expect((await scene.run(["help", "exit-codes"])).stdout).toMatch(/^ +0 +done[\s\S]*^ +16 +/m);
    expect((await scene.run(["help", "environment"])).stdout).toMatch(/FARHAND_HOME/);
    const { stdout: man } = await scene.run(["help", "man"]);
    const shells = await Promise.all(["bash", "zsh", "fish"].map((shell) => scene.run(["completion", shell])));
    for (const name of names) {
      expect(man, name).toContain(`.SS "farhand ${name}`);
      for (const shell of shells) expect(shell.stdout, name).toContain(name);
    }
    for (const section of ["EXIT STATUS", "ENVIRONMENT", "FILES"]) expect(man).toContain(`.SH ${section}`);
  });

  test("suggests the nearest command, with status 2", async ({ scene }) => {
    const { code, stderr } = await scene.run(["hlep"]);
    expect(code).toBe(2);
    expect(stderr).toContain("help");
  });

  test("suggests the nearest option, with status 2", async ({ scene }) => {
    const { code, stderr } = await scene.run(["status", "--verbos"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--verbose");
  });

  test("says that its state folder cannot be written, with status 10", async ({ scene }) => {
    const { code, stderr } = await scene.run(["up", "--home", "/proc/nowhere"]);
    expect(code).toBe(10);
    expect(stderr).toContain("/proc/nowhere");
  });

  test("says what to do when no host runs", async ({ scene }) => {
    for (const args of [["status"], ["pair"], ["devices"], ["rpc", "thread/list"]]) {
      const { code, stderr } = await scene.run(args);
      expect([3, 6], args.join(" ")).toContain(code);
      expect(stderr, args.join(" ")).toContain("farhand up");
    }
  });

  test("refuses a port that is taken, with status 16", async ({ scene }) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    scene.atEnd(() => void server.close());
    const { port } = server.address() as AddressInfo;
    for (const args of [["up", "--port", `${port}`], ["host", "--listen", `127.0.0.1:${port}`], ["host", "--listen-app-server", `ws://127.0.0.1:${port}`]]) {
      const { code, stderr } = await scene.run([...args, "--practice"]);
      expect(code, args.join(" ")).toBe(16);
      expect(said(stderr)).toMatch(new RegExp(`^farhand: port ${port} .*is taken: `));
    }
  });

  test("refuses a second host on one home, with status 8", async ({ scene }) => {
    await Host.up(scene);
    const { code, stderr } = await scene.run(["host", "--practice"]);
    expect(code).toBe(8);
    expect(stderr).toContain(scene.home);
  });

  test("shows a code for the host that runs already", async ({ scene }) => {
    await Host.up(scene);
    const second = scene.farhand(["up", "--practice"]);
    await second.line(/already running/);
    await second.line(/#p=[\w-]+/);
    await second.stop("SIGINT");
  });

  test("says that Codex is missing, or too old, with status 9", async ({ scene }) => {
    const none = await scene.run(["up", "--port", "0", "--codex", "/nowhere/codex"]);
    expect(none.code).toBe(9);
    expect(none.stderr).toContain("farhand: there is no program /nowhere/codex");
    const old = scene.path("codex-old");
    writeFileSync(old, "#!/bin/sh\necho codex-cli 0.100.0\n", { mode: 0o755 });
    const tooOld = await scene.run(["up", "--practice", "--port", "0", "--codex", old]);
    expect(tooOld.code).toBe(9);
    expect(tooOld.stderr).toMatch(/^farhand: .*is too old: Farhand needs Codex/m);
  });

  test("says at once that an address is none, with status 2", async ({ scene }) => {
    const wrong = [
      ["--relay", "http://relay.example"], ["--relay", "nonsense"], ["--allow-relay", "wss://"], ["--app", "relay.example"], ["--codex-endpoint", "http://x"],
      ["--listen", "nonsense"], ["--listen", "127.0.0.1"], ["--listen", "0.0.0.0:0"], ["--listen-app-server", "ws://0.0.0.0:0"], ["--name", " "], ["--port", "99999"],
      ["--role", "king"], ["--cwd", "/nowhere"],
    ] as const;
    for (const [option, value] of wrong) {
      const { code, stderr } = await scene.run(["up", "--practice", ...(option === "--port" ? [] : ["--port", "0"]), option, value]);
      expect(code, `${option} ${value}`).toBe(2);
      expect(said(stderr), `${option} ${value}`).toMatch(/^farhand: /);
    }
    const { code } = await scene.run(["up", "--practice", "--ca", "/nowhere"]);
    expect(code).toBe(11);
  });

  test("says once that parameters are no JSON, with status 2", async ({ scene }) => {
    for (const text of ["{", "nonsense", '"text"', '{"a":1,"a":2}', ""]) {
      const { code, stderr } = await scene.run(["rpc", "thread/list", text]);
      expect(code, text).toBe(2);
      expect(said(stderr), text).toBe("farhand: the parameters are not a JSON object or array");
    }
  });

  test("stop comes back when the host has ended, and the next one may begin", async ({ scene }) => {
    const host = await Host.ready(scene);
    const { port } = new URL(host.link);
    expect((await scene.run(["stop"])).code).toBe(0);
    expect((await host.program.exited).code).toBe(0);
    expect(scene.strays()).toEqual([]);
    await Host.up(scene, ["--port", port]);
  });

  test("says that a link is no link and a phrase no phrase, with status 2", async ({ scene }) => {
    for (const word of ["http://nowhere/", "#p=AAAA", "NOPE", "WOLF-PINE-748"]) {
      const { code, stderr } = await scene.run(["join", word]);
      expect(code, word).toBe(2);
      expect(stderr.trim().split("\n"), word).toHaveLength(1);
    }
  });

  test("says that a relay does not answer, with status 6", async ({ scene }) => {
    const { code } = await scene.run(["join", "WOLF-PINE-7489", "--relay", "ws://127.0.0.1:1/relay"]);
    expect(code).toBe(6);
  });
});
