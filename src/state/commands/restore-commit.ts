/** Everything becomes what the parts held; state.ts puts it in the place of what was. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropRestoreParts } from "./restore-part.ts";

export function applyRestoreCommit(draft: Draft, command: Extract<Command, { type: "restore-commit" }>): Refusal | undefined {
  const { RestoreID, Parts } = command;
  if (!draft.restoration.holds(RestoreID, Parts))
    return {
      code: "invalid",
      reason: `Cannot restore snapshot "${RestoreID}": not all of its ${Parts} parts are there, or one cannot be read`,
    };
  draft.restored = draft.restoration.finish(RestoreID, Parts);
  dropRestoreParts(draft);
  return undefined;
}
