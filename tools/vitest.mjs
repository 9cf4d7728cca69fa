// vitest.mjs web|functional [FILTER...]: run one of the TypeScript suites, count it, and end
// with "…: N passed, N failed". `web` checks the page's types first; that is one more test.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";

const top = resolve(import.meta.dirname, "..");
const [suite, ...filters] = process.argv.slice(2);
const cwd = suite === "web" ? resolve(top, "web") : resolve(top, "tests/functional");
const report = resolve(top, `build/test/${suite}.json`);
const bin = (name) => resolve(top, "web/node_modules/.bin", name);
let passed = 0;
let failed = 0;

function run(name, args) {
  const { status } = spawnSync(bin(name), args, { cwd, stdio: "inherit", env: { ...process.env, NO_COLOR: "1" } });
  return status === 0;
}

if (run("tsc", ["--noEmit", "-p", "."])) passed += 1;
else failed += 1;

mkdirSync(resolve(top, "build/test"), { recursive: true });
rmSync(report, { force: true });
const good = run("vitest", ["run", ...filters, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`]);
try {
  const sums = JSON.parse(readFileSync(report, "utf8"));
  passed += sums.numPassedTests;
  failed += sums.numFailedTests;
  // A file that does not load has no tests to fail.
  failed += sums.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
} catch {
  failed += 1;
}
if (!good && failed === 0) failed += 1;
console.log(`${suite}: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
