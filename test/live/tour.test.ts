/** Every command README.md and the lessons in examples/ tell a reader to type is typed here, on a fresh agent, in order. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import {
  eventually,
  freePort,
  mountsUnder,
  processesUnder,
  REPOSITORY,
  run,
  temporaryDirectory,
  type CommandResult,
} from "./real-agent.ts";

interface Block {
  readonly background: boolean;
  readonly text: string;
}

/** Blocks fenced as `sh tour` or `sh tour background`; as `sh stack`, which the tests of those lessons type. */
function blocksOf(path: string, where: "tour" | "stack" | "docker" = "tour"): Block[] {
  const text = readFileSync(join(REPOSITORY, path), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`sh ${where}( background)?\\n([^]*?)^\`\`\`$`, "gm"))].map((match) => ({
    background: match[1] !== undefined,
    text: match[2] as string,
  }));
}

const own = temporaryDirectory("tour");
const ports: { http: number } = { http: 0 };
let agent: ChildProcess;
let output = "";

before(async () => {
  ports.http = await freePort();
  const config = join(own.path, "ports.hcl");
  writeFileSync(config, `ports {\n  http = ${ports.http}\n  rpc = ${await freePort()}\n  serf = ${await freePort()}\n}\n`);
  mkdirSync(join(own.path, "tmp"));
  const [start, ...more] = blocksOf("README.md").filter((block) => block.background);
  assert.ok(start !== undefined && more.length === 0, "README.md starts one agent");
  assert.equal(start.text, "drover agent -dev\n");
  agent = spawn("sh", ["-ec", `exec ${start.text.trim()} -config ${config}`], {
    cwd: REPOSITORY,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  agent.stdout?.on("data", (data: Buffer) => (output += data.toString()));
  agent.stderr?.on("data", (data: Buffer) => (output += data.toString()));
  await eventually(
    "the agent's node to be ready",
    async () => agent.exitCode !== null || (await get<{ Status: string }[]>("/v1/nodes")).some((node) => node.Status === "ready"),
    40_000,
  );
  assert.equal(agent.exitCode, null, output);
});

after(async () => {
  agent.kill("SIGTERM");
  await eventually("the agent to end", () => agent.exitCode !== null || agent.signalCode !== null, 30_000).catch(() =>
    agent.kill("SIGKILL"),
  );
  const left = processesUnder(own.path);
  const mounts = mountsUnder(own.path);
  for (const { pid } of left) process.kill(pid, "SIGKILL");
  for (const mount of mounts) await run("umount", ["-l", mount]);
  own.remove();
  assert.deepEqual(left, [], "a dev agent takes everything with it");
  assert.deepEqual(mounts, []);
});

function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${join(REPOSITORY, "bin")}:${process.env["PATH"] ?? ""}`,
    NOMAD_ADDR: `http://127.0.0.1:${ports.http}`,
    TMPDIR: join(own.path, "tmp"),
    TZ: "UTC",
  };
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${ports.http}${path}`, { signal: AbortSignal.timeout(5000) });
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

/** As it is written, but for the agent's own DNS port. */
async function type(written: string): Promise<CommandResult> {
  const text = written.includes("-p 4653") ? written.replaceAll("-p 4653", `-p ${await dnsPort()}`) : written;
  const result = await run("sh", ["-ec", text], { env: environment(), timeoutMs: 120_000 });
  assert.equal(result.code, 0, `${text}\n${result.stdout}${result.stderr}`);
  assert.doesNotMatch(result.stdout + result.stderr, /\bundefined\b|\[object Object\]|\bNaN\b|\n\s+at .*\.ts:/);
  return result;
}

async function dnsPort(): Promise<string> {
  const [node] = await get<{ ID: string }[]>("/v1/nodes");
  const { Attributes } = await get<{ Attributes: Record<string, string> }>(`/v1/node/${node?.ID}`);
  return (Attributes["unique.drover.dns.address"] ?? "").replace(/^.*:/, "");
}

/** The one process of a job that has a port answers on it. */
async function answerOf(job: string): Promise<string> {
  return eventually(`job ${job} to answer`, async () => {
    const [stub] = (await get<{ ID: string; ClientStatus: string }[]>(`/v1/job/${job}/allocations`)).filter(
      (each) => each.ClientStatus === "running",
    );
    const allocation = await get<{ AllocatedResources: { Shared: { Ports: { HostIP: string; Value: number }[] } } }>(
      `/v1/allocation/${stub?.ID ?? "none"}`,
    );
    const [port] = allocation.AllocatedResources.Shared.Ports;
    return (await fetch(`http://${port?.HostIP ?? ""}:${port?.Value ?? 0}/`)).text();
  });
}

