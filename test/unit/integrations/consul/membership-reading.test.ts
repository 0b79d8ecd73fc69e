import assert from "node:assert/strict";
import { test } from "node:test";
import { loneMembership } from "#integrations/consul";
import { membersInCatalog, membersOf, type SerfMember, type ServerEntry } from "../../../../integrations/consul/membership-reading.ts";

const SELF = {
  name: "s1",
  region: "global",
  datacenter: "dc1",
  serverId: "id-1",
  rpcAddress: "10.0.0.1:4647",
  httpAddress: "10.0.0.1:4646",
  serfPort: 4648,
  version: "0.1.0",
};

function gossip(name: string, Status: number, more: Partial<SerfMember> = {}): SerfMember {
  return { Name: name, Addr: `10.0.0.${name.slice(1)}`, Port: 4648, Tags: { role: "consul", id: `node-${name}` }, Status, ...more };
}

function entry(name: string, status: string, meta: Record<string, string> = {}): ServerEntry {
  const id = `id-${name.slice(1)}`;
  return {
    Node: { Node: name, Address: "" },
    Service: {
      ID: "drover-server",
      Meta: { id, name, region: "global", dc: "dc2", rpc: "a:1", http: "a:2", serf: "3", version: "0.2.0", ...meta },
    },
    Checks: [{ Status: "passing" }, { Status: status }],
  };
}

test("a server is alive when its machine and its process both answer; gossip's other words stand", () => {
  const members = membersOf(
    [gossip("s4", 3), gossip("s3", 1), gossip("s2", 1), gossip("s1", 1), gossip("s5", 4), gossip("s6", 2)],
    [entry("s2", "passing"), entry("s3", "critical"), entry("s1", "critical")],
    SELF,
  );
  assert.deepEqual(
    members.map(({ Name, Status }) => `${Name} ${Status}`),
    ["s1.global alive", "s2.global alive", "s3.global failed", "s4.global left", "s5.global failed", "s6.global leaving"],
  );
  assert.deepEqual(
    [members[1]?.ServerId, members[1]?.RpcAddress, members[1]?.HttpAddress, members[1]?.Datacenter, members[1]?.Version],
    ["id-2", "a:1", "a:2", "dc2", "0.2.0"],
  );
});

test("without a catalog members are there all the same, their ports guessed from ours", () => {
  const [, two] = membersOf([gossip("s1", 1), gossip("s2", 1, { Addr: "fd00::2" })], [], SELF);
  assert.deepEqual(
    [two?.ServerId, two?.RpcAddress, two?.HttpAddress, two?.Status],
    ["node-s2", "[fd00::2]:4647", "[fd00::2]:4646", "alive"],
  );
});

test("in an external catalog only servers of this region count, and this one is there though the catalog is silent", () => {
  assert.deepEqual(
    membersInCatalog([entry("s2", "critical"), entry("s3", "passing", { region: "other" }), entry("s1", "critical")], SELF).map(
      ({ Name, Status, Voter }) => [Name, Status, Voter],
    ),
    [
      ["s1.global", "alive", false],
      ["s2.global", "failed", false],
    ],
  );
  assert.equal(membersInCatalog([], SELF).length, 1);
});

test("a server that stands alone is its only member, and joins nobody but says how it could", async () => {
  const lone = loneMembership(SELF);
  assert.deepEqual(
    (await lone.members()).map(({ Name, Status, Port }) => [Name, Status, Port]),
    [["s1.global", "alive", 4648]],
  );
  await assert.rejects(lone.join(["10.0.0.2"]), { code: "JOIN_ALONE", statusCode: 400 });
});
