import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags, UsageError, type FlagTable } from "../../../src/cli/flags.ts";

const TABLE: FlagTable = {
  "check-index": { kind: "whole", about: "" },
  detach: { kind: "boolean", about: "" },
  var: { kind: "list", about: "" },
  wait: { kind: "duration", about: "" },
  t: { kind: "text", about: "" },
};

test("parseFlags() reads one dash and two, with = and without", () => {
  for (const words of [["-check-index", "7"], ["--check-index", "7"], ["-check-index=7"], ["--check-index=7"]]) {
    assert.equal(parseFlags(words, TABLE).whole("check-index"), 7);
  }
});

test("parseFlags() takes no value after a boolean", () => {
  const parsed = parseFlags(["-detach", "job.hcl"], TABLE);
  assert.equal(parsed.flag("detach"), true);
  assert.deepEqual(parsed.arguments, ["job.hcl"]);
  assert.equal(parseFlags(["-detach=false"], TABLE).flag("detach"), false);
});

test("parseFlags() ends at the first word that is not a flag, as Go does; a flag after it is refused, not read as an argument", () => {
  assert.deepEqual(parseFlags(["-detach", "job.hcl", "-unknown"], TABLE).arguments, ["job.hcl", "-unknown"]);
  assert.deepEqual(parseFlags(["--", "job.hcl", "-detach"], TABLE).arguments, ["job.hcl", "-detach"]);
  assert.throws(() => parseFlags(["job.hcl", "-detach"], TABLE), { message: 'flags come before arguments: move -detach before "job.hcl"' });
});

test("parseFlags() takes - as an argument and -- as the end of flags", () => {
  assert.deepEqual(parseFlags(["-"], TABLE).arguments, ["-"]);
  assert.deepEqual(parseFlags(["--", "-detach"], TABLE).arguments, ["-detach"]);
});

test("parseFlags() adds up a repeated list flag and keeps = in its value", () => {
  assert.deepEqual(parseFlags(["-var", "a=b=c", "-var=d=e"], TABLE).list("var"), ["a=b=c", "d=e"]);
});

test("parseFlags() keeps the empty value and the last of two", () => {
  assert.equal(parseFlags(["-t="], TABLE).text("t"), "");
  assert.equal(parseFlags(["-t", "a", "-t", "b"], TABLE).text("t"), "b");
});

for (const [words, message] of [
  [["-nope"], "flag provided but not defined: -nope"],
  [["-check-indx=1"], "flag provided but not defined: -check-indx; did you mean -check-index?"],
  [["-check-index", "-1"], 'invalid value "-1" for flag -check-index: want a whole number, 0 or more'],
  [["-check-index"], "flag needs an argument: -check-index"],
  [["-check-index", "x"], 'invalid value "x" for flag -check-index: want a whole number, 0 or more'],
  [["-detach=maybe"], 'invalid value "maybe" for flag -detach: want true or false'],
  [["-wait", "5 minutes"], 'invalid value "5 minutes" for flag -wait: want a duration such as "30s" or "1h15m"'],
  [["-constructor"], "flag provided but not defined: -constructor"],
] as const) {
  test(`parseFlags() refuses ${words.join(" ")} by name`, () => {
    assert.throws(
      () => parseFlags(words, TABLE),
      (error) => error instanceof UsageError && error.message === message,
    );
  });
}
