import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffJobs, JobFileError, type ParseRequest, parseJob, renderJob } from "#jobspec";
import { mayBeSensitive, readSlice, withoutSealed, writePath } from "../../../src/jobspec/sensitive.ts";
import { testScale } from "../../scale.ts";
import { admitted } from "../server/records.ts";

const ENV = "TaskGroups[0].Tasks[0].Env";

function file(parts: {
  readonly env?: string;
  readonly config?: string;
  readonly job?: string;
  readonly task?: string;
  readonly locals?: string;
}): string {
  return `variable "pw" {
  type      = string
  sensitive = true
}
variable "plain" { default = "plain" }
variable "other" { default = "" }
variable "all" {
  type      = map(string)
  sensitive = true
  default   = { a = "hidden-a", b = "hidden-b" }
}
locals {
  mixed = { pw = var.pw, host = "db.internal" }
  ${parts.locals ?? ""}
}
job "web" {
  ${parts.job ?? ""}
  group "g" {
    task "t" {
      driver = "exec"
      ${parts.task ?? ""}
      config {
        command = "/bin/true"
        ${parts.config ?? ""}
      }
      env {
        ${parts.env ?? ""}
      }
    }
  }
}
`;
}
function parse(text: string, more: Partial<ParseRequest> = {}) {
  return parseJob({ text, fileName: "web.nomad.hcl", allowFileFunctions: false, variables: ["pw=s3cret-word"], ...more });
}
const envOf = (job: unknown): Record<string, string> =>
  (job as { TaskGroups: [{ Tasks: [{ Env: Record<string, string> }] }] }).TaskGroups[0].Tasks[0].Env;

const WHOLE = [
  "var.pw",
  '"${var.pw}"',
  "upper(var.pw)",
  "local.mixed.pw",
  'local.mixed["pw"]',
  "jsonencode(local.mixed)",
  'var.all["a"]',
  "var.all.b",
  'join(",", values(var.all))',
  'var.pw == "x" ? "1" : "2"',
  'true ? var.pw : "x"',
  '[for x in ["a", var.pw] : x][1]',
  'join("", [for x in ["a", "b"] : x if x != var.pw])',
  '{ for k, v in var.all : k => "x${v}" }.a',
  "([local.mixed][*].pw)[0]",
  "try(var.missing, var.pw)",
  "strlen(var.pw)",
  'format("%s", var.pw)',
  'can(regex("x", var.pw)) ? "1" : "2"',
  '!(var.pw == "x") && true',
  'lookup(local.mixed, "host", "")',
  'concat([var.pw], ["b"])[1]',
];
for (const expression of WHOLE) {
  test(`Sensitive: ${expression}`, () => {
    const { sensitive } = parse(file({ env: `A = ${expression}\n        B = var.plain` }));
    assert.deepEqual(sensitive, [`${ENV}["A"]`]);
  });
}

for (const expression of [
  "local.mixed.host",
  'true ? "a" : var.pw',
  '[for x in ["a", var.pw] : x][0]',
  'try("a", var.pw)',
  "{ a = var.pw, b = 1 }.b",
]) {
  test(`Not sensitive, though a sensitive value is near: ${expression}`, () => {
    const { sensitive } = parse(file({ env: `A = ${expression}` }));
    assert.deepEqual(sensitive, []);
  });
}

test("Of a text only what is computed from the value is sensitive: the rest can still be told, and filled in on the node", () => {
  const { job, sensitive } = parse(
    file({
      env: 'A = "user:${var.pw}@${attr.unique.hostname}/${upper(var.pw)}"\n B = "%{ if var.pw == "" }no%{ else }yes%{ endif }!"',
      task: 'template {\n data = "x ${var.pw}\\n"\n destination = "local/x"\n }',
      config: 'args = ["-p", var.pw, ["${var.pw}x"]]\n port = strlen(var.pw)',
    }),
  );
  const env = envOf(job);
  assert.equal(env["A"], "user:s3cret-word@${attr.unique.hostname}/S3CRET-WORD");
  assert.deepEqual(sensitive, [
    "TaskGroups[0].Tasks[0].Templates[0].EmbeddedTmpl[2:13]",
    'TaskGroups[0].Tasks[0].Config["args"][1]',
    'TaskGroups[0].Tasks[0].Config["args"][2][0][0:11]',
    'TaskGroups[0].Tasks[0].Config["port"]',
    `${ENV}["A"][5:16]`,
    `${ENV}["A"][41:52]`,
    `${ENV}["B"][0:3]`,
  ]);
  // How often a text is repeated tells of what is gone through; a form that an answer beside gives it hides nothing.
  const repeated = parse(
    file({ env: 'A = "%{ for x in var.all }x%{ endfor }!"\n B = true ? var.pw : 5\n C = join("", true ? [var.pw, 1] : ["a", "b"])' }),
  );
  assert.deepEqual(repeated.sensitive, [`${ENV}["A"][0:2]`, `${ENV}["B"]`, `${ENV}["C"]`]);
  assert.doesNotMatch(JSON.stringify(job), /\\u0000/);
});

