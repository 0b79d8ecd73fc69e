/**
 * Go's text/template: text → trees (parseGoTemplate) → text (executeGoTemplate), byte for byte what Go writes.
 *
 * What comes in: a template's text and the names of its functions; then data and the functions themselves. What goes out: text, or a TemplateError
 * that says line and column. A function may end a rendering with a TemplateSignal of its own ("not known yet"), which passes through as it is.
 *
 * Invariants: no effects, no clock, no state between calls; a Parsed may be executed any number of times. Messages name keys, fields and types,
 * never data. Text is UTF-16; bytes that are no UTF-8 survive in it (bytes.ts). The oracle (test/tools/template) is Go itself.
 *
 * Not as in Go: addresses (%p) are constants; a slice's capacity is its length; a nil slice or map is an empty one; channels, iterator functions,
 * float32 and Go's reflection of unexported fields are not there; which characters print (%q) follows this runtime's Unicode, newer than Go's.
 *
 * Never here: functions that look anything up (../), what is done with the text.
 *
 * Read next: value.ts and function.ts (what the functions are built on); lexer.ts, parser.ts; execute.ts, evaluate.ts; printer.ts for printf.
 */
export { bytesOf, textOf } from "./bytes.ts";
export { isTrue } from "./comparison.ts";
export { executeGoTemplate, type ExecuteRequest } from "./execute.ts";
export { TemplateFunctionError, TemplateSignal } from "./function.ts";
export type { ParameterKind, Rendering, TemplateFunction, TemplateFunctions } from "./function.ts";
export { parseGoTemplate, type Parsed, type ParseRequest } from "./parser.ts";
export { TemplateError, type TemplateErrorCode } from "./template-error.ts";
export { GoFunction, GoInteger, GoMap, GoSlice, GoStruct, GoText, JsonNumber } from "./value.ts";
export type { Key, Methods, StructOptions, Value } from "./value.ts";
