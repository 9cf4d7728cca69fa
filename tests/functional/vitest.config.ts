import { defineConfig } from "vitest/config";

// Real programs on two cores: two files at a time, and generous limits, which cost nothing
// when a test passes. A test that failed is not tried again: what fails now and then is broken.
export default defineConfig({
  test: {
    include: ["*.test.ts", "evenings/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
