import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "#std";

/** Each would take JavaScript's engine minutes at least on its text. */
const ENDLESS: readonly (readonly [pattern: string, text: string])[] = [
  ["^(a+)+$", `${"a".repeat(40)}!`],
  ["(?i)^(a+)+$", `${"A".repeat(40)}!`],
  ["^(?:(?:a+)+){1,20}$", `${"a".repeat(40)}!`],
  ["\\A(a|aa)+\\z", `${"a".repeat(60)}!`],
  ["^(a?){40}a{40}b$", "a".repeat(60)],
  ["^(a{1,30}){1,30}$", `${"a".repeat(60)}!`],
];

test("no pattern takes longer than its time, however often it is asked", () => {
  for (const [pattern, text] of ENDLESS) {
    const compiled = compilePattern(pattern);
    const startedMs = performance.now();
    for (let i = 0; i < 50; i++) assert.equal(compiled.test(text), false, pattern);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 1_000, `${pattern} took ${tookMs} ms`);
  }
});

test("what the linear matcher can have is answered, not given up on", () => {
  const compiled = compilePattern("^(a+)+$");
  assert.equal(compiled.test(`${"a".repeat(40)}!`), false);
  assert.equal(compiled.test("a".repeat(40)), true);
});

test("what once took too long matches nothing from then on", () => {
  const compiled = compilePattern("(?i)^(a+)+$");
  assert.equal(compiled.test("AAA"), true);
  assert.equal(compiled.test(`${"A".repeat(40)}!`), false);
  assert.equal(compiled.exhausted, true);
  assert.equal(compiled.test("AAA"), false);
});

test("what RE2 writes is understood", () => {
  const matches = (pattern: string, text: string) => compilePattern(pattern).test(text);
  assert.ok(matches("(?i)LINUX", "linux"));
  assert.ok(matches("\\Alinux\\z", "linux"));
  assert.ok(!matches("\\Alin\\z", "linux"));
  assert.ok(matches("^(?P<major>\\d+)\\.(?P<minor>\\d+)", "6.1.0"));
  assert.ok(matches("^[a-z0-9-]{1,63}$", "web-1"));
  assert.ok(!matches("^[a-z0-9-]{1,63}$", "Web_1"));
  assert.ok(matches("\\\\A+", "\\AAA"));
});

test("what RE2 does not know is refused", () => {
  for (const pattern of ["(a)\\1", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(", "[a", "*"]) {
    assert.throws(() => compilePattern(pattern), SyntaxError, pattern);
  }
});
