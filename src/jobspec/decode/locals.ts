/** `locals { … }`: names for expressions, evaluated in the order they need each other. */
import { didYouMean } from "#std";
import { childScope, referencesTo, type Attribute, type Block, type Scope, type Value } from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { readBody } from "./read-body.ts";

/** `scope` has `var`; the result has every local that could be evaluated. */
export function readLocals(decoding: Decoding, blocks: readonly Block[], scope: Scope): ReadonlyMap<string, Value> {
  const attributes = new Map<string, Attribute>();
  for (const block of blocks) {
    const body = readBody(decoding, block.body, scope, () => "attribute");
    for (const each of body.blocks)
      decoding.error(each.headRange, `Block "${each.type}" has no place in locals`, "locals hold name = value lines.");
    for (const attribute of body.attributes) {
      if (attributes.has(attribute.name)) decoding.error(attribute.nameRange, `Local "${attribute.name}" is declared twice`);
      else attributes.set(attribute.name, attribute);
    }
  }
  return evaluateInOrder(decoding, attributes, scope);
}

/** Depth first; a local being evaluated that is needed again closes a circle. */
function evaluateInOrder(decoding: Decoding, attributes: ReadonlyMap<string, Attribute>, scope: Scope): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  const state = new Map<string, "open" | "done" | "failed">();
  // An explicit stack: a thousand locals in a row must not overflow the machine's.
  for (const first of attributes.keys()) {
    const stack = [{ name: first, needs: needsOf(attributes, first) }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { name: string; needs: string[] };
      if (state.has(top.name) && state.get(top.name) !== "open") {
        stack.pop();
        continue;
      }
      state.set(top.name, "open");
      const next = top.needs.pop();
      if (next === undefined) {
        state.set(top.name, finish(decoding, attributes, top.name, values, state, scope));
        stack.pop();
      } else if (state.get(next) === "open") {
        const from = stack.findIndex((each) => each.name === next);
        const circle = [...stack.slice(from).map((each) => each.name), next].join(" → ");
        const attribute = attributes.get(top.name) as Attribute;
        decoding.error(attribute.range, `Locals refer to each other in a circle: ${circle}`);
        for (const each of stack.splice(from)) state.set(each.name, "failed");
      } else if (!state.has(next)) stack.push({ name: next, needs: needsOf(attributes, next) });
    }
  }
  return values;
}

function needsOf(attributes: ReadonlyMap<string, Attribute>, name: string): string[] {
  return [...referencesTo("local", (attributes.get(name) as Attribute).expression)].filter((each) => attributes.has(each)).reverse();
}

function finish(
  decoding: Decoding,
  attributes: ReadonlyMap<string, Attribute>,
  name: string,
  values: Map<string, Value>,
  state: ReadonlyMap<string, string>,
  scope: Scope,
): "done" | "failed" {
  const attribute = attributes.get(name) as Attribute;
  const needs = referencesTo("local", attribute.expression);
  // What failed said so already.
  if ([...needs].some((each) => state.get(each) === "failed")) return "failed";
  const unknown = [...needs].find((each) => !attributes.has(each));
  if (unknown !== undefined) {
    decoding.error(
      attribute.expression.range,
      `Unknown name "local.${unknown}"`,
      `${didYouMean(unknown, attributes.keys())}Declare it in locals { ${unknown} = … }.`,
    );
    return "failed";
  }
  const value = decoding.evaluate(attribute.expression, childScope(scope, [["local", values]]));
  if (value === undefined) return "failed";
  values.set(name, value);
  return "done";
}
