/**
 * Text → Job: what does the author mean, what is implied?
 */
export type * from "./contract.ts";
export { admitJob } from "./admit/admit.ts";
export { AdmissionError } from "./admit/admission-error.ts";
export { diffJobs } from "./diff/diff-jobs.ts";
export { annotateDiff } from "./diff/annotate.ts";
export { parseJob } from "./parse.ts";
export { JobFileError } from "./job-file-error.ts";
export { renderDiagnostic } from "./hcl/render.ts";
