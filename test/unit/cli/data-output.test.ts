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

test("renderTemplate() refuses what it does not understand by name", () => {
  assert.throws(() => renderTemplate("{{ printf `%s` .ID }}", data), /is not understood here/);
  assert.throws(() => renderTemplate("{{end}}", data), /without/);
});
