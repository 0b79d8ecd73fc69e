/**
 * A service of real processes is updated, and somebody calls it all the time: it never has fewer than count − max_parallel that answer; a
 * bad version is taken back by itself; a canary waits to be promoted; `job run` exits 0, 1 or 2 as Nomad's does.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, startRealAgent, sweepUnder, type RealAgent } from "./real-agent.ts";

const COUNT = 4;
const MAX_PARALLEL = 1;

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(async () => {
  await agent.remove();
  await sweepUnder(agent.dataDirectory);
});

interface Version {
  readonly answers: string;
  /** Ends at once instead of serving. */
  readonly broken?: boolean;
  readonly canary?: number;
  readonly cpu?: number;
}

function jobFile(id: string, { answers, broken = false, canary = 0, cpu = 20 }: Version): string {
  const path = join(agent.dataDirectory, "..", `${id}.nomad.hcl`);
  writeFileSync(
    path,
    `job "${id}" {
  group "web" {
    count = ${COUNT}
    network {
      port "http" {}
    }
    update {
      max_parallel      = ${MAX_PARALLEL}
      min_healthy_time  = "500ms"
      healthy_deadline  = "20s"
      progress_deadline = "40s"
      auto_revert       = true
      canary            = ${canary}
    }
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "server" {
      driver = "raw_exec"
      config {
        command = "${process.execPath}"
        args = ["-e", <<-EOT
          if (${broken}) process.exit(3);
          require("node:http").createServer((request, response) => response.end("${answers}"))
            .listen(Number(process.env.NOMAD_PORT_http), process.env.NOMAD_IP_http);
          process.on("SIGINT", () => process.exit(0));
        EOT
        ]
      }
      resources {
        cpu    = ${cpu}
        memory = 32
      }
    }
  }
}
`,
  );
  return path;
}

interface Stub {
  readonly ID: string;
  readonly JobID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly JobVersion: number;
  readonly AllocatedResources: { readonly Shared: { readonly Ports: readonly { readonly Value: number; readonly HostIP: string }[] } };
}

async function allocationsOf(id: string): Promise<Stub[]> {
  return (await agent.get<Stub[]>("/v1/allocations?resources=true")).filter((stub) => stub.JobID === id);
}
const running = (stubs: readonly Stub[]): Stub[] => stubs.filter((stub) => stub.ClientStatus === "running" && stub.DesiredStatus === "run");

/** What those that answer say. */
async function answersOf(id: string): Promise<string[]> {
  const ports = (await allocationsOf(id)).flatMap((stub) => stub.AllocatedResources.Shared.Ports);
  const answers = await Promise.all(
    ports.map(({ HostIP, Value }) =>
      fetch(`http://${HostIP}:${Value}/`, { signal: AbortSignal.timeout(1_000) }).then(
        (response) => response.text(),
        () => undefined,
      ),
    ),
  );
  return answers.filter((answer) => answer !== undefined);
}

/** Calls the service round after round until `stop`; the fewest that answered in a round. */
function watchAnswers(id: string): { stop(): Promise<number> } {
  let stopped = false;
  let fewest = Infinity;
  const watching = (async () => {
    while (!stopped) {
      fewest = Math.min(fewest, (await answersOf(id)).length);
      await sleep(20);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return fewest;
    },
  };
}

async function untilAll(id: string, answer: string): Promise<void> {
  await eventually(
    `all of ${id} to answer "${answer}"`,
    async () => {
      const answers = await answersOf(id);
      return answers.length === COUNT && answers.every((each) => each === answer);
    },
    60_000,
  );
}

test("a rolling update of real processes never leaves fewer than count − max_parallel answering", async () => {
  const first = await agent.cli("job", "run", jobFile("roll", { answers: "one" }));
  assert.equal(first.code, 0, first.stdout + first.stderr);
  await untilAll("roll", "one");
  const watched = watchAnswers("roll");
  const second = await agent.cli("job", "run", jobFile("roll", { answers: "two" }));
  const fewest = await watched.stop();
  assert.equal(second.code, 0, second.stdout + second.stderr);
  assert.match(second.stdout, /Deployment "[0-9a-f]{8}" successful|Status\s+= successful/);
  await untilAll("roll", "two");
  assert.ok(fewest >= COUNT - MAX_PARALLEL, `only ${fewest} of ${COUNT} answered`);
});

test("a bad version is reverted by itself, job run exits 1, and the good one answers all along (F11)", async () => {
  assert.equal((await agent.cli("job", "run", jobFile("bad", { answers: "good" }))).code, 0);
  await untilAll("bad", "good");
  const watched = watchAnswers("bad");
  const update = await agent.cli("job", "run", jobFile("bad", { answers: "bad", broken: true }));
  assert.equal(update.code, 1, update.stdout + update.stderr);
  await eventually("version 2 to be deployed", async () => {
    const [newest] = await agent.get<{ JobVersion: number; Status: string }[]>("/v1/job/bad/deployments");
    return newest?.JobVersion === 2 && newest.Status === "successful";
  });
  const fewest = await watched.stop();
  await untilAll("bad", "good");
  assert.ok(fewest >= COUNT - MAX_PARALLEL, `only ${fewest} of ${COUNT} answered`);
  const deployments = await agent.get<{ JobVersion: number; StatusDescription: string }[]>("/v1/job/bad/deployments");
  const failed = deployments.find((each) => each.JobVersion === 1);
  assert.equal(failed?.StatusDescription, "Failed due to unhealthy allocations - rolling back to job version 0");
});

test("a canary stands beside the old version and waits until it is promoted", async () => {
  assert.equal((await agent.cli("job", "run", jobFile("bird", { answers: "old" }))).code, 0);
  await untilAll("bird", "old");
  const update = await agent.cli("job", "run", "-detach", jobFile("bird", { answers: "new", canary: 1 }));
  assert.equal(update.code, 0, update.stderr);
  const waits = async (): Promise<{ ID: string; Status: string; StatusDescription: string; HealthyAllocs: number }> => {
    const [newest] =
      await agent.get<{ ID: string; Status: string; StatusDescription: string; TaskGroups: { web: { HealthyAllocs: number } } }[]>(
        "/v1/job/bird/deployments",
      );
    assert.ok(newest !== undefined);
    return { ...newest, HealthyAllocs: newest.TaskGroups.web.HealthyAllocs };
  };
  await eventually("the canary to be healthy", async () => (await waits()).HealthyAllocs === 1);
  const deployment = await waits();
  assert.equal(deployment.StatusDescription, "Deployment is running but requires manual promotion");
  assert.deepEqual((await answersOf("bird")).toSorted(), ["new", "old", "old", "old", "old"]);
  // It waits: a whole evaluation later nothing has changed.
  await agent.cli("job", "eval", "-detach", "bird");
  assert.deepEqual((await answersOf("bird")).toSorted(), ["new", "old", "old", "old", "old"]);
  const promoted = await agent.cli("deployment", "promote", deployment.ID);
  assert.equal(promoted.code, 0, promoted.stdout + promoted.stderr);
  await untilAll("bird", "new");
  assert.equal((await waits()).Status, "successful");
  assert.equal(running(await allocationsOf("bird")).length, COUNT);
});

test("job run exits 2 when something fits nowhere", async () => {
  const result = await agent.cli("job", "run", jobFile("huge", { answers: "never", cpu: 10_000_000 }));
  assert.equal(result.code, 2, result.stdout + result.stderr);
  assert.match(result.stdout, /failed to place all allocations/);
});