const REFUSED: readonly (readonly [where: string, parts: Parameters<typeof file>[0]])[] = [
  ['Meta["a"]', { job: "meta = { a = var.pw }" }],
  ["Name", { job: "name = var.pw" }],
  ["Datacenters[0]", { job: "datacenters = [var.pw]" }],
  ["priority", { job: "priority = strlen(var.pw)" }],
  ["Constraints[0].RTarget", { job: 'constraint {\n attribute = "${attr.a}"\n value = var.pw\n }' }],
  ["TaskGroups[0].Tasks[0].User", { task: "user = var.pw" }],
  ["TaskGroups[0].Tasks[0].Templates[0].DestPath", { task: 'template {\n data = "x"\n destination = var.pw\n }' }],
  ["TaskGroups[0].Tasks[0].Services[0].Tags[0]", { task: 'service {\n name = "web"\n tags = [var.pw]\n }' }],
  ["TaskGroups[0].Tasks[0].Artifacts[0].GetterSource", { task: 'artifact {\n source = "https://x/${var.pw}"\n }' }],
  ["kill_timeout", { task: "kill_timeout = var.pw" }],
  ["for_each", { task: 'dynamic "artifact" {\n for_each = var.all\n content {\n source = "x"\n }\n }' }],
];
for (const [where, parts] of REFUSED) {
  test(`A sensitive value is refused in ${where}, with its place, and without the value`, () => {
    assert.throws(
      () => parse(file(parts)),
      (thrown: unknown) => {
        assert.ok(thrown instanceof JobFileError);
        assert.match(thrown.message, /^web\.nomad\.hcl:\d+:\d+: A sensitive value cannot stand in /);
        assert.ok(thrown.message.includes(`stand in ${where}: everybody could read it there`), thrown.message);
        assert.doesNotMatch(thrown.message, /s3cret-word/);
        return true;
      },
    );
  });
}

test("A key of a map cannot be sensitive; sensitive is true or false", () => {
  assert.throws(() => parse(file({ env: "A = jsonencode({ (var.pw) = 1 })" })), /A key of a map cannot be sensitive/);
  assert.throws(() => parse('variable "x" {\n sensitive = "perhaps"\n default = ""\n}\njob "j" {}'), /sensitive must be true or false/);
});

test("A validation looks at the value; its message does not tell it", () => {
  const text = (message: string) =>
    `variable "pw" {\n sensitive = true\n validation {\n condition = var.pw == "right"\n error_message = "${message}"\n }\n}\njob "j" {}`;
  assert.throws(
    () => parse(text("It is ${var.pw}, which is wrong.")),
    (thrown: unknown) => thrown instanceof JobFileError && /Invalid value/.test(thrown.message) && !thrown.message.includes("s3cret-word"),
  );
  assert.throws(() => parse(text("It has to be right.")), /It has to be right\./);
});

test("What is kept of the sources holds no value of a sensitive variable, and still is a job file", () => {
  const text = file({ env: "A = var.pw\n B = var.all.a" });
  const files = [{ name: "vars.hcl", text: 'pw    = "file-word"\nplain = "kept"\nall = {\n  a = "file-a"\n  b = "b"\n}\n' }];
  const parsed = parse(text, {
    variables: ["pw=flag-word"],
    variableFiles: files,
    environment: { NOMAD_VAR_pw: "env-word", NOMAD_VAR_other: "env-other" },
  });
  assert.deepEqual(parsed.sensitiveVariables, ["pw", "all"]);
  assert.deepEqual(parsed.environmentVariables, { other: "env-other" });
  const kept = JSON.stringify([parsed.shown, parsed.environmentVariables]);
  assert.doesNotMatch(kept, /file-word|flag-word|env-word|hidden-a|hidden-b|file-a/);
  assert.equal(parsed.shown.variableFiles[0], 'pw    = null\nplain = "kept"\nall = null\n');
  const again = parse(parsed.shown.text, { variables: ["pw=x", 'all={a="1",b="2"}'] });
  assert.deepEqual(again.sensitive, parsed.sensitive);
});

test("A job file in JSON knows sensitive variables as well", () => {
  const text = JSON.stringify({
    variable: { pw: { type: "string", sensitive: true, default: "json-word" } },
    job: { web: { group: { g: { task: { t: { driver: "exec", env: { A: "x${var.pw}" } } } } } } },
  });
  const parsed = parse(text, { variables: [] });
  assert.deepEqual(parsed.sensitive, [`${ENV}["A"][1:10]`]);
  assert.doesNotMatch(parsed.shown.text, /json-word/);
  assert.deepEqual(parse(parsed.shown.text).sensitive, [`${ENV}["A"][1:12]`]);
});

