/**
 * What is to be done about templates whose bytes are not those the process was last told of. Pure. nomad.md §1.10.
 *
 *   any with change_mode restart ──► one restart, whatever the others want: a new process reads them all
 *   otherwise ──► each signal once, each script once; noop: nothing but to note it
 */
import type { Template } from "#model";
import type { PreparedTemplate } from "./task-templates.ts";

export type ChangeScript = NonNullable<Template["ChangeScript"]>;

export interface ChangePlan {
  readonly restart: boolean;
  readonly signals: readonly string[];
  readonly scripts: readonly ChangeScript[];
  /** The process is told of these by it. */
  readonly names: readonly string[];
}

export function planChange(changed: readonly PreparedTemplate[]): ChangePlan {
  const modes = changed.map(({ template }) => template.ChangeMode);
  const names = changed.map(({ name }) => name);
  if (modes.includes("restart") || modes.includes("")) return { restart: true, signals: [], scripts: [], names };
  const signals = changed.flatMap(({ template }) =>
    template.ChangeMode === "signal" ? [template.ChangeSignal === "" ? "SIGHUP" : template.ChangeSignal] : [],
  );
  const scripts = changed.flatMap(({ template }) =>
    template.ChangeMode === "script" && template.ChangeScript !== null ? [template.ChangeScript] : [],
  );
  const once = new Map(scripts.map((script) => [JSON.stringify(script), script]));
  return { restart: false, signals: [...new Set(signals)], scripts: [...once.values()], names };
}

/** The longest of them, in milliseconds: a random part of it is waited before acting. */
export function splayMs(changed: readonly PreparedTemplate[]): number {
  return Math.max(0, ...changed.map(({ template }) => template.Splay / 1e6));
}
