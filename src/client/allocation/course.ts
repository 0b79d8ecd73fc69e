/** What the parts of an allocation's life share: entering.ts, living.ts, ending.ts, orders.ts. */
import type { Allocation, TaskGroup } from "#model";
import { NamedError } from "#std";
import type { TaskRunner } from "../execution/runner.ts";
import type { ClientWorld } from "../world.ts";
import type { AllocationContext } from "./context.ts";
import type { AllocationMemory } from "./memory.ts";

export interface AllocationCourse {
  readonly world: ClientWorld;
  readonly context: AllocationContext;
  readonly memory: AllocationMemory;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  readonly tasks: ReadonlyMap<string, TaskRunner>;
  /** The servers, this node or its agent want it ended. */
  readonly stopping: () => boolean;
  /** Resolves with the next change of anything its life depends on. */
  readonly changed: () => Promise<void>;
  readonly report: (level: "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Throws NamedError TASK_UNKNOWN. */
export function taskNamed({ tasks }: Pick<AllocationCourse, "tasks">, name: string): TaskRunner {
  const runner = tasks.get(name);
  if (runner === undefined) throw new NamedError("TASK_UNKNOWN", `unknown task name ${JSON.stringify(name)}`, { statusCode: 404 });
  return runner;
}
