/**
 * What was wrong with records that are gone, by job, newest first: told also when the job is gone itself, so the whole is bounded: by
 * reasons a job, by jobs, and by age (which is reckoned from the time of the last entry).
 */
import { jobKey, type JobId, type Namespace, PAST_REASONS_KEPT_NS, PAST_REASONS_MAX, type Reason } from "#model";
import type { Entry } from "./entry.ts";
import { padded } from "./padded.ts";
import { PAST_JOBS_MAX } from "./tables/tables.ts";

/** Jobs whose past is too old are looked for a few at a time, whenever something is collected. */
const FORGOTTEN_AT_ONCE = 16;

export function addPast(
  entry: Entry,
  of: { readonly Namespace: Namespace; readonly JobID: JobId; readonly Reasons: readonly Reason[] },
): void {
  const { journal, tables, index } = entry;
  const key = jobKey({ Namespace: of.Namespace, ID: of.JobID });
  const known = tables.past.get(key);
  // Told in order of their time; those told now come before equally old ones.
  const all = [...of.Reasons, ...(known?.reasons ?? [])].sort((a, b) => b.Since - a.Since);
  const reasons = remembered(all, entry.time).slice(0, PAST_REASONS_MAX);
  if (of.Reasons.length === 0 || reasons.length === 0) return;
  if (known !== undefined) journal.delete(tables.pastByAge, ageKey(known.index, key));
  entry.set(tables.past, key, { reasons, index });
  journal.set(tables.pastByAge, ageKey(index, key), key);
  if (tables.past.size > PAST_JOBS_MAX) forgetWhile(entry, 1, () => true);
}

/** Those that are not too old at `timeNs`. */
export function remembered(reasons: readonly Reason[], timeNs: number): readonly Reason[] {
  return reasons.filter(({ Since }) => Since > timeNs - PAST_REASONS_KEPT_NS);
}

/** Jobs nothing has been added to for longest, while all that is told of them is too old. */
export function forgetOldPast(entry: Entry): void {
  forgetWhile(entry, FORGOTTEN_AT_ONCE, (reasons) => remembered(reasons, entry.time).length === 0);
}

export function ageKey(index: number, key: string): string {
  return `${padded(index)}\u0000${key}`;
}

function forgetWhile({ journal, tables }: Entry, most: number, isOver: (reasons: readonly Reason[]) => boolean): void {
  const oldest: (readonly [age: string, key: string])[] = [];
  for (const [age, key] of tables.pastByAge.range()) {
    if (oldest.length === most || !isOver(tables.past.get(key)?.reasons ?? [])) break;
    oldest.push([age, key]);
  }
  for (const [age, key] of oldest) {
    journal.delete(tables.pastByAge, age);
    journal.delete(tables.past, key);
  }
}
