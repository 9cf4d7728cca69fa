// Writes approval.json (docs/protocol.md section 7) without any code of the program: Node's own
// hashes and Ed25519. Usage: node approval.mjs > approval.json
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

const u8 = (n) => Buffer.from([n]);
const u16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const lv = (x) => { const b = Buffer.from(x); return Buffer.concat([u32(b.length), b]); };
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hex = (b) => Buffer.from(b).toString("hex");
const tlv = (tag, value) => Buffer.concat([u8(tag), u16(value.length), value]);
const text = (tag, s) => (s === undefined || s === "" ? [] : [tlv(tag, Buffer.from(s))]);
const seeded = (name, n = 32) => sha256(Buffer.from(name)).subarray(0, n);

const PIECE = 65535;
function pieces(command) {
  const octets = Buffer.from(command ?? "");
  const out = [];
  for (let at = 0; at < octets.length; at += PIECE) out.push(tlv(7, octets.subarray(at, at + PIECE)));
  return out;
}

function request(r) {
  const bytes = Buffer.concat([
    tlv(1, Buffer.from(r.requestId, "hex")),
    ...text(2, r.threadId), ...text(3, r.turnId), ...text(4, r.itemId),
    tlv(5, u8(r.kind)), ...text(6, r.cwd), ...pieces(r.command),
    ...(r.argv ?? []).map((a) => tlv(8, Buffer.from(a))),
    tlv(9, sha256(Buffer.from(r.material))),
    ...(r.paths ?? []).map((p) => tlv(0x0a, Buffer.from(p))),
    ...text(0x0b, r.reason), tlv(0x0c, u8(r.asked)), ...text(0x0d, r.policy),
    tlv(0x0e, u64(r.createdMs)), tlv(0x0f, u64(r.expiresMs)),
    tlv(0x10, u8(r.quorum)), tlv(0x11, u8(r.uv ? 1 : 0)),
  ]);
  return { ...r, bytes: hex(bytes), rd: hex(sha256(lv("fh1 approval req"), bytes)) };
}

const base = {
  requestId: hex(seeded("request", 16)), threadId: "0199c0de-thread", turnId: "0199c0de-turn",
  itemId: "call_1", kind: 1, asked: 0, createdMs: 1795000000000, expiresMs: 0, quorum: 1, uv: false,
};
const command = "/bin/bash -lc 'touch a && echo \"h\u00ef \u202e\u200b\u0007\"'";
const changes = [{ path: "/w/p1.txt", kind: { type: "add" }, diff: "hello\nworld\n" }];

const requests = [
  request({ ...base, name: "a command", command, cwd: "/w", reason: "needs \u00e4 file",
    material: JSON.stringify({ kind: "command", command, cwd: "/w" }) }),
  request({ ...base, name: "a command with argv, everything asked, expiry, quorum and uv", command: "ls '' -l",
    argv: ["ls", "", "-l"], cwd: "/w", asked: 7, policy: "rule 3: ask", expiresMs: 1795000600000,
    quorum: 2, uv: true, material: "{}" }),
  request({ ...base, name: "a command of two pieces, cut inside a character",
    command: "#" + "\u00e9".repeat(40000), cwd: "/w", material: "{}" }),
  request({ ...base, name: "a file change", kind: 2, paths: ["/w/p1.txt"], asked: 4,
    material: JSON.stringify({ reason: null, grantRoot: null, changes }) }),
  request({ ...base, name: "permissions", kind: 3, asked: 1,
    material: JSON.stringify({ permissions: { network: { enabled: true } } }) }),
  request({ ...base, name: "a question", kind: 4,
    material: JSON.stringify({ questions: [{ id: "q", question: "Which?" }] }) }),
  request({ ...base, name: "an elicitation without turn and item", kind: 5, turnId: "", itemId: "",
    material: JSON.stringify({ mode: "form", message: "Who?" }) }),
  request({ ...base, name: "a pairing", kind: 7, threadId: "", turnId: "", itemId: "",
    reason: `Pixel 9\noperator\n482 913\n${hex(seeded("device"))}`,
    material: JSON.stringify({ deviceName: "Pixel 9", role: "operator", sas: "482 913" }) }),
];

// ---- what every reader must refuse
const good = Buffer.from(requests[0].bytes, "hex");
const id = tlv(1, Buffer.from(base.requestId, "hex"));
const rest = Buffer.concat([tlv(9, sha256(Buffer.from("{}"))), tlv(0x0c, u8(0)), tlv(0x0e, u64(1)),
  tlv(0x0f, u64(0)), tlv(0x10, u8(1)), tlv(0x11, u8(0))]);
