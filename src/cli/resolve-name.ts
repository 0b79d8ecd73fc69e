/** Namespaces and node pools by name: a name in full, or a prefix only one begins with. nomad.md §4.1. */
import type { NodePoolDetail } from "#api/contract";
import type { NamespaceRecord } from "#model";
import { NamedError } from "#std";
import type { Context } from "./command.ts";
import { table } from "./render/columns.ts";

export async function resolveNamespace(context: Context, typed: string): Promise<NamespaceRecord> {
  const { value } = await context.api.namespaces.list({ prefix: typed });
  return named(value, "namespace", typed);
}

export async function resolveNodePool(context: Context, typed: string): Promise<NodePoolDetail> {
  const { value } = await context.api.nodePools.list({ prefix: typed });
  return named(value, "node pool", typed);
}

function named<T extends { readonly Name: string; readonly Description: string }>(found: readonly T[], noun: string, typed: string): T {
  if (typed === "") throw new NamedError("ID_INVALID", `No ${noun} "": a name has at least one character`);
  const exact = found.find((each) => each.Name === typed);
  const first = exact ?? found[0];
  if (first === undefined) throw new NamedError("NAME_UNKNOWN", `No ${noun}(s) with prefix or name ${JSON.stringify(typed)} found`);
  if (exact === undefined && found.length > 1) {
    const rows = table([["Name", "Description"], ...found.map((each) => [each.Name, each.Description])]);
    throw new NamedError("NAME_AMBIGUOUS", `Prefix ${JSON.stringify(typed)} matched multiple ${noun}s\n\n${rows}`);
  }
  return first;
}
