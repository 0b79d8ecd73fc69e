/** An agent with `consul { }` on a real Consul with access control: a job's services and tokens, through everything that may happen to both. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testScale } from "../scale.ts";
import { eventually, REPOSITORY, run, startRealAgent, type RealAgent } from "./real-agent.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";

/** Anything of allocations must be true in the catalog this soon after whatever happened. */
const LIMIT_MS = 10_000;
const COUNT = 2;

const JOB = {
  ID: "web",
  Name: "web",
  Type: "service",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "web",
      Count: COUNT,
      Networks: [{ DynamicPorts: [{ Label: "http" }] }],
      Services: [
        {
          Name: "web",
          PortLabel: "http",
          Provider: "consul",
          Tags: ["v1"],
          Checks: [{ Name: "alive", Type: "http", Path: "/", Interval: 1e9, Timeout: 1e9 }],
        },
      ],
      Tasks: [
        {
          Name: "server",
          Driver: "raw_exec",
          Config: { command: "python3", args: ["-m", "http.server", "${NOMAD_PORT_http}"] },
          Consul: {},
          Resources: { CPU: 50, MemoryMB: 32 },
        },
      ],
    },
  ],
};

const config = (consul: RealConsul, token: string) => `
server {
  enabled          = true
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
consul {
  address = "${consul.httpAddress}"
  token   = "${token}"
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}
`;

