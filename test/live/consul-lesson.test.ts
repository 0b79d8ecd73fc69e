/**
 * Lesson 2's second half on the whole stack as a newcomer gets it: `npm run quickstart -- --stack`, real Consul with ACLs, identities traded for
 * tokens. Then nothing is left: no process, no folder.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { startQuickstart, type Quickstart } from "./parts/quickstart.ts";
import { eventually, REPOSITORY } from "./real-agent.ts";

let quickstart: Quickstart;
const skip = process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE" : false;
const owner = suiteOwner(after);
if (skip === false) before(async () => void (quickstart = await startQuickstart(owner)));

async function get<T>(url: string, token = ""): Promise<T> {
  const response = await fetch(url, { headers: { "X-Consul-Token": token }, signal: AbortSignal.timeout(5_000) });
  assert.equal(response.status, 200, url);
  return (await response.json()) as T;
}

const consul = () => {
  const found = /CONSUL_HTTP_ADDR=(\S+) CONSUL_HTTP_TOKEN=(\S+)/.exec(quickstart.said());
  return { address: found?.[1] ?? "", token: found?.[2] ?? "" };
};

test("a job of three copies is found in Consul, an ill one is not, and comes back", { skip }, async () => {
  const consulDns = /dig @127\.0\.0\.1 -p (\d+)/.exec(quickstart.said())?.[1] ?? "";
  const [node] = await quickstart.get<readonly [{ ID: string }]>("/v1/nodes");
  const { Attributes } = await quickstart.get<{ Attributes: Record<string, string> }>(`/v1/node/${node.ID}`);
  const ownDns = (Attributes["unique.drover.dns.address"] ?? "").replace(/^.*:/, "");
  const blocks = quickstart.blocksOf(join(REPOSITORY, "examples", "02-consul-service", "README.md"));
  assert.equal(blocks.length, 3);
  let shown = "";
  for (const block of blocks) {
    shown += (await quickstart.type(block.replaceAll("-p 8600", `-p ${consulDns}`).replaceAll("-p 4653", `-p ${ownDns}`))).stdout;
  }
  assert.match(shown, /(^1 1 \d+ \S+\.$\n){3}[^]*^Total Restarts = 1$[^]*^\d+(\.\d+){3}$/m);
  // Where the stack has the mesh, copies are at the machine's address; where not, on its loopback.
  assert.match(shown, /^\d+(\.\d+){3}\n[^]*$/m);
});

test("nothing of a stopped job stays in Consul: no service, no token", { skip }, async () => {
  const { address, token } = consul();
  const tokens = async () =>
    (await get<{ AuthMethod?: string }[]>(`${address}/v1/acl/tokens`, token)).filter((each) => each.AuthMethod !== undefined);
  // The lesson's last line has stopped it.
  await eventually("the services to be gone", async () => {
    const services = await get<Record<string, { Service: string }>>(`${address}/v1/agent/services`, token);
    return Object.values(services).every((each) => each.Service !== "web");
  });
  await eventually("the tokens to be given back", async () => (await tokens()).length === 0);
});

test("Consul answers nobody without a token, and every token was given for an identity", { skip }, async () => {
  const { address } = consul();
  const response = await fetch(`${address}/v1/health/service/nomad`, { signal: AbortSignal.timeout(5_000) });
  assert.deepEqual(await response.json(), []);
  const found = await get<{ Service: { Tags: string[] } }[]>(`${address}/v1/health/service/nomad?passing`, consul().token);
  assert.ok(found.length > 0, "the server made itself known");
});
