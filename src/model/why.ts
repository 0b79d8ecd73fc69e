/**
 * Why is it not running? One answer for people (a sentence) and for programs (data); `job why`, GET /v1/job/:id/why.
 *
 *   wanted allocation ── queued     its evaluation waits behind others, or for a time (reschedule delay, wait_until)
 *                     ├─ blocked    it fits nowhere: the constraint or the dimension, on how many nodes; the nearest fit
 *                     ├─ rejected   it was planned, and the plan was no longer true, so many times
 *                     ├─ held       a deployment or a drain holds it back (paused, awaiting promotion, max_parallel)
 *                     ├─ starting   placed; the step of its allocation or task, and since when
 *                     ├─ failed     its task crashed: exit code, signal, out of memory; what is tried next and when
 *                     └─ unknown    its node has not been heard of
 */
import type { AllocationId, JobId, Namespace, NodeId } from "./ids.ts";

export type WhyStage = "queued" | "blocked" | "rejected" | "held" | "starting" | "failed" | "unknown";

export interface Reason {
  readonly Stage: WhyStage;
  readonly Group: string;
  /** How many of the group's wanted allocations it is about. */
  readonly Count: number;
  /** `<job>.<group>[<index>]`; "" when it is about several, or none was placed. */
  readonly Name: string;
  readonly AllocationID: AllocationId | "";
  readonly NodeID: NodeId | "";
  readonly Task: string;
  /** One sentence, starting with what is wrong, ending with what would help when that is known. */
  readonly Sentence: string;
  /** Since when, unix nanoseconds. */
  readonly Since: number;
  /** The figures behind the sentence. */
  readonly Details: Readonly<Record<string, unknown>>;
}

export interface JobWhy {
  readonly Namespace: Namespace;
  readonly JobID: JobId;
  readonly Status: string;
  /** One line on the whole job. */
  readonly Summary: string;
  readonly Wanted: number;
  readonly Running: number;
  /** Worst first. Empty: all that is wanted runs. */
  readonly Reasons: readonly Reason[];
  /** What was wrong before, newest first, also of allocations that have been collected since. */
  readonly Past: readonly Reason[];
}

/** Reasons kept of a job's past, the newest, and how long each is kept after its `Since`: 30 days in nanoseconds. */
export const PAST_REASONS_MAX = 20;
export const PAST_REASONS_KEPT_NS = 30 * 24 * 3_600 * 1e9;
