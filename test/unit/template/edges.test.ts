/** What a small change would break unseen: each of these was left out once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Engine } from "#template";
import { TooLargeError } from "../../../src/template/functions/declare.ts";
import { PreparedTemplates } from "../../../src/template/parsed.ts";
import { renderTemplate } from "../../../src/template/render.ts";
import { answerOf, type Known, missing, problemOf, rendered, requestOf } from "./rendering.ts";

const go = (text: string, known: Known = []): string => rendered(text, "go", known);

describe("the edges of a rendering", () => {
  test("what is too large is refused also while something is missing", () => {
    assert.equal(problemOf('{{ key "a" }}{{ loop 200000 }}', "go").code, "TEMPLATE_TOO_LARGE");
    assert.equal(go("{{ range loop 100000 }}{{ end }}{{ range loop 2 100002 }}{{ end }}x"), "x");
    assert.equal(problemOf("{{ loop 100001 }}", "go").code, "TEMPLATE_TOO_LARGE");
  });
  test("output is counted in bytes", () => {
    for (const engine of ["go", "handlebars"] as const) {
      assert.equal(problemOf('{{sprig_repeat 9000000 "é"}}', engine).code, "TEMPLATE_TOO_LARGE");
      assert.equal(rendered('{{base64Decode "/w=="}}', engine), "\udcff");
      assert.equal(rendered('{{sprig_repeat 8000000 (base64Decode "/w==")}}', engine).length, 8_000_000, "one byte each");
      assert.equal(rendered('{{base64Decode "ww=="}}{{base64Decode "qQ=="}}', engine), "é", "halves that meet");
    }
  });
  test("memory is looked at now and then, and a look may end it", () => {
    let looks = 0;
    const calls = (count: number) => requestOf("{{ add 1 2 }}".repeat(count), "go");
    renderTemplate(calls(40), new PreparedTemplates(), { checkMemory: () => void looks++ });
    assert.equal(looks, 2);
    const checkMemory = (): never => {
      throw new TooLargeError("enough");
    };
    const answer = renderTemplate(calls(40), new PreparedTemplates(), { checkMemory });
    assert.equal(answer.what === "failed" && answer.problem.code, "TEMPLATE_TOO_LARGE");
  });
  test("templates may be called any number of times one after the other", () => {
    assert.equal(
      go('{{ define "a" }}{{ end }}{{ range loop 100000 }}{{ template "a" }}{{ end }}{{ template "a" }}{{ template "a" }}x'),
      "x",
    );
  });
  test("a block in a loop is no part of it", () => {
    assert.match(
      problemOf('{{ range loop 2 }}{{ block "b" . }}{{ break }}{{ end }}{{ end }}', "go").message,
      /\{\{break\}\} outside \{\{range\}\}/,
    );
  });
});

describe("templates that are kept", () => {
  const text = (engine: Engine, written: string) => ({
    engine,
    text: written,
    leftDelimiter: "{{",
    rightDelimiter: "}}",
    errorOnMissingKey: false,
  });
  test("all that makes them what they are tells them apart", () => {
    const kept = new PreparedTemplates();
    const known: Known = [["consul", "service", "web", [{ Port: 1 }]]];
    const ask = (more: object) =>
      renderTemplate(requestOf('{{#each (service "web")}}{{Nope}}{{/each}}', "handlebars", known, more), kept).what;
    assert.deepEqual(
      [ask({}), ask({ errorOnMissingKey: true }), ask({}), ask({ deniedFunctions: ["service"] }), ask({})],
      ["rendered", "failed", "rendered", "failed", "rendered"],
    );
    const delimited = (left: string, right: string) => {
      const answer = renderTemplate(requestOf("{{ 1 }}[[ 2 ]]", "go", [], { leftDelimiter: left, rightDelimiter: right }), kept);
      return answer.what === "rendered" ? answer.text : "";
    };
    assert.deepEqual([delimited("{{", "}}"), delimited("[[", "]]"), delimited("{{", "}}")], ["1[[ 2 ]]", "{{ 1 }}2", "1[[ 2 ]]"]);
  });
  test("are as many as fit, those used last", () => {
    const kept = new PreparedTemplates();
    const large = (name: number) => text("go", `${name} ${"x".repeat(300_000)}`);
    const first = kept.prepare(large(0), []);
    const second = kept.prepare(large(1), []);
    for (let name = 2; name < 6; name++) kept.prepare(large(name), []);
    assert.equal(kept.prepare(large(0), []), first, "used again");
    kept.prepare(large(6), []);
    assert.equal(kept.prepare(large(0), []), first, "it stays");
    assert.notEqual(kept.prepare(large(1), []), second, "it went");
    for (let name = 10; name < 40; name++) kept.prepare(large(name), []);
    const last = kept.prepare(large(39), []);
    kept.prepare(text("go", "small"), []);
    assert.equal(kept.prepare(large(39), []), last, "room is given back");
    kept.forgetAll();
    assert.notEqual(kept.prepare(large(39), []), last);
  });
});

describe("values in messages", () => {
  const says = (value: unknown, written: string, kind = "key") =>
    problemOf(`{{ sprig_fail (${written}) }}`, "go", [["consul", kind, "a", value]]).message;
  test("go also when they are quoted, are numbers, or begin like another", () => {
    assert.doesNotMatch(says('hun"ter\n2', 'printf "%q" (key "a")'), /hun|ter/);
    assert.doesNotMatch(says([{ Port: 54321 }], 'printf "%d" (index (service "a") 0).Port', "service"), /54321/);
    const known: Known = [
      ["consul", "key", "a", "hunter"],
      ["consul", "key", "b", "hunter2x"],
    ];
    const { message } = problemOf('{{ $a := key "a" }}{{ sprig_fail (key "b") }}', "go", known);
    assert.match(message, /\[redacted\]$/);
  });
});

describe("the edges of functions", () => {
  test("a pattern of denied functions is of whole names", () => {
    const known: Known = [["consul", "key", "a", "1"]];
    assert.equal(rendered('{{ keyExists "a" }}', "go", known, { deniedFunctions: ["key"] }), "true");
    assert.match(problemOf('{{ keyExists "a" }}', "go", known, { deniedFunctions: ["key*"] }).message, /disabled/);
    assert.equal(rendered('{{ sprig_upper "a" }}', "go", [], { deniedFunctions: ["upper", "sprig.upper"] }), "A");
  });
  test("the environment has what is in it, and no more", () => {
    assert.equal(
      rendered('{{ env "constructor" }}{{ envOrDefault "__proto__" "-" }}{{ env "A" }}', "go", [], { environment: { A: "1" } }),
      "-1",
    );
  });
  test("things that are there and hold nothing", () => {
    assert.deepEqual(missing('{{ safeLs "p" }}', "go", [["consul", "keys", "p", [{ Path: "p/a/b", Key: "a/b", Value: "1" }]]]), [
      "consul keys p",
    ]);
    assert.deepEqual(missing('{{ secret "s" }}', "go", [["vault", "secret", "s", null]]), ["vault secret s"]);
    const variable: Known = [["nomad", "variable", "v", { Path: "v", Items: {} }]];
    assert.equal(
      go(
        '{{ with nomadVar "v" }}x{{ end }}{{ if (nomadVar "v").Metadata }}x{{ else }}none{{ end }}{{ if (nomadVar "v").Parent }}x{{ else }}none{{ end }}',
        variable,
      ),
      "nonenone",
    );
    assert.equal(go('{{ (index (service "web") 0).Port }}', [["consul", "service", "web", [{ Port: Number.POSITIVE_INFINITY }]]]), "0");
  });
  test("datacenters that cannot be reached are asked for only when said", () => {
    const options = (text: string) => {
      const answer = answerOf(text, "go");
      return answer.what === "waiting" ? answer.missing.map((thing) => ({ ...thing.options })) : answer;
    };
    assert.deepEqual(options("{{ datacenters true }}{{ datacenters false }}"), [{ ignore: "true" }, {}]);
  });
  test("numbers whose spelling counts are numbers; what only looks like one is a map", () => {
    const known: Known = [["vault", "secret", "s", { Data: { a: { "#number": "1.50" }, b: { "#number": '1,"x":2' } } }]];
    assert.equal(go('{{ (secret "s").Data | toJSON }}', known), '{"a":1.50,"b":{"#number":"1,\\"x\\":2"}}');
    assert.equal(go('{{ parseJSON "-0" | toJSON }}'), "-0");
  });
  test("flags of a pattern end with their group", () => {
    assert.equal(
      go('{{ regexMatch "^(?s:a.)b.c" "a\\nb\\nc" }} {{ regexMatch "^(?s:a.)b" "a\\nb" }} {{ regexMatch "(?i:a)B" "Ab" }}'),
      "false true false",
    );
  });
  test("a folder unfolds to an empty map", () => {
    assert.equal(go('{{ explodeMap (parseJSON "{\\"a/\\":1,\\"b\\":2}") }}'), "map[a:map[] b:2]");
  });
  test("an interface's own addresses are those others reach", () => {
    const addresses = [
      { interface: "lo", address: "127.0.0.1" },
      { interface: "eth0", address: "fe80::1" },
      { interface: "eth0", address: "10.0.0.7" },
    ];
    const ask = (name: string) => rendered(`{{ sockaddr "GetInterfaceIPs ${name}" }}`, "go", [], { addresses });
    assert.deepEqual([ask("lo"), ask("eth0")], ["", "10.0.0.7"]);
  });
  test("named arguments are no arguments", () => {
    assert.match(problemOf('{{key "a" x=1}}', "handlebars").message, /named arguments/);
  });
});
