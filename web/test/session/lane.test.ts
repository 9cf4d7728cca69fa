import { describe, expect, test } from "vitest";
import { Lane, LaneError } from "../../src/session/lane";
import { decodeFragment, encodeFragment, Flag, fragments } from "../../src/session/streams";
import { utf8 } from "../../src/wire/bytes";

const body = (n: number) => encodeFragment({ stream: 1, flags: 0, octets: utf8(`m${n}`) });
const seqs = (list: { seq: number }[]) => list.map((m) => m.seq);

describe("a lane", () => {
  test("numbers from 1 and keeps what is not acknowledged", () => {
    const lane = new Lane();
    expect(seqs([1, 2, 3].map((n) => lane.send(body(n))))).toEqual([1, 2, 3]);
    lane.acked(2);
    expect(seqs(lane.resume(2).resend)).toEqual([3]);
    expect(() => lane.acked(4)).toThrow(LaneError);
  });

  test("applies the next one, drops what it has, refuses a gap", () => {
    const lane = new Lane();
    expect(lane.receive(1, 0)).toBe(true);
    expect(lane.receive(1, 0)).toBe(false);
    expect(() => lane.receive(3, 0)).toThrow(LaneError);
  });

  test("owes an ack after 32 messages or 250 ms", () => {
    const lane = new Lane();
    expect(lane.ackDueIn(0)).toBeUndefined();
    lane.receive(1, 1000);
    expect(lane.ackDueIn(1100)).toBe(150);
    expect(lane.ackDueIn(1400)).toBe(0);
    for (let n = 2; n <= 32; n++) lane.receive(n, 1000);
    expect(lane.ackDueIn(1000)).toBe(0);
    lane.ackSent();
    expect(lane.ackDueIn(9999)).toBeUndefined();
  });

  test("never sends twice under two numbers when the host has lost count", () => {
    const lane = new Lane();
    lane.send(body(1));
    const { resend, lost } = lane.resume(undefined);
    expect([resend, seqs(lost)]).toEqual([[], [1]]);
    expect(lane.send(body(2)).seq).toBe(2);
  });

  test("goes on from the host's number when this page is new", () => {
    const lane = new Lane();
    expect(lane.resume(57)).toEqual({ resend: [], lost: [] });
    expect(lane.send(body(1)).seq).toBe(58);
  });

  test("a restart counts the other way anew, and empties what belongs to dead streams", () => {
    const lane = new Lane();
    lane.restart(1);
    lane.receive(1, 0);
    lane.send(body(1));
    expect(lane.restart(1)).toBe(false);
    expect(lane.restart(2)).toBe(true);
    expect(lane.lastRecv).toBe(0);
    const [again] = lane.resume(0).resend;
    expect(again!.seq).toBe(1);
    expect(decodeFragment(again!.body)).toMatchObject({ stream: 1, flags: 0, octets: new Uint8Array(0) });
  });

  test("is bounded", () => {
    const lane = new Lane();
    for (let n = 0; n < 5000; n++) lane.send(body(n));
    expect(() => lane.send(body(0))).toThrow(LaneError);
    expect(() => new Lane().send(new Uint8Array(11 * 1024 * 1024))).toThrow(LaneError);
  });
});

test("any loss, doubling and reconnection: everything once, in order", () => {
  // A small generator with a seed, so that a failure can be played again.
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % n;
  };
  const [a, b] = [new Lane(), new Lane()];
  a.restart(1);
  const got: string[] = [];
  let wire: { seq: number; body: ReturnType<typeof body> }[] = [];
  let sent = 0;
  const deliver = () => {
    const message = wire.shift();
    if (message && b.receive(message.seq, 0)) got.push(new TextDecoder().decode(decodeFragment(message.body).octets));
  };
  for (let step = 0; step < 100_000; step++) {
    const dice = random(100);
    if (dice < 45 && a.waiting < 1000) wire.push(a.send(body(sent++)));
    else if (dice < 95) deliver();
    else if (dice < 98) a.acked(b.lastRecv);
    else {
      wire = []; // the line breaks, and what was on it is lost
      wire.push(...a.resume(b.lastRecv).resend);
    }
  }
  wire = a.resume(b.lastRecv).resend;
  while (wire.length > 0) deliver();
  expect(got).toEqual([...Array(sent).keys()].map((n) => `m${n}`));
});

describe("fragments", () => {
  test("a long message is cut and put together again", () => {
    const lane = new Lane();
    const message = "ä".repeat(100_000);
    const cut = fragments(3, message, Flag.OPEN);
    expect(cut.map((f) => f.flags)).toEqual([3, 1, 1, 0]);
    const arrived = cut.map((f) => lane.assembler.take(decodeFragment(encodeFragment(f))));
    expect(arrived.at(-1)).toMatchObject({ stream: 3, message });
    expect(arrived[0]).toMatchObject({ opened: true, message: undefined });
  });

  test("unknown flags, too long fragments and hoarded messages are refused", () => {
    expect(() => decodeFragment(Uint8Array.of(0, 1, 8))).toThrow();
    expect(() => decodeFragment(new Uint8Array(3 + 60 * 1024 + 1))).toThrow();
    const lane = new Lane();
    const part = { stream: 1, flags: Flag.MORE, octets: new Uint8Array(60 * 1024) };
    expect(() => {
      for (let n = 0; n < 200; n++) lane.assembler.take(part);
    }).toThrow(/too long/);
  });
});
