/** Names an expression cannot see: kept for whoever knows them, or refused. What one evaluation may make. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Allowance, evaluate, makeFunctions, parseLoneExpression, toPlain, tryEvaluate, type Scope, type Value } from "#jobspec/hcl";

const scope: Scope = {
  names: new Map<string, Value>([
    [
      "var",
      new Map<string, Value>([
        ["name", "web"],
        ["list", [1, 2]],
      ]),
    ],
  ]),
  functions: makeFunctions({ randomUuid: () => "random" }),
  unknownRoots: "keep",
  hints: new Map([["var", "Declare NAME."]]),
};

function valueOf(text: string, within: Scope = scope): unknown {
  return toPlain(evaluate(expressionOf(text), within));
}
function expressionOf(text: string) {
  const { expression, diagnostics } = parseLoneExpression(text, "e");
  assert.deepEqual(diagnostics, []);
  assert.ok(expression);
  return expression;
}
function mistake(text: string, within: Scope = scope): string {
  const result = tryEvaluate(expressionOf(text), within);
  assert.ok("diagnostic" in result, "a mistake was expected");
  return `${result.diagnostic.start.column} ${result.diagnostic.summary} ${result.diagnostic.detail}`.trim();
}

describe("a name only the client knows stays as it is written", () => {
  for (const [text, kept] of [
    ['"${attr.kernel.name}"', "${attr.kernel.name}"],
    ["attr.kernel.name", "${attr.kernel.name}"],
    ['"${NOMAD_ALLOC_ID}"', "${NOMAD_ALLOC_ID}"],
    ['"${env["X"]}"', '${env["X"]}'],
    ['"${meta["a.b"].c}"', '${meta["a.b"].c}'],
    ['"${node.unique.id}-${var.name}-${NOMAD_PORT_http}"', "${node.unique.id}-web-${NOMAD_PORT_http}"],
    ['"${ attr.cpu.arch }"', "${attr.cpu.arch}"],
    ['"${attr.unique.network.ip-address}"', "${attr.unique.network.ip-address}"],
    ['"${attr.driver.docker.0}"', "${attr.driver.docker.0}"],
    ['"${device.model}"', "${device.model}"],
    ['upper("${attr.x}")', "${ATTR.X}"],
    ['[for x in var.list : "${attr.x}-${x}"]', ["${attr.x}-1", "${attr.x}-2"]],
    ['"$${attr.x}"', "${attr.x}"],
  ] as const) {
    test(text, () => assert.deepEqual(valueOf(text), kept));
  }

  test("but what is between its brackets must be written out", () => {
    assert.equal(mistake('"${attr[var.name]}"'), '9 "attr" is only known on the client: what is between [ ] must be written out');
  });

  test("unless the caller refuses unknown names", () => {
    assert.equal(mistake("vra.name", { ...scope, unknownRoots: "refuse" }), '1 Unknown name "vra" Did you mean "var"?');
  });
});

describe("a missing member of a known root is a mistake", () => {
  test("with a suggestion and the caller's hint", () => {
    assert.equal(mistake("var.nmae"), '1 Unknown name "var.nmae" Did you mean "name"? Declare nmae.');
  });
  test("also in the middle of text", () => {
    assert.match(mistake('"a ${var.zzzzzz} b"'), /^6 Unknown name "var.zzzzzz"/);
  });
});

describe("one evaluation makes no more than its allowance", () => {
  const bounded = (): Scope => ({ ...scope, allowance: new Allowance() });

  test("lists of lists of lists", () => {
    let names = scope.names;
    let value: Value = [1, 2];
    const within = bounded();
    assert.throws(() => {
      for (let level = 0; level < 60; level++) {
        names = new Map([["v", value]]);
        value = evaluate(expressionOf("[v, v]"), { ...within, names });
      }
    }, /too large/);
  });

  test("loops in loops", () => {
    assert.match(
      mistake("[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c if false]]]", bounded()),
      /more than 1000000 times/,
    );
  });

  test("arguments of a call", () => {
    const many = (count: number): string => `length(concat(chunklist(flatten([for a in range(${count}) : range(101)]), 1)...))`;
    assert.match(mistake(many(100), bounded()), /gives more than 10000 arguments/);
    assert.equal(evaluate(expressionOf(many(99)), bounded()), 9999);
  });

  test("a pattern that would take for ever", () => {
    assert.match(mistake('regex_replace("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "(a+)+$", "")', bounded()), /takes too long/);
  });
});
