/** A token that Consul does not know, and one with too few rights: the agent says which rule it lacks and what to do, goes on, and mends by itself. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

const SECRET = "0d0e0f00-1111-4222-8333-444455556666";
const POOR_RULES =
  'agent_prefix "" {\n  policy = "read"\n}\nnode_prefix "" {\n  policy = "read"\n}\nservice_prefix "" {\n  policy = "read"\n}\n';
const RICH_RULES = POOR_RULES.replace(/read"\n}\n$/, 'write"\n}\n');
const JOB = `job "web" {
  group "g" {
    network {
      port "http" {}
    }
    service {
      name = "web"
      port = "http"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000000"]
      }
    }
  }
}
`;

const owner = suiteOwner(after);
let consul: RealConsul;
let agent: RealAgent;

before(async () => {
  consul = await startConsul({ owner, acl: true });
  agent = await startRealAgent({
    config: {
      "10-agent.hcl": `server {
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
  token   = "${SECRET}"
}
`,
    },
  });
  owner.after(() => agent.remove());
  writeFileSync(join(agent.dataDirectory, "web.nomad.hcl"), JOB);
});

const warnings = (): string[] =>
  agent
    .output()
    .split("\n")
    .filter((line) => line.includes("[WARN]") && /consul|catalog/i.test(line));

test("a token Consul does not know is told, with what to correct; a job that needs Consul waits and says so; the token itself is never told", async () => {
  await eventually("the agent to say what Consul refuses", () =>
    warnings().some((line) => /does not know the token.*correct consul \{ token \}/.test(line)),
  );
  const said = await agent.cli("job", "run", join(agent.dataDirectory, "web.nomad.hcl"));
  assert.equal(said.code, 2, said.stdout + said.stderr);
  assert.match((await agent.cli("job", "why", "web")).stdout, /no node has the Consul .*\(the agent's log says what Consul refuses\)/);
  assert.ok(!agent.output().includes(SECRET));
});

test("a token that may only read is told which rule it lacks, in the log; given the rule all is well", async () => {
  const policy = await consul.put<{ ID: string }>("/v1/acl/policy", { Name: "agents", Rules: POOR_RULES });
  await consul.put("/v1/acl/token", { SecretID: SECRET, Policies: [{ Name: "agents" }] });
  await eventually("the job to run", async () =>
    (await agent.get<{ ClientStatus: string }[]>("/v1/job/web/allocations")).some((each) => each.ClientStatus === "running"),
  );
  const lacks = /needs a policy with: service "web" \{ policy = "write" \}/;
  await eventually("the agent to name the rule", () => warnings().some((line) => lacks.test(line.replaceAll('\\"', '"'))));
  await eventually("the agent to name the rule for itself", () =>
    warnings().some((line) => /needs a policy with: service "nomad" \{ policy = "write" \}/.test(line.replaceAll('\\"', '"'))),
  );
  await consul.put(`/v1/acl/policy/${policy.ID}`, { ID: policy.ID, Name: "agents", Rules: RICH_RULES });
  await eventually("the service to be there", async () => (await consul.get<unknown[]>("/v1/catalog/service/web")).length === 1, 40_000);
  assert.ok(!agent.output().includes(SECRET));
});
