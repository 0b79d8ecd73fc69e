/**
 * Lesson 5 on the whole stack as a newcomer gets it (`npm run quickstart -- --stack`, on a host of the test's own): its commands do what its README says,
 * nothing of the calls is to be read on the bridge, intentions cut and restore at once, a container shares a sidecar with a program, and nothing is left.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startCapture } from "./parts/capture.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { startDocker } from "./parts/docker.ts";
import { difference, hostState, type HostState } from "./parts/host-state.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { startQuickstart, type Quickstart } from "./parts/quickstart.ts";
import { eventually, REPOSITORY, type CommandResult } from "./real-agent.ts";

const README = join(REPOSITORY, "examples", "05-mesh", "README.md");
const CUT_MS = 5_000;
const MARKER = "the api's answer";
const skip = process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE" : false;
const owner = suiteOwner(after);
let host: IsolatedHost;
let socketPath = "";
let quickstart: Quickstart;
let blocks: readonly string[] = [];
let base: HostState;
/** What the person's shell knows by now. */
let known = "";

const state = () => hostState({ host, dataDirectory: join(quickstart.folder, "data"), docker: socketPath });
const type = async (lines: string): Promise<CommandResult> => {
  const result = await quickstart.type(`${known}${lines}`);
  known += [...lines.matchAll(/^\w+=\$\(drover .*\n/gm)].join("");
  return result;
};

if (skip === false) {
  before(async () => {
    host = (await startNetworkWorld(owner)).hosts[0] as IsolatedHost;
    const docker = await startDocker({ owner, host });
    ({ socketPath } = docker);
    await docker.busyboxImage("busybox:1.37");
    quickstart = await startQuickstart(owner, { host, environment: { DOCKER_HOST: docker.endpoint } });
    blocks = quickstart.blocksOf(README);
    // The first network and port make the bridge and its chains of rules, and the first container the holder's image; both stay.
    const file = join(quickstart.folder, "first.nomad.hcl");
    const task = (name: string, driver: string, config: string) => `task "${name}" {\n driver = "${driver}"\n config {\n ${config}\n }\n }`;
    const tasks = [
      task("program", "raw_exec", 'command = "true"'),
      task("container", "docker", 'image = "busybox:1.37"\n command = "true"'),
    ];
    writeFileSync(
      file,
      `job "first" {\n type = "batch"\n group "first" {\n network {\n mode = "bridge"\n port "any" {\n to = 9\n }\n }\n ${tasks.join("\n")}\n }\n}`,
    );
    await quickstart.type(
      `drover job run ${file}\nuntil drover job status first | grep -q 'dead'; do sleep 0.2; done\ndrover job stop -purge first\ndrover system gc`,
    );
    base = await settledState();
  });
}

/** Twice the same. */
async function settledState(): Promise<HostState> {
  let last = await state();
  return eventually("the host to be still", async () => {
    const now = await state();
    const still = difference(last, now).length === 0 && (now["network namespace"]?.length ?? 0) === 0;
    last = now;
    return still && now;
  });
}

test("one job file, one command: both stand with certificates, and the check says that nobody allowed the call yet", { skip }, async () => {
  assert.equal(blocks.length, 6);
  assert.match((await type(blocks[0] as string)).stdout, /✓ envoy: [^]*✓ consul-grpc: /);
  const { stdout } = await type(blocks[1] as string);
  assert.match(
    stdout,
    /^The dashboard has no answer$[^]*✗ intention: denied by default \(deny\)\n +fix: consul intention create -allow dashboard api$/m,
  );
  assert.match(stdout, /✓ source-proxy: [^]*✓ destination-proxy: [^]*"dashboard" cannot call "api"/);
});

test("allowed, it answers; forbidden, it does not; allowed again, it does; and every command says so", { skip }, async () => {
  const allowed = (await type(blocks[2] as string)).stdout;
  assert.match(allowed, new RegExp(`^The dashboard has ${MARKER}, from allocation [0-9a-f]{8}$`, "m"));
  assert.doesNotMatch(allowed, /✗/);
  assert.match(allowed, /^dashboard +api +allow$/m);
  assert.match(allowed, /^dashboard +connect-proxy-dashboard +ready +LIVE +\S+ left +connected$/m);
  assert.match(allowed, /^dashboard +api \(dc1\) +1\/1$/m);
  const denied = (await type(blocks[3] as string)).stdout;
  assert.match(denied, /✗ intention: denied by intention dashboard => api \(deny\)$/m);
  assert.match(denied, new RegExp(`"dashboard" cannot call "api"\n(.*no answer\n)*The dashboard has ${MARKER}`));
  assert.match((await type(blocks[4] as string)).stdout, /^Allowed$/m);
});

test(`an intention that denies cuts within ${CUT_MS / 1e3} s, one that allows restores`, { skip }, async (t) => {
  // As the lesson's last file left it: an entry.
  const write = (action: string) =>
    `printf 'Kind="service-intentions"\\nName="api"\\nSources=[{Name="dashboard" Action="${action}"}]' | consul config write - >/dev/null`;
  const measure = async (action: string, until: string) => {
    const { stdout } = await type(
      `${write(action)}\nbegan=$(date +%s%N)\n${until} curl --silent --fail "http://$address/" >/dev/null; do sleep 0.02; done
expr '(' $(date +%s%N) - $began ')' / 1000000`
        .replaceAll("'('", "\\(")
        .replaceAll("')'", "\\)"),
    );
    return Number(stdout.trim());
  };
  for (let round = 0; round < 3; round++) {
    const cutMs = await measure("deny", "while");
    const restoredMs = await measure("allow", "until");
    t.diagnostic(`cut after ${cutMs} ms, restored after ${restoredMs} ms`);
    assert.ok(cutMs <= CUT_MS && restoredMs <= CUT_MS, `${cutMs} ms, ${restoredMs} ms`);
  }
});

test("on the bridge nothing of what the two say is to be read; what the dashboard says to a person is", { skip }, async (t) => {
  const clear = await startCapture(t, { host, interface: "nomad", filter: "tcp port 9002" });
  const mesh = await startCapture(t, { host, interface: "nomad", filter: "tcp and not port 9002" });
  const { stdout } = await type(`for round in 1 2 3 4 5; do curl --silent --fail "http://$address/"; done`);
  assert.equal(stdout.split(MARKER).length, 6, stdout);
  assert.ok((await clear.stop()).includes(MARKER), "a capture of a direct call holds the words");
  const recorded = await mesh.stop();
  assert.ok(!recorded.includes(MARKER) && !recorded.includes("answer"));
  // TLS handshakes with the name of the mesh in them: the calls themselves went by here.
  assert.ok(recorded.length > 5_000 && recorded.includes(Buffer.from([0x16, 0x03, 0x01])), `${recorded.length} bytes`);
});

test("a container and a program share the network and the sidecar of their group", { skip }, async () => {
  const [block = ""] = quickstart.blocksOf(README, "docker");
  const marks = `task_network() { drover alloc exec -task "$1" "$mixed" sh -c 'readlink /proc/self/ns/net'; }\ntask_network container\ntask_network program\ndrover job allocs mixed`;
  const { stdout } = await type(block.replace("drover job stop", `${marks}\ndrover job stop`));
  assert.match(stdout, new RegExp(`^the container has ${MARKER}, from allocation`, "m"));
  assert.match(stdout, new RegExp(`^the program has ${MARKER}, .*\\(from the api\\)$`, "m"));
  assert.match(stdout, new RegExp(`^the program has ${MARKER}, .*\\(from the container\\)$`, "m"));
  const networks = stdout.match(/^net:\[\d+\]/gm) ?? [];
  assert.equal(networks.length, 2, stdout);
  assert.equal(networks[0], networks[1]);
  assert.notEqual(networks[0], (await host.must("readlink", "/proc/self/ns/net")).trim());
});

test("stopped, nothing is left of it on the host: no network, no rule, no process", { skip }, async () => {
  await quickstart.type(blocks[5] as string);
  await quickstart.type("drover system gc");
  await eventually(
    "nothing to be left",
    async () => {
      const left = difference(base, await state());
      if (left.length > 0) throw new Error(left.join("\n"));
      return true;
    },
    30_000,
  );
  const { stdout } = await quickstart.type("consul catalog services");
  assert.doesNotMatch(stdout, /api|dashboard/);
});
