/** What stands in the JWT of a workload. Pure. nomad.md §7 "Workload identity". */
import type { Node, WorkloadClaims } from "#model";
import { claimValues, fill, workloadValues } from "./fill.ts";
import type { Workload } from "./workload.ts";

export interface SignedClaims extends WorkloadClaims {
  readonly sub: string;
  /** Absent: it is for nobody in particular. */
  readonly aud?: string | readonly string[];
  readonly iss?: string;
  /** Unix seconds. */
  readonly iat: number;
  readonly nbf: number;
  readonly exp?: number;
  readonly jti: string;
}

export function claimsOf(
  workload: Workload,
  node: Node | undefined,
  how: { readonly issuer: string; readonly nowMs: number; readonly id: string },
): SignedClaims {
  const { allocation, group, task, service, identity } = workload;
  const job = allocation.Job;
  const parent = (job.ParentID === "" ? job.ID : job.ParentID) as typeof job.ID;
  // A binding rule compares it with the name the service is registered by.
  const serviceName = service === undefined ? undefined : fill(service.Name, workloadValues(allocation, task, node));
  const iat = Math.floor(how.nowMs / 1_000);
  const extra = Object.entries(identity.ExtraClaims).map(([name, value]) => [name, fill(value, claimValues(workload, node))] as const);
  return {
    ...(how.issuer === "" ? {} : { iss: how.issuer }),
    sub: [job.Region, allocation.Namespace, parent, group.Name, serviceName ?? task?.Name ?? "", identity.Name].join(":"),
    ...(identity.Audience.length === 0
      ? {}
      : { aud: identity.Audience.length === 1 ? (identity.Audience[0] as string) : identity.Audience }),
    iat,
    nbf: iat,
    ...(identity.TTL > 0 ? { exp: iat + Math.max(1, Math.floor(identity.TTL / 1e9)) } : {}),
    jti: how.id,
    nomad_namespace: allocation.Namespace,
    nomad_job_id: parent,
    nomad_allocation_id: allocation.ID,
    ...(serviceName === undefined ? { nomad_task: task?.Name ?? "" } : { nomad_service: serviceName }),
    ...forConsulOrVault(workload),
    ...(extra.length === 0 ? {} : { extra_claims: Object.fromEntries(extra) }),
  };
}

/** Namespaces of theirs, where the job names one. */
function forConsulOrVault({ group, task, identity }: Workload): Partial<WorkloadClaims> {
  const consul = task?.Consul?.Namespace || group.Consul?.Namespace || "";
  if (identity.Name.startsWith("consul")) return consul === "" ? {} : { consul_namespace: consul };
  const { Namespace = "", Role = "" } = task?.Vault ?? {};
  if (!identity.Name.startsWith("vault_")) return {};
  return { ...(Namespace === "" ? {} : { vault_namespace: Namespace }), ...(Role === "" ? {} : { vault_role: Role }) };
}
