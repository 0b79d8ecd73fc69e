/** What is wrong with a template, and where. Its message holds names and types, never data. */
import { NamedError } from "#std";

export type TemplateErrorCode =
  | "TEMPLATE_SYNTAX"
  | "TEMPLATE_FUNCTION_UNKNOWN"
  | "TEMPLATE_FUNCTION_DENIED"
  | "TEMPLATE_FAILED"
  | "TEMPLATE_TOO_LARGE";

export class TemplateError extends NamedError {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  declare readonly code: TemplateErrorCode;

  constructor(code: TemplateErrorCode, message: string, at: { readonly line: number; readonly column: number }, fix?: string) {
    super(code, message, { statusCode: 400, ...(fix === undefined ? {} : { fix }) });
    this.name = "TemplateError";
    this.line = at.line;
    this.column = at.column;
  }
}

/** Where an offset of the text lies. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf("\n"); next !== -1 && next < offset; next = text.indexOf("\n", next + 1)) {
    line++;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}
