/** Servers that find each other in the catalog of a Consul that others keep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { consulConnection, externalMembership } from "#integrations/consul";
import { createHostClock, startPulse } from "#integrations/host";
import { startConsul } from "./parts/consul.ts";
import { eventually } from "./real-agent.ts";

test("servers see each other in an external catalog, fail with their pulse, and go when they leave; join names what to do", async (t) => {
  const consul = await startConsul({ owner: t });
  const clock = createHostClock();
  const server = async (name: string, region = "global") => {
    const pulse = await startPulse();
    const connection = consulConnection({
      address: consul.httpAddress,
      token: "",
      auth: "",
      tls: { caFile: "", certFile: "", keyFile: "", verify: true },
      timeoutMs: 5000,
    });
    const self = {
      name,
      region,
      datacenter: "dc1",
      serverId: `id-${region}-${name}`,
      rpcAddress: "127.0.0.1:4647",
      httpAddress: "127.0.0.1:4646",
      serfPort: 4648,
      version: "0.1.0",
    };
    const membership = externalMembership({ connection, self, pulseUrl: pulse.url, clock, report: () => undefined });
    t.after(async () => {
      await membership.close();
      connection.close();
      await pulse.close();
    });
    return { membership, pulse };
  };
  const one = await server("s1");
  const two = await server("s2");
  await server("s3", "other");
  const seen = async (): Promise<string> => (await one.membership.members()).map(({ Name, Status }) => `${Name} ${Status}`).join(", ");
  await eventually("both to be seen", async () => (await seen()) === "s1.global alive, s2.global alive");
  await two.pulse.close();
  await eventually("the silent one to be failed", async () => (await seen()) === "s1.global alive, s2.global failed");
  await two.membership.leave();
  await eventually("the one that left to be gone", async () => (await seen()) === "s1.global alive");
  await assert.rejects(one.membership.join(["10.0.0.1"]), { code: "JOIN_BY_CONSUL", statusCode: 400 });
  await assert.rejects(one.membership.gossipKeys(), { code: "GOSSIP_NOT_ENCRYPTED" });
  await consul.kill();
  assert.equal(await seen(), "s1.global alive");
});
