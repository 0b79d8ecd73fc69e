/**
 * What Nomad's API has and this version does not answer: 501 with the reason, so that a client sees a clear answer and
 * docs/coverage.md says when to expect it.
 */
import type { Method } from "./endpoints.ts";

/** The issue that brings it, or "enterprise": Nomad's own community edition answers 501 too. */
export type Awaited =
  | "services and identity"
  | "secrets and variables"
  | "cluster and access"
  | "volumes"
  | "web UI"
  | "operators"
  | "enterprise";

export interface LaterEndpoint {
  /** As in ENDPOINTS; a trailing `*` stands for anything below. */
  readonly path: string;
  readonly methods: readonly Method[];
  readonly awaited: Awaited;
  /** What stands in the way; "": nothing but time. */
  readonly why: string;
}

const later = (awaited: Awaited, why: string, ...paths: readonly (readonly [path: string, methods: string])[]): readonly LaterEndpoint[] =>
  paths.map(([path, methods]) => ({ path, methods: methods.split(" ") as Method[], awaited, why }));

export const LATER_ENDPOINTS: readonly LaterEndpoint[] = [
  ...later(
    "volumes",
    "needs volumes",
    ["/v1/volumes/external", "GET"],
    ["/v1/volumes/snapshot", "GET PUT DELETE"],
    ["/v1/volumes/claims", "GET"],
    ["/v1/volumes/claim/:id", "DELETE"],
    ["/v1/volume/csi/:id", "GET PUT DELETE"],
    ["/v1/volume/csi/:id/create", "PUT"],
    ["/v1/volume/csi/:id/delete", "DELETE"],
    ["/v1/volume/csi/:id/detach", "DELETE"],
    ["/v1/volume/host/create", "PUT"],
    ["/v1/volume/host/register", "PUT"],
    ["/v1/volume/host/:id", "GET DELETE"],
    ["/v1/plugin/csi/:id", "GET DELETE"],
  ),
  ...later("web UI", "", ["/ui/", "GET"], ["/ui/*", "GET"]),
  ...later("operators", "the agent logs to standard output: there is no file to export", ["/v1/agent/monitor/export", "GET"]),
  ...later("operators", "an allocation's disk is not moved between nodes yet", ["/v1/client/allocation/:id/snapshot", "GET"]),
  ...later("secrets and variables", "there is no Vault token to check", ["/v1/operator/upgrade-check/vault-workload-identity", "GET"]),
  ...later(
    "enterprise",
    "",
    ["/v1/client/allocation/:id/pause", "GET PUT"],
    ["/v1/deployment/unblock/:id", "PUT"],
    ["/v1/operator/license", "GET PUT"],
    ["/v1/operator/utilization", "PUT"],
    ["/v1/quotas", "GET"],
    ["/v1/quota-usages", "GET"],
    ["/v1/quota", "PUT"],
    ["/v1/quota/:name", "GET PUT DELETE"],
    ["/v1/quota/usage/:name", "GET"],
    ["/v1/sentinel/policies", "GET"],
    ["/v1/sentinel/policy/:name", "GET PUT DELETE"],
    ["/v1/recommendations", "GET"],
    ["/v1/recommendations/apply", "PUT"],
    ["/v1/recommendation", "PUT"],
    ["/v1/recommendation/:id", "GET"],
  ),
];

/** Methods Nomad takes on a path answered here in part: 501, not 405. */
export const LATER_METHODS: readonly LaterEndpoint[] = [
  ...later("operators", "set server { num_schedulers } and start the agent again", ["/v1/agent/schedulers/config", "PUT"]),
];

const AWAITED_ISSUES: Readonly<Record<Exclude<Awaited, "enterprise">, string>> = {
  "services and identity": "Services and identity",
  "secrets and variables": "KV and secrets in templates",
  "cluster and access": "From one machine to a cluster",
  volumes: "Volumes",
  "web UI": "The web UI",
  operators: "Operators' tools",
};

/** "later (From one machine to a cluster: there is one server)" */
export function awaitedText(of: Pick<LaterEndpoint, "awaited" | "why">): string {
  if (of.awaited === "enterprise") return "Nomad Enterprise only";
  return `${AWAITED_ISSUES[of.awaited]}${of.why === "" ? "" : `: ${of.why}`}`;
}
