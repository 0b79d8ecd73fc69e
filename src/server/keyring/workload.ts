/** Which of a workload's identities is meant: one its job names, or one the servers generate. Pure. nomad.md §1.10 `identity`. */
import {
  type Allocation,
  DEFAULT_IDENTITY_AUDIENCE,
  DEFAULT_IDENTITY_NAME,
  type Identity,
  type IdentityRequest,
  type Service,
  type Task,
  type TaskGroup,
} from "#model";

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
