/** Which version of a command is written while servers of several levels are there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLevel, commandVersion, FEATURE_LEVEL } from "#state";
import { versionAt } from "../../../src/state/commands/table.ts";

test("A version that came with a later level is written once all servers have that level; until then the one before", () => {
  const levels = { 3: 2, 4: 4 };
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((level) => versionAt(4, levels, level)),
    [2, 3, 3, 4, 4],
  );
  assert.equal(versionAt(2, {}, 1), 2);
  assert.equal(versionAt(1, { 1: 9 }, 1), 1, "the first version is always there");
});

test("What this program writes it may write at its own level; a type it does not know has no version", () => {
  assert.equal(commandVersion("job-register", FEATURE_LEVEL), commandVersion("job-register"));
  assert.equal(commandVersion("no-such-command"), undefined);
});

test("A snapshot is restored only where every server reads the form it is written in", () => {
  for (const type of ["restore-part", "restore-commit"] as const) assert.equal(commandLevel(type), FEATURE_LEVEL);
});
