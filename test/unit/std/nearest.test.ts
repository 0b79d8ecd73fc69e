import assert from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, nearest } from "#std";

const WORDS = ["command", "args", "count", "job run", "job plan"];

test("A slip of the hand finds its word: a letter too few, too many, another, two swapped, the wrong case", () => {
  const slips = {
    comand: "command",
    commmand: "command",
    commend: "command",
    cuont: "count",
    ARGS: "args",
    arg: "args",
    "job rnu": "job run",
  };
  for (const [slip, meant] of Object.entries(slips)) assert.equal(nearest(slip, WORDS), meant, slip);
});

test("What is no slip finds nothing: another word, an empty one, a very long one, the word itself", () => {
  for (const foreign of ["zzz", "", "x".repeat(100_000), "args"]) assert.equal(nearest(foreign, ["args"]), undefined, foreign.slice(0, 10));
});

test("Of two near words the nearer is meant; the first where both are as near", () => {
  assert.equal(nearest("commandd", ["commend", "command"]), "command");
  assert.equal(nearest("bat", ["cat", "rat"]), "cat");
});

test("The hint is a sentence with a space behind it, or nothing", () => {
  assert.equal(didYouMean("cuont", WORDS), 'Did you mean "count"? ');
  assert.equal(didYouMean("zzz", WORDS), "");
});
