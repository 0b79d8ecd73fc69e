/**
 * Where jobs of the mesh run for real: one or two hosts of the test's own, each with a Consul agent (Connect, gRPC) and a Drover with bridge
 * networks, CNI plugins and Envoy. The bridge is called "nomad" on each, as on a machine of its own. Variants: Consul with access
 * control, Consul behind TLS. The app is /opt/http-app in chroots (http-app.ts).
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { AGENT_RULES, consulConnection, setUpConsul } from "#integrations/consul";
import { cniFolder, toolPath } from "../../../scripts/tool-path.ts";
import { ownFolder, removeRemains } from "../remains.ts";
import { eventually, startRealAgent, type RealAgent } from "../real-agent.ts";
import { makeAuthority, type Authority } from "./certificates.ts";
import { startConsul, type ConsulOptions, type RealConsul } from "./consul.ts";
import { HTTP_APP_IN_CHROOT } from "./http-app.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import { startNetworkWorld, type NetworkWorld } from "./network-world.ts";
import { freePorts } from "./ports.ts";

export interface MeshWorldOptions {
  /** 1 (default) or 2: the second has a member of the first one's Consul and a node of its server. */
  readonly hosts?: 1 | 2;
  /** Of a network that is there already: these of its hosts, in place of new ones. */
  readonly on?: { readonly network: NetworkWorld; readonly hosts: readonly IsolatedHost[] };
  /** Consul's (default "dc1"). */
  readonly datacenter?: string;
  /** Consul denies by default; jobs come in by their identities. */
  readonly acl?: boolean;
  /** Consul's HTTP API and gRPC want TLS of every agent; the test itself asks over HTTP. */
  readonly tls?: boolean;
  /** More of Consul's configuration, for each of them. */
  readonly consul?: Readonly<Record<string, unknown>>;
  /** More lines of `client { … }`, for each of them. */
  readonly client?: string;
  /** More files of the configuration directory, for each of them. */
  readonly config?: Readonly<Record<string, string>>;
  /** Somebody stands between an agent and its Consul: where the agent is to find it instead. `gateway`: this machine, as the hosts see it. Not with `tls`. */
  readonly between?: (
    consul: RealConsul,
    host: IsolatedHost,
    gateway: string,
  ) => Promise<{ readonly http?: string; readonly grpc?: string }>;
  /** Of the agents. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface MeshHost {
  readonly host: IsolatedHost;
  readonly consul: RealConsul;
  readonly agent: RealAgent;
}

export interface MeshWorld {
  readonly network: NetworkWorld;
  readonly hosts: readonly MeshHost[];
  /** Of the first host: its agent is the server. */
  readonly host: IsolatedHost;
  readonly consul: RealConsul;
  readonly agent: RealAgent;
  /** Registers a job in HCL and gives its id. Throws with what the server said. */
  submit(hcl: string): Promise<string>;
  allocations(job: string): Promise<readonly MeshAllocation[]>;
  /** Where a port of it is reached from the test: "10.121.7.11:23456". */
  address(allocation: MeshAllocation, label: string): Promise<string>;
  /** Waits until so many of the job's allocations run and its deployment, if it has one, is over; gives those that run. */
  running(job: string, count?: number, timeoutMs?: number): Promise<readonly MeshAllocation[]>;
  /** Stops and forgets it, and waits until every allocation has ended. */
  purge(job: string): Promise<void>;
  /** What Consul's intentions say of one pair from now on. */
  intend(source: string, destination: string, action: "allow" | "deny"): Promise<void>;
  /** What an agent of it printed, its last words first: for the message of a failed test. */
  lastWords(): string;
}

