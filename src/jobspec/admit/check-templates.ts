/** Templates: one text, one place to put it, something to do when it changes, and a text that is a template at all. nomad.md §1.10, §1.12. */
import { constants } from "node:os";
import { posix } from "node:path";
import type { Task, Template } from "#model";
import { nearest } from "#std";
import { DENIED_BY_DEFAULT, type CheckTemplate, type Engine } from "#template";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, problem, taskPlace, warning } from "./finding.ts";

const CHANGE_MODES = ["noop", "restart", "signal", "script"];
const ENGINES: readonly string[] = ["", "go", "handlebars"];
const FOLDER = /\/$|^(?:\.|local|secrets|tmp|alloc|(?:\.\.\/)?alloc\/(?:data|logs|tmp))$/;
/** Of users and groups; one more is nobody to Linux. */
const ID_MAX = 2 ** 32 - 2;
/** Twelve bits. */
const PERMS = /^0*[0-7]{1,4}$/;

/** Step. `check`: is this text a template of its engine? */
export const checkTemplates = (check: CheckTemplate) =>
  function* ({ job, context }: Admission): Iterable<Finding> {
    const denied = context.templateFunctionsDenied ?? DENIED_BY_DEFAULT;
    for (const [g, group] of job.TaskGroups.entries()) {
      for (const [t, task] of group.Tasks.entries()) {
        const place = taskPlace(job, g, t);
        yield* checkDestinations(place, task);
        for (const [index, template] of task.Templates.entries()) {
          const about = aboutTemplate(place, index);
          yield* checkSource(about, template);
          yield* checkFile(about, template);
          yield* checkChange(about, template);
          yield* checkEngine(about, template);
          yield* checkText(about, template, check, denied);
        }
      }
    }
  };

interface About {
  readonly wrong: (field: string, text: string) => Finding;
  readonly odd: (field: string, text: string) => Finding;
  /** `template 2`: as people count. */
  readonly said: string;
}

function aboutTemplate(place: Place, index: number): About {
  const said = `template ${index + 1}`;
  return {
    said,
    wrong: (field, text) => problem(place, `Templates[${index}].${field}`, `${said}: ${text}`),
    odd: (field, text) => warning(place, `Templates[${index}].${field}`, `${said}: ${text}`),
  };
}

function* checkDestinations(place: Place, task: Task): Iterable<Finding> {
  const seen = new Map<string, number>();
  for (const [index, { DestPath }] of task.Templates.entries()) {
    if (DestPath === "") continue;
    const written = fileOf(DestPath);
    const first = seen.get(written);
    if (first === undefined) seen.set(written, index);
    else
      yield problem(
        place,
        `Templates[${index}].DestPath`,
        `template ${index + 1}: destination ${JSON.stringify(DestPath)} is that of template ${first + 1} too: each writes a file of its own`,
      );
  }
}

function* checkSource({ wrong, odd }: About, { SourcePath, EmbeddedTmpl }: Template): Iterable<Finding> {
  if (SourcePath === "" && EmbeddedTmpl === "")
    yield wrong("EmbeddedTmpl", `has no text: write data = <<EOT … EOT, or source = "local/a.tpl"`);
  if (SourcePath !== "" && EmbeddedTmpl !== "") yield wrong("SourcePath", "has both source and data: it is made from one of them");
  // Only the nodes know whether theirs is open.
  if (escapes(SourcePath))
    yield odd(
      "SourcePath",
      `source ${JSON.stringify(SourcePath)} escapes the allocation directory: only nodes with template { disable_file_sandbox = true } read it`,
    );
}

function* checkFile({ wrong }: About, template: Template): Iterable<Finding> {
  const { DestPath, Perms } = template;
  if (DestPath === "") yield wrong("DestPath", `destination is missing: for example destination = "local/app.conf"`);
  else if (escapes(DestPath))
    yield wrong(
      "DestPath",
      `destination ${JSON.stringify(DestPath)} escapes the allocation directory: name a file in it, as "local/app.conf"`,
    );
  else if (FOLDER.test(fileOf(DestPath)))
    yield wrong("DestPath", `destination ${JSON.stringify(DestPath)} is a folder: name a file in it, as "local/app.conf"`);
  if (!PERMS.test(Perms)) yield wrong("Perms", `perms are ${JSON.stringify(Perms)}, must be octal digits, as "0640"`);
  for (const field of ["Uid", "Gid"] as const) {
    const id = template[field];
    // -1: who it is otherwise.
    if (id !== null && (id < -1 || id > ID_MAX)) yield wrong(field, `${field.toLowerCase()} is ${id}, must be 0 to ${ID_MAX}`);
  }
}

/** One spelling for each file: an absolute path begins at the task's directory too. */
function fileOf(path: string): string {
  return posix.normalize(path).replace(/^\/+(?=.)/, "");
}

