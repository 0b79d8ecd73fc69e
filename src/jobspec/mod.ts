/**
 * Text → Job: what does the author mean, what is implied?
 */
export type * from "./contract.ts";
export { admitJob } from "./admit/admit.ts";
export { AdmissionError } from "./admit/admission-error.ts";
export { diffJobs } from "./diff/diff-jobs.ts";
export { annotateDiff } from "./diff/annotate.ts";
