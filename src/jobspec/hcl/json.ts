/**
 * JSON → the same tree, every value with its place. Text in it may hold templates, as HCL's JSON form has it. Which
 * properties are blocks only the reader knows: json-body.ts turns objects into bodies when asked.
 */
import type { Diagnostic } from "../contract.ts";
import { parseExpression, readNumber } from "./expression.ts";
import { Parser } from "./parser.ts";
import { failAt, HclFailure, SourceText, type Range } from "./source.ts";
import { parseBareTemplate } from "./template.ts";
import type { Attribute, Body, Expression, ObjectItem, ParsedBody } from "./tree.ts";

const NESTING_MAX = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_][\w-]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

export function parseJsonBody(source: SourceText): ParsedBody {
  const diagnostics: Diagnostic[] = [];
  const empty: Body = { kind: "body", attributes: [], blocks: [], range: { source, start: 0, end: source.text.length }, json: true };
  try {
    const reader = new JsonReader(source);
    return { source, body: jsonBody(reader.readFile()) ?? empty, diagnostics };
  } catch (thrown) {
    if (!(thrown instanceof HclFailure)) throw thrown;
    return { source, body: empty, diagnostics: [thrown.diagnostic] };
  }
}

/** An object as a body whose blocks are still attributes; undefined when the expression is no object. */
export function jsonBody(expression: Expression): Body | undefined {
  if (expression.kind !== "object") return undefined;
  const attributes: Attribute[] = [];
  for (const item of expression.items) {
    const name = item.key.kind === "literal" ? String(item.key.value) : undefined;
    // "//" is the comment of HCL's JSON form.
    if (name === undefined || name === "//") continue;
    const range = { ...item.key.range, end: item.value.range.end };
    attributes.push({ kind: "attribute", name, nameRange: item.key.range, expression: item.value, range });
  }
  return { kind: "body", attributes, blocks: [], range: expression.range, json: true };
}

class JsonReader {
  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  readFile(): Expression {
    const value = this.#readValue(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) failAt(this.#here(), "Expected the end of the JSON document, found more");
    return value;
  }

