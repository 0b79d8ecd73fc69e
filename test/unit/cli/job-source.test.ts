/** What `drover job run` makes of a job file with sensitive variables: marks go along, and no value stands in what is kept of the source. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { NamedError } from "#std";
import { jobPlan } from "../../../src/cli/commands/job-plan.ts";
import { jobRun } from "../../../src/cli/commands/job-run.ts";
import { jobValidate } from "../../../src/cli/commands/job-validate.ts";
import { DISPLAY_FLAGS, type Command } from "../../../src/cli/command.ts";
import { readJob } from "../../../src/cli/job-source.ts";
import { answered, fakeContext, type FakeContext } from "./fake-context.ts";

const directory = mkdtempSync(join(tmpdir(), "drover-job-source-"));
after(() => rmSync(directory, { recursive: true, force: true }));
function fileOf(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const SECRETS = ["from-default", "from-flag", "from-file", "from-environment"];
const HCL = fileOf(
  "web.nomad.hcl",
  `variable "a" {
  sensitive = true
  default   = "from-default"
}
variable "b" { sensitive = true }
variable "c" { sensitive = true }
variable "d" { sensitive = true }
variable "plain" { default = "said" }
job "web" {
  group "g" {
    task "t" {
      driver = "raw_exec"
      config { command = "/bin/true" }
      env {
        ALL   = "\${var.a} \${var.b} \${var.c} \${var.d}"
        PLAIN = var.plain
      }
    }
  }
}
`,
);
const VALUES = fileOf("values.hcl", 'c = "from-file"\nplain = "of the file"\n');
const WORDS = ["-var", "b=from-flag", "-var-file", VALUES, HCL];

function world(command: Command, words: readonly string[], api: object = {}): FakeContext {
  const made = fakeContext({ words, flags: { ...DISPLAY_FLAGS, ...command.flags }, api });
  return { ...made, context: { ...made.context, environment: { NOMAD_VAR_d: "from-environment" } } };
}
function recorder<T>(value: T) {
  const calls: unknown[][] = [];
  return { calls, call: async (...given: unknown[]) => (calls.push(given), answered(value)) };
}
const holds = (value: unknown) => SECRETS.filter((secret) => JSON.stringify(value).includes(secret));

interface Registered {
  readonly Job: Record<string, unknown>;
  readonly Sensitive?: readonly string[];
  readonly Submission: { readonly Source: string; readonly VariableFlags: object; readonly Variables: string };
}

test("job run sends which texts are sensitive, and keeps a source without values from wherever they came", async () => {
  const register = recorder({ EvalID: "e1", Warnings: "" });
  const { context, printed } = world(jobRun, ["-detach", ...WORDS], { jobs: { register: register.call } });
  assert.equal(await jobRun.run(context), 0);
  const [body] = register.calls[0] as [Registered];
  assert.deepEqual(holds(body.Job), SECRETS, "the servers seal them");
  assert.deepEqual(
    body.Sensitive?.map((path) => path.replace(/\[\d+:\d+\]$/, "")),
    Array.from({ length: 4 }, () => 'TaskGroups[0].Tasks[0].Env["ALL"]'),
  );
  assert.deepEqual(holds(body.Submission), []);
  assert.match(body.Submission.Source, /variable "a" \{\n {2}sensitive = true\n {2}default {3}= null\n/);
  assert.deepEqual(body.Submission.VariableFlags, {});
  assert.match(body.Submission.Variables, /c = null\nplain = "of the file"/);
  assert.deepEqual(holds(printed), []);
});

test("job plan and job validate send the marks too, and the command that is shown to run it has no value", async () => {
  const plan = recorder({
    Annotations: null,
    FailedTGAllocs: {},
    JobModifyIndex: 7,
    CreatedEvals: [],
    Diff: null,
    NextPeriodicLaunch: null,
    Warnings: "",
  });
  const planned = world(jobPlan, WORDS, { jobs: { plan: plan.call } });
  await jobPlan.run(planned.context);
  const [, body] = plan.calls[0] as [string, Registered];
  assert.equal(body.Sensitive?.length, 4);
  assert.ok(
    planned.printed.some((line) => line.includes('-var="b=…"')),
    planned.printed.join("\n"),
  );
  assert.deepEqual(holds(planned.printed), []);
  const validate = recorder({ DriverConfigValidated: true, ValidationErrors: [], Error: "", Warnings: "" });
  const validated = world(jobValidate, WORDS, { jobs: { validate: validate.call } });
  assert.equal(await jobValidate.run(validated.context), 0);
  assert.equal((validate.calls[0]?.[2] as readonly string[] | undefined)?.length, 4);
});

test("a job file is checked where no agent answers, and says so", async () => {
  const validate = () => Promise.reject(new NamedError("API_UNREACHABLE", "Cannot reach the agent"));
  const text = (driver: string) =>
    `job "web" {\n group "g" {\n count = ${driver === "" ? -1 : 1}\n task "t" {\n driver = "exec"\n}\n}\n}\n`;
  const good = world(jobValidate, [fileOf("good.hcl", text("exec"))], { jobs: { validate } });
  assert.equal(await jobValidate.run(good.context), 0);
  assert.match(good.printed.join("\n"), /No agent answers: the job is checked here alone[^]*Job validation successful/);
  const bad = world(jobValidate, [fileOf("bad.hcl", text(""))], { jobs: { validate } });
  assert.equal(await jobValidate.run(bad.context), 1);
  const refused = () => Promise.reject(new NamedError("API_ANSWER_UNREADABLE", "Cannot read the answer"));
  await assert.rejects(jobValidate.run(world(jobValidate, [fileOf("good.hcl", text("exec"))], { jobs: { validate: refused } }).context));
});

test("a JSON job has its names in any case", async () => {
  const source = await readJob(world(jobRun, ["-json", fileOf("lower.json", '{"job": {"id": "web", "type": "batch"}}')]).context);
  assert.deepEqual([source.id, source.job], ["web", { id: "web", type: "batch" }]);
});

test("what job run -output wrote runs by -json with the same marks; so does what /v1/jobs/parse answered; their text is not kept", async () => {
  const { context, printed } = world(jobRun, ["-output", ...WORDS]);
  assert.equal(await jobRun.run(context), 0);
  const written = JSON.parse(printed.join("\n")) as Registered;
  assert.equal(written.Sensitive?.length, 4);
  const marked = { ...written.Job, Sensitive: written.Sensitive };
  for (const [name, shape] of Object.entries({ beside: written, inside: marked, wrapped: { Job: marked } })) {
    const register = recorder({ EvalID: "e1", Warnings: "" });
    const path = fileOf(`${name}.json`, JSON.stringify(shape));
    const again = world(jobRun, ["-detach", "-json", path], { jobs: { register: register.call } });
    assert.equal(await jobRun.run(again.context), 0);
    const [body] = register.calls[0] as [Registered];
    assert.deepEqual(body.Sensitive, written.Sensitive, name);
    assert.deepEqual(body.Job, written.Job, name);
    assert.deepEqual(holds(body.Submission), [], name);
  }
  const plain = fileOf("plain.json", '{"Job": {"ID": "web"}}');
  const source = await readJob(world(jobRun, ["-json", plain]).context);
  assert.deepEqual([source.sensitive, source.submission.Source], [[], '{"Job": {"ID": "web"}}']);
});
