/**
 * HCL2: text → tree → values. Knows no job words: the job language (../decode) and the agent's configuration both stand on it.
 *
 * What comes in: the text of a file (HCL, or JSON when it begins with `{`). What goes out: a body of attributes and blocks with
 * the place of each, and diagnostics; `evaluate` turns an expression into a value.
 *
 * Invariants: parsing never throws, whatever the text (binary junk, megabytes, deep nesting: a diagnostic); the tree's depth is
 * bounded, so walking it never overflows the stack; one mistake costs one attribute or block, the rest is read on.
 *
 * Never here: words of a job or of the configuration, reading files except through the file functions a caller allows.
 *
 * Beside it stands the formatter (formatText): it works on tokens, keeps comments, and changes white space only.
 *
 * Read next: tree.ts (what a body is), body.ts (parseBody), evaluate.ts, then ../parse.ts.
 */
export { parseBody, parseLoneExpression, type ParseOptions } from "./body.ts";
export { jsonBody } from "./json.ts";
export { renderDiagnostic } from "./render.ts";
export { errorAt, failAt, HclFailure, rangeBetween, SourceText, textOf, warningAt, type Range } from "./source.ts";
export type * from "./tree.ts";
export { referencesTo, visit } from "./references.ts";
export { evaluate, evaluateConstant, tryEvaluate } from "./evaluate.ts";
export { Allowance } from "./allowance.ts";
export { isMarked, mark, type Marked, open, openDeep } from "./marks.ts";
export { childScope, type FunctionTable, type Scope } from "./scope.ts";
export { convertTo, ConversionFailure, formatType, readType, type ValueType } from "./type-expression.ts";
export {
  describe,
  entriesOf,
  formatNumber,
  fromPlain,
  isList,
  isMap,
  kindOf,
  toBool,
  toNumber,
  toPlain,
  toText,
  type ListValue,
  type MapValue,
  type Value,
} from "./value.ts";
export { formatText } from "./format/format.ts";
export { elementsOf } from "./elements.ts";
export { makeFunctions, type FunctionOptions } from "./functions/mod.ts";
