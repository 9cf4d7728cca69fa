// A grant names one of four roles and threads by their ids; whatever else is refused.

import { describe, expect, test } from "vitest";

import { encodeGrant, parseGrant, Role } from "../../src/session/pairing";
import { concat } from "../../src/wire/bytes";

function grant(role: number, scope: string) {
  const body = encodeGrant({
    host: new Uint8Array(16), device: new Uint8Array(32), role, caps: 0n, serial: 1n, issued: 1n, notAfter: 2n,
    person: "Ada", name: "Pixel", scope,
  });
  return concat(body, new Uint8Array(64));
}

describe("a grant", () => {
  test.each(["", "01a2-b3", "01a2-b3 t_2.x:y"])("for the threads %j is read", (scope) => {
    expect(parseGrant(grant(Role.VIEWER, scope))).toMatchObject({ role: Role.VIEWER, person: "Ada", scope });
  });

  test.each(["*", " t1", "t1 ", "t1  t2", "t1,t2", "project/x", "t1\nt2", "t1\n", "ä", "x".repeat(129)])("with the scope %j is refused", (scope) => {
    expect(() => parseGrant(grant(Role.VIEWER, scope))).toThrow("unknown scope");
  });

  test.each([0, 5, 255])("with the role %d is refused", (role) => {
    expect(() => parseGrant(grant(role, ""))).toThrow("unknown role");
  });
});
