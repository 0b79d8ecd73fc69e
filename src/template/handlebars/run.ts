/** Runs a compiled Handlebars template: its helpers are the functions of every template, with plain values for Go's. */
import { messageOf } from "#std";
import { RENDERED_BYTES_MAX } from "../contract.ts";
import { type Declared, TooLargeError } from "../functions/declare.ts";
import type { Looking } from "../functions/looking.ts";
import { int64, integerOf, kindOf, textOfValue, typeNameOf } from "../functions/reflect.ts";
import { byteLength, joined } from "../go/bytes.ts";
import {
  GoText,
  type ParameterKind,
  type Rendering,
  TemplateError,
  type TemplateFunction,
  TemplateFunctionError,
  type Value,
} from "../go/mod.ts";
import { BUILTIN_FUNCTIONS } from "./builtins.ts";
import type { HandlebarsTemplate } from "./compile.ts";
import { SpelledNumber, Translation } from "./plain.ts";

interface HelperOptions {
  readonly loc?: { readonly start: { readonly line: number; readonly column: number } };
  readonly hash: Readonly<Record<string, unknown>>;
  readonly fn?: (context: unknown, options?: object) => string;
  readonly inverse?: (context: unknown) => string;
  readonly data?: object;
}

const RENDERING: Rendering = {
  executeTemplate: () => {
    throw new TemplateFunctionError("a part of the template is an inline partial here: {{> NAME}}");
  },
};

export function runHandlebars(template: HandlebarsTemplate, functions: ReadonlyMap<string, Declared>, looking: Looking): string {
  const translation = new Translation((method, args) => method.call(args, looking as never, RENDERING));
  const helpers = Object.create(null) as Record<string, unknown>;
  for (const name of template.called) {
    const declared = functions.get(name) ?? (BUILTIN_FUNCTIONS.get(name) as TemplateFunction<Looking>);
    helpers[name] = function helper(this: unknown, ...given: unknown[]): unknown {
      const options = given.pop() as HelperOptions;
      return answer(this, options, translation.plain(called(name, declared, given, options, { translation, looking })));
    };
  }
  let text: string;
  try {
    text = template.run(helpers);
  } catch (thrown) {
    throw located(thrown);
  }
  if (text.length > RENDERED_BYTES_MAX || byteLength(text) > RENDERED_BYTES_MAX)
    throw new TooLargeError("what it makes is larger than a rendering may be (16 MiB)");
  return joined(text);
}

interface Around {
  readonly translation: Translation;
  readonly looking: Looking;
}

function called(
  name: string,
  declared: TemplateFunction<Looking>,
  given: readonly unknown[],
  options: HelperOptions,
  { translation, looking }: Around,
): Value {
  const { line = 0, column = -1 } = options.loc?.start ?? {};
  looking.progress?.reachedPlace(line, column + 1);
  try {
    if (Object.keys(options.hash).length > 0) throw new TemplateFunctionError("it takes no named arguments");
    const { minimum, maximum } = declared;
    if (given.length < minimum || (maximum !== undefined && given.length > maximum)) {
      const wanted = minimum === maximum ? String(minimum) : maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`;
      throw new TemplateFunctionError(`it takes ${wanted} arguments, not ${given.length}`);
    }
    const args = given.map((argument, index) => suited(translation.value(argument), kindAt(declared, index), index));
    return declared.call(args, looking, RENDERING);
  } catch (thrown) {
    if (!(thrown instanceof TemplateFunctionError)) throw thrown;
    const said = thrown.message.startsWith(`${name}: `) ? thrown.message : `${name}: ${thrown.message}`;
    throw new TemplateError("TEMPLATE_FAILED", `Cannot render template: line ${line}, column ${column + 1}: ${said}`, {
      line,
      column: column + 1,
    });
  }
}

const kindAt = ({ parameters }: TemplateFunction<Looking>, index: number): ParameterKind =>
  parameters?.[index] ?? parameters?.at(-1) ?? "any";

/** Kinder than Go: a number is a text where one is wanted, a whole number a float. */
function suited(value: Value, kind: ParameterKind, index: number): Value {
  const given = kindOf(value);
  const numeric = given === "int" || given === "uint";
  switch (kind) {
    case "any":
      return value;
    case "string":
      if (given === "string") return value instanceof GoText ? value.text : textOfValue(value);
      if (numeric) return String(integerOf(value));
      if (given === "float") return String(value);
      break;
    case "int":
      if (numeric) return integerOf(value);
      break;
    case "int64":
      if (numeric) return int64(integerOf(value));
      break;
    case "float":
      if (numeric) return Number(integerOf(value));
      if (given === "float") return value;
      break;
    case "bool":
      if (given === "bool") return value;
      break;
    case "list":
      if (given === "slice") return value;
      break;
    case "map":
      if (given === "map") return value;
      break;
    default:
      return value;
  }
  throw new TemplateFunctionError(`its argument ${index + 1} is to be ${NAMES[kind]}, not ${typeNameOf(value)}`);
}

const NAMES: Readonly<Record<ParameterKind, string>> = {
  any: "anything",
  string: "a string",
  int: "a whole number",
  int64: "a whole number",
  float: "a number",
  bool: "true or false",
  list: "a list",
  map: "a map",
  bytes: "bytes",
};

/** As a block, `{{#service "web"}}…{{/service}}`, it is gone through. */
function answer(context: unknown, { fn, inverse, data }: HelperOptions, value: unknown): unknown {
  if (fn === undefined) return value;
  if (Array.isArray(value) && value.length > 0) {
    return value
      .map((item, index) => fn(item, { data: { ...data, index, first: index === 0, last: index === value.length - 1, key: index } }))
      .join("");
  }
  const nothing = value === undefined || value === null || value === false || value === "" || value === 0 || Array.isArray(value);
  if (nothing || (value instanceof SpelledNumber && Number(value.spelling) === 0)) return inverse?.(context) ?? "";
  return value === true ? fn(context) : fn(value);
}

/** Handlebars' own exceptions say where; they name fields, never what is in them. */
function located(thrown: unknown): unknown {
  const { lineNumber, column } = thrown as { lineNumber?: number; column?: number };
  if (thrown instanceof Error && typeof lineNumber === "number") {
    const place = { line: lineNumber, column: (column ?? -1) + 1 };
    const said = messageOf(thrown).replace(/ in \[object\](?= - )|\s- \d+:\d+$/g, "");
    return new TemplateError(
      "TEMPLATE_FAILED",
      `Cannot render template: line ${place.line}, column ${place.column}: ${said.replace(/ in \[object\w*\]$/, "")}`,
      place,
    );
  }
  const partial = /^The partial (.*) could not be found$/.exec(messageOf(thrown));
  if (partial !== null)
    return new TemplateError("TEMPLATE_FAILED", `Cannot render template: there is no inline partial ${JSON.stringify(partial[1])}`, {
      line: 0,
      column: 0,
    });
  return thrown;
}
