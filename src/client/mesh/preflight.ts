/** What the mesh needs of this machine and of Consul beside it, in the order a person would mend it. Never rejects. */
import type { Finding, Mesh, Proxies } from "#ports";
import { messageOf, NamedError } from "#std";

export interface PreflightNeeds {
  readonly proxies: Pick<Proxies, "preflight" | "binary"> | undefined;
  readonly mesh: Pick<Mesh, "endpoint" | "authority"> | undefined;
  /** "1.21.0"; "": not known. */
  readonly consulVersion: string;
}

const good = (what: string, problem: string): Finding => ({ what, standing: "good", problem, fix: "" });

/** Without a Consul there is no mesh, and nothing is missing for it. */
export async function meshPreflight({ proxies, mesh, consulVersion }: PreflightNeeds): Promise<readonly Finding[]> {
  if (mesh === undefined) return [];
  const [envoy, grpc, authority] = await Promise.all([proxies?.preflight() ?? [], grpcFinding(mesh), authorityFinding(mesh)]);
  const pair = versionFinding((await proxies?.binary())?.version ?? "", consulVersion);
  return [...envoy, ...(pair === undefined ? [] : [pair]), grpc, authority];
}

async function grpcFinding(mesh: Pick<Mesh, "endpoint">): Promise<Finding> {
  const what = "consul-grpc";
  try {
    const endpoint = await mesh.endpoint();
    if (endpoint !== undefined)
      return good(what, `proxies get their configuration from ${endpoint.host}:${endpoint.port}${endpoint.tls ? " by TLS" : ""}`);
    return {
      what,
      standing: "missing",
      problem: "the Consul agent has no gRPC port open: proxies get no configuration",
      fix: "Set ports { grpc = 8502 } (or grpc_tls = 8503) in the Consul agent's configuration and restart it",
    };
  } catch (thrown) {
    return { what, standing: "missing", ...said(thrown, "Start the Consul agent beside this node, or correct consul { address }") };
  }
}

async function authorityFinding(mesh: Pick<Mesh, "authority">): Promise<Finding> {
  const what = "consul-ca";
  try {
    const { provider, roots, trustDomain } = await mesh.authority();
    if (roots > 0) return good(what, `${provider} signs certificates of ${trustDomain}`);
    return {
      what,
      standing: "missing",
      problem: "Consul's mesh has no certificate authority",
      fix: "Set connect { enabled = true } in the configuration of the Consul servers and restart them",
    };
  } catch (thrown) {
    return { what, standing: "warning", ...said(thrown, "") };
  }
}

function said(thrown: unknown, otherwise: string): { readonly problem: string; readonly fix: string } {
  return { problem: messageOf(thrown), fix: (thrown instanceof NamedError ? thrown.fix : undefined) ?? otherwise };
}

/** The oldest Envoy that each Consul says it talks to (its own table of versions); newer ones have proven to work. */
const ENVOY_MIN: readonly (readonly [consul: string, envoy: string])[] = [
  ["1.21", "1.31"],
  ["1.20", "1.28"],
  ["1.19", "1.26"],
  ["1.18", "1.25"],
  ["1.17", "1.24"],
  ["1.16", "1.23"],
];

export function versionFinding(envoy: string, consul: string): Finding | undefined {
  if (envoy === "" || consul === "") return undefined;
  const wanted = ENVOY_MIN.find(([least]) => notOlder(consul, least))?.[1];
  const what = "envoy-version";
  if (wanted === undefined || notOlder(envoy, wanted)) return good(what, `Envoy ${envoy} with Consul ${consul}`);
  return {
    what,
    standing: "warning",
    problem: `Envoy ${envoy} is older than Consul ${consul} talks to`,
    fix: `Install Envoy ${wanted} or newer, and name it with client { envoy_path } if it is not the first on PATH`,
  };
}

function notOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major !== thanMajor ? major > thanMajor : minor >= thanMinor;
}
