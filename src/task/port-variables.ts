/** The ports of an allocation, as its tasks see them in their environment. Pure. nomad.md §2.1. */
import type { AllocatedPort, Allocation } from "#model";
import type { AllocationNetwork } from "#ports";

type OwnNetwork = Pick<AllocationNetwork, "interface" | "address">;

/** `network`: the allocation's own. PORT is the one to listen on: inside a namespace that is `to`; IP and ADDR stay the host's, ALLOC_* are inside. */
export function portVariables(allocation: Allocation, network?: OwnNetwork): Map<string, string> {
  const variables = new Map<string, string>();
  const resources = allocation.AllocatedResources;
  const tasks = Object.keys(resources.Tasks);
  for (const port of resources.Shared.Ports) {
    plain(variables, port);
    if (network !== undefined && network.address !== "") inside(variables, port, network);
    for (const task of tasks) crossTask(variables, task, port);
  }
  // Allocations placed from old job files hold ports per task.
  for (const [task, given] of Object.entries(resources.Tasks)) {
    for (const network of given.Networks) {
      for (const port of [...network.ReservedPorts, ...network.DynamicPorts]) {
        crossTask(variables, task, { Label: port.Label, Value: port.Value, To: port.To, HostIP: network.IP, IgnoreCollision: false });
      }
    }
  }
  return variables;
}

function plain(variables: Map<string, string>, port: AllocatedPort): void {
  const inside = String(port.To > 0 ? port.To : port.Value);
  const address = hostPort(port.HostIP, port.Value);
  set(variables, "IP", port.Label, port.HostIP);
  set(variables, "PORT", port.Label, inside);
  set(variables, "ADDR", port.Label, address);
  set(variables, "HOST_IP", port.Label, port.HostIP);
  set(variables, "HOST_PORT", port.Label, String(port.Value));
  set(variables, "HOST_ADDR", port.Label, address);
  set(variables, "ALLOC_PORT", port.Label, inside);
}

function inside(variables: Map<string, string>, port: AllocatedPort, network: OwnNetwork): void {
  set(variables, "ALLOC_INTERFACE", port.Label, network.interface);
  set(variables, "ALLOC_IP", port.Label, network.address);
  set(variables, "ALLOC_ADDR", port.Label, hostPort(network.address, port.To > 0 ? port.To : port.Value));
}

/** The old forms: NOMAD_ADDR_<task>_<label>. */
function crossTask(variables: Map<string, string>, task: string, port: AllocatedPort): void {
  const label = `${task}_${port.Label}`;
  set(variables, "IP", label, port.HostIP);
  set(variables, "PORT", label, String(port.Value));
  set(variables, "ADDR", label, hostPort(port.HostIP, port.Value));
}

/** As written and, where that is no name a shell can say, with `_` for the odd characters. */
function set(variables: Map<string, string>, kind: string, label: string, value: string): void {
  variables.set(`NOMAD_${kind}_${label}`, value);
  variables.set(`NOMAD_${kind}_${variableName(label)}`, value);
}

export function variableName(label: string): string {
  return label.replace(/[^A-Za-z0-9_]/g, "_");
}

function hostPort(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
