/**
 * The first few of a new version, beside all of the old one, until somebody promotes them. nomad.md §6.5 items 3, 10 and 12.
 *
 *   wanted      update.canary, when there is something to replace, until the group is promoted
 *   fresh       what is missing of them, while the deployment runs (paused: none)
 *   successors  those that move, failed or got lost are replaced by canaries of the same name
 *   names       those of allocations they will replace; then free ones, from the count on
 */
import { allocationIndex, allocationName } from "#model";
import type { Allocation, DeploymentGroup, UpdateStrategy } from "#model";
import { Indexes } from "./names.ts";
import { byIndex } from "./shrink.ts";
import type { Standings } from "./sort.ts";

export interface CanaryPlan {
  /** For the deployment's group; 0: none asked for. */
  readonly desired: number;
  /** Canaries asked for, and not promoted. */
  readonly pending: boolean;
  /** Names of canaries to add. */
  readonly fresh: readonly string[];
  /** Those that are to be replaced by another canary. */
  readonly moved: readonly Allocation[];
  readonly failed: readonly Allocation[];
  readonly lost: readonly Allocation[];
  readonly vanished: readonly Allocation[];
}

export interface CanaryInput {
  readonly jobId: string;
  readonly group: string;
  readonly count: number;
  readonly strategy: UpdateStrategy | null;
  /** The group's in the deployment that goes on. */
  readonly state: DeploymentGroup | undefined;
  readonly standings: Standings;
  /** To be replaced by the new version. */
  readonly destroy: readonly Allocation[];
  /** Of ordinary ones that stay. */
  readonly used: Indexes;
  /** False while the deployment is paused, or has failed. */
  readonly running: boolean;
}

export function planCanaries(input: CanaryInput): CanaryPlan {
  const { strategy, state, destroy, running } = input;
  const { held, migrating, retry, lost, vanished } = input.standings;
  const asked = destroy.length > 0 && state?.Promoted !== true ? (strategy?.Canary ?? 0) : 0;
  // Once asked for they are needed: without them nobody can promote.
  const desired = Math.max(state?.DesiredCanaries ?? 0, asked);
  const pending = desired > 0 && state?.Promoted !== true;
  if (!pending) return { desired, pending, fresh: [], moved: [], failed: [], lost: [], vanished: [] };
  const present = held.length + migrating.length + retry.length;
  let missing = Math.max(0, desired - present);
  const replaced = byIndex(lost).slice(0, missing);
  missing -= replaced.length;
  const stoodIn = byIndex(vanished).slice(0, missing);
  missing -= stoodIn.length;
  const taken = Indexes.of(held, migrating, retry, replaced, stoodIn);
  const fresh = running ? canaryNames(input, taken, missing) : [];
  return { desired, pending, fresh, moved: byIndex(migrating), failed: byIndex(retry), lost: replaced, vanished: stoodIn };
}

function canaryNames({ jobId, group, count, destroy, used }: CanaryInput, taken: Indexes, missing: number): string[] {
  const chosen = new Set<number>();
  const choose = (index: number): void => {
    if (chosen.size < missing && !taken.has(index)) chosen.add(index);
  };
  for (const allocation of destroy) choose(allocationIndex(allocation.Name));
  // More canaries than there are allocations to replace: free names first, then some that go again when they are promoted.
  for (let index = 0; index < count && chosen.size < missing; index++) if (!used.has(index)) choose(index);
  for (let index = count; chosen.size < missing; index++) choose(index);
  return [...chosen].map((index) => allocationName(jobId, group, index));
}
