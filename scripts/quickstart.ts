/**
 * `npm run quickstart`: a dev agent with examples/01-hello running on it, answering over HTTP. Ctrl-C stops all and leaves nothing.
 *
 * Options: -port=N for the HTTP API (default 4646); -stack: Consul and OpenBao beside it, wired and secured, and examples/02-consul-service on them;
 * -once: stop by itself after the first answers (the test of this script).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "./stack.ts";

const ROOT = join(import.meta.dirname, "..");
const MAIN = join(ROOT, "src", "main.ts");
const EXAMPLE = "examples/01-hello/hello.nomad.hcl";
const SERVICE_EXAMPLE = "examples/02-consul-service/web.nomad.hcl";
const READY_LIMIT_MS = 60_000;

const { values } = parseArgs({
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=\w\w)/, "--")),
  options: {
    port: { type: "string", default: "4646" },
    stack: { type: "boolean", default: false },
    once: { type: "boolean", default: false },
  },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 1 || port > 65_535)
  fail(`-port: ${JSON.stringify(values.port)} is no port: want a number from 1 to 65535`);
const address = `http://127.0.0.1:${port}`;

if (!(await isFree(port))) {
  fail(`port ${port} is in use, by another agent perhaps. Stop that one, or choose another: npm run quickstart -- -port=14646`);
}

const own = mkdtempSync(join(tmpdir(), "drover-quickstart-"));
// Tries again: what was killed a moment ago may still write.
process.on("exit", () => rmSync(own, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 }));
const config = join(own, "ports.hcl");
const stopped = new AbortController();
let endCode = 0;
let running: ChildProcess | undefined;
let agent: ChildProcess | undefined;
let exited: Promise<number> = Promise.resolve(0);
let log = "";
// From the first moment on: what is being started is stopped in order, too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
// A terminal that is closed takes nothing more; stopping goes on.
process.stdout.on("error", () => undefined);

const opening = values.stack ? openStack() : undefined;
const stack = await opening;
if (stopped.signal.aborted) await stop();
writeFileSync(config, `ports {\n  http = ${port}\n}\n${stack?.configuration ?? ""}`, { mode: 0o600 });
startAgent();

say(`Starting a dev agent (a server and a node) on ${address} ...`);
const node = await until("the node to be ready", async () => {
  const nodes =
    (await ask<{ Status: string; Drivers: Record<string, { Detected: boolean; HealthDescription: string }> }[]>("/v1/nodes")) ?? [];
  return nodes.find((each) => each.Status === "ready");
});
const drivers = Object.entries(node.Drivers).filter(([name]) => name !== "mock_driver");
say(
  `Ready. Drivers: ${drivers
    .filter(([, driver]) => driver.Detected)
    .map(([name]) => name)
    .toSorted()
    .join(", ")}.`,
);
for (const [name, driver] of drivers) {
  if (!driver.Detected)
    say(`Not here: ${name} (${driver.HealthDescription.replace(/\.$/, "")}). Jobs for the other drivers run all the same.`);
}

say(`\n$ drover job run ${EXAMPLE}`);
const code = await command(["job", "run", EXAMPLE]);
if (code !== 0) await stop(1);

const url = await until("the job's address", async () => {
  const [allocation] = (await ask<{ ID: string }[]>("/v1/job/hello/allocations")) ?? [];
  if (allocation === undefined) return undefined;
  const detail = await ask<{ AllocatedResources: { Shared: { Ports: { HostIP: string; Value: number }[] } } }>(
    `/v1/allocation/${allocation.ID}`,
  );
  const given = detail?.AllocatedResources.Shared.Ports[0];
  return given === undefined ? undefined : `http://${given.HostIP}:${given.Value}`;
});
const answer = await until("the job to answer", async () => (await fetch(url, { signal: AbortSignal.timeout(2000) })).text());
say(`\n$ curl ${url}\n${answer.trimEnd()}`);

if (stack !== undefined) {
  await showStack(stack).catch((error: unknown) => {
    if (!stopped.signal.aborted) process.stderr.write(`drover: ${messageOf(error)}\n`);
    return stop(1);
  });
}

if (values.once) await stop();
// The tools of the lessons, where they were got for Drover alone.
const programs = [join(ROOT, "bin"), ...(stack === undefined ? [] : [join(ROOT, ".tools", "bin")])].join(":");
const elsewhere = port === 4646 ? "" : ` NOMAD_ADDR=${address}`;
say(`It runs. In another terminal (export PATH="${programs}:$PATH"${elsewhere}):

  drover job status hello                       what it should be, and what it is
  drover alloc logs -f -job hello               what it prints
  drover job plan ${EXAMPLE}    change the file, see what would change
  drover job stop hello                         stop it
  drover job init && drover job run example.nomad.hcl

The five-minute tour is in README.md; the HTTP API is at ${address}/v1/jobs.
Ctrl-C stops everything and leaves nothing behind.`);

function startAgent(): void {
  // In a session of its own, so that Ctrl-C reaches this script first and the agent is stopped in order.
  // With networks of jobs: addresses that are reached from within them, so not the loopback.
  const mode = stack?.mesh.lacks.length === 0 ? "-dev-connect" : "-dev";
  const child = spawn(process.execPath, [MAIN, "agent", mode, "-config", config, "-data-dir", join(own, "data")], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  agent = child;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (log = (log + data.toString()).slice(-64_000)));
  // Told to stop before it could listen for that, it just ends: as good.
  exited = new Promise<number>((resolve) => child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGTERM" ? 0 : 1))));
  void exited.then(async (code) => {
    if (stopped.signal.aborted) return;
    stopped.abort();
    await stack?.stop();
    fail(`the agent ended with exit code ${code}; its last words:\n${log}`);
  });
}

/** The first call decides the exit code; every later one waits with it. */
async function stop(exitCode = 0): Promise<never> {
  if (!stopped.signal.aborted) {
    endCode = exitCode;
    say("\nStopping ...");
    stopped.abort();
    running?.kill("SIGTERM");
    agent?.kill("SIGTERM");
  }
  const beside = await opening;
  const agentCode = await exited;
  // What it still says comes before our last word.
  if (running !== undefined && running.exitCode === null && running.signalCode === null) await once(running, "exit");
  // After the agent: it takes its services out of Consul and gives its tokens back.
  await beside?.stop();
  if (agentCode === 0) say("Everything is stopped; nothing is left behind.");
  else say(`The agent ended with exit code ${agentCode}; its last words:\n${log}`);
  process.exit(agentCode === 0 ? endCode : 1);
}

