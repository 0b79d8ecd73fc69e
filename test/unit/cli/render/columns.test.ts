import assert from "node:assert/strict";
import { test } from "node:test";
import { keyValues, table } from "../../../../src/cli/render/columns.ts";
import { palette } from "../../../../src/cli/render/colour.ts";

test("table() pads columns, sets two spaces between, and leaves none at the end", () => {
  assert.equal(
    table([
      ["ID", "Status"],
      ["a", "running"],
      ["long-id", "dead"],
    ]),
    "ID       Status\na        running\nlong-id  dead",
  );
});

test("table() prints <none> for an empty cell unless blanks are wanted", () => {
  assert.equal(
    table([
      ["A", "B"],
      ["", "x"],
    ]),
    "A       B\n<none>  x",
  );
  assert.equal(
    table(
      [
        ["A", "B"],
        ["", "x"],
      ],
      { blanks: true },
    ),
    "A  B\n   x",
  );
});

test("table() does not count colours as width", () => {
  const { red } = palette(true);
  assert.equal(
    table([
      ["A", "B"],
      [red("x"), "y"],
    ]),
    `A  B\n${red("x")}  y`,
  );
});

test("keyValues() aligns the equals signs", () => {
  assert.equal(
    keyValues([
      ["ID", "x"],
      ["Submit Date", ""],
    ]),
    "ID          = x\nSubmit Date = <none>",
  );
});
