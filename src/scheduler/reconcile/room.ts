/**
 * How many allocations may be replaced by new ones now, because the version changed? nomad.md §6.5 item 13.
 *
 *   no update block                          all
 *   held back (paused, failed, canaries)     none
 *   one of this deployment is unhealthy      none
 *   otherwise                                max_parallel − those placed and not healthy yet − those placed now for other reasons
 */
import { clientTerminal } from "#model";
import type { Allocation, DeploymentId, UpdateStrategy } from "#model";

export interface RoomInput {
  readonly strategy: UpdateStrategy | null;
  /** The deployment lets things change, and waits for no canary. */
  readonly ready: boolean;
  /** Of the deployment that goes on; undefined: it only begins now. */
  readonly deploymentId: DeploymentId | undefined;
  /** Those that stay. */
  readonly held: readonly Allocation[];
  /** Placed in this decision to fill up, move or retry. */
  readonly placing: number;
}

export function roomForUpdates({ strategy, ready, deploymentId, held, placing }: RoomInput): number {
  if (!ready) return 0;
  if (strategy === null) return Infinity;
  let room = (strategy.MaxParallel ?? 0) - placing;
  if (deploymentId === undefined) return Math.max(0, room);
  for (const allocation of held) {
    if (allocation.DeploymentID !== deploymentId) continue;
    const healthy = allocation.DeploymentStatus?.Healthy ?? null;
    if (healthy === false) return 0;
    if (healthy !== true || clientTerminal(allocation)) room--;
  }
  return Math.max(0, room);
}
