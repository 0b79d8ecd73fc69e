import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesOf,
  executeGoTemplate,
  GoMap,
  parseGoTemplate,
  TemplateError,
  type TemplateFunction,
  TemplateFunctionError,
  TemplateSignal,
  textOf,
  type Value,
} from "../../../../src/template/go/mod.ts";

class Waiting extends TemplateSignal {}

const FUNCTIONS: ReadonlyMap<string, TemplateFunction<string>> = new Map<string, TemplateFunction<string>>([
  ["key", { minimum: 1, maximum: 1, parameters: ["string"], call: ([path], context) => `${context}:${path as string}` }],
  ["keyOrDefault", { minimum: 1, maximum: 2, parameters: ["string", "any"], call: (args) => BigInt(args.length) }],
  [
    "executeTemplate",
    {
      minimum: 1,
      maximum: 2,
      parameters: ["string", "any"],
      call: ([name, data], _, rendering) => rendering.executeTemplate(name as string, data),
    },
  ],
  [
    "wait",
    {
      minimum: 0,
      maximum: 0,
      call: () => {
        throw new Waiting("not known yet");
      },
    },
  ],
  [
    "bad",
    {
      minimum: 0,
      call: () => {
        throw new TemplateFunctionError("it is bad");
      },
    },
  ],
]);

function render(text: string, data: Value = null, options: { errorOnMissingKey?: boolean; outputBytesMax?: number } = {}): string {
  const parsed = parseGoTemplate({ name: "web.conf", text, left: "", right: "", functions: FUNCTIONS });
  return executeGoTemplate(parsed, {
    functions: FUNCTIONS,
    data,
    errorOnMissingKey: false,
    context: "ctx",
    outputBytesMax: 1 << 20,
    ...options,
  });
}

