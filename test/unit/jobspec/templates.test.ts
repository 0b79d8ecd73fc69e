/** Job files the product ships: each parses, is admitted without a word, and is in canonical form. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { admitJob, parseJob } from "#jobspec";
import { formatText } from "#jobspec/hcl";
import { JOB_TEMPLATES } from "../../../src/cli/commands/job-init.ts";

const CONTEXT = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
  vault: { defaultIdentity: { aud: ["vault.io"], ttlNs: 3_600e9, env: false, file: false, filepath: "", extraClaims: {} } },
};
const root = join(import.meta.dirname, "../../..");
const files = globSync("{templates/job,examples/**}/*.nomad.hcl", { cwd: root });

test("job init knows every template there is", () => {
  const names = files.filter((file) => file.startsWith("templates/")).map((file) => basename(file, ".nomad.hcl"));
  assert.deepEqual(names.sort(), Object.keys(JOB_TEMPLATES).sort());
});

for (const file of files) {
  test(`${file} is admitted without warnings; a template is as drover fmt writes it`, () => {
    const text = readFileSync(join(root, file), "utf8");
    if (file.startsWith("templates/")) assert.equal(formatText(text), text);
    const { job } = parseJob({ text, fileName: join(root, file), allowFileFunctions: true });
    assert.deepEqual(admitJob(job, CONTEXT).warnings, []);
  });
}
