/** A parsed job file → API JSON: its variables, its locals, its one job. */
import { didYouMean } from "#std";
import { Job } from "#model";
import type { ParseRequest } from "../contract.ts";
import { Allowance, childScope, type Body, type Scope } from "../hcl/mod.ts";
import { decodeNoun, type Decoded } from "./decode-noun.ts";
import type { Decoding } from "./decoding.ts";
import { locals, variables } from "./hints.ts";
import { readBody, type JsonForm, type ScopedBlock } from "./read-body.ts";
import { readLocals } from "./locals.ts";
import { readVariables } from "./variables.ts";

const FORMS: ReadonlyMap<string, JsonForm> = new Map([
  ["job", "labelled"],
  ["variable", "labelled"],
  ["variables", "block"],
  ["locals", "block"],
]);

/** The job; undefined when errors were found before it could be read. */
export function decodeFile(decoding: Decoding, body: Body, request: ParseRequest, functions: Scope["functions"]): Decoded | undefined {
  const plain: Scope = {
    names: new Map(),
    functions,
    unknownRoots: "keep",
    hints: new Map([
      ["var", variables],
      ["local", locals],
    ]),
    allowance: new Allowance(),
  };
  const blocks = readRoot(decoding, body, plain);
  const values = readVariables(
    decoding,
    blocks.filter((block) => block.type === "variable" || block.type === "variables"),
    request,
    plain,
  );
  const withVariables = childScope(plain, [["var", values]]);
  // Without their values, everything that refers to them would fail as well.
  if (decoding.failed) return undefined;
  const names = readLocals(
    decoding,
    blocks.filter((block) => block.type === "locals"),
    withVariables,
  );
  if (decoding.failed) return undefined;
  return decodeJob(
    decoding,
    body,
    blocks.filter((block) => block.type === "job"),
    childScope(withVariables, [["local", names]]),
  );
}

function readRoot(decoding: Decoding, body: Body, scope: Scope): readonly ScopedBlock[] {
  const { attributes, blocks } = readBody(decoding, body, scope, (key) => FORMS.get(key) ?? "attribute");
  for (const attribute of attributes) {
    const apiJson = body.json === true && (attribute.name === "Job" || attribute.name === "ID");
    const detail = apiJson
      ? 'This is a job as the HTTP API has it: give it with -json, or write {"job": {"name": { … }}}.'
      : `${didYouMean(attribute.name, FORMS.keys())}A job file holds job, variable, variables and locals blocks.`;
    decoding.error(attribute.nameRange, `Unknown attribute "${attribute.name}" at the top of a job file`, detail);
  }
  for (const block of blocks) {
    if (FORMS.has(block.type)) continue;
    const hint = didYouMean(block.type, FORMS.keys());
    const misplaced = ["group", "task"].includes(block.type) ? `${block.type} belongs inside job "name" { … }. ` : "";
    decoding.error(
      block.typeRange,
      `Unknown block "${block.type}" at the top of a job file`,
      `${hint}${misplaced}A job file holds job, variable, variables and locals blocks.`,
    );
  }
  return blocks;
}

function decodeJob(decoding: Decoding, body: Body, jobs: readonly ScopedBlock[], scope: Scope): Decoded | undefined {
  const [job, second] = jobs;
  if (job === undefined) {
    const at = { ...body.range, end: Math.min(body.range.end, body.range.start + 1) };
    decoding.error(at, "There is no job in this file", 'Write job "name" { … }.');
    return undefined;
  }
  if (second !== undefined) {
    const { line } = job.headRange.source.positionAt(job.headRange.start);
    decoding.error(second.headRange, "Two jobs in one file", `The first one is on line ${line}; a file holds one job.`);
    return undefined;
  }
  const [label, extra] = job.labels;
  if (label === undefined || label.text === "" || extra !== undefined) {
    decoding.error(job.headRange, "job wants one label: its name", 'Write job "name" { … }.');
  }
  const decoded = decodeNoun(decoding, Job, "job", job.body, scope, job.headRange);
  const named = { ID: label?.text, Name: label?.text, ...decoded };
  decoding.places.alias(decoded, named);
  return named;
}
