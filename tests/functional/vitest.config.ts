import { defineConfig } from "vitest/config";

// Real programs on two cores: two files at a time, and generous limits, which cost nothing
// when a test passes. Where nobody watches (CI) a test that failed is tried once more, and the
// report says so; at a desk it is not.
export default defineConfig({
  test: {
    include: ["*.test.ts", "evenings/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    retry: process.env["CI"] ? 1 : 0,
  },
});
