// The same vectors as the C: what one program reads and signs, the other does too.

import { describe, expect, test } from "vitest";
import * as approval from "../../src/session/approval";
import { verify } from "../../src/session/crypto";
import { hex, Malformed, unhex } from "../../src/wire/bytes";
import { signerOf } from "../lib/keys";
import { vectors } from "../lib/vectors";

interface RequestVector {
  name: string; requestId: string; threadId: string; turnId: string; itemId: string; kind: number;
  asked: number; createdMs: number; expiresMs: number; quorum: number; uv: boolean; command?: string;
  argv?: string[]; cwd?: string; reason?: string; policy?: string; paths?: string[]; material: string;
  bytes: string; rd: string;
}
interface DecisionVector {
  name: string; seed: string; hostId: string; requestId: string; rd: string; decision: number;
  scope: number; decidedMs: number; grantSerial: number; seenIdx: number; seenHead: string; th4: string;
  result?: string; deviceKey: string; a: string; sig: string;
}
const v = vectors<{
  requests: RequestVector[]; broken: { name: string; bytes: string }[]; decisions: DecisionVector[];
}>("approval.json");

describe("a request to decide on", () => {
  test.each(v.requests)("is read whole: $name", async (r) => {
    const read = approval.parseRequest(unhex(r.bytes));
    expect({ ...read, id: hex(read.id), material: undefined }).toEqual({
      id: r.requestId, thread: r.threadId, turn: r.turnId, item: r.itemId, kind: r.kind,
      cwd: r.cwd ?? "", command: r.command ?? "", argv: r.argv ?? [], material: undefined,
      paths: r.paths ?? [], reason: r.reason ?? "", policy: r.policy ?? "",
      asked: {
        network: (r.asked & 1) !== 0, outsideSandbox: (r.asked & 2) !== 0, outsideWorkspace: (r.asked & 4) !== 0,
      },
      createdMs: r.createdMs, expiresMs: r.expiresMs, quorum: r.quorum, uv: r.uv,
    });
    expect(hex(await approval.requestDigest(unhex(r.bytes)))).toBe(r.rd);
    expect(await approval.openMaterial(read, r.material)).toEqual(JSON.parse(r.material));
    await expect(approval.openMaterial(read, `${r.material} `)).rejects.toThrow(Malformed);
  });

  test.each(v.broken)("is refused: $name", ({ bytes }) => {
    expect(() => approval.parseRequest(unhex(bytes))).toThrow(Malformed);
  });

  test("every prefix of a good one is refused", () => {
    const whole = unhex(v.requests[1]!.bytes);
    for (let n = 0; n < whole.length; n++) {
      expect(() => approval.parseRequest(whole.slice(0, n)), `${n} octets`).toThrow(Malformed);
    }
  });
});

describe("a decision", () => {
  test.each(v.decisions)("is the same octets and signature as in C: $name", async (d) => {
    const signer = await signerOf(unhex(d.seed));
    const a = await approval.encodeDecision({
      hostId: unhex(d.hostId), requestId: unhex(d.requestId), rd: unhex(d.rd),
      decision: d.decision as approval.Decision, scope: d.scope, decidedMs: d.decidedMs,
      grantSerial: BigInt(d.grantSerial), seenIdx: d.seenIdx, seenHead: unhex(d.seenHead),
      th4: unhex(d.th4), ...(d.result === undefined ? {} : { result: d.result }),
    });
    expect(hex(a)).toBe(d.a);
    const sig = await approval.signDecision(signer.privateKey, a);
    expect(hex(sig)).toBe(d.sig);
    expect(verify(unhex(d.deviceKey), a, sig)).toBe(true);
  });

  test("only an answer has a result", async () => {
    const d = v.decisions[0]!;
    const input = {
      hostId: unhex(d.hostId), requestId: unhex(d.requestId), rd: unhex(d.rd), scope: 0, decidedMs: 1,
      grantSerial: 1n, seenIdx: 0, seenHead: unhex(d.seenHead), th4: unhex(d.th4),
    };
    await expect(approval.encodeDecision({ ...input, decision: 1, result: "{}" })).rejects.toThrow(Malformed);
    await expect(approval.encodeDecision({ ...input, decision: 5 })).rejects.toThrow(Malformed);
  });
});
