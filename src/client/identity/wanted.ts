/**
 * Which identities an allocation needs, from its job alone. Pure. nomad.md §1.10.
 *
 * The identity every task has is signed only where somebody looks at it: most allocations need none, and then nobody is asked.
 */
import {
  DEFAULT_IDENTITY_NAME,
  type Allocation,
  type Identity,
  type IdentityRequest,
  type Service,
  type Task,
  type TaskGroup,
} from "#model";

export function wantedIdentities(allocation: Allocation): readonly IdentityRequest[] {
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  if (group === undefined) return [];
  const wanted: IdentityRequest[] = [];
  for (const task of group.Tasks) {
    if (isShown(task.Identity)) wanted.push(taskIdentity(allocation, task, task.Identity));
    for (const identity of task.Identities ?? []) wanted.push(taskIdentity(allocation, task, identity));
    wanted.push(...serviceIdentities(allocation, task.Services ?? [], task.Name));
  }
  wanted.push(...serviceIdentities(allocation, group.Services ?? [], ""));
  const once = new Map(wanted.map((request) => [identityKey(request), request]));
  return [...once.values()];
}

/** Those the task itself sees, as variables or files. */
export function shownIdentities(task: Task): readonly Identity[] {
  return [task.Identity, ...(task.Identities ?? [])].filter(isShown);
}

export function taskIdentity(
  allocation: Pick<Allocation, "ID">,
  task: Pick<Task, "Name">,
  identity: Pick<Identity, "Name">,
): IdentityRequest {
  return { AllocationID: allocation.ID, Workload: { Kind: "task", Task: task.Name }, Identity: identityName(identity) };
}

/** The identity a task's Consul token is exchanged for: admission gives one to every task with a `consul` block. undefined: it gets no token. */
export function consulIdentity(group: Pick<TaskGroup, "Consul">, task: Pick<Task, "Consul" | "Identities">): Identity | undefined {
  const cluster = (task.Consul ?? group.Consul)?.Cluster ?? "";
  return (task.Identities ?? []).find((each) => each.Name === `consul_${cluster === "" ? "default" : cluster}`);
}

/** The identity a task logs in to Vault with: admission gives one to every task with a `vault` block. undefined: it has none. */
export function vaultIdentity(task: Pick<Task, "Vault" | "Identities">): Identity | undefined {
  if (task.Vault === null || task.Vault === undefined) return undefined;
  const cluster = task.Vault.Cluster === "" ? "default" : task.Vault.Cluster;
  return (task.Identities ?? []).find((each) => each.Name === `vault_${cluster}`);
}

export function identityName(identity: Pick<Identity, "Name">): string {
  return identity.Name === "" ? DEFAULT_IDENTITY_NAME : identity.Name;
}

/** One text for one identity of one workload. */
export function identityKey({ AllocationID, Workload, Identity }: IdentityRequest): string {
  const service = Workload.Kind === "service" ? [Workload.Service] : [];
  return JSON.stringify([AllocationID, Workload.Kind, Workload.Task, ...service, Identity]);
}

function serviceIdentities(allocation: Allocation, services: readonly Service[], task: string): readonly IdentityRequest[] {
  return services.flatMap((service) =>
    service.Identity === null || service.Identity === undefined
      ? []
      : [
          {
            AllocationID: allocation.ID,
            Workload: { Kind: "service" as const, Service: service.Name, Task: task },
            Identity: identityName(service.Identity),
          },
        ],
  );
}

function isShown(identity: Identity | null | undefined): identity is Identity {
  return identity !== null && identity !== undefined && (identity.Env || identity.File);
}
