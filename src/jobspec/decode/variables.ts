/**
 * Input variables: declared in `variable` blocks (or the old `variables { name = default }`), given by, lowest first:
 *
 *   default < NOMAD_VAR_<name> < -var-file, in order < -var, in order
 *
 * Messages never show a value that came from outside the job file: it may be a secret.
 */
import { didYouMean, nearest } from "#std";
import type { ParseRequest } from "../contract.ts";
import {
  childScope,
  convertTo,
  ConversionFailure,
  describe,
  HclFailure,
  isList,
  isMap,
  isMarked,
  kindOf,
  mark,
  open,
  parseBody,
  parseLoneExpression,
  readType,
  referencesTo,
  SourceText,
  textOf,
  toBool,
  toText,
  type Attribute,
  type Block,
  type Expression,
  type Range,
  type Scope,
  type Value,
  type ValueType,
} from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { readBody } from "./read-body.ts";

interface Declaration {
  readonly name: string;
  readonly range: Range;
  /** Undefined: none was written and the default tells none. */
  readonly type: ValueType | undefined;
  readonly fallback: Value | undefined;
  /** A default was written, even if it was no good: then an error said so. */
  readonly hasDefault: boolean;
  readonly validations: readonly Block[];
  /** Drover's own: what is computed of it stands sealed in the job. */
  readonly sensitive: boolean;
}
interface Given {
  readonly range: Range;
  /** The text of NOMAD_VAR_*, when that is where it comes from. */
  readonly environment?: string;
  readonly read: (declaration: Declaration) => Value | undefined;
}

const ATTRIBUTES = ["description", "default", "type", "sensitive"];

/** The value of every declared variable. */
export function readVariables(
  decoding: Decoding,
  blocks: readonly Block[],
  request: ParseRequest,
  scope: Scope,
): ReadonlyMap<string, Value> {
  const declarations = declare(decoding, blocks, scope);
  const given = collect(decoding, request, declarations, scope);
  const values = new Map<string, Value>();
  for (const declaration of declarations.values()) {
    const source = given.get(declaration.name);
    if (source?.environment !== undefined) decoding.fromEnvironment.set(declaration.name, source.environment);
    const value = source === undefined ? declaration.fallback : source.read(declaration);
    if (value !== undefined) {
      if (declaration.sensitive) decoding.hidden.addSensitive(value);
      else if (source !== undefined) decoding.hidden.addValue(value);
      const carried = declaration.sensitive && value !== null ? mark(value) : value;
      values.set(declaration.name, carried);
      validate(decoding, declaration, carried, scope);
    } else if (source === undefined && !declaration.hasDefault) {
      const { name } = declaration;
      decoding.error(
        declaration.range,
        `Variable "${name}" has no value`,
        `Give it a default, or a value: -var ${name}=…, a -var-file, NOMAD_VAR_${name}.`,
      );
    }
  }
  return values;
}

/* Declarations */

function declare(decoding: Decoding, blocks: readonly Block[], scope: Scope): Map<string, Declaration> {
  const declarations = new Map<string, Declaration>();
  const add = (declaration: Declaration): void => {
    const before = declarations.get(declaration.name);
    if (before === undefined) declarations.set(declaration.name, declaration);
    else
      decoding.error(
        declaration.range,
        `Variable "${declaration.name}" is declared twice`,
        `It is declared on line ${before.range.source.positionAt(before.range.start).line} already.`,
      );
  };
  for (const block of blocks) {
    if (block.type === "variables") for (const declaration of declareOld(decoding, block, scope)) add(declaration);
    const declaration = block.type === "variable" ? declareOne(decoding, block, scope) : undefined;
    if (declaration !== undefined) add(declaration);
  }
  return declarations;
}

function declareOld(decoding: Decoding, block: Block, scope: Scope): Declaration[] {
  const { attributes } = readBody(decoding, block.body, scope, () => "attribute");
  return attributes.map((attribute) => {
    const fallback = decoding.evaluate(attribute.expression, scope);
    return {
      name: attribute.name,
      range: attribute.nameRange,
      type: typeOf(fallback),
      fallback,
      hasDefault: true,
      validations: [],
      sensitive: false,
    };
  });
}

