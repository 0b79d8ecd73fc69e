/**
 * Transcripts of the job language: test/scenario/jobspec/*.txt, an input, a line `----`, what came of it: the job as JSON, or
 * the rendered mistakes. Lines of the input that begin with `#!` say how it was given:
 *
 *   #! -var name=value      #! -var-file a line of the file      #! NOMAD_VAR_name=value      #! lenient      #! no files
 *
 * DROVER_RECORD=1 writes what comes out into the transcripts: read the diff before you keep it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { JobFileError, parseJob, renderDiagnostic, type ParseRequest } from "#jobspec";

const folder = join(import.meta.dirname, "jobspec");
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".txt"))
  .sort();
const SEPARATOR = "\n----\n";

test("there are at least 25 bad and 15 good inputs", () => {
  const bad = names.filter((name) => name.startsWith("bad-")).length;
  const good = names.filter((name) => name.startsWith("good-")).length;
  assert.ok(bad >= 25 && good >= 15, `${bad} bad, ${good} good`);
});

for (const name of names) {
  test(`transcript ${name}`, () => {
    const path = join(folder, name);
    const [input = "", recorded = ""] = readFileSync(path, "utf8").split(SEPARATOR);
    const output = answer(input);
    if (process.env["DROVER_RECORD"] === "1") writeFileSync(path, `${input}${SEPARATOR}${output}\n`);
    else assert.equal(`${output}\n`, recorded);
    assert.equal(output.startsWith("{"), name.startsWith("good-"), "good inputs give a job, bad ones mistakes");
  });
}

function answer(input: string): string {
  try {
    const { job, warnings } = parseJob(requestOf(input));
    return [JSON.stringify(job, null, 2), ...warnings.map((each) => renderDiagnostic(each))].join("\n");
  } catch (thrown) {
    if (!(thrown instanceof JobFileError)) throw thrown;
    assert.equal(thrown.code, "JOB_FILE_INVALID");
    assert.equal(thrown.statusCode, 400);
    return thrown.message.replaceAll(`${process.cwd()}/`, "");
  }
}

function requestOf(input: string): ParseRequest {
  const options = input
    .split("\n")
    .filter((line) => line.startsWith("#! "))
    .map((line) => line.slice(3));
  const after = (word: string): string[] =>
    options.filter((each) => each.startsWith(`${word} `)).map((each) => each.slice(word.length + 1));
  const fileLines = after("-var-file");
  const environment = options.filter((each) => each.startsWith("NOMAD_VAR_")).map((each) => each.split("=") as [string, string]);
  return {
    text: input,
    fileName: join(folder, "job.nomad").replace(`${process.cwd()}/`, ""),
    variables: after("-var"),
    variableFiles: fileLines.length === 0 ? [] : [{ name: "vars.hcl", text: fileLines.join("\n") }],
    environment: Object.fromEntries(environment),
    strict: !options.includes("lenient"),
    allowFileFunctions: !options.includes("no files"),
  };
}
