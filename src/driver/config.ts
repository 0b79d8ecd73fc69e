/**
 * A task's `config` block against its driver's schema. Pure. Job files are loosely typed: numbers stand for text and the
 * reverse, one block for a list of one; so values are brought to the wanted type first, and only what cannot be is refused.
 */
import { NamedError, nearest } from "#std";
import type { TSchema } from "typebox";

interface Shape {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly anyOf?: readonly TSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
}

/** The block with defaults filled in and values of the wanted types. Throws NamedError TASK_CONFIG_INVALID naming the key. */
export function checkConfig(driver: string, schema: TSchema, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return object(driver, "config", schema as unknown as Shape, config);
}

function object(driver: string, path: string, shape: Shape, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const properties = shape.properties ?? {};
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const suggestion = nearest(key, Object.keys(properties));
    const hint = suggestion === undefined ? `known are ${Object.keys(properties).join(", ")}` : `did you mean "${suggestion}"?`;
    throw invalid(driver, `${path}.${key}`, `is not an option of this driver; ${hint}`);
  }
  const result: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(properties)) {
    const inner = each as unknown as Shape;
    const given = value[key];
    if (given !== undefined && given !== null) result[key] = convert(driver, `${path}.${key}`, inner, given);
    else if (inner.default !== undefined) result[key] = inner.default;
    else if (shape.required?.includes(key) === true) throw invalid(driver, `${path}.${key}`, "is required");
  }
  return result;
}

function convert(driver: string, path: string, shape: Shape, value: unknown): unknown {
  if (shape.anyOf !== undefined) return either(driver, path, shape.anyOf, value);
  if (shape.const !== undefined && shape.const !== value) throw invalid(driver, path, `must be ${JSON.stringify(shape.const)}`);
  const converted = simple(driver, path, shape, value);
  if (shape.enum !== undefined && !shape.enum.includes(converted)) {
    throw invalid(
      driver,
      path,
      `is ${JSON.stringify(converted)}, must be one of ${shape.enum.map((each) => JSON.stringify(each)).join(", ")}`,
    );
  }
  return converted;
}

function simple(driver: string, path: string, shape: Shape, value: unknown): unknown {
  switch (shape.type) {
    case "string":
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
        if (shape.minLength !== undefined && String(value).length < shape.minLength) throw invalid(driver, path, "must not be empty");
        return String(value);
      }
      throw wrong(driver, path, "text", value);
    case "integer":
    case "number":
      return numeric(driver, path, shape, value);
    case "boolean":
      if (value === true || value === "true" || value === "1" || value === 1) return true;
      if (value === false || value === "false" || value === "0" || value === 0) return false;
      throw wrong(driver, path, "true or false", value);
    case "array":
      if (!Array.isArray(value)) throw wrong(driver, path, "a list", value);
      return value.map((each: unknown, index) =>
        shape.items === undefined ? each : convert(driver, `${path}[${index}]`, shape.items as unknown as Shape, each),
      );
    case "object":
      return mapOrBlock(driver, path, shape, value);
    default:
      return value;
  }
}

function numeric(driver: string, path: string, shape: Shape, value: unknown): number {
  const number = typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (!Number.isFinite(number) || (shape.type === "integer" && !Number.isInteger(number))) {
    throw wrong(driver, path, shape.type === "integer" ? "a whole number" : "a number", value);
  }
  if (shape.minimum !== undefined && number < shape.minimum) throw invalid(driver, path, `is ${number}, must be at least ${shape.minimum}`);
  if (shape.maximum !== undefined && number > shape.maximum) throw invalid(driver, path, `is ${number}, must be at most ${shape.maximum}`);
  return number;
}

function mapOrBlock(driver: string, path: string, shape: Shape, value: unknown): unknown {
  // `auth { … }` reaches us as a list of one map.
  const inner: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (inner === null || typeof inner !== "object" || Array.isArray(inner)) throw wrong(driver, path, "a block", value);
  if (shape.properties !== undefined) return object(driver, path, shape, inner as Record<string, unknown>);
  const each = Object.values(shape.patternProperties ?? {})[0] as unknown as Shape | undefined;
  if (each === undefined) return inner;
  return Object.fromEntries(Object.entries(inner).map(([key, entry]) => [key, convert(driver, `${path}.${key}`, each, entry)]));
}

function either(driver: string, path: string, shapes: readonly TSchema[], value: unknown): unknown {
  let last: unknown;
  for (const shape of shapes) {
    try {
      return convert(driver, path, shape as unknown as Shape, value);
    } catch (thrown) {
      last ??= thrown;
    }
  }
  throw last;
}

function wrong(driver: string, path: string, wanted: string, value: unknown): NamedError {
  const what = Array.isArray(value) ? "a list" : value !== null && typeof value === "object" ? "a map" : JSON.stringify(value);
  return invalid(driver, path, `is ${what}, must be ${wanted}`);
}

function invalid(driver: string, path: string, problem: string): NamedError {
  return new NamedError("TASK_CONFIG_INVALID", `Cannot use "${path}" for driver "${driver}": it ${problem}`, { statusCode: 400 });
}
