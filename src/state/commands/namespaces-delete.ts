/** Namespaces go, all of those named or none. One that is in use stays. nomad.md §7. */
import { DEFAULT_NAMESPACE, jobKey } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { variableKey } from "../variables.ts";

type NamespacesDelete = Extract<Command, { type: "namespaces-delete" }>;

export function applyNamespacesDelete(draft: Draft, command: NamespacesDelete): Refusal | undefined {
  const { namespaces } = draft.tables;
  for (const name of command.Names) {
    const cannot = `Cannot delete namespace "${name}"`;
    if (name === DEFAULT_NAMESPACE) return { code: "invalid", reason: `${cannot}: the default namespace always exists` };
    if (!namespaces.has(name)) return { code: "missing", reason: `${cannot}: no such namespace` };
    const user = livingJob(draft, name);
    if (user !== undefined) return { code: "invalid", reason: `${cannot}: job "${user}" in it is not dead` };
    const [variable] = draft.tables.variables.values(variableKey({ Namespace: name, Path: "" }));
    if (variable !== undefined) return { code: "invalid", reason: `${cannot}: it holds variables, "${variable.Path}" for one` };
  }
  for (const name of command.Names) draft.delete(namespaces, name, "namespaces");
  return undefined;
}

function livingJob(draft: Draft, namespace: string): string | undefined {
  for (const { job } of draft.tables.jobs.values(jobKey({ Namespace: namespace, ID: "" }))) if (job.Status !== "dead") return job.ID;
  return undefined;
}
