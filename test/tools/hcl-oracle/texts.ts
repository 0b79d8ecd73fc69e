/** Expressions and files to ask the reference about, drawn at random: the same seed draws the same texts. */
import fc from "fast-check";

/** Expressions of a kind, so that most of them have a value; now and then one of another kind, which must be refused alike. */
interface Kinds {
  readonly text: string;
  readonly number: string;
  readonly bool: string;
  readonly list: string;
  readonly map: string;
  readonly any: string;
}

const SMALL = fc.integer({ min: -3, max: 12 }).map(String);
const LITERALS = {
  number: fc.oneof(SMALL, fc.constantFrom("0.5", "1e3", "100", "2.25", "var.count")),
  text: fc.oneof(
    fc.constantFrom(
      '""',
      '"a"',
      '"Hello World"',
      '"é日本"',
      '"a,b,,c"',
      '"  x  "',
      '"5"',
      '"1.5"',
      '"true"',
      '"a\\nb"',
      '"$${x}"',
      '"%%{x}"',
      '"\\u00e9"',
    ),
    fc.constantFrom("var.name", "var.map.x", 'var.map["y"]', "var.list[1]", "var.objects[0].id"),
  ),
  bool: fc.constantFrom("true", "false", "var.yes"),
  list: fc.constantFrom(
    '["b", "a", "c", "a"]',
    "[3, 1, 2]",
    "[]",
    "var.list",
    "[[1, 2], [3], []]",
    '["x", 1, true]',
    "var.objects[*].id",
    "var.objects.*.id",
  ),
  map: fc.constantFrom("{}", "{ a = 1, b = 2 }", "var.map", '{ "x y" = "z", k : [1] }', "{ a = { b = true } }", "var.objects[1]"),
};

/** Empty lists have a type of their own there, none here. */
const OF_ONE_KIND = fc.constantFrom('["b", "a", "c", "a"]', "[3, 1, 2]", "var.list", "var.objects[*].id", '["x", 1, true]', "[2, null]");

