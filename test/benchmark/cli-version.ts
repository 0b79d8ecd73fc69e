/** How long `drover version` takes, packed, beside a bare `node -e 0`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, run } from "../live/real-agent.ts";
import { percentile, type Benchmark } from "./figure.ts";

const ROUNDS = 25;

export const cliVersion: Benchmark = {
  name: "cli-version",
  about: "packed `version` against `node -e 0`",
  async run() {
    const packed = join(REPOSITORY, "dist", "main.js");
    if (!existsSync(packed)) {
      const built = await run(process.execPath, [join(REPOSITORY, "scripts", "pack.ts")]);
      if (built.code !== 0) throw new Error(built.stderr);
    }
    const bare: number[] = [];
    const version: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await time(["-e", "0"]));
      version.push(await time([packed, "version"]));
    }
    const floor = percentile(bare, 50);
    const ours = percentile(version, 50);
    return [
      { bench: "node -e 0", value: floor, unit: "ms", reference: null, goal: "" },
      { bench: "drover version", value: ours, unit: "ms", reference: null, goal: "" },
      { bench: "drover version / node -e 0", value: ours / floor, unit: "×", reference: null, goal: "≤ 2" },
    ];
  },
};

async function time(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const result = await run(process.execPath, args);
  if (result.code !== 0) throw new Error(result.stderr);
  return performance.now() - started;
}
