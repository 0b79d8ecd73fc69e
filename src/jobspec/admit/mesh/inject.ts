/**
 * A service that is in the mesh needs more than its author writes: an Envoy beside its tasks, a port for it, a mark on the task that speaks
 * for itself. nomad.md §1.7, §1.12.
 *
 *   sidecar_service  task connect-proxy-<service>, before and beside the others; port connect-proxy-<service> unless it names one
 *   gateway          task connect-<kind>-<service>, a main task; of terminating and mesh gateways also a port
 *   native           the task that speaks mTLS itself is marked, and named in the service
 *
 * An admitted job sent again gets none of it twice: tasks are known by their Kind, ports by their label. What cannot be right is left as
 * it is: check-connect.ts says so.
 */
import {
  gatewayKindOfService,
  type Job,
  type Port,
  type Service,
  sidecarPortLabel,
  sidecarTaskName,
  type Task,
  type TaskGroup,
} from "#model";
import type { Admission } from "../admission.ts";
import { gatewayPorts, withGatewayProxy } from "./gateways.ts";
import { type ProxyTaskRequest, proxyTask } from "./proxy-task.ts";

/** Step. */
export function injectMesh({ job }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map(withMesh) };
}

function withMesh(group: TaskGroup): TaskGroup {
  const marked = { ...group, Tasks: group.Tasks.map(markNative) };
  return group.Services.reduce((now, _, index) => withService(now, index), marked);
}

function withService(group: TaskGroup, index: number): TaskGroup {
  const service = group.Services[index] as Service;
  const connect = service.Connect;
  const network = group.Networks[0];
  if (connect === null || service.Provider !== "consul") return group;
  if (connect.Native) return withNative(group, index);
  if (network === undefined) return group;
  const isHostNetwork = network.Mode === "" || network.Mode === "host";
  const request = { isHostNetwork, wishes: connect.SidecarTask };
  if (connect.SidecarService !== null) {
    const proxy = connect.SidecarService.Proxy?.TransparentProxy ?? null;
    const port = connect.SidecarService.Port || sidecarPortLabel(service.Name);
    return withPort(
      withTask(group, {
        ...request,
        name: sidecarTaskName(service.Name),
        kind: `connect-proxy:${service.Name}`,
        isSidecar: true,
        user: proxy === null ? "" : proxy.UID || "${meta.connect.transparent_proxy.default_uid}",
      }),
      port,
    );
  }
  const kind = gatewayKindOfService(service);
  if (kind === undefined) return group;
  const injected = withTask(group, {
    ...request,
    name: `${kind}-${service.Name}`,
    kind: `${kind}:${service.Name}`,
    isSidecar: false,
    user: "",
  });
  return gatewayPorts(service, kind).reduce(withPort, replaced(injected, index, withGatewayProxy(service, kind, isHostNetwork)));
}

/** A task's own service that speaks for itself. */
function markNative(task: Task): Task {
  const native = task.Services.find((service) => service.Connect?.Native === true && service.Provider === "consul");
  return native === undefined || task.Kind !== "" ? task : { ...task, Kind: `connect-native:${native.Name}` };
}

function withTask(group: TaskGroup, request: ProxyTaskRequest): TaskGroup {
  const at = group.Tasks.findIndex((task) => task.Kind === request.kind);
  const task = proxyTask(group, request, group.Tasks[at]);
  return { ...group, Tasks: at < 0 ? [...group.Tasks, task] : group.Tasks.map((each, index) => (index === at ? task : each)) };
}

/** What comes in there is the proxy's, on the number the host has for it. */
function withPort(group: TaskGroup, label: string): TaskGroup {
  const [network, ...others] = group.Networks;
  if (network === undefined || [...network.ReservedPorts, ...network.DynamicPorts].some((port) => port.Label === label)) return group;
  const port: Port = { Label: label, Value: 0, To: -1, HostNetwork: "default", IgnoreCollision: false };
  return { ...group, Networks: [{ ...network, DynamicPorts: [...network.DynamicPorts, port] }, ...others] };
}

function withNative(group: TaskGroup, index: number): TaskGroup {
  const service = group.Services[index] as Service;
  const name = service.TaskName || (group.Tasks.length === 1 ? (group.Tasks[0] as Task).Name : "");
  if (!group.Tasks.some((task) => task.Name === name)) return group;
  const Tasks = group.Tasks.map((task) => (task.Name === name ? { ...task, Kind: task.Kind || `connect-native:${service.Name}` } : task));
  return replaced({ ...group, Tasks }, index, { ...service, TaskName: name });
}

function replaced(group: TaskGroup, index: number, service: Service): TaskGroup {
  return { ...group, Services: group.Services.map((each, at) => (at === index ? service : each)) };
}
