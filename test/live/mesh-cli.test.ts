/** The mesh as a person meets it: what a machine lacks, the example that talks at once, where a call ends, with the real Consul, Envoy and CNI. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding } from "#ports";
import type { MeshCheck } from "#model";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually, temporaryDirectory } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

test("the example of job init talks over the mesh, and commands say how it stands and where a call ends", LIVE, async (t) => {
  const world = await startMeshWorld(t, { client: 'host_network "cable" {\n    interface = "eth0"\n  }' });
  const { agent } = world;
  const own = temporaryDirectory("mesh-cli");
  t.after(() => own.remove());
  const says = async (...words: string[]) => {
    const { code, stdout, stderr } = await agent.cli(...words);
    return { code, text: `${stdout}${stderr}` };
  };
  const checked = async (...words: string[]): Promise<MeshCheck & { code: number }> => {
    const { code, text } = await says("mesh", "check", "-json", ...words);
    return { ...(JSON.parse(text) as MeshCheck), code };
  };
  const stepOf = (check: MeshCheck, name: string) => check.Steps.find((each) => each.Step === name);

  await t.test("nothing is missing, and the command and the node's line agree", async () => {
    const { code, text } = await says("check", "mesh");
    assert.equal(code, 0, text);
    assert.match(text, /✓ cni-plugins/);
    assert.match(text, /✓ envoy/);
    const findings = JSON.parse((await says("check", "mesh", "-json")).text) as Finding[];
    assert.ok(findings.length >= 5 && findings.every((each) => each.problem !== ""), text);
    const { text: node } = await says("node", "status", "-self", "-verbose");
    assert.match(node, /^Mesh +=/m);
    assert.match(node, /^Host Networks +=.*cable/m);
    assert.match(node, /^cable +<none> +eth0/m);
    assert.match(node, /^envoy\.version +=/m);
  });

  const file = join(own.path, "mesh.nomad.hcl");
  await t.test("the example is written and runs", async () => {
    assert.equal((await says("job", "init", "-connect", file)).code, 0);
    const id = await world.submit(readFileSync(file, "utf8"));
    assert.equal(id, "countdash");
    await world.running(id, 2, 90_000);
    const check = await eventually("a call to arrive", async () => {
      const now = await checked("count-dashboard", "count-api");
      return now.code === 0 && now;
    });
    assert.deepEqual([check.Verdict, check.Steps.filter((each) => each.Standing !== "good")], ["reachable", []]);
  });

  await t.test("alloc status shows its addresses, proxies, upstreams and traffic", async () => {
    const dashboard = (await world.running("countdash", 2)).find((each) => each.TaskGroup === "dashboard");
    assert.ok(dashboard !== undefined);
    const { code, text } = await says("alloc", "status", "-stats", dashboard.ID);
    assert.equal(code, 0, text);
    assert.match(text, /^Allocation Addresses \(mode = "bridge"\):$/m);
    assert.match(text, /^\*http +yes +\S+:\d+ -> 9002$/m);
    assert.match(text, /^Service +Proxy +Step +State +Certificate +Stream$/m);
    assert.match(text, /^count-dashboard +connect-proxy-count-dashboard +ready +LIVE +\S+ left +connected$/m);
    assert.match(text, /^count-dashboard +count-api \(dc1\) +1\/1$/m);
    assert.match(text, /^Mesh Traffic$/m);
    const status = await agent.get<{ NetworkStatus: { Address: string } }>(`/v1/allocation/${dashboard.ID}`);
    assert.match(status.NetworkStatus.Address, /^172\.26\./);
  });

  await t.test("an intention that denies is where the call ends, and its fix mends it", async () => {
    await world.intend("count-dashboard", "count-api", "deny");
    const denied = await checked("count-dashboard", "count-api");
    assert.deepEqual([denied.code, denied.Verdict, stepOf(denied, "intention")?.Standing], [1, "unreachable", "failed"]);
    const fix = stepOf(denied, "intention")?.Fix ?? "";
    // As somebody would type it; intend() makes entries, which Consul's own command refuses to change.
    const { consul, host } = world;
    await host.must("env", `CONSUL_HTTP_ADDR=${consul.httpAddress}`, "sh", "-ec", fix.replace(/ \(or .*\)$/, ""));
    const { code, text } = await says("mesh", "check", "count-dashboard", "count-api");
    assert.equal(code, 0, text);
    assert.match(text, /"count-dashboard" can call "count-api"$/m);
  });

  await t.test("no upstream, nobody of the name, a stopped job: each is said with what to do", async () => {
    const back = await checked("count-api", "count-dashboard");
    assert.equal(stepOf(back, "upstream")?.Standing, "failed");
    const nobody = await checked("count-dashboard", "count-nothing");
    assert.equal(stepOf(nobody, "destination")?.Text, 'nobody offers "count-nothing"');
    assert.equal((await says("job", "stop", "-detach", "countdash")).code, 0);
    const stopped = await eventually("the job to have stopped", async () => {
      const now = await checked("count-dashboard", "count-api");
      return stepOf(now, "source")?.Standing === "failed" && now;
    });
    assert.equal(stepOf(stopped, "source")?.Fix, "drover job start countdash");
  });
});
