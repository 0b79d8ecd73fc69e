/**
 * The systems beside a dev agent, for `npm run quickstart -- --stack` and the lessons: Consul with its ACLs and its mesh on, and OpenBao. Both are wired
 * to Drover by workload identities: they trust the keys the agent publishes, nobody is given a token in a file. Where the machine has what the
 * mesh needs beside Consul (root, CNI plugins, Envoy), the agent is told where it is; where not, `mesh.lacks` says what is missing.
 *
 * Everything lives below one folder and ends with the process that started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { consulConnection, setUpConsul, AGENT_RULES } from "#integrations/consul";
import { setUpVault, vaultConnection, VAULT_AUDIENCE } from "#integrations/vault";
import { cniFolder, toolPath } from "./tool-path.ts";

const READY_LIMIT_MS = 60_000;
const CONSUL_PORTS = { http: 8500, dns: 8600, grpc: 8502, serf_lan: 8301, server: 8300 } as const;
const OPENBAO_PORT = 8200;
const AUDIENCE = "consul.io";

export interface Stack {
  /** For the agent's configuration. */
  readonly configuration: string;
  readonly consul: { readonly address: string; readonly dnsPort: number; readonly grpcPort: number; readonly token: string };
  readonly openbao: { readonly address: string; readonly token: string };
  /** Empty: services can talk through sidecars here. Else a line for each thing that is missing, with how to get it. */
  readonly mesh: { readonly lacks: readonly string[] };
  /** Both read the agent's keys when they are set up, so this comes when the agent answers. */
  trustAgent(): Promise<void>;
  /** Resolves when both have ended. */
  stop(): Promise<void>;
}

/**
 * `agentAddress`: where the agent's HTTP API will be. `stopped`: whoever started this was told to stop; it rejects then, and when it does,
 * for whatever reason, nothing of it runs.
 */
export async function startStack(folder: string, agentAddress: string, stopped: AbortSignal): Promise<Stack> {
  const started: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(ended));
  };
  const interrupt = () => void stop();
  stopped.addEventListener("abort", interrupt);
  try {
    const consul = await startConsul(folder, started);
    stopped.throwIfAborted();
    const openbao = await startOpenBao(folder, started);
    const mesh = { lacks: meshLacks() };
    const configuration = configurationOf(consul, await agentToken(consul), openbao.address, mesh.lacks.length === 0);
    stopped.throwIfAborted();
    return {
      configuration,
      consul,
      openbao,
      mesh,
      async trustAgent() {
        const jwksUrl = `${agentAddress}/.well-known/jwks.json`;
        await Promise.all([trustInConsul(consul, jwksUrl), trustInOpenBao(openbao, jwksUrl)]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    // From here on they are stopped in order, after the agent.
    stopped.removeEventListener("abort", interrupt);
  }
}

const NO_TLS = { auth: "", tls: { caFile: "", certFile: "", keyFile: "", verify: true }, timeoutMs: 10_000 };

/** In the order a person would mend them. */
function meshLacks(): string[] {
  const found = (tool: () => string): boolean => {
    try {
      return tool() !== "";
    } catch {
      return false;
    }
  };
  return [
    ...(process.platform === "linux" && process.getuid?.() === 0
      ? []
      : ["networks of jobs are made by root, on Linux: sudo npm run quickstart -- --stack"]),
    ...(found(cniFolder) ? [] : ["the CNI plugins are not there: sudo npm run tools cni"]),
    ...(found(() => toolPath("iptables")) ? [] : ["iptables is not there: sudo npm run tools cni"]),
    ...(found(() => toolPath("envoy")) ? [] : ["Envoy is not there: npm run tools envoy"]),
  ];
}

function configurationOf({ address, dnsPort, grpcPort }: Stack["consul"], token: string, openbaoAddress: string, mesh: boolean): string {
  const identityFor = (audience: string): string => `{\n    aud = ["${audience}"]\n    ttl = "1h"\n  }`;
  const identity = identityFor(AUDIENCE);
  return `consul {
  address      = "${address}"
  grpc_address = "127.0.0.1:${grpcPort}"
  token        = "${token}"

  service_identity ${identity}

  task_identity ${identity}
}

vault {
  enabled = true
  address = "${openbaoAddress}"

  default_identity ${identityFor(VAULT_AUDIENCE)}
}

client {${mesh ? `\n  cni_path   = ${JSON.stringify(cniFolder())}\n  envoy_path = ${JSON.stringify(toolPath("envoy"))}\n` : ""}
  dns {
    consul = "127.0.0.1:${dnsPort}"
  }

  # Who follows a lesson waits for what they changed.
  template {
    vault_default_lease_duration = "2s"
  }
}
`;
}

async function startConsul(folder: string, started: ChildProcess[]): Promise<Stack["consul"]> {
  const token = randomUUID();
  const ports = Object.fromEntries(
    await Promise.all(Object.entries(CONSUL_PORTS).map(async ([name, port]) => [name, await portNear(port)])),
  );
  const file = join(folder, "consul.json");
  const configuration = {
    data_dir: join(folder, "consul"),
    node_name: "quickstart",
    server: true,
    bootstrap: true,
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    ports: { ...ports, serf_wan: -1, grpc_tls: -1 },
    performance: { raft_multiplier: 1 },
    connect: { enabled: true },
    disable_update_check: true,
    log_level: "warn",
    acl: { enabled: true, default_policy: "deny", tokens: { initial_management: token, agent: token, dns: token } },
  };
  mkdirSync(configuration.data_dir, { recursive: true });
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 });
  const child = start("Consul", toolPath("consul"), ["agent", "-config-file", file], started);
  const address = `http://127.0.0.1:${ports["http"]}`;
  await untilAnswers("Consul", child, async () => {
    const response = await fetch(`${address}/v1/status/leader`, { signal: AbortSignal.timeout(2_000) });
    return response.ok && ((await response.json()) as string) !== "";
  });
  return { address, dnsPort: ports["dns"] as number, grpcPort: ports["grpc"] as number, token };
}

