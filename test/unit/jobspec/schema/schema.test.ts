/** The schemas that are published say what the parser and admission do. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Compile } from "typebox/schema";
import { JobFileError, admitJob, apiJobSchema, hclJobSchema, parseJob } from "#jobspec";
import { type Attribute, type Body, parseBody, textOf } from "#jobspec/hcl";
import { readJob } from "../../../../src/jobspec/admit/read.ts";
import { testScale } from "../../../scale.ts";
import { anyJob } from "../any-job.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const api = Compile(apiJobSchema() as never);
const hcl = Compile(hclJobSchema() as never);
const check = (schema: typeof api, value: unknown, what: string): void => {
  const [valid, errors] = schema.Errors(value) as unknown as [boolean, { instancePath: string; message: string }[]];
  assert.ok(valid, `${what}: ${JSON.stringify(errors.slice(0, 3))}`);
};

const root = join(import.meta.dirname, "../../../..");
const good = globSync("test/scenario/jobspec/good-*.txt", { cwd: root }).map((name): readonly [string, string] => [
  name,
  (readFileSync(join(root, name), "utf8").split("\n----\n")[0] as string).replace(/^#! .*$/gm, ""),
]);
const files: readonly (readonly [name: string, text: string])[] = [
  ...globSync("{examples/**,templates/job,test/scenario/cli/files}/*.nomad.hcl", { cwd: root }).map((name): readonly [string, string] => [
    name,
    readFileSync(join(root, name), "utf8"),
  ]),
  ...good,
];
assert.ok(files.length > 10, "the examples were not found");

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return parseJob({ text, fileName: join(root, "test/scenario/jobspec/x.nomad.hcl"), allowFileFunctions: true, strict: false }).job;
  } catch (thrown) {
    if (thrown instanceof JobFileError) return undefined;
    throw thrown;
  }
}

test("every example is a job for the API's schema: as parsed, as admitted, with its envelope", () => {
  for (const [name, text] of files) {
    const job = parse(text);
    if (job?.["TaskGroups"] === undefined) continue;
    check(api, job, name);
    check(api, { Job: job, EnforceIndex: false }, name);
    try {
      check(api, admitJob(job, CONTEXT).job, name);
    } catch (thrown) {
      if (thrown instanceof assert.AssertionError) throw thrown;
    }
  }
});

test("what the API's schema takes is what admission can read", () => {
  check(api, { Job: { ID: "x", TaskGroups: null } }, "nulls");
  const wrong = fc.constantFrom<unknown>("text", 5, true, null, [], {}, [null], 1.5, { a: 1 });
  fc.assert(
    fc.property(
      anyJob().filter((job) => job.TaskGroups.length > 0),
      fc.nat(),
      wrong,
      (job, at, value) => {
        const plain = JSON.parse(JSON.stringify(job)) as Record<string, unknown>;
        check(api, plain, "a drawn job");
        replaceSome(plain, at, value);
        if (plain["ID"] === undefined || plain["TaskGroups"] === undefined) return;
        assert.equal(api.Check(plain), readJob(plain).findings.length === 0, JSON.stringify(plain));
      },
    ),
    { numRuns: Math.round(200 * testScale()) },
  );
});

/** Puts the value in place of the `at`th field of the job, counted through all its nouns (free content left out). */
function replaceSome(job: Record<string, unknown>, at: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (noun: unknown): void => {
    if (Array.isArray(noun)) noun.forEach(walk);
    else if (typeof noun === "object" && noun !== null) {
      for (const key of Object.keys(noun)) {
        if (!/^[A-Z]/.test(key)) continue;
        places.push([noun as Record<string, unknown>, key]);
        if (!["Config", "Meta", "Env", "Policy"].includes(key)) walk((noun as Record<string, unknown>)[key]);
      }
    }
  };
  walk(job);
  const [noun, key] = places[at % places.length] as [Record<string, unknown>, string];
  noun[key] = value;
}

