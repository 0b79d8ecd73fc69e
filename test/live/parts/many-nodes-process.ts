/**
 * Nodes without tasks: real sessions over real connections, in one process. Words: how many, then host:port of servers. Every REPORT_MS a line of
 * JSON on standard output (Report of many-nodes.ts). Ends when it is killed.
 */
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkLink } from "#integrations/link";
import type { Link, NodeServices } from "#ports";
import { Session } from "../../../src/client/node/session.ts";
import { nodeOf } from "../../simulation/fixtures.ts";
import type { NodesReport } from "./many-nodes.ts";

const REPORT_MS = 250;
/** Machines have a processor each; these share one, and would all be too slow together. */
const CONNECTING_MAX = 50;
/** As many as a fingerprint of a machine has. */
const ATTRIBUTES = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`platform.attribute.${at}`, `value ${at}`]));

const [count = "0", ...servers] = process.argv.slice(2);
const clock = createHostClock({ keepAlive: true });
const random = createHostRandom();
const total = { registered: 0, beats: 0, lost: 0, stopped: 0 };
const at = new Map<string, string>();
let problem = "";
let connecting = 0;
const waiting: (() => void)[] = [];

for (let number = 0; number < Number(count); number++) startNode(`node-${number}`);
setInterval(() => process.stdout.write(`${JSON.stringify(report())}\n`), REPORT_MS);

function report(): NodesReport {
  const byServer: Record<string, number> = {};
  for (const server of at.values()) byServer[server] = (byServer[server] ?? 0) + 1;
  return { atMs: Date.now(), ...total, byServer, problem };
}

function startNode(name: string): void {
  const node = nodeOf(random, { name, attributes: ATTRIBUTES });
  let there = false;
  const is = (now: boolean): void => {
    if (there !== now) total.registered += now ? 1 : -1;
    if (!now) at.delete(name);
    there = now;
  };
  const session = new Session({
    link: inTurn(networkLink({ servers: async () => servers, clock, random, connected: ({ server }) => at.set(name, server) })),
    end: {
      allocationsChanged: ({ Gone }) => (total.stopped += Gone.length),
      servicesChanged: () => undefined,
      services: {} as NodeServices,
    },
    node: () => node,
    clock,
    random,
    report: ({ fields }) => (problem = String(fields?.["problem"])),
    connected(connection) {
      if (connection === undefined && there) total.lost++;
      is(connection !== undefined);
    },
    heard: () => total.beats++,
  });
  // Machines are not switched on in one moment; these are, within a second.
  clock.after(random.integer(1_000), () => session.start());
}

function inTurn(link: Link): Link {
  return {
    async connect(...words) {
      if (connecting >= CONNECTING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
      connecting++;
      try {
        return await link.connect(...words);
      } finally {
        connecting--;
        waiting.shift()?.();
      }
    },
  };
}
