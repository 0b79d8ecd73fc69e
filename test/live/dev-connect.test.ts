/** `consul agent -dev`, `drover agent -dev-connect`: two commands, and the example of the mesh talks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { cniFolder, toolPath } from "../../scripts/tool-path.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { eventually, REPOSITORY, temporaryDirectory } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

test("-dev-connect needs nothing but a Consul in its own -dev: the example of job init -connect answers on its port", LIVE, async (t) => {
  const [host] = (await startNetworkWorld(t)).hosts as [IsolatedHost];
  const own = temporaryDirectory("dev-connect");
  t.after(() => own.remove());
  const folders = [join(toolPath("envoy"), ".."), join(toolPath("consul"), ".."), process.env["PATH"] ?? "", "/usr/sbin", "/sbin"];
  let printed = "";
  const start = (words: readonly string[]) => {
    const [command = "", ...rest] = [...host.through, ...words];
    const child = spawn(command, rest, {
      cwd: own.path,
      env: { ...process.env, TMPDIR: own.path, PATH: folders.join(":") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (data: Buffer) => (printed += data.toString()));
    child.stderr.on("data", (data: Buffer) => (printed += data.toString()));
    const ended = once(child, "exit");
    t.after(async () => {
      child.kill("SIGTERM");
      await ended;
    });
    return child;
  };
  const drover = async (...words: string[]) =>
    host.run(process.execPath, [join(REPOSITORY, "src", "main.ts"), ...words], { timeoutMs: 60_000 });

  start([toolPath("consul"), "agent", "-dev"]);
  await eventually("Consul to lead", async () =>
    (await host.run("curl", ["-sf", "http://127.0.0.1:8500/v1/status/leader"])).stdout.includes(":"),
  );
  const config = join(own.path, "tools.hcl");
  await host.must("sh", "-c", `printf 'client {\\n  cni_path = "%s"\\n}\\n' ${cniFolder()} > ${config}`);
  start([process.execPath, join(REPOSITORY, "src", "main.ts"), "agent", "-dev-connect", "-config", config]);
  const ready = await eventually("the node to be ready", async () => (await drover("check", "mesh")).code === 0, 40_000).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${printed.slice(-6_000)}`);
    },
  );
  assert.ok(ready);

  await t.test("its API stays on the loopback, its node has the address others reach", async () => {
    const listening = await host.must("ss", "-ltnH");
    assert.match(listening, /127\.0\.0\.1:4646/);
    assert.doesNotMatch(listening, /(0\.0\.0\.0|\*|10\.\d+\.\d+\.\d+):464[67]/);
    const { stdout } = await drover("node", "status", "-self", "-json");
    const networks = (JSON.parse(stdout) as { NodeResources: { Networks: { Mode: string; IP: string }[] } }).NodeResources.Networks;
    assert.equal(networks.find((each) => each.Mode === "host")?.IP, host.address);
  });

  await t.test("the example runs, its dashboard has the api's answer, and the check says so", async () => {
    const file = join(own.path, "mesh.nomad.hcl");
    assert.equal((await drover("job", "init", "-connect", file)).code, 0);
    const ran = await drover("job", "run", file);
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}\n${printed.slice(-6_000)}`);
    const checked = await drover("mesh", "check", "count-dashboard", "count-api");
    assert.equal(checked.code, 0, checked.stdout);
    const { stdout } = await drover("operator", "api", "/v1/job/countdash/allocations?resources=true");
    const all = JSON.parse(stdout) as {
      TaskGroup: string;
      AllocatedResources: { Shared: { Ports: { Label: string; HostIP: string; Value: number }[] } };
    }[];
    const port = all.find((each) => each.TaskGroup === "dashboard")?.AllocatedResources.Shared.Ports.find((each) => each.Label === "http");
    assert.ok(port !== undefined);
    assert.match(await host.must("curl", "-sS", "-m", "5", `http://${port.HostIP}:${port.Value}/`), /Hello from allocation \w+ of the api/);
  });
});
