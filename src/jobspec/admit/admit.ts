/** A job as a client sent it → the job as it will be stored, or everything that is wrong with it. */
import { named } from "./finding.ts";
import type { Job } from "#model";
import type { AdmissionContext, Admitted } from "../contract.ts";
import type { Admission, Step } from "./admission.ts";
import { AdmissionError } from "./admission-error.ts";
import type { Finding } from "./finding.ts";
import { readJob } from "./read.ts";
import { ADMISSION_STEPS } from "./steps.ts";

/**
 * `input` is API JSON: Go's api.Job, parseJob's result, or an admitted Job (admitting twice changes nothing). It is not kept or
 * changed. Throws AdmissionError (JOB_INVALID, 400) naming every problem. Pure.
 */
export function admitJob(input: unknown, context: AdmissionContext): Admitted {
  const read = readJob(input);
  const unreadable = read.findings.map((finding) => finding.path);
  const admission = ADMISSION_STEPS.reduce((before, step) => perform(step, before, unreadable), {
    job: read.job,
    context,
    findings: read.findings,
  } satisfies Admission as Admission);
  const errors = admission.findings.filter((finding) => finding.severity === "error");
  if (errors.length > 0) throw new AdmissionError(named("job", admission.job.ID), errors.map(sentence));
  return { job: admission.job, warnings: admission.findings.map((finding) => finding.text) };
}

/** As it would be stored, whether it is good or not: only what cannot be read at all is refused, as above. Pure. */
export function canonicalJob(input: unknown, context: AdmissionContext): Job {
  const { job, findings } = readJob(input);
  if (findings.length > 0) throw new AdmissionError(named("job", job.ID), findings.map(sentence));
  const changes = ADMISSION_STEPS.filter((step) => "change" in step);
  return changes.reduce((before, step) => ({ ...before, job: step.change(before) as Job }), { job, context, findings } as Admission).job;
}

function perform(step: Step, before: Admission, unreadable: readonly string[]): Admission {
  if ("change" in step) return { ...before, job: step.change(before) as Job };
  // A field of the wrong type stands at its default now: what a check says of that would mislead.
  const found = [...step.check(before)].filter((finding) => !unreadable.some((path) => within(finding.path, path)));
  return { ...before, findings: [...before.findings, ...found] };
}

function within(path: string, above: string): boolean {
  return above === "" || path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}

function sentence(finding: Finding): string {
  return finding.path === "" ? finding.text : `${finding.text} (${finding.path})`;
}
