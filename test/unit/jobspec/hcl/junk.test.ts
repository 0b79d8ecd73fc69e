/** Whatever the text is: diagnostics, never an exception, in bounded time. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { JobFileError, parseJob } from "#jobspec";
import { parseBody, renderDiagnostic } from "#jobspec/hcl";
import { testScale } from "../../../scale.ts";

const folder = join(import.meta.dirname, "../../../scenario/jobspec");
const inputs = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8").split("\n----\n")[0] ?? "");
const PIECES = [
  "${",
  "%{",
  "}",
  "{",
  "[",
  "]",
  "(",
  ")",
  '"',
  "<<EOT\n",
  "\n",
  "=",
  "==",
  "\\",
  "/*",
  "#",
  "for ",
  "if ",
  "...",
  "~",
  "'",
  "\u0000",
  "\uD800",
  "é",
  ".",
  "*",
  "?",
  ":",
  "null",
  "-",
  "1e999",
  "%{endif}",
];

/** A text with some of its characters replaced, removed, doubled. */
const mutated = fc
  .tuple(
    fc.constantFrom(...inputs),
    fc.array(fc.tuple(fc.nat(), fc.nat(20), fc.constantFrom("", ...PIECES)), { minLength: 1, maxLength: 6 }),
  )
  .map(([text, changes]) =>
    changes.reduce((now, [at, remove, put]) => {
      const start = now.length === 0 ? 0 : at % now.length;
      return now.slice(0, start) + put + now.slice(start + remove);
    }, text),
  );

function parse(text: string): void {
  try {
    parseJob({ text, fileName: "f", allowFileFunctions: false });
  } catch (thrown) {
    assert.ok(thrown instanceof JobFileError, `${String(thrown)} for ${JSON.stringify(text)}`);
    assert.ok(thrown.diagnostics.length > 0);
  }
}

describe("whatever the text is, what comes is a job or a list of mistakes", () => {
  test("for random changes of real files", () => {
    fc.assert(fc.property(mutated, parse), { numRuns: Math.round(400 * testScale()) });
  });

  test("for random text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), parse), { numRuns: Math.round(150 * testScale()) });
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join("")),
        parse,
      ),
      { numRuns: Math.round(250 * testScale()) },
    );
  });

  test("every place of a mistake is in the text, and can be shown", () => {
    fc.assert(
      fc.property(mutated, (text) => {
        const lines = text.split("\n");
        for (const diagnostic of parseBody(text, "f").diagnostics) {
          const { line, column } = diagnostic.start;
          assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
          assert.ok(
            column >= 1 && column <= (lines[line - 1] as string).length + 1,
            `column ${column} of ${JSON.stringify(lines[line - 1])}`,
          );
          assert.ok(renderDiagnostic(diagnostic, text).startsWith(`f:${line}:${column}: `));
        }
      }),
      { numRuns: Math.round(200 * testScale()) },
    );
  });
});

describe("text made to hurt is refused quickly", () => {
  const many = 200_000;
  for (const [name, text] of [
    ["brackets", `a = ${"[".repeat(many)}`],
    ["blocks", "a {\n".repeat(many)],
    ["parentheses", `a = ${"(".repeat(many)}`],
    ["not", `a = ${"!".repeat(many)}`],
    ["sums", `a = ${"1+".repeat(many)}1`],
    ["steps", `a = a${".a".repeat(many)}`],
    ["indexes", `a = a${"[0]".repeat(many)}`],
    ["splats", `a = a${"[*]".repeat(many)}`],
    ["conditionals", `a = ${"a?b:".repeat(many)}1`],
    ["templates", `a = "${'${"'.repeat(many)}`],
    ["heredocs", "a = <<A\n".repeat(many)],
    ["comments", "/*".repeat(many)],
    ["closing braces", "}\n".repeat(many)],
    ["JSON lists", `{"a":${"[".repeat(many)}`],
    ["JSON objects", '{"a":'.repeat(many)],
    ["directives", `a = "${"%{ if x }".repeat(10_000)}"`],
  ] as const) {
    test(name, () => {
      const started = performance.now();
      parse(text);
      const took = performance.now() - started;
      assert.ok(took < 10_000, `${Math.round(took)} ms`);
    });
  }

  test("ten megabytes of binary junk", () => {
    const bytes = Uint8Array.from({ length: 10_000_000 }, (_, index) => (Math.imul(index, 2654435761) >>> 13) & 255);
    parse(Buffer.from(bytes).toString("utf8"));
  });
});
