/**
 * A body → the properties of a noun, as the notes of its schema say: the one recursive step of the decoder. Only what the
 * author wrote comes out. Everything wrong is found in one pass.
 */
import { Check, Job, Network, Resources, Service, Task, TaskGroup } from "#model";
import { didYouMean } from "#std";
import type { TSchema } from "typebox";
import { type Attribute, type Body, type Range, type Scope } from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { decodeFree } from "./free.ts";
import { isBlockForm, type Key, type Keys } from "./keys.ts";
import { readBody, type JsonForm, type ScopedBlock } from "./read-body.ts";
import { ruleFor } from "./rules.ts";
import { convertValue, explain, holdsText, setProperty } from "./value.ts";

export type Decoded = Record<string, unknown>;

/** What a body has had so far: keys and where, labels by key. */
interface Written {
  readonly keys: Map<string, Range>;
  readonly labels: Map<string, Set<string>>;
}

/** `name` is how the author calls the noun: the key of its block. `at`: what an error about the whole points at. */
export function decodeNoun(decoding: Decoding, schema: TSchema, name: string, body: Body, scope: Scope, at: Range): Decoded {
  const rule = ruleFor(schema);
  const keys = keysIn(decoding, schema);
  const { attributes, blocks } = readBody(decoding, body, scope, (key) => jsonFormOf(decoding, keys.get(key)));
  const result: Decoded = {};
  const written: Written = { keys: new Map(), labels: new Map() };
  for (const attribute of attributes) decodeAttribute(decoding, keys, name, attribute, scope, result, written);
  for (const block of blocks) decodeBlock(decoding, keys, name, block, result, written);
  rule?.finish(result, { decoding, at, rangeOf: (key) => written.keys.get(key) ?? at });
  decoding.places.set(result, {
    at,
    fields: new Map([...written.keys].map(([hcl, range]) => [keys.get(hcl)?.property ?? hcl, range])),
  });
  return result;
}

function keysIn(decoding: Decoding, schema: TSchema): Keys {
  return decoding.keys({ schema, extra: ruleFor(schema)?.extra ?? [] });
}

function jsonFormOf(decoding: Decoding, key: Key | undefined): JsonForm {
  if (key === undefined || key.form === "attribute") return "attribute";
  if (key.form === "map" || key.form === "free") return "map";
  if (key.form === "labelled" || key.form === "labelled-map") {
    if (!key.labelOptional) return "labelled";
    const own = keysIn(decoding, key.nested as TSchema);
    return (name) => own.has(name);
  }
  return "block";
}

function decodeAttribute(
  decoding: Decoding,
  keys: Keys,
  noun: string,
  attribute: Attribute,
  scope: Scope,
  result: Decoded,
  written: Written,
): void {
  const key = keys.get(attribute.name);
  if (key === undefined) return unknown(decoding, keys, noun, "attribute", attribute.name, attribute.nameRange);
  written.keys.set(key.hcl, attribute.nameRange);
  if (isBlockForm(key.form) && key.form !== "map" && key.form !== "free") {
    decoding.error(attribute.nameRange, `"${key.hcl}" is a block in ${noun}, not an attribute`, `Write it without "=": ${exampleOf(key)}.`);
    return;
  }
  const value = decoding.evaluate(attribute.expression, scope);
  if (value === undefined || value === null) return;
  const disguised = decoding.disguise(value);
  if (disguised !== value && (key.duration || !holdsText(key.schema))) return decoding.sensitiveIn(key.hcl, attribute.expression.range);
  const converted = convertValue(disguised, key.schema, key.duration);
  if ("value" in converted) {
    setProperty(result, key.property, converted.value);
    return;
  }
  const { got, detail } = explain(converted.got);
  decoding.error(attribute.expression.range, `${key.hcl} must be ${converted.wanted}, got ${got}`, detail);
}

function exampleOf(key: Key): string {
  const label = key.label === undefined || key.labelOptional ? "" : ' "name"';
  return `${key.hcl}${label} { … }`;
}

function decodeBlock(decoding: Decoding, keys: Keys, noun: string, block: ScopedBlock, result: Decoded, written: Written): void {
  const key = keys.get(block.type);
  if (key === undefined) return unknown(decoding, keys, noun, "block", block.type, block.typeRange);
  if (!isBlockForm(key.form)) {
    decoding.error(block.typeRange, `"${key.hcl}" is an attribute in ${noun}, not a block`, `Write ${key.hcl} = ….`);
    return;
  }
  const single = key.form === "block" || key.form === "map" || key.form === "free";
  const before = written.keys.get(key.hcl);
  if (single && before !== undefined) {
    const { line } = before.source.positionAt(before.start);
    decoding.error(block.headRange, `"${key.hcl}" is there twice in ${noun}`, `It is on line ${line} already; only one is allowed.`);
    return;
  }
  written.keys.set(key.hcl, block.headRange);
  const label = readLabel(decoding, key, block);
  if (label === false) return;
  switch (key.form) {
    case "map":
      decodeMapBlock(decoding, key, block, result);
      return;
    case "free":
      decodeFreeBlock(decoding, key, block, result);
      return;
    case "block":
      result[key.property] = decodeNested(decoding, key, block);
      return;
    case "blocks":
      listOf(result, key).push(decodeNested(decoding, key, block));
      return;
    default:
      decodeLabelled(decoding, key, noun, block, label, result, written);
  }
}

