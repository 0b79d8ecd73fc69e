/** What a file looks like once parsed: bodies of attributes and blocks, and expressions. Every node knows its range. */
import type { Diagnostic } from "../contract.ts";
import type { Range, SourceText } from "./source.ts";

export interface ParsedBody {
  readonly source: SourceText;
  /** What could be read; complete when there are no diagnostics. */
  readonly body: Body;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Body {
  readonly kind: "body";
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
  readonly range: Range;
  /** The body came from a JSON object: blocks are still attributes, the reader's schema tells which (see json-body.ts). */
  readonly json?: true;
}

export interface Attribute {
  readonly kind: "attribute";
  readonly name: string;
  readonly nameRange: Range;
  readonly expression: Expression;
  readonly range: Range;
}

export interface Label {
  readonly text: string;
  readonly range: Range;
}

export interface Block {
  readonly kind: "block";
  readonly type: string;
  readonly typeRange: Range;
  readonly labels: readonly Label[];
  readonly body: Body;
  /** Type and labels: what an error about the block as a whole points at. */
  readonly headRange: Range;
  readonly range: Range;
}

interface Node {
  readonly range: Range;
  /** Levels below this node. The parser bounds it, so walking a tree never overflows the stack. */
  readonly depth: number;
}

export interface Literal extends Node {
  readonly kind: "literal";
  readonly value: string | number | boolean | null;
}
/** Text with holes: `"a ${b} c"`, heredocs. */
export interface Template extends Node {
  readonly kind: "template";
  readonly parts: readonly TemplatePart[];
}
/** `"${b}"` alone: b's value, not its text. */
export interface Wrapped extends Node {
  readonly kind: "wrapped";
  readonly inner: Expression;
}
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "hole"; readonly expression: Expression; readonly range: Range }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly yes: readonly TemplatePart[];
      readonly no: readonly TemplatePart[];
      readonly range: Range;
    }
  | {
      readonly kind: "for";
      readonly key: string | undefined;
      readonly value: string;
      readonly collection: Expression;
      readonly body: readonly TemplatePart[];
      readonly range: Range;
    };

export interface Tuple extends Node {
  readonly kind: "tuple";
  readonly items: readonly Expression[];
}
export interface ObjectItem {
  readonly key: Expression;
  readonly value: Expression;
}
export interface ObjectExpression extends Node {
  readonly kind: "object";
  readonly items: readonly ObjectItem[];
}
/** `[for k, v in c : value if condition]` and `{for k, v in c : key => value… if condition}`. */
export interface For extends Node {
  readonly kind: "for";
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  /** Absent in the list form. */
  readonly key: Expression | undefined;
  readonly value: Expression;
  readonly group: boolean;
  readonly condition: Expression | undefined;
}
/** A name in scope: the root of a traversal. */
export interface Variable extends Node {
  readonly kind: "variable";
  readonly name: string;
}
export interface GetAttribute extends Node {
  readonly kind: "get";
  readonly of: Expression;
  readonly name: string;
  readonly nameRange: Range;
}
export interface Index extends Node {
  readonly kind: "index";
  readonly of: Expression;
  readonly key: Expression;
}
/** `of[*].x` / `of.*.x`: `each` is evaluated for every element, which it refers to as the `element` node. */
export interface Splat extends Node {
  readonly kind: "splat";
  readonly of: Expression;
  readonly each: Expression;
}
/** The element at hand inside a splat. */
export interface Element extends Node {
  readonly kind: "element";
}
export interface Conditional extends Node {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly yes: Expression;
  readonly no: Expression;
}
export type BinaryOperator = "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%";
export interface Binary extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Unary extends Node {
  readonly kind: "unary";
  readonly operator: "-" | "!";
  readonly operand: Expression;
}
export interface Call extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly nameRange: Range;
  readonly arguments: readonly Expression[];
  /** The last argument is a list given as arguments: `max(list...)`. */
  readonly expand: boolean;
}
export interface Parentheses extends Node {
  readonly kind: "parentheses";
  readonly inner: Expression;
}

export type Expression =
  | Literal
  | Template
  | Wrapped
  | Tuple
  | ObjectExpression
  | For
  | Variable
  | GetAttribute
  | Index
  | Splat
  | Element
  | Conditional
  | Binary
  | Unary
  | Call
  | Parentheses;
