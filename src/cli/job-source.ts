/** A job file as named on the command line, parsed: shared by run, plan and validate. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { NamedError, messageOf } from "#std";
import type { ParseResult } from "#jobspec";
import type { Context } from "./command.ts";
import { UsageError, type FlagTable } from "./flags.ts";

/** The flags that say how a job file is read. */
export const SOURCE_FLAGS: FlagTable = {
  json: { kind: "boolean", about: 'The file is JSON: {"Job": …} or the Job itself, as the API writes it' },
  "hcl2-strict": { kind: "boolean", about: "A value for an undeclared variable is an error (default true)" },
  var: { kind: "list", value: "key=value", about: "The value of a variable; may be repeated" },
  "var-file": { kind: "list", value: "path", about: "A file of variable values; may be repeated" },
};

export interface SourceJob {
  /** API JSON, not canonical. */
  readonly job: Record<string, unknown>;
  readonly id: string;
  /** Paths of texts that hold values of sensitive variables: sent along, the servers seal them. */
  readonly sensitive: readonly string[];
  readonly sensitiveVariables: readonly string[];
  /** What is kept with the version. */
  readonly submission: {
    readonly Source: string;
    readonly Format: string;
    readonly VariableFlags: Record<string, string>;
    readonly Variables: string;
  };
  /** As typed; for hints. */
  readonly path: string;
  /**
   * What admission says of the job, with the place in the file each sentence is about: it ends in the field's path, which becomes
   * file:line:col, the line and a caret.
   */
  readonly point: (said: string) => string;
}

/** A sentence of admission's: `Task "web" of group "g": driver is missing (TaskGroups[0].Tasks[0].Driver)`, in a list or alone. */
const FIELD_PATH = /^( *\* )?(.*) \(([A-Z]\w*(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\]|\.[A-Z]\w*)*)\)$/gm;

const SOURCE_BYTES_MAX = 64 * 1024 * 1024;

/** Reads and parses the one argument. Throws UsageError, or the parser's error with its diagnostics rendered. */
export async function readJob(context: Context): Promise<SourceJob> {
  const path = context.arguments[0];
  if (path === undefined || context.arguments.length > 1) throw new UsageError(`This command takes one argument: <path>`);
  const text = path === "-" ? await context.terminal.readInput() : readSource(path);
  const fileName = path === "-" ? "<stdin>" : path;
  if (context.flags.flag("json")) return jsonJob(text, fileName, path);

  const { parseJob, renderDiagnostic } = await import("#jobspec");
  const variableFiles = context.flags.list("var-file").map((name) => ({ name, text: readSource(name) }));
  const strict = !context.flags.given("hcl2-strict") || context.flags.flag("hcl2-strict");
  const parsed = parseJob({
    text,
    fileName,
    strict,
    variableFiles,
    variables: context.flags.list("var"),
    environment: context.environment,
    allowFileFunctions: true,
  });
  for (const warning of parsed.warnings)
    context.terminal.complain(renderDiagnostic(warning, warning.start.file === fileName ? text : undefined));
  return {
    job: parsed.job,
    id: String(parsed.job["ID"] ?? ""),
    path,
    sensitive: parsed.sensitive,
    sensitiveVariables: parsed.sensitiveVariables,
    submission: {
      Source: parsed.shown.text,
      Format: text.trimStart().startsWith("{") ? "json" : "hcl2",
      // Flags go before files, as they did here: what a file overrode in the environment is not among them.
      VariableFlags: {
        ...parsed.environmentVariables,
        ...Object.fromEntries(
          context.flags
            .list("var")
            .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const)
            .filter(([name]) => !parsed.sensitiveVariables.includes(name.trim())),
        ),
      },
      Variables: parsed.shown.variableFiles.join("\n"),
    },
    point: (said) =>
      said.replace(FIELD_PATH, (whole: string, bullet: string | undefined, sentence: string, field: string) => {
        const { place, summary } = placed(parsed.placeOf, field, sentence);
        if (place === undefined) return whole;
        const shown = renderDiagnostic(
          { severity: "error", summary, detail: "", ...place },
          place.start.file === fileName ? text : undefined,
        );
        return bullet === undefined ? shown : bullet + shown.replaceAll("\n", `\n${" ".repeat(bullet.length)}`);
      }),
  };
}

