/**
 * Text → Job: what does the author mean, what is implied?
 *
 * What comes in: a job file (HCL2 or JSON) with its variables; API JSON as any client sends it. What goes out: API JSON of what the
 * author wrote, with the place of each field (parseJob); a canonical, checked Job with warnings (admitJob); what changes between two
 * Jobs (diffJobs, annotateDiff); a Job as a job file again (renderJob); JSON Schemas of both forms (apiJobSchema, hclJobSchema).
 *
 * Invariants: everything wrong is said at once, each with its place (file:line:col, or group, task and JSON path); what this version
 * cannot run is refused by name, never ignored; admitting an admitted Job changes nothing.
 *
 * Never here: the state, the scheduler, a clock, a disk except through a caller's file functions. HCL itself knows no job words.
 *
 * Read next: contract.ts, parse.ts; admit/steps.ts (admission as one list), admit/mesh/inject.ts (what a service in the mesh gets without
 * being told), admit/later.ts (what is not there yet); diff/diff-noun.ts;
 * render/render-noun.ts, which is decode/decode-noun.ts the other way round.
 */
export type * from "./contract.ts";
export { admitJob, canonicalJob } from "./admit/admit.ts";
export { offersService } from "./admit/mesh/offers.ts";
export { AdmissionError } from "./admit/admission-error.ts";
export { diffJobs } from "./diff/diff-jobs.ts";
export { annotateDiff } from "./diff/annotate.ts";
export { parseJob } from "./parse.ts";
export { apiJobSchema } from "./schema/api-schema.ts";
export { hclJobSchema } from "./schema/hcl-schema.ts";
export { renderJob } from "./render/render-job.ts";
export { changeTexts, mayBeSensitive, readSlice, SEALED, type Slice, type Step, withoutSealed, writePath } from "./sensitive.ts";
export { JobFileError } from "./job-file-error.ts";
export { renderDiagnostic } from "./hcl/render.ts";
