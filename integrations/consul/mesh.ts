/** ports/mesh through Consul: intentions, who is in the mesh and how well, the authority, and what gateways serve. */
import { readFileSync } from "node:fs";
import type { Mesh, MeshEndpoint, MeshHttpTls, MeshInstance } from "#ports";
import { messageOf, NamedError } from "#std";
import type { ConsulConnection } from "./connection.ts";
import type { ConsulSelf } from "./fingerprint.ts";
import { gatewayEntry, isOfJob, stepOfEntry, type GatewayEntry, type StandingEntry } from "./gateway-entry.ts";
import { allows, byPrecedence, deciding, intentionOf, type ConsulIntention } from "./intentions.ts";
import { endpointOf } from "./mesh-endpoint.ts";
import { ConsulProblem } from "./problem.ts";
import { speaks } from "./speaks.ts";

export interface ConsulMeshOptions {
  readonly connection: ConsulConnection;
  /** consul { grpc_address }; "": as the agent says. */
  readonly grpcAddress: string;
  /** consul { grpc_ca_file }; "": `caFile`, if there is one. */
  readonly grpcCaFile: string;
  /** consul { ca_file } */
  readonly caFile: string;
  /** What tasks may have of consul { ca_file, cert_file, key_file, verify_ssl }; left out: nothing (share_ssl = false). */
  readonly shared?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string; readonly verify: boolean };
}

interface ConsulCheck {
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
  /** Of a maintenance the reason, which has no output. */
  readonly Notes?: string;
}

/** A health entry, of /health/service and /health/connect. */
interface ConsulHealth {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: {
    readonly ID: string;
    readonly Kind?: string;
    readonly Address: string;
    readonly Port: number;
  };
  readonly Checks: readonly ConsulCheck[];
}

/** Somebody else writes the same entry at the same time: read again, at most so often. */
const RACES_MAX = 5;
const SELF_KEPT_MS = 500;
/** No service is called so. */
const NOBODY = "drover-asks-for-nobody";

