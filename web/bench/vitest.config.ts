import { defineConfig } from "vitest/config";

// tools/bench_web.sh and tools/screens.sh: real Chromium, one thing at a time. No tests.
export default defineConfig({
  test: { include: ["bench/*.run.ts"], pool: "forks", maxWorkers: 1, testTimeout: 900_000, hookTimeout: 60_000 },
});
