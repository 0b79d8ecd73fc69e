/**
 * One configuration file (HCL1's and HCL2's common ground, or JSON) → settings. The table of keys says what may be written and
 * how; anything else is a mistake with its place.
 *
 * A block may be written as a block, as a map, or (JSON) as a list of one map; a label as a label or as one level of a map.
 */
import {
  type Attribute,
  type Block,
  type Body,
  type Expression,
  HclFailure,
  type Range,
  type Scope,
  evaluateConstant,
  jsonBody,
  parseBody,
} from "#jobspec/hcl";
import { didYouMean, parseDuration } from "#std";
import { AGENT_KEYS } from "./keys.ts";
import type { Key, KeyTable, LabelledKey, ValueKey, ValueShape } from "./key.ts";
import { type Origin, type Setting, type Settings, problemAt, renderMistake } from "./settings.ts";

export interface ReadFile {
  readonly settings: Settings;
  /** Rendered. */
  readonly problems: readonly string[];
}

/** `${…}` stays as it is: driver configuration is interpolated later, elsewhere. */
const SCOPE: Scope = { names: new Map(), functions: new Map(), unknownRoots: "keep", hints: new Map() };

export function readFile(name: string, text: string): ReadFile {
  const parsed = parseBody(text, name, { hcl1: true, format: name.endsWith(".json") ? "json" : "auto" });
  const reader = new Reader(name, text);
  if (parsed.diagnostics.length === 0) reader.body(AGENT_KEYS, parsed.body, "");
  return { settings: reader.settings, problems: [...parsed.diagnostics.map((each) => renderMistake(each, text)), ...reader.problems()] };
}

class Reader {
  readonly settings = new Map<string, Setting>();
  readonly #mistakes: { readonly at: number; readonly text: string }[] = [];
  readonly #name: string;
  readonly #text: string;

  constructor(name: string, text: string) {
    this.#name = name;
    this.#text = text;
  }

  /** In the order of the text. */
  problems(): readonly string[] {
    return this.#mistakes.toSorted((x, y) => x.at - y.at).map((each) => each.text);
  }

  body(table: KeyTable, body: Body, path: string): void {
    for (const attribute of body.attributes) {
      const key = this.#known(table, attribute.name, attribute.nameRange, path);
      if (key !== undefined) this.#attribute(key, attribute, joined(path, attribute.name));
    }
    for (const block of body.blocks) {
      const key = this.#known(table, block.type, block.typeRange, path);
      if (key !== undefined) this.#block(key, block, joined(path, block.type));
    }
  }

  /** An empty `consul { }` asks for Consul with everything left as it is. */
  #present(path: string, range: Range): void {
    const mark = (at: string) => this.settings.set(at, { value: true, origin: this.#origin(range), appends: false });
    if (path === "consul") mark("consul.enabled");
    // An empty one is no less written.
    if (path.startsWith("client.host_network.")) mark(`${path}.written`);
  }

  #known(table: KeyTable, name: string, range: Range, path: string): Key | undefined {
    if (Object.hasOwn(table, name)) return table[name];
    const where = path === "" ? "the agent's configuration" : path;
    const known = Object.keys(table);
    const elsewhere = path !== "" && Object.hasOwn(AGENT_KEYS, name) ? `It belongs at the top level, outside ${path}.` : "";
    const detail = didYouMean(name, known).trim() || elsewhere || belongsIn(name);
    // What follows an unknown key may be a secret: only the key is shown.
    const shown = this.#text.slice(0, range.end);
    this.#mistakes.push({
      at: range.start,
      text: problemAt({ ...this.#origin(range), text: shown }, `Unknown key ${JSON.stringify(name)} in ${where}`, detail),
    });
    return undefined;
  }

  #attribute(key: Key, attribute: Attribute, path: string): void {
    if (key.shape === "block") {
      for (const body of this.#bodies(attribute.expression, path)) {
        this.#present(path, attribute.nameRange);
        this.body(key.keys, body, path);
      }
    } else if (key.shape === "labelled") {
      for (const body of this.#bodies(attribute.expression, path)) this.#labels(key, body, path);
    } else {
      const found = this.#evaluate(attribute.expression);
      if (found !== undefined) this.#value(key, found.value, attribute.expression.range, path);
    }
  }