const kind = tlv(5, u8(1));
const broken = [
  ["nothing", Buffer.alloc(0)],
  ["the last octet is missing", good.subarray(0, -1)],
  ["an octet too many", Buffer.concat([good, u8(0)])],
  ["an unknown tag", Buffer.concat([good, tlv(0x12, u8(1))])],
  ["an unknown critical tag", Buffer.concat([good, tlv(0x80, u8(1))])],
  ["tags out of order", Buffer.concat([kind, id, rest])],
  ["no request id", Buffer.concat([kind, rest])],
  ["no kind", Buffer.concat([id, rest])],
  ["kind 0", Buffer.concat([id, tlv(5, u8(0)), rest])],
  ["kind 8", Buffer.concat([id, tlv(5, u8(8)), rest])],
  ["an empty text", Buffer.concat([id, tlv(2, Buffer.alloc(0)), kind, rest])],
  ["a tag given twice", Buffer.concat([id, tlv(2, Buffer.from("a")), tlv(2, Buffer.from("b")), kind, rest])],
  ["a text that is not UTF-8", Buffer.concat([id, tlv(2, Buffer.from([0xff])), kind, rest])],
  ["a command that is not UTF-8", Buffer.concat([id, kind, tlv(7, Buffer.from([0xc3])), rest])],
  ["a first piece that is not full", Buffer.concat([id, kind, tlv(7, Buffer.from("ls")), tlv(7, Buffer.from(" -l")), rest])],
  ["asked has a bit without a name", Buffer.concat([id, kind, tlv(9, sha256(Buffer.from("{}"))), tlv(0x0c, u8(8)),
    tlv(0x0e, u64(1)), tlv(0x0f, u64(0)), tlv(0x10, u8(1)), tlv(0x11, u8(0))])],
  ["a quorum of nobody", Buffer.concat([id, kind, tlv(9, sha256(Buffer.from("{}"))), tlv(0x0c, u8(0)),
    tlv(0x0e, u64(1)), tlv(0x0f, u64(0)), tlv(0x10, u8(0)), tlv(0x11, u8(0))])],
  ["uv 2", Buffer.concat([id, kind, tlv(9, sha256(Buffer.from("{}"))), tlv(0x0c, u8(0)),
    tlv(0x0e, u64(1)), tlv(0x0f, u64(0)), tlv(0x10, u8(1)), tlv(0x11, u8(2))])],
].map(([name, bytes]) => ({ name, bytes: hex(bytes) }));

// ---- decisions
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = 12;
function decision(d) {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(d.seed, "hex")]), format: "der", type: "pkcs8" });
  const pub = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI);
  const extra = d.result === undefined ? Buffer.alloc(0) : sha256(Buffer.from(d.result));
  const a = Buffer.concat([
    lv("fh1 approval"), Buffer.from(d.hostId, "hex"), Buffer.from(d.requestId, "hex"), Buffer.from(d.rd, "hex"),
    u8(d.decision), u8(d.scope), lv(extra), u64(d.decidedMs), u64(d.grantSerial), u64(d.seenIdx),
    Buffer.from(d.seenHead, "hex"), Buffer.from(d.th4, "hex"),
  ]);
  return { ...d, deviceKey: hex(pub), a: hex(a), sig: hex(sign(null, a, key)) };
}
const word = {
  seed: hex(seeded("seed")), hostId: hex(seeded("host", 16)), requestId: base.requestId, scope: 0,
  decidedMs: 1795000001234, grantSerial: 3, seenIdx: 41, seenHead: hex(seeded("head")), th4: hex(seeded("th4")),
};
const decisions = [
  decision({ ...word, name: "accept", rd: requests[0].rd, decision: 1 }),
  decision({ ...word, name: "accept for this thread", rd: requests[0].rd, decision: 2, scope: 1 }),
  decision({ ...word, name: "accept until it is taken back", rd: requests[0].rd, decision: 2, scope: 3 }),
  decision({ ...word, name: "decline, nothing of the log seen", rd: requests[1].rd, decision: 3, seenIdx: 0 }),
  decision({ ...word, name: "cancel", rd: requests[3].rd, decision: 4 }),
  decision({ ...word, name: "an answer", rd: requests[5].rd, decision: 5,
    result: JSON.stringify({ answers: { q: { answers: ["\u00e4"] } } }) }),
];
const a = Buffer.from(decisions[0].a, "hex");
const at = (offset, value) => { const b = Buffer.from(a); b[offset] = value; return b; };
const DECISION_AT = 4 + 12 + 16 + 16 + 32;
const brokenDecisions = [
  ["nothing", Buffer.alloc(0)],
  ["another label", at(4, 0x46)],
  ["decision 0", at(DECISION_AT, 0)],
  ["decision 6", at(DECISION_AT, 6)],
  ["an answer without its digest", at(DECISION_AT, 5)],
  ["scope 4", at(DECISION_AT + 1, 4)],
  ["the last octet is missing", a.subarray(0, -1)],
  ["an octet too many", Buffer.concat([a, u8(0)])],
].map(([name, bytes]) => ({ name, a: hex(bytes) }));

process.stdout.write(JSON.stringify({ requests, broken, decisions, brokenDecisions }, null, 1) + "\n");
