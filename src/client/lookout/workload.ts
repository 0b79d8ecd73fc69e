/** Who asks, where there is no token of another system: in its place stands the task itself. Not a secret. */
import type { AllocationId } from "#model";

export interface Workload {
  readonly allocation: AllocationId;
  readonly task: string;
  readonly namespace: string;
}

export function workloadToken({ allocation, task, namespace }: Workload): string {
  return JSON.stringify([allocation, task, namespace]);
}

export function workloadOf(token: string): Workload {
  const [allocation, task, namespace] = JSON.parse(token) as [AllocationId, string, string];
  return { allocation, task, namespace };
}