const expressions = fc.letrec<Kinds>((tie) => {
  const text = tie("text") as fc.Arbitrary<string>;
  const number = tie("number") as fc.Arbitrary<string>;
  const bool = tie("bool") as fc.Arbitrary<string>;
  const list = tie("list") as fc.Arbitrary<string>;
  const map = tie("map") as fc.Arbitrary<string>;
  const any = tie("any") as fc.Arbitrary<string>;
  const call = (name: string, ...given: fc.Arbitrary<string>[]) => fc.tuple(...given).map((each) => `${name}(${each.join(", ")})`);
  const hole = fc
    .tuple(fc.constantFrom("${", "${~ "), fc.oneof(text, number, bool), fc.constantFrom("}", " ~}"))
    .map((each) => each.join(""));
  const piece = fc.oneof(hole, fc.constantFrom("a ", " b", "", "$", "%", "$$${", "%%{", "\\t", "é"));
  const failing = fc.constantFrom(
    "var.list[9]",
    'parseint("x", 10)',
    "1",
    "var.objects[0].nope",
    '"a" + 1',
    "null",
    "var.list[0]",
    "upper([])",
  );
  const seldom = <T>(often: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 14, arbitrary: often }, { weight: 1, arbitrary: other });
  return {
    number: seldom(
      fc.oneof(
        { maxDepth: 4, depthIdentifier: "hcl" },
        LITERALS.number,
        fc.tuple(number, fc.constantFrom("+", "-", "*"), number).map(([l, o, r]) => `(${l} ${o} ${r})`),
        // Ours are doubles, theirs have 512 bits: quotients that both can write.
        fc.tuple(number, fc.constantFrom("2", "4", "-8", "0.5")).map(([l, r]) => `(${l} / ${r})`),
        // What is left after dividing by nothing is no number here.
        fc.tuple(number, fc.constantFrom("1", "2", "7", "-3")).map(([l, r]) => `(${l} % ${r})`),
        number.map((each) => `-${each}`),
        call("abs", number),
        call("max", number, number),
        call("min", number, number),
        call("ceil", number),
        call("floor", number),
        call("signum", number),
        call("length", list),
        call("strlen", text),
        call("parseint", text, fc.constantFrom("10", "16", "2")),
        call("pow", SMALL, fc.constantFrom("0", "1", "2", "3")),
      ),
      any,
    ),
    bool: seldom(
      fc.oneof(
        { maxDepth: 4, depthIdentifier: "hcl" },
        LITERALS.bool,
        fc.tuple(number, fc.constantFrom("<", "<=", ">", ">=", "==", "!="), number).map(([l, o, r]) => `(${l} ${o} ${r})`),
        fc.tuple(bool, fc.constantFrom("&&", "||"), bool).map(([l, o, r]) => `(${l} ${o} ${r})`),
        bool.map((each) => `!${each}`),
        call("contains", list, any),
        call("can", failing),
        fc.tuple(any, any).map(([l, r]) => `(${l} == ${r})`),
      ),
      any,
    ),
    text: seldom(
      fc.oneof(
        { maxDepth: 4, depthIdentifier: "hcl" },
        LITERALS.text,
        fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => `"${pieces.join("")}"`),
        fc.tuple(bool, text, text).map(([c, l, r]) => `"%{ if ${c} }${"${"}${l}}%{ else ~} ${"${"}${r}} %{ endif }"`),
        list.map((each) => `"%{ for x in ${each} ~}\${ jsonencode(x) };%{ endfor }"`),
        call("upper", text),
        call("lower", text),
        call("title", text),
        call("trimspace", text),
        call("strrev", text),
        call("chomp", text),
        call("substr", text, SMALL, SMALL),
        call("replace", text, text, text),
        call("trim", text, text),
        call("trimprefix", text, text),
        call("trimsuffix", text, text),
        call("indent", fc.constantFrom("0", "2"), text),
        call("join", fc.constantFrom('","', '""'), list),
        call("jsonencode", any),
        call("yamlencode", any),
        call("format", fc.constantFrom('"%s-%v"', '"%5s|%-4v|"', '"%q %#v"', '"%03d %v"', '"%.2f %v"', '"%x %s"', '"%s"'), any, any),
        call("regex_replace", text, fc.constantFrom('"[a-c]+"', '"(\\\\w)(\\\\w)"', '"^"'), fc.constantFrom('"-"', '"$2$1"', '"<$0>"')),
        call(
          "formatdate",
          fc.constantFrom('"YYYY-MM-DD"', '"EEE, DD MMM YYYY hh:mm:ss ZZZ"', '"h:mm AA"'),
          fc.constant('"2026-08-05T14:03:09+02:00"'),
        ),
        call("timeadd", fc.constant('"2026-02-28T23:30:00Z"'), fc.constantFrom('"1h"', '"-90m"', '"24h0m0.5s"')),
      ),
      any,
    ),
    list: seldom(
      fc.oneof(
        { maxDepth: 4, depthIdentifier: "hcl" },
        LITERALS.list,
        fc.array(any, { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
        fc.tuple(list, any).map(([l, e]) => `[for x in ${l} : ${e}]`),
        list.map((each) => `[for i, x in ${each} : "\${i}" if i != 1]`),
        map.map((each) => `[for k, v in ${each} : k]`),
        call("concat", LITERALS.list, LITERALS.list),
        call("reverse", list),
        call("distinct", list),
        call("flatten", list),
        call("sort", list),
        call("compact", list),
        call("keys", map),
        call("values", map),
        call("slice", list, fc.constantFrom("0", "1"), fc.constantFrom("1", "2", "3")),
        call("chunklist", LITERALS.list, fc.constantFrom("0", "1", "2")),
        call("range", SMALL),
        call("range", SMALL, SMALL),
        call("range", SMALL, SMALL, fc.constantFrom("1", "2", "-1")),
        call("split", fc.constantFrom('","', '" "'), text),
        call("setunion", OF_ONE_KIND, OF_ONE_KIND),
        call("setintersection", OF_ONE_KIND, LITERALS.list),
        call("setproduct", LITERALS.list, OF_ONE_KIND),
        call("formatlist", fc.constantFrom('"%s"', '"<%v>"'), list),
        list.map((each) => `${each}[*]`),
        call("coalescelist", list, list),
      ),
      any,
    ),
    map: seldom(
      fc.oneof(
        { maxDepth: 4, depthIdentifier: "hcl" },
        LITERALS.map,
        fc.tuple(any, any).map(([l, r]) => `{ one = ${l}, "two" = ${r} }`),
        fc.tuple(text, any).map(([k, v]) => `{ (${k}) = ${v} }`),
        list.map((each) => `{for i, x in ${each} : i => x}`),
        list.map((each) => `{for x in ${each} : jsonencode(x) => x...}`),
        call("merge", map, map),
        call("zipmap", list, list),
      ),
      any,
    ),
    any: fc.oneof(
      { maxDepth: 4, depthIdentifier: "hcl" },
      fc.oneof(LITERALS.text, LITERALS.number, LITERALS.bool, fc.constant("null")),
      text,
      number,
      bool,
      list,
      map,
      fc
        .oneof(
          fc.tuple(bool, call("abs", number), call("ceil", number)),
          fc.tuple(bool, call("upper", text), call("lower", text)),
          fc.tuple(bool, call("can", failing), call("contains", list, text)),
        )
        .map(([c, l, r]) => `(${c} ? ${l} : ${r})`),
      call("try", failing, any),
      call("element", list, SMALL),
      fc.tuple(list, SMALL).map(([l, i]) => `(${l})[${i}]`),
      call("lookup", fc.constant("{ a = 1, web = true }"), text, any),
      call("jsondecode", call("jsonencode", any)),
      call("yamldecode", call("yamlencode", any)),
    ),
  };
});