export function consulMesh({ connection, grpcAddress, grpcCaFile, caFile, shared }: ConsulMeshOptions): Mesh {
  const { direct } = connection;
  const get = async <T>(what: string, rule: string, path: string, query: Readonly<Record<string, string>> = {}): Promise<T> => {
    try {
      return await direct<T>("GET", path, { query });
    } catch (thrown) {
      throw meshError(thrown, what, rule);
    }
  };
  const matches = async (by: "source" | "destination", name: string) => {
    const rule = intentionRule(name);
    const found = await get<Readonly<Record<string, readonly ConsulIntention[] | null>>>(
      name === NOBODY ? "read what holds where no intention is" : `read the intentions of service "${name}"`,
      rule,
      "/connect/intentions/match",
      { by, name },
    );
    return (found[name] ?? []).map(intentionOf);
  };
  const checked = async (source: string, destination: string) => {
    const { Allowed } = await get<{ readonly Allowed: boolean }>(
      `ask whether "${source}" may connect to "${destination}"`,
      intentionRule(destination),
      "/connect/intentions/check",
      { source, destination },
    );
    return Allowed;
  };
  const health = async (kind: "service" | "connect", name: string, datacenter: string | undefined) =>
    (await get<readonly ConsulHealth[] | null>(
      `read how service "${name}" stands`,
      `service "${name}" { policy = "read" } and node_prefix "" { policy = "read" }`,
      `/health/${kind}/${encodeURIComponent(name)}`,
      datacenter === undefined ? {} : { dc: datacenter },
    )) ?? [];

  /** Every allocation with a proxy asks, again and again: those of one moment share an answer. */
  let recent: { readonly atMs: number; readonly answer: Promise<ConsulSelf> } | undefined;
  const askedSelf = (): Promise<ConsulSelf> => {
    const atMs = performance.now();
    if (recent !== undefined && atMs - recent.atMs < SELF_KEPT_MS) return recent.answer;
    const answer = get<ConsulSelf>("ask Consul's agent where its gRPC port is", 'agent_prefix "" { policy = "read" }', "/agent/self");
    recent = { atMs, answer };
    return answer;
  };

  return {
    httpAddress: connection.address,

    httpTls: () => (shared === undefined || !connection.address.startsWith("https:") ? undefined : tlsOf(shared)),

    async endpoint(): Promise<MeshEndpoint | undefined> {
      const self = await askedSelf();
      return endpointOf(self, { grpcAddress, ca: authority(grpcCaFile || caFile), httpAddress: connection.address });
    },

    speaks,

    async proxyDefaults() {
      const entry = (await readEntry(connection, "proxy-defaults", "global")) as
        | (StandingEntry & { readonly Config?: Readonly<Record<string, unknown>> | null })
        | undefined;
      return entry?.Config ?? {};
    },

    async mayConnect(source, destination) {
      // One after the other: who may not read is told of the service that was asked for.
      const intentions = await matches("destination", destination);
      const unnamed = await matches("destination", NOBODY);
      const because = deciding(intentions, source, destination);
      // What holds for everybody holds for nobody too: then only the agent could say what else would.
      const general = deciding(unnamed, NOBODY, NOBODY);
      const defaultAllow = general === undefined ? await checked(NOBODY, NOBODY) : await configuredDefault(get);
      const declared = intentions.some((each) => each.destination === destination && each.declared === true);
      return { allowed: because === undefined ? defaultAllow : allows(because), because, defaultAllow, ...(declared && { declared }) };
    },

    async intentions(service) {
      const [asDestination, asSource] = await Promise.all([matches("destination", service), matches("source", service)]);
      return byPrecedence([...asDestination, ...asSource]);
    },

    async service(name, datacenter) {
      const [all, inMesh] = await Promise.all([health("service", name, datacenter), health("connect", name, datacenter)]);
      if (all.length === 0 && inMesh.length === 0) return undefined;
      const chain = await get<{ readonly Chain?: { readonly Protocol?: string } }>(
        `read the protocol of service "${name}"`,
        `service "${name}" { policy = "read" }`,
        `/discovery-chain/${encodeURIComponent(name)}`,
        datacenter === undefined ? {} : { "compile-dc": datacenter },
      );
      return {
        name,
        protocol: chain.Chain?.Protocol || "tcp",
        instances: all.map(instanceOf),
        proxies: inMesh.map(instanceOf),
      };
    },

    async authority() {
      const { TrustDomain = "", Roots } = await get<{
        readonly TrustDomain?: string;
        readonly Roots?: readonly { readonly Name?: string }[] | null;
      }>("read the roots of the mesh's authority", 'service_prefix "" { policy = "read" }', "/connect/ca/roots");
      // The configuration says it plainly, and is only shown to who may change it; every root is named after who made it.
      const made = /^(\S+) CA /.exec(Roots?.[0]?.Name ?? "")?.[1]?.toLowerCase() ?? "";
      return { provider: made === "aws" ? "aws-pca" : made, trustDomain: TrustDomain, roots: Roots?.length ?? 0 };
    },

    async writeGateway(gateway) {
      const entry = gatewayEntry(gateway);
      if (entry === undefined) return;
      await writeEntry(connection, entry);
    },

    async planGateway(gateway) {
      const entry = gatewayEntry(gateway);
      if (entry === undefined) return "none";
      const step = stepOfEntry(entry, await readEntry(connection, entry.Kind, entry.Name));
      if (step.what === "refuse") throw occupied(entry);
      return step.what === "keep" ? "none" : step.casIndex === 0 ? "create" : "change";
    },

    async removeGateway(gateway) {
      for (const kind of ["ingress-gateway", "terminating-gateway"] as const) {
        const standing = await readEntry(connection, kind, gateway.service);
        if (standing === undefined || !isOfJob(standing, gateway)) continue;
        // Written by another job meanwhile: then it is that one's.
        await change(`remove ${kind} "${gateway.service}"`, () =>
          direct("DELETE", entryPath(kind, gateway.service), { query: { cas: String(standing.ModifyIndex) } }),
        );
      }
    },
  };
}

async function writeEntry(connection: ConsulConnection, entry: GatewayEntry): Promise<void> {
  const { Kind, Name } = entry;
  for (let race = 0; race < RACES_MAX; race++) {
    const step = stepOfEntry(entry, await readEntry(connection, Kind, Name));
    if (step.what === "keep") return;
    if (step.what === "refuse") throw occupied(entry);
    const query = { cas: String(step.casIndex) };
    const written = await change(`write ${Kind} "${Name}"`, () => connection.direct<boolean>("PUT", "/config", { query, body: entry }));
    if (written) return;
  }
  throw new NamedError("MESH_UNREACHABLE", `Cannot write ${Kind} "${Name}": somebody else writes it all the time`, {
    statusCode: 503,
    fix: "Register the job again.",
  });
}

async function readEntry<Entry = StandingEntry>(connection: ConsulConnection, kind: string, name: string): Promise<Entry | undefined> {
  try {
    return await connection.direct<Entry>("GET", entryPath(kind, name));
  } catch (thrown) {
    if (thrown instanceof ConsulProblem && thrown.status === 404) return undefined;
    throw meshError(thrown, `read ${kind} "${name}"`, `service "${name}" { policy = "read" }`);
  }
}

