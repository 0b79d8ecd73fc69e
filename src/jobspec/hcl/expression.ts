/** Expressions, by recursive descent. Loosest first: conditional, ||, &&, == !=, < <= > >=, + -, * / %, unary, postfix, term. */
import { nameToken, type Parser } from "./parser.ts";
import { failAt, rangeBetween, type Range } from "./source.ts";
import { parseHeredoc, parseQuoted } from "./template.ts";
import type { BinaryOperator, Element, Expression, ObjectItem } from "./tree.ts";

const PRECEDENCE: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["+", "-"],
  ["*", "/", "%"],
];

export function parseExpression(parser: Parser): Expression {
  const condition = parseBinary(parser, 0);
  if (!parser.at("?")) return condition;
  const question = parser.range(parser.read());
  return parser.inside(parser.newlinesCount, question, () => {
    const yes = parseExpression(parser);
    if (!parser.take(":")) {
      failAt(parser.range(parser.peek()), `Expected ":" of "condition ? yes : no", found ${nameToken(parser.peek())}`);
    }
    const no = parseExpression(parser);
    const range = rangeBetween(condition.range, no.range);
    return { kind: "conditional", condition, yes, no, range, depth: parser.depthOver(range, [condition, yes, no]) };
  });
}

function parseBinary(parser: Parser, level: number): Expression {
  const operators = PRECEDENCE[level];
  if (operators === undefined) return parseUnary(parser);
  let left = parseBinary(parser, level + 1);
  for (;;) {
    const operator = operators.find((each) => parser.at(each));
    if (operator === undefined) return left;
    parser.read();
    const right = parseBinary(parser, level + 1);
    const range = rangeBetween(left.range, right.range);
    left = { kind: "binary", operator, left, right, range, depth: parser.depthOver(range, [left, right]) };
  }
}

function parseUnary(parser: Parser): Expression {
  if (!parser.at("-") && !parser.at("!")) return parsePostfix(parser);
  const token = parser.read();
  const start = parser.range(token);
  return parser.inside(parser.newlinesCount, start, () => {
    const operand = parseUnary(parser);
    const range = rangeBetween(start, operand.range);
    return { kind: "unary", operator: token.text as "-" | "!", operand, range, depth: parser.depthOver(range, [operand]) };
  });
}

function parsePostfix(parser: Parser): Expression {
  return parseSteps(parser, parseTerm(parser), false);
}

/** `.name`, `.0`, `[key]`, `.*`, `[*]`. Inside `.*` only `.name` and `.0` belong to each element. */
function parseSteps(parser: Parser, term: Expression, attributesOnly: boolean): Expression {
  let of = term;
  for (;;) {
    if (parser.at(".")) of = parseDot(parser, of, attributesOnly);
    else if (parser.at("[") && !attributesOnly) of = parseBrackets(parser, of);
    else return of;
    if (of.kind === "splat" && attributesOnly) return of;
  }
}

function parseDot(parser: Parser, of: Expression, attributesOnly: boolean): Expression {
  parser.read();
  const token = parser.read();
  const range = rangeBetween(of.range, parser.range(token));
  if (token.kind === "identifier") {
    return { kind: "get", of, name: token.text, nameRange: parser.range(token), range, depth: parser.depthOver(range, [of]) };
  }
  if (token.kind === "number" && /^\d+(\.\d+)?$/.test(token.text)) {
    // ".0.1" is read as the number 0.1: two old-style indexes.
    return token.text.split(".").reduce<Expression>((inner, digits) => {
      const key: Expression = { kind: "literal", value: Number(digits), range: parser.range(token), depth: 0 };
      return { kind: "index", of: inner, key, range, depth: parser.depthOver(range, [inner]) };
    }, of);
  }
  if (token.text === "*" && token.kind === "punctuation" && !attributesOnly) return parseSplat(parser, of, parser.range(token), true);
  failAt(
    parser.range(token),
    `Expected a name after ".", found ${nameToken(token)}`,
    'A name that is no plain word is written ["like this"].',
  );
}

function parseBrackets(parser: Parser, of: Expression): Expression {
  const opening = parser.range(parser.read());
  let splatEnd: Range | undefined;
  const key = parser.inside(false, opening, () => {
    if (parser.take("*")) {
      splatEnd = parser.range(parser.peek());
      expectClosing(parser, "]", opening);
      return undefined;
    }
    const index = parseExpression(parser);
    splatEnd = parser.range(parser.peek());
    expectClosing(parser, "]", opening);
    return index;
  });
  const last = splatEnd as Range;
  if (key === undefined) return parseSplat(parser, of, last, false);
  const range = rangeBetween(of.range, last);
  return { kind: "index", of, key, range, depth: parser.depthOver(range, [of, key]) };
}

