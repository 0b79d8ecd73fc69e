/** The pure parts of single commands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, JobDiff, JobWhy, Reason } from "#model";
import { metaOf, lastOfEach } from "../../../../src/cli/commands/job-dispatch.ts";
import { annotationTable } from "../../../../src/cli/commands/eval.ts";
import { diffsByVersion } from "../../../../src/cli/commands/job-history.ts";
import { preemptionTable } from "../../../../src/cli/commands/job-plan.ts";
import { versionNamed } from "../../../../src/cli/commands/job-revert.ts";
import { onlyGroup } from "../../../../src/cli/commands/job-scale.ts";
import { rescheduleAttempts } from "../../../../src/cli/commands/alloc-status.ts";
import { targetText } from "../../../../src/cli/commands/scaling-policy.ts";
import { whyText } from "../../../../src/cli/commands/job-why.ts";
import { launchText, nextLaunchMs } from "../../../../src/cli/next-launch.ts";
import { palette } from "../../../../src/cli/render/colour.ts";
import { NOW_MS } from "../fake-context.ts";

const version = (Version: number, tag?: string) =>
  ({ Version, VersionTag: tag === undefined ? null : { Name: tag, Description: "", TaggedTime: 0 } }) as unknown as Job;

test("versionNamed() takes a number for a version and everything else for a tag", () => {
  const versions = [version(3), version(2, "golden"), version(0, "7up")];
  assert.equal(versionNamed("web", "3", versions), 3);
  assert.equal(versionNamed("web", "golden", versions), 2);
  assert.equal(versionNamed("web", "7up", versions), 0);
  assert.throws(() => versionNamed("web", "1", versions), { message: 'Job "web" has no version 1: it has 3, 2, 0' });
  assert.throws(() => versionNamed("web", "best", versions), {
    message: 'Job "web" has no version tagged "best": its tags are golden, 7up',
  });
});

test("diffsByVersion() gives each difference to its version, with and without one to compare with", () => {
  const versions = [version(3), version(2, "golden"), version(1)];
  const diffs = ["a", "b"].map((ID) => ({ ID }) as JobDiff);
  const shown = (found: ReadonlyMap<number, JobDiff>) => [...found].map(([number, diff]) => `${number}${diff.ID}`);
  assert.deepEqual(shown(diffsByVersion(versions, diffs, undefined)), ["3a", "2b"]);
  assert.deepEqual(shown(diffsByVersion(versions, diffs, (job) => job.VersionTag?.Name === "golden")), ["3a", "1b"]);
});

test("metaOf() splits at the first =, and refuses what has none or no key", () => {
  assert.deepEqual(metaOf(["a=1", "b=x=y", "c=", "a=2"]), { a: "2", b: "x=y", c: "" });
  for (const wrong of ["a", "=1", ""]) assert.throws(() => metaOf([wrong]), /want key=value/);
});

test("lastOfEach() looks at the newest allocation of each name", () => {
  const all = [
    { Name: "x[0]", CreateIndex: 9, ClientStatus: "complete" },
    { Name: "x[1]", CreateIndex: 2, ClientStatus: "failed" },
    { Name: "x[0]", CreateIndex: 2, ClientStatus: "failed" },
  ];
  assert.deepEqual(
    lastOfEach(all)
      .map((each) => `${each.Name} ${each.ClientStatus}`)
      .toSorted(),
    ["x[0] complete", "x[1] failed"],
  );
});

test("onlyGroup() of several groups asks for one by name", () => {
  assert.equal(onlyGroup("web", [{ Name: "page" }]), "page");
  assert.throws(() => onlyGroup("web", [{ Name: "page" }, { Name: "db" }]), { message: 'Group name required: job "web" has page, db' });
});

test("preemptionTable() lists few one by one and counts many by job", () => {
  const preempted = (at: number) =>
    ({ ID: `id${at}`, JobID: at % 3 === 0 ? "small" : "big", TaskGroup: "g", Namespace: "default" }) as never;
  assert.equal(preemptionTable([preempted(1)]), "Alloc ID  Job ID  Task Group\nid1       big     g");
  assert.equal(
    preemptionTable(Array.from({ length: 12 }, (_, at) => preempted(at))),
    "Job ID  Namespace  Preemptions\nbig     default    8\nsmall   default    4",
  );
});

test("annotationTable() shows canaries and preemptions only where there are some", () => {
  const moved = { Migrate: 0, Disconnect: 0, Reconnect: 0, RescheduleNow: 0, RescheduleLater: 0 };
  const none = { Ignore: 1, Place: 2, Stop: 0, InPlaceUpdate: 3, DestructiveUpdate: 4, Canary: 0, Preemptions: 0, ...moved };
  assert.equal(
    annotationTable({ web: none }),
    "Task Group  Ignore  Place  Stop  InPlace  Destructive  Migrate\nweb         1       2      0     3        4            0",
  );
  assert.match(annotationTable({ web: { ...none, Canary: 1 } }), /Migrate +Canary\n.* 1$/);
});

test("rescheduleAttempts() counts those within the policy's interval, and says nothing where any number is allowed", () => {
  const policy = { Attempts: 3, Interval: 3600e9, Unlimited: false };
  const allocation = (ReschedulePolicy: object, agesMs: readonly number[]) =>
    ({
      TaskGroup: "g",
      Job: { TaskGroups: [{ Name: "g", ReschedulePolicy }] },
      RescheduleTracker: { Events: agesMs.map((ageMs) => ({ RescheduleTime: (NOW_MS - ageMs) * 1e6 })) },
    }) as never;
  assert.equal(rescheduleAttempts(allocation(policy, [60_000, 7_200_000]), NOW_MS), "1/3");
  assert.equal(rescheduleAttempts(allocation(policy, []), NOW_MS), undefined);
  assert.equal(rescheduleAttempts(allocation({ ...policy, Unlimited: true }, [1]), NOW_MS), undefined);
});

test("targetText() names namespace, job, group and task in that order", () => {
  assert.equal(targetText({ Target: { Task: "t", Group: "g", Job: "j", Namespace: "n" } }), "Namespace:n,Job:j,Group:g,Task:t");
  assert.equal(targetText({ Target: { Group: "g", Job: "j", Namespace: "n" } }), "Namespace:n,Job:j,Group:g");
});

test("nextLaunchMs() takes the earliest of several crons, in the job's zone, and nothing of a stopped job", () => {
  const job = {
    Stop: false,
    Dispatched: false,
    ParameterizedJob: null,
    Periodic: {
      Enabled: true,
      Spec: "",
      Specs: ["0 12 * * *", "0 5 * * *"],
      SpecType: "cron",
      ProhibitOverlap: false,
      TimeZone: "Europe/Berlin",
    },
  };
  assert.equal(nextLaunchMs(job, NOW_MS), Date.UTC(2026, 0, 2, 4));
  assert.equal(nextLaunchMs({ ...job, Stop: true }, NOW_MS), undefined);
  assert.equal(nextLaunchMs({ ...job, Periodic: null }, NOW_MS), undefined);
  assert.match(launchText(NOW_MS + 62_000, NOW_MS), /^2026-01-0\dT\S+ \(1m2s from now\)$/);
});

const REASON: Reason = {
  Stage: "blocked",
  Group: "g",
  Count: 2,
  Name: "",
  AllocationID: "",
  NodeID: "",
  Task: "",
  Sentence: "No node has room",
  Since: (NOW_MS - 65_000) * 1e6,
  Details: { Nodes: 3, Dimension: "memory" },
};
const WHY = { Namespace: "default", JobID: "web", Status: "pending", Wanted: 3, Running: 0, Past: [] as Reason[] } as unknown as JobWhy;
const style = { nowMs: NOW_MS, verbose: false, colours: palette(false) };

test("whyText() begins with one line on the whole, and says the worst reason's sentence once", () => {
  const crash: Reason = {
    ...REASON,
    Stage: "failed",
    Count: 1,
    Name: "web.g[2]",
    Task: "t",
    AllocationID: "aaaaaaa1-0" as never,
    Sentence: "It fell over",
    Since: 0,
  };
  const text = whyText({ ...WHY, Summary: "0 of 3 run: no node has room", Reasons: [REASON, crash] }, style);
  assert.equal(
    text,
    '0 of 3 run: no node has room\n  blocked (2): group "g", for 1m5s\n\nfailed: It fell over\n  web.g[2], task "t", allocation aaaaaaa1',
  );
});

test("whyText() tells of what was before, and with -verbose the figures", () => {
  const before = { ...WHY, Summary: "All 3 run", Reasons: [], Past: [{ ...REASON, Group: "", Sentence: "A deployment failed" }] };
  assert.equal(whyText(before, style), "All 3 run\n\nBefore\n  1m5s ago: A deployment failed");
  assert.match(
    whyText({ ...WHY, Summary: "Bad", Reasons: [REASON] }, { ...style, verbose: true }),
    /\n {2}Nodes = 3\n {2}Dimension = memory$/,
  );
});

test("whyText() is coloured on a terminal only", () => {
  const text = whyText({ ...WHY, Summary: "Bad", Reasons: [REASON] }, { ...style, colours: palette(true) });
  assert.ok(text.includes("\u001b[31mblocked (2)\u001b[39m"));
});