test("Whatever is computed from a sensitive value is sensitive where the value can be told from it (property)", () => {
  const leaf = fc.constantFrom("var.pw", "local.mixed.pw", '"p"', "var.plain", '"a${var.pw}b"');
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small" },
      leaf,
      tie("expression").map((inner) => `upper(${inner})`),
      tie("expression").map((inner) => `"<\${${inner}}>"`),
      tie("expression").map((inner) => `{ k = ${inner}, o = 1 }.k`),
      tie("expression").map((inner) => `[1, ${inner}][1]`),
      tie("expression").map((inner) => `jsonencode([${inner}])`),
      tie("expression").map((inner) => `join("-", [for x in [${inner}, "q"] : x])`),
      tie("expression").map((inner) => `try(${inner}, "z")`),
      fc.tuple(tie("expression"), tie("expression")).map(([one, other]) => `(${one} == ${other} ? ${one} : "no")`),
      fc.tuple(tie("expression"), tie("expression")).map(([one, other]) => `format("%s%s", ${one}, ${other})`),
    ),
  }));
  fc.assert(
    fc.property(expression, (each) => {
      const text = file({ env: `A = ${each}` });
      const [one, other] = ["first", "second-word"].map((pw) => parse(text, { variables: [`pw=${pw}`] }));
      const values = [one, other].map((parsed) => envOf(parsed?.job)["A"]);
      const marked = (one?.sensitive.length ?? 0) > 0;
      // Its result depends on the value: then it is marked. And what is unmarked of a text is the same for every value.
      if (values[0] !== values[1]) assert.ok(marked, each);
      const shown = [one, other].map((parsed, index) => hidden(values[index] ?? "", parsed?.sensitive ?? []));
      if (shown[0] !== shown[1]) assert.fail(`${each}: ${shown.join(" and ")}`);
    }),
    { numRuns: 150 * testScale() },
  );
});

/** What is left of the text without its sensitive parts. */
function hidden(text: string, sensitive: readonly string[]): string {
  const slices = sensitive.map((path) => readSlice(path)?.slice ?? { start: 0, end: text.length });
  return slices
    .toSorted((left, right) => right.start - left.start)
    .reduce((shown, { start, end }) => `${shown.slice(0, start)}•${shown.slice(end)}`, text);
}

test("Paths are written as they are read", () => {
  for (const path of [`${ENV}["a.b \\"c\\""]`, 'TaskGroups[0].Tasks[12].Config["x"]["y"][3]', "Name"]) {
    const read = readSlice(path);
    assert.deepEqual([writePath(read?.steps ?? []), read?.slice], [path, undefined]);
  }
  assert.deepEqual(readSlice(`${ENV}["A"][2:9]`), { steps: ["TaskGroups", 0, "Tasks", 0, "Env", "A"], slice: { start: 2, end: 9 } });
  assert.equal(readSlice("TaskGroups[0]!"), undefined);
  assert.equal(mayBeSensitive(["TaskGroups", 0, "Meta", "a"]), false);
});

test("Diffs and rendered job files show neither the value nor what it is sealed to", () => {
  const sealed = (end: string) => `postgres://\${sealed.8f14e45f-ea4c-4b5c-9f0e-2b7d0a3c5e11.${"A".repeat(60)}${end}}@db`;
  const [before, after] = ["x", "y"].map((end) =>
    admitted({ id: "web", count: 1, environment: { ADDRESS: sealed(end), PASSWORD: sealed(end) } }),
  );
  assert.ok(before !== undefined && after !== undefined);
  const diff = diffJobs(before, after, { contextual: false });
  assert.equal(diff.Type, "Edited");
  const fields = JSON.stringify(diff);
  assert.match(fields, /postgres:\/\/\(sensitive\)@db/);
  assert.doesNotMatch(fields, /sealed\./);
  assert.doesNotMatch(renderJob(before), /sealed\./);
  assert.match(renderJob(before), /postgres:\/\/\(sensitive\)@db/);
  assert.equal(withoutSealed("${sealed} ${NOMAD_X}"), "${sealed} ${NOMAD_X}");
});

test("A sensitive variable's own default is not quoted beside the mistake that is in it, and its place stays right", () => {
  const text = 'variable "pw" {\n  type = number\n  sensitive = true\n  default = "hidden-word"\n}\njob "a" {}\n';
  assert.throws(
    () => parseJob({ text, fileName: "a.nomad.hcl", allowFileFunctions: false }),
    (error: Error) => {
      assert.match(error.message, /a\.nomad\.hcl:4:13: The default of variable "pw" does not fit its type/);
      assert.match(error.message, /default = \*{13}\n/);
      assert.doesNotMatch(error.message, /hidden-word/);
      return true;
    },
  );
});
