/** What was wrong with records that are gone, by job, newest first: told also when the job is gone itself, so the whole is bounded. */
import { jobKey, type JobId, type Namespace, PAST_REASONS_MAX, type Reason } from "#model";
import type { Draft } from "./draft.ts";
import { padded } from "./padded.ts";
import { PAST_JOBS_MAX } from "./tables/tables.ts";

export function addPast(
  draft: Draft,
  of: { readonly Namespace: Namespace; readonly JobID: JobId; readonly Reasons: readonly Reason[] },
): void {
  if (of.Reasons.length === 0) return;
  const { journal, tables, index } = draft;
  const key = jobKey({ Namespace: of.Namespace, ID: of.JobID });
  const known = tables.past.get(key);
  // Told in order of their time; those told now come before equally old ones.
  const reasons = [...of.Reasons, ...(known?.reasons ?? [])].sort((a, b) => b.Since - a.Since).slice(0, PAST_REASONS_MAX);
  if (known !== undefined) journal.delete(tables.pastByAge, ageKey(known.index, key));
  draft.set(tables.past, key, { reasons, index });
  journal.set(tables.pastByAge, ageKey(index, key), key);
  if (tables.past.size > PAST_JOBS_MAX) forgetOldest(draft);
}

export function ageKey(index: number, key: string): string {
  return `${padded(index)}\u0000${key}`;
}

function forgetOldest({ journal, tables }: Draft): void {
  for (const [age, key] of tables.pastByAge.range()) {
    journal.delete(tables.pastByAge, age);
    journal.delete(tables.past, key);
    return;
  }
}
