/**
 * What an allocation asks of its network: pure, from the allocation, its group's names and the node. nomad.md §1.5, §2.9.
 *
 * Ports come from what the scheduler gave: `to`, or the host's number where the job names none. What stands in no namespace of the
 * allocation's own (mode "host", or a mode only a driver knows) is no business of this file.
 */
import type { Allocation, Node, TaskGroup } from "#model";
import type { NetworkRequest, PortMapping } from "#ports";
import { interpolate, type Names } from "#task";
import { trafficRedirect } from "./redirect.ts";

export interface RequestOf {
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  readonly node: Node;
  readonly region: string;
  /** The group's. */
  readonly names: Names;
  /** 0: nobody holds the namespace. */
  readonly holderPid: number;
}

/** undefined: its tasks are in the machine's network. */
export function ownMode(group: Pick<TaskGroup, "Networks">): string | undefined {
  const mode = group.Networks[0]?.Mode ?? "";
  return mode === "bridge" || mode === "none" || mode.startsWith("cni/") ? mode : undefined;
}

export function networkRequest(of: RequestOf): NetworkRequest {
  const { allocation, group, node, region, names, holderPid } = of;
  const network = group.Networks[0];
  const text = (value: string) => interpolate(value, names);
  const hostname = hostName(text(network?.Hostname ?? ""));
  return {
    id: allocation.ID,
    mode: ownMode(group) ?? "none",
    ports: portMappings(allocation),
    hostname: hostname === "" ? allocation.ID.slice(0, 8) : hostname,
    dns: network?.DNS ?? null,
    arguments: {
      IgnoreUnknown: "true",
      ...withoutSeparators(Object.entries(network?.CNI?.Args ?? {}).map(([key, value]) => [key, text(value)])),
      // Who it is, is not the job's to say: plugins may decide by it.
      NOMAD_REGION: region,
      NOMAD_NAMESPACE: allocation.Namespace,
      NOMAD_JOB_ID: allocation.JobID,
      NOMAD_GROUP_NAME: allocation.TaskGroup,
      NOMAD_ALLOC_ID: allocation.ID,
    },
    redirect: trafficRedirect({ allocation, group, node, text }),
    holderPid,
  };
}

/** Each label once, as the tasks see it. */
export function portMappings(allocation: Allocation): readonly PortMapping[] {
  return allocation.AllocatedResources.Shared.Ports.map(({ Label, Value, To, HostIP }) => ({
    label: Label,
    hostPort: Value,
    to: To > 0 ? To : Value,
    hostIp: HostIP,
  }));
}

/** What may stand in a host name, at most 63 characters: "${…}" that nothing is known of, spaces and the like become "-". */
export function hostName(written: string): string {
  return written
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .slice(0, 63)
    .replace(/^[.-]+|[.-]+$/g, "");
}

/** CNI_ARGS has no way to write ";": admission refuses it as written, but a name may stand for one. */
function withoutSeparators(entries: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map(([key, value]) => [key, value.replaceAll(";", "")]));
}
