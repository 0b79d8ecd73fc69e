/**
 * A file's body: attributes and blocks. A mistake costs the item it is in; the rest of the file is read on, so one run shows
 * several mistakes. Never throws, whatever the text is.
 */
import type { Diagnostic } from "../contract.ts";
import { parseExpression } from "./expression.ts";
import { parseJsonBody } from "./json.ts";
import { nameToken, Parser } from "./parser.ts";
import { endOfItem } from "./recover.ts";
import { errorAt, failAt, HclFailure, rangeBetween, SourceText, type Range } from "./source.ts";
import { parseQuoted } from "./template.ts";
import type { Attribute, Block, Body, Expression, Label, ParsedBody } from "./tree.ts";

/** More are not shown: the first ones are the ones to mend. */
const DIAGNOSTICS_MAX = 20;

export interface ParseOptions {
  /** Quoted argument names and several items on a line, as HCL1 (agent configuration) writes them. */
  readonly hcl1?: boolean;
  /** `auto` (default): JSON when the first character that is no white space is `{`. */
  readonly format?: "auto" | "hcl" | "json";
}

/** Text → body. HCL, or JSON when it begins with `{`. */
export function parseBody(text: string, fileName: string, options: ParseOptions = {}): ParsedBody {
  const source = new SourceText(fileName, text);
  if (options.format === "json" || (options.format !== "hcl" && /^[\uFEFF\s]*\{/.test(text))) return parseJsonBody(source);
  const reader = new BodyReader(new Parser(source, parseExpression, options.hcl1 === true));
  const body = reader.readFile();
  return { source, body, diagnostics: reader.diagnostics() };
}

/** One expression and nothing else: a `-var` of a complex type. */
export function parseLoneExpression(text: string, fileName: string): { expression?: Expression; diagnostics: Diagnostic[] } {
  const source = new SourceText(fileName, text);
  const parser = new Parser(source, parseExpression);
  try {
    const expression = parser.inside(false, parser.from(0, 0), () => {
      const read = parseExpression(parser);
      const rest = parser.peek();
      if (rest.kind !== "end") failAt(parser.range(rest), `Expected the end, found ${nameToken(rest)}`);
      return read;
    });
    return { expression, diagnostics: [...parser.lexer.diagnostics] };
  } catch (thrown) {
    if (thrown instanceof HclFailure) return { diagnostics: [thrown.diagnostic] };
    throw thrown;
  }
}

class BodyReader {
  readonly #parser: Parser;
  readonly #found: Diagnostic[] = [];
  /** A mistake took the rest of the file with it: that blocks stay open says nothing. */
  #cutShort = false;

  constructor(parser: Parser) {
    this.#parser = parser;
  }

  diagnostics(): readonly Diagnostic[] {
    const all = [...this.#found, ...this.#parser.lexer.diagnostics];
    return all.sort((left, right) => left.start.line - right.start.line || left.start.column - right.start.column);
  }

  readFile(): Body {
    const length = this.#parser.lexer.source.text.length;
    return this.#readItems(this.#parser.from(0, length), undefined);
  }

  /** Items up to the closing brace of `head`'s block (which stays unread), or the end of the file. */
  #readItems(range: Range, head: Range | undefined): Body {
    const attributes = new Map<string, Attribute>();
    const blocks: Block[] = [];
    for (;;) {
      const start = this.#parser.lexer.position;
      const nesting = this.#parser.nesting();
      try {
        this.#parser.skipNewlines();
        const token = this.#parser.peek();
        if (token.kind === "end") break;
        if (this.#parser.at("}")) {
          if (head !== undefined) break;
          this.#parser.read();
          this.#report(this.#parser.range(token), 'Unexpected "}"', "No block is open here: there is one closing brace too many above.");
          continue;
        }
        const item = this.#readItem();
        if (item.kind === "block") blocks.push(item);
        else if (!attributes.has(item.name)) attributes.set(item.name, item);
        else {
          const line = this.#parser.lexer.source.positionAt((attributes.get(item.name) as Attribute).range.start).line;
          this.#report(item.nameRange, `"${item.name}" is set twice`, `It was set on line ${line} already.`);
        }
        this.#endItem(item);
      } catch (thrown) {
        this.#recover(thrown, start, nesting);
      }
    }
    return { kind: "body", attributes: [...attributes.values()], blocks, range };
  }

  #readItem(): Attribute | Block {
    const parser = this.#parser;
    const token = parser.read();
    const nameRange = parser.range(token);
    if (token.kind === "quote") return this.#readQuotedItem(nameRange);
    if (token.kind !== "identifier") {
      failAt(nameRange, `Expected an attribute or a block, found ${nameToken(token)}`, 'Write "name = value" or "name { … }".');
    }
    if (parser.take("=")) return this.#readAttribute(token.text, nameRange);
    return this.#readBlock(token.text, nameRange);
  }

  #readQuotedItem(opening: Range): Attribute | Block {
    const parser = this.#parser;
    const name = parseQuoted(parser, opening);
    if (name.kind !== "literal") failAt(name.range, "A name cannot be computed", "Write it out.");
    if (!parser.hcl1) {
      failAt(
        name.range,
        "Names are not quoted here",
        `Write ${String(name.value)} without quotes, or make this a map: name = { "key" = value }.`,
      );
    }
    if (parser.take("=") || parser.take(":")) return this.#readAttribute(String(name.value), name.range);
    return this.#readBlock(String(name.value), name.range);
  }

  #readAttribute(name: string, nameRange: Range): Attribute {
    const expression = parseExpression(this.#parser);
    return { kind: "attribute", name, nameRange, expression, range: rangeBetween(nameRange, expression.range) };
  }

  #readBlock(type: string, typeRange: Range): Block {
    const parser = this.#parser;
    const labels: Label[] = [];
    for (;;) {
      const token = parser.peek();
      const range = parser.range(token);
      if (token.kind === "identifier") labels.push({ text: parser.read().text, range });
      else if (token.kind === "quote") {
        parser.read();
        const label = parseQuoted(parser, range);
        if (label.kind !== "literal")
          failAt(label.range, "A label cannot be computed", 'Labels are plain text; a "dynamic" block can compute them.');
        labels.push({ text: String(label.value), range: label.range });
      } else if (parser.at("{")) break;
      else {
        const detail =
          labels.length === 0
            ? `To set ${type}, write "${type} = value"; to open a block, "${type} {".`
            : `A block opens with "{" on the same line.`;
        failAt(range, `Expected "${labels.length === 0 ? "=" : "{"}" after "${type}", found ${nameToken(token)}`, detail);
      }
    }
    const last = labels.at(-1)?.range ?? typeRange;
    const headRange = rangeBetween(typeRange, last);
    const opening = parser.range(parser.read());
    const body = parser.inside(true, opening, () => {
      const items = this.#readItems(opening, headRange);
      const closing = parser.peek();
      if (!parser.at("}")) {
        if (!this.#cutShort) this.#report(headRange, `Block "${type}" is never closed`, 'A "}" is missing.');
        return { ...items, range: rangeBetween(opening, parser.range(closing)) };
      }
      parser.read();
      return { ...items, range: rangeBetween(opening, parser.range(closing)) };
    });
    return { kind: "block", type, typeRange, labels, body, headRange, range: rangeBetween(typeRange, body.range) };
  }

  /** An item ends with its line; the closing brace of a one-line block does as well. */
  #endItem(item: Attribute | Block): void {
    const parser = this.#parser;
    if (parser.hcl1) parser.take(",");
    const token = parser.peek();
    if (token.kind === "newline" || token.kind === "end" || parser.at("}") || parser.hcl1) return;
    const after = item.kind === "block" ? `block "${item.type}"` : `the value of "${item.name}"`;
    const detail =
      token.text === ","
        ? "Items of a block are separated by new lines, not commas."
        : "Each attribute and each block begins on a line of its own.";
    failAt(parser.range(token), `Expected a new line after ${after}, found ${nameToken(token)}`, detail);
  }

  #recover(thrown: unknown, start: number, nesting: { depth: number; newlines: number }): void {
    if (!(thrown instanceof HclFailure)) throw thrown;
    const parser = this.#parser;
    parser.reset(nesting);
    const end = endOfItem(parser.lexer.source.text, start, thrown.range.start);
    if (end >= parser.lexer.source.text.length) this.#cutShort = true;
    parser.moveTo(Math.max(end, start + 1));
    this.#add(thrown.diagnostic);
  }

  #report(range: Range, summary: string, detail: string): void {
    this.#add(errorAt(range, summary, detail));
  }

  #add(diagnostic: Diagnostic): void {
    if (this.#found.length < DIAGNOSTICS_MAX) this.#found.push(diagnostic);
    if (this.#found.length >= DIAGNOSTICS_MAX) this.#parser.moveTo(this.#parser.lexer.source.text.length);
  }
}
