/** Runs a test inside a small cluster that is closed whatever happens. */
import { startWorld, type World, type WorldOptions } from "../../simulation/world.ts";

export async function inside(options: Partial<WorldOptions>, play: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld({ seed: 1, ...options });
  try {
    await play(world);
  } finally {
    await world.close();
  }
}

/** "running running pending": the client statuses of a job's allocations that are wanted, sorted. */
export function statuses(world: World, job: string): string {
  return [...world.cluster.state.snapshot().allocationsByJob("default", job)]
    .filter((allocation) => allocation.DesiredStatus === "run")
    .map((allocation) => allocation.ClientStatus)
    .sort()
    .join(" ");
}
