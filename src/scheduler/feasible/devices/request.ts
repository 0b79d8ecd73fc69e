/**
 * The devices a group's tasks ask for, and which instances of a node they get. A node has groups of alike devices
 * (vendor/type/name); a request is met by one group: of those it names, that pass its constraints and have enough free healthy
 * instances, the one its affinities like best. Requests are served in the order they are written. nomad.md §1.9, §6.3 "Devices".
 */
import { type AllocatedDevice, deviceKey, type DeviceRequest, type NodeDevice, type TaskGroup } from "#model";
import { compileDeviceTest } from "./test.ts";

export const MISSING_DEVICES = "missing devices";
export const NO_DEVICE = "devices: no devices match request";

export interface CompiledRequest {
  readonly task: string;
  readonly count: number;
  /** The sizes of its affinities' weights, together. */
  readonly weight: number;
  /** How much it likes the group; undefined when it cannot use it. */
  liking(device: NodeDevice): number | undefined;
}

export interface Dealt {
  readonly byTask: ReadonlyMap<string, readonly AllocatedDevice[]>;
  /** Matched weights over all weights, −1 to 1; undefined when there are no affinities. */
  readonly score: number | undefined;
}

/** What could not be dealt: so many wanted, so many free in the best group that would do. */
export interface Undealt {
  readonly wanted: number;
  readonly free: number;
}

/** In the order of the job file; none: the group asks for no devices. */
export function deviceRequests(group: TaskGroup): readonly CompiledRequest[] {
  return group.Tasks.flatMap((task) => (task.Resources?.Devices ?? []).map((request) => compileRequest(task.Name, request)));
}

/** `isFree`: may the instance be given out? Unhealthy ones never are. */
export function dealDevices(
  requests: readonly CompiledRequest[],
  devices: readonly NodeDevice[],
  isFree: (key: string) => boolean,
): Dealt | Undealt {
  const dealt = new Set<string>();
  const byTask = new Map<string, AllocatedDevice[]>();
  let matched = 0;
  let whole = 0;
  for (const request of requests) {
    let best: { readonly device: NodeDevice; readonly ids: readonly string[]; readonly liking: number } | undefined;
    let most = 0;
    for (const device of devices) {
      const liking = request.liking(device);
      if (liking === undefined) continue;
      const ids = device.Instances.filter((instance) => {
        const key = keyOf(device, instance.ID);
        return instance.Healthy && !dealt.has(key) && isFree(key);
      }).map((instance) => instance.ID);
      most = Math.max(most, ids.length);
      if (ids.length >= request.count && (best === undefined || liking > best.liking)) best = { device, ids, liking };
    }
    if (best === undefined) return { wanted: request.count, free: most };
    const { device } = best;
    const DeviceIDs = best.ids.slice(0, request.count);
    for (const id of DeviceIDs) dealt.add(keyOf(device, id));
    const given = { Vendor: device.Vendor, Type: device.Type, Name: device.Name, DeviceIDs };
    byTask.set(request.task, [...(byTask.get(request.task) ?? []), given]);
    matched += best.liking;
    whole += request.weight;
  }
  return { byTask, score: whole === 0 ? undefined : matched / whole };
}

/** Could the node serve the requests if nobody else held anything? */
export function hasDevices(requests: readonly CompiledRequest[], devices: readonly NodeDevice[]): boolean {
  return !isUndealt(dealDevices(requests, devices, () => true));
}

export function isUndealt(dealt: Dealt | Undealt): dealt is Undealt {
  return "wanted" in dealt;
}

export function keyOf(device: NodeDevice, instance: string): string {
  return deviceKey(device.Vendor, device.Type, device.Name, instance);
}

function compileRequest(task: string, request: DeviceRequest): CompiledRequest {
  const tests = request.Constraints.map(compileDeviceTest);
  const affinities = request.Affinities.map((affinity) => ({ weight: affinity.Weight, passes: compileDeviceTest(affinity) }));
  const known = new Map<NodeDevice, number | undefined>();
  const likingOf = (device: NodeDevice): number | undefined => {
    if (!isNamed(request.Name, device) || !tests.every((test) => test(device))) return undefined;
    return affinities.reduce((sum, affinity) => (affinity.passes(device) ? sum + affinity.weight : sum), 0);
  };
  return {
    task,
    count: request.Count,
    weight: affinities.reduce((sum, affinity) => sum + Math.abs(affinity.weight), 0),
    liking: (device) => {
      if (!known.has(device)) known.set(device, likingOf(device));
      return known.get(device);
    },
  };
}

/** "type", "vendor/type" or "vendor/type/name"; a name may hold slashes itself. */
function isNamed(wanted: string, { Vendor, Type, Name }: NodeDevice): boolean {
  const parts = wanted.split("/");
  if (parts.length === 1) return parts[0] === Type;
  if (parts[0] !== Vendor || parts[1] !== Type) return false;
  return parts.length === 2 || parts.slice(2).join("/") === Name;
}