function parseSplat(parser: Parser, of: Expression, star: Range, attributesOnly: boolean): Expression {
  const element: Element = { kind: "element", range: of.range, depth: 0 };
  const each = parser.inside(parser.newlinesCount, star, () => parseSteps(parser, element, attributesOnly));
  const range = each === element ? rangeBetween(of.range, star) : rangeBetween(of.range, each.range);
  return { kind: "splat", of, each, range, depth: parser.depthOver(range, [of, each]) };
}

function parseTerm(parser: Parser): Expression {
  const token = parser.read();
  const range = parser.range(token);
  switch (token.kind) {
    case "number":
      return { kind: "literal", value: readNumber(token.text, range), range, depth: 0 };
    case "quote":
      return parseQuoted(parser, range);
    case "heredoc":
      return parseHeredoc(parser, range, token.text);
    case "identifier":
      return parseWord(parser, token.text, range);
    case "punctuation":
      if (token.text === "(") return parseParentheses(parser, range);
      if (token.text === "[") return parseTuple(parser, range);
      if (token.text === "{") return parseObject(parser, range);
  }
  failAt(range, `Expected a value, found ${nameToken(token)}`, valueHint(token.text));
}

/** Numbers are doubles: larger ones would become nothing when the job is written as JSON. */
export function readNumber(text: string, range: Range): number {
  const value = Number(text);
  if (!Number.isFinite(value)) failAt(range, `The number ${text.slice(0, 20)} is too large`, "The largest is about 1.8e308.");
  return value;
}

function valueHint(found: string): string {
  if (found === "=") return "One = assigns, == compares.";
  return "A value is text in quotes, a number, true, false, null, a list [ … ], a map { … } or an expression.";
}

function parseWord(parser: Parser, name: string, range: Range): Expression {
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true", range, depth: 0 };
  if (name === "null") return { kind: "literal", value: null, range, depth: 0 };
  if (parser.at("(")) return parseCall(parser, name, range);
  if (parser.at("::")) failAt(range, "Functions in namespaces are not known here");
  return { kind: "variable", name, range, depth: 0 };
}

function parseCall(parser: Parser, name: string, nameRange: Range): Expression {
  const opening = parser.range(parser.read());
  const given: Expression[] = [];
  let expand = false;
  const end = parser.inside(false, opening, () => {
    while (!parser.at(")")) {
      given.push(parseExpression(parser));
      if (parser.take("...")) {
        expand = true;
        break;
      }
      if (!parser.take(",")) break;
    }
    return expectClosing(parser, ")", opening);
  });
  const range = { ...nameRange, end };
  return { kind: "call", name, nameRange, arguments: given, expand, range, depth: parser.depthOver(range, given) };
}

function parseParentheses(parser: Parser, opening: Range): Expression {
  let end = 0;
  const inner = parser.inside(false, opening, () => {
    const expression = parseExpression(parser);
    end = expectClosing(parser, ")", opening);
    return expression;
  });
  const range = { ...opening, end };
  return { kind: "parentheses", inner, range, depth: parser.depthOver(range, [inner]) };
}

function parseTuple(parser: Parser, opening: Range): Expression {
  return parser.inside(false, opening, () => {
    if (parser.at("for")) return parseFor(parser, opening, "]");
    const items: Expression[] = [];
    while (!parser.at("]")) {
      items.push(parseExpression(parser));
      if (!parser.take(",")) break;
    }
    if (!parser.at("]") && parser.peek().kind !== "end") {
      failAt(
        parser.range(parser.peek()),
        `Expected "," or "]" in a list, found ${nameToken(parser.peek())}`,
        "Items of a list are separated by commas.",
      );
    }
    const range = { ...opening, end: expectClosing(parser, "]", opening) };
    return { kind: "tuple", items, range, depth: parser.depthOver(range, items) };
  });
}

