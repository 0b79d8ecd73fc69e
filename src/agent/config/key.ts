/**
 * The words the table of configuration keys is written in (keys.ts). A key is one line: its shape, and what this version does
 * with it.
 *
 *   used      it ends up in Config
 *   quiet     nothing has to be done for it to be true (`disable_update_check`: there is none)
 *   later     accepted, and the operator is told once that it has no effect yet
 *   refuse    ignoring it would be unsafe or surprising: the agent does not start
 */

export type ValueShape = "text" | "whole" | "flag" | "duration" | "size" | "texts" | "textMap" | "free";

export type Standing =
  | { readonly kind: "used" | "quiet" }
  | { readonly kind: "later"; readonly reason: string }
  /** The reason to refuse this value; null: the value is harmless. */
  | { readonly kind: "refuse"; readonly when: (value: unknown) => string | null };

export interface ValueKey {
  readonly shape: ValueShape;
  readonly standing: Standing;
  /** Lists of several files add up instead of replacing each other. */
  readonly appends?: true;
}
export interface BlockKey {
  readonly shape: "block";
  readonly keys: KeyTable;
}
/** `plugin "raw_exec" { … }`. */
export interface LabelledKey {
  readonly shape: "labelled";
  readonly keys: (label: string) => KeyTable;
}
export type Key = ValueKey | BlockKey | LabelledKey;
export type KeyTable = Readonly<Record<string, Key>>;

export const used = (shape: ValueShape): ValueKey => ({ shape, standing: { kind: "used" } });
export const quiet = (shape: ValueShape): ValueKey => ({ shape, standing: { kind: "quiet" } });
export const later = (shape: ValueShape, reason = ""): ValueKey => ({ shape, standing: { kind: "later", reason } });
export const appended = (key: ValueKey): ValueKey => ({ ...key, appends: true });
export const refusedWhen = (shape: ValueShape, when: (value: unknown) => string | null): ValueKey => ({
  shape,
  standing: { kind: "refuse", when },
});
/** For flags: true is refused, false is what everybody has. */
export const refusedIfTrue = (reason: string): ValueKey => refusedWhen("flag", (value) => (value === true ? reason : null));
export const refusedIfAny = (shape: ValueShape, reason: string): ValueKey =>
  refusedWhen(shape, (value) => (isNothing(value) ? null : reason));
export const block = (keys: KeyTable): BlockKey => ({ shape: "block", keys });
export const labelled = (keys: KeyTable | ((label: string) => KeyTable)): LabelledKey => ({
  shape: "labelled",
  keys: typeof keys === "function" ? keys : () => keys,
});
/** Several keys that stand alike. */
export const alike = (names: string, key: Key): KeyTable => Object.fromEntries(names.split(" ").map((name) => [name, key]));

/** A value that asks for nothing: what is written out of habit needs no note. */
export function isNothing(value: unknown): boolean {
  if (value === false || value === "" || value === null || value === undefined) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
