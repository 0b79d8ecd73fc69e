/** Scaling: what was scaled when, and what autoscalers may do. nomad.md §1.11, §7. */
import type { EvaluationId } from "./ids.ts";

/** Kept newest first, SCALING_EVENTS_MAX a group. */
export interface ScalingEvent {
  /** Unix nanoseconds. */
  readonly Time: number;
  /** null: the event only says something. */
  readonly Count: number | null;
  readonly PreviousCount: number;
  readonly Message: string;
  readonly Error: boolean;
  readonly Meta: Readonly<Record<string, unknown>>;
  readonly EvalID: EvaluationId | null;
  readonly CreateIndex: number;
}
export const SCALING_EVENTS_MAX = 20;

/** A group's (or task's) `scaling` block as GET /v1/scaling/policies shows it: derived from the job, never stored apart. */
export interface ScalingPolicy {
  /** Derived from namespace, job, group, task and type: the same as long as the block is there. */
  readonly ID: string;
  readonly Namespace: string;
  readonly Type: string;
  /** Namespace, Job, Group, Task. */
  readonly Target: Readonly<Record<string, string>>;
  readonly Min: number;
  readonly Max: number;
  readonly Policy: Readonly<Record<string, unknown>>;
  readonly Enabled: boolean;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