function declareOne(decoding: Decoding, block: Block, scope: Scope): Declaration | undefined {
  const [label, extra] = block.labels;
  if (label === undefined || extra !== undefined) {
    decoding.error(block.headRange, "variable wants one label: its name", 'Write variable "name" { … }.');
    return undefined;
  }
  if (!/^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(label.text)) {
    decoding.error(
      label.range,
      `"${label.text}" is no name for a variable`,
      "A name begins with a letter or _ and goes on with letters, digits, _ and -.",
    );
    return undefined;
  }
  const { attributes, blocks } = readBody(decoding, block.body, scope, (key) => (key === "validation" ? "block" : "attribute"));
  const known = new Map(attributes.map((each) => [each.name, each]));
  for (const each of attributes) {
    if (!ATTRIBUTES.includes(each.name)) {
      decoding.error(
        each.nameRange,
        `Unknown attribute "${each.name}" in variable`,
        `${didYouMean(each.name, ATTRIBUTES)}variable knows ${ATTRIBUTES.join(", ")} and validation blocks.`,
      );
    }
  }
  for (const each of blocks) {
    if (each.type !== "validation")
      decoding.error(each.typeRange, `Unknown block "${each.type}" in variable`, "variable knows validation blocks.");
  }
  const written = known.get("type");
  const type = written === undefined ? undefined : readTypeOf(decoding, written);
  const fallback = readDefault(decoding, label.text, known.get("default"), type, scope);
  return {
    name: label.text,
    range: block.headRange,
    type: type ?? typeOf(fallback),
    fallback,
    hasDefault: known.has("default"),
    validations: blocks.filter((each) => each.type === "validation"),
    sensitive: readSensitive(decoding, label.text, known, scope),
  };
}

function readSensitive(decoding: Decoding, name: string, known: ReadonlyMap<string, Attribute>, scope: Scope): boolean {
  const attribute = known.get("sensitive");
  const value = attribute === undefined ? false : decoding.evaluate(attribute.expression, { ...scope, unknownRoots: "refuse" });
  const sensitive = value === undefined ? undefined : toBool(value);
  if (attribute !== undefined && value !== undefined && sensitive === undefined)
    decoding.error(attribute.expression.range, `sensitive must be true or false, got ${describe(value)}`);
  if (sensitive !== true) return false;
  decoding.sensitiveVariables.set(name, known.get("default")?.expression.range);
  return true;
}

function readTypeOf(decoding: Decoding, attribute: Attribute): ValueType | undefined {
  const { expression } = attribute;
  try {
    // In JSON a type is text.
    const text =
      expression.kind === "literal" &&
      expression.range.source.text[expression.range.start] === '"' &&
      attribute.nameRange.source.text[attribute.nameRange.start] === '"'
        ? expression.value
        : undefined;
    const parsed = typeof text === "string" ? parseLoneExpression(text, expression.range.source.name).expression : expression;
    return readType(parsed ?? expression);
  } catch (thrown) {
    if (!(thrown instanceof HclFailure)) throw thrown;
    decoding.add(thrown.diagnostic);
    return undefined;
  }
}

function readDefault(
  decoding: Decoding,
  name: string,
  attribute: Attribute | undefined,
  type: ValueType | undefined,
  scope: Scope,
): Value | undefined {
  if (attribute === undefined) return undefined;
  const value = decoding.evaluate(attribute.expression, { ...scope, unknownRoots: "refuse" });
  if (value === undefined || type === undefined) return value;
  return convertGiven(decoding, value, type, attribute.expression.range, `The default of variable "${name}" does not fit its type`);
}

/** Without a type, the default's: a list or a map of anything. */
function typeOf(value: Value | undefined): ValueType | undefined {
  if (value === undefined || value === null) return undefined;
  const kind = kindOf(value);
  if (isList(value) || isMap(value)) return { kind: kind as "list" | "map", of: { kind: "any" } };
  return { kind: kind as "string" | "number" | "bool" };
}

function convertGiven(decoding: Decoding, value: Value, type: ValueType, range: Range, summary: string): Value | undefined {
  try {
    // A list keeps items of several types when nobody said otherwise.
    return (type.kind === "list" || type.kind === "map") && type.of.kind === "any" && kindOf(value) === type.kind
      ? value
      : convertTo(value, type);
  } catch (thrown) {
    if (!(thrown instanceof ConversionFailure)) throw thrown;
    decoding.error(range, summary, `${thrown.message}.`);
    return undefined;
  }
}

/* Values from outside */

function collect(
  decoding: Decoding,
  request: ParseRequest,
  declarations: ReadonlyMap<string, Declaration>,
  scope: Scope,
): Map<string, Given> {
  const given = new Map<string, Given>();
  const add = (name: string, value: Given, from: string): void => {
    if (declarations.has(name)) given.set(name, value);
    else complain(decoding, request, name, value.range, from, declarations);
  };
  for (const name of declarations.keys()) {
    const text = request.environment?.[`NOMAD_VAR_${name}`];
    if (text !== undefined) given.set(name, { ...givenText(decoding, `NOMAD_VAR_${name}`, text, 0, scope), environment: text });
  }
  for (const file of request.variableFiles ?? []) {
    for (const attribute of readVariableFile(decoding, file)) add(attribute.name, givenExpression(decoding, attribute, scope), file.name);
  }
  for (const pair of request.variables ?? []) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, equals)).trim();
    if (equals === -1) {
      const source = new SourceText("-var", pair);
      decoding.error({ source, start: 0, end: pair.length }, "A variable is given as name=value", "Write -var name=value.");
    } else add(name, givenText(decoding, `-var ${name}`, pair.slice(equals + 1), 0, scope), "-var");
  }
  return given;
}