/** What `drover setup consul` tells a person to do by hand: a policy of the rules it shows, a token of it. */
async function agentToken({ address, token }: Stack["consul"]): Promise<string> {
  const ask = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(`${address}${path}`, { method: "PUT", headers: { "X-Consul-Token": token }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Consul refused ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  await ask("/v1/acl/policy", { Name: "nomad-agents", Rules: AGENT_RULES });
  return String((await ask("/v1/acl/token", { Description: "Drover's agent", Policies: [{ Name: "nomad-agents" }] }))["SecretID"]);
}

async function startOpenBao(folder: string, started: ChildProcess[]): Promise<Stack["openbao"]> {
  const token = randomUUID();
  const port = await portNear(OPENBAO_PORT);
  const address = `http://127.0.0.1:${port}`;
  const child = start(
    "OpenBao",
    toolPath("bao"),
    ["server", "-dev", `-dev-listen-address=127.0.0.1:${port}`, "-dev-no-store-token"],
    started,
    // Not among its words: those everybody on this machine may read.
    { HOME: folder, BAO_DEV_ROOT_TOKEN_ID: token },
  );
  await untilAnswers("OpenBao", child, async () => (await fetch(`${address}/v1/sys/health`, { signal: AbortSignal.timeout(2_000) })).ok);
  return { address, token };
}

async function trustInConsul({ address, token }: Stack["consul"], jwksUrl: string): Promise<void> {
  const connection = consulConnection({ ...NO_TLS, address, token });
  try {
    await setUpConsul(connection, { jwksUrl, jwksCa: "", namespaces: ["default"] });
  } finally {
    connection.close();
  }
}

/** As `drover setup vault` does it: each job reads secret/<its namespace>/<its name> and below. */
async function trustInOpenBao({ address, token }: Stack["openbao"], jwksUrl: string): Promise<void> {
  const tls = { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true };
  const connection = vaultConnection({ address, namespace: "", tls, timeoutMs: 10_000 });
  try {
    await setUpVault(connection, { token, jwksUrl, jwksCa: "", kvPath: "secret" });
  } finally {
    connection.close();
  }
}

function start(
  name: string,
  command: string,
  words: readonly string[],
  started: ChildProcess[],
  more: Record<string, string> = {},
): ChildProcess {
  // In a session of its own, so that Ctrl-C reaches the script first and everything ends in order.
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], detached: true, env: { ...process.env, ...more } });
  started.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-8_000)));
  child.on("error", () => undefined);
  lastWords.set(child, () => `${name}'s last words:\n${said}`);
  // Before what was there already: its folder is removed when nobody writes there any more.
  process.prependListener("exit", () => child.kill("SIGKILL"));
  return child;
}
const lastWords = new WeakMap<ChildProcess, () => string>();

async function untilAnswers(name: string, child: ChildProcess, probe: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + READY_LIMIT_MS; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended. ${lastWords.get(child)?.() ?? ""}`);
    if (await probe().catch(() => false)) return;
  }
  throw new Error(`waited ${READY_LIMIT_MS / 1000} s for ${name} to answer. ${lastWords.get(child)?.() ?? ""}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const over = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await over;
  clearTimeout(late);
}

/** The usual one, or any free one where it is taken: somebody's Consul may run here. */
async function portNear(wanted: number): Promise<number> {
  return (await listens(wanted)) ?? (await listens(0)) ?? wanted;
}

function listens(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const found = (server.address() as { port: number }).port;
      server.close(() => resolve(found));
    });
  });
}
