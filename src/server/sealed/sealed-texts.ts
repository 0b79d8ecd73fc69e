/** Sealed values in jobs: where they stand, and to whom they are bound. Pure. */
import { changeTexts, mayBeSensitive, SEALED, type Step, writePath } from "#jobspec";
import type { Allocation, Job } from "#model";
import type { Snapshot } from "#state";
import { keyIdOf, type Owner } from "./sealed-value.ts";

export interface FoundName {
  /** What stands between the braces. */
  readonly name: string;
  readonly keyId: string;
  readonly steps: readonly Step[];
}

/** Every job that comes in is looked through, and hardly any holds one: without a path of each of its fields. */
function mentionsSealed(value: unknown): boolean {
  if (typeof value === "string") return value.includes("${sealed.");
  return typeof value === "object" && value !== null && Object.values(value).some(mentionsSealed);
}

/** In any JSON. */
export function sealedNamesIn(value: unknown): readonly FoundName[] {
  if (!mentionsSealed(value)) return [];
  const found: FoundName[] = [];
  changeTexts(value, (text, steps) => {
    if (!text.includes("${sealed.")) return undefined;
    for (const [, name] of text.matchAll(SEALED)) {
      const keyId = name === undefined ? undefined : keyIdOf(name);
      if (name !== undefined && keyId !== undefined) found.push({ name, keyId, steps });
    }
    return undefined;
  });
  return found;
}

/** Those that stand where no sensitive value can: paths. */
export function misplaced(found: readonly FoundName[]): readonly string[] {
  return found.filter(({ steps }) => !mayBeSensitive(steps)).map(({ steps }) => writePath(steps));
}

/** What of an allocation's job its tasks may know. */
export function sealedNamesOf(allocation: Pick<Allocation, "Job" | "TaskGroup">): readonly FoundName[] {
  return sealedNamesIn({ TaskGroups: allocation.Job.TaskGroups.filter(({ Name }) => Name === allocation.TaskGroup) }).filter(({ steps }) =>
    mayBeSensitive(steps),
  );
}

/** Likeliest first: a child has its texts from the job it was made of, that one perhaps from another. */
export function* ownersOf({ Namespace, ID, ParentID }: Pick<Job, "Namespace" | "ID" | "ParentID">): Generator<Owner> {
  if (ParentID === "") yield { Namespace, JobID: ID };
  let parent: string = ParentID;
  while (parent !== "") {
    yield { Namespace, JobID: parent };
    const cut = Math.max(parent.lastIndexOf("/dispatch-"), parent.lastIndexOf("/periodic-"));
    parent = cut === -1 ? "" : parent.slice(0, cut);
  }
}

/** Does a version that is kept, or that something still runs, hold a value sealed with this key? */
export function jobsSealedWith(snapshot: Snapshot, keyId: string): boolean {
  const seen = new Set<Job>();
  const holds = (job: Job): boolean => {
    if (seen.has(job)) return false;
    seen.add(job);
    return job.TaskGroups.some(({ Tasks }) =>
      Tasks.some(({ Env, Config, Templates, Secrets }) =>
        sealedNamesIn([Env, Config, Templates, Secrets]).some((each) => each.keyId === keyId),
      ),
    );
  };
  for (const { Namespace, ID } of snapshot.jobs("*")) if (snapshot.jobVersions(Namespace, ID).some(holds)) return true;
  for (const { Job: job } of snapshot.allocations()) if (holds(job)) return true;
  return false;
}
