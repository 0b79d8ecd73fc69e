/** Our answers in the oracle's form, and whether two answers are the same. */
import {
  evaluate,
  formatText,
  HclFailure,
  makeFunctions,
  parseBody,
  parseLoneExpression,
  toPlain,
  type Body,
  type Scope,
  type Value,
} from "#jobspec/hcl";
import type { OracleAnswer, OracleMode } from "./ask.ts";

export function ourAnswer(mode: OracleMode, text: string): OracleAnswer {
  if (mode === "expression") return evaluateText(text);
  const { body, diagnostics } = parseBody(text, "file", { format: "hcl" });
  if (diagnostics.length > 0) return { error: diagnostics.map((each) => each.summary).join("; ") };
  if (mode === "format") return { value: formatText(text) };
  try {
    return { value: bodyOf(body, oracleScope()) };
  } catch (thrown) {
    if (thrown instanceof HclFailure) return { error: thrown.message };
    throw thrown;
  }
}

function evaluateText(text: string): OracleAnswer {
  const { expression, diagnostics } = parseLoneExpression(text, "expression");
  if (expression === undefined || diagnostics.length > 0) return { error: diagnostics.map((each) => each.summary).join("; ") };
  try {
    return { value: toPlain(evaluate(expression, oracleScope())) };
  } catch (thrown) {
    if (thrown instanceof HclFailure) return { error: thrown.message };
    throw thrown;
  }
}

function bodyOf(body: Body, scope: Scope): unknown {
  return {
    attributes: Object.fromEntries(body.attributes.map((each) => [each.name, toPlain(evaluate(each.expression, scope))])),
    blocks: body.blocks.map((each) => ({
      type: each.type,
      labels: each.labels.map((label) => label.text),
      body: bodyOf(each.body, scope),
    })),
  };
}

/** The names main.go gives its expressions. */
export function oracleScope(): Scope {
  const object = (id: string, port: number): Value =>
    new Map<string, Value>([
      ["id", id],
      ["ports", [port]],
    ]);
  const variables = new Map<string, Value>([
    ["name", "web"],
    ["count", 3],
    ["yes", true],
    ["nothing", null],
    ["list", ["a", "b", "c"]],
    [
      "map",
      new Map([
        ["x", "1"],
        ["y", "2"],
      ]),
    ],
    ["objects", [object("i1", 80), object("i2", 81)]],
  ]);
  return {
    names: new Map([["var", variables]]),
    functions: makeFunctions({ randomUuid: () => "00000000-0000-4000-8000-000000000000" }),
    unknownRoots: "refuse",
    hints: new Map(),
  };
}

/** What the reference refuses and we do not: we tell no lists of a type from tuples, nor maps from objects. */
const LENIENT = [
  /Inconsistent conditional result types/,
  /This value does not have any indices/,
  /collection must be a list, a map or a tuple/,
  /incorrect list element type/,
  /given sets must all have compatible element types/,
];

/** What we refuse and the reference takes for false. */
const STRICTER = /wants true or false, got null/;

/** Undefined when both refuse, or give the same value: keys in any order, numbers to 12 digits (ours are doubles). */
export function difference(text: string, reference: OracleAnswer, ours: OracleAnswer): string | undefined {
  const shown = JSON.stringify(text);
  if (reference.error !== undefined) {
    const lenient = LENIENT.some((each) => each.test(reference.error as string));
    return lenient || ours.error !== undefined
      ? undefined
      : `${shown}: we say ${JSON.stringify(ours.value)}, the reference refuses: ${reference.error}`;
  }
  if (ours.error !== undefined && STRICTER.test(ours.error)) return undefined;
  if (ours.error !== undefined) return `${shown}: we refuse (${ours.error}), the reference says ${JSON.stringify(reference.value)}`;
  if (same(reference.value, ours.value)) return undefined;
  return `${shown}: we say ${JSON.stringify(ours.value)}, the reference ${JSON.stringify(reference.value)}`;
}

function same(one: unknown, other: unknown): boolean {
  if (typeof one === "number" && typeof other === "number") {
    return one === other || Math.abs(one - other) <= 1e-12 * Math.max(Math.abs(one), Math.abs(other));
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    return (
      Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((each, index) => same(each, other[index]))
    );
  }
  if (typeof one === "object" && typeof other === "object" && one !== null && other !== null) {
    const left = Object.keys(one);
    const right = Object.keys(other);
    const get = (value: object, key: string): unknown => (value as Record<string, unknown>)[key];
    return left.length === right.length && left.every((key) => Object.hasOwn(other, key) && same(get(one, key), get(other, key)));
  }
  return one === other;
}
