/** `${allocationId}.${task}.${attempt}`: what a driver labels everything of a task with. Task names may hold dots; the ends cannot. */
import type { AllocationId } from "#model";
import type { TaskId } from "#ports";

export interface TaskIdParts {
  readonly allocationId: AllocationId;
  readonly task: string;
  readonly attempt: number;
}

export function taskId(parts: TaskIdParts): TaskId {
  return `${parts.allocationId}.${parts.task}.${parts.attempt}`;
}

/** Undefined when it is none of ours. */
export function parseTaskId(id: TaskId): TaskIdParts | undefined {
  const match = /^([^.]+)\.(.+)\.(\d+)$/s.exec(id);
  if (match === null) return undefined;
  return { allocationId: match[1] as AllocationId, task: match[2] as string, attempt: Number(match[3]) };
}
