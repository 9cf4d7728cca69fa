// Reads tests/vectors, which the C tests read too.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function vectors<T>(name: string): T {
  const path = fileURLToPath(new URL(`../../../tests/vectors/${name}`, import.meta.url));
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

export interface WycheproofGroup<Test> {
  tests: (Test & { tcId: number; comment: string; flags: string[]; result: string })[];
  [key: string]: unknown;
}

export function wycheproof<Test>(name: string): WycheproofGroup<Test>[] {
  return vectors<{ testGroups: WycheproofGroup<Test>[] }>(`wycheproof/${name}.json`).testGroups;
}