/** Both places of a task are in its allocation's directory. What `${…}` leads to is known on the node, and looked at there. */
function escapes(path: string): boolean {
  if (path.includes("\0")) return true;
  return !path.includes("${") && /^\.\.(\/|$)/.test(posix.join("task", path));
}

function* checkChange({ wrong, odd }: About, template: Template): Iterable<Finding> {
  const { ChangeMode, ChangeSignal, ChangeScript, Envvars, Splay, Wait } = template;
  if (!CHANGE_MODES.includes(ChangeMode))
    yield wrong("ChangeMode", `change_mode is ${JSON.stringify(ChangeMode)}, must be noop, restart, signal or script`);
  if (ChangeMode === "signal" && Envvars)
    yield wrong("ChangeMode", `change_mode is "signal" with env = true: a process cannot get another environment, use "restart"`);
  if (ChangeMode === "signal") yield* signalProblems(ChangeSignal).map((text) => wrong("ChangeSignal", text));
  if (ChangeMode === "script" && ChangeScript === null)
    yield wrong("ChangeScript", `change_mode "script" needs change_script { command = "…" }`);
  if (ChangeScript !== null && ChangeMode === "script" && ChangeScript.Command === "")
    yield wrong("ChangeScript.Command", "change_script has no command");
  if (ChangeScript !== null && ChangeMode !== "script" && CHANGE_MODES.includes(ChangeMode))
    yield odd("ChangeScript", `change_script has no effect: change_mode is ${JSON.stringify(ChangeMode)}, not "script"`);
  if ((ChangeScript?.Timeout ?? 0) < 0) yield wrong("ChangeScript.Timeout", "change_script timeout is negative");
  if (Splay < 0) yield wrong("Splay", "splay is negative");
  if ((template.VaultGrace ?? 0) > 0) yield odd("VaultGrace", "vault_grace has no effect: leases are renewed in time by themselves");
  const [min, max] = [Wait?.Min ?? null, Wait?.Max ?? null];
  if ((min ?? 0) < 0 || (max ?? 0) < 0) yield wrong("Wait", "wait is negative");
  else if (min !== null && max !== null && min > max) yield wrong("Wait", "wait min is more than max");
}

/** Of change_signal, written out. */
export function signalProblems(signal: string): readonly string[] {
  if (Object.hasOwn(constants.signals, signal)) return [];
  const whole = signal.startsWith("SIG") ? signal : `SIG${signal}`;
  const near = Object.hasOwn(constants.signals, whole) ? whole : nearest(whole, Object.keys(constants.signals));
  return [
    `change_signal ${JSON.stringify(signal)} is no signal${near === undefined ? ': for example "SIGHUP"' : `: did you mean ${JSON.stringify(near)}?`}`,
  ];
}

function* checkEngine({ wrong, odd }: About, { Engine, LeftDelim, RightDelim }: Template): Iterable<Finding> {
  if (!ENGINES.includes(Engine)) yield wrong("Engine", `engine is ${JSON.stringify(Engine)}, must be "go" or "handlebars"`);
  const own = [LeftDelim !== "{{", RightDelim !== "}}"];
  if (!own.includes(true)) return;
  if (Engine === "handlebars")
    yield wrong(own[0] === true ? "LeftDelim" : "RightDelim", "handlebars has no other delimiters than {{ and }}");
  else if (own.includes(false))
    yield odd(
      "LeftDelim",
      `its actions begin with ${JSON.stringify(LeftDelim)} and end with ${JSON.stringify(RightDelim)}: give both delimiters`,
    );
}

function* checkText({ wrong, said }: About, template: Template, check: CheckTemplate, denied: readonly string[]): Iterable<Finding> {
  if (template.EmbeddedTmpl === "" || !ENGINES.includes(template.Engine)) return;
  const engine: Engine = template.Engine === "handlebars" ? "handlebars" : "go";
  const delimiters = engine === "go" ? [template.LeftDelim, template.RightDelim] : ["{{", "}}"];
  const [leftDelimiter = "{{", rightDelimiter = "}}"] = delimiters;
  const found = check({ engine, text: template.EmbeddedTmpl, leftDelimiter, rightDelimiter }, denied);
  if (found === undefined) return;
  const { line, column, fix } = found;
  // Where it is stands before it.
  const message = found.message.replace(/^(?:Cannot parse template: )?(?:line \d+(?:, column \d+)?: )?/, "");
  const finding = wrong("EmbeddedTmpl", (fix === "" ? message : `${message}. ${fix}`).replaceAll(/\s+/g, " "));
  // The command line finds the place in the job file by these words (parse.ts: placeWithin).
  yield line === 0 ? finding : { ...finding, text: finding.text.replace(`${said}: `, () => `${said}, line ${line}, column ${column}: `) };
}
