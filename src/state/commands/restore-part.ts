/** A piece of the snapshot that is to replace everything: kept, for a snapshot taken meanwhile, and read at once, so that no entry takes long. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { padded } from "../padded.ts";

export function applyRestorePart(draft: Draft, command: Extract<Command, { type: "restore-part" }>): Refusal | undefined {
  const { RestoreID, Part, Data, Ends } = command;
  const { restoreParts } = draft.tables;
  if (Part === 0) dropRestoreParts(draft);
  else if (restoreParts.get(padded(Part - 1))?.RestoreID !== RestoreID || restoreParts.get(padded(Part)) !== undefined)
    return { code: "conflict", reason: `Cannot restore snapshot "${RestoreID}": part ${Part} is not the next one` };
  draft.journal.set(restoreParts, padded(Part), { RestoreID, Data, Ends });
  draft.restoration.feed({ RestoreID, Part, Data, Ends });
  return undefined;
}

export function dropRestoreParts(draft: Draft): void {
  for (const part of [...draft.tables.restoreParts.range()].map(([key]) => key)) draft.journal.delete(draft.tables.restoreParts, part);
}
