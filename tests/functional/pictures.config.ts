import { defineConfig } from "vitest/config";

// tools/pictures.sh: the pictures of the README, from a real session. No test.
export default defineConfig({
  test: { include: ["pictures.ts"], pool: "forks", testTimeout: 180_000, hookTimeout: 60_000, teardownTimeout: 20_000 },
});