  #block(key: Key, block: Block, path: string): void {
    const label = block.labels[0];
    if (key.shape === "labelled") {
      // HCL1 lets the label stand as a block of its own: plugin { raw_exec { … } }
      if (label === undefined) this.#labels(key, block.body, path);
      else {
        this.#present(joined(path, label.text), block.headRange);
        this.body(key.keys(label.text), block.body, joined(path, label.text));
      }
      return;
    }
    if (label !== undefined && !(key.shape === "block" && path === "consul"))
      this.#mistake(label.range, `Block "${block.type}" takes no label`, "Remove it.");
    if (key.shape === "block") {
      this.#present(path, block.typeRange);
      this.body(key.keys, block.body, path);
    } else if (key.shape === "textMap" || key.shape === "free") this.#map(key, block.body, block.headRange, path);
    else this.#mistake(block.typeRange, `Expected ${block.type} = ${example(key.shape)}, found a block`, "");
  }

  #labels(key: LabelledKey, body: Body, path: string): void {
    for (const attribute of body.attributes) {
      // Its own keys stand where its name belongs: the label was forgotten.
      if (jsonBody(attribute.expression) === undefined && Object.hasOwn(key.keys(attribute.name), attribute.name)) {
        const block = path.split(".").at(-1) ?? path;
        this.#mistake(attribute.nameRange, `Block "${block}" has no name`, `Write ${block} "NAME" { … }.`);
        return;
      }
      for (const inner of this.#bodies(attribute.expression, joined(path, attribute.name))) {
        this.#present(joined(path, attribute.name), attribute.nameRange);
        this.body(key.keys(attribute.name), inner, joined(path, attribute.name));
      }
    }
    for (const block of body.blocks) {
      this.#present(joined(path, block.type), block.typeRange);
      this.body(key.keys(block.type), block.body, joined(path, block.type));
    }
  }

  /** The bodies written as one map, or as a list of maps. */
  #bodies(expression: Expression, path: string): readonly Body[] {
    const items = expression.kind === "tuple" ? expression.items : [expression];
    return items.flatMap((item) => {
      const body = jsonBody(item);
      if (body === undefined)
        this.#mistake(item.range, `Expected a block for ${JSON.stringify(path)}`, `Write ${path.split(".").at(-1)} { … }.`);
      return body === undefined ? [] : [body];
    });
  }

  /** Free content written as a block: nested blocks become maps. */
  #map(key: ValueKey, body: Body, range: Range, path: string): void {
    const value = this.#plain(body);
    if (value !== undefined) this.#value(key, value, range, path);
  }

  #plain(body: Body): Record<string, unknown> | undefined {
    const entries: [string, unknown][] = [];
    for (const attribute of body.attributes) {
      const found = this.#evaluate(attribute.expression);
      if (found === undefined) return undefined;
      entries.push([attribute.name, found.value]);
    }
    for (const block of body.blocks) {
      const inner = this.#plain(block.body);
      if (inner === undefined) return undefined;
      entries.push([block.type, block.labels.reduceRight<unknown>((value, label) => ({ [label.text]: value }), inner)]);
    }
    return Object.fromEntries(entries);
  }

  #evaluate(expression: Expression): { readonly value: unknown } | undefined {
    try {
      return { value: evaluateConstant(expression, SCOPE) };
    } catch (thrown) {
      if (!(thrown instanceof HclFailure)) throw thrown;
      this.#mistakes.push({ at: expression.range.start, text: renderMistake(thrown.diagnostic, this.#text) });
      return undefined;
    }
  }

  #value(key: ValueKey, given: unknown, range: Range, path: string): void {
    const value = convert(key.shape, given);
    if (value === undefined) {
      this.#mistake(
        range,
        `Wrong type for ${JSON.stringify(path)}: expected ${wanted(key.shape)}, found ${found(given)}`,
        `For example: ${path.split(".").at(-1)} = ${example(key.shape)}`,
      );
      return;
    }
    const origin = this.#origin(range);
    const before = this.settings.get(path)?.value;
    // Within one file as between files: maps written in two places add up.
    const both = key.shape === "textMap" && typeof before === "object" ? { ...before, ...(value as object) } : value;
    this.settings.set(path, { value: both, origin, appends: key.appends === true });
  }

  #origin(range: Range): Extract<Origin, { readonly file: string }> {
    return { file: this.#name, text: this.#text, start: range.source.positionAt(range.start), end: range.source.positionAt(range.end) };
  }

  #mistake(range: Range, summary: string, detail: string): void {
    this.#mistakes.push({ at: range.start, text: problemAt(this.#origin(range), summary, detail) });
  }
}