/** `template 2, line 3, column 7: …` */
const IN_TEXT = /, line (\d+), column (\d+)(?=: )/;

type PlaceOf = ParseResult["placeOf"];

/** A place in a template's text is one in the job file, if it was written there; then its own lines are no news. */
function placed(placeOf: PlaceOf, field: string, sentence: string): { readonly place: ReturnType<PlaceOf>; readonly summary: string } {
  const place = placeOf(field);
  const [, line, column] = (field.endsWith(".EmbeddedTmpl") ? IN_TEXT.exec(sentence) : null) ?? [];
  if (line === undefined || place === undefined) return { place, summary: sentence };
  const inner = placeOf(`${field}@${line}:${column}`);
  if (inner === undefined || (inner.start.line === place.start.line && inner.start.column === place.start.column))
    return { place, summary: sentence };
  return { place: inner, summary: sentence.replace(IN_TEXT, "") };
}

/** What the servers say of the job, with the places in the file. */
export async function pointing<T>(source: SourceJob, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof NamedError)) throw error;
    const said = source.point(error.message);
    if (said === error.message) throw error;
    throw new NamedError(error.code, said, { cause: error, ...(error.fix === undefined ? {} : { fix: error.fix }) });
  }
}

function readSource(path: string): string {
  try {
    const bytes = readFileSync(resolve(path));
    if (bytes.length > SOURCE_BYTES_MAX)
      throw new NamedError(
        "JOB_FILE_TOO_LARGE",
        `Cannot read job file ${JSON.stringify(path)}: it has ${bytes.length} bytes, at most ${SOURCE_BYTES_MAX} are read`,
      );
    return bytes.toString("utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof NamedError) throw error;
    const reason =
      code === "ENOENT"
        ? "no such file"
        : code === "EISDIR"
          ? "it is a directory"
          : code === "EACCES"
            ? "permission denied"
            : messageOf(error);
    throw new NamedError("JOB_FILE_UNREADABLE", `Cannot read file ${JSON.stringify(path)}: ${reason}`, { cause: error });
  }
}

function jsonJob(text: string, fileName: string, path: string): SourceJob {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new NamedError("JOB_FILE_INVALID_JSON", `${fileName}: Cannot read JSON job: ${messageOf(error)}`, { cause: error });
  }
  const written = parsed as Record<string, unknown> | null;
  // Names in any case, as the servers and Go's JSON read them.
  const inside = typeof written === "object" && written !== null ? valueOf(written, "Job") : undefined;
  const job = (inside ?? written) as Record<string, unknown> | null;
  if (typeof job !== "object" || job === null || Array.isArray(job)) {
    throw new NamedError("JOB_FILE_INVALID_JSON", `${fileName}: Cannot read JSON job: want an object, {"Job": {…}}`);
  }
  // As `job run -output` wrote it, or /v1/jobs/parse answered it. The text holds the values themselves: it is not kept.
  const { Sensitive: marked, ...unmarked } = job;
  const sensitive = [
    ...new Set(
      [inside === undefined ? undefined : written?.["Sensitive"], marked].flatMap((marks) =>
        Array.isArray(marks) ? marks.map(String) : [],
      ),
    ),
  ];
  return {
    job: sensitive.length > 0 ? unmarked : job,
    id: String(valueOf(job, "ID") ?? ""),
    path,
    sensitive,
    sensitiveVariables: [],
    submission: { Source: sensitive.length > 0 ? "" : text, Format: "json", VariableFlags: {}, Variables: "" },
    point: (said) => said,
  };
}

function valueOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return object[name] ?? Object.entries(object).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
