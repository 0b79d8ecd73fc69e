/**
 * A group's allocations, sorted by what each is to it now: the ordinary ones, the canaries of the running deployment apart, and those
 * that are to be stopped whatever else happens. One walk. nomad.md §6.5 items 1 to 9.
 */
import { deploymentActive } from "#model";
import type { Allocation, Deployment, Job, Node, TaskGroup } from "#model";
import { afterSilence, classify, type Standing } from "./classify.ts";
import { DESCRIPTIONS, type Note, type Stop, type Wake } from "./decision.ts";
import { disconnectOf, placedGroup, stoppedByItselfAtNs, unknownSinceNs } from "./disconnect.ts";
import { Lines, settleReconnected } from "./reconnect.ts";
import { failedAtNs, retryAfter, type RescheduleMoment } from "./reschedule.ts";

/** Those still of account. `held` counts and stays; the others go, and may get a successor. */
export interface Standings {
  readonly held: Allocation[];
  readonly migrating: Allocation[];
  readonly retry: Allocation[];
  readonly lost: Allocation[];
  /** Unknown: replaced, but left where it is. */
  readonly vanished: Allocation[];
}

export interface Sorted {
  readonly ordinary: Standings;
  /** Not promoted yet, of the current deployment. */
  readonly canaries: Standings;
  /** Canaries of deployments that are over, and losers among those that came back. */
  readonly unwanted: readonly Stop[];
  readonly notes: readonly Note[];
  /** Some allocation ran, or runs, this very version. */
  readonly ranThisVersion: boolean;
  /** Their nodes do not answer, since now. */
  readonly silent: ReadonlySet<Allocation>;
  /** Of those held: they will be tried again, or replaced, when their delay is over. */
  readonly delayed: ReadonlySet<Allocation>;
  /** Until then nothing is placed: nodes that are gone may still run what is lost (stop_on_client_after). */
  readonly waiting: boolean;
}

export interface SortInput {
  readonly job: Job;
  readonly group: TaskGroup;
  readonly allocations: readonly Allocation[];
  readonly nodeOf: (id: string) => Node | undefined;
  readonly moment: RescheduleMoment;
  /** The version's deployment: running, paused or failed. */
  readonly current: Deployment | undefined;
  readonly deploymentOf: (id: string) => Deployment | undefined;
  /** That evaluation is still to come; with `wake`: and is what is needed then. */
  readonly isComing: (evaluationId: string, wake?: Wake) => boolean;
}

const WAKES = {
  retry: "created for delayed rescheduling",
  timeout: "created for delayed disconnect timeout",
} as const;

export function sortAllocations(input: SortInput): Sorted {
  const { job, current, moment } = input;
  const ordinary = emptyStandings();
  const canaries = emptyStandings();
  const lines = new Lines(input.allocations);
  const around = { ...input, isReplaced: lines.isReplaced };
  const unwanted: Stop[] = [...settleReconnected(input.allocations, lines, job)];
  const losers = new Set<Allocation>(unwanted.map((stop) => stop.allocation));
  const notes: Note[] = [];
  const activeId = current !== undefined && deploymentActive(current) ? current.ID : undefined;
  let ranThisVersion = false;
  const silent = new Set<Allocation>();
  const delayed = new Set<Allocation>();
  let waiting = false;
  for (const allocation of input.allocations) {
    ranThisVersion ||= allocation.Job === job || isThisVersion(allocation.Job, job);
    if (losers.has(allocation)) continue;
    const standing = classify(allocation, around);
    if (standing === "gone") {
      waiting ||= isAwaited(allocation, input);
      continue;
    }
    if (standing === "away" && (input.group.Count ?? 1) === 0) {
      unwanted.push({ allocation, description: DESCRIPTIONS.notNeeded, clientStatus: "" });
      continue;
    }
    if (standing === "away") {
      pushIf(notes, noteOnUnknown(allocation, input, true));
      continue;
    }
    const canary = isUnpromotedCanary(allocation, input);
    if (canary && allocation.DeploymentID !== activeId) {
      unwanted.push({ allocation, description: DESCRIPTIONS.notNeeded, clientStatus: "" });
      continue;
    }
    const side = canary ? canaries : ordinary;
    if (standing === "later") delayed.add(allocation);
    put(side, allocation, standing, input, notes);
    if (standing === "silent") silent.add(allocation);
    if (standing === "lost" && stoppedByItselfAtNs(allocation, moment.nowNs) !== undefined) waiting = true;
  }
  return { ordinary, canaries, unwanted, notes, ranThisVersion, silent, delayed, waiting };
}

