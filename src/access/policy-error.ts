/** A policy that cannot be understood: everything wrong with it, with the places. ACL_POLICY_INVALID, HTTP 400. */
import { renderDiagnostic } from "#jobspec/hcl";
import { NamedError } from "#std";

type Diagnostic = Parameters<typeof renderDiagnostic>[0];

const SHOWN_MAX = 10;

export class PolicyError extends NamedError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[], text: string) {
    const shown = diagnostics.slice(0, SHOWN_MAX).map((each) => renderDiagnostic(each, text));
    if (diagnostics.length > SHOWN_MAX) shown.push(`… and ${diagnostics.length - SHOWN_MAX} more`);
    super("ACL_POLICY_INVALID", `Cannot use ACL policy:\n${shown.join("\n\n")}`, { statusCode: 400 });
    this.name = "PolicyError";
    this.diagnostics = diagnostics;
  }
}
