/** Job file text → API JSON: parse, read variables and locals, decode the job. */
import { randomUUID } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { Diagnostic, ParseRequest, ParseResult } from "./contract.ts";
import { decodeFile } from "./decode/decode-file.ts";
import { Decoding } from "./decode/decoding.ts";
import { maskValues } from "./decode/hidden.ts";
import { makeFunctions, parseBody, type Body, type Range } from "./hcl/mod.ts";
import { JobFileError } from "./job-file-error.ts";

/**
 * HCL, or HCL-JSON (`{"job": {"name": {…}}}`) when the text begins with `{`. Throws JobFileError, with every mistake that
 * could be found; never anything else because of the text. nomad.md §1.1.
 */
export function parseJob(request: ParseRequest): ParseResult {
  const { body, diagnostics } = parseBody(request.text, request.fileName);
  const sources = new Map([
    [request.fileName, request.text],
    ...(request.variableFiles ?? []).map((file) => [file.name, maskValues(file.text)] as const),
  ]);
  if (diagnostics.length > 0) throw new JobFileError(diagnostics, sources);
  const decoding = new Decoding(request.text, randomUUID());
  const functions = makeFunctions({
    randomUuid: () => randomUUID(),
    nowMs: () => performance.now(),
    ...(request.allowFileFunctions ? { folder: folderOf(request.fileName) } : {}),
  });
  const job = withinStack(decoding, body, () => decodeFile(decoding, body, request, functions));
  const uncovered = job === undefined ? undefined : decoding.uncover(job);
  if (decoding.failed || job === undefined || uncovered === undefined)
    throw new JobFileError(inOrder(decoding.errors(), request.fileName), withoutDefaults(sources, request, decoding.sensitiveVariables));
  return {
    job: uncovered.job,
    warnings: decoding.warnings,
    environmentVariables: Object.fromEntries([...decoding.fromEnvironment].filter(([name]) => !decoding.sensitiveVariables.has(name))),
    sensitive: uncovered.sensitive,
    sensitiveVariables: [...decoding.sensitiveVariables.keys()],
    shown: shownTexts(request, decoding.sensitiveVariables),
    placeOf: (path) => decoding.places.find(job, path),
  };
}

/** What a sensitive variable is set to becomes null, which says nothing and is as good as not written. */
function shownTexts(request: ParseRequest, sensitive: ReadonlyMap<string, Range | undefined>): ParseResult["shown"] {
  const defaults = [...sensitive.values()].filter((range) => range !== undefined);
  const variableFiles = (request.variableFiles ?? []).map(({ name, text }) => {
    if (sensitive.size === 0) return text;
    const given = parseBody(text, name).body.attributes.filter((attribute) => sensitive.has(attribute.name));
    return nulled(
      text,
      given.map(({ expression }) => expression.range),
    );
  });
  return { text: nulled(request.text, defaults), variableFiles };
}

/** As it is quoted beside a mistake: columns stay, what is sensitive does not. */
function withoutDefaults(
  sources: ReadonlyMap<string, string>,
  { fileName, text }: ParseRequest,
  sensitive: ReadonlyMap<string, Range | undefined>,
): ReadonlyMap<string, string> {
  const hidden = [...sensitive.values()].reduce((shown, range) => {
    if (range === undefined) return shown;
    const value = shown.slice(range.start, range.end);
    return `${shown.slice(0, range.start)}${value.replaceAll(/[^\r\n]/g, "*")}${shown.slice(range.end)}`;
  }, text);
  return new Map([...sources, [fileName, hidden]]);
}

function nulled(text: string, ranges: readonly Range[]): string {
  const last = [...ranges].sort((left, right) => right.start - left.start);
  return last.reduce((shown, { start, end }) => `${shown.slice(0, start)}null${shown.slice(end)}`, text);
}

/** Values can nest deeper, by names for names for names, than the machine's stack: an error like any other. */
function withinStack<T>(decoding: Decoding, body: Body, decode: () => T): T | undefined {
  try {
    return decode();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    decoding.error({ ...body.range, end: body.range.start }, "The job's values are nested too deep");
    return undefined;
  }
}

/** "<stdin>" and "-" are no files: paths begin where the program runs. */
function folderOf(fileName: string): string {
  return fileName === "-" || fileName.startsWith("<") ? process.cwd() : dirname(resolve(fileName));
}

/** As they stand in the job file; other sources first. */
function inOrder(errors: readonly Diagnostic[], fileName: string): Diagnostic[] {
  return [...errors].sort((left, right) => {
    const files = Number(left.start.file === fileName) - Number(right.start.file === fileName);
    return files !== 0 ? files : left.start.line - right.start.line || left.start.column - right.start.column;
  });
}
