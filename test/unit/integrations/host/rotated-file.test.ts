import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { LINE_WINDOW_BYTES, bytesBeforeRotation, openRotatedFile } from "../../../../integrations/host/log-keeper/rotated-file.ts";
import { lineSplitter } from "../../../../integrations/host/log-keeper/protocol.ts";
import { testScale } from "../../../scale.ts";

test("a chunk is cut after the last line that fits, or at the limit when that line began long ago", () => {
  const bytes = (text: string) => Buffer.from(text);
  assert.equal(bytesBeforeRotation(bytes("ab\ncd\n"), 6), 6);
  assert.equal(bytesBeforeRotation(bytes("ab\ncd\n"), 5), 3);
  assert.equal(bytesBeforeRotation(bytes("ab\ncd\n"), 3), 3);
  assert.equal(bytesBeforeRotation(bytes("abcdef"), 4), 4);
  assert.equal(bytesBeforeRotation(bytes("abcdef"), 0), 0);
  const long = bytes(`\n${"x".repeat(LINE_WINDOW_BYTES + 10)}`);
  assert.equal(bytesBeforeRotation(long, LINE_WINDOW_BYTES + 5), LINE_WINDOW_BYTES + 5);
});

test("whatever arrives in whatever pieces, files hold it in order, within the limit, in whole lines where lines are short", () => {
  const line = fc.string({ unit: "grapheme-ascii", maxLength: 60 }).map((text) => `${text.replaceAll("\n", "")}\n`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 200 }), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (lines, sizes) => {
      const directory = mkdtempSync(path.join(tmpdir(), "drover-rotate-"));
      try {
        const limits = { maxFiles: 1000, maxFileBytes: 500 };
        let file = openRotatedFile(directory, "web.stdout", limits);
        const all = Buffer.from(lines.join(""));
        for (let at = 0, turn = 0; at < all.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          file.write(all.subarray(at, at + size));
          at += size;
          if (turn % 7 === 6) {
            file.close();
            file = openRotatedFile(directory, "web.stdout", limits);
          }
        }
        file.close();
        const names = readdirSync(directory).toSorted((a, b) => Number(a.split(".")[2]) - Number(b.split(".")[2]));
        const parts = names.map((name) => readFileSync(path.join(directory, name)));
        assert.equal(Buffer.concat(parts).toString(), lines.join(""));
        for (const part of parts) assert.ok(part.length <= limits.maxFileBytes);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: Math.round(30 * testScale()) },
  );
});

test("only the newest files are kept, also when the limit is lowered", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "drover-rotate-"));
  try {
    const file = openRotatedFile(directory, "web.stdout", { maxFiles: 3, maxFileBytes: 10 });
    for (let index = 0; index < 6; index++) file.write(Buffer.from("12345678\n"));
    assert.deepEqual(readdirSync(directory).toSorted(), ["web.stdout.3", "web.stdout.4", "web.stdout.5"]);
    file.limit({ maxFiles: 1, maxFileBytes: 10 });
    assert.deepEqual(readdirSync(directory), ["web.stdout.5"]);
    file.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("lines are whole however they arrive", () => {
  const lines: string[] = [];
  const take = lineSplitter((line) => lines.push(line));
  for (const piece of ["a", "b\nc", "\n", "\nd"]) take(piece);
  assert.deepEqual(lines, ["ab", "c", ""]);
});
