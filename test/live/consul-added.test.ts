/**
 * One agent that has no Consul, and then is given one: what waits says what for, and a `consul { }` in the configuration is all it takes. It turns
 * services on; what lay on disk and what ran is as it was (design decision 3: Consul never moves where the state lies).
 */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { eventually, processesUnder, startRealAgent, type RealAgent } from "./real-agent.ts";

const owner = suiteOwner(after);
let consul: RealConsul;
let agent: RealAgent;

const job = (id: string, services: string, tasks = "") => `job "${id}" {
  group "g" {
    network {
      port "http" {}
    }
${services}
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000000"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
${tasks}
    }
  }
}
`;
const WAITING = job("waiting", '    service {\n      name = "web"\n      port = "http"\n    }');
const STAYING = job("staying", "");

before(async () => {
  consul = await startConsul({ owner });
  agent = await startRealAgent();
  owner.after(() => agent.remove());
});

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly CreateIndex: number;
  readonly TaskStates: Readonly<Record<string, { readonly StartedAt: string; readonly Restarts: number }>>;
}

const allocations = (id: string): Promise<readonly Allocation[]> => agent.get(`/v1/job/${id}/allocations`);
const running = (id: string): Promise<Allocation> =>
  eventually(`${id} to run`, async () => (await allocations(id)).find((each) => each.ClientStatus === "running"), 30_000);
const tasks = () => processesUnder(join(agent.dataDirectory, "alloc")).filter((each) => each.command.startsWith("/bin/sleep 1000000"));

async function runJob(text: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const file = join(agent.dataDirectory, "job.nomad.hcl");
  writeFileSync(file, text);
  return agent.cli("job", "run", file);
}

test("without Consul a job that wants one waits, and says which constraint keeps it and what would help", async () => {
  const said = await runJob(WAITING);
  assert.equal(said.code, 2, said.stderr);
  assert.match(said.stdout, /Constraint "\$\{attr\.consul\.version\} semver >= 1\.8\.0": 1 node excluded by filter/);
  assert.match(said.stdout, /waiting for additional capacity to place remainder/);
  const why = await agent.cli("job", "why", "waiting");
  assert.equal(
    why.stdout.split("\n")[0],
    'It does not run: no node has the Consul (1.8 or newer) that group "g" needs (constraint "${attr.consul.version} semver >= 1.8.0"): ' +
      "start Consul beside the agent and give the agent a consul block, it is found within seconds (the agent's log says what Consul refuses); " +
      'or register services with provider = "nomad"',
  );
});

test("consul { } added to the configuration turns services on and touches no state: same log, jobs, allocations, processes", async () => {
  assert.equal((await runJob(STAYING)).code, 0);
  const stays = await running("staying");
  const [before, ...more] = tasks();
  assert.ok(before !== undefined && more.length === 0);
  const maker = () => readFileSync(join(agent.dataDirectory, "server", "log-maker.json"), "utf8").trim();
  const log = () => statSync(join(agent.dataDirectory, "server", "log.sqlite")).ino;
  const wasMade = [log(), maker()];
  const [node] = await agent.get<{ ID: string; CreateIndex: number }[]>("/v1/nodes");

  assert.equal(await agent.terminate(), 0);
  writeFileSync(join(agent.configDirectory, "30-consul.hcl"), `consul {\n  address = "${consul.httpAddress}"\n}\n`);
  await agent.restart();

  const waited = await running("waiting");
  await eventually("its service to be in Consul", async () => {
    const found = await consul.get<{ ServiceID: string }[]>("/v1/catalog/service/web");
    return found.length === 1 && found[0]?.ServiceID.includes(waited.ID);
  });
  await eventually("the agent to be in Consul", async () => (await consul.get<unknown[]>("/v1/catalog/service/nomad")).length === 3);
  assert.deepEqual([log(), maker()], wasMade);
  const [nodeNow] = await agent.get<{ ID: string; CreateIndex: number }[]>("/v1/nodes");
  assert.deepEqual([nodeNow?.ID, nodeNow?.CreateIndex], [node?.ID, node?.CreateIndex]);
  const [same, ...others] = await allocations("staying");
  assert.equal(others.length, 0);
  assert.deepEqual([same?.ID, same?.CreateIndex, same?.TaskStates], [stays.ID, stays.CreateIndex, stays.TaskStates]);
  assert.ok(tasks().some((each) => each.pid === before.pid));

  // And off again: the job that wants Consul runs on, nothing of the agent's is left there.
  assert.equal(await agent.terminate(), 0);
  writeFileSync(join(agent.configDirectory, "30-consul.hcl"), "");
  await agent.restart();
  assert.equal((await running("waiting")).ID, waited.ID);
  assert.deepEqual([log(), maker()], wasMade);
  assert.deepEqual(await consul.get<unknown[]>("/v1/catalog/service/nomad"), []);
});
