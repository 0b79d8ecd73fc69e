/**
 * One group: what it has, what it should have, and so what to stop, update and place. Pure; nodes are chosen later. nomad.md §6.5.
 *
 *   survey    1  sort the allocations by what each is to the group now        sort.ts, classify.ts
 *             2  too many? stop some                                          shrink.ts
 *             3  of those that stay, what does the new version mean           versions.ts
 *             4  are canaries wanted first, and which                         canaries.ts
 *             5  what is missing: successors of the lost and the failed, new names up to the count
 *             6  does it begin a deployment, or is it done with one           deployment.ts
 *
 *   decide    once the whole job is surveyed and its deployment known: how many may be replaced now (room.ts), and every
 *             placement with its name, its version and its deployment
 */
import { clientTerminal, deploymentActive, groupChange } from "#model";
import type { Allocation, AllocationId, Deployment, DeploymentGroup, DeploymentId, Job, UpdateStrategy } from "#model";
import { type CanaryPlan, planCanaries } from "./canaries.ts";
import { isOutOfReach } from "./classify.ts";
import { DESCRIPTIONS, type GroupDecision, NO_UPDATES, type Note, type Place, type Stop } from "./decision.ts";
import { groupIsWell, newGroupState, strategyOf } from "./deployment.ts";
import { stoppedByItselfAtNs } from "./disconnect.ts";
import { Names } from "./names.ts";
import { failedAtNs, type RescheduleMoment, retryAfter, trackerAfter } from "./reschedule.ts";
import { roomForUpdates } from "./room.ts";
import { byIndex, shrink, type Shrunk } from "./shrink.ts";
import { sortAllocations, type SortInput, type Sorted } from "./sort.ts";
import { compareVersions, type Versions } from "./versions.ts";

export interface GroupInput extends SortInput {
  /** May an allocation be updated where it is: does its node still pass the new version's checks? */
  readonly mayStay: (allocation: Allocation) => boolean;
  /** This very version has been deployed before. */
  readonly succeeded: boolean;
  /** Of a group: those that hold restart turns, down for a moment for a changed secret of their templates. */
  readonly restartingIn: (group: string) => ReadonlySet<AllocationId>;
  /** What the neighbour of a canary is replaced by. */
  readonly stableJob: (allocation: Allocation) => Job;
}

export interface Survey {
  readonly input: GroupInput;
  readonly count: number;
  readonly strategy: UpdateStrategy | null;
  readonly sorted: Sorted;
  readonly kept: Shrunk;
  readonly versions: Versions;
  readonly canaries: CanaryPlan;
  readonly missing: Missing;
  /** For the deployment, when its group is new there or its counts changed. */
  readonly state: DeploymentGroup | undefined;
  /** Nothing is left to do, and all is well. */
  readonly done: boolean;
}

/** Ordinary ones to be placed, other than by update or move. */
interface Missing {
  readonly retry: readonly Allocation[];
  readonly lost: readonly Allocation[];
  /** Lost, and not wanted again. */
  readonly given: readonly Allocation[];
  readonly vanished: readonly Allocation[];
  /** New names. */
  readonly fresh: number;
}

export function surveyGroup(input: GroupInput): Survey {
  const { job, group, current } = input;
  const count = group.Count ?? 1;
  const strategy = strategyOf(job, group);
  const sorted = sortAllocations(input);
  const kept = shrink(sorted.ordinary, count);
  const isSilent = (allocation: Allocation) => allocation.ClientStatus === "unknown" || sorted.silent.has(allocation);
  const versions = compareVersions({ job, group, held: kept.held, mayStay: input.mayStay, isSilent });
  const running = current === undefined || current.Status === "running";
  const known = current?.TaskGroups[group.Name];
  const canaries = planCanaries({
    jobId: job.ID,
    group: group.Name,
    count,
    strategy,
    state: known,
    standings: sorted.canaries,
    destroy: versions.destroy,
    used: kept.indexes,
    running,
  });
  const missing = whatIsMissing(sorted, kept, count, readiness(current, canaries), current);
  const survey = { input, count, strategy, sorted, kept, versions, canaries, missing };
  return { ...survey, state: stateFor(survey, known), done: isDone(survey, known) };
}

