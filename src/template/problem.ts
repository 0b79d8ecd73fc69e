/** What went wrong, as whoever asked for a rendering or a check is told. */
import { messageOf } from "#std";
import type { TemplateProblem } from "./contract.ts";
import { TooLargeError } from "./functions/declare.ts";
import { TemplateError } from "./go/template-error.ts";

const MESSAGE_LENGTH_MAX = 1000;

/** What is thrown by what is no template's doing (a RangeError: out of stack, or of string) comes as TEMPLATE_FAILED without what it says. */
export function problemOf(thrown: unknown): TemplateProblem {
  if (thrown instanceof TemplateError) {
    const { code, message, fix = "", line, column } = thrown;
    return { code, message: message.replace('template "": ', "template: "), fix, line, column };
  }
  const nowhere = { fix: "", line: 0, column: 0 };
  if (thrown instanceof TooLargeError)
    return { code: "TEMPLATE_TOO_LARGE", message: `Cannot render template: ${thrown.message}`, ...nowhere };
  if (thrown instanceof RangeError) {
    const tooLong = messageOf(thrown).includes("string length");
    if (tooLong) return { code: "TEMPLATE_TOO_LARGE", message: "Cannot render template: what it makes is larger than 16 MiB", ...nowhere };
    return {
      code: "TEMPLATE_FAILED",
      message: "Cannot render template: it is nested too deeply, or asks for too much at once",
      ...nowhere,
    };
  }
  return { code: "TEMPLATE_FAILED", message: "Cannot render template: it met something that is not provided for", ...nowhere };
}

/** A name may be as long as the template. Only when no value can stand in it any more: half a value is not found. */
export function shortened(problem: TemplateProblem): TemplateProblem {
  const { message } = problem;
  return message.length <= MESSAGE_LENGTH_MAX ? problem : { ...problem, message: `${message.slice(0, MESSAGE_LENGTH_MAX)}…` };
}
