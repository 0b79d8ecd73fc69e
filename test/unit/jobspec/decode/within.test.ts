/** From line and column in a template's text to the place in the job file where that was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJob } from "#jobspec";

/** The character of the file that a place in the text leads to, and the rest of its line; undefined: the attribute's own place. */
function leadsTo(attribute: string, line: number, column: number, head = ""): string | undefined {
  const text = `${head}job "j" {\n  group "g" {\n    task "t" {\n      template {\n        ${attribute}\n      }\n    }\n  }\n}\n`;
  const { placeOf } = parseJob({ text, fileName: "j.hcl", allowFileFunctions: false });
  const path = "TaskGroups[0].Tasks[0].Templates[0].EmbeddedTmpl";
  const place = placeOf(`${path}@${line}:${column}`);
  assert.ok(place !== undefined);
  if (place.start.column === placeOf(path)?.start.column && place.start.line === placeOf(path)?.start.line) return undefined;
  return [...(text.split("\n")[place.start.line - 1] ?? "")].slice(place.start.column - 1).join("");
}

test("a heredoc's lines are the file's", () => {
  const data = "data = <<EOT\nfirst\n  second {{ kye }}\nEOT";
  assert.equal(leadsTo(data, 1, 1), "first");
  assert.equal(leadsTo(data, 2, 6), "ond {{ kye }}");
  assert.equal(leadsTo(data, 2, 13), "kye }}");
});

test("what an indented heredoc loses is counted, empty lines and wide characters too", () => {
  const data = "data = <<-EOT\n          a: 😀é{{ x }}\n\n            b: {{ y }}\n          EOT";
  assert.equal(leadsTo(data, 1, 6), "{{ x }}");
  assert.equal(leadsTo(data, 3, 1), "  b: {{ y }}");
  assert.equal(leadsTo(data, 3, 6), "{{ y }}");
});

test("what is escaped for the job file is one character here", () => {
  assert.equal(leadsTo("data = <<EOT\n$${A} %%{b} {{ x }}\nEOT", 1, 11), "{{ x }}");
  assert.equal(leadsTo('data = "a\\t\\"{{ x }}"', 1, 4), '{{ x }}"');
  assert.equal(leadsTo('data = "one\\ntwo {{ x }}\\n"', 2, 5), '{{ x }}\\n"');
});

test("a text that ends too early leads to where it ends", () => {
  assert.equal(leadsTo("data = <<-EOT\n          a\n        EOT", 2, 1), "EOT");
  assert.equal(leadsTo("data = <<EOT\nEOT", 1, 1), "EOT");
  assert.equal(leadsTo('data = "a"', 1, 2), '"');
});

test("a string of HCL's JSON is one of the file's", () => {
  const text = String.raw`{"job": {"j": {"group": {"g": {"task": {"t": {"template": {"data": "x\n  {{ kye \"a\" }}"}}}}}}}}`;
  const { placeOf } = parseJob({ text, fileName: "j.json", allowFileFunctions: false });
  const place = placeOf("TaskGroups[0].Tasks[0].Templates[0].EmbeddedTmpl@2:6");
  assert.equal(text.slice((place?.start.column ?? 0) - 1, (place?.end.column ?? 0) - 1), "kye");
});

test("Windows' lines are lines", () => {
  assert.equal(leadsTo("data = <<EOT\r\na\r\n  {{ x }}\r\nEOT\r", 2, 3), "{{ x }}\r");
});

test("what an expression made leads to its line, or to the attribute", () => {
  const head = 'variable "v" {\n  default = "1"\n}\n';
  assert.equal(leadsTo("data = <<EOT\na\n  b ${var.v} {{ x }}\nEOT", 2, 9, head), "b ${var.v} {{ x }}");
  assert.equal(leadsTo("data = <<EOT\n%{ for i in [1, 2] }\n{{ x }}\n%{ endfor }\n{{ end }}\nEOT", 6, 1), "{{ end }}");
  assert.equal(leadsTo('data = join("", ["{{ x }}"])', 1, 4), undefined);
  assert.equal(leadsTo('data = "${var.v} {{ x }}"', 1, 4, head), undefined);
});

test("every character of a heredoc is found again", () => {
  const lines = fc.array(fc.stringMatching(/^[a-z{} $%é😀]{0,12}$/u), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lines, fc.nat(8), fc.nat(), fc.nat(), (texts, depth, lineSeed, columnSeed) => {
      const escaped = texts.map((each) => each.replaceAll(/[$%](?=\{)/g, "$&$&"));
      // A run of the signs before a brace is written otherwise: not what is looked at here.
      fc.pre(texts.every((each) => !/[$%]{2}/.test(each) && each.trim() !== "EOT"));
      const index = lineSeed % texts.length;
      const characters = [...(texts[index] ?? "")];
      fc.pre(characters.length > 0 && texts.every((each) => each.trim() !== "" && !each.startsWith(" ")));
      const at = columnSeed % characters.length;
      const indentation = " ".repeat(depth);
      const found = leadsTo(`data = <<-EOT\n${escaped.map((each) => indentation + each).join("\n")}\nEOT`, index + 1, at + 1);
      assert.equal(found?.startsWith(characters[at] as string), true, `${JSON.stringify(texts)} ${index + 1}:${at + 1} ${found}`);
    }),
  );
});
