/** The text a template makes. */
import { elementsOf } from "./elements.ts";
import { childScope, type Scope } from "./scope.ts";
import { failAt } from "./source.ts";
import type { Expression, TemplatePart } from "./tree.ts";
import { describe, toBool, toText, type Value } from "./value.ts";

type Evaluate = (expression: Expression, scope: Scope) => Value;

export function readTemplate(parts: readonly TemplatePart[], scope: Scope, evaluate: Evaluate): string {
  let text = "";
  for (const part of parts) text += readPart(part, scope, evaluate);
  return text;
}

function readPart(part: TemplatePart, scope: Scope, evaluate: Evaluate): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "hole": {
      const value = evaluate(part.expression, scope);
      const text = toText(value);
      if (text === undefined) {
        const detail = value === null ? "" : "jsonencode(…) or join(…) make text of it.";
        failAt(part.expression.range, `Cannot put ${describe(value)} into text`, detail);
      }
      return text;
    }
    case "if": {
      const value = evaluate(part.condition, scope);
      const holds = toBool(value);
      if (holds === undefined) failAt(part.condition.range, `"%{if}" wants true or false, got ${describe(value)}`);
      return readTemplate(holds ? part.yes : part.no, scope, evaluate);
    }
    case "for": {
      let text = "";
      for (const [key, value] of elementsOf(evaluate(part.collection, scope), part.collection.range)) {
        const names: [string, Value][] = [[part.value, value]];
        scope.allowance?.step(part.range);
        if (part.key !== undefined) names.unshift([part.key, key]);
        text += readTemplate(part.body, childScope(scope, names), evaluate);
      }
      return text;
    }
  }
}
