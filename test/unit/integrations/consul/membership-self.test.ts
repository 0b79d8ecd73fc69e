import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { ConsulConnection } from "../../../../integrations/consul/connection.ts";
import { keepSelfRegistered } from "../../../../integrations/consul/membership-self.ts";

const self = {
  name: "a",
  region: "global",
  datacenter: "dc1",
  serverId: "id",
  rpcAddress: "10.0.0.1:4647",
  httpAddress: "10.0.0.1:4646",
  serfPort: 4648,
  version: "1",
};

test("A server that leaves while its entry is on its way takes it out afterwards, and writes none any more", async () => {
  const clock = createVirtualClock();
  const asked: string[] = [];
  const onItsWay = Promise.withResolvers<void>();
  const direct = async (_method: string, path: string): Promise<void> => {
    if (path === "/agent/service/register") await onItsWay.promise;
    asked.push(path);
  };
  const entry = keepSelfRegistered({
    connection: { direct } as unknown as ConsulConnection,
    self,
    serviceId: "drover-server",
    pulseUrl: "http://127.0.0.1:1/",
    clock,
    report: () => undefined,
  });
  const removed = entry.remove();
  await clock.settle();
  onItsWay.resolve();
  await removed;
  await clock.advance(120_000);
  assert.deepEqual(asked, ["/agent/service/register", "/agent/service/deregister/drover-server"]);
});

test("That the catalog takes nothing is told once Consul has a leader: before, the other servers are waited for", async () => {
  const clock = createVirtualClock();
  const told: string[] = [];
  let leader = "";
  const direct = async (_method: string, path: string): Promise<unknown> => {
    if (path === "/status/leader") return leader;
    throw new Error("ACL not found");
  };
  const entry = keepSelfRegistered({
    connection: { direct } as unknown as ConsulConnection,
    self,
    serviceId: "drover-server",
    pulseUrl: "http://127.0.0.1:1/",
    clock,
    report: (_level, message) => told.push(message),
  });
  await clock.advance(120_000);
  assert.deepEqual(told, []);
  leader = "10.0.0.1:4649";
  await clock.advance(60_000);
  assert.deepEqual(told, ["the server cannot be put into Consul's catalog: ACL not found"]);
  entry.close();
});