test("every example, written in JSON, is a job file for the schema of that form and parses to the same job", () => {
  let compared = 0;
  for (const [name, text] of files) {
    const { body, diagnostics } = parseBody(text, name);
    if (diagnostics.length > 0 || body.json === true) continue;
    const json = inJson(body, []);
    const [ours, theirs] = [parse(text), parse(JSON.stringify(json))];
    // One of them is there to be refused.
    if (ours === undefined) continue;
    check(hcl, json, name);
    // In JSON, free content has no blocks that could be dynamic.
    if (theirs === undefined || /<<|%\{|dynamic/.test(text)) continue;
    assert.deepEqual(theirs, ours, name);
    compared++;
  }
  assert.ok(compared > 5, `only ${compared} were compared`);
});

/** Blocks that are one map. */
const PLAIN = "args env meta config policy header headers options canary_meta tagged_addresses locals variables".split(" ");

/** HCL → its JSON form: an expression is text with a hole in it. */
function inJson(body: Body, path: readonly string[]): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const attribute of body.attributes) json[attribute.name] = valueOf(attribute, path);
  for (const block of body.blocks) {
    const inner = inJson(block.body, [...path, block.type]);
    // In free content blocks are lists of maps, also those that labels make.
    const free = path.includes("config") || path.includes("policy");
    const item = block.labels.reduceRight<Record<string, unknown>>((value, label) => ({ [label.text]: free ? [value] : value }), inner);
    if (PLAIN.includes(block.type) && block.labels.length === 0 && !free) json[block.type] = item;
    else json[block.type] = [...((json[block.type] as unknown[] | undefined) ?? []), item];
  }
  return json;
}

