// The same chain as the C: tests/vectors/audit.json.

import { describe, expect, test } from "vitest";
import { follow, type LogHeader, link } from "../../src/session/audit";
import { hex, Malformed, unhex } from "../../src/wire/bytes";
import { vectors } from "../lib/vectors";

const v = vectors<{ h0: string; records: LogHeader[] }>("audit.json");
const start = { idx: 0, head: unhex(v.h0) };

describe("the audit chain", () => {
  test("every hash is the published one", async () => {
    let head = start.head;
    for (const record of v.records) {
      head = await link(head, record);
      expect(hex(head)).toBe(record.h);
    }
    const last = v.records.at(-1)!;
    expect(await follow(start, v.records)).toEqual({ idx: last.idx, head: unhex(last.h) });
  });

  test("goes on from any place, and from no other", async () => {
    for (let at = 1; at < v.records.length - 1; at++) {
      const before = v.records[at - 1]!;
      const seen = { idx: before.idx, head: unhex(before.h) };
      await follow(seen, v.records.slice(at));
      await expect(follow(seen, v.records.slice(at + 1).concat(v.records[at]!))).rejects.toThrow(Malformed);
      seen.head[0]! ^= 1;
      await expect(follow(seen, v.records.slice(at))).rejects.toThrow(/does not follow/);
    }
  });

  test("any change of any record is found", async () => {
    for (const [at, record] of v.records.entries()) {
      const changes: Partial<LogHeader>[] = [
        { time: record.time + 1 }, { type: `${record.type}s` },
        { payloadHash: record.payloadHash.replace(/^./, (c) => (c === "0" ? "1" : "0")) },
        { h: record.h.replace(/^./, (c) => (c === "0" ? "1" : "0")) }, { idx: record.idx + 1 },
      ];
      for (const change of changes) {
        const forged = v.records.map((r, n) => (n === at ? { ...r, ...change } : r));
        await expect(follow(start, forged)).rejects.toThrow(Malformed);
      }
    }
  });
});
