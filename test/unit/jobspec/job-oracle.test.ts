/** Job files beside Nomad: what it was recorded to parse and to store (test/tools/job-oracle/record.ts), and what we do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOWED } from "../../tools/job-oracle/allowed.ts";
import { jobAnswers } from "../../tools/job-oracle/answers.ts";
import { allowance, differences } from "../../tools/job-oracle/compare.ts";
import { jobInputs } from "../../tools/job-oracle/inputs.ts";

const inputs = jobInputs();
const answers = new Map(jobAnswers().map((each) => [each.name, each]));
const found = inputs.flatMap(({ name, text }) => {
  const answer = answers.get(name);
  assert.ok(answer, `${name} has no recorded answer: node test/tools/job-oracle/record.ts`);
  return differences(name, text, answer);
});

test("every job file is read and stored as Nomad reads and stores it, but where there is a reason", () => {
  assert.ok(inputs.length > 300, "the oracle is asked");
  assert.equal(answers.size, inputs.length);
  const unexplained = found.filter((each) => allowance(each) === undefined);
  assert.deepEqual(
    unexplained.map((each) => `${each.input}: ${each.stage} ${each.path}: Nomad ${each.theirs}, ours ${each.ours}`),
    [],
  );
});

test("every reason to read a job file differently is still needed", () => {
  const used = new Set(found.map(allowance));
  assert.deepEqual(
    ALLOWED.filter((each) => !used.has(each)).map((each) => `${each.path}: ${each.reason}`),
    [],
  );
});
