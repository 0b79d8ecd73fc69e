/** What is asked of a Consul that has no leader (yet) is not waited for: it would think about it for seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { claimKey } from "../../../../integrations/consul/claim.ts";
import type { ConsulConnection } from "../../../../integrations/consul/connection.ts";
import { privateMembership } from "../../../../integrations/consul/membership-private.ts";
import type { PrivateConsul } from "../../../../integrations/consul/private/private-consul.ts";

const self = {
  name: "a",
  region: "global",
  datacenter: "dc1",
  serverId: "id-a",
  rpcAddress: "10.0.0.1:4647",
  httpAddress: "10.0.0.1:4646",
  serfPort: 4648,
  version: "1",
};
const gossip = ["a", "b"].map((Name, at) => ({
  Name,
  Addr: `10.0.0.${at + 1}`,
  Port: 4648,
  Tags: { role: "consul", id: `id-${Name}` },
  Status: 1,
}));
const never = (): Promise<never> => new Promise(() => undefined);

function membershipWith(leader: string) {
  const clock = createVirtualClock();
  const agent = { direct: async (_method: string, path: string) => (path === "/status/leader" ? leader : gossip) };
  const consul = { agent, connection: { direct: never } } as unknown as PrivateConsul;
  const membership = privateMembership({
    consul,
    self,
    pulseUrl: "http://127.0.0.1:1/",
    introduce: never,
    clock,
    report: () => undefined,
  });
  return { clock, membership };
}

test("Who the members are is told by gossip alone after a quarter of a second without a leader, and after two with one", async () => {
  for (const [leader, waitMs] of [
    ["", 250],
    ["10.0.0.2:4649", 2_000],
  ] as const) {
    const { clock, membership } = membershipWith(leader);
    let told: readonly string[] | undefined;
    void membership.members().then((members) => void (told = members.map(({ Name, Status }) => `${Name} ${Status}`)));
    await clock.settle();
    await clock.advance(waitMs - 1);
    assert.equal(told, undefined);
    await clock.advance(1);
    assert.deepEqual(told, ["a.global alive", "b.global alive"]);
    await membership.close();
  }
});

test("A key is not claimed of a Consul without a leader, nor looked for", async () => {
  const asked: string[] = [];
  const direct = async (_method: string, path: string): Promise<string> => {
    asked.push(path);
    return "";
  };
  const connection = { direct, look: never, ask: never } as unknown as ConsulConnection;
  await assert.rejects(claimKey(connection, "drover/global/key-maker", "id-a"), { status: 500, message: "Consul has no leader (yet)" });
  assert.deepEqual(asked, ["/status/leader"]);
});
