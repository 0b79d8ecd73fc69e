import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bytesOf, holdsBytes, textOf } from "#std";
import { testScale } from "../../scale.ts";

describe("texts that hold any bytes", () => {
  test("any bytes come back as they were", () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc
        .array(fc.constantFrom(0, 0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xff))
        .map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, (each) => assert.deepEqual([...bytesOf(textOf(each))], [...each])),
      { numRuns: 300 * testScale() },
    );
  });
  test("text is its UTF-8, and stays text among bytes that are none", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const utf8 = Buffer.from(text, "utf8");
        assert.equal(textOf(utf8), text);
        assert.equal(holdsBytes(text), false);
        assert.equal(textOf(Buffer.concat([utf8, Buffer.from([0xff]), utf8])), `${text}\udcff${text}`);
      }),
      { numRuns: 200 * testScale() },
    );
  });
  test("a mark of byte order stays", () => assert.equal(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa"));
  test("16 MiB of noise are quick and take no more than some times themselves", () => {
    const bytes = Uint8Array.from({ length: 4 * 1024 * 1024 }, (_, index) => (index * 2654435761) >>> 24);
    const startedMs = performance.now();
    const back = bytesOf(textOf(bytes));
    assert.equal(Buffer.compare(bytes, back), 0);
    assert.ok(performance.now() - startedMs < 4000, `${performance.now() - startedMs} ms`);
  });
});