type Undecided = Omit<Survey, "state" | "done">;

/** Changes are let through: nobody paused them, nothing failed, no canary is waited for. */
function readiness(current: Deployment | undefined, canaries: CanaryPlan): boolean {
  return (current === undefined || current.Status === "running") && !canaries.pending;
}

/** Step 5. When changes are held back, what broke is replaced all the same; but not what belongs to a failed deployment. */
function whatIsMissing(sorted: Sorted, kept: Shrunk, count: number, ready: boolean, current: Deployment | undefined): Missing {
  const lost = byIndex(sorted.ordinary.lost);
  let present = kept.held.length + kept.migrating.length + kept.retry.length;
  if (sorted.waiting) return { retry: [], lost: [], given: lost, vanished: [], fresh: 0 };
  const failedId = current?.Status === "failed" ? current.ID : undefined;
  const retry = ready ? kept.retry : kept.retry.filter((allocation) => allocation.DeploymentID !== failedId);
  const replaced = lost.slice(0, Math.max(0, count - present));
  present += replaced.length;
  const vanished = byIndex(sorted.ordinary.vanished).slice(0, Math.max(0, count - present));
  present += vanished.length;
  const fresh = ready ? Math.max(0, count - present) : 0;
  return { retry: byIndex(retry), lost: replaced, given: lost.slice(replaced.length), vanished, fresh };
}

/** Step 6: what the deployment shall say of the group. Undefined: what it says already, or nothing. */
function stateFor(survey: Undecided, known: DeploymentGroup | undefined): DeploymentGroup | undefined {
  const { input, strategy, versions, canaries, sorted, count } = survey;
  if (known !== undefined) {
    const active = input.current !== undefined && deploymentActive(input.current);
    return active && known.DesiredCanaries !== canaries.desired ? { ...known, DesiredCanaries: canaries.desired } : undefined;
  }
  const total = Math.max(0, count - versions.same);
  const changes = versions.destroy.length + versions.inPlace.length > 0;
  if (strategy === null || total === 0 || (sorted.ranThisVersion && !changes) || input.current?.Status === "failed") return undefined;
  // One that was out of sight follows when it is back; that is no new deployment.
  if (input.succeeded && versions.destroy.length === 0) return undefined;
  return newGroupState(strategy, { total, canaries: canaries.desired });
}

function isDone({ input, sorted, kept, versions, canaries, missing }: Undecided, known: DeploymentGroup | undefined): boolean {
  const replaced = missing.lost.length + missing.vanished.length + missing.fresh;
  const changing = versions.destroy.length + versions.inPlace.length + kept.migrating.length + kept.retry.length;
  if (replaced + changing > 0 || sorted.waiting || canaries.pending || known === undefined) return false;
  const members = kept.held.filter((allocation) => allocation.DeploymentID === input.current?.ID);
  const well = members.every((allocation) => !sorted.delayed.has(allocation) && isWell(allocation, input.moment));
  return well && groupIsWell(known, members.length);
}

/**
 * Declared so, and there. One that failed since and is never tried again was well when it was looked at: its deployment would wait for
 * it in vain.
 */
function isWell(allocation: Allocation, moment: RescheduleMoment): boolean {
  if (allocation.DeploymentStatus?.Healthy !== true || allocation.ClientStatus === "unknown") return false;
  return !clientTerminal(allocation) || retryAfter(allocation, failedAtNs(allocation), moment).when === "never";
}

