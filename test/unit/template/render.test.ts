import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkTemplate, DENIED_BY_DEFAULT, type Engine } from "#template";
import { testScale } from "../../scale.ts";
import { FUNCTION_NAMES } from "../../../src/template/functions/names.ts";
import { FUNCTIONS } from "../../../src/template/functions/all.ts";
import { answerOf, type Known, missing, problemOf, rendered } from "./rendering.ts";

const GO = { engine: "go", leftDelimiter: "{{", rightDelimiter: "}}" } as const;

test("all that is missing is found in one pass, also behind what fails without it", () => {
  const text = '{{ key "a" }}{{ (secret "b").Data.c }}{{ service "d" }}';
  assert.deepEqual(missing(text, "go"), ["consul key a", "vault secret b", "consul service d"]);
  assert.deepEqual(missing('{{ key "a" }}{{ nomadVar "e" }}{{ range service "d" }}{{ .Port }}{{ end }}{{ file "x" }}', "go"), [
    "consul key a",
    "nomad variable e",
    "consul service d",
    "file file x",
  ]);
});

test("what is known not to be there is waited for by those that block, and is an answer for the others", () => {
  const known: Known = [
    ["consul", "key", "a", undefined],
    ["nomad", "variable", "v", undefined],
    ["consul", "keys", "p", []],
    ["nomad", "variables", "p", []],
    ["vault", "secret", "s", undefined],
    ["file", "file", "f", undefined],
  ];
  assert.equal(
    rendered(
      '{{ keyOrDefault "a" "d" }}{{ keyExists "a" }}{{ nomadVarExists "v" }}{{ ls "p" }}{{ tree "p" }}{{ nomadVarList "p" }}',
      "go",
      known,
    ),
    "dfalsefalse[][][]",
  );
  for (const text of ['key "a"', 'nomadVar "v"', 'safeLs "p"', 'safeTree "p"', 'nomadVarListSafe "p"', 'secret "s"', 'file "f"']) {
    assert.equal(answerOf(`{{ ${text} }}`, "go", known).what, "waiting", text);
    assert.equal(answerOf(`{{${text.replace(" ", " ")}}}`, "handlebars", known).what, "waiting", text);
  }
});

test("a thing that another names takes a round more", () => {
  const text = '{{ key (key "a") }}';
  assert.deepEqual(missing(text, "go"), ["consul key a"]);
  assert.deepEqual(missing(text, "go", [["consul", "key", "a", "b"]]), ["consul key b"]);
  assert.equal(
    rendered(text, "go", [
      ["consul", "key", "a", "b"],
      ["consul", "key", "b", "c"],
    ]),
    "c",
  );
});

test("things are named with what their author said of them", () => {
  const things = (text: string) => {
    const answer = answerOf(text, "go");
    return answer.what === "waiting" ? answer.missing.map(({ kind, name, options }) => [kind, name, { ...options }]) : answer;
  };
  assert.deepEqual(things('{{ key "/a/b?ns=team&partition=p@dc2" }}'), [["key", "a/b", { dc: "dc2", ns: "team", partition: "p" }]]);
  assert.deepEqual(things('{{ service "v1.web?ns=team@dc2~_agent|passing,warning" }}'), [
    ["service", "web", { tag: "v1", ns: "team", dc: "dc2", near: "_agent", status: "passing,warning" }],
  ]);
  assert.deepEqual(things('{{ service "web" "any" }}{{ service "web|passing" }}{{ connect "web" }}'), [
    ["service", "web", { status: "any" }],
    ["service", "web", {}],
    ["service", "web", { connect: "true" }],
  ]);
  assert.deepEqual(things('{{ nomadVar "/nomad/jobs@prod.eu" }}{{ nomadService 2 "k" "t.api@eu" }}'), [
    ["variable", "nomad/jobs", { ns: "prod", region: "eu" }],
    ["service", "api", { tag: "t", region: "eu", count: "2", hash: "k" }],
  ]);
  assert.deepEqual(things('{{ secret "pki/issue/web" "common_name=a.b" " ttl = 1h " }}'), [
    ["secret", "pki/issue/web", { common_name: "a.b", ttl: "1h" }],
  ]);
});

