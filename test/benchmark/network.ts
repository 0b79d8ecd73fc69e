/** Networks of allocations by the real plugins: what an allocation waits for before its first task, and what its end takes. */
import { join } from "node:path";
import { cniFolder } from "../../scripts/tool-path.ts";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { startNetworkWorld } from "../live/parts/network-world.ts";
import { temporaryDirectory } from "../live/real-agent.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
import type { NetworkTimes } from "./network-child.ts";

const COUNT = 24;

export const network: Benchmark = {
  name: "network",
  about: `${COUNT} bridge networks with a port each, one at a time and 8 at once, set up and taken down (1 minute)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    const folder = temporaryDirectory("bench-network");
    try {
      const { hosts } = await startNetworkWorld(owner);
      const child = join(import.meta.dirname, "network-child.ts");
      const said = await hosts[0]?.run(process.execPath, [child, folder.path, cniFolder(), String(COUNT)], { timeoutMs: 180_000 });
      if (said?.code !== 0) throw new Error(`networks could not be measured: ${said?.stderr}${said?.stdout}`);
      const times = JSON.parse(said.stdout) as NetworkTimes;
      return [
        ...figures("set-up, one at a time", times.setUpMs),
        ...figures("tear-down, one at a time", times.tearDownMs),
        ...figures("set-up, 8 at once", times.setUpAtOnceMs),
        ...figures("tear-down, 8 at once", times.tearDownAtOnceMs),
      ];
    } finally {
      for (const action of actions) await action();
      folder.remove();
    }
  },
};

function figures(what: string, values: readonly number[]): readonly Figure[] {
  return (["min", "median", "max"] as const).map((name, index) => ({
    bench: `network: ${what}, ${name}`,
    value: percentile(values, index * 50),
    unit: "ms",
    reference: null,
    goal: "",
  }));
}