/** `deploymentId`: of the active deployment the group is part of, or undefined. */
export function decideGroup(survey: Survey, deploymentId: DeploymentId | undefined): GroupDecision {
  const { input, sorted, kept, versions, canaries, missing } = survey;
  const held = kept.retry.length - missing.retry.length;
  const replaced = missing.retry.length + missing.lost.length + missing.vanished.length;
  const room = roomForUpdates({
    strategy: survey.strategy,
    ready: readiness(input.current, canaries),
    deploymentId: input.current?.ID,
    held: kept.held,
    placing: replaced + missing.fresh + kept.migrating.length,
  });
  const destroyed = downFirst(versions.destroy, input).slice(0, room);
  const successors = canaries.moved.length + canaries.failed.length + canaries.lost.length + canaries.vanished.length;
  const stops = stopsOf(survey);
  return {
    name: input.group.Name,
    stops,
    inPlace: versions.inPlace,
    notes: notesFor(survey, stops),
    places: placesOf(survey, destroyed, deploymentId),
    ...(deploymentId === undefined ? {} : { deploymentId }),
    updates: {
      ...NO_UPDATES,
      Ignore: versions.same + versions.destroy.length - destroyed.length + held + sorted.canaries.held.length,
      Place: replaced + missing.fresh,
      Migrate: kept.migrating.filter((allocation) => !leavesForGood(allocation, input.job)).length,
      Stop: stops.length + missing.retry.length + missing.lost.length + canaries.failed.length + canaries.lost.length,
      InPlaceUpdate: versions.inPlace.length,
      DestructiveUpdate: destroyed.length,
      Canary: canaries.fresh.length + successors,
      RescheduleNow: missing.retry.length,
      RescheduleLater: sorted.delayed.size,
    },
  };
}

/** What is being restarted is down anyway: replaced first, an update and a changed secret together take no more than max_parallel away. */
function downFirst(destroy: readonly Allocation[], { restartingIn, group }: GroupInput): readonly Allocation[] {
  const restarting = destroy.length === 0 ? NONE : restartingIn(group.Name);
  if (restarting.size === 0) return destroy;
  const isDown = ({ ID }: Allocation): boolean => restarting.has(ID);
  return [...destroy.filter(isDown), ...destroy.filter((each) => !isDown(each))];
}
const NONE: ReadonlySet<AllocationId> = new Set();

/** Whatever else happens. */
function stopsOf({ input, sorted, kept, canaries, missing }: Survey): readonly Stop[] {
  const { nowNs } = input.moment;
  const stop = (allocation: Allocation, description: string): Stop => stopWhere(input, allocation, description);
  const lostStop = (allocation: Allocation): Stop => {
    const atNs = sorted.waiting ? stoppedByItselfAtNs(allocation, nowNs) : undefined;
    const wake = atNs === undefined ? {} : { wake: { atNs, trigger: "alloc-failure" as const, description: WAITS } };
    return { ...stopOf(allocation, DESCRIPTIONS.lost, "lost"), ...wake };
  };
  const spareCanaries = sorted.canaries.lost.filter((allocation) => !canaries.lost.includes(allocation));
  return [
    ...sorted.unwanted.map(({ allocation, description }) => stop(allocation, description)),
    ...kept.excess.map((allocation) => stop(allocation, DESCRIPTIONS.notNeeded)),
    ...kept.migrating.filter((each) => leavesForGood(each, input.job)).map((each) => stop(each, DESCRIPTIONS.migrating)),
    ...missing.given.map(lostStop),
    ...spareCanaries.map(lostStop),
  ];
}

const WAITS = "created for delayed rescheduling";

/** Nothing is noted on what is stopped in the same breath. */
function notesFor({ sorted }: Survey, stops: readonly Stop[]): readonly Note[] {
  if (sorted.notes.length === 0 || stops.length === 0) return sorted.notes;
  const stopped = new Set(stops.map((stop) => stop.allocation));
  return sorted.notes.filter((note) => !stopped.has(note.allocation));
}