async function change<T>(action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw meshError(thrown, action, 'mesh = "write"', true);
  }
}

const entryPath = (kind: string, name: string): string => `/config/${kind}/${encodeURIComponent(name)}`;
const intentionRule = (service: string): string =>
  service === NOBODY
    ? 'service_prefix "" { policy = "read" intentions = "read" }'
    : `service "${service}" { policy = "read" intentions = "read" }`;

async function configuredDefault(get: <T>(what: string, rule: string, path: string) => Promise<T>): Promise<boolean> {
  const self = await get<{
    readonly DebugConfig?: {
      readonly DefaultIntentionPolicy?: string;
      readonly ACLsEnabled?: boolean;
      readonly ACLResolverSettings?: { readonly ACLDefaultPolicy?: string };
    };
  }>("ask Consul's agent for the default of intentions", 'agent_prefix "" { policy = "read" }', "/agent/self");
  const { DefaultIntentionPolicy = "", ACLsEnabled = false, ACLResolverSettings = {} } = self.DebugConfig ?? {};
  if (DefaultIntentionPolicy !== "") return DefaultIntentionPolicy === "allow";
  return !ACLsEnabled || ACLResolverSettings.ACLDefaultPolicy === "allow";
}

function instanceOf({ Node, Service, Checks }: ConsulHealth): MeshInstance {
  const bad = Checks.filter((check) => check.Status !== "passing");
  return {
    id: Service.ID,
    node: Node.Node,
    address: Service.Address === "" ? Node.Address : Service.Address,
    port: Service.Port,
    status: bad.length === 0 ? "passing" : bad.every((check) => check.Status === "warning") ? "warning" : "critical",
    failing: bad.map(failureOf),
  };
}

function failureOf({ Name, Output, Notes = "" }: ConsulCheck): string {
  const [first = ""] = (Output.trim() || Notes.trim()).split("\n");
  return first === "" ? Name : `${Name}: ${first.slice(0, 200)}`;
}

function authority(path: string): string {
  return fileOf(path, "the authority of Consul's gRPC port", "consul { grpc_ca_file } (CONSUL_GRPC_CACERT)");
}

function tlsOf({ caFile, certFile, keyFile, verify }: NonNullable<ConsulMeshOptions["shared"]>): MeshHttpTls {
  const what = "what tasks are given for Consul's TLS";
  return {
    ca: fileOf(caFile, what, "consul { ca_file }"),
    certificate: fileOf(certFile, what, "consul { cert_file }"),
    key: fileOf(keyFile, what, "consul { key_file }"),
    verify,
  };
}

function fileOf(path: string, what: string, setting: string): string {
  if (path === "") return "";
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new NamedError("MESH_REFUSED", `Cannot read ${what}, ${JSON.stringify(path)}: ${messageOf(thrown)}`, {
      statusCode: 400,
      fix: `Correct ${setting}, or the file's rights.`,
    });
  }
}

function occupied({ Kind, Name }: GatewayEntry): NamedError {
  return new NamedError(
    "MESH_REFUSED",
    `Cannot write ${Kind} "${Name}": Consul has one of that name, made by somebody else, that says something else`,
    {
      statusCode: 400,
      fix: `Nothing was changed. Delete it (consul config delete -kind ${Kind} -name ${Name}), make the job say what it says, or call the gateway's service otherwise.`,
    },
  );
}

/** `writing`: Consul answers 500 to what it refuses of an entry, in words of its own. */
export function meshError(thrown: unknown, action: string, rule: string, writing = false): NamedError {
  if (thrown instanceof NamedError) return thrown;
  const problem = thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, messageOf(thrown));
  const because = `Cannot ${action}: ${problem.message}`;
  if (problem.status === 403 || problem.status === 401)
    return new NamedError("MESH_DENIED", because, {
      statusCode: 403,
      fix: problem.tokenUnknown
        ? "Consul does not know the agent's token (any more): correct consul { token }."
        : `The agent's token for Consul needs a policy with: ${rule}`,
    });
  if (problem.passes && !(writing && problem.status === 500 && !PASSING.test(problem.message)))
    return new NamedError("MESH_UNREACHABLE", because, { statusCode: 503, fix: problem.fix ?? "It is there again when Consul answers." });
  return new NamedError("MESH_REFUSED", because, {
    statusCode: 400,
    fix: problem.fix ?? "Correct what the message names in the job's gateway block.",
  });
}

/** What a Consul says that is well again in a while. */
const PASSING =
  /leader|rpc error|timed? ?out|timeout|connection|no path to datacenter|EOF|unavailable|leadership lost|shutting down|raft|rate limit/i;
