/** What the moves of a story work on. */
import type { Job } from "#model";
import type { JobShape } from "./fixtures.ts";
import type { SimulatedNode } from "./node.ts";
import type { World } from "./world.ts";

export interface Stage {
  readonly world: World;
  readonly setting: Setting;
  readonly mood: Mood;
  /** Of every job that was ever submitted, as it was asked for last. Ids are unique across namespaces. */
  readonly shapes: Map<string, JobShape>;
  readonly cutOff: Map<SimulatedNode, "vanished" | "crashed">;
  /** Jobs whose evaluations somebody deleted: they wait for the next one. */
  readonly forgotten: Set<string>;
}

export interface Setting {
  readonly nodes: number;
  readonly jobs: number;
  readonly memoryMB: number;
  /** Ports, pools, devices and constraints too, all of it small enough to be had at any time; else sizes alone, more than there is room for. */
  readonly roomy: boolean;
}

/** What a story has more of than others. */
export const MOODS = ["mixed", "bad log", "bad link", "bad nodes", "busy people", "floods"] as const;
export type Mood = (typeof MOODS)[number];

export function pick<Item>({ world }: Stage, items: Iterable<Item>): Item | undefined {
  const all = [...items];
  return all[world.random.integer(all.length)];
}

export function pickJob(stage: Stage, which: (job: Job) => boolean = () => true): Job | undefined {
  return pick(stage, [...stage.world.cluster.state.snapshot().jobs("*")].filter(which));
}

export const chance = ({ world }: Stage, oneIn: number): boolean => world.random.integer(oneIn) === 0;
