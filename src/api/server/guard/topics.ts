/** Which events are told to whom. nomad.md §3.4 (event stream), §7 (event broker). */
import {
  mayInAnyNamespace,
  mayInNamespace,
  mayListVariables,
  mayNode,
  mayNodePool,
  mayInAnyNodePool,
  mayOperator,
  mayPlugin,
  mayVariable,
  type Grant,
} from "#access";
import type { Event } from "#model";

/** May the topic be followed at all, there? `namespace` "*": what may not be seen of it is left out. */
export function mayFollow(grant: Grant, topic: string, namespace: string): boolean {
  if (grant.Management) return true;
  switch (topic) {
    case "Job":
    case "Evaluation":
    case "Allocation":
    case "Deployment":
    case "Service":
      return inNamespace(grant, namespace, "read-job");
    case "HostVolume":
      return inNamespace(grant, namespace, "host-volume-read");
    case "CSIVolume":
      return inNamespace(grant, namespace, "csi-read-volume");
    case "CSIPlugin":
      return mayPlugin(grant, "read");
    case "Node":
      return mayNode(grant, "read");
    case "NodePool":
      return mayInAnyNodePool(grant, "read");
    case "Operator":
      return mayOperator(grant, "read");
    case "Variable":
      return mayListVariables(grant, namespace);
    default:
      // "*", and everything of access control itself.
      return false;
  }
}

function inNamespace(grant: Grant, namespace: string, capability: string): boolean {
  return namespace === "*" ? mayInAnyNamespace(grant, capability) : mayInNamespace(grant, namespace, capability);
}

/** Of a topic that may be followed: this one too? */
export function mayHear(grant: Grant, { Topic, Namespace, Key }: Event): boolean {
  if (grant.Management) return true;
  if (Topic === "NodePool") return mayNodePool(grant, Key, "read");
  if (Topic === "Variable") return mayVariable(grant, Namespace, Key, "list");
  return mayFollow(grant, Topic, Namespace);
}
