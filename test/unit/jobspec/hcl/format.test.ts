/** Texts as the reference formats them (test/tools/hcl-oracle, mode format): each thing a formatter moves, by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatText } from "#jobspec/hcl";

const FORMATTED: readonly (readonly [text: string, formatted: string])[] = [
  ["a=1\nbb  =   2\n", "a  = 1\nbb = 2\n"],
  ['a "b" c{\nx=1\n}\n', 'a "b" c {\n  x = 1\n}\n'],
  [
    'job "x" {\n\n\n  a=1 # c\n  bbb=2   // d\n\n c = [1,2,\n3]\n}\n',
    'job "x" {\n\n\n  a   = 1 # c\n  bbb = 2 // d\n\n  c = [1, 2,\n  3]\n}\n',
  ],
  ["a = {\nb=1\nccc:2\n}\n", "a = {\n  b = 1\n  ccc : 2\n}\n"],
  ["a=<<E\n x\nE\nb=1\n", "a = <<E\n x\nE\nb = 1\n"],
  ["a=[<<E\nx\nE\n,1]\n", "a = [<<E\nx\nE\n, 1]\n"],
  ['a="${  b  }"\n', 'a = "${b}"\n'],
  ['a="%{if x}y%{endif}"\n', 'a = "%{if x}y%{endif}"\n'],
  ["a = b?c:d\n", "a = b ? c : d\n"],
  ["a=-1\nb= - 1\nc=1-1\nd=1 -1\n", "a = -1\nb = -1\nc = 1 - 1\nd = 1 - 1\n"],
  ["a=!b\n", "a = !b\n"],
  ["a = foo( 1,2 , 3 )\n", "a = foo(1, 2, 3)\n"],
  ["a = foo([1,2]...)\n", "a = foo([1, 2]...)\n"],
  ["a = [ for x in y:x if z ]\n", "a = [for x in y : x if z]\n"],
  ["a = {for k,v in y:k=>v}\n", "a = { for k, v in y : k => v }\n"],
  ["a=b[ 0 ].c.*.d[*]\n", "a = b[0].c.*.d[*]\n"],
  ["a { x=1 }\n", "a { x = 1 }\n"],
  ["\ta=1\n", "a = 1\n"],
  ["a=1\r\nbb=2\r\n", "a  = 1\r\nbb = 2\r\n"],
  ["# c\na=1\n   # d\nb=2\n", "# c\na = 1\n# d\nb = 2\n"],
  ["a /* x */ = 1\n", "a /* x */ = 1\n"],
  ["a = /* x */ 1\n", "a = /* x */ 1\n"],
  ["/* m\n n */ a = 1\n", "/* m\n n */ a = 1\n"],
  ["a = 1\n\n\n", "a = 1\n\n\n"],
  ["a = 1", "a = 1"],
  ["  ", "  "],
  ["\n\n", "\n\n"],
  ["a {\n  # only\n}\n", "a {\n  # only\n}\n"],
  ["a = [\n  # c\n  1, # d\n  22, # e\n]\n", "a = [\n  # c\n  1,  # d\n  22, # e\n]\n"],
  ["日本=1\na=2 # x\n", "日本 = 1\na  = 2 # x\n"],
  ['a = "日本" # x\nb = 1 # y\n', 'a = "日本" # x\nb = 1    # y\n'],
  ["a=(1+2)*3\n", "a = (1 + 2) * 3\n"],
  ["a = b ==c&&d!=e||!f\n", "a = b == c && d != e || !f\n"],
  ['a = "x" # c\n\n\n# d\n', 'a = "x" # c\n\n\n# d\n'],
  ["a = <<-E\n   x\n  E\n", "a = <<-E\n   x\n  E\n"],
  ["a = {\n  b = <<E\nx\nE\n  c = 1\n}\n", "a = {\n  b = <<E\nx\nE\n  c = 1\n}\n"],
  ["a = [{\nb=1\n},{\nc=2\n}]\n", "a = [{\n  b = 1\n  }, {\n  c = 2\n}]\n"],
  ["a = foo({\nb=1\n})\n", "a = foo({\n  b = 1\n})\n"],
  ['a   "b"   {\n}\n', 'a "b" {\n}\n'],
  ["a = b . c\n", "a = b.c\n"],
  ['a="\\"${x}\\""\n', 'a = "\\"${x}\\""\n'],
  ['a = "$${x}"\n', 'a = "$${x}"\n'],
  ["日本=1\nab=2\n", "日本 = 1\nab = 2\n"],
  ["a=1 # x\n日本=22 # y\n", "a  = 1  # x\n日本 = 22 # y\n"],
  ['a = "👨‍👩‍👧" # x\nb = "abcdef" # y\n', 'a = "👨‍👩‍👧"      # x\nb = "abcdef" # y\n'],
  ["é=1\nab=2\n", "é  = 1\nab = 2\n"],
];

for (const [text, formatted] of FORMATTED) {
  test(`${JSON.stringify(text)} is formatted as the reference does`, () => {
    assert.equal(formatText(text), formatted);
    assert.equal(formatText(formatted), formatted);
  });
}
