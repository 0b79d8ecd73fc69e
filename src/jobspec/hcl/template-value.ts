/** The text a template makes, in pieces: what is sensitive of it stays apart from what is not. */
import { elementsOf } from "./elements.ts";
import { isMarked, type Marked, mark, open, type Piece, textOfPieces } from "./marks.ts";
import { childScope, type Scope } from "./scope.ts";
import { failAt } from "./source.ts";
import type { Expression, TemplatePart } from "./tree.ts";
import { describe, toBool, toText, type Value } from "./value.ts";

type Evaluate = (expression: Expression, scope: Scope) => Value;

export function readTemplate(parts: readonly TemplatePart[], scope: Scope, evaluate: Evaluate): Value {
  const pieces = [...piecesOf(parts, scope, evaluate)];
  return pieces.some(({ sensitive }) => sensitive) ? mark(textOfPieces(pieces), pieces) : textOfPieces(pieces);
}

function* piecesOf(parts: readonly TemplatePart[], scope: Scope, evaluate: Evaluate): Generator<Piece> {
  for (const part of parts) yield* readPart(part, scope, evaluate);
}

function* readPart(part: TemplatePart, scope: Scope, evaluate: Evaluate): Generator<Piece> {
  switch (part.kind) {
    case "text":
      yield { text: part.text, sensitive: false };
      return;
    case "hole": {
      const value = evaluate(part.expression, scope);
      const pieces = isMarked(value) ? (value as Marked).pieces : undefined;
      if (pieces !== undefined) return yield* pieces;
      const opened = open(value);
      const text = toText(opened);
      if (text === undefined) {
        const detail = opened === null ? "" : "jsonencode(…) or join(…) make text of it.";
        failAt(part.expression.range, `Cannot put ${describe(opened)} into text`, detail);
      }
      yield { text, sensitive: isMarked(value) };
      return;
    }
    case "if": {
      const value = evaluate(part.condition, scope);
      const holds = toBool(open(value));
      if (holds === undefined) failAt(part.condition.range, `"%{if}" wants true or false, got ${describe(open(value))}`);
      const taken = piecesOf(holds ? part.yes : part.no, scope, evaluate);
      // Which text it is tells of the condition.
      if (isMarked(value)) yield { text: textOfPieces([...taken]), sensitive: true };
      else yield* taken;
      return;
    }
    case "for": {
      const collection = evaluate(part.collection, scope);
      const pieces: Piece[] = [];
      for (const [key, value] of elementsOf(open(collection), part.collection.range)) {
        const names: [string, Value][] = [[part.value, value]];
        scope.allowance?.step(part.range);
        if (part.key !== undefined) names.unshift([part.key, key]);
        pieces.push(...piecesOf(part.body, childScope(scope, names), evaluate));
      }
      if (isMarked(collection)) yield { text: textOfPieces(pieces), sensitive: true };
      else yield* pieces;
    }
  }
}
