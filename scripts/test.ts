/**
 * `npm test [FILE…]`: every test with node:test, quietly: failures as they come, a line a minute so that one sees it lives, and the summary.
 * DROVER_SKIP_LIVE=1 leaves out test/live; DROVER_TEST_SCALE lengthens counted tests (npm run soak sets 10).
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";

const named = process.argv.slice(2);
const skipLive = process.env["DROVER_SKIP_LIVE"] === "1";
const all = globSync("test/**/*.test.ts").toSorted();
const files = named.length > 0 ? named : all.filter((file) => !(skipLive && file.startsWith("test/live/")));
if (skipLive && named.length === 0) {
  console.log(`test: DROVER_SKIP_LIVE=1: leaving out ${all.length - files.length} files of live tests`);
}

const child = spawn(
  process.execPath,
  ["--test", "--test-concurrency=2", "--test-reporter=./scripts/quiet-reporter.ts", "--test-reporter-destination=stdout", ...files],
  { stdio: "inherit" },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("close", (code) => process.exit(code ?? 1));
