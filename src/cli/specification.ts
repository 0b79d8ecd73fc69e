/**
 * A small thing written in a file (a namespace, a node pool): HCL by a table of keys, or with -json the API's own JSON. What a value
 * must be is the servers' to say; what is no key at all is said here, with its place.
 */
import { readFileSync } from "node:fs";
import type { Body, Expression } from "#jobspec/hcl";
import { NamedError, didYouMean, messageOf } from "#std";
import type { Context } from "./command.ts";

/** HCL key → the API's name; with `keys`: a block, with `map`: a block or map of whatever keys. */
export type SpecificationKeys = Readonly<Record<string, { readonly name: string; readonly keys?: SpecificationKeys; readonly map?: true }>>;

/** The text of a file, or of standard input for "-". */
export async function readText(context: Context, path: string): Promise<string> {
  if (path === "-") return context.terminal.readInput();
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "it is a directory" : messageOf(error);
    throw new NamedError("FILE_UNREADABLE", `Cannot read file ${JSON.stringify(path)}: ${reason}`, { cause: error });
  }
}

/** Throws NamedError SPECIFICATION_INVALID, everything wrong with its place. */
export async function readSpecification(
  context: Context,
  path: string,
  /** `block`: the whole may lie in a block of this name, whose label is the Name. */
  shape: { readonly keys: SpecificationKeys; readonly block?: string },
): Promise<Record<string, unknown> & { readonly Name: string }> {
  const text = await readText(context, path);
  const fileName = path === "-" ? "<stdin>" : path;
  const found = context.flags.flag("json") ? fromJson(text, fileName) : await fromHcl(text, fileName, shape);
  const name = found["Name"];
  if (typeof name !== "string" || name === "") throw invalid(`${fileName}: a name is missing`);
  return { ...found, Name: name };
}

function fromJson(text: string, fileName: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("want an object");
    return value as Record<string, unknown>;
  } catch (error) {
    throw new NamedError("SPECIFICATION_INVALID", `${fileName}: Cannot read JSON: ${messageOf(error)}`, { cause: error });
  }
}

async function fromHcl(
  text: string,
  fileName: string,
  shape: { readonly keys: SpecificationKeys; readonly block?: string },
): Promise<Record<string, unknown>> {
  const { HclFailure, errorAt, evaluateConstant, jsonBody, parseBody, renderDiagnostic } = await import("#jobspec/hcl");
  const { body, diagnostics } = parseBody(text, fileName);
  const problems = [...diagnostics];
  const wrong = (range: Parameters<typeof errorAt>[0], summary: string, detail = "") => void problems.push(errorAt(range, summary, detail));

  const value = (expression: Expression): unknown => {
    try {
      return evaluateConstant(expression);
    } catch (thrown) {
      if (!(thrown instanceof HclFailure)) throw thrown;
      problems.push(thrown.diagnostic);
      return undefined;
    }
  };
  const anyKeys = (of: Body): Record<string, unknown> =>
    Object.fromEntries([
      ...of.attributes.map((each) => [each.name, value(each.expression)]),
      ...of.blocks.map((each) => [each.type, anyKeys(each.body)]),
    ]);
  const read = (of: Body, keys: SpecificationKeys, where: string): Record<string, unknown> => {
    const fields: Record<string, unknown> = {};
    const known = (name: string, range: Parameters<typeof errorAt>[0]) => {
      const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
      if (key === undefined) wrong(range, `Unknown key ${JSON.stringify(name)} in ${where}`, didYouMean(name, Object.keys(keys)).trim());
      return key;
    };
    for (const attribute of of.attributes) {
      const key = known(attribute.name, attribute.nameRange);
      if (key === undefined) continue;
      const inner = key.keys === undefined ? undefined : jsonBody(attribute.expression);
      if (key.keys !== undefined && inner === undefined) wrong(attribute.range, `Expected a block: ${attribute.name} { … }`);
      else fields[key.name] = inner === undefined ? value(attribute.expression) : read(inner, key.keys ?? {}, attribute.name);
    }
    for (const block of of.blocks) {
      const key = known(block.type, block.typeRange);
      if (key === undefined) continue;
      if (key.keys !== undefined) fields[key.name] = read(block.body, key.keys, block.type);
      else if (key.map === true) fields[key.name] = { ...(fields[key.name] as object | undefined), ...anyKeys(block.body) };
      else wrong(block.headRange, `Expected ${block.type} = …, found a block`);
    }
    return fields;
  };

  let fields: Record<string, unknown> = {};
  const whole = shape.block === undefined ? undefined : body.blocks.find((block) => block.type === shape.block);
  if (diagnostics.length > 0) fields = {};
  else if (whole === undefined || shape.block === undefined) fields = read(body, shape.keys, shape.block ?? "the file");
  else {
    for (const attribute of body.attributes)
      wrong(attribute.nameRange, `Unknown key ${JSON.stringify(attribute.name)} beside ${shape.block}`);
    for (const block of body.blocks) if (block !== whole) wrong(block.headRange, `Only one ${shape.block} block is allowed in a file`);
    fields = { Name: whole.labels[0]?.text ?? "", ...read(whole.body, shape.keys, shape.block) };
  }
  if (problems.length > 0) throw invalid(problems.map((each) => renderDiagnostic(each, text)).join("\n\n"));
  return fields;
}

function invalid(text: string): NamedError {
  return new NamedError("SPECIFICATION_INVALID", text);
}
