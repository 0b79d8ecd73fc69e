/** May they? Every question is answered no unless something opens it. Pure: the same on a server and on a node's agent. */
import { closest, matchesGlob } from "./closest.ts";
import type { Grant, Level, Need, Rules } from "./contract.ts";

interface Capable {
  readonly Capabilities: readonly string[];
}

/** Several speak together only when they are as near as each other: deny wins then, too. */
function allows(speaking: readonly Capable[], capability: string): boolean {
  if (speaking.some(({ Capabilities }) => Capabilities.includes("deny"))) return false;
  return speaking.some(({ Capabilities }) => Capabilities.includes(capability));
}

export function mayInNamespace({ Management, Rules }: Grant, namespace: string, capability: string): boolean {
  return Management || allows(namespaceRules(Rules, namespace), capability);
}

/** In some namespace or other: a listing of all of them has something to show. With no capability: anything in one. */
export function mayInAnyNamespace({ Management, Rules }: Grant, capability?: string): boolean {
  if (Management) return true;
  const opened = Rules.Namespaces.filter(({ Capabilities }) => !Capabilities.includes("deny"));
  return opened.some(({ Capabilities }) => (capability === undefined ? Capabilities.length > 0 : Capabilities.includes(capability)));
}

/** Is there anything they may in it? What `namespace list` shows. */
export function maySeeNamespace(grant: Grant, namespace: string): boolean {
  if (grant.Management || grant.Workload?.Namespace === namespace) return true;
  const speaking = namespaceRules(grant.Rules, namespace);
  if (speaking.some(({ Capabilities }) => Capabilities.includes("deny"))) return false;
  return speaking.some(({ Capabilities }) => Capabilities.length > 0) || mayListVariables(grant, namespace);
}

export function mayNode({ Management, Rules }: Grant, level: "read" | "write"): boolean {
  return Management || reaches(Rules.Node, level);
}
export function mayAgent({ Management, Rules }: Grant, level: "read" | "write"): boolean {
  return Management || reaches(Rules.Agent, level);
}
/** `capability` alone ("snapshot-save", …) opens what is asked, too. */
export function mayOperator({ Management, Rules }: Grant, level: "read" | "write", capability?: string): boolean {
  if (Management) return true;
  if (Rules.Operator === "deny" || Rules.OperatorCapabilities.includes("deny")) return false;
  return reaches(Rules.Operator, level) || (capability !== undefined && Rules.OperatorCapabilities.includes(capability));
}
export function mayQuota({ Management, Rules }: Grant, level: "read" | "write"): boolean {
  return Management || reaches(Rules.Quota, level);
}
export function mayPlugin({ Management, Rules }: Grant, level: "list" | "read" | "write"): boolean {
  return Management || reaches(Rules.Plugin, level);
}

export function mayNodePool({ Management, Rules }: Grant, pool: string, capability: string): boolean {
  return Management || allows(closest(Rules.NodePools, pool, nameOf), capability);
}
export function mayInAnyNodePool({ Management, Rules }: Grant, capability: string): boolean {
  return Management || Rules.NodePools.some(({ Capabilities }) => Capabilities.includes(capability));
}
export function mayHostVolume({ Management, Rules }: Grant, volume: string, capability: "mount-readonly" | "mount-readwrite"): boolean {
  return Management || allows(closest(Rules.HostVolumes, volume, nameOf), capability);
}

export type VariableCapability = "read" | "list" | "write" | "destroy";

/**
 * The closest of all paths of all namespaces' rules speaks; where the namespace itself is denied, none does. A workload reads and lists its
 * own paths below "nomad/jobs" by itself, unless its policies deny them. nomad.md §7 (Variables).
 */
export function mayVariable(grant: Grant, namespace: string, path: string, capability: VariableCapability): boolean {
  if (grant.Management) return true;
  if (deniesNamespace(grant.Rules, namespace)) return false;
  const speaking = closest(variableRules(grant.Rules), `${namespace}\u0000${path}`, ({ glob }) => glob);
  if (speaking.some(({ Capabilities }) => Capabilities.includes("deny"))) return false;
  if (allows(speaking, capability)) return true;
  return (capability === "read" || capability === "list") && ownVariablePaths(grant, namespace).includes(path);
}