/** The label; undefined when there is none and need be none; false when that is a mistake. */
function readLabel(decoding: Decoding, key: Key, block: ScopedBlock): string | undefined | false {
  const [label, extra] = block.labels;
  if (key.label === undefined) {
    if (label === undefined) return undefined;
    decoding.error(label.range, `Block "${key.hcl}" takes no label`, `Write ${key.hcl} { … }.`);
    return false;
  }
  if (extra !== undefined) {
    decoding.error(extra.range, `Block "${key.hcl}" takes one label`, `Write ${key.hcl} "${label?.text}" { … }.`);
    return false;
  }
  if (label === undefined && key.labelOptional) return undefined;
  if (label === undefined || label.text === "") {
    decoding.error(block.headRange, `Block "${key.hcl}" wants a label`, `Write ${key.hcl} "name" { … }.`);
    return false;
  }
  return label.text;
}

function decodeNested(decoding: Decoding, key: Key, block: ScopedBlock): Decoded {
  return decodeNoun(decoding, key.nested as TSchema, key.hcl, block.body, block.scope, block.headRange);
}

function decodeLabelled(
  decoding: Decoding,
  key: Key,
  noun: string,
  block: ScopedBlock,
  label: string | undefined,
  result: Decoded,
  written: Written,
): void {
  const property = key.label as string;
  const nested = decodeNested(decoding, key, block);
  const decoded = label === undefined ? nested : { [property]: label, ...nested };
  decoding.places.alias(nested, decoded);
  const list = key.form === "labelled-map" ? mapOf(result, key) : listOf(result, key);
  const labels = written.labels.get(key.hcl) ?? new Set();
  written.labels.set(key.hcl, labels);
  const taken = label !== undefined && labels.has(label);
  if (label !== undefined) labels.add(label);
  if (taken && !key.labelOptional) {
    decoding.error(block.headRange, `Two ${key.hcl} blocks in ${noun} are called "${label}"`, "Each needs a name of its own.");
  } else if (Array.isArray(list)) list.push(decoded);
  else setProperty(list, label as string, decoded);
}

function listOf(result: Decoded, key: Key): Decoded[] {
  result[key.property] ??= [];
  return result[key.property] as Decoded[];
}

function mapOf(result: Decoded, key: Key): Decoded {
  result[key.property] ??= {};
  return result[key.property] as Decoded;
}

/** `env { KEY = value }`: the attributes are the entries. */
function decodeMapBlock(decoding: Decoding, key: Key, block: ScopedBlock, result: Decoded): void {
  const { attributes, blocks } = readBody(decoding, block.body, block.scope, () => "attribute");
  for (const each of blocks)
    decoding.error(each.headRange, `Block "${each.type}" has no place in ${key.hcl}`, `${key.hcl} holds entries: ${each.type} = "value".`);
  const map = mapOf(result, key);
  for (const attribute of attributes) {
    const value = decoding.evaluate(attribute.expression, block.scope);
    if (value === undefined || value === null) continue;
    const converted = convertValue(new Map([[attribute.name, decoding.disguise(value)]]), key.schema, false);
    if ("value" in converted) setProperty(map, attribute.name, (converted.value as Decoded)[attribute.name]);
    else
      decoding.error(
        attribute.expression.range,
        `${attribute.name} must be a string, got ${explain(converted.got).got}`,
        `${key.hcl} is a map of strings; jsonencode(…) makes text of lists and maps.`,
      );
  }
}

function decodeFreeBlock(decoding: Decoding, key: Key, block: ScopedBlock, result: Decoded): void {
  const value = decodeFree(decoding, block.body, block.scope);
  const converted = convertValue(value, key.schema, false);
  if ("value" in converted) result[key.property] = converted.value;
  else decoding.error(block.headRange, `${key.hcl} must be ${converted.wanted}, got ${explain(converted.got).got}`);
}

function unknown(decoding: Decoding, keys: Keys, noun: string, what: "attribute" | "block", name: string, range: Range): void {
  const hint = didYouMean(name, keys.keys()) || placeFor(decoding, noun, name);
  const list = hint === "" && decoding.explains(noun) ? `${noun} knows ${[...keys.keys()].sort().join(", ")}.` : "";
  decoding.error(range, `Unknown ${what} "${name}" in ${noun}`, hint === "" ? list : hint.trim());
}

/** Blocks an author mixes up, the likeliest first. */
const NEIGHBOURS: readonly (readonly [name: string, schema: TSchema])[] = [
  ["group", TaskGroup],
  ["task", Task],
  ["resources", Resources],
  ["network", Network],
  ["service", Service],
  ["check", Check],
  ["job", Job],
];
/** What drivers want, whichever it is. */
const DRIVER_WORDS = new Set(["image", "command", "args", "ports", "volumes", "entrypoint", "mount", "jar_path", "privileged"]);

/** Where what is unknown here is known. */
function placeFor(decoding: Decoding, noun: string, name: string): string {
  if (noun === "task" && DRIVER_WORDS.has(name)) return `What the driver wants goes into the task's block config { … }.`;
  const place = NEIGHBOURS.find(([, schema]) => keysIn(decoding, schema).has(name));
  return place === undefined || place[0] === noun ? "" : `"${name}" belongs in ${place[0]}.`;
}
