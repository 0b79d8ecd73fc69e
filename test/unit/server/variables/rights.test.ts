/** Which path whose identity may use: the table at the head of rights.ts, cell by cell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Access, type Asker, mayUse, ownPaths, whyDenied } from "../../../../src/server/variables/rights.ts";

const task: Asker = { Namespace: "default", JobID: "web", Group: "front", Task: "nginx" };
const service: Asker = { ...task, Task: "" };
const EVERY: readonly Access[] = ["read", "list", "write", "destroy"];
const READS: readonly Access[] = ["read", "list"];

for (const [who, asker, Namespace, Path, may] of [
  ["nobody's request", null, "default", "nomad/jobs/other", EVERY],
  ["nobody's request", null, "prod", "app", EVERY],
  ["a task", task, "default", "nomad/jobs", READS],
  ["a task", task, "default", "nomad/jobs/web", READS],
  ["a task", task, "default", "nomad/jobs/web/front", READS],
  ["a task", task, "default", "nomad/jobs/web/front/nginx", READS],
  ["a task", task, "default", "nomad/jobs/web/front/nginx/deeper", []],
  ["a task", task, "default", "nomad/jobs/web/front/sidecar", []],
  ["a task", task, "default", "nomad/jobs/web/back", []],
  ["a task", task, "default", "nomad/jobs/web2", []],
  ["a task", task, "default", "nomad/jobs/we", []],
  ["a task", task, "default", "nomad/jobs/other", []],
  ["a task", task, "default", "nomad/job-templates/x", []],
  ["a task", task, "default", "nomad", []],
  ["a task", task, "default", "nomadic/jobs/other", EVERY],
  ["a task", task, "default", "app/config", EVERY],
  ["a task", task, "prod", "app/config", []],
  ["a task", task, "prod", "nomad/jobs/web", []],
  ["a service", service, "default", "nomad/jobs/web/front", READS],
  ["a service", service, "default", "nomad/jobs/web/front/nginx", []],
] as const) {
  test(`${who} may ${may.join(", ") || "nothing"} at "${Path}" of "${Namespace}"`, () => {
    assert.deepEqual(
      EVERY.filter((access) => mayUse(asker, { access, Namespace, Path })),
      may,
    );
  });
}

test("who is denied learns whose identity it was, which path, and what it may read", () => {
  const denied = whyDenied(task, { access: "read", Namespace: "default", Path: "nomad/jobs/other" });
  for (const word of ['task "nginx"', 'job "web"', '"nomad/jobs/other"', '"nomad/jobs/web/front/nginx"'])
    assert.ok(denied?.reason.includes(word), word);
  assert.match(denied?.fix ?? "", /"nomad\/jobs\/web"/);
  assert.deepEqual(ownPaths(task), ["nomad/jobs", "nomad/jobs/web", "nomad/jobs/web/front", "nomad/jobs/web/front/nginx"]);
});