export interface MeshAllocation {
  readonly ID: string;
  readonly NodeID: string;
  readonly NodeName: string;
  readonly ClientStatus: string;
  readonly TaskGroup: string;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

interface TaskState {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  readonly Events: readonly object[];
}

export async function startMeshWorld(t: TestContext, options: MeshWorldOptions = {}): Promise<MeshWorld> {
  const network = options.on?.network ?? (await startNetworkWorld(t, { hosts: options.hosts ?? 1 }));
  const places = options.on?.hosts ?? network.hosts;
  const folder = ownFolder("mesh");
  t.after(() => removeRemains(folder));
  const authority = options.tls === true ? makeAuthority(folder) : undefined;
  const [rpc = 0] = await freePorts(1);
  const hosts: MeshHost[] = [];
  for (const host of places) {
    const first = hosts[0];
    const tlsPorts = authority === undefined ? undefined : await freePorts(2);
    const consul = await startConsul({
      owner: t,
      host,
      acl: options.acl === true,
      ...(options.datacenter !== undefined && { datacenter: options.datacenter }),
      ...(first !== undefined && { join: first.consul }),
      config: { ...consulTls(host, authority, tlsPorts), ...options.consul },
    });
    const between = (await options.between?.(consul, host, network.gateway)) ?? {};
    const agentToken = options.acl === true ? await makeAgentToken(consul, host.name) : "";
    const agent = await startRealAgent({
      host,
      ready: false,
      config: {
        "10-roles.hcl": rolesOf(host, rpc, first?.agent === undefined ? "" : (places[0] as IsolatedHost).address, options.client ?? ""),
        "20-consul.hcl": consulOf(consul, agentToken, options.acl === true, authority, tlsPorts, between),
        ...options.config,
      },
      ...(options.environment !== undefined && { environment: options.environment }),
    });
    t.after(() => agent.remove());
    hosts.push({ host, consul, agent });
    await untilNodes(hosts);
    if (options.acl === true && first === undefined) await trust(consul, `${agent.address}/.well-known/jwks.json`);
  }
  const [{ host, consul, agent }] = hosts as [MeshHost];
  return { network, hosts, host, consul, agent, ...jobsOf(agent, consul), lastWords: () => lastWordsOf(hosts) };
}

/** As many ready nodes as agents. */
async function untilNodes(hosts: readonly MeshHost[]): Promise<void> {
  const [first] = hosts;
  await eventually(
    `${hosts.length} ready nodes`,
    async () => {
      const nodes = await (first as MeshHost).agent.get<{ Status: string }[]>("/v1/nodes");
      return nodes.filter(({ Status }) => Status === "ready").length === hosts.length;
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${lastWordsOf(hosts)}`);
  });
}

const lastWordsOf = (hosts: readonly MeshHost[]): string =>
  hosts.map(({ host, agent }) => `── ${host.name}\n${agent.output().slice(-8_000)}`).join("\n");

function rolesOf(host: IsolatedHost, rpc: number, server: string, more: string): string {
  const shown = Object.fromEntries(["/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr"].map((path) => [path, path]));
  const chroot = { ...shown, [toolPath("http-app")]: HTTP_APP_IN_CHROOT };
  return `name = ${JSON.stringify(host.name)}
${server === "" ? `server {\n  enabled = true\n  bootstrap_expect = 1\n}\nports {\n  rpc = ${rpc}\n}` : ""}
client {
  enabled = true
  ${server === "" ? "" : `servers = ["${server}:${rpc}"]`}
  network_interface = "eth0"
  cni_path   = ${JSON.stringify(cniFolder())}
  envoy_path = ${JSON.stringify(toolPath("envoy"))}
  chroot_env {
${Object.entries(chroot)
  .map(([from, to]) => `    ${JSON.stringify(from)} = ${JSON.stringify(to)}`)
  .join("\n")}
  }
  ${more}
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
`;
}

function consulOf(
  consul: RealConsul,
  token: string,
  identities: boolean,
  authority: Authority | undefined,
  ports: readonly number[] | undefined,
  {
    http = `127.0.0.1:${consul.httpPort}`,
    grpc: plain = `127.0.0.1:${consul.grpcPort}`,
  }: { readonly http?: string; readonly grpc?: string },
): string {
  const identity = `{\n    aud = ["consul.io"]\n    ttl = "1h"\n  }`;
  const [https = 0, grpc = 0] = ports ?? [];
  const where =
    authority === undefined
      ? `address = "http://${http}"\n  grpc_address = "${plain}"`
      : `address = "https://127.0.0.1:${https}"\n  ca_file = "${authority.certificate}"\n  grpc_address = "127.0.0.1:${grpc}"\n  grpc_ca_file = "${authority.certificate}"`;
  return `consul {
  ${where}
  ${token === "" ? "" : `token = "${token}"`}
  ${identities ? `service_identity ${identity}\n  task_identity ${identity}` : ""}
}
`;
}

function consulTls(host: IsolatedHost, authority: Authority | undefined, ports: readonly number[] | undefined): ConsulOptions["config"] {
  if (authority === undefined || ports === undefined) return {};
  const own = authority.issue(host.name, `DNS:localhost,DNS:server.dc1.consul,IP:127.0.0.1,IP:${host.address}`);
  return {
    tls: { defaults: { ca_file: authority.certificate, cert_file: own.certificate, key_file: own.key } },
    ports: { https: ports[0], grpc_tls: ports[1], grpc: -1 },
  };
}

/** What `drover setup consul` tells a person to do by hand. */
async function makeAgentToken(consul: RealConsul, host: string): Promise<string> {
  const name = `drover-${host}`;
  await consul.put("/v1/acl/policy", { Name: name, Rules: AGENT_RULES });
  return (await consul.put<{ SecretID: string }>("/v1/acl/token", { Description: `Drover on ${host}`, Policies: [{ Name: name }] }))
    .SecretID;
}

async function trust(consul: RealConsul, jwksUrl: string): Promise<void> {
  const tls = { caFile: "", certFile: "", keyFile: "", verify: true };
  const connection = consulConnection({
    address: `http://${consul.httpAddress}`,
    token: consul.token ?? "",
    auth: "",
    tls,
    timeoutMs: 10_000,
  });
  try {
    await setUpConsul(connection, { jwksUrl, jwksCa: "", namespaces: ["default"] });
  } finally {
    connection.close();
  }
}

function jobsOf(
  agent: RealAgent,
  consul: RealConsul,
): Pick<MeshWorld, "submit" | "allocations" | "address" | "running" | "purge" | "intend"> {
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const response = await agent.request(path, { method: "POST", body: JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  };
  const allocations: MeshWorld["allocations"] = (job) => agent.get(`/v1/job/${job}/allocations?all=true`);
  return {
    allocations,
    async address({ ID }, label) {
      const { AllocatedResources } = await agent.get<{
        AllocatedResources: { Shared: { Ports: { Label: string; Value: number; HostIP: string }[] } };
      }>(`/v1/allocation/${ID}`);
      const port = AllocatedResources.Shared.Ports.find(({ Label }) => Label === label);
      assert.ok(port, `allocation ${ID} has no port ${label}`);
      return `${port.HostIP}:${port.Value}`;
    },
    async submit(hcl) {
      const job = await post<{ ID: string }>("/v1/jobs/parse", { JobHCL: hcl, Canonicalize: true });
      await post("/v1/jobs", { Job: job });
      return job.ID;
    },
    async running(job, count = 1, timeoutMs = 60_000) {
      let seen: readonly MeshAllocation[] = [];
      return eventually(
        `${count} allocations of ${job} to run`,
        async () => {
          seen = await allocations(job);
          const deployments = await agent.get<{ Status: string }[]>(`/v1/job/${job}/deployments`);
          const failed = seen.find(({ ClientStatus }) => ClientStatus === "failed");
          const run = seen.filter(({ ClientStatus }) => ClientStatus === "running");
          return failed === undefined && run.length === count && deployments.every(({ Status }) => Status !== "running") ? run : undefined;
        },
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify(seen, undefined, 1)}\n${agent.output().slice(-8_000)}`);
      });
    },
    async purge(job) {
      const response = await agent.request(`/v1/job/${job}?purge=true`, { method: "DELETE" });
      assert.equal(response.status, 200, await response.text());
      await eventually(
        `allocations of ${job} to end`,
        async () => (await allocations(job)).every(({ ClientStatus }) => ["complete", "failed", "lost"].includes(ClientStatus)),
        60_000,
      );
    },
    async intend(source, destination, action) {
      const path = `/v1/connect/intentions/exact?source=${source}&destination=${destination}`;
      await consul.put(path, { SourceType: "consul", Action: action });
    },
  };
}
