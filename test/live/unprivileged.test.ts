/** Somebody who is not root, with a checkout they may only read: what is missing is said, plain processes run. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { eventually, freePort, mountsUnder, processesUnder, REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const NOBODY = "65534";
let own: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  own = temporaryDirectory("unprivileged");
  chmodSync(own.path, 0o777);
});
afterEach(() => {
  for (const { pid } of processesUnder(own.path)) process.kill(pid, "SIGKILL");
  own.remove();
});

/** As root, steps down; as anybody else it is that already. */
function asNobody(words: readonly string[]): readonly [string, string[]] {
  const command = ["env", `TMPDIR=${own.path}`, `HOME=${own.path}`, ...words];
  return process.getuid?.() === 0
    ? ["setpriv", [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", ...command]]
    : ["env", command.slice(1)];
}

test("without root the quickstart says what is missing and runs the first lesson as a plain process", async () => {
  const port = await freePort();
  const [program, words] = asNobody(["sh", join(REPOSITORY, "scripts", "quickstart.sh"), `-port=${port}`, "-once"]);
  const { code, stdout, stderr } = await run(program, words, { timeoutMs: 90_000 });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^Ready\. Drivers: raw_exec\.$/m);
  assert.match(stdout, /^Not here: exec \(.*root.*\)/m);
  assert.match(stdout, /^hello world/m);
  await eventually("every process to be gone", () => processesUnder(own.path).length === 0);
  assert.deepEqual(readdirSync(own.path), []);
  assert.deepEqual(mountsUnder(own.path), []);
});

test("without root a data_dir that belongs to somebody else is refused by name, without a trace", async () => {
  const theirs = temporaryDirectory("theirs");
  try {
    if (process.getuid?.() !== 0) chmodSync(theirs.path, 0o500);
    const data = join(theirs.path, "data");
    const [program, words] = asNobody([
      process.execPath,
      join(REPOSITORY, "src", "main.ts"),
      "agent",
      "-server",
      "-bootstrap-expect=1",
      `-data-dir=${data}`,
    ]);
    const { code, stdout, stderr } = await run(program, words, { timeoutMs: 30_000 });
    assert.equal(code, 1, stdout + stderr);
    assert.ok(stderr.includes(data), stderr);
    assert.match(stderr, /permission denied|not writable/i);
    assert.doesNotMatch(stderr, /\n\s+at /);
  } finally {
    theirs.remove();
  }
});
