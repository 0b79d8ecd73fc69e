/**
 * The services of an allocation as they are to be made known: pure, from the allocation, its environments and the node. Group services
 * see the group's environment, task services their task's. nomad.md §1.6, §2.8.
 *
 * Ids are made of names alone, so that the same allocation always has the same: `_nomad-task-<allocation>-<task, or group-<group>>-<service>-<port>`.
 */
import type { Allocation, Node, Service, TaskGroup } from "#model";
import type { AllocationNetwork, CheckInstance, DriverNetwork, ServiceInstance } from "#ports";
import { interpolate, type Names } from "#task";
import { reachedAt, type Reached } from "./address.ts";
import { checkInstances } from "./check-instances.ts";
import { meshPlace } from "./mesh.ts";

export interface InstancesRequest {
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  readonly node: Node;
  /** Of a task, or ("") of the group. */
  readonly names: (task: string) => Names;
  /** The allocation's own network; left out: it has none. */
  readonly network?: AllocationNetwork | undefined;
  /** Of a task's driver; left out: no driver here has any. */
  readonly driverNetwork?: (task: string) => DriverNetwork | undefined;
}

export interface Instances {
  /** In the order of the job file: the group's, then each task's. */
  readonly instances: readonly ServiceInstance[];
  /** What cannot be made known, or checked, and why; for people. */
  readonly problems: readonly string[];
}

export function serviceInstances(request: InstancesRequest): Instances {
  const instances: ServiceInstance[] = [];
  const problems: string[] = [];
  const ids = new Set<string>();
  const add = (service: Service, task: string) => {
    const { instance, problems: found } = instanceOf(request, service, task);
    problems.push(...found);
    if (instance === undefined) return;
    // Names that differ in the job file may be the same when they are filled in: one would stand in the other's place.
    const id = `${instance.Provider} ${instance.ID}`;
    if (ids.has(id)) problems.push(`service "${instance.Name}": another one of the allocation has the same name and port`);
    else instances.push(instance);
    ids.add(id);
  };
  for (const service of request.group.Services) add(service, "");
  for (const task of request.group.Tasks) for (const service of task.Services) add(service, task.Name);
  return { instances, problems };
}

function instanceOf(
  request: InstancesRequest,
  service: Service,
  task: string,
): { readonly instance?: ServiceInstance; readonly problems: readonly string[] } {
  const { allocation, group, node } = request;
  const names = request.names(task);
  const text = (value: string) => interpolate(value, names);
  const name = text(service.Name);
  const port = text(service.PortLabel);
  const explicit = text(service.Address);
  const owner = task === "" ? `group-${group.Name}` : task;
  const id = `_nomad-task-${allocation.ID}-${owner}-${name}-${port}`;
  const canary = allocation.DeploymentStatus?.Canary === true;
  const whose = task === "" ? service.TaskName : task;
  const driverNetwork = whose === "" ? undefined : request.driverNetwork?.(whose);
  const reached = (mode: string, wanted: string) =>
    reachedAt({ mode, port: wanted, explicit, allocation, task: whose, node, network: request.network, driverNetwork });
  const place = reached(service.AddressMode, port);
  if (typeof place === "string") return { problems: [`service "${name}": ${place}`] };
  const checks = checkInstances({ service, serviceName: name, serviceId: id, allocationId: allocation.ID, task, names, reached });
  const meta = canary && Object.keys(service.CanaryMeta).length > 0 ? service.CanaryMeta : service.Meta;
  const plain: ServiceInstance = {
    ID: id,
    Provider: service.Provider === "nomad" ? "nomad" : "consul",
    Name: name,
    AllocationID: allocation.ID,
    Task: task,
    Tags: (canary && service.CanaryTags.length > 0 ? service.CanaryTags : service.Tags).map(text),
    Meta: Object.fromEntries(Object.entries(meta).map(([key, value]) => [text(key), text(value)])),
    Address: place.address,
    Port: place.port,
    TaggedAddresses: Object.fromEntries(
      Object.entries(service.TaggedAddresses).map(([key, value]) => [key, taggedAddress(text(value), place)]),
    ),
    Weights: { Passing: service.Weights?.Passing ?? 1, Warning: service.Weights?.Warning ?? 1 },
    EnableTagOverride: service.EnableTagOverride,
    Kind: service.Kind,
    Checks: checks.filter((each): each is CheckInstance => typeof each !== "string"),
    ...(service.Identity === null
      ? {}
      : {
          Identity: {
            AllocationID: allocation.ID,
            Workload: { Kind: "service", Service: service.Name, Task: task },
            Identity: service.Identity.Name,
          },
        }),
  };
  const { mesh, kind, taggedAddresses, problems } = meshPlace({ service, instance: plain, allocation, group, node, names, reached });
  // Half of it would be taken for the whole: others would be led to a service without its sidecar.
  if (problems.length > 0) return { problems: problems.map((problem) => `service "${name}": ${problem}`) };
  const instance: ServiceInstance = {
    ...plain,
    Kind: kind ?? plain.Kind,
    TaggedAddresses: taggedAddresses ?? plain.TaggedAddresses,
    ...(mesh === undefined ? {} : { Mesh: mesh }),
  };
  return { instance, problems: checks.filter((each) => typeof each === "string").map((problem) => `service "${name}": ${problem}`) };
}

/** "host" has the service's port; "host:port" and "[v6]:port" their own. */
function taggedAddress(value: string, place: Reached): { readonly Address: string; readonly Port: number } {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(value);
  if (found === null) return { Address: value.replace(/^\[(.*)\]$/, "$1"), Port: place.port };
  return { Address: found[1] ?? found[2] ?? "", Port: Number(found[3]) };
}
