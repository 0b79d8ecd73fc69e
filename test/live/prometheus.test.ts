/**
 * Prometheus with the files of lesson 2 finds every copy, by the agent's API (nomad_sd) and by the real Consul (consul_sd), and scrapes it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { startConsul } from "./parts/consul.ts";
import { freePorts } from "./parts/ports.ts";
import { withFreshPorts } from "./parts/process.ts";
import { buildDiscovery, startPrometheus, type Target } from "./parts/prometheus.ts";
import { eventually, REPOSITORY, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const LESSON = join(REPOSITORY, "examples", "02-consul-service");
const AGENT = `server {
  enabled = true
  bootstrap_expect = 1
}
client {
  enabled = true
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
telemetry {
  prometheus_metrics = true
}
`;
const scratch = temporaryDirectory("prometheus-sd");
let discovery = "";

before(async () => {
  if (!SKIP) discovery = await buildDiscovery(scratch.path);
});
after(() => scratch.remove());

async function startAgent(t: TestContext, more = ""): Promise<RealAgent> {
  const agent = await startRealAgent({ config: { "agent.hcl": AGENT + more } });
  t.after(() => agent.remove());
  return agent;
}

/** Follows a file of the lesson, at the addresses of this test; returns what Prometheus scrapes of one of its jobs. */
async function follow(t: TestContext, file: string, place: { readonly from: string; readonly to: string }) {
  const text = readFileSync(join(LESSON, file), "utf8");
  assert.ok(text.includes(place.from));
  const config = text.replaceAll(place.from, place.to).replaceAll(/: 5s$/gm, ": 1s");
  return await withFreshPorts(async () => {
    const [port = 0] = await freePorts(1);
    return (await startPrometheus(t, { config, discovery, listen: `127.0.0.1:${port}` })).targets;
  });
}

async function allUp(targets: (job: string) => Promise<readonly Target[]>, job: string, count: number): Promise<readonly Target[]> {
  return eventually(
    `${count} targets of ${job} to be scraped`,
    async () => {
      const found = await targets(job);
      assert.deepEqual(
        found.map(({ health }) => health),
        Array.from({ length: count }, () => "up"),
        JSON.stringify(found),
      );
      return found;
    },
    60_000,
  );
}

/** Three copies found, under the ids of the job's allocations; none any more when the job was stopped. */
async function comeAndGo(agent: RealAgent, provider: string, targets: (job: string) => Promise<readonly Target[]>): Promise<void> {
  const ran = await agent.cli("job", "run", "-var", `provider=${provider}`, join(LESSON, "web.nomad.hcl"));
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const copies = await allUp(targets, "services", 3);
  const allocations = await agent.get<{ ID: string }[]>("/v1/job/web/allocations");
  const labels = (name: string) => copies.map((target) => target.labels[name]);
  assert.deepEqual(labels("allocation").toSorted(), allocations.map(({ ID }) => ID).toSorted());
  assert.deepEqual(labels("service"), ["web", "web", "web"]);
  await allUp(targets, "drover", 1);
  const stopped = await agent.cli("job", "stop", "web");
  assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr);
  await eventually("the job's targets to go", async () => (await targets("services")).length === 0, 60_000);
  await allUp(targets, "drover", 1);
}

test("nomad_sd finds every copy by the agent's API, as long as it runs", { skip: SKIP, timeout: 180_000 }, async (t) => {
  const agent = await startAgent(t);
  await comeAndGo(agent, "nomad", await follow(t, "prometheus-nomad.yml", { from: "127.0.0.1:4646", to: `127.0.0.1:${agent.port}` }));
});

test("consul_sd finds every copy, and the agent, in Consul, as long as it runs", { skip: SKIP, timeout: 180_000 }, async (t) => {
  const consul = await startConsul({ owner: t });
  const agent = await startAgent(t, `consul {\n  address = "${consul.httpAddress}"\n}\n`);
  await comeAndGo(agent, "consul", await follow(t, "prometheus-consul.yml", { from: "127.0.0.1:8500", to: consul.httpAddress }));
});
