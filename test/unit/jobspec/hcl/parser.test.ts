/** Text → tree: places, recovery, HCL1 leniency, JSON. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluateConstant, jsonBody, parseBody, renderDiagnostic, textOf, type Body, type ParseOptions } from "#jobspec/hcl";

function parse(text: string, options?: ParseOptions): Body {
  const { body, diagnostics } = parseBody(text, "file.hcl", options);
  assert.deepEqual(
    diagnostics.map((each) => renderDiagnostic(each, text)),
    [],
  );
  return body;
}
function mistakes(text: string, options?: ParseOptions): string[] {
  return parseBody(text, "f", options).diagnostics.map((each) => `${each.start.line}:${each.start.column} ${each.summary}`);
}

describe("a body", () => {
  test("keeps the place of every attribute, block and label", () => {
    const text = 'a = 1 + 2\n\nserver "one" two {\n  b = "x"\n}\n';
    const body = parse(text);
    const [attribute] = body.attributes;
    const [block] = body.blocks;
    assert.ok(attribute && block);
    assert.equal(textOf(attribute.range), "a = 1 + 2");
    assert.equal(textOf(attribute.expression.range), "1 + 2");
    assert.deepEqual(
      block.labels.map((label) => [label.text, textOf(label.range)]),
      [
        ["one", '"one"'],
        ["two", "two"],
      ],
    );
    assert.equal(textOf(block.headRange), 'server "one" two');
    const inner = block.body.attributes[0];
    assert.ok(inner);
    const { source, start } = inner.nameRange;
    assert.deepEqual(source.positionAt(start), { file: "file.hcl", line: 4, column: 3 });
  });

  test("counts columns in characters, not in units of the machine", () => {
    assert.deepEqual(mistakes('a = "👍👍" b'), ['1:10 Expected a new line after the value of "a", found "b"']);
  });

  test("reads comments, Windows lines and a byte order mark", () => {
    const body = parse("\uFEFF# one\r\na = 1 // two\r\n/* three\r\n*/ b = /* four */ 2\r\n");
    assert.deepEqual(
      body.attributes.map((each) => [each.name, evaluateConstant(each.expression)]),
      [
        ["a", 1],
        ["b", 2],
      ],
    );
  });

  test("reads a one-line block", () => {
    assert.equal(parse("a { b = 1 }\nc {}\n").blocks.length, 2);
  });
});

describe("a mistake costs the item it is in", () => {
  test("the items before and after it are read", () => {
    const { body } = parseBody("a = 1\nb = [1 2]\nc = 3\nd {\n  e = \n  f = 4\n}\n", "f");
    assert.deepEqual(
      body.attributes.map((each) => each.name),
      ["a", "c"],
    );
    assert.deepEqual(
      body.blocks[0]?.body.attributes.map((each) => each.name),
      ["f"],
    );
  });

  test("each mistake is found, in the order of the text", () => {
    assert.deepEqual(
      mistakes("a = \nb == 1\nc = 'x'\n").map((each) => each.split(" ")[0]),
      ["1:5", "2:3", "3:5"],
    );
  });

  test("no more than 20 are shown", () => {
    assert.equal(mistakes("a = \n".repeat(100)).length, 20);
  });

  test("a list that spans lines is skipped as a whole", () => {
    const { body, diagnostics } = parseBody('a = [\n  "x" "y",\n  "z",\n]\nb = 1\n', "f");
    assert.equal(diagnostics.length, 1);
    assert.deepEqual(
      body.attributes.map((each) => each.name),
      ["b"],
    );
  });
});

describe("HCL1 leniency", () => {
  const text = '"quoted" = 1\nports { http = 1, rpc = 2 }\n"meta" { "a.b" = "c" }\n';

  test("quoted names and several items on a line are read when asked for", () => {
    const body = parse(text, { hcl1: true });
    assert.deepEqual(
      body.attributes.map((each) => each.name),
      ["quoted"],
    );
    assert.deepEqual(
      body.blocks.map((each) => [each.type, each.body.attributes.map((attribute) => attribute.name)]),
      [
        ["ports", ["http", "rpc"]],
        ["meta", ["a.b"]],
      ],
    );
  });

  test("and refused otherwise", () => {
    assert.ok(mistakes(text).length >= 2);
  });
});

describe("JSON", () => {
  test("is read when the text begins with a brace, every value with its place", () => {
    const body = parse('\n{\n  "a": [1, -2.5e1, true, null],\n  "b": {"c": "x\\u00e9\\n"}\n}');
    assert.equal(body.json, true);
    assert.deepEqual(evaluateConstant(body.attributes[0]!.expression), [1, -25, true, null]);
    const inner = jsonBody(body.attributes[1]!.expression)!.attributes[0]!;
    assert.equal(evaluateConstant(inner.expression), "xé\n");
    assert.equal(inner.nameRange.source.positionAt(inner.nameRange.start).line, 4);
  });

  for (const [text, mistake] of [
    ["{", "1:1 JSON object is never closed"],
    ['{"a": }', '1:7 Expected a JSON value, found "}"'],
    ['{"a": 1 "b": 2}', '1:9 Expected "," or "}" in a JSON object, found """'],
    ['{"a": 1,}', '1:8 JSON has no "," after the last item'],
    ['{"a": tru}', '1:7 Expected a JSON value, found "tru"'],
    ['{"a": "x}', "1:7 Text is never closed"],
    ['{"a": 1} x', "1:10 Expected the end of the JSON document, found more"],
    ['{"a": 1, "a": 2}', '1:10 "a" is set twice'],
    ['{"a": "${"}', '1:7 "${" is never closed'],
  ] as const) {
    test(`${text} is refused with its place`, () => assert.deepEqual(mistakes(text), [mistake]));
  }
});

describe("a rendered diagnostic", () => {
  test("shows the place, the line, a caret and how to mend it", () => {
    const text = "\ta = 'x'\n";
    const [diagnostic] = parseBody(text, "job.nomad").diagnostics;
    assert.equal(
      renderDiagnostic(diagnostic!, text),
      "job.nomad:1:6: Single quotes are not used here\n   1 | \ta = 'x'\n     | \t    ^\nWrite text between double quotes: \"…\".",
    );
    assert.equal(renderDiagnostic(diagnostic!), 'job.nomad:1:6: Single quotes are not used here\nWrite text between double quotes: "…".');
  });

  test("shows a part of a very long line, and no control characters", () => {
    const text = `a = "${"x".repeat(5000)}\u001b[2J" 'y'`;
    const [diagnostic] = parseBody(text, "f").diagnostics;
    const rendered = renderDiagnostic(diagnostic!, text);
    assert.ok(
      rendered.split("\n").every((line) => line.length < 160),
      rendered,
    );
    assert.ok(!rendered.includes("\u001b"));
  });
});

test("chains make deep trees without brackets: they end at a thousand, so that whoever walks a tree has stack enough", () => {
  for (const chain of ["1 + ".repeat(1001) + "1", `x${".y".repeat(1001)}`, `x${"[0]".repeat(1001)}`, `x${".0".repeat(1001)}`]) {
    assert.match(mistakes(`a = ${chain}\n`).join(), /more than 1000 levels deep/, chain.slice(0, 20));
  }
  assert.deepEqual(mistakes(`a = ${"1 + ".repeat(990)}1\n`), []);
});
