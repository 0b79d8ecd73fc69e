/** From the flat parts of a template to a tree: strip markers, heredoc indentation, nesting of directives. */
import type { Parser } from "./parser.ts";
import { failAt, type Range } from "./source.ts";
import type { Expression, TemplatePart } from "./tree.ts";

interface Sequence {
  readonly range: Range;
  readonly stripLeft: boolean;
  readonly stripRight: boolean;
}
export type FlatPart =
  | { readonly kind: "text"; text: string; readonly range: Range }
  | (Sequence & { readonly kind: "hole"; readonly expression: Expression })
  | (Sequence & { readonly kind: "if"; readonly condition: Expression })
  | (Sequence & {
      readonly kind: "for";
      readonly key: string | undefined;
      readonly value: string;
      readonly collection: Expression;
    })
  | (Sequence & { readonly kind: "else" | "endif" | "endfor" });

/** Parts → literal, wrapped expression, or template. `flush` takes the common indentation away (`<<-`). */
export function buildTemplate(parser: Parser, parts: FlatPart[], range: Range, flush = false): Expression {
  strip(parts);
  if (flush) unindent(parts);
  const [only] = parts;
  if (only === undefined) return { kind: "literal", value: "", range, depth: 0 };
  if (parts.length === 1 && only.kind === "hole") {
    return { kind: "wrapped", inner: only.expression, range, depth: parser.depthOver(range, [only.expression]) };
  }
  if (parts.every((part) => part.kind === "text")) {
    return { kind: "literal", value: parts.map((part) => (part.kind === "text" ? part.text : "")).join(""), range, depth: 0 };
  }
  const nested = nest(parts);
  return { kind: "template", parts: nested, range, depth: parser.depthOver(range, expressionsIn(nested)) };
}

/** `~` eats the white space of the text next to it. */
function strip(parts: FlatPart[]): void {
  for (const [index, part] of parts.entries()) {
    if (part.kind === "text") continue;
    const before = parts[index - 1];
    const after = parts[index + 1];
    if (part.stripLeft && before?.kind === "text") before.text = before.text.trimEnd();
    if (part.stripRight && after?.kind === "text") after.text = after.text.trimStart();
  }
}

/** Takes the smallest indentation from every line; lines of nothing but white space do not count. */
function unindent(parts: FlatPart[]): void {
  let smallest = Infinity;
  let lineStart = true;
  const first: (FlatPart & { kind: "text" })[] = [];
  for (const part of parts) {
    if (lineStart) {
      if (part.kind !== "text") smallest = 0;
      else {
        const indentation = part.text.length - part.text.trimStart().length;
        if (indentation < part.text.length || !part.text.endsWith("\n")) {
          smallest = Math.min(smallest, indentation);
          first.push(part);
        }
      }
    }
    lineStart = part.kind === "text" && part.text.endsWith("\n");
  }
  for (const part of first) part.text = part.text.slice(Math.min(smallest, part.text.length));
}

interface Open {
  readonly part: FlatPart & { kind: "if" | "for" };
  readonly yes: TemplatePart[];
  no: TemplatePart[] | undefined;
}

function nest(parts: readonly FlatPart[]): TemplatePart[] {
  const root: TemplatePart[] = [];
  const open: Open[] = [];
  const target = (): TemplatePart[] => {
    const top = open[open.length - 1];
    return top === undefined ? root : (top.no ?? top.yes);
  };
  for (const part of parts) {
    const top = open[open.length - 1];
    switch (part.kind) {
      case "text": {
        const previous = target().at(-1);
        if (part.text === "") break;
        if (previous?.kind === "text") target()[target().length - 1] = { kind: "text", text: previous.text + part.text };
        else target().push({ kind: "text", text: part.text });
        break;
      }
      case "hole":
        target().push({ kind: "hole", expression: part.expression, range: part.range });
        break;
      case "if":
      case "for":
        if (open.length > 100) failAt(part.range, "Template directives nested more than 100 levels deep");
        open.push({ part, yes: [], no: undefined });
        break;
      case "else":
        if (top?.part.kind !== "if" || top.no !== undefined) failAt(part.range, '"%{else}" without "%{if …}" before it');
        top.no = [];
        break;
      default: {
        const opener = part.kind === "endif" ? "if" : "for";
        if (top?.part.kind !== opener) failAt(part.range, `"%{${part.kind}}" without "%{${opener} …}" before it`);
        open.pop();
        target().push(close(top));
      }
    }
  }
  const unclosed = open[0];
  if (unclosed !== undefined) {
    failAt(unclosed.part.range, `"%{${unclosed.part.kind}}" is never closed`, `Close it with "%{end${unclosed.part.kind}}".`);
  }
  return root;
}

function close(open: Open): TemplatePart {
  const { part } = open;
  if (part.kind === "if") {
    return { kind: "if", condition: part.condition, yes: open.yes, no: open.no ?? [], range: part.range };
  }
  return { kind: "for", key: part.key, value: part.value, collection: part.collection, body: open.yes, range: part.range };
}

function* expressionsIn(parts: readonly TemplatePart[]): Generator<Expression> {
  for (const part of parts) {
    if (part.kind === "hole") yield part.expression;
    if (part.kind === "if") {
      yield part.condition;
      yield* expressionsIn(part.yes);
      yield* expressionsIn(part.no);
    }
    if (part.kind === "for") {
      yield part.collection;
      yield* expressionsIn(part.body);
    }
  }
}
