import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  build: {
    outDir: "../build/web",
    emptyOutDir: true,
    target: "es2022",
    // The content policy allows no inline script; modulepreload needs no polyfill
    // in any browser that has X25519 in WebCrypto.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120000,
  },
});
