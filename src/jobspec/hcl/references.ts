/** Which members of a root an expression refers to: `local.a` and `local["b"]` → a, b. */
import type { Expression, TemplatePart } from "./tree.ts";

export function referencesTo(root: string, expression: Expression): ReadonlySet<string> {
  const found = new Set<string>();
  visit(expression, (each) => {
    if (each.kind === "get" && isRoot(each.of, root)) found.add(each.name);
    if (each.kind === "index" && isRoot(each.of, root) && each.key.kind === "literal") found.add(String(each.key.value));
  });
  return found;
}

function isRoot(expression: Expression, root: string): boolean {
  return expression.kind === "variable" && expression.name === root;
}

/** Calls `see` for the expression and everything below it. */
export function visit(expression: Expression, see: (expression: Expression) => void): void {
  see(expression);
  for (const child of childrenOf(expression)) visit(child, see);
}

function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "template":
      return expression.parts.flatMap(expressionsOf);
    case "wrapped":
    case "parentheses":
      return [expression.inner];
    case "tuple":
      return expression.items;
    case "object":
      return expression.items.flatMap((item) => [item.key, item.value]);
    case "for":
      return [expression.collection, expression.key, expression.value, expression.condition].filter((each) => each !== undefined);
    case "get":
      return [expression.of];
    case "index":
      return [expression.of, expression.key];
    case "splat":
      return [expression.of, expression.each];
    case "conditional":
      return [expression.condition, expression.yes, expression.no];
    case "binary":
      return [expression.left, expression.right];
    case "unary":
      return [expression.operand];
    case "call":
      return expression.arguments;
    default:
      return [];
  }
}

function expressionsOf(part: TemplatePart): Expression[] {
  switch (part.kind) {
    case "text":
      return [];
    case "hole":
      return [part.expression];
    case "if":
      return [part.condition, ...part.yes.flatMap(expressionsOf), ...part.no.flatMap(expressionsOf)];
    case "for":
      return [part.collection, ...part.body.flatMap(expressionsOf)];
  }
}
