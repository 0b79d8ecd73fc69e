/**
 * The process the reads benchmark asks: a state of JOBS × ALLOCATIONS_EACH allocations behind the HTTP API, no nodes, no log. Talks to
 * its parent over IPC:
 *
 *   ─► { address, index }        it listens
 *   ◄─ { change: true }          a job changes now, and what this process has computed so far is told
 *   ◄─ {}                        what this process has computed so far is told
 *   ─► { computedMs }
 *   ◄─ disconnect                the end
 */
import { createApi, type AgentFacts } from "#api/server";
import type { Cluster } from "#cluster";
import { createHostClock, createHostRandom } from "#integrations/host";
import { commandVersion, createState, type Command } from "#state";
import { job, node, placement, plan } from "../unit/state/nouns.ts";

const JOBS = 100;
const ALLOCATIONS_EACH = 1000;
const NODES = 1000;

if (process.send !== undefined && !process.connected) process.exit(1);
process.on("disconnect", () => process.exit(0));

const clock = createHostClock({ keepAlive: true });
const random = createHostRandom();
const state = createState({ clock });
let index = 1;
const apply = (command: Command) => {
  const outcome = state.apply(++index, {
    version: commandVersion(command.type) as number,
    time: index * 1000,
    requestId: String(index),
    command,
  });
  if (!outcome.ok) throw new Error(outcome.reason);
};
const register = (id: string, priority: number) =>
  apply({
    type: "job-register",
    Job: job(id, { Priority: priority }),
    Submission: null,
    Evaluation: null,
    EnforceIndex: null,
    PreserveCounts: false,
  });

for (let each = 0; each < NODES; each++) apply({ type: "node-register", Node: node(`node-${each}`), Evaluations: [] });
for (let each = 0; each < JOBS; each++) {
  register(`job-${each}`, 50);
  const Allocations = Array.from({ length: ALLOCATIONS_EACH }, (_, at) =>
    placement(random.uuid(), `job-${each}`, `node-${at % NODES}`, { Name: `job-${each}.web[${at}]` }),
  );
  apply({
    type: "plan-apply",
    Plan: plan(state.snapshot().job("default", `job-${each}`) ?? null, { Placements: Allocations }),
    Evaluations: [],
  });
}

const cluster = { clusterId: "c", leads: true, leaderAddress: "", read: async () => state.snapshot(), state } as unknown as Cluster;
const api = createApi({
  server: null,
  cluster,
  localNode: null,
  agent: { member: () => ({ Tags: {} }) } as unknown as AgentFacts,
  clock,
  random,
  region: "global",
  datacenter: "dc1",
  connectionsPerClientMax: 0,
});
const [listening] = await api.listen([{ host: "127.0.0.1", port: 0 }]);
if (listening === undefined || "path" in listening) throw new Error("the API does not listen");
let priority = 50;
process.on("message", (asked: { readonly change?: true }) => {
  // Another priority each time: the same job again would be no change.
  if (asked.change === true) register("job-0", 50 + (++priority % 50));
  const { user, system } = process.cpuUsage();
  process.send?.({ computedMs: (user + system) / 1000 });
});
process.send?.({ address: `http://${listening.host}:${listening.port}`, index });