function valueOf({ name, expression }: Attribute, path: readonly string[]): unknown {
  if (expression.kind === "literal" && typeof expression.value !== "string") return expression.value;
  const written = textOf(expression.range);
  if (path.at(-1) === "variable" && name === "type") return written;
  if (path.at(-1) === "dynamic" && name === "iterator") return written;
  return expression.kind === "literal" ? String(expression.value).replace(/[$%]\{/g, (each) => each[0] + each) : `\${${written}}`;
}

for (const [what, file] of [
  ["an unknown attribute", { job: { x: { cuont: 2 } } }],
  ["a number where a block belongs", { job: { x: { group: 5 } } }],
  ["words where a number belongs", { job: { x: { priority: "high" } } }],
  ["no duration", { job: { x: { group: { g: { shutdown_delay: "soon" } } } } }],
  ["two jobs", { job: { x: {}, y: {} } }],
  ["an unknown block at the top", { job: { x: {} }, group: {} }],
] as const) {
  test(`the schema of the JSON form refuses ${what}, as the parser does`, () => {
    assert.equal(hcl.Check(file), false);
    assert.equal(parse(JSON.stringify(file)), undefined);
  });
}

/** In what JSON can be wrong or unusual, schema and parser say the same. */
const AGREED: readonly object[] = [
  { job: { x: { group: { g: { task: { t: { driver: "d", config: [{ a: 1 }] } } } } } } },
  { job: { x: { group: { g: { task: { t: { driver: "d", config: [{ a: 1 }, { b: 1 }] } } } } } } },
  { job: { x: { group: { g: { count: "3" } } } } },
  { job: { x: { group: { g: { count: 3.5 } } } } },
  { job: { x: { group: { g: { count: "3.0" } } } } },
  { job: { x: { group: { g: { count: "3e2" } } } } },
  { job: { x: { group: { g: { count: " 3" } } } } },
  { job: { x: { group: { g: { count: true } } } } },
  { job: { x: { all_at_once: 1 } } },
  { job: { x: { all_at_once: "1" } } },
  { job: { x: { all_at_once: "yes" } } },
  { job: { x: { all_at_once: null } } },
  { job: { x: { group: { g: { shutdown_delay: "1h30m" } } } } },
  { job: { x: { group: { g: { shutdown_delay: "1h30" } } } } },
  { job: { x: { group: { g: { shutdown_delay: 5 } } } } },
  { job: { x: { group: { g: { shutdown_delay: "0" } } } } },
  { job: { x: { group: { g: { shutdown_delay: "0s0" } } } } },
  { job: { x: { group: { g: { shutdown_delay: ".5s" } } } } },
  { job: { x: { group: { g: { shutdown_delay: "5.s" } } } } },
  { job: { x: { group: { g: { shutdown_delay: "-5s" } } } } },
  { job: { x: { group: { g: { shutdown_delay: "1d" } } } } },
  { job: { x: { group: { g: { shutdown_delay: 5.5 } } } } },
  { job: { x: { group: { g: { shutdown_delay: true } } } } },
  { job: { x: { group: { g: { shutdown_delay: "" } } } } },
  { job: { x: { datacenters: "dc1" } } },
  { job: { x: { datacenters: [1, true] } } },
  { job: { x: { datacenters: [null] } } },
  { job: { x: { datacenters: null } } },
  { job: { x: { datacenters: [["a"]] } } },
  { job: { x: { datacenters: '${["a"]}' } } },
  { job: { x: { group: { g: { task: { t: { env: { A: 1, B: true, C: null } } } } } } } },
  { job: { x: { group: { g: { task: { t: { env: { A: {} } } } } } } } },
  { job: { x: { group: { g: { task: { t: { env: "x" } } } } } } },
  { job: [{ x: {} }] },
  { job: { x: {}, y: {} } },
  { job: [{ x: {} }, { y: {} }] },
  { job: {} },
  { job: { x: [{}, {}] } },
  { job: { x: [{}] } },
  { job: { x: { group: { g: { service: { port: "a" } } } } } },
  { job: { x: { group: { g: { service: [{ port: "a" }, { port: "b" }] } } } } },
  { job: { x: { group: { g: { service: { s: { port: "a" } } } } } } },
  { job: { x: { update: [{ max_parallel: 1 }] } } },
  { job: { x: { update: [{}, {}] } } },
  { job: { x: { update: null } } },
  { job: { x: { group: null } } },
  { job: { x: { constraint: { attribute: "a" } } } },
  { job: { x: { constraint: [{ attribute: "a" }, { distinct_hosts: true }] } } },
  { job: { x: { foo: 1 } } },
  { "//": "x", job: { x: { "//": "c" } } },
  { variable: { a: { type: "string", default: "x" } }, job: { x: { name: "${var.a}" } } },
  { variable: { a: { typ: "string", default: "x" } }, job: { x: {} } },
  { locals: { a: 1 }, job: { x: {} } },
  { locals: [{ a: 1 }], job: { x: {} } },
  { variable: [{ a: { default: 1 } }], job: { x: {} } },
  { job: { x: { dynamic: { group: { for_each: ["a"], labels: ["${group.value}"], content: { count: 1 } } } } } },
  { job: { x: { dynamic: [{ group: { for_each: ["a"], labels: ["${group.value}"], content: [{ count: 1 }] } }] } } },
  { job: { x: { task: { t: { driver: "a" } } } } },
  { job: { x: { vault: { role: "r" } } } },
  { job: { x: { name: 5 } } },
  { job: { x: { name: {} } } },
  { job: { x: { group: { g: { network: { port: { http: { static: 80 } } } } } } } },
  { job: { x: { group: { g: { network: [{ port: { http: { static: 80 } } }] } } } } },
  { job: { x: { group: { g: { network: { port: { http: {} } } } } } } },
  { job: { x: { group: { g: { network: { port: { http: null } } } } } } },
  { job: { x: { group: { g: { task: { t: { identity: [{ name: "a" }, { env: true }] } } } } } } },
  { job: { x: { group: { g: { service: { check: { header: { A: ["x"], B: "y" } } } } } } } },
  { job: { x: { group: { g: { service: { check: { header: { A: [["x"]] } } } } } } } },
  {
    job: {
      x: {
        group: {
          g: { service: { connect: { sidecar_service: { proxy: { transparent_proxy: { exclude_outbound_ports: [1, "2", "x"] } } } } } },
        },
      },
    },
  },
  { foo: 1, job: { x: {} } },
  { locals: {} },
  { job: { x: { priority: 1e300 } } },
  { job: { x: { priority: "${5}" } } },
  { job: { x: { name: "$${a}" } } },
  { job: { x: { group: { g: { count: null } } } } },
];
test("the schema of the JSON form and the parser take and refuse the same forms", () => {
  let taken = 0;
  for (const file of AGREED) {
    const parsed = parse(JSON.stringify(file)) !== undefined;
    assert.equal(hcl.Check(file), parsed, JSON.stringify(file));
    taken += Number(parsed);
  }
  assert.ok(taken > 25 && taken < AGREED.length - 20, `${taken} of ${AGREED.length} were taken`);
});

test("the schemas are self-contained: every reference leads somewhere, and the dialect is named", () => {
  for (const schema of [apiJobSchema(), hclJobSchema()]) {
    const text = JSON.stringify(schema);
    assert.equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    const names = new Set(Object.keys(schema["$defs"] as object));
    for (const [, name] of text.matchAll(/"#\/\$defs\/(\w+)"/g)) assert.ok(names.has(name as string), String(name));
    assert.ok(names.has("Task") && names.has("Constraint") && names.size > 30);
  }
});
