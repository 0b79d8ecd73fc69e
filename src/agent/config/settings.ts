/**
 * What configuration files and flags say, before it means anything: dotted path → value and where it was written. Later files
 * win key by key; maps merge by their keys; a few lists add up. The order of merging is the order given.
 */
import { renderDiagnostic } from "#jobspec/hcl";
import type { Diagnostic } from "#jobspec";

/** Where a value was written: a place in a file, or a flag. */
export type Origin =
  | { readonly flag: string }
  | { readonly file: string; readonly text: string; readonly start: Diagnostic["start"]; readonly end: Diagnostic["end"] };

export interface Setting {
  readonly value: unknown;
  readonly origin: Origin;
  readonly appends: boolean;
}

/** Path → setting: `server.enabled`, `plugin.raw_exec.config.enabled`. */
export type Settings = ReadonlyMap<string, Setting>;

export const NO_SETTINGS: Settings = new Map();

export function mergeConfig(base: Settings, over: Settings): Settings {
  const merged = new Map(base);
  for (const [path, next] of over) {
    const old = merged.get(path);
    merged.set(path, old === undefined ? next : { ...next, value: mergedValue(old.value, next) });
  }
  return merged;
}

function mergedValue(old: unknown, next: Setting): unknown {
  if (Array.isArray(next.value))
    return next.appends && Array.isArray(old) ? [...new Set([...(old as unknown[]), ...(next.value as unknown[])])] : next.value;
  if (isMap(old) && isMap(next.value)) return { ...old, ...next.value };
  return next.value;
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** One mistake as a person reads it: its place, what is wrong, how to mend it. */
export function problemAt(origin: Origin | undefined, summary: string, detail: string): string {
  if (origin === undefined) return detail === "" ? summary : `${summary}\n${detail}`;
  if ("flag" in origin) return `flag ${origin.flag}: ${summary}${detail === "" ? "" : `\n${detail}`}`;
  return renderMistake({ severity: "error", summary, detail, start: origin.start, end: origin.end }, origin.text);
}

/** The line is shown unless it may hold a secret: what goes to a terminal goes to logs too. */
export function renderMistake(diagnostic: Diagnostic, text: string): string {
  const line = text.split("\n", diagnostic.start.line)[diagnostic.start.line - 1] ?? "";
  return /token|secret|encrypt|password|auth|key|:[^"]*@/i.test(line) ? renderDiagnostic(diagnostic) : renderDiagnostic(diagnostic, text);
}
