/** docs/coverage.md says what of Nomad is here. What it calls done is shown somewhere; what it does not is explained. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { coverageText } from "../scripts/coverage/markdown.ts";
import { commandRows, endpointRows } from "../scripts/coverage/rows.ts";

const endpoints = endpointRows();
const commands = await commandRows();

test("Every endpoint, command and flag of Nomad's is done, later or never, and says why", () => {
  assert.ok(endpoints.length > 190 && commands.length > 150, "the lists were not read");
  const standing = /^(done|(later|never): \S.*)$/s;
  assert.deepEqual(
    {
      endpoints: endpoints.filter((row) => !standing.test(row.standing)).map((row) => `${row.method} ${row.path}`),
      commands: commands.filter((row) => !standing.test(row.standing)).map((row) => row.name),
      flags: commands.flatMap((row) =>
        row.flags.filter((flag) => !standing.test(flag.standing)).map((flag) => `${row.name} -${flag.name}`),
      ),
    },
    { endpoints: [], commands: [], flags: [] },
  );
});

test("Every endpoint that is done is asked by a test, every command is in a recorded session", () => {
  const unshown = (rows: readonly { readonly standing: string; readonly shown: string }[]) =>
    rows.filter((row) => row.standing === "done" && row.shown === "");
  assert.deepEqual(unshown(endpoints), []);
  assert.deepEqual(unshown(commands), []);
});

test("docs/coverage.md is what `npm run coverage-table` writes", () => {
  const written = readFileSync(join(import.meta.dirname, "..", "docs", "coverage.md"), "utf8");
  assert.equal(written, coverageText(endpoints, commands), "run npm run coverage-table");
});
