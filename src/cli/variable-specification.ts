/**
 * A variable as a file or command line says it: HCL or JSON, `key=value` words. What cannot be read is told by its place alone: whatever
 * stands there may be a secret.
 */
import { readFileSync } from "node:fs";
import type { Variable } from "#model";
import { messageOf, NamedError } from "#std";
import type { Context } from "./command.ts";
import { UsageError } from "./flags.ts";

/** "" and undefined: not said. */
export interface VariableSpecification {
  readonly Namespace: string;
  readonly Path: string;
  readonly ModifyIndex: number;
  readonly Items: Readonly<Record<string, string>>;
  readonly Lock: { readonly TTL: string; readonly LockDelay: string };
}

export type SpecificationFormat = "hcl" | "json";

export const EMPTY_SPECIFICATION: VariableSpecification = {
  Namespace: "",
  Path: "",
  ModifyIndex: 0,
  Items: {},
  Lock: { TTL: "", LockDelay: "" },
};

/** `word`: "@file" or "-". `format`: what -in says, for what its name does not tell. */
export async function readVariableSpecification(
  context: Context,
  word: string,
  format: SpecificationFormat,
): Promise<VariableSpecification> {
  if (word === "-") return parseSpecification(await context.terminal.readInput(), "<stdin>", format);
  const path = word.slice(1);
  const known = /\.(hcl|json)$/.exec(path)?.[1] as SpecificationFormat | undefined;
  return parseSpecification(readBytes(path).toString("utf8"), path, known ?? format);
}

export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "it is a directory" : messageOf(error);
    throw new NamedError("FILE_UNREADABLE", `Cannot read file ${JSON.stringify(path)}: ${reason}`, { cause: error });
  }
}

/** `key=text`, `key=@file`, `key=-`; a text that begins with a backslash and @ or - has that sign itself. */
export async function readItemWords(context: Context, words: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const items: Record<string, string> = {};
  for (const [at, word] of words.entries()) {
    const mark = word.indexOf("=");
    // Not quoted: it may be a value whose key was forgotten.
    if (mark < 1) throw new UsageError(`Item ${at + 1} of the command line has no "=": want key=value, key=@file or key=-`);
    const value = word.slice(mark + 1);
    if (value === "-") items[word.slice(0, mark)] = (await context.terminal.readBytes()).toString("utf8");
    else if (value.startsWith("@")) items[word.slice(0, mark)] = readBytes(value.slice(1)).toString("utf8");
    else items[word.slice(0, mark)] = /^\\[@-]/.test(value) ? value.slice(1) : value;
  }
  return items;
}

/** Throws NamedError SPECIFICATION_INVALID. */
export async function parseSpecification(text: string, fileName: string, format: SpecificationFormat): Promise<VariableSpecification> {
  const fields = format === "json" ? fromJson(text, fileName) : await fromHcl(text, fileName);
  const lock = objectOf(fields, "lock", fileName);
  const found = {
    Namespace: textOf(fields, "namespace", fileName),
    Path: textOf(fields, "path", fileName).replace(/^\/+|\/+$/g, ""),
    ModifyIndex: Number(fieldOf(fields, "modifyindex") ?? 0),
    Items: itemsOf(objectOf(fields, "items", fileName), fileName),
    Lock: { TTL: textOf(lock, "ttl", fileName), LockDelay: textOf(lock, "lockdelay", fileName) },
  };
  if (!Number.isSafeInteger(found.ModifyIndex)) throw invalid(`${fileName}: the modify index is no whole number`);
  return found;
}

type Fields = Readonly<Record<string, unknown>>;

function fromJson(text: string, fileName: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec(messageOf(error))?.[1];
    throw invalid(`${fileName}: this is not JSON${at === undefined ? "" : `, from character ${at} on`}; say -in=hcl for HCL`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${fileName}: want a JSON object`);
  return value as Fields;
}

async function fromHcl(text: string, fileName: string): Promise<Fields> {
  const { HclFailure, evaluateConstant, parseBody } = await import("#jobspec/hcl");
  const { body, diagnostics } = parseBody(text, fileName);
  const wrong = ({ line, column }: { readonly line: number; readonly column: number }): NamedError =>
    invalid(`${fileName}:${line}:${column}: this cannot be read as HCL; text is written in quotes`);
  const [first] = diagnostics;
  if (first !== undefined) throw wrong(first.start);
  const read = (of: typeof body): Fields => {
    const fields: Record<string, unknown> = {};
    for (const { name, expression } of of.attributes) {
      try {
        fields[name] = evaluateConstant(expression);
      } catch (thrown) {
        if (thrown instanceof HclFailure) throw wrong(thrown.diagnostic.start);
        throw thrown;
      }
    }
    for (const { type, body: inner } of of.blocks) fields[type] = { ...(fields[type] as object | undefined), ...read(inner) };
    return fields;
  };
  return read(body);
}

/** `modify_index`, ModifyIndex: one field. */
function fieldOf(fields: Fields, name: string): unknown {
  const key = Object.keys(fields).find((each) => each.replaceAll("_", "").toLowerCase() === name);
  return key === undefined ? undefined : (fields[key] ?? undefined);
}

function textOf(fields: Fields, name: string, fileName: string): string {
  const value = fieldOf(fields, name) ?? "";
  if (typeof value !== "string") throw invalid(`${fileName}: ${name} is no text`);
  return value;
}

function objectOf(fields: Fields, name: string, fileName: string): Fields {
  const value = fieldOf(fields, name) ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${fileName}: ${name} is no block of names and texts`);
  return value as Fields;
}

function itemsOf(fields: Fields, fileName: string): Variable["Items"] {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (typeof value === "number" || typeof value === "boolean") return [key, String(value)];
      if (typeof value !== "string") throw invalid(`${fileName}: item ${JSON.stringify(key)} is no text`);
      return [key, value];
    }),
  );
}

function invalid(text: string): NamedError {
  return new NamedError("SPECIFICATION_INVALID", text, { statusCode: 400 });
}