/** Is there a path they might list? A listing is then answered, though it may be empty; what it shows, mayVariable says path by path. */
export function mayListVariables(grant: Grant, namespace: string): boolean {
  if (grant.Management || (grant.Workload !== null && (namespace === "*" || grant.Workload.Namespace === namespace))) return true;
  return grant.Rules.Namespaces.some(({ Name, Capabilities, Variables }) => {
    if (Capabilities.includes("deny") || (namespace !== "*" && !matchesGlob(Name, namespace))) return false;
    return Variables.some((each) => each.Capabilities.includes("list"));
  });
}

/** What a workload may read below "nomad/" without any policy: of its job, group and task; a service's identity has no task. */
export function ownVariablePaths({ Workload }: Grant, namespace: string): readonly string[] {
  if (Workload === null || Workload.Namespace !== namespace) return [];
  const { JobID, TaskGroup, Task } = Workload;
  const parts = ["nomad/jobs", JobID, TaskGroup, ...(Task === "" ? [] : [Task])];
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

/** Services are what jobs say of themselves, and what workloads of the namespace look for. */
export function mayReadServices(grant: Grant, namespace: string): boolean {
  return grant.Workload?.Namespace === namespace || mayInNamespace(grant, namespace, "read-job");
}

/** What a request is about. */
export interface Target {
  /** "*": all of them, of which a listing shows what may be seen. */
  readonly namespace?: string;
  readonly pool?: string;
  readonly path?: string;
}

/** Is a need met? "inside": the handler asks by itself, so the door is open. `isAnonymous` of a grant without accessor, workload, node. */
export function meets(grant: Grant, need: Need, { namespace = "default", pool = "", path = "" }: Target): boolean {
  switch (need.kind) {
    case "anyone":
    case "inside":
      return true;
    case "somebody":
      return grant.Management || grant.Subject !== "anonymous";
    case "management":
      return grant.Management;
    case "namespace":
      return need.any.some((capability) => {
        if (need.listing === true && namespace === "*") return mayInAnyNamespace(grant, capability);
        return mayInNamespace(grant, namespace, capability);
      });
    case "node-pool":
      return need.any.some((capability) => {
        return need.listing === true ? mayInAnyNodePool(grant, capability) : mayNodePool(grant, pool, capability);
      });
    case "variable":
      if (need.listing === true) return mayListVariables(grant, namespace);
      return need.any.some((capability) => mayVariable(grant, namespace, path, capability as VariableCapability));
    case "node":
      return mayNode(grant, need.level);
    case "agent":
      return mayAgent(grant, need.level);
    case "operator":
      return mayOperator(grant, need.level, need.capability);
    case "quota":
      return mayQuota(grant, need.level);
    case "plugin":
      return mayPlugin(grant, need.level);
  }
}

function namespaceRules(rules: Rules, namespace: string): readonly Capable[] {
  return closest(rules.Namespaces, namespace, nameOf);
}

/** A rule that only speaks of paths says nothing of the namespace: it must not stand before a deny of a wider one. */
function deniesNamespace({ Namespaces }: Rules, namespace: string): boolean {
  const speaking = closest(
    Namespaces.filter(({ Capabilities }) => Capabilities.length > 0),
    namespace,
    nameOf,
  );
  return speaking.some(({ Capabilities }) => Capabilities.includes("deny"));
}

function variableRules({ Namespaces }: Rules): readonly (Capable & { readonly glob: string })[] {
  return Namespaces.flatMap(({ Name, Variables }) =>
    Variables.map(({ Path, Capabilities }) => ({ glob: `${Name}\u0000${Path}`, Capabilities })),
  );
}

function nameOf({ Name }: { readonly Name: string }): string {
  return Name;
}

const REACH: Readonly<Record<Level, readonly string[]>> = {
  deny: [],
  list: ["list"],
  read: ["list", "read"],
  scale: [],
  write: ["list", "read", "write"],
};

function reaches(given: Level | "", wanted: string): boolean {
  return given !== "" && REACH[given].includes(wanted);
}