/** HCL1 is lenient about quotes: "4646" is a number where one is wanted, and 1 is text where text is. */
function convert(shape: ValueShape, given: unknown): unknown {
  switch (shape) {
    case "text":
      return typeof given === "string" ? given : typeof given === "number" || typeof given === "boolean" ? String(given) : undefined;
    case "whole": {
      const number = typeof given === "string" && /^-?\d+$/.test(given) ? Number(given) : given;
      return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
    }
    case "flag":
      return typeof given === "boolean" ? given : given === "true" || given === "false" ? given === "true" : undefined;
    case "duration": {
      // Nanoseconds → milliseconds, the unit everything here uses.
      const nanoseconds = typeof given === "number" ? given : typeof given === "string" ? parseDuration(given) : undefined;
      return nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1e6);
    }
    case "size":
      return parseSize(given);
    case "texts":
      if (typeof given === "string") return [given];
      return Array.isArray(given) && given.every((each) => typeof each === "string") ? given : undefined;
    case "textMap":
      return textMap(given);
    case "free":
      return given;
  }
}

function textMap(given: unknown): Record<string, string> | undefined {
  const maps = Array.isArray(given) ? (given as unknown[]) : [given];
  const entries: [string, string][] = [];
  for (const map of maps) {
    if (typeof map !== "object" || map === null || Array.isArray(map)) return undefined;
    for (const [key, value] of Object.entries(map)) {
      if (typeof value === "object") return undefined;
      entries.push([key, String(value)]);
    }
  }
  return Object.fromEntries(entries);
}

/** "1M", "512KB", 1048576 → bytes. */
function parseSize(given: unknown): number | undefined {
  if (typeof given === "number") return Number.isSafeInteger(given) && given >= 0 ? given : undefined;
  const match = typeof given === "string" ? /^(\d+)\s*([kmg]?)(i?b)?$/i.exec(given) : null;
  if (match === null) return undefined;
  const power = ["", "k", "m", "g"].indexOf((match[2] ?? "").toLowerCase());
  return Number(match[1]) * 1024 ** power;
}

const joined = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

const WANTED: Readonly<Record<ValueShape, readonly [words: string, example: string]>> = {
  text: ["text", '"…"'],
  whole: ["a whole number", "1"],
  flag: ["true or false", "true"],
  duration: ["a duration", '"30s"'],
  size: ["a size", '"1M"'],
  texts: ["a list of text", '["…"]'],
  textMap: ["a map of text", '{ name = "value" }'],
  free: ["a map", "{ … }"],
};
const wanted = (shape: ValueShape) => WANTED[shape][0];
const example = (shape: ValueShape | "block" | "labelled") => (shape === "block" || shape === "labelled" ? "{ … }" : WANTED[shape][1]);

/** Never the value itself: it may be a secret in the wrong place. */
function found(given: unknown): string {
  if (given === null) return "null";
  if (Array.isArray(given)) return "a list";
  return typeof given === "object" ? "a map" : typeof given === "string" ? "text" : typeof given === "number" ? "a number" : "a boolean";
}

/** A key of server or client written at the top. */
function belongsIn(name: string): string {
  const homes = Object.entries(AGENT_KEYS)
    .filter(([, key]) => key.shape === "block" && Object.hasOwn(key.keys, name))
    .map(([home]) => home);
  return homes.length === 0 ? "" : `It belongs inside ${homes.map((home) => `${home} { … }`).join(" or ")}.`;
}
