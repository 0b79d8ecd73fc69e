/**
 * A task's own Consul token, end to end: the real agent, the real Consul with access control, prepared by `setup consul`. Every token that was
 * traded is given back in the end, whatever is killed, deleted or away in between (F30, F31, F33).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { eventually, run, startRealAgent, REPOSITORY, type RealAgent } from "./real-agent.ts";

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly Restarts: number }>>;
}

const owner = suiteOwner(after);
let consul: RealConsul;
let agent: RealAgent;
let base = 0;

before(async () => {
  consul = await startConsul({ owner, acl: true });
  agent = await startRealAgent({
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl": 'client {\n  enabled = true\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n',
      "30-consul.hcl": `consul {
  address = "${consul.httpAddress}"
  token = "${consul.token}"
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}
`,
    },
  });
  const made = await run(
    process.execPath,
    [
      join(REPOSITORY, "src/main.ts"),
      "setup",
      "consul",
      `-address=${agent.address}`,
      "-y",
      `-jwks-url=${agent.address}/.well-known/jwks.json`,
    ],
    { env: { PATH: process.env["PATH"], CONSUL_HTTP_ADDR: consul.httpAddress, CONSUL_HTTP_TOKEN: consul.token ?? "" } },
  );
  assert.equal(made.code, 0, made.stderr);
  base = await tokenCount();
});
after(async () => {
  if (agent === undefined) return;
  for (const { ID } of await agent.get<{ ID: string }[]>("/v1/jobs")) await agent.request(`/v1/job/${ID}`, { method: "DELETE" });
  await eventually("all tasks to have ended", async () =>
    (await agent.get<Allocation[]>("/v1/allocations")).every((each) => ["complete", "failed", "lost"].includes(each.ClientStatus)),
  ).finally(() => agent.remove());
});

const tokenCount = async (): Promise<number> => (await consul.get<unknown[]>("/v1/acl/tokens")).length;

async function submit(id: string, count = 1): Promise<void> {
  const Job = {
    ID: id,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: count,
        Tasks: [
          {
            Name: "t",
            Driver: "raw_exec",
            Config: {
              command: "/bin/sh",
              args: ["-c", 'echo "env $CONSUL_HTTP_TOKEN end"; trap "exit 0" INT TERM; while :; do sleep 0.05; done'],
            },
            Resources: { CPU: 20, MemoryMB: 16 },
            KillTimeout: 1e9,
            Consul: {},
          },
        ],
      },
    ],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(response.status, 200, await response.text());
}

async function running(id: string, count = 1): Promise<readonly Allocation[]> {
  let last: unknown;
  return await eventually(
    `${id} to run`,
    async () => {
      const all = await agent.get<Allocation[]>(`/v1/job/${id}/allocations`);
      last = all;
      const found = all.filter((each) => each.ClientStatus === "running");
      return found.length === count ? found : undefined;
    },
    40_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(last, null, 1)}`);
  });
}

const fileOf = ({ ID }: Allocation): string => readFileSync(join(agent.dataDirectory, "alloc", ID, "t", "secrets", "consul_token"), "utf8");

async function self(secret: string): Promise<{ readonly status: number; readonly description: string; readonly accessor: string }> {
  const response = await consul.api("/v1/acl/token/self", { headers: { "X-Consul-Token": secret } });
  if (response.status !== 200) return { status: response.status, description: "", accessor: "" };
  const { Description, AccessorID } = (await response.json()) as { Description: string; AccessorID: string };
  return { status: 200, description: Description, accessor: AccessorID };
}

const stop = (id: string) => agent.request(`/v1/job/${id}`, { method: "DELETE" });

test("a task finds a token that says whose it is; deleted behind our back it is replaced within 30 s; stopped it is given back", async () => {
  await submit("one");
  const [allocation] = (await running("one")) as [Allocation];
  const first = fileOf(allocation);
  const env = await eventually("the task's word", async () => {
    const response = await agent.request(`/v1/client/fs/logs/${allocation.ID}?task=t&type=stdout&plain=true`);
    return /env (\S+) end/.exec(await response.text())?.[1];
  });
  assert.equal(env, first);
  const known = await self(first);
  assert.equal(known.status, 200);
  assert.ok(known.description.includes(allocation.ID), known.description);
  assert.equal(await tokenCount(), base + 1);
  const deletedAt = performance.now();
  assert.equal((await consul.api(`/v1/acl/token/${known.accessor}`, { method: "DELETE" })).status, 200);
  const second = await eventually(
    "another token in its file",
    () => (fileOf(allocation) !== first ? fileOf(allocation) : undefined),
    35_000,
  );
  assert.ok(performance.now() - deletedAt < 30_000, `${performance.now() - deletedAt} ms`);
  assert.equal((await self(second)).status, 200);
  assert.ok(!agent.output().includes(first) && !agent.output().includes(second), "no token in the log");
  await stop("one");
  await eventually("the token to be given back", async () => (await tokenCount()) === base);
  assert.notEqual((await self(second)).status, 200);
});

test("killed and started again the agent knows whose tokens are whose: none is made twice, none is left (F30)", async () => {
  await submit("many", 4);
  const before = await running("many", 4);
  const secrets = before.map(fileOf).toSorted();
  assert.equal(await tokenCount(), base + 4);
  await agent.kill();
  await agent.restart();
  const after = await running("many", 4);
  assert.deepEqual(after.map(fileOf).toSorted(), secrets);
  assert.deepEqual(
    after.map((each) => each.TaskStates["t"]?.Restarts),
    [0, 0, 0, 0],
  );
  assert.equal(await tokenCount(), base + 4);
  await stop("many");
  await agent.kill();
  await agent.restart();
  await eventually("all tokens to be given back", async () => (await tokenCount()) === base, 40_000);
});

test("Consul away: a stop is not held up, a start waits; both are made good when it is back (F33)", async () => {
  await submit("stays");
  const [stays] = (await running("stays")) as [Allocation];
  await consul.stop();
  await stop("stays");
  await eventually(
    "the task to have ended",
    async () => (await agent.get<Allocation>(`/v1/allocation/${stays.ID}`)).ClientStatus === "complete",
  );
  await submit("late");
  await eventually("the one that starts to say what it waits for", async () =>
    JSON.stringify(await agent.get(`/v1/job/late/allocations`)).includes("waiting for Consul"),
  );
  await consul.restart();
  const [late] = (await running("late")) as [Allocation];
  assert.equal((await self(fileOf(late))).status, 200);
  await stop("late");
  await eventually("both tokens to be given back", async () => (await tokenCount()) === base, 60_000);
});