function parseObject(parser: Parser, opening: Range): Expression {
  return parser.inside(true, opening, () => {
    parser.skipNewlines();
    // The for form ignores newlines all through; a key named "for" is written "for" in quotes or followed by = or :.
    if (parser.at("for") && !isKeyNamedFor(parser)) {
      return parser.inside(false, opening, () => parseFor(parser, opening, "}"));
    }
    const items: ObjectItem[] = [];
    while (!parser.at("}")) {
      items.push(parseObjectItem(parser, opening));
      const separated = parser.take(",") || parser.peek().kind === "newline";
      parser.skipNewlines();
      if (!separated && !parser.at("}")) {
        failAt(parser.range(parser.peek()), `Expected a new line, "," or "}" in a map, found ${nameToken(parser.peek())}`);
      }
    }
    const range = { ...opening, end: expectClosing(parser, "}", opening) };
    const below = items.flatMap((item) => [item.key, item.value]);
    return { kind: "object", items, range, depth: parser.depthOver(range, below) };
  });
}

function isKeyNamedFor(parser: Parser): boolean {
  const token = parser.peek();
  const next = /\s*(=(?!=)|:(?!:))/y;
  next.lastIndex = token.end;
  return next.test(parser.lexer.source.text);
}

function parseObjectItem(parser: Parser, opening: Range): ObjectItem {
  if (parser.peek().kind === "end") failAt(opening, "Map is never closed", 'Close it with "}".');
  const written = parseExpression(parser);
  // A bare word is a name, not a reference; (word) in parentheses refers.
  const word = written.kind === "variable" ? written.name : written.kind === "literal" && written.value === null ? "null" : undefined;
  const key: Expression = word === undefined ? written : { kind: "literal", value: word, range: written.range, depth: 0 };
  if (key.kind === "get" || key.kind === "index") {
    failAt(key.range, "A key of a map is a plain name", "In quotes it is taken as it is, in parentheses it is computed.");
  }
  if (!parser.take("=") && !parser.take(":")) {
    if (parser.peek().kind === "end") failAt(opening, "Map is never closed", 'Close it with "}".');
    failAt(parser.range(parser.peek()), `Expected "=" after the key of a map, found ${nameToken(parser.peek())}`);
  }
  return { key, value: parseExpression(parser) };
}

function parseFor(parser: Parser, opening: Range, closing: "]" | "}"): Expression {
  parser.read();
  const first = readForName(parser);
  const second = parser.take(",") ? readForName(parser) : undefined;
  if (!parser.take("in"))
    failAt(parser.range(parser.peek()), `Expected "in", found ${nameToken(parser.peek())}`, "Write [for item in list : value].");
  const collection = parseExpression(parser);
  if (!parser.take(":"))
    failAt(
      parser.range(parser.peek()),
      `Expected ":" before the result, found ${nameToken(parser.peek())}`,
      "Write [for item in list : value].",
    );
  const result = parseExpression(parser);
  let key: Expression | undefined;
  let value = result;
  if (closing === "}") {
    if (!parser.take("=>"))
      failAt(
        parser.range(parser.peek()),
        `Expected "=>" between key and value, found ${nameToken(parser.peek())}`,
        "Write {for item in list : key => value}.",
      );
    key = result;
    value = parseExpression(parser);
  } else if (parser.at("=>")) {
    failAt(parser.range(parser.peek()), '"=>" has no place in a list', "With keys, write { } instead of [ ].");
  }
  const group = closing === "}" && parser.take("...");
  const condition = parser.take("if") ? parseExpression(parser) : undefined;
  const range = { ...opening, end: expectClosing(parser, closing, opening) };
  return {
    kind: "for",
    keyName: second === undefined ? undefined : first,
    valueName: second ?? first,
    collection,
    key,
    value,
    group,
    condition,
    range,
    depth: parser.depthOver(range, [collection, key, value, condition]),
  };
}

function readForName(parser: Parser): string {
  const token = parser.read();
  if (token.kind !== "identifier") failAt(parser.range(token), `Expected a name after "for", found ${nameToken(token)}`);
  return token.text;
}

const NAMES: Readonly<Record<string, string>> = { "]": "List", "}": "Map", ")": "Parenthesis" };

/** Reads the closing bracket; its end. */
function expectClosing(parser: Parser, closing: "]" | "}" | ")", opening: Range): number {
  const token = parser.peek();
  if (parser.at(closing)) return parser.read().end;
  if (token.kind === "end") failAt(opening, `${NAMES[closing]} is never closed`, `Close it with "${closing}".`);
  failAt(parser.range(token), `Expected "${closing}", found ${nameToken(token)}`);
}
