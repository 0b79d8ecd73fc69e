/** Our reading of a job file beside the one recorded: what differs, as one line a path, and which rule allows it. */
import { admitJob, parseJob, type AdmissionContext } from "#jobspec";
import { ALLOWED, type Allowance } from "./allowed.ts";
import type { WholeAnswer } from "./answers.ts";
import { factsOf, type Fact, type Facts } from "./facts.ts";

/** What a server says of a job itself: not read from the file. */
const NOT_READ = /^(CreateIndex|ModifyIndex|JobModifyIndex|SubmitTime|Status|StatusDescription|Stable|Version)$/u;

export type Stage = "parsed" | "stored";
export interface Difference {
  readonly input: string;
  readonly stage: Stage;
  /** `TaskGroups[].Count`; "refused": one of the two refuses. */
  readonly path: string;
  readonly theirs: Fact | undefined;
  readonly ours: Fact | undefined;
}

export const CONTEXT: AdmissionContext = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
};

export function differences(name: string, text: string, theirs: WholeAnswer): Difference[] {
  const job = attempt(
    () => parseJob({ text, fileName: "input.hcl", variableFiles: [], environment: {}, allowFileFunctions: false, strict: false }).job,
  );
  const parsed = compared(name, "parsed", theirs.refused === "parsed" ? undefined : theirs.parsed, job);
  if (theirs.refused === "parsed" || typeof job === "string") return parsed;
  const admitted = attempt(() => admitJob({ ...job, Region: "global" }, CONTEXT).job);
  return [...parsed, ...compared(name, "stored", theirs.stored, admitted)];
}

/** `theirs` absent, `ours` a text: refused. */
function compared(input: string, stage: Stage, theirs: Facts | undefined, ours: object | string): Difference[] {
  if (theirs === undefined || typeof ours === "string") {
    if (theirs === undefined && typeof ours === "string") return [];
    return [
      { input, stage, path: "refused", theirs: theirs === undefined || undefined, ours: typeof ours === "string" ? ours : undefined },
    ];
  }
  const mine = factsOf(JSON.parse(JSON.stringify(ours)));
  const paths = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])].filter((path) => !NOT_READ.test(path));
  return paths
    .filter((path) => theirs[path] !== mine[path])
    .map((path) => ({ input, stage, path: path.replaceAll(/\[\d+\]/gu, "[]"), theirs: theirs[path], ours: mine[path] }));
}

export function allowance(difference: Difference): Allowance | undefined {
  return ALLOWED.find(
    (rule) =>
      (rule.stage === undefined || rule.stage === difference.stage) &&
      rule.path.test(difference.path) &&
      (rule.inputs === undefined || rule.inputs.includes(difference.input)) &&
      (rule.when?.(difference) ?? true),
  );
}

/** The value, or the words of the refusal. */
function attempt<T extends object>(act: () => T): T | string {
  try {
    return act();
  } catch (thrown) {
    return (thrown as Error).message;
  }
}
