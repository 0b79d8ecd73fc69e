/**
 * One constraint or affinity of a `device` block against one group of a node's devices. nomad.md §1.9, §1.11.
 *
 *   ${device.vendor} ${device.type} ${device.model} ${device.ids} ${device.attr.KEY}   or a literal
 */
import type { Constraint, NodeDevice } from "#model";
import { comparison as textComparison } from "../constraint.ts";
import { type Attribute, attributeOf, compareAttributes, parseAttribute } from "./attribute.ts";

export type DeviceTest = (device: NodeDevice) => boolean;

type Operands = Pick<Constraint, "LTarget" | "RTarget" | "Operand">;
type Side = (device: NodeDevice) => Attribute | undefined;

/** An operator nobody knows passes for no device. */
export function compileDeviceTest({ LTarget, Operand, RTarget }: Operands): DeviceTest {
  const left = compileSide(LTarget);
  const right = compileSide(RTarget);
  const compare = comparison(Operand);
  return (device) => compare(left(device), right(device));
}

function compileSide(text: string): Side {
  if (!text.startsWith("${") || !text.endsWith("}")) {
    const literal = parseAttribute(text);
    return () => literal;
  }
  const name = text.slice(2, -1).trim();
  const plain =
    (of: (device: NodeDevice) => string): Side =>
    (device) => ({ kind: "text", text: of(device) });
  switch (name) {
    case "device.vendor":
      return plain((device) => device.Vendor);
    case "device.type":
      return plain((device) => device.Type);
    case "device.model":
      return plain((device) => device.Name);
    case "device.ids":
      return plain((device) => device.Instances.map((instance) => instance.ID).join(","));
  }
  if (!name.startsWith("device.attr.")) return () => undefined;
  const key = name.slice("device.attr.".length);
  return (device) => {
    const reported = Object.hasOwn(device.Attributes, key) ? device.Attributes[key] : undefined;
    return reported === undefined ? undefined : attributeOf(reported);
  };
}

type Comparison = (left: Attribute | undefined, right: Attribute | undefined) => boolean;

function comparison(operand: string): Comparison {
  switch (operand) {
    case "=":
    case "==":
    case "is":
      return ordered((order) => order === 0);
    case "!=":
    case "not":
      return (left, right) => (left === undefined || right === undefined ? left !== right : ordered((order) => order !== 0)(left, right));
    case "<":
      return ordered((order) => order < 0);
    case "<=":
      return ordered((order) => order <= 0);
    case ">":
      return ordered((order) => order > 0);
    case ">=":
      return ordered((order) => order >= 0);
    case "is_set":
      return (left) => left !== undefined;
    case "is_not_set":
      return (left) => left === undefined;
    default: {
      const texts = textComparison(operand, false);
      return (left, right) => texts(left?.text, right?.text);
    }
  }
}

function ordered(wanted: (order: number) => boolean): Comparison {
  return (left, right) => {
    const order = left === undefined || right === undefined ? undefined : compareAttributes(left, right);
    return order !== undefined && wanted(order);
  };
}
