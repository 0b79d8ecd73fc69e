/** The Docker daemon of the tests: what the harness promises of it is so, and nothing of it stays. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { startDocker } from "./parts/docker.ts";
import { difference, hostState } from "./parts/host-state.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { eventually, mountsUnder, processesUnder } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 120_000 };

test("a Docker daemon runs an image of busybox on a bridge of its own, over a kill, and leaves nothing", LIVE, async (t) => {
  const world = await startNetworkWorld(t);
  const host = world.hosts[0];
  assert.ok(host);
  const before = await hostState({ host });
  const docker = await startDocker({ owner: t, host, bridgeAddress: "10.200.1.1/24" });
  const folder = dirname(docker.socketPath);
  await docker.busyboxImage("busybox:test");
  const container = await docker.client.createContainer({
    name: "app",
    Image: "busybox:test",
    Cmd: ["http-app", "serve", "-listen", ":8080", "-word", "contained"],
    HostConfig: { Memory: 64 * 1024 * 1024, Init: true },
  });
  await container.start();
  const address = (await container.inspect()).NetworkSettings.Networks["bridge"]?.IPAddress;
  assert.match(address ?? "", /^10\.200\.1\./);
  await eventually("an answer", async () => (await host.run("curl", ["-s", `http://${address}:8080/`])).stdout === "contained");
  const state = await hostState({ host, docker: docker.socketPath, words: [docker.cgroupParent] });
  assert.ok(state["container"]?.some((line) => line.includes("/app running")));
  assert.ok(state["cgroup"]?.some((line) => line.includes(docker.cgroupParent)));
  await docker.kill();
  await docker.restart();
  assert.equal((await docker.containers()).length, 1);
  await docker.remove();
  assert.equal(existsSync(folder), false);
  assert.deepEqual(processesUnder(folder), []);
  assert.deepEqual(mountsUnder(folder), []);
  assert.deepEqual(difference(before, await hostState({ host })), []);
  assert.deepEqual((await hostState({ words: [docker.cgroupParent] })).cgroup, []);
});