/** Gets what is missing first: building Consul takes a few minutes, once. Undefined: told to stop meanwhile, and nothing of it runs. */
async function openStack(): Promise<Stack | undefined> {
  say("Starting Consul (ACLs on) and OpenBao ...");
  const got = await tools("consul", "bao");
  if (stopped.signal.aborted) return undefined;
  if (!got) fail("Consul and OpenBao could not be got; without them: npm run quickstart");
  // What the mesh needs beside them; what cannot be got is said later, with what it would give.
  if (process.platform === "linux" && process.getuid?.() === 0) await tools("envoy", "cni");
  if (stopped.signal.aborted) return undefined;
  const { startStack } = await import("./stack.ts");
  try {
    return await startStack(own, address, stopped.signal);
  } catch (error) {
    return stopped.signal.aborted ? undefined : fail(messageOf(error));
  }
}

/** Are they there? */
function tools(...names: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    // A session of its own: all that it starts is told to stop together.
    const child = spawn("sh", [join(ROOT, "scripts", "tools.sh"), ...names], {
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    stopped.signal.addEventListener("abort", () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGTERM");
    });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}

async function showStack({ consul, openbao, mesh, trustAgent }: Stack): Promise<void> {
  await trustAgent();
  if (stopped.signal.aborted) return;
  say(`\n$ drover job run ${SERVICE_EXAMPLE}`);
  if ((await command(["job", "run", SERVICE_EXAMPLE])) !== 0) await stop(1);
  const instances = await until("Consul to know three copies that are well", async () => {
    const response = await fetch(`${consul.address}/v1/health/service/web?passing`, {
      headers: { "X-Consul-Token": consul.token },
      signal: AbortSignal.timeout(5000),
    });
    const found = (await response.json()) as { Service: { Address: string; Port: number } }[];
    return found.length === 3 ? found.map(({ Service }) => `${Service.Address}:${Service.Port}`) : undefined;
  });
  const meshed =
    mesh.lacks.length === 0
      ? `Mesh      on: services with \`connect { sidecar_service {} }\` talk over mTLS, once an intention lets them (examples/05-mesh)`
      : `Mesh      off: ${mesh.lacks.join("\n                 ")}`;
  say(`\nConsul answers web.service.consul with ${instances.join(", ")}: dig @127.0.0.1 -p ${consul.dnsPort} web.service.consul SRV

  Consul    ${consul.address}
  OpenBao   ${openbao.address}, which is Vault to who asks
  ${meshed}
  Lessons   examples/02-consul-service, examples/03-template-kv-secret, examples/04-dynamic-credentials${mesh.lacks.length === 0 ? ", examples/05-mesh" : ""}:
            each has a README.md

An operator's tokens, for \`consul\`, \`bao\` and the lessons in another terminal (no task needs them):

  export CONSUL_HTTP_ADDR=${consul.address} CONSUL_HTTP_TOKEN=${consul.token}
  export VAULT_ADDR=${openbao.address} VAULT_TOKEN=${openbao.token}
`);
}

/** Begins nothing once somebody has said stop: never answers then, for whoever stops ends the program. */
function command(words: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    if (stopped.signal.aborted) return;
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: ROOT, stdio: "inherit", env: { ...process.env, NOMAD_ADDR: address } });
    running = child;
    child.on("exit", (exitCode) => {
      running = undefined;
      resolve(exitCode ?? 1);
    });
  });
}

async function ask<T>(path: string): Promise<T | undefined> {
  const response = await fetch(address + path, { signal: AbortSignal.timeout(5000) });
  return response.ok ? ((await response.json()) as T) : undefined;
}

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + READY_LIMIT_MS;
  let last: unknown;
  while (Date.now() < deadline) {
    const found = await probe().catch((error: unknown) => void (last = error));
    if (found !== undefined) return found as T;
    await sleep(50);
  }
  say(`Waited ${READY_LIMIT_MS / 1000} s for ${what}${last instanceof Error ? ` (${last.message})` : ""}. The agent's last words:\n${log}`);
  return stop(1);
}

function isFree(candidate: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(candidate, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(text: string): never {
  process.stderr.write(`drover: ${text}\n`);
  process.exit(1);
}
