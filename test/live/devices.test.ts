/** Devices (a mock of them), a node's pool and its metadata, on the real program. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent({
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl":
        'client {\n  enabled = true\n  node_pool = "lab"\n  meta { rack = "r1" }\n  options = { "device.mock" = "acme/gpu/tiny=2" }\n}\n' +
        'plugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n',
    },
  });
});
after(() => agent.remove());

interface Node {
  readonly ID: string;
  readonly NodePool: string;
  readonly Meta: Readonly<Record<string, string>>;
  readonly NodeResources: { readonly Devices: readonly { readonly Name: string; readonly Instances: readonly unknown[] }[] };
}

const node = async () => {
  const [stub] = await agent.get<{ ID: string }[]>("/v1/nodes");
  return await agent.get<Node>(`/v1/node/${stub?.ID ?? ""}`);
};

test("a node is in the pool its configuration names, and says what devices it has", async () => {
  const { NodePool, NodeResources, Meta } = await node();
  assert.equal(NodePool, "lab");
  assert.equal(Meta["rack"], "r1");
  assert.deepEqual(
    NodeResources.Devices.map((group) => [group.Name, group.Instances.length]),
    [["tiny", 2]],
  );
});

test("a task that asks for a device finds in its environment which one it holds, and no two hold the same", async () => {
  const Job = {
    ID: "holders",
    Type: "batch",
    Datacenters: ["*"],
    NodePool: "lab",
    TaskGroups: [
      {
        Name: "g",
        Count: 2,
        Tasks: [
          {
            Name: "t",
            Driver: "raw_exec",
            Config: { command: "/bin/sh", args: ["-c", "echo $MOCK_VISIBLE_DEVICES"] },
            Resources: { CPU: 50, MemoryMB: 32, Devices: [{ Name: "acme/gpu/tiny", Count: 1 }] },
          },
        ],
      },
    ],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(response.status, 200, await response.text());
  const done = await eventually("both to be complete", async () => {
    const all = await agent.get<{ ID: string; ClientStatus: string }[]>("/v1/job/holders/allocations");
    return all.length === 2 && all.every((each) => each.ClientStatus === "complete") ? all : undefined;
  });
  const held = await Promise.all(
    done.map(async ({ ID }) => (await (await agent.request(`/v1/client/fs/logs/${ID}?task=t&type=stdout&plain=true`)).text()).trim()),
  );
  assert.deepEqual(held.toSorted(), ["acme-gpu-tiny-0", "acme-gpu-tiny-1"]);
});

test("metadata set while the node runs is seen by the servers, and kept through a kill -9", async () => {
  const applied = await agent.request("/v1/client/metadata", {
    method: "POST",
    body: JSON.stringify({ Meta: { rack: null, owner: "me" } }),
  });
  assert.equal(applied.status, 200, await applied.text());
  await eventually("the servers to know", async () => (await node()).Meta["owner"] === "me");
  await agent.kill();
  await agent.restart();
  await eventually("the servers to know it still", async () => {
    const { Meta } = await node();
    return Meta["owner"] === "me" && Meta["rack"] === undefined;
  });
});
