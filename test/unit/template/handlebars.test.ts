import assert from "node:assert/strict";
import { test } from "node:test";
import { NESTED_MAX } from "../../../src/template/handlebars/nesting.ts";
import { answerOf, type Known, problemOf, rendered } from "./rendering.ts";

const KNOWN: Known = [
  [
    "consul",
    "service",
    "web",
    [
      { ID: "a", Address: "10.0.0.1", Port: 80, Tags: ["x", "y"], ServiceMeta: { constructor: "mine" } },
      { ID: "b", Address: "10.0.0.2", Port: 81, Tags: [] },
    ],
  ],
  ["consul", "service", "none", []],
  ["consul", "key", "html", '<a href="x">&</a>'],
  [
    "vault",
    "secret",
    "secret/data/app",
    {
      Data: {
        data: { password: "p&w", port: { "#number": "5432" }, ratio: { "#number": "1.50" }, big: { "#number": "12345678901234567890" } },
      },
    },
  ],
  ["nomad", "variable", "v", { Path: "v", Namespace: "default", ModifyIndex: 7, Items: { user: "root" } }],
];

test("the same functions are helpers and blocks, and nothing is escaped", () => {
  const ask = (text: string) => rendered(text, "handlebars", KNOWN);
  assert.equal(ask('{{key "html"}}'), '<a href="x">&</a>');
  assert.equal(
    ask('{{#each (service "web")}}{{@index}} {{Address}}:{{Port}} {{join "," Tags}}{{#unless @last}};{{/unless}}{{/each}}'),
    "0 10.0.0.1:80 x,y;1 10.0.0.2:81 ",
  );
  assert.equal(
    ask('{{#service "web"}}{{ID}}{{#if @last}}.{{else}},{{/if}}{{/service}}{{#service "none"}}x{{else}}nobody{{/service}}'),
    "a,b.nobody",
  );
  assert.equal(
    ask(
      '{{#with (secret "secret/data/app")}}{{Data.data.password}} {{Data.data.port}} {{Data.data.ratio}} {{Data.data.big}} {{toJSON Data.data}}{{/with}}',
    ),
    'p&w 5432 1.50 12345678901234567890 {"big":12345678901234567890,"password":"p\\u0026w","port":5432,"ratio":1.50}',
  );
  assert.equal(
    ask('{{#nomadVar "v"}}{{user}} {{Metadata.ModifyIndex}} {{#each Tuples}}{{K}}={{V}}{{/each}}{{/nomadVar}}'),
    "root 7 user=root",
  );
  assert.equal(
    ask('{{#each (byTag (service "web"))}}{{@key}}:{{#each this}}{{ID}}{{/each} }{{/each}}'.replace("/each} }", "/each}}")),
    "x:ay:a",
  );
  assert.equal(
    ask(
      '{{#if (and (eq 1 1) (not (gt 1 2)))}}{{add 1 2}}{{/if}} {{printf "%05.1f" 1.25}} {{toYAML (parseJSON "{\\"a\\":[1]}")}}'
        .replaceAll('\\"', "'")
        .replace("\"{'a':[1]}\"", "'{\"a\":[1]}'"),
    ),
    "3 001.2 a:\n- 1",
  );
  assert.equal(ask('{{#*inline "row"}}<{{ID}}>{{/inline}}{{#each (service "web")}}{{> row}}{{/each}}'), "<a><b>");
});

test("fields are what is there: prototypes are out of reach, a field of that name is not", () => {
  assert.equal(
    rendered(
      '{{#each (service "web")}}{{constructor}}{{__proto__}}{{lookup this "__defineGetter__"}}{{ServiceMeta.constructor}}{{/each}}',
      "handlebars",
      KNOWN,
    ),
    "mine",
  );
  for (const text of [
    '{{#with (lookup this "constructor")}}x{{/with}}',
    "{{log 1}}",
    "{{helperMissing}}",
    "{{#blockHelperMissing 1}}{{/blockHelperMissing}}",
    "{{* log}}",
    '{{#*other "x"}}{{/other}}',
  ]) {
    const answer = answerOf(text, "handlebars", KNOWN);
    assert.ok(answer.what === "failed" || (answer.what === "rendered" && answer.text === ""), `${text}: ${JSON.stringify(answer)}`);
  }
});