export function anExpression(): fc.Arbitrary<string> {
  return expressions.any.filter((text) => text.length < 2_000);
}

/** YAML as people write it, in a yamldecode call. */
export function aYamlCall(): fc.Arbitrary<string> {
  const scalar = fc.constantFrom(
    ..."a|yes|No|on|y|~|null|Null|5|-1.5|0x1f|0o17|017|1e3|+5|1_000|.5|.|-|2026-01-02|2026-1-2T3:4:5Z|2001-12-14 21:59:43.10|2026-13-01|12:30|'5'|\"yes\"|!!str 5|!!int '7'|!!bool yes|!!float 1|!!binary aGk=|'it''s'|a b c|http://x.y/z?q=1|*x|<<".split(
      "|",
    ),
  );
  const key = fc.constantFrom("a", "b c", "1", "yes", "'no'", "~x", "0x10", "null_", "<<");
  const flow: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2 },
      scalar.filter((text) => !/[,:]|^\*|^-$/.test(text)),
      fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 2 }).map((items) => `{${items.map(([k, v]) => `${k}: ${v}`).join(", ")}}`),
    ),
  })).value;
  const line = fc.oneof(
    fc.tuple(key, fc.oneof(scalar, flow)).map(([k, v]) => `${k}: ${v}`),
    fc.tuple(key, flow).map(([k, v]) => `${k}: &x ${v}`),
    fc.tuple(key, fc.constantFrom("|", ">", "|-", ">+")).map(([k, style]) => `${k}: ${style}\n  one\n   two\n\n  three`),
    fc
      .tuple(key, fc.array(scalar, { minLength: 1, maxLength: 3 }))
      .map(([k, items]) => `${k}:\n${items.map((each) => `- ${each}`).join("\n")}`),
    fc.tuple(key, key, scalar).map(([k, inner, v]) => `${k}:\n  ${inner}: ${v}`),
    fc.constant("# remark"),
  );
  const document = fc.oneof(
    fc.array(line, { maxLength: 4 }).map((lines) => lines.join("\n")),
    flow,
    scalar,
  );
  return document.map((text) => `yamldecode(${JSON.stringify(text)})`);
}