  #readValue(depth: number): Expression {
    this.#skipSpace();
    if (depth > NESTING_MAX) failAt(this.#here(), `Nested more than ${NESTING_MAX} levels deep`);
    const start = this.#at;
    switch (this.#text[start]) {
      case "{":
        return this.#readObject(depth);
      case "[":
        return this.#readArray(depth);
      case '"':
        return this.#template(this.#readString(), this.#range(start));
      case undefined:
        failAt(this.#range(start), "Expected a JSON value, found the end of the file");
    }
    const number = this.#match(NUMBER);
    if (number !== undefined)
      return { kind: "literal", value: readNumber(number, this.#range(start)), range: this.#range(start), depth: 0 };
    const word = this.#match(WORD);
    if (word === "true" || word === "false") return { kind: "literal", value: word === "true", range: this.#range(start), depth: 0 };
    if (word === "null") return { kind: "literal", value: null, range: this.#range(start), depth: 0 };
    if (word !== undefined) failAt(this.#range(start), `Expected a JSON value, found "${word}"`, "Text is written between double quotes.");
    failAt(this.#here(), `Expected a JSON value, found ${this.#shown()}`);
  }

  #readObject(depth: number): Expression {
    const start = this.#at++;
    const items: ObjectItem[] = [];
    const seen = new Set<string>();
    let below = 0;
    this.#skipSpace();
    while (this.#text[this.#at] !== "}") {
      const keyStart = this.#at;
      if (this.#text[this.#at] !== '"') this.#failInside(start, "object", 'a property name in double quotes or "}"');
      const name = this.#readString();
      const key: Expression = { kind: "literal", value: name, range: this.#range(keyStart), depth: 0 };
      if (seen.has(name)) failAt(key.range, `"${name}" is set twice`);
      seen.add(name);
      this.#skipSpace();
      if (this.#text[this.#at] !== ":") this.#failInside(start, "object", '":"');
      this.#at++;
      const value = this.#readValue(depth + 1);
      below = Math.max(below, value.depth + 1);
      items.push({ key, value });
      if (!this.#separator(start, "object", "}")) break;
    }
    this.#at++;
    return { kind: "object", items, range: this.#range(start), depth: below };
  }

  #readArray(depth: number): Expression {
    const start = this.#at++;
    const items: Expression[] = [];
    let below = 0;
    this.#skipSpace();
    while (this.#text[this.#at] !== "]") {
      const item = this.#readValue(depth + 1);
      below = Math.max(below, item.depth + 1);
      items.push(item);
      if (!this.#separator(start, "array", "]")) break;
    }
    this.#at++;
    return { kind: "tuple", items, range: this.#range(start), depth: below };
  }

  /** After an item: true when another must follow, false when the closing bracket does. */
  #separator(start: number, what: string, closing: string): boolean {
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character === closing) return false;
    if (character !== ",") this.#failInside(start, what, `"," or "${closing}"`);
    const comma = this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === closing)
      failAt({ source: this.#source, start: comma, end: comma + 1 }, 'JSON has no "," after the last item', "Remove it.");
    return true;
  }

  #readString(): string {
    const start = this.#at++;
    let value = "";
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character === "\n") failAt(this.#range(start), "Text is never closed", 'Close it with ".');
      if (character === '"') break;
      if (character !== "\\") {
        const run = /[^"\\\n]+/y;
        run.lastIndex = this.#at;
        value += (run.exec(this.#text) as RegExpExecArray)[0];
        this.#at = run.lastIndex;
        continue;
      }
      const letter = this.#text[this.#at + 1] ?? "";
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (letter === "u" && /^[0-9a-fA-F]{4}$/.test(hex)) {
        value += String.fromCharCode(Number.parseInt(hex, 16));
        this.#at += 6;
      } else {
        const plain = ESCAPES[letter];
        if (plain === undefined)
          failAt({ source: this.#source, start: this.#at, end: this.#at + 2 }, `Unknown escape "\\${letter.trim()}"`);
        value += plain;
        this.#at += 2;
      }
    }
    this.#at++;
    return value;
  }

  /** A string with `${` or `%{` in it is a template; its mistakes point at the string. */
  #template(value: string, range: Range): Expression {
    if (!value.includes("${") && !value.includes("%{")) return { kind: "literal", value, range, depth: 0 };
    const inner = new SourceText(this.#source.name, value, this.#source.positionAt(range.start));
    try {
      return moveTo(range, parseBareTemplate(new Parser(inner, parseExpression), { source: inner, start: 0, end: value.length }));
    } catch (thrown) {
      if (!(thrown instanceof HclFailure)) throw thrown;
      return failAt(range, thrown.message, thrown.diagnostic.detail);
    }
  }

  #failInside(start: number, what: string, wanted: string): never {
    if (this.#at >= this.#text.length) failAt({ source: this.#source, start, end: start + 1 }, `JSON ${what} is never closed`);
    failAt(this.#here(), `Expected ${wanted} in a JSON ${what}, found ${this.#shown()}`);
  }

  #shown(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0x20);
    return character < " " ? "a control character" : `"${character}"`;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match?.[0];
  }

  #skipSpace(): void {
    this.#match(/[ \t\r\n]+/y);
  }

  #range(start: number): Range {
    return { source: this.#source, start, end: Math.max(this.#at, start + 1) };
  }

  #here(): Range {
    return { source: this.#source, start: this.#at, end: this.#at + 1 };
  }
}

/** The template's outermost node at the string's own place; nodes within keep offsets of the decoded text, for `${…}`. */
function moveTo(range: Range, expression: Expression): Expression {
  return { ...expression, range } as Expression;
}
