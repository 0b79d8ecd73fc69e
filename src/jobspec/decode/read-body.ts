/**
 * A body as its reader sees it: attributes, and blocks each with the scope it is evaluated in. `dynamic` blocks are expanded,
 * JSON objects become blocks where the reader expects blocks.
 */
import {
  childScope,
  describe,
  elementsOf,
  isList,
  isMap,
  isMarked,
  jsonBody,
  openDeep,
  toText,
  type Attribute,
  type Block,
  type Body,
  type Expression,
  type Label,
  type Range,
  type Scope,
  type Value,
} from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";

export interface ScopedBlock extends Block {
  readonly scope: Scope;
}
export interface ReadBody {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly ScopedBlock[];
}
/**
 * How a JSON property is read: as a value, as a value or (in a list, as converters write all blocks) a block, as blocks, as blocks by
 * label; with a function, as either: it says which names are those of the body.
 */
export type JsonForm = "attribute" | "map" | "block" | "labelled" | ((name: string) => boolean);

export function readBody(decoding: Decoding, body: Body, scope: Scope, jsonForm: (key: string) => JsonForm): ReadBody {
  const plain = body.json === true ? fromJson(body, jsonForm) : body;
  if (!decoding.mayRead(plain.attributes.length + plain.blocks.length, body.range)) return { attributes: [], blocks: [] };
  const blocks = plain.blocks.flatMap((block) =>
    block.type === "dynamic" ? expandDynamic(decoding, block, scope) : [{ ...block, scope }],
  );
  return { attributes: plain.attributes, blocks };
}

/* dynamic */

function expandDynamic(decoding: Decoding, block: Block, scope: Scope): ScopedBlock[] {
  const [type, ...more] = block.labels;
  if (type === undefined || more.length > 0) {
    decoding.error(block.headRange, "dynamic wants one label", 'The type of the blocks it makes: dynamic "port" { … }.');
    return [];
  }
  const body = block.body.json === true ? fromJson(block.body, (key) => (key === "content" ? "block" : "attribute")) : block.body;
  const attributes = new Map(body.attributes.map((each) => [each.name, each]));
  for (const attribute of body.attributes) {
    if (!["for_each", "iterator", "labels"].includes(attribute.name)) {
      decoding.error(
        attribute.nameRange,
        `Unknown attribute "${attribute.name}" in dynamic`,
        "It knows for_each, iterator, labels and a content block.",
      );
    }
  }
  const forEach = attributes.get("for_each");
  const content = body.blocks.find((each) => each.type === "content");
  if (forEach === undefined) decoding.error(block.headRange, "dynamic wants for_each", "The list or map to make a block of each item of.");
  if (content === undefined) decoding.error(block.headRange, "dynamic wants a content block", "What each block holds.");
  for (const extra of body.blocks) {
    if (extra !== content) decoding.error(extra.headRange, `dynamic has one content block and no other, found "${extra.type}"`);
  }
  if (forEach === undefined || content === undefined) return [];
  const collection = decoding.evaluate(forEach.expression, scope);
  if (collection === undefined) return [];
  if (isMarked(collection)) {
    decoding.sensitiveIn("for_each", forEach.expression.range);
    return [];
  }
  const items = itemsOf(decoding, collection, forEach.expression.range);
  if (!decoding.mayExpand(items.length, forEach.expression.range)) return [];
  const iterator = iteratorName(attributes.get("iterator")?.expression) ?? type.text;
  const labels = attributes.get("labels")?.expression;
  return items.flatMap(([key, value]) => {
    const inner = childScope(scope, [
      [
        iterator,
        new Map<string, Value>([
          ["key", key],
          ["value", value],
        ]),
      ],
    ]);
    const made = labels === undefined ? content.labels : readLabels(decoding, labels, inner);
    if (made === undefined) return [];
    return [{ ...block, type: type.text, typeRange: type.range, labels: made, body: content.body, scope: inner }];
  });
}

function itemsOf(decoding: Decoding, collection: Value, range: Range): [key: Value, value: Value][] {
  if (collection !== null && (isList(collection) || isMap(collection))) return elementsOf(collection, range);
  decoding.error(range, `for_each must be a list or a map, got ${describe(collection)}`);
  return [];
}

/** A bare word, or text in JSON. */
function iteratorName(expression: Expression | undefined): string | undefined {
  if (expression?.kind === "variable") return expression.name;
  return expression?.kind === "literal" && typeof expression.value === "string" ? expression.value : undefined;
}

function readLabels(decoding: Decoding, expression: Expression, scope: Scope): Label[] | undefined {
  const value = decoding.evaluate(expression, scope);
  if (value === undefined) return undefined;
  if (openDeep(value).marked) {
    decoding.sensitiveIn("labels", expression.range);
    return undefined;
  }
  const texts = value !== null && isList(value) ? value.map(toText) : [undefined];
  if (texts.includes(undefined)) {
    decoding.error(expression.range, `labels must be a list of strings, got ${describe(value)}`);
    return undefined;
  }
  return texts.map((text) => ({ text: text as string, range: expression.range }));
}

/* JSON */

function fromJson(body: Body, jsonForm: (key: string) => JsonForm): { attributes: Attribute[]; blocks: Block[] } {
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (const attribute of body.attributes) {
    const form = attribute.name === "dynamic" ? "labelled" : jsonForm(attribute.name);
    const value = form === "attribute" || (form === "map" && attribute.expression.kind !== "tuple");
    const made = value ? undefined : blocksOf(attribute, form);
    if (made === undefined) attributes.push(attribute);
    else blocks.push(...made);
  }
  return { attributes, blocks };
}

/** Undefined when the value is neither an object nor a list of objects: then it is an attribute, and its reader complains. */
function blocksOf(attribute: Attribute, form: JsonForm): Block[] | undefined {
  const { expression } = attribute;
  if (expression.kind === "tuple") {
    const each = expression.items.map((item) => blocksOf({ ...attribute, expression: item }, form));
    return each.includes(undefined) ? undefined : each.flatMap((blocks) => blocks as Block[]);
  }
  const body = jsonBody(expression);
  if (body === undefined) return undefined;
  const labelled =
    form === "labelled" ||
    (typeof form === "function" &&
      body.attributes.length > 0 &&
      body.attributes.every((each) => isObjects(each.expression) && !form(each.name)));
  if (!labelled) return [blockOf(attribute, [], body)];
  const blocks: Block[] = [];
  for (const each of body.attributes) {
    const label = { text: each.name, range: each.nameRange };
    const items = each.expression.kind === "tuple" ? each.expression.items : [each.expression];
    for (const item of items) {
      const inner = jsonBody(item);
      if (inner === undefined) return undefined;
      blocks.push(blockOf(attribute, [label], inner));
    }
  }
  return blocks;
}

function isObjects(expression: Expression): boolean {
  if (expression.kind === "tuple") return expression.items.length > 0 && expression.items.every((item) => item.kind === "object");
  return expression.kind === "object";
}

function blockOf(attribute: Attribute, labels: readonly Label[], body: Body): Block {
  const headRange = labels[0]?.range ?? attribute.nameRange;
  return { kind: "block", type: attribute.name, typeRange: attribute.nameRange, labels, body, headRange, range: attribute.range };
}