test("no value of a fact or the environment stands in a problem", () => {
  const known: Known = [
    ["consul", "key", "a", "hunter2"],
    ["consul", "key", "pin", "77"],
    ["vault", "secret", "s", { Data: { password: "correct horse" } }],
  ];
  const texts = [
    '{{ key "a" | parseInt }}',
    '{{ key "a" | parseJSON }}',
    '{{ key "a" | parseYAML | toTOML | parseInt }}',
    '{{ sprig_fail (printf "is %s" (key "a")) }}',
    '{{ sprig_fail (printf "pin%s" (key "pin")) }}',
    '{{ (secret "s").Data.password | base64Decode }}',
    '{{ index (secret "s").Data.password "x" }}',
    '{{ sprig_fail (env "SECRET") }}',
    '{{ key "a" | regexMatch "(" }}',
    '{{ secret (key "a") (key "a") }}',
    '{{ template (key "a") }}',
    '{{ mustEnv (key "a") }}',
    '{{ executeTemplate (key "a") }}',
    '{{ sprig_dig (key "a") 1 2 }}',
    ...Array.from({ length: 12 }, (_, index) => `{{ sprig_fail (printf "%${880 + index * 6}s%s" "" (key "a")) }}`),
  ];
  for (const text of texts) {
    const said = JSON.stringify(answerOf(text, "go", known, { environment: { SECRET: "environ" } }));
    assert.doesNotMatch(said.replace(/"used":.*/, ""), /hunt|correct horse|environ|pin77/, text);
  }
});

test("what an operator denies is disabled, by name or by pattern", () => {
  for (const name of DENIED_BY_DEFAULT)
    assert.match(problemOf(`{{ ${name} "a" "b" "c" "d" "e" }}`, "go", [], { deniedFunctions: DENIED_BY_DEFAULT }).message, /is disabled/);
  assert.match(problemOf('{{ sprig_upper "a" }}', "go", [], { deniedFunctions: ["sprig_*"] }).message, /is disabled/);
  assert.match(problemOf('{{ plugin "a" }}', "go", [], { deniedFunctions: [] }).message, /is disabled/);
});

test("a template is checked without being rendered", () => {
  assert.equal(checkTemplate({ ...GO, text: '{{ key "a" | parseInt }}' }), undefined);
  assert.equal(
    checkTemplate({ engine: "handlebars", leftDelimiter: "{{", rightDelimiter: "}}", text: '{{#each (ls "a")}}{{Key}}{{/each}}' }),
    undefined,
  );
  const { code, line, column, fix } = checkTemplate({ ...GO, text: 'x\n {{ kye "a" }}' }) ?? assert.fail();
  assert.deepEqual([code, line, column, fix], ["TEMPLATE_FUNCTION_UNKNOWN", 2, 5, 'Did you mean "key"?']);
  assert.equal(checkTemplate({ ...GO, text: "{{ if }}" })?.code, "TEMPLATE_SYNTAX");
  assert.equal(checkTemplate({ engine: "go", leftDelimiter: "[[", rightDelimiter: "]]", text: '[[ key "a" ]] {{ x' }), undefined);
});

test("a check knows the names of all functions, and no other", () => {
  assert.deepEqual([...FUNCTION_NAMES].toSorted(), [...FUNCTIONS.keys()].toSorted());
});

