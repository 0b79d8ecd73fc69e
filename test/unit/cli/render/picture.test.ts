import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fitPicture } from "../../../../src/cli/render/picture.ts";

// eslint-disable-next-line no-control-regex
const bare = (line: string) => line.replaceAll(/\u001b\[[0-9;]*m/g, "");

test("fitPicture() keeps what fits as it is", () => {
  assert.deepEqual(fitPicture("one\n\u001b[1mtwo\u001b[22m", { columns: 80, rows: 24 }), ["one", "\u001b[1mtwo\u001b[22m"]);
});

test("fitPicture() cuts long lines and ends their colour", () => {
  assert.deepEqual(fitPicture("\u001b[31mabcdef\u001b[39m", { columns: 4, rows: 24 }), ["\u001b[31mabc\u001b[0m"]);
});

test("fitPicture() shows the last lines when there are too many", () => {
  assert.deepEqual(fitPicture("1\n2\n3\n4\n5", { columns: 80, rows: 4 }), ["3", "4", "5"]);
});

test("a picture never wraps and never scrolls, whatever is drawn and however small the screen", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme-ascii" })),
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 3, max: 12 }),
      (lines, columns, rows) => {
        const shown = fitPicture(lines.join("\n"), { columns, rows });
        assert.ok(shown.length < rows);
        for (const line of shown) assert.ok([...bare(line)].length < columns);
      },
    ),
  );
});
