/** What the book and its log cost: writes per second through the synced log, applying, memory per allocation, snapshots, restart. */
import { join } from "node:path";
import { REPOSITORY, run } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";

interface Measured {
  readonly startMs: number;
  readonly proposalsPerSecond: number;
  readonly proposalP50: number;
  readonly proposalP99: number;
  readonly placementsPerSecond: number;
  readonly updatesPerSecond: number;
  readonly applyUs: number;
  readonly rssPerAllocation: number;
  readonly loopMaxMs: number;
  readonly snapshotMs: number;
  readonly snapshotLoopMs: number;
  readonly restartMs: number;
}

export const logAndState: Benchmark = {
  name: "log",
  about: "writes through the synced log and the state, 20,000 running allocations",
  async run() {
    const result = await run(process.execPath, [join(REPOSITORY, "test", "benchmark", "log-process.ts")]);
    if (result.code !== 0) throw new Error(result.stderr);
    const found = JSON.parse(result.stdout) as Measured;
    return [
      { bench: "log: open and first append", value: found.startMs, unit: "ms", reference: null, goal: "≤ 100" },
      { bench: "log: small commands, 64 writers", value: found.proposalsPerSecond, unit: "/s", reference: null, goal: "" },
      { bench: "log: small command p50", value: found.proposalP50, unit: "ms", reference: null, goal: "" },
      { bench: "log: small command p99", value: found.proposalP99, unit: "ms", reference: null, goal: "" },
      { bench: "log: placements in plans of 500", value: found.placementsPerSecond, unit: "/s", reference: null, goal: "≥ 3750" },
      { bench: "log: client updates in batches of 64", value: found.updatesPerSecond, unit: "/s", reference: null, goal: "≥ 3750" },
      { bench: "state: apply one update in 20,000", value: found.applyUs, unit: "µs", reference: null, goal: "" },
      { bench: "state: RSS per running allocation", value: found.rssPerAllocation, unit: "KB", reference: null, goal: "≤ 8" },
      { bench: "state: longest block of the event loop", value: found.loopMaxMs, unit: "ms", reference: null, goal: "≤ 100" },
      { bench: "snapshot of 20,000 allocations", value: found.snapshotMs, unit: "ms", reference: null, goal: "" },
      { bench: "snapshot: longest block of the event loop", value: found.snapshotLoopMs, unit: "ms", reference: null, goal: "≤ 100" },
      { bench: "restart with 20,000 allocations", value: found.restartMs, unit: "ms", reference: null, goal: "" },
    ];
  },
};