test("a hostile template costs its servers no more than its size", { timeout: 60_000 }, () => {
  const many = Array.from({ length: 20_000 }, (_, index) => `{{$a${index}:=1}}`).join("");
  const startedMs = performance.now();
  assert.equal(checkTemplate({ ...GO, text: many + "{{$a19999}}".repeat(20_000) }), undefined);
  assert.equal(checkTemplate({ ...GO, text: `${many}{{$b}}` })?.code, "TEMPLATE_SYNTAX");
  assert.equal(checkTemplate({ ...GO, engine: "handlebars", text: "{{#if 1}}".repeat(30_000) })?.code, "TEMPLATE_SYNTAX");
  // It was twenty seconds, and minutes.
  assert.ok(performance.now() - startedMs < 8000, `${performance.now() - startedMs} ms`);
  const { message } = checkTemplate({ ...GO, text: `{{ ${"a".repeat(100_000)} }}` }) ?? assert.fail();
  assert.ok(message.length < 1100);
});

test("a variable is known where it stands, and not behind its block", () => {
  assert.equal(checkTemplate({ ...GO, text: "{{ $x := 1 }}{{ if $x }}{{ $x := 2 }}{{ end }}{{ $x }}" }), undefined);
  assert.match(
    checkTemplate({ ...GO, text: "{{ if 1 }}{{ $y := 2 }}{{ $y }}{{ end }}{{ $y }}" })?.message ?? "",
    /undefined variable "\$y"/,
  );
  assert.match(checkTemplate({ ...GO, text: '{{ $x := 1 }}{{ define "a" }}{{ $x }}{{ end }}' })?.message ?? "", /undefined variable "\$x"/);
});

test("a check refuses a denied function wherever it stands, with its place; rendering only when it is called", () => {
  const HANDLEBARS = { engine: "handlebars", leftDelimiter: "{{", rightDelimiter: "}}" } as const;
  const go = checkTemplate({ ...GO, text: 'a\n{{ if false }}{{ executeTemplate "x" }}{{ end }}' }) ?? assert.fail();
  assert.deepEqual([go.code, go.line, go.column], ["TEMPLATE_FUNCTION_DENIED", 2, 18]);
  assert.match(go.message + go.fix, /"executeTemplate" is disabled.*function_denylist/);
  const handlebars = checkTemplate({ ...HANDLEBARS, text: 'a\n {{executeTemplate "x"}}' }) ?? assert.fail();
  assert.deepEqual([handlebars.code, handlebars.line, handlebars.column], ["TEMPLATE_FUNCTION_DENIED", 2, 4]);
  assert.equal(checkTemplate({ ...GO, text: '{{ executeTemplate "x" }}' }, []), undefined);
  assert.equal(checkTemplate({ ...GO, text: '{{ sprig_upper "x" }}' }, ["sprig_*"])?.code, "TEMPLATE_FUNCTION_DENIED");
  assert.equal(checkTemplate({ ...GO, text: '{{ plugin "x" }}' }, [])?.code, "TEMPLATE_FUNCTION_DENIED");
  assert.equal(rendered('{{ if false }}{{ executeTemplate "x" }}{{ end }}', "go", [], { deniedFunctions: DENIED_BY_DEFAULT }), "");
});

test("texts and lists larger than a rendering may be are refused before they are made", () => {
  const hostile = [
    '{{ sprig_repeat 1000000000 "x" }}',
    "{{ loop 1000000000000 }}",
    "{{ sprig_until 2000000000 }}",
    '{{ indent 1000000000 "x" }}',
    '{{ sprig_nindent 1000000000 "x" }}',
    '{{ replaceAll "x" (sprig_repeat 10000 "y") (sprig_repeat 10000 "x") }}',
    '{{ range loop 90000 }}{{ sprig_repeat 1000 "x" }}{{ end }}',
    '{{ define "a" }}{{ sprig_repeat 1000 "x" }}{{ template "a" }}{{ end }}{{ template "a" }}',
  ];
  for (const text of hostile) assert.equal(problemOf(text, "go").code, "TEMPLATE_TOO_LARGE", text);
  const nested = [
    `${"(".repeat(5000)}1${")".repeat(5000)}`,
    `parseJSON \`${"[".repeat(20_000)}${"]".repeat(20_000)}\` | toJSON`,
    `parseYAML "${"[".repeat(3000)}${"]".repeat(3000)}" | toYAML`,
  ];
  for (const text of nested) assert.ok(["failed", "rendered"].includes(answerOf(`{{ ${text} }}`, "go").what), text.slice(0, 40));
  const bomb = `{{ parseYAML "a: &a [x,x,x,x,x,x,x,x,x]\\n${"bcdefghij"
    .split("")
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[index]}`).join()}]`)
    .join("\\n")}" | toJSON }}`;
  assert.equal(answerOf(bomb, "go").what, "failed");
});

