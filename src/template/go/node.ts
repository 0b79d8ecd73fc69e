/** A template as a tree. `position` is an offset in the text: where an error says it happened. */
import type { Constant } from "./number.ts";

interface At {
  readonly position: number;
}

export interface TextNode extends At {
  readonly kind: "text";
  readonly text: string;
}
export interface ActionNode extends At {
  readonly kind: "action";
  readonly pipe: PipeNode;
}
export interface BranchNode extends At {
  readonly kind: "if" | "with";
  readonly pipe: PipeNode;
  readonly list: ListNode;
  readonly otherwise: ListNode | undefined;
}
export interface RangeNode extends At {
  readonly kind: "range";
  readonly pipe: PipeNode;
  readonly list: ListNode;
  readonly otherwise: ListNode | undefined;
}
export interface TemplateNode extends At {
  readonly kind: "template";
  readonly name: string;
  readonly pipe: PipeNode | undefined;
}
export interface JumpNode extends At {
  readonly kind: "break" | "continue";
}
/** Ends a list; not in the tree that the parser hands out. */
export interface ClauseNode extends At {
  readonly kind: "end" | "else";
}
export type Statement = TextNode | ActionNode | BranchNode | RangeNode | TemplateNode | JumpNode;

export interface ListNode extends At {
  readonly nodes: readonly Statement[];
}

export interface PipeNode extends At {
  readonly kind: "pipe";
  readonly assigns: boolean;
  /** Names of the variables it declares or assigns, with the "$". */
  readonly variables: readonly string[];
  readonly commands: readonly CommandNode[];
}

export interface CommandNode extends At {
  readonly kind: "command";
  /** The first is what is called. */
  readonly words: readonly Operand[];
}

export interface FieldNode extends At {
  readonly kind: "field";
  readonly names: readonly string[];
}
/** The first name is the variable's, with the "$". */
export interface VariableNode extends At {
  readonly kind: "variable";
  readonly name: string;
  readonly names: readonly string[];
}
export interface ChainNode extends At {
  readonly kind: "chain";
  readonly of: Operand;
  readonly names: readonly string[];
}
export interface IdentifierNode extends At {
  readonly kind: "identifier";
  readonly name: string;
}
export interface NumberNode extends At {
  readonly kind: "number";
  readonly text: string;
  readonly constant: Constant;
}
export interface StringNode extends At {
  readonly kind: "string";
  readonly text: string;
}
export interface BoolNode extends At {
  readonly kind: "bool";
  readonly value: boolean;
}
export interface PlainNode extends At {
  readonly kind: "dot" | "nil";
}
export type Operand = FieldNode | VariableNode | ChainNode | IdentifierNode | NumberNode | StringNode | BoolNode | PlainNode | PipeNode;

/** What a person calls it in a message: what stands in the template, shortened; literals by their kind. */
export function described(node: At & { readonly kind: string }): string {
  const any = node as Operand | CommandNode | Statement;
  switch (any.kind) {
    case "field":
      return `.${any.names.join(".")}`;
    case "variable":
      return [any.name, ...any.names].join(".");
    case "chain":
      return `${any.of.kind === "pipe" ? "(…)" : described(any.of)}.${any.names.join(".")}`;
    case "identifier":
      return any.name;
    case "dot":
      return ".";
    case "bool":
      return String(any.value);
    case "command":
      return any.words[0] === undefined ? "command" : described(any.words[0]);
    case "action":
    case "pipe": {
      const last = (any.kind === "pipe" ? any : any.pipe).commands.at(-1);
      return last === undefined ? "pipeline" : described(last);
    }
    default:
      return any.kind;
  }
}
