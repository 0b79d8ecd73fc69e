import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment } from "#model";
import { rollbackOf, ROLLBACKS_MAX } from "../../../../../src/server/reconcilers/deployments/rollback.ts";
import { admitted, deploymentOf } from "../../records.ts";

const NOW = 10 * 3_600_000;
const version = (number: number, stable: boolean, environment: string) =>
  admitted(
    { id: "web", count: 2, environment: { version: environment } },
    { Version: number, Stable: stable, JobModifyIndex: 10 + number },
  );
const reason = "Failed due to unhealthy allocations";

function rollback(versions: ReturnType<typeof version>[], deployments: Deployment[] = []) {
  const [job] = versions;
  assert.ok(job !== undefined);
  return rollbackOf({ job, versions, deployments, reason, nowMs: NOW });
}
const rolledBack = (hoursAgo: number): Deployment =>
  deploymentOf(
    {},
    { Status: "failed", StatusDescription: `${reason} - rolling back to job version 0`, ModifyTime: (NOW - hoursAgo * 3_600_000) * 1e6 },
  );

test("a failed version goes back to the newest stable one", () => {
  const { description, job } = rollback([version(3, false, "d"), version(2, false, "c"), version(1, true, "b"), version(0, true, "a")]);
  assert.equal(description, `${reason} - rolling back to job version 1`);
  assert.equal(job?.Version, 1);
});

test("without a stable version, or with one that is the same, it stays and says so", () => {
  const none = rollback([version(1, false, "b"), version(0, false, "a")]);
  assert.deepEqual([none.description, none.job], [`${reason} - no stable job version to auto revert to`, null]);
  const same = rollback([version(2, false, "a"), version(1, false, "b"), version(0, true, "a")]);
  assert.equal(same.description, `${reason} - not rolling back to stable job version 0 as current job has same specification`);
  assert.equal(same.job, null);
});

test("a job rolled back three times within an hour stays where it is, and its deployment says why (F16)", () => {
  const versions = [version(1, false, "b"), version(0, true, "a")];
  const history = [0.1, 0.2, 0.9].map(rolledBack);
  assert.equal(history.length, ROLLBACKS_MAX);
  const held = rollback(versions, history);
  assert.deepEqual([held.job, held.stormy], [null, true]);
  assert.equal(held.description, `${reason} - not rolling back to stable job version 0: the job was rolled back 3 times within an hour`);
});

test("rollbacks of more than an hour ago, of a purged namesake, or that did not happen do not count", () => {
  const versions = [version(1, false, "b"), version(0, true, "a")];
  const others = [
    rolledBack(0.1),
    rolledBack(0.2),
    rolledBack(1.1),
    { ...rolledBack(0.3), JobCreateIndex: 2 },
    { ...rolledBack(0.3), StatusDescription: `${reason} - no stable job version to auto revert to` },
  ];
  assert.equal(rollback(versions, others).job?.Version, 0);
});
