import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { admitJob, annotateDiff, diffJobs } from "#jobspec";
import { type Job, type JobDiff, sameJobSpec } from "#model";
import { testScale } from "../../../scale.ts";
import { anyEdit, anyJob } from "../any-job.ts";

const runs = { numRuns: Math.ceil(60 * testScale()) };

test("a job does not differ from itself", () => {
  fc.assert(
    fc.property(anyJob(), fc.boolean(), (job, contextual) => {
      const diff = diffJobs(job, structuredClone(job), { contextual });
      assert.equal(diff.Type, "None");
      assert.deepEqual([diff.Fields, diff.Objects], [[], []]);
    }),
    runs,
  );
});

test("the diff shows something exactly when a new version would be made", () => {
  fc.assert(
    fc.property(
      anyJob().chain((job) => fc.tuple(fc.constant(job), anyEdit(job))),
      ([old, next]) => {
        const diff = diffJobs(old, next, { contextual: false });
        assert.equal(diff.Type === "None", sameJobSpec(old, next));
      },
    ),
    runs,
  );
});

test("going back shows the same places, with added and deleted exchanged", () => {
  fc.assert(
    fc.property(
      anyJob().chain((job) => fc.tuple(fc.constant(job), anyEdit(job))),
      ([old, next]) => {
        const there = diffJobs(old, next, { contextual: false });
        const back = diffJobs(next, old, { contextual: false });
        assert.deepEqual(shape(there), shape(back, true));
      },
    ),
    runs,
  );
});

test("a new job is added in every part", () => {
  fc.assert(
    fc.property(anyJob(), (job) => {
      const diff = diffJobs(null, job, { contextual: true });
      assert.equal(diff.Type, "Added");
      // An empty text is listed, without a sign.
      for (const [type] of shape(diff)) assert.ok(type === "Added" || type === "None", type);
      for (const [type] of shape(diffJobs(null, job, { contextual: false }))) assert.equal(type, "Added");
    }),
    runs,
  );
});

test("annotating leaves the given diff as it was", () => {
  const job = fc.sample(anyJob(), { seed: 7, numRuns: 1 })[0] as Job;
  const diff = Object.freeze(diffJobs(null, job, { contextual: true }));
  const before = JSON.stringify(diff);
  const later = { Disconnect: 0, Reconnect: 0, RescheduleNow: 0, RescheduleLater: 0 };
  const none = { Ignore: 0, Place: 2, Migrate: 0, Stop: 0, InPlaceUpdate: 0, DestructiveUpdate: 0, Canary: 0, Preemptions: 0, ...later };
  annotateDiff(diff, Object.fromEntries(job.TaskGroups.map((group) => [group.Name, none])));
  assert.equal(JSON.stringify(diff), before);
});

test("what changed in a check is an edit of the check of that name; that only their order changed is shown, too", () => {
  const withChecks = (...Checks: readonly object[]) =>
    admitJob(
      {
        ID: "web",
        TaskGroups: [
          {
            Name: "g",
            Networks: [{ DynamicPorts: [{ Label: "http" }] }],
            Services: [{ Name: "web", PortLabel: "http", Provider: "nomad", Checks }],
            Tasks: [{ Name: "t", Driver: "exec" }],
          },
        ],
      },
      { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 10 },
    ).job;
  const check = (Name: string, Interval: number) => ({ Name, Type: "tcp", Interval, Timeout: 1e9 });
  const shown = (old: Job, next: Job) =>
    diffJobs(old, next, { contextual: false }).TaskGroups[0]?.Objects[0]?.Objects.map((object) => [
      object.Type,
      object.Name,
      ...object.Fields.map((field) => `${field.Name} ${field.Old} ${field.New}`),
    ]);
  const [a, b] = [check("a", 1e9), check("b", 1e9)];
  assert.deepEqual(shown(withChecks(a, b), withChecks(a, check("b", 2e9))), [["Edited", "Check", "Interval 1000000000 2000000000"]]);
  assert.deepEqual(
    shown(withChecks(a, b), withChecks(a))?.map((object) => object[0]),
    ["Deleted"],
  );
  assert.equal(shown(withChecks(a, b), withChecks(b, a))?.length, 2);
});

/** Every part of a diff as [type, name], as a sorted list. */
function shape(diff: JobDiff, exchanged = false): (readonly [string, string])[] {
  const all: (readonly [string, string])[] = [];
  const walk = (part: unknown, trail: string): void => {
    if (Array.isArray(part)) for (const each of part) walk(each, trail);
    if (typeof part !== "object" || part === null || Array.isArray(part)) return;
    const { Type: type, Name: name, ...rest } = part as { Type?: string; Name?: string };
    const here = `${trail}/${name ?? ""}`;
    const turned: Readonly<Record<string, string>> = { Added: "Deleted", Deleted: "Added" };
    if (type !== undefined) all.push([exchanged ? (turned[type] ?? type) : type, here]);
    for (const each of Object.values(rest)) walk(each, here);
  };
  walk(diff, "");
  return all.sort((x, y) => (`${x[1]} ${x[0]}` < `${y[1]} ${y[0]}` ? -1 : 1));
}
