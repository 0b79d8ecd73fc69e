/**
 * One entry, into the tables. Total: whatever the command, the result is defined, the same on every server, and either all of the
 * command or nothing of it: after a refusal or a throw the draft is undone and only the outcome is recorded.
 */
import { messageOf, type OrderedMap } from "#std";
import { applyCommand } from "./commands/table.ts";
import type { Envelope, Outcome } from "./contract.ts";
import { Draft, type Kept } from "./draft.ts";
import type { Refusal } from "./entry.ts";
import { padded } from "./padded.ts";
import { settle } from "./settle.ts";
import { OUTCOMES_KEPT, type Tables } from "./tables/tables.ts";

export interface Applied {
  readonly outcome: Outcome;
  /** What was written; undefined when nothing was. */
  readonly draft: Draft | undefined;
}

export function applyEntry(tables: Tables, index: number, envelope: Envelope, kept: Kept): Applied {
  const time = Math.max(tables.time, envelope.time);
  const known = tables.outcomes.get(envelope.requestId);
  if (known !== undefined) {
    close(tables, index, time);
    return { outcome: known, draft: undefined };
  }
  const draft = new Draft(tables, { index, time, version: envelope.version }, kept);
  const refusal = attempt(draft, envelope);
  if (refusal !== undefined) draft.undo();
  const outcome: Outcome = refusal === undefined ? { ok: true, index } : { ok: false, index, ...refusal };
  close(tables, index, time);
  tables.outcomes.set(envelope.requestId, outcome);
  tables.requestIds.set(padded(index), envelope.requestId);
  return { outcome, draft: refusal === undefined ? draft : undefined };
}

function attempt(draft: Draft, envelope: Envelope): Refusal | undefined {
  try {
    const refusal = applyCommand(draft, envelope.command);
    if (refusal === undefined) settle(draft);
    return refusal;
  } catch (thrown) {
    return { code: "fault", reason: messageOf(thrown) };
  }
}

function close(tables: Tables, index: number, time: number): void {
  tables.index = index;
  tables.time = time;
  // One comes, one goes; should indexes have leapt, the rest goes with the next ones.
  const tooOld = padded(index - OUTCOMES_KEPT);
  for (const [at, requestId] of oldest(tables.requestIds, 2)) {
    if (at > tooOld) break;
    tables.requestIds.delete(at);
    tables.outcomes.delete(requestId);
  }
}

/** A list of its own: the map is written to while it is gone through. */
function oldest(requestIds: OrderedMap<string>, count: number): (readonly [index: string, requestId: string])[] {
  const entries: (readonly [string, string])[] = [];
  for (const entry of requestIds.range()) {
    entries.push(entry);
    if (entries.length === count) break;
  }
  return entries;
}
