// What the role of this device lets a person do here.

import type { Desk } from "../client/desk";
import { roleNames } from "../session/pairing";

export interface Rights {
  answer: boolean;
  steer: boolean;
}

export function roleOf(desk: Desk): string {
  return desk.status?.value.you?.role ?? roleNames[desk.client.host.role] ?? "viewer";
}

export function rightsOf(desk: Desk): Rights {
  const role = roleOf(desk);
  return { answer: role !== "viewer", steer: role === "operator" || role === "owner" };
}
