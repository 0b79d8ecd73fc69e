/** How long `drover version` takes, packed, beside a bare `node -e 0`: medians of turns taken one by one, so that all see the same machine. */
import { run } from "../live/real-agent.ts";
import { percentile, type Benchmark } from "./figure.ts";
import { packRelease } from "./release.ts";

const ROUNDS = 25;

export const cliVersion: Benchmark = {
  name: "cli-version",
  about: "packed `version` against `node -e 0`",
  async run() {
    const release = await packRelease();
    const bare: number[] = [];
    const version: number[] = [];
    const launched: number[] = [];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await time(process.execPath, ["-e", "0"]));
        version.push(await time(process.execPath, [release.main, "version"]));
        launched.push(await time(release.launcher, ["version"]));
      }
    } finally {
      release.remove();
    }
    const floor = percentile(bare, 50);
    const ours = percentile(version, 50);
    const typed = percentile(launched, 50);
    return [
      { bench: "node -e 0", value: floor, unit: "ms", reference: null, goal: "" },
      { bench: "node dist/main.js version", value: ours, unit: "ms", reference: null, goal: "" },
      { bench: "node dist/main.js version / node -e 0", value: ours / floor, unit: "×", reference: null, goal: "≤ 2" },
      { bench: "bin/drover version", value: typed, unit: "ms", reference: null, goal: "" },
      { bench: "bin/drover version / node -e 0", value: typed / floor, unit: "×", reference: null, goal: "≤ 2" },
    ];
  },
};

async function time(program: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const result = await run(program, args);
  if (result.code !== 0) throw new Error(result.stderr);
  return performance.now() - started;
}
