/** Hosts of a test's own: what the harness promises of them is so, and nothing of them stays. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { startCapture } from "./parts/capture.ts";
import { startConsul } from "./parts/consul.ts";
import { difference, hostState } from "./parts/host-state.ts";
import { loadOf, startHttpApp } from "./parts/http-app.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { eventually, run } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 120_000 };

test("two hosts reach each other and the machine, each with a network of its own; nothing of them stays", LIVE, async (t) => {
  const before = await hostState({ words: ["dt"] });
  const world = await startNetworkWorld(t, { hosts: 2 });
  t.after(async () => {
    const after = await hostState({ words: [world.bridge] });
    assert.deepEqual(after.interface, []);
    assert.deepEqual(after.address, []);
  });
  assert.notDeepEqual(difference(before, await hostState({ words: ["dt"] })), []);
  const [one, two] = world.hosts;
  assert.ok(one && two);
  await one.must("ip", "link", "add", "nomad", "type", "bridge");
  assert.match(await one.must("ip", "link"), / nomad:/);
  assert.doesNotMatch(await two.must("ip", "link"), / nomad:/);
  assert.equal((await one.must("hostname")).trim(), "host-1");
  assert.match(await one.must("ls", "/sys/class/net"), /nomad/);
  await one.must("test", "-d", "/sys/fs/cgroup/unified");

  const app = await startHttpApp(t, { host: two, word: "from two" });
  assert.equal(await one.must(toolPath("http-app"), "get", "-for", "5s", app.url), "from two");
  assert.equal(await (await fetch(app.url)).text(), "from two");
  await two.cutOff();
  assert.notEqual((await one.run(toolPath("http-app"), ["get", "-timeout", "300ms", app.url])).code, 0);
  await two.heal();
  assert.equal(await one.must(toolPath("http-app"), "get", "-for", "10s", app.url), "from two");
});

test("what an allocation could leave on a host is seen, and named", LIVE, async (t) => {
  const world = await startNetworkWorld(t);
  const host = world.hosts[0];
  assert.ok(host);
  const before = await hostState({ host });
  assert.deepEqual(difference(before, await hostState({ host })), []);
  await host.must("ip", "netns", "add", "drover-1a2b3c4d-x");
  await host.must("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", "drover-1a2b3c4d-x");
  await host.must("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "172.26.64.3/32", "-j", "MASQUERADE");
  await host.must("mkdir", "-p", "/var/lib/cni/networks/nomad");
  await host.must("touch", "/var/lib/cni/networks/nomad/172.26.64.3", "/var/lib/cni/networks/nomad/lock");
  const child = spawn(host.through[0] as string, [...host.through.slice(1), "ip", "netns", "exec", "drover-1a2b3c4d-x", "sleep", "60"]);
  t.after(() => child.kill("SIGKILL"));
  await eventually("the process to be inside", async () => (await hostState({ host })).process?.some((line) => line.endsWith(" sleep 60")));
  const left = difference(before, await hostState({ host }));
  for (const expected of [
    /^left: network namespace drover-1a2b3c4d-x$/,
    /^left: interface veth0@/,
    /^left: firewall rule nat -A POSTROUTING -s 172.26.64.3\/32 -j MASQUERADE$/,
    /^left: CNI file \/var\/lib\/cni\/networks\/nomad\/172.26.64.3$/,
    /^left: mount nsfs \/run\/netns\/drover-1a2b3c4d-x nsfs$/,
    /^left: process \d+ sleep 60$/,
  ]) {
    assert.ok(
      left.some((line) => expected.test(line)),
      `${expected} is not among ${left.join("\n")}`,
    );
  }
  assert.equal(
    left.some((line) => line.includes("lock")),
    false,
  );
  // The other way round all of it is gone, and nothing left: but a mount that another test removed meanwhile.
  assert.deepEqual(
    difference(await hostState({ host }), before).filter((line) => !/^(?:gone:|left: mount) /.test(line)),
    [],
  );
  await world.remove();
  assert.equal((await run("sh", ["-c", `kill -0 ${child.pid}`])).code, 1);
});

test("a member of Consul on another host knows what the server knows", LIVE, async (t) => {
  const world = await startNetworkWorld(t, { hosts: 2 });
  const [one, two] = world.hosts;
  assert.ok(one && two);
  const server = await startConsul({ owner: t, acl: true, host: one });
  const member = await startConsul({ owner: t, host: two, join: server });
  await member.put("/v1/agent/service/register", { Name: "web", Port: 80 });
  await eventually("the service in the server's catalog", async () =>
    (await server.get<{ Address: string }[]>("/v1/catalog/service/web")).some(({ Address }) => Address === two.address),
  );
  assert.deepEqual((await hostState({ consul: member, words: ["no such word"] }))["Consul service"], ["web"]);
});

test("what is said in the clear between two hosts is in the record", LIVE, async (t) => {
  const world = await startNetworkWorld(t, { hosts: 2 });
  const [one, two] = world.hosts;
  assert.ok(one && two);
  const app = await startHttpApp(t, { host: two, word: "a-secret-word" });
  const capture = await startCapture(t, { host: two, interface: "eth0", filter: "tcp" });
  await one.must(toolPath("http-app"), "get", "-for", "5s", app.url);
  const packets = await capture.stop();
  assert.ok(packets.includes("a-secret-word"));
  assert.equal(packets.includes("another-word"), false);
});

test("a load counts its requests, and what failed", LIVE, async (t) => {
  const app = await startHttpApp(t, { word: "x" });
  const good = await loadOf(t, { url: `${app.url}/bytes/1024`, rate: 200, durationMs: 1000 }).result();
  assert.equal(good.errors, 0);
  assert.ok(good.requests >= 150 && good.bytes === good.requests * 1024, JSON.stringify(good));
  const bad = await loadOf(t, { url: `${app.url}/status/503`, rate: 50, durationMs: 500 }).result();
  assert.equal(bad.errors, bad.requests);
  assert.equal(bad.failures[0]?.what, "status 503");
});
