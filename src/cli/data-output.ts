/** `-json` and `-t`: an answer as data. */
import { UsageError, type FlagTable } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

export const DATA_FLAGS: FlagTable = {
  json: { kind: "boolean", about: "Print as JSON" },
  t: { kind: "text", value: "template", about: "Print through a Go template: paths such as {{.ID}} and {{range .}}…{{end}}" },
};

/** Prints through the template when there is one, else as indented JSON. */
export function printData(terminal: Terminal, data: unknown, template: string | undefined): void {
  terminal.print(template === undefined ? JSON.stringify(data, null, 4) : renderTemplate(template, data));
}

/**
 * The part of Go's template language that command lines use: `{{.Path.To.Field}}`, `{{range .Path}}…{{end}}`, `{{.}}`, quoted text.
 * Anything else is refused by name. The whole language comes with task templates.
 */
export function renderTemplate(template: string, data: unknown): string {
  const opened = template.lastIndexOf("{{");
  if (opened > template.lastIndexOf("}}"))
    throw new UsageError(`template: ${JSON.stringify(template.slice(opened))} is not closed: want }}`);
  const parts = template.split(/\{\{-?\s*([\s\S]*?)\s*-?\}\}/);
  const [text, rest] = renderParts(parts, 0, data);
  if (rest < parts.length) throw new UsageError("template: {{end}} without {{range}} or {{if}}");
  return text;
}

function renderParts(parts: readonly string[], from: number, dot: unknown): [text: string, next: number] {
  let text = "";
  let at = from;
  while (at < parts.length) {
    if (at % 2 === 0) {
      text += parts[at++] as string;
      continue;
    }
    const action = parts[at++] as string;
    if (action === "end") return [text, at];
    const block = /^(range|if|with) (\S+)$/.exec(action);
    if (block !== null) {
      const value = resolvePath(block[2] as string, dot);
      const dots =
        block[1] === "range" ? Object.values((value ?? []) as object) : isEmpty(value) ? [] : [block[1] === "with" ? value : dot];
      let next = renderParts(parts, at, undefined)[1];
      for (const each of dots) {
        const [inner, after] = renderParts(parts, at, each);
        text += inner;
        next = after;
      }
      at = next;
      continue;
    }
    text += print(resolvePath(action, dot));
  }
  return [text, at];
}

function resolvePath(path: string, dot: unknown): unknown {
  if (/^"(?:[^"\\]|\\.)*"$/.test(path)) return JSON.parse(path);
  if (path === ".") return dot;
  if (!/^(\.[A-Za-z_]\w*)+$/.test(path))
    throw new UsageError(`template: ${JSON.stringify(path)} is not understood here: want a path such as {{.ID}}, range, if, with or end`);
  return path
    .slice(1)
    .split(".")
    .reduce<unknown>((value, name) => (value === null || value === undefined ? undefined : (value as Record<string, unknown>)[name]), dot);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    value === 0 ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function print(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(print).join(" ")}]`;
  if (typeof value === "object")
    return `map[${Object.entries(value)
      .toSorted(([l], [r]) => (l < r ? -1 : 1))
      .map(([key, each]) => `${key}:${print(each)}`)
      .join(" ")}]`;
  return String(value);
}
