/** A job rendered as a job file parses to the same job. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { admitJob, parseJob, renderJob } from "#jobspec";
import { formatText } from "#jobspec/hcl";
import { Job, Network, Task, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";
import { testScale } from "../../../scale.ts";
import { admittableJob, anyJob } from "../any-job.ts";
import { readJob } from "../../../../src/jobspec/admit/read.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const parse = (text: string) => parseJob({ text, fileName: "job.nomad.hcl", allowFileFunctions: false }).job;
type Noun = Record<string, unknown>;

/** What a job file can say of a noun: the rest at its default, ports and identities where a job file puts them. */
function sayable(schema: TSchema, noun: Noun, label?: string): Noun {
  return Object.fromEntries(
    fieldsOf(schema).map(([name, field]) => {
      const note = noteOf(field);
      if (schema === (Network as TSchema) && name === "ReservedPorts") return [name, []];
      const own = schema === (Network as TSchema) && name === "DynamicPorts";
      const value = own ? [...(noun["ReservedPorts"] as []), ...(noun["DynamicPorts"] as [])] : noun[name];
      const kept =
        name === label || (schema === (Task as TSchema) && name === "Identity") || (schema === (Job as TSchema) && name === "ID");
      if (note.hcl === undefined && !kept) return [name, note.default ?? ""];
      if (note.hidden === true) return [name, note.default];
      if (schema === (Job as TSchema) && name === "Name") return [name, noun["Name"] === "" ? noun["ID"] : noun["Name"]];
      const nested = nestedSchema(field);
      if (nested === undefined || value === null) return [name, value];
      const inner = (each: unknown) => sayable(nested, each as Noun, note.label);
      if (nestingOf(field) === "one") return [name, inner(value)];
      if (Array.isArray(value)) return [name, value.map(inner)];
      return [name, Object.fromEntries(Object.entries(value as Noun).map(([key, each]) => [key, inner(each)]))];
    }),
  );
}
const plain = (job: unknown): unknown => JSON.parse(JSON.stringify(job));

test("any job, rendered and parsed, is the same job, in all a job file can say", () => {
  fc.assert(
    fc.property(anyJob(), (job) => {
      const text = renderJob(job);
      const { job: read, findings } = readJob(parse(text));
      assert.deepEqual(findings, [], text);
      assert.deepEqual(plain(sayable(Job, read as Noun)), plain(sayable(Job, job as Noun)), text);
    }),
    { numRuns: Math.round(150 * testScale()) },
  );
});

test("an admitted job, rendered in either way, parsed and admitted again, is that job", () => {
  fc.assert(
    fc.property(admittableJob(), fc.boolean(), (input, lean) => {
      const { job } = admitJob(input, CONTEXT);
      const text = renderJob(job, { lean });
      assert.deepEqual(admitJob(parse(text), CONTEXT).job, job, text);
      assert.equal(formatText(text), text, "a rendered job is in canonical form");
    }),
    { numRuns: Math.round(150 * testScale()) },
  );
});

test("tokens are never rendered", () => {
  const { job } = admitJob({ ID: "j", TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }] }] }, CONTEXT);
  assert.doesNotMatch(renderJob({ ...job, ConsulToken: "s3cret", VaultToken: "s3cret" }), /s3cret|token/);
});

test("a lean job leaves the count out only where scaling says the same", () => {
  const group = (count: string) => `job "web" {
  group "web" {
${count}
    task "server" {
      driver = "exec"

      config {
        command = "serve"
      }
    }

    scaling {
      min     = 2
      max     = 5
      enabled = true
    }
  }
}
`;
  const lean = (text: string) => renderJob(admitJob(parse(text), CONTEXT).job, { lean: true });
  assert.doesNotMatch(lean(group("")), /count/);
  assert.doesNotMatch(lean(group("    count = 2\n")), /count/);
  assert.match(lean(group("    count = 3\n")), /count = 3/);
});

test("a lean job reads as a person would have written it", () => {
  const text = `job "web" {
  group "web" {
    count = 2

    task "server" {
      driver = "exec"

      config {
        command = "serve"
        args    = ["-port", "\${NOMAD_PORT_http}"]
      }

      env {
        GREETING = <<EOT
hello
  $\${USER}
EOT
      }
    }

    network {
      port "http" {}
    }

    update {
      canary = 1
    }
  }
}
`;
  assert.equal(renderJob(admitJob(parse(text), CONTEXT).job, { lean: true }), text);
});