function put(side: Standings, allocation: Allocation, standing: Standing, input: SortInput, notes: Note[]): void {
  switch (standing) {
    case "held":
      side.held.push(allocation);
      if (allocation.ClientStatus === "unknown") pushIf(notes, noteOnUnknown(allocation, input));
      break;
    case "later":
      side.held.push(allocation);
      pushIf(notes, allocation.ClientStatus === "unknown" ? noteOnUnknown(allocation, input) : noteOnFailed(allocation, input));
      break;
    case "silent":
      (afterSilence(allocation, input.moment).when === "now" ? side.vanished : side.held).push(allocation);
      notes.push({
        allocation,
        clientStatus: "unknown",
        description: DESCRIPTIONS.unknown,
        wakes: wakesOfUnknown(allocation, input.moment),
      });
      break;
    case "vanished":
      side.vanished.push(allocation);
      pushIf(notes, noteOnUnknown(allocation, input));
      break;
    case "migrating":
    case "retry":
    case "lost":
      side[standing].push(allocation);
      break;
    default:
  }
}

/** It will be tried again, and nothing comes back for it yet. */
function noteOnFailed(allocation: Allocation, { moment, isComing }: SortInput): Note | undefined {
  const retry = retryAfter(allocation, failedAtNs(allocation), moment);
  if (retry.when !== "later") return undefined;
  const wake: Wake = { atNs: retry.atNs, trigger: "alloc-failure", description: WAKES.retry };
  return isComing(allocation.FollowupEvalID, wake) ? undefined : { allocation, clientStatus: "", description: "", wakes: [wake] };
}

function noteOnUnknown(allocation: Allocation, { moment, isComing }: SortInput, replaced = false): Note | undefined {
  const wakes = wakesOfUnknown(allocation, moment, replaced).filter(
    (wake) => wake.atNs > moment.nowNs && !isComing(allocation.FollowupEvalID, wake),
  );
  return wakes.length === 0 ? undefined : { allocation, clientStatus: "", description: "", wakes };
}

/** The next thing that time does to it: it may be replaced, then it counts as lost. */
function wakesOfUnknown(allocation: Allocation, moment: RescheduleMoment, replaced = false): readonly Wake[] {
  const retry = replaced ? undefined : afterSilence(allocation, moment);
  if (retry?.when === "later") return [{ atNs: retry.atNs, trigger: "alloc-failure", description: WAKES.retry }];
  const { lostAfterNs } = disconnectOf(placedGroup(allocation));
  if (lostAfterNs <= 0) return [];
  const since = allocation.ClientStatus === "unknown" ? unknownSinceNs(allocation) : undefined;
  const atNs = (since ?? moment.nowNs) + lostAfterNs;
  return [{ atNs, trigger: "max-disconnect-timeout", description: WAKES.timeout }];
}

/** Lost before; the time its node needs to stop it is not over. */
function isAwaited(allocation: Allocation, { isComing }: SortInput): boolean {
  if (allocation.ClientStatus !== "lost" || allocation.FollowupEvalID === "" || allocation.NextAllocation !== "") return false;
  return disconnectOf(placedGroup(allocation)).stopOnClientAfterNs !== null && isComing(allocation.FollowupEvalID);
}

/** The mark stays when its group is promoted. A deployment that is collected had stopped those that were not. */
function isUnpromotedCanary(allocation: Allocation, { deploymentOf }: SortInput): boolean {
  if (allocation.DeploymentStatus?.Canary !== true) return false;
  return deploymentOf(allocation.DeploymentID)?.TaskGroups[allocation.TaskGroup]?.Promoted === false;
}

function isThisVersion(placed: Job, wanted: Job): boolean {
  return placed.Version === wanted.Version && placed.CreateIndex === wanted.CreateIndex;
}

function emptyStandings(): Standings {
  return { held: [], migrating: [], retry: [], lost: [], vanished: [] };
}

function pushIf<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}