test("whatever the template, a rendering answers", () => {
  const value = fc.constantFrom(
    "1",
    "-1",
    '"a"',
    '""',
    "nil",
    "1.5",
    "true",
    "(sprig_list 1 2)",
    '(sprig_dict "a" 1)',
    '(key "k")',
    '(service "web")',
    "99999999999",
    '(parseJSON "[{}]")',
    '(secret "s")',
    ".",
  );
  const call = fc
    .tuple(fc.constantFrom(...FUNCTIONS.keys()), fc.array(value, { maxLength: 4 }))
    .map(([name, args]) => `{{ ${name} ${args.join(" ")} }}`);
  const noise = fc.constantFrom(
    "{{",
    "}}",
    "{{ if true }}",
    "{{ end }}",
    "{{#each .}}",
    "{{/each}}",
    "text",
    "{{ range . }}",
    "{{{x}}}",
    "{{!-- c --}}",
    "{{ $x := 1 }}",
  );
  const known: Known = [
    ["consul", "key", "k", "v"],
    ["consul", "service", "web", [{ Port: 1, Tags: ["a"], ServiceMeta: null }]],
    ["vault", "secret", "s", { Data: { a: { "#number": "x" } } }],
  ];
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: call }, noise), { maxLength: 4 }),
      fc.constantFrom<Engine>("go", "handlebars"),
      fc.boolean(),
      (parts, engine, errorOnMissingKey) => {
        const { what } = answerOf(parts.join(""), engine, known, { errorOnMissingKey });
        assert.ok(["rendered", "waiting", "failed"].includes(what));
        if (what === "failed")
          assert.doesNotMatch(
            JSON.stringify(answerOf(parts.join(""), engine, known, { errorOnMissingKey })),
            /not provided for/,
            parts.join(""),
          );
      },
    ),
    { numRuns: 1500 * testScale() },
  );
});

test("the node's addresses are what the renderer is told", () => {
  const addresses = [
    { interface: "lo", address: "127.0.0.1" },
    { interface: "eth0", address: "2001:db8::1" },
    { interface: "eth0", address: "198.51.100.7" },
    { interface: "eth1", address: "10.1.2.3" },
  ];
  const ask = (words: string) => rendered(`{{ sockaddr ${words} }}`, "go", [], { addresses });
  assert.equal(ask('"GetPrivateIP"'), "10.1.2.3");
  assert.equal(ask('"GetPublicIPs"'), "198.51.100.7 2001:db8::1");
  assert.equal(ask('"GetInterfaceIP \\"eth0\\""'), "198.51.100.7");
  assert.match(problemOf('{{ sockaddr "GetAllInterfaces | x" }}', "go").message, /GetInterfaceIP/);
});

test("times are written in any of Go's layouts", () => {
  const ask = (layout: string) => rendered(`{{ timestamp "${layout}" }}`, "go");
  assert.equal(ask("Mon Jan _2 15:04:05 MST 2006"), "Tue Nov 14 22:13:20 UTC 2023");
  assert.equal(ask("2006-01-02T15:04:05.000Z07:00 -0700 3PM pm 06 002 .999"), "2023-11-14T22:13:20.123Z +0000 10PM pm 23 318 .123");
  assert.equal(rendered('{{ timestamp }} {{ timestamp "unix" }}', "go"), "2023-11-14T22:13:20Z 1700000000");
});
