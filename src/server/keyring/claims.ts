/**
 * What is said of a workload: which of its identities is meant, and what stands in the JWT. Pure. nomad.md §1.10 `identity`, §7
 * "Workload identity".
 */
import {
  type Allocation,
  DEFAULT_IDENTITY_AUDIENCE,
  DEFAULT_IDENTITY_NAME,
  type Identity,
  type IdentityRequest,
  type Node,
  type Service,
  type Task,
  type TaskGroup,
  type WorkloadClaims,
} from "#model";
import { claimValues, fill, workloadValues } from "./fill.ts";

/** What the servers' configuration gives those whose job says nothing: admitted before it was there. */
export interface GeneratedIdentity {
  readonly aud: readonly string[];
  /** Nanoseconds; 0: it does not expire. */
  readonly ttlNs: number;
  readonly extraClaims: Readonly<Record<string, string>>;
}
export interface GeneratedIdentities {
  readonly consulService: GeneratedIdentity | null;
  readonly consulTask: GeneratedIdentity | null;
  readonly vaultTask: GeneratedIdentity | null;
}
export const NO_GENERATED_IDENTITIES: GeneratedIdentities = { consulService: null, consulTask: null, vaultTask: null };

/** The identity that was asked for and whose it is. */
export interface Workload {
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  /** Undefined: a service of the group. */
  readonly task: Task | undefined;
  readonly service: Service | undefined;
  readonly identity: Pick<Identity, "Name" | "Audience" | "TTL" | "ExtraClaims">;
}

/** A text: why there is none. */
export function workloadOf(allocation: Allocation, request: IdentityRequest, generated: GeneratedIdentities): Workload | string {
  const { Workload: of, Identity: name } = request;
  const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const task = group?.Tasks.find(({ Name }) => Name === of.Task);
  if (group === undefined || (of.Task !== "" && task === undefined)) return `task "${of.Task}" is not in the job`;
  if (of.Kind === "task") {
    const identity = task === undefined ? undefined : taskIdentity(task, group, name, generated);
    return identity === undefined ? noSuch(name, `task "${of.Task}"`) : { allocation, group, task, service: undefined, identity };
  }
  const services = (task ?? group).Services.filter(({ Name }) => Name === of.Service);
  if (services.length === 0) return `service "${of.Service}" is not in the job`;
  for (const service of services) {
    const identity = serviceIdentity(service, of.Task, name, generated);
    if (identity !== undefined) return { allocation, group, task, service, identity };
  }
  return noSuch(name, `service "${of.Service}"`);
}

function noSuch(name: string, of: string): string {
  return `${of} has no identity "${name}"`;
}

function taskIdentity(task: Task, group: TaskGroup, name: string, generated: GeneratedIdentities): Workload["identity"] | undefined {
  if (name === DEFAULT_IDENTITY_NAME) {
    const { Audience = [], TTL = 0, ExtraClaims = {} } = task.Identity ?? {};
    return { Name: name, Audience: Audience.length === 0 ? [DEFAULT_IDENTITY_AUDIENCE] : Audience, TTL, ExtraClaims };
  }
  const own = task.Identities.find(({ Name }) => Name === name);
  if (own !== undefined) return own;
  if (name.startsWith("consul_") && (task.Consul ?? group.Consul) !== null) return named(name, generated.consulTask);
  if (name.startsWith("vault_") && task.Vault !== null) return named(name, generated.vaultTask);
  return undefined;
}

function serviceIdentity(service: Service, task: string, name: string, generated: GeneratedIdentities): Workload["identity"] | undefined {
  const generatedName = `${service.Provider}-service_${task === "" ? "" : `${task}-`}${service.Name}-${service.PortLabel}`;
  const own = service.Identity;
  if (own !== null && (own.Name === "" ? generatedName : own.Name) === name) return { ...own, Name: name };
  if (own !== null || service.Provider !== "consul" || name !== generatedName) return undefined;
  return named(name, generated.consulService);
}

function named(Name: string, generated: GeneratedIdentity | null): Workload["identity"] | undefined {
  return generated === null
    ? undefined
    : { Name, Audience: [...generated.aud], TTL: generated.ttlNs, ExtraClaims: { ...generated.extraClaims } };
}

export interface SignedClaims extends WorkloadClaims {
  readonly sub: string;
  readonly aud: string | readonly string[];
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
    aud: identity.Audience.length === 1 ? (identity.Audience[0] as string) : identity.Audience,
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
