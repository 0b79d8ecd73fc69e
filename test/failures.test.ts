/**
 * The failures never to repeat: each of these numbers must stand in the name of a test. What they mean is told by the tests.
 * Volumes and devices come with later parts; their numbers join the list then.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const REPOSITORY = join(import.meta.dirname, "..");
const NUMBERS = Array.from({ length: 57 }, (_, index) => index + 1);

/** Numbers in names of tests: "(F4, F7)", "(F10–F12)". */
function numbersIn(text: string): number[] {
  const names = [...text.matchAll(/\b(?:test|it|check|scenario|property|story)\w*\(\s*(["'`])([^]*?)\1/g)].map((match) => match[2] ?? "");
  return names.flatMap((name) =>
    [...name.matchAll(/\bF(\d+)(?:–F(\d+))?/g)].flatMap(([, from, to]) => {
      const first = Number(from);
      return Array.from({ length: Number(to ?? from) - first + 1 }, (_, index) => first + index);
    }),
  );
}

test("each failure never to repeat is named by a test", () => {
  const named = new Set(
    globSync("test/**/*.test.ts", { cwd: REPOSITORY }).flatMap((file) => numbersIn(readFileSync(join(REPOSITORY, file), "utf8"))),
  );
  const missing = NUMBERS.filter((number) => !named.has(number)).map((number) => `F${number}`);
  assert.deepEqual(missing, []);
});