/** Those that give room back come first. New ones are made one by one: a pass ends long before ten thousand are. */
function* placesOf(survey: Survey, destroyed: readonly Allocation[], deploymentId: DeploymentId | undefined): Generator<Place> {
  const { input, kept, canaries, missing } = survey;
  const { job, group, moment } = input;
  const names = new Names(job.ID, group.Name, kept.indexes);
  const wanted = deploymentId === undefined ? { group } : { group, deployment: { id: deploymentId, canary: false } };
  const canary = deploymentId === undefined ? { group } : { group, deployment: { id: deploymentId, canary: true } };
  const older = new OlderVersions(input);
  /** Beside unpromoted canaries everything else stays what it was. */
  const versionFor = (previous: Allocation) => (canaries.pending ? (older.for(previous) ?? wanted) : wanted);
  type Of = Pick<Place, "group">;
  const fresh = (of: Of, name: string): Place => ({ ...of, name, previous: null, stop: null, avoidPreviousNode: false });
  const after = (of: Of, previous: Allocation, name: string, when: "tried" | "placed", stop: Stop): Place => ({
    ...fresh(of, name),
    previous,
    stop: { stop, when },
  });
  const retried = (of: Of, previous: Allocation, name: string): Place => ({
    ...after(of, previous, name, "placed", stopOf(previous, DESCRIPTIONS.rescheduled)),
    avoidPreviousNode: true,
    tracker: trackerAfter(previous, moment.nowNs),
  });
  const instead = (of: Of, previous: Allocation, name: string): Place => ({
    ...fresh(of, name),
    previous,
    avoidPreviousNode: true,
    tracker: trackerAfter(previous, moment.nowNs),
  });
  const lost = (of: Of, previous: Allocation, name: string) =>
    after(of, previous, name, "tried", stopOf(previous, DESCRIPTIONS.lost, "lost"));
  const moved = (of: Of, previous: Allocation) => after(of, previous, previous.Name, "tried", stopOf(previous, DESCRIPTIONS.migrating));

  for (const each of destroyed) yield after(wanted, each, each.Name, "placed", stopWhere(input, each, DESCRIPTIONS.updating));
  for (const each of kept.migrating) if (!leavesForGood(each, job)) yield moved(versionFor(each), each);
  for (const each of missing.lost) yield lost(versionFor(each), each, names.again(each.Name));
  for (const each of missing.vanished) yield instead(versionFor(each), each, names.again(each.Name));
  for (const each of missing.retry) yield retried(versionFor(each), each, each.Name);
  for (const each of canaries.moved) yield moved(canary, each);
  for (const each of canaries.failed) yield retried(canary, each, each.Name);
  for (const each of canaries.lost) yield lost(canary, each, each.Name);
  for (const each of canaries.vanished) yield instead(canary, each, each.Name);
  for (const name of canaries.fresh) yield fresh(canary, name);
  for (let made = 0; made < missing.fresh; made++) yield fresh(wanted, names.next());
}

/** What neighbours of canaries are replaced by. */
class OlderVersions {
  readonly #input: GroupInput;
  readonly #known = new Map<Job, Pick<Place, "group" | "job"> | undefined>();

  constructor(input: GroupInput) {
    this.#input = input;
  }

  /** Undefined: the wanted version, since what it changes could be changed in place anyway, or there was no such group. */
  for(previous: Allocation): Pick<Place, "group" | "job"> | undefined {
    const job = this.#input.stableJob(previous);
    if (!this.#known.has(job)) this.#known.set(job, this.#of(job));
    return this.#known.get(job);
  }

  #of(job: Job): Pick<Place, "group" | "job"> | undefined {
    const { job: wanted, group } = this.#input;
    const then = job.TaskGroups.find((each) => each.Name === group.Name);
    return then === undefined || groupChange(job, wanted, group.Name) !== "destroy" ? undefined : { group: then, job };
  }
}

/** Drained batch work is stopped and not started again elsewhere. */
function leavesForGood(allocation: Allocation, job: Job): boolean {
  return job.Type === "batch" && allocation.DesiredTransition.MigrateDisablePlacement === true;
}

/** Lost with its node, if that is down. */
function stopWhere({ nodeOf }: GroupInput, allocation: Allocation, description: string): Stop {
  return stopOf(allocation, description, isOutOfReach(allocation, nodeOf) ? "lost" : "");
}

function stopOf(allocation: Allocation, description: string, clientStatus: Stop["clientStatus"] = ""): Stop {
  return { allocation, description, clientStatus };
}
