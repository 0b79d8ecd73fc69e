/**
 * `npm run simulate -- --seed N --nodes 5000 --steps 200`: one story told aloud, with the real server core, an in-memory log, link and
 * clock. A seed that fails replays exactly: the same moves, the same log, the same failure.
 */
import { parseArgs } from "node:util";
import { play } from "./play.ts";
import { seedOfRun } from "./random.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    nodes: { type: "string", default: "50" },
    jobs: { type: "string", default: "20" },
    steps: { type: "string", default: "200" },
    tight: { type: "boolean", default: false },
    /** Every commit is told too. */
    commits: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
  },
});

const number = (name: "nodes" | "jobs" | "steps" | "seeds"): number => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) {
    console.error(`--${name} must be a whole number above 0, is "${values[name]}"`);
    process.exit(1);
  }
  return value;
};
const first = values.seed === undefined ? seedOfRun() : Number(values.seed);
if (!Number.isInteger(first) || first < 0) {
  console.error(`--seed must be a whole number, is "${values.seed}"`);
  process.exit(1);
}
const setting = { nodes: number("nodes"), jobs: number("jobs"), memoryMB: values.tight ? 2_048 : 8_192, roomy: !values.tight };

let failed = 0;
for (let run = 0; run < number("seeds"); run++) {
  const seed = (first + run) >>> 0;
  const startedMs = performance.now();
  try {
    const tell = values.quiet ? () => undefined : (line: string) => console.log(line);
    const told = await play({ seed, setting, steps: number("steps"), tell, commits: values.commits });
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(
      `seed ${seed}: ${told.commits} commits, ${told.allocations} allocations, ${told.deployments} deployments, every invariant held; log ${told.hash}, ${seconds} s`,
    );
  } catch (thrown) {
    failed++;
    console.error(values.quiet ? (thrown as Error).message.slice(0, 600) : thrown);
    console.error(`seed ${seed} failed; replay: npm run simulate -- --seed ${seed} ${replayFlags()}`);
  }
}
// The others' stories are told all the same.
if (failed > 0) console.error(`${failed} of ${number("seeds")} failed`);
process.exit(failed === 0 ? 0 : 1);

function replayFlags(): string {
  return `--nodes ${values.nodes} --jobs ${values.jobs} --steps ${values.steps}${values.tight ? " --tight" : ""}`;
}
