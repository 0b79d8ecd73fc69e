/**
 * Many short stories. Everything that may happen to a herd happens (moves.ts); the invariants hold after every commit; in the end, left
 * alone, what is wanted runs. The seed is in the failure. The gate plays the same seeds every time; DROVER_SEED=n starts elsewhere.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { testScale } from "../scale.ts";
import { play } from "./play.ts";
import { seedOfRun } from "./random.ts";
import type { Setting } from "./stage.ts";

const ROOMY: Setting = { nodes: 8, jobs: 5, memoryMB: 8_192, roomy: true };
const TIGHT: Setting = { nodes: 4, jobs: 5, memoryMB: 2_048, roomy: false };
/** 300 in the gate, 5,000 in soak (scale 10 asks for a little less than ten times as many). */
const SEEDS = testScale() >= 10 ? 5_000 : Math.max(1, Math.round(300 * testScale()));
const STEPS = 25;
const FIRST_SEED = process.env["DROVER_SEED"] === undefined ? 1 : seedOfRun();
const SIMULATE = join(import.meta.dirname, "simulate.ts");

/** Slices, so that a failure is one test's and progress shows. */
const SLICE = 50;
for (let from = 0; from < SEEDS; from += SLICE) {
  const through = Math.min(SEEDS, from + SLICE);
  test(`herds of seeds ${FIRST_SEED + from} to ${FIRST_SEED + through - 1} keep every invariant and settle (F4, F6, F7, F10–F12, F14–F17, F19, F20)`, async () => {
    for (let run = from; run < through; run++) {
      const seed = (FIRST_SEED + run) >>> 0;
      const setting = run % 3 === 2 ? TIGHT : ROOMY;
      try {
        await play({ seed, setting, steps: STEPS });
      } catch (thrown) {
        const tight = setting === TIGHT ? " --tight" : "";
        const replay = `npm run simulate -- --seed ${seed} --nodes ${setting.nodes} --jobs ${setting.jobs} --steps ${STEPS}${tight}`;
        throw new Error(`seed ${seed}: ${(thrown as Error).message}\nreplay: ${replay}`, { cause: thrown });
      }
    }
  });
}

test("the same seed writes the same log, byte for byte, in this process and in another", async () => {
  const told = { seed: FIRST_SEED, setting: ROOMY, steps: STEPS };
  const once = await play(told);
  assert.deepEqual(await play(told), once);
  const words = [SIMULATE, "--seed", FIRST_SEED, "--nodes", ROOMY.nodes, "--jobs", ROOMY.jobs, "--steps", STEPS, "--quiet"].map(String);
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 60_000 });
  assert.ok(stdout.includes(`log ${once.hash}`), `another process: ${stdout}`);
});
