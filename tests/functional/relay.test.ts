// A relay of its own: it may be restarted, and nobody who shouts at it disturbs the others.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import WebSocket from "ws";

import { Gate, Host, say, startRelay, startThread, turnEnds } from "./lib/host";
import { describe, expect, test } from "./lib/scene";

describe("a relay", () => {
  test("restarted in the middle of a turn loses no pairing and nothing of the turn", async ({ scene }) => {
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url);
    await host.agentReady();
    const phone = await host.pair();
    const rpc = await phone.attach();
    const threadId = await startThread(rpc);
    const gate = new Gate(scene);
    await say(rpc, threadId, `hold ${gate.path}`);
    await rpc.event("item/agentMessage/delta", (p) => p.threadId === threadId);
    const mark = phone.mark;
    await relay.program.stop();
    await phone.phase("waiting", mark);
    gate.open();
    await startRelay(scene, relay.port);
    await phone.phase("open", mark);
    expect((await turnEnds(rpc, threadId)).status).toBe("completed");
    expect(rpc.events("item/completed").filter((m) => m.params.item.type === "agentMessage")).toHaveLength(1);
  });

  test("drops whoever sends it garbage, and nobody else notices", async ({ scene }) => {
    const relay = await startRelay(scene);
    const host = await Host.behind(scene, relay.url);
    const phone = await host.pair();
    const rpc = await phone.attach();
    const states = phone.mark;

    for (const octets of ["\0\0\0\0", "GET / HTTP/9.9\r\n\r\n", `GET /relay HTTP/1.1\r\n${"x".repeat(70_000)}`]) {
      const socket = connect(relay.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(octets);
      await once(socket.resume(), "close");
    }
    for (const frame of [Buffer.from("hello"), Buffer.alloc(0), Buffer.from([1, 99, 0, 0, 0, 0]), Buffer.from([2, 6, 0, 0, 0, 0]), Buffer.alloc(80_000, 1), Buffer.from([1, 6, 0, 0, 0, 9, 1])]) {
      const socket = new WebSocket(relay.url);
      socket.on("error", () => undefined);
      await once(socket, "open");
      socket.send(frame);
      await once(socket, "close");
    }
    expect((await rpc.call("remoteControl/status/read")).status).toBe("connected");
    expect(phone.mark).toBe(states);
  });

  test("that refuses the host says why, in status too", async ({ scene }) => {
    const nobody = scene.path("nobody");
    writeFileSync(nobody, "# nobody\n", { mode: 0o600 });
    const program = scene.farhand(["relay", "--json", "--listen", "127.0.0.1:0", "--allow-file", nobody], { env: { FARHAND_HOME: scene.path("relay") } });
    const [url = ""] = await program.line(/ws:\/\/127\.0\.0\.1:\d+\/relay/);
    const host = await Host.behind(scene, url);
    const owner = await host.owner;
    const told = await owner.event("farhand/status/changed", (p) => p.relay.state === "errored");
    expect(told.params.relay.lastError).toBeTruthy();
  });
});

describe("the host", () => {
  test("drops a local program that sends garbage, and nobody else notices", async ({ scene }) => {
    const host = await Host.up(scene);
    const owner = await host.owner;
    for (const text of ["not json", "[]", "{", '{"id":1}', `{"id":1,"method":"${"x".repeat(300)}"}`, "\0"]) {
      const socket = new WebSocket(`ws+unix://${host.socket}:/rpc`);
      socket.on("error", () => undefined);
      await once(socket, "open");
      socket.send(text);
      socket.send(JSON.stringify({ id: "then", method: "initialize", params: { clientInfo: { name: "t", version: "0" } } }));
      await Promise.race([once(socket, "message"), once(socket, "close")]);
      socket.terminate();
    }
    const raw = connect(host.socket);
    raw.on("error", () => undefined);
    raw.write('{"id":1,"method":"initialize"}\n');
    await once(raw.resume(), "close");
    expect((await owner.call("farhand/status")).host.name).toBeTruthy();
  });
});