/** White space where the language takes any, comments, blocks in blocks, heredocs. */
export function aFile(): fc.Arbitrary<string> {
  const space = fc.constantFrom("", " ", "  ", "\t", "   ");
  const name = fc.constantFrom("a", "count", "long_attribute-name", "x1", "é", "for", "in");
  const remark = fc.constantFrom("", "", "", " # remark", "// remark", "\t#é", " /* in between */");
  const value = fc.oneof(
    { weight: 3, arbitrary: anExpression().filter((text) => !text.includes("\n")) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "[1,2,   3 ]",
        "[\n1,\n  2, # two\n\n3\n]",
        "{a=1,b = 2}",
        "{\n  a=1\n\n  longer = -  2\n}",
        "[{a = 1},{\nb=2\n}]",
        "max( 1,2 ... )",
        "- 5",
        "5-3",
        "! true",
        '"${ var.name }-${ - 1 }"',
        '"${{a = 1}.a}${  "x"  }"',
        "var . name",
        "var.list [ 0 ]",
        "[for x in [1]:x]",
        "[for x in[1,2]:x if x>1]",
        "true?1:2",
        "(\n  1 +\n2\n)",
        "<<EOT\n  text ${ var.name } = x\nEOT",
        "<<-EOT\n    one\n      %{ if true }two%{ endif }\n    EOT",
        "<<EOT\nEOT",
        "[<<A\nx\nA\n, 1]",
        'upper(  "a"  )',
        "1==1&&2!=3||!false",
        "{ (var.name) = [ ] }",
      ),
    },
  );
  const attribute = fc.tuple(space, name, space, space, value, remark).map(([before, key, left, right, given, after]) => {
    // Nothing can stand behind a heredoc's end.
    const bare = /(EOT|[A-Z])$/.test(given) && given.startsWith("<<");
    return `${before}${key}${left}=${right}${given}${bare ? "" : after}`;
  });
  const label = fc.constantFrom("", ' "one"', '"two"', " bare", ' "a"   "b"');
  const body: fc.Arbitrary<string> = fc.letrec<{ body: string }>((tie) => ({
    body: fc
      .uniqueArray(
        fc.oneof(
          { maxDepth: 3 },
          { weight: 4, arbitrary: attribute },
          {
            weight: 2,
            arbitrary: fc
              .tuple(space, name, label, space, tie("body"))
              .map(([before, type, labels, gap, inner]) => `${before}${type}${labels}${gap}{\n${inner}${before}}`),
          },
          { weight: 1, arbitrary: fc.tuple(name, label).map(([type, labels]) => `${type}${labels} { x = 1 }`) },
          { weight: 1, arbitrary: name.map((type) => `${type}{}`) },
          { weight: 2, arbitrary: fc.constantFrom("", "  ", "# whole line", "\t// another", "/* several\n   lines */") },
        ),
        // A name can be set once in a body.
        { maxLength: 6, selector: (item) => /^\s*([^\s={]+)\s*=/.exec(item)?.[1] ?? item },
      )
      .map((items) => items.map((item) => `${item}\n`).join("")),
  })).body;
  return fc.tuple(body, fc.boolean(), fc.boolean()).map(([text, windows, cut]) => {
    const whole = cut && !/[A-Z]\n$/.test(text) ? text.replace(/\n$/, "") : text;
    return windows ? whole.replaceAll("\n", "\r\n") : whole;
  });
}

export function draw<T>(texts: fc.Arbitrary<T>, seed: number, count: number): T[] {
  return [...new Set(fc.sample(texts, { seed, numRuns: count }))];
}