function problemOf(body: () => unknown): TemplateError {
  try {
    body();
  } catch (thrown) {
    assert.ok(thrown instanceof TemplateError, String(thrown));
    return thrown;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

test("a function gets its arguments and the context", () => {
  assert.equal(render('{{ key "a/b" }} {{ "c" | key }}'), "ctx:a/b ctx:c");
  assert.equal(render('{{ keyOrDefault "a" }}{{ keyOrDefault "a" "b" }}'), "12");
});

test("a syntax error says line and column", () => {
  const problem = problemOf(() => render("one\n  {{ if }}\n"));
  assert.deepEqual([problem.code, problem.line], ["TEMPLATE_SYNTAX", 2]);
  assert.match(problem.message, /^Cannot parse template "web\.conf": line 2, column \d+: missing value for if$/);
});

test("an unknown function is named, with the one that was meant", () => {
  const problem = problemOf(() => render('one\n{{ kye "a" }}'));
  assert.deepEqual([problem.code, problem.line, problem.column, problem.fix], ["TEMPLATE_FUNCTION_UNKNOWN", 2, 4, 'Did you mean "key"?']);
});

test("an unknown variable is named, with the one that was meant", () => {
  assert.equal(problemOf(() => render("{{ $address := 1 }}{{ $adress }}")).fix, 'Did you mean "$address"?');
});

test("a failure says where, and names keys and types but no values", () => {
  const data = new GoMap(new Map<string, Value>([["password", "hunter2"]]));
  const failing = [
    "\n {{ .password.x }}",
    "\n {{ range .password }}{{ end }}",
    "\n {{ eq .password 1 }}",
    "\n {{ len (len .password) }}",
    "\n {{ .password | .password }}",
    "\n {{ index .password .password }}",
    "\n {{ key . }}",
    "\n {{ slice .password 99 }}",
    "\n {{ call .password }}",
    "\n {{ executeTemplate .password }}",
  ];
  for (const text of failing) {
    const problem = problemOf(() => render(text, data));
    assert.deepEqual([problem.code, problem.line], ["TEMPLATE_FAILED", 2], text);
    assert.doesNotMatch(`${problem.message}${problem.fix ?? ""}`, /hunter2/, text);
  }
});

test("a function's own error is the template's, where it was called", () => {
  const problem = problemOf(() => render("a\nb {{ bad }}"));
  assert.match(problem.message, /line 2, column 6, at <bad>: error calling bad: it is bad$/);
});

test("wrong counts and types of arguments are refused", () => {
  assert.match(problemOf(() => render('{{ key "a" "b" }}')).message, /wrong number of args for key: want 1 got 2$/);
  assert.match(problemOf(() => render("{{ keyOrDefault }}")).message, /want 1 to 2 got 0$/);
  assert.match(problemOf(() => render("{{ key 1 }}")).message, /expected string; found number$/);
  assert.match(problemOf(() => render("{{ key (len `a`) }}")).message, /wrong type for value; expected string; got int$/);
});

test("a signal passes through as it is", () => {
  assert.throws(() => render("{{ range 2 }}{{ with 1 }}{{ print (wait) }}{{ end }}{{ end }}"), Waiting);
});

test("a missing key is no value, or fails when asked to", () => {
  const data = new GoMap(new Map<string, Value>([["a", 1]]));
  assert.equal(render("{{ .b }}", data), "<no value>");
  assert.match(problemOf(() => render("{{ .b }}", data, { errorOnMissingKey: true })).message, /map has no entry for key "b"$/);
});

test("a function can render a template that is defined in the same text", () => {
  assert.equal(
    render('{{ define "t" }}{{ $x := 2 }}<{{ . }}{{ $x }}>{{ end }}{{ $x := 1 }}a{{ executeTemplate "t" 5 }}b{{ $x }}'),
    "a<52>b1",
  );
  assert.match(problemOf(() => render('{{ executeTemplate "none" }}')).message, /no template of this name is defined here$/);
});

test("output above the limit is refused, whatever wrote it", () => {
  const problem = problemOf(() => render("x\n{{ range 100 }}0123456789é{{ end }}", null, { outputBytesMax: 1000 }));
  assert.deepEqual([problem.code, problem.line], ["TEMPLATE_TOO_LARGE", 2]);
  assert.equal(render("{{ range 100 }}0123456789{{ end }}", null, { outputBytesMax: 1000 }).length, 1000);
});

test("a variable that is doubled in a loop is refused before it fills the memory", () => {
  const text = '{{ $x := "12345678" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}';
  assert.equal(problemOf(() => render(text)).code, "TEMPLATE_TOO_LARGE");
});

test("templates may call templates 100000 deep, as in Go, and no deeper", () => {
  const down = '{{ define "t" }}{{ if . }}{{ template "t" (slice . 1) }}{{ else }}end{{ end }}{{ end }}{{ template "t" . }}';
  assert.equal(render(down, "x".repeat(20_000)), "end");
  const problem = problemOf(() => render('{{ define "t" }}\n{{ template "t" }}{{ end }}{{ template "t" }}'));
  assert.deepEqual([problem.code, problem.line], ["TEMPLATE_FAILED", 2]);
  assert.match(problem.message, /exceeded maximum template depth \(100000\)$/);
});

test("what nests deeper than the stack is refused, not crashed on", () => {
  const deep = `{{ ${"(".repeat(9_000)}1${")".repeat(9_000)} }}`;
  const statements = `${"{{ if 1 }}".repeat(20_000)}x${"{{ end }}".repeat(20_000)}`;
  for (const text of [deep, statements, `{{ ${"(".repeat(20_000)}`]) {
    try {
      render(text);
    } catch (thrown) {
      assert.ok(thrown instanceof TemplateError, String(thrown));
    }
  }
  const problem = problemOf(() => render('{{ define "t" }}{{ executeTemplate "t" . }}{{ end }}{{ executeTemplate "t" 1 }}'));
  assert.equal(problem.code, "TEMPLATE_FAILED");
});

test("bytes that are no UTF-8 survive", () => {
  const bytes = Uint8Array.from([0x61, 0xff, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0x80, 0xc3]);
  assert.deepEqual(Uint8Array.from(bytesOf(textOf(bytes))), bytes);
  assert.deepEqual(Uint8Array.from(bytesOf(render("{{ . }}", textOf(bytes)))), bytes);
});

test("200 lines are parsed within 10 ms and rendered within 2 ms, warm", () => {
  const line = '{{ range $i, $s := .list }}{{ if $i }}, {{ end }}{{ $s | printf "%s:%d" "x" | html }}{{ end }} server {{ .name }};\n';
  const text = line.repeat(200);
  const data = new GoMap(
    new Map<string, Value>([
      ["name", "web"],
      ["list", ["a", "b"]],
    ]),
  );
  const parse = (): unknown => parseGoTemplate({ name: "t", text, left: "", right: "", functions: FUNCTIONS });
  const parsed = parseGoTemplate({ name: "t", text, left: "", right: "", functions: FUNCTIONS });
  const options = { functions: FUNCTIONS, data, errorOnMissingKey: false, context: "", outputBytesMax: 1 << 20 };
  const [parseMs, renderMs] = [fastest(parse), fastest(() => executeGoTemplate(parsed, options))];
  // Twice the promise: the machine is shared.
  assert.ok(parseMs < 20, `${parseMs} ms to parse`);
  assert.ok(renderMs < 4, `${renderMs} ms to render`);
});

function fastest(body: () => unknown): number {
  let best = Infinity;
  for (let turn = 0; turn < 100; turn++) {
    const start = performance.now();
    body();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
