/** What of a search is told to whom: kinds, and of those that are of a namespace, which ones. nomad.md §3.2. */
import {
  mayInAnyNamespace,
  mayInNamespace,
  mayInAnyNodePool,
  mayListVariables,
  mayNode,
  maySeeNamespace,
  mayNodePool,
  type Grant,
} from "#access";
import { denied } from "./denied.ts";

const OF_JOBS: readonly string[] = [
  "jobs",
  "allocs",
  "evals",
  "deployment",
  "groups",
  "tasks",
  "services",
  "images",
  "commands",
  "classes",
];

/** May this kind be searched at all, there? */
export function maySearch(grant: Grant, kind: string, namespace: string): boolean {
  if (grant.Management) return true;
  const may = (capability: string) =>
    namespace === "*" ? mayInAnyNamespace(grant, capability) : mayInNamespace(grant, namespace, capability);
  if (OF_JOBS.includes(kind)) return may("read-job");
  switch (kind) {
    case "scaling_policy":
      return may("list-scaling-policies") || may("read-job");
    case "nodes":
      return mayNode(grant, "read");
    case "node_pools":
      return mayInAnyNodePool(grant, "read");
    case "namespaces":
      return mayInAnyNamespace(grant);
    case "vars":
      return mayListVariables(grant, namespace);
    case "volumes":
      return may("csi-list-volume");
    case "host_volumes":
      return may("host-volume-read");
    default:
      return false;
  }
}

/** Is this one of a kind that may be searched told? */
export function mayFind(grant: Grant, kind: string, of: { readonly Namespace?: string; readonly Name?: string }): boolean {
  if (grant.Management) return true;
  if (kind === "namespaces") return maySeeNamespace(grant, of.Name ?? "");
  if (kind === "node_pools") return mayNodePool(grant, of.Name ?? "", "read");
  return of.Namespace === undefined || maySearch(grant, kind, of.Namespace);
}

/** Throws 403 when nothing of what is asked for may be searched. */
export function requireSearch(grant: Grant, kinds: readonly string[], namespace: string): void {
  if (!kinds.some((kind) => maySearch(grant, kind, namespace))) throw denied("It needs what listing one of the kinds searched needs.");
}
