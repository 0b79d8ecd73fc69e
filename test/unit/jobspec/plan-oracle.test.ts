/** Plans beside Nomad: what it was recorded to plan for edits of one job (test/tools/plan-oracle/record.ts), and what we plan. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOWED } from "../../tools/plan-oracle/allowed.ts";
import { planAnswers } from "../../tools/plan-oracle/answers.ts";
import { allowance, differences, withBaseJob } from "../../tools/plan-oracle/compare.ts";
import { EDITS } from "../../tools/plan-oracle/edits.ts";

const { sent, plans } = planAnswers();

test("every edit of a job is planned as Nomad plans it, but where there is a reason", () =>
  withBaseJob(async (world) => {
    assert.deepEqual(
      plans.map((each) => each.name),
      EDITS.map((each) => each.name),
      "recorded anew after an edit: node test/tools/plan-oracle/record.ts",
    );
    const found = await differences(world, plans);
    const unexplained = found.filter((each) => allowance(each) === undefined);
    assert.deepEqual(
      unexplained.map((each) => `${each.edit}: ${each.path}: Nomad ${each.theirs}, ours ${each.ours}`),
      [],
    );
    const used = new Set(found.map(allowance));
    assert.deepEqual(
      ALLOWED.filter((each) => !used.has(each)).map((each) => each.reason),
      [],
      "reasons nothing needs any more",
    );
  }));

test("a file run again as Nomad's own command line sends it is no edit, and no new version", () =>
  withBaseJob(async (world) => {
    const before = world.cluster.state.snapshot().job("default", "plan");
    const { Diff, Annotations } = await world.server.planJob({ Job: sent, Diff: true });
    assert.equal(Diff?.Type, "None");
    assert.equal(Annotations?.DesiredTGUpdates["web"]?.Ignore, 2);
    assert.equal(Annotations?.DesiredTGUpdates["other"]?.Ignore, 1);
    await world.server.registerJob({ Job: sent });
    assert.equal(world.cluster.state.snapshot().job("default", "plan")?.Version, before?.Version);
    assert.equal(before?.Version, 0);
  }));