function complain(
  decoding: Decoding,
  request: ParseRequest,
  name: string,
  range: Range,
  from: string,
  declarations: ReadonlyMap<string, Declaration>,
): void {
  const near = nearest(name, declarations.keys());
  const detail = near === undefined ? `Declare it in the job file: variable "${name}" {}.` : `Did you mean "${near}"?`;
  const summary = `Variable "${name}" is given by ${from} but not declared`;
  if (request.strict === false) decoding.warn(range, summary, detail);
  else decoding.error(range, summary, detail);
}

function readVariableFile(decoding: Decoding, file: { readonly name: string; readonly text: string }): readonly Attribute[] {
  const { body, diagnostics } = parseBody(file.text, file.name);
  const lines = file.text.split("\n");
  for (const diagnostic of diagnostics) {
    decoding.hidden.addWords((lines[diagnostic.start.line - 1] ?? "").replace(/^\s*[^\s="]+\s*=/, ""));
    decoding.add(diagnostic);
  }
  for (const block of body.blocks) {
    const detail =
      block.type === "variable"
        ? "Variables are declared in the job file; here they get values: name = value."
        : "A variable file holds name = value lines.";
    decoding.error(block.headRange, `Block "${block.type}" has no place in a variable file`, detail);
  }
  return body.attributes;
}

function givenExpression(decoding: Decoding, attribute: Attribute, scope: Scope): Given {
  const { expression } = attribute;
  const read = (declaration: Declaration): Value | undefined => {
    decoding.hidden.addWords(textOf(expression.range));
    return readExpression(decoding, declaration, expression, expression.range, scope);
  };
  return { range: attribute.nameRange, read };
}

/** Text, number and untyped variables take the text as it is; others read it as an expression. */
function givenText(decoding: Decoding, from: string, text: string, offset: number, scope: Scope): Given {
  const source = new SourceText(from, text);
  const range = { source, start: offset, end: text.length };
  return {
    range,
    read: (declaration) => {
      const { type } = declaration;
      if (type === undefined) return text;
      if (type.kind === "string" || type.kind === "number") return convertGiven(decoding, text, type, range, misfit(declaration, from));
      decoding.hidden.addWords(text);
      const { expression, diagnostics } = parseLoneExpression(text, from);
      for (const diagnostic of diagnostics) decoding.add(diagnostic);
      return expression === undefined ? undefined : readExpression(decoding, declaration, expression, range, scope);
    },
  };
}

function readExpression(
  decoding: Decoding,
  declaration: Declaration,
  expression: Expression,
  range: Range,
  scope: Scope,
): Value | undefined {
  const value = decoding.evaluate(expression, { ...scope, unknownRoots: "refuse" });
  if (value === undefined || declaration.type === undefined) return value;
  return convertGiven(decoding, value, declaration.type, range, misfit(declaration, range.source.name));
}

function misfit(declaration: Declaration, from: string): string {
  return `The value of variable "${declaration.name}" from ${from} does not fit its type`;
}

/* Validation */

function validate(decoding: Decoding, declaration: Declaration, value: Value, scope: Scope): void {
  const { name } = declaration;
  const inner = childScope(scope, [["var", new Map([[name, value]])]]);
  for (const block of declaration.validations) {
    const attributes = new Map(readBody(decoding, block.body, scope, () => "attribute").attributes.map((each) => [each.name, each]));
    const condition = attributes.get("condition");
    const message = attributes.get("error_message");
    if (condition === undefined || message === undefined) {
      decoding.error(block.headRange, "validation wants condition and error_message");
      continue;
    }
    const others = [...referencesTo("var", condition.expression)].filter((each) => each !== name);
    if (others.length > 0) {
      decoding.error(
        condition.expression.range,
        `The condition of variable "${name}" refers to var.${others[0]}`,
        `It may refer to var.${name} only.`,
      );
      continue;
    }
    const said = decoding.evaluate(message.expression, inner);
    const sentence = said === undefined ? undefined : isMarked(said) ? "Why is not shown: it would tell the value." : toText(said);
    if (said !== undefined && (sentence === undefined || sentence.trim() === ""))
      decoding.error(message.expression.range, "error_message must be a sentence");
    const judged = decoding.evaluate(condition.expression, inner);
    if (judged === undefined) continue;
    const result = open(judged);
    const holds = toBool(result);
    if (holds === undefined) decoding.error(condition.expression.range, `condition must be true or false, got a ${kindOf(result)}`);
    else if (!holds) decoding.say(declaration.range, `Invalid value for variable "${name}"`, sentence ?? "");
  }
}
