/** In which namespace the record is that a path names. */
import type { Snapshot } from "#state";
import type { RecordKind } from "../../contract/mod.ts";
import type { Call, Context } from "../call.ts";
import { notFound } from "../refusal.ts";
import { requireCluster } from "../require.ts";
import { policiesIn } from "../routes/scaling.ts";

const FIND: Readonly<Record<RecordKind, (snapshot: Snapshot, id: string) => string | undefined>> = {
  allocation: (snapshot, id) => snapshot.allocation(id)?.Namespace,
  evaluation: (snapshot, id) => snapshot.evaluation(id)?.Namespace,
  deployment: (snapshot, id) => snapshot.deployment(id)?.Namespace,
  "scaling-policy": (snapshot, id) => policiesIn(snapshot, "*").find((policy) => policy.ID === id)?.Namespace,
};

/** Undefined: there is none. A record never changes its namespace, so what this server knows will do; what it does not know it asks for. */
export async function namespaceOfRecord(kind: RecordKind, id: string, context: Context): Promise<string | undefined> {
  const cluster = requireCluster(context);
  return FIND[kind](cluster.state.snapshot(), id) ?? FIND[kind](await cluster.read(), id);
}

export function recordId(call: Call): string {
  return call.parameters["id"] ?? call.parameters["allocation"] ?? "";
}

const NAMES: Readonly<Record<RecordKind, string>> = {
  allocation: "alloc",
  evaluation: "eval",
  deployment: "deployment",
  "scaling-policy": "policy",
};

/** The same of one that is not there and of one that is none of theirs. */
export function unknownRecord(kind: RecordKind) {
  return notFound(`${NAMES[kind]} not found`);
}