test("every command of README.md's five minutes does what it says", async () => {
  const blocks = blocksOf("README.md").filter((block) => !block.background);
  assert.equal(blocks.length, 4);
  const [look, watch, update, stop] = blocks as [Block, Block, Block, Block];
  const first = await type(look.text);
  assert.match(first.stdout, /eligible +ready$/m);
  assert.match(first.stdout, /^\+ Task Group: "web" \(1 create\)$/m);
  assert.match(first.stdout, /finished with status "complete"$/m);
  assert.match(await answerOf("hello"), /^hello world/);
  const second = await type(watch.text);
  assert.match(second.stdout, /^Status +=? ?running$/m);
  assert.match(second.stdout, /^[0-9a-f]{8} +[0-9a-f]{8} +web +0 +run +running /m);
  assert.match(second.stdout, /^listening on /m);
  const broken = await type(update.text);
  assert.match(broken.stdout, /^==> .* failed: .* rolling back to job version 0$/m);
  assert.match(broken.stdout, /^web +0 +0 +3 +/m);
  assert.match((await type(stop.text)).stdout, /^All 3 run$[^]*^Before$[^]*ended with exit code 1/m);
  await eventually(
    "the sweep to leave nothing",
    async () => (await type("drover system gc; drover job status")).stdout === "No running jobs\n",
  );
});

/** Typed by template-lesson.test.ts, dynamic-credentials.test.ts, mesh-lesson.test.ts and cluster-lesson.test.ts. */
const ON_THE_STACK = ["03-template-kv-secret", "04-dynamic-credentials", "05-mesh", "11-cluster"];

/** What a reader of a lesson gets to see, in this order. */
const SHOWN: Readonly<Record<string, RegExp>> = {
  "01-hello":
    /^hello world, from job hello[^]*^listening on [^]*^Total Restarts = 1$[^]*^\+\/- Task Group: "web" \(1 create, 1 in-place update\)$/m,
  "02-consul-service":
    /3 of 3 placed, 3 healthy[^]*^web +\[lesson\]$[^]*^1 1 \d+ 7f000001\.addr\.drover\.$[^]*^127\.0\.0\.1$[^]*^Total Restarts = 1$[^]*^copy \d answers$/m,
  ...Object.fromEntries(ON_THE_STACK.map((name) => [name, /^$/])),
  "06-rolling-update":
    /^==> .* successful$[^]*3 of 3 placed, 3 healthy[^]*rolling back to job version 1$[^]*^Version += 3$[^]*^Job version 0 tagged/m,
  "07-batch":
    /^==> .* succeeded$[^]*^it has 3 words$[^]*^(Dispatched Job ID = \S+)$[^]*^\1$[^]*^Next Periodic Launch += [^]*^tick\/periodic-\d+ +dead$/m,
  "08-lifecycle": /^prepared$[^]*^prepared\ndone$[^]*^Task "watch" \(prestart sidecar\) is "dead"$/m,
  "09-why":
    /^It does not run: no node has 99999999 MB[^]*ended with exit code 1, rescheduled in [^]*^It runs$[^]*^Before$[^]*ended with exit code 1/m,
  "10-nodes":
    /^beside guest\.room\[\d\][^]*^\S+ Drain complete[^]*^0 of 2 run: no node is eligible[^]*^0 of 2 run: no node is in node pool "night"/m,
};

for (const path of globSync("examples/*/", { cwd: REPOSITORY }).toSorted()) {
  const name = basename(path);
  const readme = join("examples", name, "README.md");
  test(`lesson ${name}: what its README says works`, async () => {
    assert.ok(existsSync(join(REPOSITORY, readme)), `${readme} is missing`);
    let shown = "";
    for (const block of blocksOf(readme)) shown += (await type(block.text)).stdout;
    assert.match(shown, SHOWN[name] ?? /^the lesson has no line in this test's table$/);
    await eventually(
      "the lesson to leave no job",
      async () => (await type("drover system gc; drover job status")).stdout === "No running jobs\n",
    );
  });

  for (const file of globSync(join("examples", name, "*.nomad.hcl"), { cwd: REPOSITORY }).toSorted()) {
    test(`${file} is valid, and its lesson runs it`, async () => {
      // This agent has no Vault: what needs one is validated where it is run.
      if (!ON_THE_STACK.includes(name)) {
        assert.equal((await type(`drover job validate ${file}`)).stdout, "Job validation successful\n");
      }
      const commands = (["tour", "stack", "docker"] as const)
        .flatMap((where) => blocksOf(readme, where))
        .flatMap(({ text }) => text.split("\n"));
      assert.ok(
        commands.some((line) => line.startsWith("drover job run ") && line.split(" ").includes(file)),
        `${readme} does not run it`,
      );
    });
  }
}
