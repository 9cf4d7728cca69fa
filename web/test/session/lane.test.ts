import { describe, expect, test } from "vitest";
import { Lane, LaneError, type Numbered } from "../../src/session/lane";
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

  test("no ack passes a message that is not safe yet", () => {
    const lane = new Lane();
    lane.restart(1);
    lane.receive(1, 0);
    lane.receive(2, 0);
    lane.hold(2);
    lane.receive(3, 0);
    expect(lane.ack).toBe(1);
    lane.ackSent();
    expect(lane.ackDueIn(9999)).toBeUndefined(); // the rest waits for the disk, not for a timer
    lane.release([2], 1, 5000);
    expect(lane.ack).toBe(3);
    expect(lane.ackDueIn(5000)).toBe(250);
    lane.restart(2);
    lane.receive(1, 0);
    lane.hold(1);
    lane.release([1], 1, 0); // of the numbering before
    expect(lane.ack).toBe(0);
  });

  test("a page that is loaded anew goes on counting, and repeats nothing", () => {
    const lane = new Lane();
    lane.restart(1);
    for (let n = 0; n < 5; n++) lane.send(body(n));
    lane.acked(3);
    const again = new Lane();
    again.restore(structuredClone(lane.saved()));
    expect([again.next, again.delivered]).toEqual([6, 3]);
    again.restart(2);
    const { resend, lost } = again.resume(4);
    expect([seqs(resend), lost]).toEqual([[5], []]);
    expect(decodeFragment(resend[0]!.body)).toMatchObject({ stream: 1, octets: new Uint8Array(0) });
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

test("kill, drop, double, delay, reconnect: what was typed runs once, and the ack is the truth", () => {
  let seed = 11;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  interface Typed { id: number; seq?: number | undefined; done: boolean }
  // The host keeps everything; the device has a disk, and a memory that dies with it.
  const host = { lane: new Lane(), ran: [] as number[], epoch: 1, said: 0, unacked: [] as number[] };
  let disk = { lane: new Lane().saved(), typed: [] as Typed[], heard: 0 };
  let device = { lane: new Lane(), typed: [] as Typed[], heard: 0, waiting: [] as { seq: number; value: number; epoch: number }[] };
  let up: Numbered[] = [];
  let down: { seq: number; value: number }[] = [];
  let typedCount = 0;
  const commit = () => {
    disk = { lane: device.lane.saved(), typed: structuredClone(device.typed), heard: Math.max(disk.heard, ...device.waiting.map((w) => w.value)) };
    for (const { seq, epoch } of device.waiting.splice(0)) device.lane.release([seq], epoch, 0);
  };
  let sturdy = false; // while one death is dealt with there is no other
  const send = (typed: Typed) => {
    const lane = device.lane;
    typed.seq = lane.next;
    disk = { ...disk, lane: lane.saved(1, 1), typed: structuredClone(device.typed) }; // first the disk,
    if (!sturdy && random(20) === 0) return kill(); // (a flat battery may come between)
    up.push(lane.send(encodeFragment({ stream: 1, flags: 0, octets: utf8(String(typed.id)) })));
  };
  const reconnect = (killed: boolean) => {
    up = [];
    down = [];
    if (killed) {
      host.epoch++; // it cannot go on from a device that knows nothing
      host.unacked = [];
      host.said = 0;
    }
    const had = host.lane.lastRecv;
    const restarted = device.lane.restart(host.epoch);
    up.push(...device.lane.resume(had).resend);
    if (!restarted) {
      host.unacked = host.unacked.filter((_, at) => host.said - host.unacked.length + 1 + at > device.lane.ack);
      down = host.unacked.map((value, at) => ({ seq: host.said - host.unacked.length + 1 + at, value }));
      return;
    }
    // What never arrived is sent again under a new number; what arrived ran.
    for (const typed of device.typed.filter((t) => !t.done && t.seq !== undefined)) {
      if (typed.seq! <= had) typed.done = true;
      else send(typed);
    }
  };
  const kill = () => {
    sturdy = true;
    device = { lane: new Lane(), typed: structuredClone(disk.typed), heard: disk.heard, waiting: [] };
    device.lane.restore(disk.lane);
    reconnect(true);
    for (const typed of device.typed.filter((t) => !t.done && t.seq === undefined)) send(typed);
    sturdy = false;
  };
  const hostTakes = (message: Numbered | undefined) => {
    if (!message || message.seq > host.lane.lastRecv + 1) return;
    if (!host.lane.receive(message.seq, 0)) return;
    const octets = decodeFragment(message.body).octets;
    if (octets.length > 0) host.ran.push(Number(new TextDecoder().decode(octets)));
  };
  const deviceTakes = (message: { seq: number; value: number } | undefined) => {
    if (!message || message.seq > device.lane.lastRecv + 1) return;
    if (!device.lane.receive(message.seq, 0)) return;
    device.lane.hold(message.seq);
    expect(message.value).toBeGreaterThan(device.heard);
    device.heard = message.value;
    device.waiting.push({ ...message, epoch: device.lane.epoch });
  };
  device.lane.restart(1);
  let value = 0;
  for (let step = 0; step < 100_000; step++) {
    const dice = random(1000);
    if (dice < 150 && device.lane.waiting < 40) {
      const typed: Typed = { id: typedCount++, done: false };
      device.typed.push(typed);
      send(typed);
    } else if (dice < 500) hostTakes(random(10) === 0 ? up[0] : up.shift()); // doubled now and then
    else if (dice < 600 && host.unacked.length < 40) {
      host.unacked.push(++value);
      down.push({ seq: ++host.said, value });
    } else if (dice < 850) deviceTakes(random(10) === 0 ? down[0] : down.shift());
    else if (dice < 950) {
      commit();
      // The ack names only what is on disk.
      const acked = device.lane.ack;
      host.unacked = host.unacked.filter((_, at) => host.said - host.unacked.length + 1 + at > acked);
      if (host.unacked.length > 0) expect(host.unacked[0]).toBeGreaterThanOrEqual(0);
    } else if (dice < 985) device.lane.acked(host.lane.lastRecv);
    else if (dice < 997) reconnect(false);
    else kill();
    device.typed = device.typed.filter((t) => !t.done && !(t.seq !== undefined && t.seq <= device.lane.delivered));
  }
  reconnect(false);
  for (const message of up) hostTakes(message);
  expect(host.ran).toEqual([...new Set(host.ran)]);
  expect(host.ran.length).toBe(typedCount);
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
