/** Edits of base.nomad.hcl, one a `job plan`: each text is replaced where it stands first. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GROUP_EDITS } from "./edits-of-groups.ts";
import { TASK_EDITS } from "./edits-of-tasks.ts";

export interface Edit {
  readonly name: string;
  readonly replaced: readonly (readonly [string, string])[];
}

/** Without indentation and alignment: an edit finds its place whatever the formatter does. */
export const base = readFileSync(join(import.meta.dirname, "base.nomad.hcl"), "utf8")
  .replaceAll(/^\s+/gmu, "")
  .replaceAll(/ +=/gu, " =");

export function edited({ name, replaced }: Edit): string {
  return replaced.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`editing as ${JSON.stringify(name)}: the job has no ${JSON.stringify(from)}`);
    return text.replace(from, () => to);
  }, base);
}

export const EDITS: readonly Edit[] = [...GROUP_EDITS, ...TASK_EDITS];