describe("a job with a service in Consul", () => {
  const owner = suiteOwner(after);
  let consul: RealConsul;
  let agent: RealAgent;
  const healthy = async (name = "web"): Promise<string[]> =>
    (await consul.get<{ Service: { ID: string } }[]>(`/v1/health/service/${name}?passing`)).map((each) => each.Service.ID).toSorted();
  const registered = async (): Promise<number> => (await consul.get<unknown[]>("/v1/catalog/service/web")).length;
  const logins = async (): Promise<number> =>
    (await consul.get<{ AuthMethod?: string }[]>("/v1/acl/tokens")).filter((each) => each.AuthMethod === "nomad-workloads").length;
  const submit = async (job: unknown = JOB): Promise<void> => {
    const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
    assert.equal(answer.status, 200, await answer.text());
  };
  const stopJob = async (): Promise<void> => void (await agent.request("/v1/job/web?purge=true", { method: "DELETE" }));
  const allHealthy = (what: string, limitMs = LIMIT_MS): Promise<string[]> =>
    eventually(
      what,
      async () => {
        const ids = await healthy();
        return ids.length === COUNT && (await registered()) === COUNT && ids;
      },
      limitMs,
    );
  const prepare = (): Promise<unknown> =>
    run(process.execPath, [`${REPOSITORY}/src/main.ts`, "setup", "consul", "-y", `-jwks-url=${agent.address}/.well-known/jwks.json`], {
      env: {
        PATH: process.env["PATH"],
        NOMAD_ADDR: agent.address,
        CONSUL_HTTP_ADDR: consul.httpAddress,
        CONSUL_HTTP_TOKEN: consul.token ?? "",
      },
    }).then((result) => assert.equal(result.code, 0, result.stderr));
  /** The agents' own, with no more rights than `setup consul` says; by a secret that a wiped Consul can be given again. */
  const SECRET = "0d0e0f00-1111-4222-8333-444455556666";
  const giveToken = async (): Promise<void> => {
    const { AGENT_RULES } = await import("#integrations/consul");
    await consul.put("/v1/acl/policy", { Name: "nomad-agents", Rules: AGENT_RULES });
    await consul.put("/v1/acl/token", { SecretID: SECRET, Policies: [{ Name: "nomad-agents" }] });
  };

  before(async () => {
    consul = await startConsul({ owner, acl: true });
    await giveToken();
    agent = await startRealAgent({ config: { "10-agent.hcl": config(consul, SECRET) } });
    owner.after(() => agent.remove());
    await prepare();
  });

  test("runs with a token for each service and task, and leaves nothing of either when it stops (F28, F30)", async () => {
    await submit();
    await allHealthy("both to be healthy", 30_000);
    assert.equal(await logins(), 2 * COUNT);
    await stopJob();
    await eventually("the services to be gone", async () => (await registered()) === 0, LIMIT_MS);
    await eventually("the tokens to be given back", async () => (await logins()) === 0, LIMIT_MS);
  });

  test("is there again soon after Consul was restarted, and after it lost everything", async () => {
    await submit();
    const ids = await allHealthy("both to be healthy", 30_000);
    await consul.restart();
    assert.deepEqual(await allHealthy("both to be healthy after a restart", 2 * LIMIT_MS), ids);
    await consul.wipe();
    await giveToken();
    await prepare();
    // Its services' tokens are gone too: they are fetched anew.
    assert.deepEqual(await allHealthy("both to be healthy after a loss", 45_000), ids);
    await eventually("the agent itself to be there", async () => (await healthy("nomad")).length === 3, 45_000);
    await stopJob();
    await eventually("the services to be gone", async () => (await registered()) === 0, LIMIT_MS);
    await eventually("the tokens to be given back", async () => (await logins()) === 0, LIMIT_MS);
  });

  test("gets other tokens for its tasks and services when somebody deletes all, and its services never go (F31)", async () => {
    await submit();
    const ids = await allHealthy("both to be healthy", 30_000);
    const tokens = await consul.get<{ AccessorID: string; AuthMethod?: string }[]>("/v1/acl/tokens");
    const gone = new Set(tokens.filter((each) => each.AuthMethod === "nomad-workloads").map((each) => each.AccessorID));
    for (const id of gone) await consul.api(`/v1/acl/token/${id}`, { method: "DELETE" });
    assert.equal(gone.size, 2 * COUNT);
    await eventually(
      "a token for each task and each service",
      async () => {
        assert.deepEqual(await healthy(), ids);
        return (await logins()) >= 2 * COUNT;
      },
      30_000,
    );
    await stopJob();
    await eventually("the services to be gone", async () => (await registered()) === 0, LIMIT_MS);
    await eventually("the tokens to be given back", async () => (await logins()) === 0, LIMIT_MS);
  });

  test("waits for a Consul that is away when the job comes, and for one that starts after the agent (F33)", async () => {
    await agent.terminate();
    await consul.stop();
    await agent.restart();
    await submit();
    await consul.restart();
    await allHealthy("both to be healthy", 60_000);
    await eventually("the agent itself to be there", async () => (await healthy("nomad")).length === 3, 30_000);
    await stopJob();
    await eventually("the services to be gone", async () => (await registered()) === 0, LIMIT_MS);
    await eventually("the tokens to be given back", async () => (await logins()) === 0, LIMIT_MS);
  });

  test("needs no token on a Consul without access control, though its identities are asked for", async (t) => {
    const open = await startConsul({ owner: t });
    const other = await startRealAgent({ config: { "10-agent.hcl": config(open, "") } });
    t.after(() => other.remove());
    const answer = await other.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: JOB }) });
    assert.equal(answer.status, 200);
    await eventually(
      "both to be healthy",
      async () => (await open.get<unknown[]>("/v1/health/service/web?passing")).length === COUNT,
      30_000,
    );
    await other.request("/v1/job/web", { method: "DELETE" });
    await eventually("both to be gone", async () => (await open.get<unknown[]>("/v1/catalog/service/web")).length === 0, LIMIT_MS);
  });

  test("keeps its services while the agent is killed and started again, and no token is lost on the way (F28, F30)", async () => {
    for (let round = 0; round < Math.min(2 * testScale(), 20); round++) {
      await submit();
      const ids = await allHealthy("both to be healthy", 30_000);
      await agent.kill();
      assert.deepEqual(await healthy(), ids, "a killed agent's services stay");
      await agent.restart();
      assert.deepEqual(await allHealthy("both to be healthy after a kill", 30_000), ids);
      // Killed in the middle of stopping: what is half done is done by the next life.
      await stopJob();
      await agent.kill();
      await agent.restart();
      await eventually("the services to be gone", async () => (await registered()) === 0, 2 * LIMIT_MS);
      await eventually("the tokens to be given back", async () => (await logins()) === 0, 2 * LIMIT_MS);
    }
    assert.equal(await agent.terminate(), 0);
    const left = Object.keys(await consul.get<Record<string, unknown>>("/v1/agent/services"));
    assert.deepEqual(left, [], "an agent that stops takes itself out");
  });
});
