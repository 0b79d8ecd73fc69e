import assert from "node:assert/strict";
import { test } from "node:test";
import { renderTemplate } from "../../../src/cli/data-output.ts";

const data = [
  { ID: "a", Status: "running", Meta: { x: "1" } },
  { ID: "b", Status: "", Meta: {} },
];

test("renderTemplate() reads paths, ranges and conditions", () => {
  assert.equal(renderTemplate("{{range .}}{{.ID}}:{{if .Status}}{{.Status}}{{end}} {{end}}", data), "a:running b: ");
  assert.equal(renderTemplate("{{.ID}} {{.Meta}} {{.Nope}}", data[0]), "a map[x:1] <no value>");
  assert.equal(renderTemplate("{{with .Meta}}{{.x}}{{end}}", data[0]), "1");
});

test("renderTemplate() compares in an if", () => {
  const template = '{{range .}}{{if eq .Status "running"}}{{.ID}}{{else}}no {{end}}{{if ne .ID "a"}}{{.ID}}{{end}}{{end}}';
  assert.equal(renderTemplate(template, data), "ano b");
  assert.equal(
    renderTemplate('{{if eq .Name "two words"}}yes{{end}}{{if eq .Count 2}}!{{end}}{{if eq .Up true}}?{{end}}', {
      Name: "two words",
      Count: 2,
      Up: true,
    }),
    "yes!?",
  );
  assert.throws(() => renderTemplate("{{if lt .ID 2}}x{{end}}", data[0]), /is not understood here|without/);
});

test("renderTemplate() refuses what it does not understand by name", () => {
  assert.throws(() => renderTemplate("{{ printf `%s` .ID }}", data), /is not understood here/);
  assert.throws(() => renderTemplate("{{end}}", data), /without/);
});

test("renderTemplate() reads else, also within another block", () => {
  const template = "{{range .}}{{if .Status}}{{.Status}}{{else}}none{{end}} {{else}}nobody{{end}}";
  assert.equal(renderTemplate(template, [{ Status: "up" }, {}]), "up none ");
  assert.equal(renderTemplate(template, []), "nobody");
});

test("renderTemplate() takes the space beside {{- and -}} away, and no other", () => {
  assert.equal(renderTemplate("a \n{{- .ID -}} \n b {{ .ID }} c", { ID: "x" }), "axb x c");
});

for (const [template, said] of [
  ["{{range .}}x", "template: {{range .}} is not closed: want {{end}}"],
  ["{{if .}}x{{else}}y", "template: {{if .}} is not closed: want {{end}}"],
  ["x{{else}}", "template: {{else}} without {{range}}, {{if}} or {{with}}"],
  ["{{range .}}{{end}}{{end}}", "template: {{end}} without {{range}}, {{if}} or {{with}}"],
] as const) {
  test(`renderTemplate() refuses ${template}`, () => assert.throws(() => renderTemplate(template, []), { message: said }));
}
