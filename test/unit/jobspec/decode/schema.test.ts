/** Every key the model's notes name can be written in a job file, and fills the property it names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TSchema } from "typebox";
import { fieldsOf, Job, nestedSchema, noteOf } from "#model";
import { JobFileError, parseJob } from "#jobspec";

interface Written {
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** A body with every key of the noun in it, and what it means. */
function writeNoun(schema: TSchema, indent: string): Written {
  const lines: string[] = [];
  const json: Record<string, unknown> = {};
  for (const [property, field] of fieldsOf(schema)) {
    const { hcl, form, label, duration } = noteOf(field);
    if (hcl === undefined) continue;
    const nested = nestedSchema(field);
    if (nested === undefined || form === "map" || form === "free") {
      const [text, value] = writeValue(field as Shape, hcl, duration === true, form ?? "attribute", indent);
      lines.push(`${indent}${text}`);
      json[property] = value;
      continue;
    }
    const inner = writeNoun(nested, `${indent}  `);
    const head = label === undefined || (label === "Name" && inner.json["Name"] !== undefined) ? hcl : `${hcl} "label"`;
    const decoded = head === hcl ? inner.json : { [label as string]: "label", ...inner.json };
    lines.push(`${indent}${head} {\n${inner.text}${indent}}`);
    json[property] = form === "block" ? decoded : form === "labelled-map" ? { label: decoded } : [decoded];
  }
  return { text: lines.map((line) => `${line}\n`).join(""), json: finish(json) };
}

interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly patternProperties?: Record<string, Shape>;
}

function writeValue(schema: Shape, key: string, duration: boolean, form: string, indent: string): [text: string, value: unknown] {
  const shape = schema.anyOf?.find((each) => each.type !== "null") ?? schema;
  if (form === "map") return [`${key} {\n${indent}  K = "v"\n${indent}}`, { K: "v" }];
  if (form === "free") {
    const lists = Object.values(shape.patternProperties ?? {})[0]?.type === "array";
    return lists
      ? [`${key} {\n${indent}  K = ["v"]\n${indent}}`, { K: ["v"] }]
      : [
          `${key} {\n${indent}  K = [1]\n${indent}  inner {\n${indent}    x = true\n${indent}  }\n${indent}}`,
          { K: [1], inner: [{ x: true }] },
        ];
  }
  if (duration) return [`${key} = "1m30s"`, 90_000_000_000];
  switch (shape.type) {
    case "integer":
      return [`${key} = 7`, 7];
    case "boolean":
      return [`${key} = true`, true];
    case "array":
      return shape.items?.type === "integer" ? [`${key} = [1, 2]`, [1, 2]] : [`${key} = ["a", "b"]`, ["a", "b"]];
    default:
      return [`${key} = "text"`, "text"];
  }
}

/** What decode/rules.ts adds. */
function finish(json: Record<string, unknown>): Record<string, unknown> {
  if ("Specs" in json && "ProhibitOverlap" in json) return { ...json, SpecType: "cron" };
  const { DynamicPorts, ...network } = json;
  if (DynamicPorts !== undefined) return { ...network, ReservedPorts: DynamicPorts };
  return json;
}

test("a job file with every key of the model decodes to every property", () => {
  const { text, json } = writeNoun(Job, "  ");
  const source = `job "everything" {\n${text}}\n`;
  let job: Record<string, unknown> = {};
  try {
    ({ job } = parseJob({ text: source, fileName: "everything.nomad", allowFileFunctions: false }));
  } catch (thrown) {
    assert.ok(thrown instanceof JobFileError);
    assert.fail(thrown.message);
  }
  assert.ok(source.split("\n").length > 500, "the model has shrunk");
  assert.deepEqual(job, { ID: "everything", ...json, Name: "text" });
});
