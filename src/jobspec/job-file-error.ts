/** A job file that cannot be understood: everything wrong with it, with the places. */
import { NamedError } from "#std";
import type { Diagnostic } from "./contract.ts";
import { renderDiagnostic } from "./hcl/mod.ts";

const SHOWN_MAX = 20;

/** JOB_FILE_INVALID, HTTP 400. The message holds every diagnostic, rendered; none is a stack trace. */
export class JobFileError extends NamedError {
  readonly diagnostics: readonly Diagnostic[];

  /** `sources`: the texts the places are in, by file name; a file that is not there is shown without its line. */
  constructor(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>) {
    const shown = diagnostics.slice(0, SHOWN_MAX).map((each) => renderDiagnostic(each, sources.get(each.start.file)));
    if (diagnostics.length > SHOWN_MAX) shown.push(`… and ${diagnostics.length - SHOWN_MAX} more`);
    super("JOB_FILE_INVALID", shown.join("\n\n"), { statusCode: 400 });
    this.name = "JobFileError";
    this.diagnostics = diagnostics;
  }
}
