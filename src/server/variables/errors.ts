/** What this part answers with. */
import { NamedError } from "#std";

export function variableDenied(reason: string, fix: string): NamedError {
  return new NamedError("VARIABLE_DENIED", `Permission denied: ${reason}`, { statusCode: 403, fix });
}

/** What clients look for: the message is the whole answer. nomad.md §3.2. */
export function variableNotFound(): NamedError {
  return new NamedError("VARIABLE_NOT_FOUND", "variable not found", { statusCode: 404 });
}
