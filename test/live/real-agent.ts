/** The real program on free ports, for live tests: start it, talk to it with the real CLI, kill it, and leave nothing. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { freePorts } from "./parts/ports.ts";
import { groupsOf, ownFolder, removeRemains, sweepAbandoned } from "./remains.ts";

export { eventually };
export { mountsUnder, processesUnder, sweepUnder } from "./remains.ts";
export const REPOSITORY = join(import.meta.dirname, "..", "..");
const MAIN = join(REPOSITORY, "src", "main.ts");

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A port nobody listens on now, and nobody here was given before. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  assert.ok(port !== undefined);
  return port;
}

/** A folder that is removed with the test. */
export function temporaryDirectory(name: string): { readonly path: string; remove(): void } {
  const path = ownFolder(name);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a program to its end; its output is kept apart. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? REPOSITORY,
      env: options.env ?? process.env,
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 60_000,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? (signal === null ? -1 : 128), stdout, stderr }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

export interface RealAgent {
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly configDirectory: string;
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  cli(...args: readonly string[]): Promise<CommandResult>;
  get<T>(path: string): Promise<T>;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and wait until it has gone. */
  terminate(): Promise<number>;
  /** The same agent again on the same data and port. */
  restart(environment?: Readonly<Record<string, string>>): Promise<void>;
  waitForExit(): Promise<number>;
  /** Ends the agent, its tasks, and removes everything. */
  remove(): Promise<void>;
}

export interface RealAgentOptions {
  /** Files of the configuration directory besides ports and data_dir. Default: server and client with raw_exec on. */
  readonly config?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Another build of the program than the sources. */
  readonly program?: string;
  /** Wait until the HTTP API answers and a node is ready (default true). */
  readonly ready?: boolean;
  /** Of the HTTP API, where somebody must know it before the agent runs. Default: a free one. */
  readonly port?: number;
  /** A host of the test's own that it runs on (parts/isolated-host.ts): listens on its address. Default: this machine's loopback. */
  readonly host?: { readonly address: string; readonly through: readonly string[] };
}

const DEFAULT_CONFIG = {
  "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
  "20-client.hcl": 'client {\n  enabled = true\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n',
};

export async function startRealAgent(options: RealAgentOptions = {}): Promise<RealAgent> {
  await sweepAbandoned();
  const directory = temporaryDirectory("agent");
  const configDirectory = join(directory.path, "config");
  const dataDirectory = join(directory.path, "data");
  const port = options.port ?? (await freePort());
  const rpcPort = await freePort();
  const serfPort = await freePort();
  const bind = options.host?.address ?? "127.0.0.1";
  mkdirSync(configDirectory);
  mkdirSync(dataDirectory);
  writeFileSync(
    join(configDirectory, "00-test.hcl"),
    `data_dir = ${JSON.stringify(dataDirectory)}\nbind_addr = "${bind}"\nports {\n  http = ${port}\n  rpc = ${rpcPort}\n  serf = ${serfPort}\n}\n`,
  );
  for (const [name, text] of Object.entries(options.config ?? DEFAULT_CONFIG)) writeFileSync(join(configDirectory, name), text);

  const address = `http://${bind}:${port}`;
  let child: ChildProcess;
  let printed = "";
  let exited: Promise<number>;

  const start = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
    const program = [process.execPath, options.program ?? MAIN, "agent", "-config", configDirectory, ...(options.flags ?? [])];
    const [first = "", ...words] = [...(options.host?.through ?? []), ...program];
    child = spawn(first, words, {
      cwd: directory.path,
      env: { ...process.env, ...options.environment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (data: Buffer) => (printed += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (printed += data.toString()));
    exited = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? (signal === null ? -1 : 128))));
    if (options.ready === false) return;
    const ended = exited.then((code) => {
      throw new Error(`the agent exited with ${code}:\n${printed}`);
    });
    ended.catch(() => undefined);
    await Promise.race([
      ended,
      eventually(
        "the agent to answer with a ready node",
        async () => {
          const response = await fetch(`${address}/v1/nodes`, { signal: AbortSignal.timeout(2000) });
          const nodes = (await response.json()) as { Status: string }[];
          return nodes.some((node) => node.Status === "ready");
        },
        30_000,
      ).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${printed}`);
      }),
    ]);
  };

  const agent: RealAgent = {
    address,
    port,
    dataDirectory,
    configDirectory,
    get pid() {
      return child.pid as number;
    },
    output: () => printed,
    cli: (...args) =>
      run(process.execPath, [options.program ?? MAIN, ...args], { env: { ...process.env, NOMAD_ADDR: address, TZ: "UTC" } }),
    async get<T>(path: string) {
      const response = await fetch(address + path);
      assert.equal(response.status, 200, `${path}: ${response.status}`);
      return (await response.json()) as T;
    },
    request: (path, init) => fetch(address + path, init),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    async terminate() {
      child.kill("SIGTERM");
      return exited;
    },
    restart: (environment) => start(environment),
    waitForExit: () => exited,
    async remove() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
      await removeRemains(directory.path);
    },
  };
  try {
    await start();
  } catch (error) {
    await agent.remove();
    throw error;
  }
  return agent;
}

/** Control groups that the drivers of the agent with this data directory made, parents first, in every hierarchy. */
export function controlGroupsOf(dataDirectory: string): string[] {
  return groupsOf(["raw_exec", "exec"].map((driver) => join(dataDirectory, "client", driver)));
}
