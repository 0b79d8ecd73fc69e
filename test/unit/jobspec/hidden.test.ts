/** Values from outside the job file may be secrets: no message holds them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JobFileError, parseJob, type ParseRequest } from "#jobspec";

const SECRET = "hunter2secret";
const job = (root: string, group = "", task = ""): string =>
  `${root}\njob "x" {\n  group "g" {\n${group}\n    task "t" {\n${task}\n    }\n  }\n}\n`;

function message(text: string, given: Partial<ParseRequest>): string {
  try {
    parseJob({ text, fileName: "x.hcl", allowFileFunctions: true, ...given });
  } catch (thrown) {
    if (thrown instanceof JobFileError) return thrown.message;
    throw thrown;
  }
  return assert.fail("it was taken");
}

const WRONG_USES = [
  "var.pw + 1",
  'upper(var.pw) + "x"',
  '"${var.pw}" > 2',
  "var.pw ? 1 : 2",
  "{ a = 1 }[var.pw]",
  "parseint(var.pw, 10)",
  'timeadd(var.pw, "1h")',
  "cidrhost(var.pw, 1)",
  "jsondecode(var.pw)",
  'jsondecode("{\\"password\\": ${var.pw}}")',
  'yamldecode("!!int ${var.pw}")',
  "base64decode(var.pw)",
  "length(var.pw)",
  "file(var.pw)",
  "[var.pw].x",
  "substr(var.pw, var.pw, 1)",
];

describe("a variable's value is not in the error its use makes", () => {
  for (const use of WRONG_USES) {
    test(use, () => {
      const text = job('variable "pw" { type = string }', "", `kill_timeout = ${use}`);
      for (const given of [
        { variables: [`pw=${SECRET}`] },
        { environment: { NOMAD_VAR_pw: SECRET } },
        { variableFiles: [{ name: "v.hcl", text: `pw = "${SECRET}"` }] },
      ]) {
        const said = message(text, given);
        assert.ok(!said.toLowerCase().includes(SECRET.slice(0, 7)), said);
        assert.match(said, /x\.hcl:6:/, "the place is still told");
      }
    });
  }
});

test("nor is a number, a part of a list, a key, a word that is no value", () => {
  const cases: [string, Partial<ParseRequest>][] = [
    ['variable "pw" { type = number }', { variables: [`pw=${SECRET}`] }],
    ['variable "pw" { type = list(number) }', { variables: [`pw=["${SECRET}"]`] }],
    ['variable "pw" { type = map(number) }', { environment: { NOMAD_VAR_pw: `{${SECRET}="x"}` } }],
    ['variable "pw" { type = list(string) }', { variables: [`pw=[${SECRET}]`] }],
    ['variable "pw" { type = list(string) }', { variables: [`pw=["a" ${SECRET}]`] }],
    ['variable "pw" { type = string }', { variableFiles: [{ name: "v.hcl", text: `pw = ${SECRET}` }] }],
    ['variable "pw" { type = string }', { variableFiles: [{ name: "v.hcl", text: `pw = "x" ${SECRET}` }] }],
    ['variable "pw" { type = number }', { variableFiles: [{ name: "v.hcl", text: `pw = "${SECRET}"` }] }],
    ['variable "pw" { type = string }', { variableFiles: [{ name: "v.json", text: `{"pw": "a", "other": "${SECRET}"}` }] }],
  ];
  for (const [root, given] of cases) {
    const said = message(job(root), given);
    assert.ok(!said.includes(SECRET), `${root}: ${said}`);
    assert.ok(/pw|v\.(hcl|json):1/.test(said), said);
  }
  const pin = message(job('variable "pw" { type = number }', "", "kill_timeout = [var.pw].x\nuser = var.pw.x"), {
    variables: ["pw=271828"],
  });
  assert.ok(!pin.includes("271828"), pin);
});

test("what the job file itself holds is no secret, and an author's own words are shown", () => {
  const root = `variable "size" {
  type = string
  validation {
    condition     = contains(["small", "large"], var.size)
    error_message = "There is no size \\"\${var.size}\\"."
  }
}`;
  assert.match(message(job(root), { variables: ["size=medium"] }), /There is no size "medium"\./);
  assert.match(message(job(root, "count = var.size"), { variables: ["size=small"] }), /got string "small"/);
});

test("the line of a variable file is shown with its value masked, the caret below the right column", () => {
  const text = `region = "eu" # x\nport   = "${SECRET}"\n`;
  const said = message(job('variable "region" {}\nvariable "port" { type = number }'), { variableFiles: [{ name: "v.hcl", text }] });
  assert.match(said, /v\.hcl:2:10: /);
  assert.ok(said.includes(`   2 | port   = "${"•".repeat(13)}"\n     |          ${"^".repeat(15)}\n`), said);
});
