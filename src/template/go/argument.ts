/** What a function gets for what stands in the template: Go's rules of assignment, with its words. */
import type { ParameterKind } from "./function.ts";
import type { Operand } from "./node.ts";
import { isList, typeName } from "./type.ts";
import { GoComplex, GoInteger, GoMap, type Value } from "./value.ts";

const TYPES: Readonly<Record<ParameterKind, string>> = {
  any: "interface {}",
  string: "string",
  int: "int",
  int64: "int64",
  float: "float64",
  bool: "bool",
  list: "[]interface {}",
  map: "map[string]interface {}",
  bytes: "[]uint8",
};

export type Answer = { readonly value: Value } | { readonly problem: string };

/** A value that was computed, for a parameter of this kind. */
export function assigned(value: Value, kind: ParameterKind): Answer {
  if (kind === "any") return { value: value === undefined ? null : value };
  if (value === undefined) return nothing(kind) ?? { problem: `invalid value; expected ${TYPES[kind]}` };
  return fits(value, kind) ? { value } : { problem: `wrong type for value; expected ${TYPES[kind]}; got ${typeName(value)}` };
}

/** A value that `call` passes on: whole numbers are converted to one another. */
export function prepared(value: Value, kind: ParameterKind): Answer {
  if (kind === "any") return { value: value === undefined ? null : value };
  if (value === undefined || value === null) return nothing(kind) ?? { problem: `value is nil; should be of type ${TYPES[kind]}` };
  if (fits(value, kind)) return { value };
  if (kind === "int" && value instanceof GoInteger) return { value: value.value };
  if (kind === "int64" && (value instanceof GoInteger || typeof value === "bigint")) return { value: whole64(value) };
  return { problem: `value has type ${typeName(value)}; should be ${TYPES[kind]}` };
}

function whole64(value: GoInteger | bigint): GoInteger {
  return new GoInteger("int64", typeof value === "bigint" ? value : value.value);
}

/** `nil` written in the template. */
export function assignedNil(kind: ParameterKind): Answer {
  if (kind === "any") return { value: null };
  return nothing(kind) ?? { problem: `cannot assign nil to ${TYPES[kind]}` };
}

/** A nil slice or map is an empty one; the rest cannot be nil. */
function nothing(kind: ParameterKind): Answer | undefined {
  if (kind === "list") return { value: [] };
  if (kind === "map") return { value: new GoMap(new Map()) };
  return kind === "bytes" ? { value: new Uint8Array() } : undefined;
}

function fits(value: Value, kind: ParameterKind): boolean {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "int":
      return typeof value === "bigint";
    case "int64":
      return value instanceof GoInteger && value.typeName === "int64";
    case "float":
      return typeof value === "number";
    case "bool":
      return typeof value === "boolean";
    case "list":
      return isList(value);
    case "map":
      return value instanceof GoMap;
    case "bytes":
      return value instanceof Uint8Array;
    case "any":
      return true;
  }
}

/** A literal: the parameter's kind says what it becomes; undefined: it is none. */
export function literal(node: Operand, kind: ParameterKind): Answer | undefined {
  if (node.kind !== "number" && node.kind !== "string" && node.kind !== "bool") return undefined;
  switch (kind) {
    case "any":
      return ideal(node);
    case "bool":
      return node.kind === "bool" ? { value: node.value } : { problem: `expected bool; found ${node.kind}` };
    case "string":
      return node.kind === "string" ? { value: node.text } : { problem: `expected string; found ${node.kind}` };
    case "int":
    case "int64": {
      const whole = node.kind === "number" ? node.constant.integer : undefined;
      if (whole === undefined) return { problem: `expected integer; found ${node.kind}` };
      return { value: kind === "int" ? whole : new GoInteger("int64", whole) };
    }
    case "float": {
      const float = node.kind === "number" ? node.constant.float : undefined;
      return float === undefined ? { problem: `expected float; found ${node.kind}` } : { value: float };
    }
    default:
      return { problem: `can't handle ${node.kind} for arg of type ${TYPES[kind]}` };
  }
}

/** A literal where nothing says what it should be. */
export function ideal(node: Operand): Answer | undefined {
  if (node.kind === "string") return { value: node.text };
  if (node.kind === "bool") return { value: node.value };
  if (node.kind !== "number") return undefined;
  const { constant, text } = node;
  if (constant.complex !== undefined) return { value: new GoComplex(constant.complex.real, constant.complex.imaginary) };
  if (constant.ideal === "float") return { value: constant.float };
  return constant.integer === undefined ? { problem: `${text} overflows int` } : { value: constant.integer };
}
