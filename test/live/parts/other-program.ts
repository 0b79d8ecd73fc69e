/**
 * Drover as it was, or as it may become: a copy of this repository's program with a few lines changed, run as any other. Every change is asserted to
 * have found its place once, so that a test of two programs never runs one.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../real-agent.ts";

export interface Change {
  /** From the repository's root. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly from: string | RegExp;
  readonly to: string;
}

/** Its main.ts, for `machine.agent(files, { program })`. The folder must not be there, and is the caller's to remove. */
export function otherProgram(folder: string, changes: readonly Change[]): string {
  mkdirSync(folder, { recursive: true });
  for (const part of ["src", "integrations", "templates", "package.json"])
    cpSync(join(REPOSITORY, part), join(folder, part), { recursive: true });
  symlinkSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  for (const { file, from, to } of changes) {
    const path = join(folder, file);
    const before = readFileSync(path, "utf8");
    assert.equal(before.split(from).length, 2, `${file}: ${String(from)} is there once`);
    writeFileSync(
      path,
      before.replace(from, () => to),
    );
  }
  return join(folder, "src", "main.ts");
}
