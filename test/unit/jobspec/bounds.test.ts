/** A server parses other people's job files while everybody waits: whatever a megabyte of text asks for, there is an answer soon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobFileError, parseJob } from "#jobspec";

const job = (inner: string, root = ""): string => `${root}\njob "x" {\n  group "g" {\n    task "t" {\n${inner}\n    }\n  }\n}\n`;

/** What is wrong with it; "" when nothing is. */
function complaint(text: string): string {
  try {
    parseJob({ text, fileName: "x.hcl", allowFileFunctions: false });
    return "";
  } catch (thrown) {
    if (thrown instanceof JobFileError) return thrown.diagnostics.map((each) => each.summary).join("\n");
    throw thrown;
  }
}
const slow = `"${"a".repeat(40)}!", "^(a+)+$", "x"`;
const big = `locals {
  some = join("", [for i in range(1000): "abcdefghijklmnopqrstuvwxyz0123456789"])
  big  = join("", [for i in range(300): local.some])
}`;

test("patterns that take for ever take two seconds a file, however many there are and whoever tries to go on", () => {
  const startMs = performance.now();
  const many = Array.from({ length: 60 }, (_, index) => `a${index} = regex_replace(${slow})`).join("\n");
  assert.match(complaint(job(`meta {\n${many}\n}`)), /takes too long[^]*patterns of this file take too long/);
  assert.equal(complaint(job(`env = { x = join("", [for i in range(1000): try(regex_replace(${slow}), "")]) }`)), "");
  assert.ok(performance.now() - startMs < 20_000, "the second would have taken eight minutes alone");
});

test("a large text looked at again and again is too much work", () => {
  assert.match(complaint(job(`env = { x = length([for i in range(1000): sha256(local.big)]) }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = length([for i in range(1000): local.big == "\${local.big}x"]) }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = length([for i in range(1000): format("%900000s", "x")]) }`)), /too much work/);
});

test("no try, can or conditional goes on after too much", () => {
  const loop = `[for i in range(1000): sha256(local.big)]`;
  assert.match(complaint(job(`env = { x = try(length(${loop}), 1) }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = can(${loop}) }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = true ? 1 : ${loop} }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = true || ${loop} == 1 }`, big)), /too much work/);
  assert.match(complaint(job(`env = { x = try(setproduct(range(1000), range(1000), range(3)), 1) }`)), /^$|too large/);
  assert.match(complaint(job(`env = { x = try([for i in range(1000): local.big], 1) }`, big)), /too large/);
});

test("a long expression in a loop is too much work", () => {
  assert.match(complaint(job(`env = { x = join("", [for i in range(1000): "${"${1}".repeat(8000)}"]) }`)), /too much work/);
});

test("mistakes in a loop over a long line cost no more than others", () => {
  const line = `env = { ${"x".repeat(2_000_000)} = 1, y = length([for i in range(1000): try({}.nope, 1)]) }`;
  const startMs = performance.now();
  assert.equal(complaint(job(line)), "");
  assert.ok(performance.now() - startMs < 5_000, "each would look for its column");
});

test("values grouped under one key: a hundred thousand take no longer than they need", () => {
  const startMs = performance.now();
  const all = "flatten([for a in range(1000): range(100)])";
  assert.equal(complaint(job(`env = { x = length({ for i in ${all} : "k" => i... }["k"]) }`)), "");
  assert.ok(performance.now() - startMs < 15_000, "copied each time, it would be five thousand million");
});

test("dynamic blocks are counted with what they hold", () => {
  const tasks = Array.from({ length: 1000 }, (_, index) => `task "t${index}" {}`).join("\n");
  const text = `job "x" {\ndynamic "group" {\nfor_each = range(1000)\nlabels = ["g\${group.key}"]\ncontent {\n${tasks}\n}\n}\n}`;
  assert.match(complaint(text), /more than 100000 attributes and blocks/);
});

test("maps merged in YAML are counted", () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `k${index}: 1`).join(", ");
  const text = `locals {\ny = <<E\na: &a {${keys}}\nb: {<<: [${"*a, ".repeat(1000)}*a]}\nE\n}`;
  assert.match(complaint(job(`env = { x = length(yamldecode(local.y)) }`, text)), /takes over more than 100000 entries/);
});
