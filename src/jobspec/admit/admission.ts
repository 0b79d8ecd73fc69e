/** What travels through the admission steps. Immutable: a step hands on a new one. */
import type { Job } from "#model";
import type { AdmissionContext } from "../contract.ts";
import type { Finding } from "./finding.ts";

export interface Admission {
  /** As far as it has got. Every field present from the first step on. */
  readonly job: Job;
  readonly context: AdmissionContext;
  readonly findings: readonly Finding[];
}

/** One named step: it changes the job, or looks at it and says what it found. */
export type Step =
  | { readonly name: string; readonly change: (admission: Admission) => Job }
  | { readonly name: string; readonly check: (admission: Admission) => Iterable<Finding> };