test("problems say where, and what was meant", () => {
  const at = (text: string, more = {}) => {
    const { code, line, column, fix } = problemOf(text, "handlebars", KNOWN, more);
    return [code, line, column, fix];
  };
  assert.deepEqual(at('a\n  {{kye "x"}}'), ["TEMPLATE_FUNCTION_UNKNOWN", 2, 5, 'Did you mean "key"?']);
  assert.deepEqual(at("{{#if (servce 1)}}{{/if}}"), ["TEMPLATE_FUNCTION_UNKNOWN", 1, 8, 'Did you mean "service"?']);
  assert.deepEqual(at("{{nothing}}"), ["TEMPLATE_FUNCTION_UNKNOWN", 1, 3, ""]);
  assert.deepEqual(at("a\n{{#if 1}}").slice(0, 3), ["TEMPLATE_SYNTAX", 2, 10]);
  for (const before of ["", "x\n", "ab\n\n", "a long line before it, longer than what is shown\n", "x\r\n"])
    for (const indentation of ["", "ab ", "a much longer text before the place "])
      assert.deepEqual(
        at(`${before}${indentation}{{/if}}`).slice(1, 3),
        [before.split("\n").length, indentation.length + 1],
        before + indentation,
      );
  assert.deepEqual(at("{{#if 1}}{{/each}}").slice(0, 2), ["TEMPLATE_SYNTAX", 1]);
  assert.deepEqual(at('\n {{parseInt "x"}}'), ["TEMPLATE_FAILED", 2, 2, ""]);
  assert.deepEqual(at("\n {{add 1}}"), ["TEMPLATE_FAILED", 2, 2, ""]);
  assert.deepEqual(at('{{#each (service "web")}}{{Nope}}{{/each}}', { errorOnMissingKey: true }), ["TEMPLATE_FAILED", 1, 28, ""]);
  assert.equal(rendered('{{#each (service "web")}}{{Nope}}{{/each}}', "handlebars", KNOWN), "");
});

test("what nests too deeply is refused at once, with its line; what is as deep as it may be is not", () => {
  const deep = (count: number): Readonly<Record<string, string>> => ({
    blocks: `\n${"{{#if 1}}".repeat(count)}${"{{/if}}".repeat(count)}`,
    inverse: `\n${"{{^if 0}}".repeat(count)}${"{{/if}}".repeat(count)}`,
    chain: `\n{{#if 0}}${"{{else if 0}}".repeat(count - 1)}{{/if}}`,
    calls: `\n{{not${" (not".repeat(count)} 1${")".repeat(count)}}}`,
    strings: `\n{{not${' (or "}}" "{{" (not'.repeat(count / 2)} 1${"))".repeat(count / 2)}}}`,
  });
  for (const [name, text] of Object.entries(deep(NESTED_MAX))) assert.equal(answerOf(text, "handlebars").what, "rendered", name);
  for (const [name, text] of Object.entries(deep(30_000))) {
    const { code, line, message } = problemOf(text, "handlebars");
    assert.deepEqual([code, line, message], ["TEMPLATE_SYNTAX", 2, "Cannot parse template: line 2: it is nested too deeply"], name);
  }
  const flat = ["{{#if 0}}{{else if 0}}{{/if}}", "{{^if 0}}{{/if}}", "{{not (not 1)}}", "(", "\\{{#if}}"].map((each) =>
    each.repeat(NESTED_MAX + 1),
  );
  for (const text of flat) assert.equal(answerOf(text, "handlebars").what, "rendered", text.slice(0, 40));
  assert.equal(problemOf("{{{{a}}}}".repeat(NESTED_MAX + 1), "handlebars").code, "TEMPLATE_SYNTAX");
});
