/** How records of access control are written: proposed; what the state refuses is thrown. */
import { createHash } from "node:crypto";
import type { Command } from "#state";
import { refusedByState } from "./errors.ts";
import type { AccessParts } from "./parts.ts";

/** Resolves with the index; rejects with what the state refused. */
export async function write({ cluster }: Pick<AccessParts, "cluster">, command: Command): Promise<number> {
  const outcome = await cluster.propose(command);
  if (!outcome.ok) throw refusedByState(outcome);
  return outcome.index;
}

/** Of what a record says, not when. */
export function hashOf(...said: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(said)).digest("base64");
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
