/**
 * Random lives of a job: versions, counts, canaries, failures, verdicts, moves, silent nodes, deployments paused, promoted and failed,
 * in passes of any size. Whatever happens, the rules hold after every plan, and once all is quiet everything is as it should be.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allocationIndex, awaitsPromotion, deploymentActive, terminal } from "#model";
import type { Allocation, Deployment, Job, ReschedulePolicy, UpdateStrategy } from "#model";
import { DESCRIPTIONS } from "../../../src/scheduler/reconcile/decision.ts";
import { testScale } from "../../scale.ts";
import { type Committed, isCanary, Life, present } from "./life.ts";
import { aGroup, aJob, aNode, aTask } from "./nouns.ts";

const SECOND = 1e9;

interface Wish {
  readonly count: number;
  readonly color: number;
  readonly priority: number;
  readonly maxParallel: number;
  readonly canary: number;
  readonly reconcile: string;
  readonly replace: boolean;
  readonly lostAfter: number;
}

const UPDATE: UpdateStrategy = {
  Stagger: 30 * SECOND,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 300 * SECOND,
  ProgressDeadline: 600 * SECOND,
  Canary: 0,
  AutoRevert: false,
  AutoPromote: false,
};
const RESCHEDULE: ReschedulePolicy = {
  Attempts: 0,
  Interval: 0,
  Delay: 30 * SECOND,
  DelayFunction: "exponential",
  MaxDelay: 3600 * SECOND,
  Unlimited: true,
};

function jobOf(type: "service" | "batch", wish: Wish): Job {
  const group = aGroup({
    Count: wish.count,
    Tasks: [aTask({ cpu: 10, memory: 10, Env: { COLOR: String(wish.color) } })],
    Update: type === "batch" ? null : { ...UPDATE, MaxParallel: wish.maxParallel, Canary: wish.canary },
    ReschedulePolicy: RESCHEDULE,
    Disconnect: {
      LostAfter: wish.lostAfter === 0 ? null : wish.lostAfter * SECOND,
      StopOnClientAfter: null,
      Replace: wish.replace,
      Reconcile: wish.reconcile,
    },
  });
  return aJob({ Type: type, Priority: wish.priority, TaskGroups: [group] });
}

const ANY_WISH = {
  count: fc.nat(5),
  color: fc.nat(2),
  priority: fc.integer({ min: 50, max: 52 }),
  maxParallel: fc.constantFrom(0, 1, 1, 2, 3),
  canary: fc.constantFrom(0, 0, 1, 2, 6),
  reconcile: fc.constantFrom("best_score", "keep_original", "keep_replacement", "longest_running"),
  replace: fc.boolean(),
  lostAfter: fc.constantFrom(0, 0, 60, 3600),
};
const wishes: fc.Arbitrary<Wish> = fc.record(ANY_WISH);
/** Of jobs that wait for their nodes. */
const patientWishes: fc.Arbitrary<Wish> = fc.record({
  ...ANY_WISH,
  count: fc.integer({ min: 1, max: 3 }),
  color: fc.constant(0),
  replace: fc.constantFrom(true, true, true, false),
  lostAfter: fc.constantFrom(200, 3600, 36_000),
});
/** Of jobs that are rolled, a few at a time. */
const rolledWishes: fc.Arbitrary<Wish> = fc.record({
  ...ANY_WISH,
  count: fc.integer({ min: 3, max: 6 }),
  maxParallel: fc.constantFrom(1, 2, 3),
  canary: fc.constantFrom(0, 0, 1),
  lostAfter: fc.constant(0),
});

type Step =
  | { readonly do: "register"; readonly wish: Wish }
  | { readonly do: "stop" | "promote" | "pause" | "resume" | "fail" | "evaluate" }
  | { readonly do: "well" | "ill" | "failed" | "complete" | "running" | "move" | "retry" | "force" | "comeBack"; readonly which: number }
  | { readonly do: "node"; readonly which: number; readonly status: "ready" | "down" | "disconnected" }
  | { readonly do: "wait"; readonly seconds: number };

type Fate = Extract<Step, { readonly which: number }>["do"];

interface Weather {
  readonly wishes: fc.Arbitrary<Wish>;
  /** Of 30: how often somebody wants something else. */
  readonly changes: number;
  readonly nodes: number;
  readonly fates: readonly Exclude<Fate, "node">[];
}

const ANY: Weather = {
  wishes,
  changes: 4,
  nodes: 3,
  fates: ["well", "well", "well", "ill", "failed", "complete", "running", "move", "retry", "force", "comeBack"],
};

function happening(weather: Weather): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: weather.changes, arbitrary: fc.record({ do: fc.constant("register" as const), wish: weather.wishes }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("stop" as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("promote", "pause", "resume", "fail", "evaluate", "promote", "resume") }) },
    { weight: 14, arbitrary: fc.record({ do: fc.constantFrom(...weather.fates), which: fc.nat(30) }) },
    {
      weight: weather.nodes,
      arbitrary: fc.record({
        do: fc.constant("node" as const),
        which: fc.nat(3),
        status: fc.constantFrom("ready", "ready", "down", "disconnected", "disconnected"),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 20, 40, 100, 4000) }) },
  );
}

interface Turn {
  readonly step: Step;
  /** Evaluated after it, in passes of so many; 0: not now. */
  readonly pass: number;
}

function stories(weather: Weather): fc.Arbitrary<[first: Wish, turns: Turn[]]> {
  const turn = fc.record({ step: happening(weather), pass: fc.constantFrom(0, 1, 2, 500, 500) });
  return fc.tuple(weather.wishes, fc.array(turn, { maxLength: 45, size: "max" }));
}

function take(life: Life, step: Step): void {
  const wanted = life.allocations.filter((each) => !terminal(each));
  const pick = (from: readonly Allocation[], which: number) => (from.length === 0 ? undefined : from[which % from.length]);
  const { deployment, snapshot } = life;
  switch (step.do) {
    case "register":
      return life.register(jobOf((life.job?.Type ?? "service") as "service", step.wish));
    case "stop":
      return life.stop();
    case "promote":
      return void (deployment !== undefined && life.promote(deployment));
    case "pause":
      return deployment?.Status === "running" ? life.setStatus(deployment, "paused") : undefined;
    case "resume":
      return deployment?.Status === "paused" ? life.setStatus(deployment, "running") : undefined;
    case "fail":
      return deployment === undefined ? undefined : life.setStatus(deployment, "failed");
    case "node": {
      const node = [...snapshot.nodes()][step.which];
      return node === undefined ? undefined : life.nodeStatus(node, step.status);
    }
    case "wait":
      return life.wait(step.seconds);
    case "evaluate":
      return;
    default: {
      const seen =
        step.do === "comeBack" ? wanted.filter((each) => each.ClientStatus === "unknown") : wanted.filter((each) => reachable(life, each));
      const which = pick(step.do === "retry" || step.do === "force" ? life.allocations.filter(isFailed) : seen, step.which);
      if (which !== undefined) happens(life, which, step.do);
    }
  }
}

function happens(life: Life, allocation: Allocation, what: string): void {
  if (what === "move") life.ask(allocation, { Migrate: true });
  else if (what === "retry") life.ask(allocation, { Reschedule: true });
  else if (what === "force") life.ask(allocation, { ForceReschedule: true });
  else if (what === "failed" || what === "complete") life.report(allocation, what);
  else if (what === "comeBack") {
    const node = life.snapshot.node(allocation.NodeID);
    if (node !== undefined && node.Status !== "ready") life.nodeStatus(node, "ready");
    life.report(allocation, "running");
  } else life.report(allocation, "running", what === "well" ? true : what === "ill" ? false : null);
}

function isFailed(allocation: Allocation): boolean {
  return allocation.ClientStatus === "failed" && allocation.DesiredStatus === "run";
}

function reachable(life: Life, allocation: Allocation): boolean {
  return life.snapshot.node(allocation.NodeID)?.Status === "ready";
}

/** After every plan. */
function assertRules({ before, plan, after }: Committed): void {
  assertNames(after);
  assertUpdatesHeldBack(before, plan);
  const active = [...after.activeDeployments()];
  assert(active.length <= 1, "one deployment goes on at most");
  for (const deployment of active) {
    const job = after.job("default", "app") as Job;
    assert(deployment.JobVersion === job.Version && !job.Stop, "a deployment that goes on is of the wanted version");
  }
}

/** F7. A canary may have the name of the one it will replace; versions meet when canaries are promoted, until their old ones are gone. */
function assertNames(snapshot: Snapshot): void {
  const names = present([...snapshot.allocationsByJob("default", "app")]).map(
    (each) => `${each.Name} ${isCanary(snapshot, each) ? "canary" : ""} of ${each.JobVersion}`,
  );
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
    "(group, index) is unique (F7)",
  );
}

type Snapshot = Committed["after"];

/** Never more than max_parallel unavailable because of an update; none while a deployment holds back. */
function assertUpdatesHeldBack(before: Snapshot, plan: Plan): void {
  // Those stopped before may only be marked lost.
  const fresh = plan.Stops.filter((stop) => before.allocation(stop.ID)?.DesiredStatus === "run");
  const renewed = fresh.filter((stop) => stop.DesiredDescription === DESCRIPTIONS.updating).length;
  const job = plan.Job;
  const group = job?.TaskGroups[0];
  if (renewed === 0 || job === null || job.Type !== "service" || group === undefined) return;
  const maxParallel = group.Update?.MaxParallel ?? 0;
  const latest = before.deploymentsByJob("default", "app")[0];
  const current = latest !== undefined && latest.JobVersion === job.Version ? latest : undefined;
  assert(current === undefined || (current.Status !== "paused" && current.Status !== "failed"), "held back by its deployment");
  if (maxParallel === 0) return;
  const wanted = plan.Deployment ?? current;
  assert(wanted === undefined || !awaitsPromotion(wanted), `nothing is renewed before the canaries are promoted: ${told(plan)}`);
  const own = present([...before.allocationsByJob("default", "app")]).filter((each) => each.DeploymentID === current?.ID);
  const stopped = new Set<string>(plan.Stops.map((stop) => stop.ID));
  const staying = own.filter((each) => !stopped.has(each.ID) && each.DesiredTransition.Migrate !== true);
  assert(!staying.some((each) => each.DeploymentStatus?.Healthy === false), "an unhealthy one stops the update (F17)");
  const unwell = staying.filter((each) => each.DeploymentStatus?.Healthy !== true).length;
  assert(
    plan.Placements.length + unwell <= maxParallel || renewed === 0,
    `${plan.Placements.length} placed beside ${unwell} that are not well`,
  );
}
type Plan = Committed["plan"];

function told({ Stops, Placements, InPlaceUpdates, Deployment: wanted }: Plan): string {
  const stops = Stops.map((stop) => `${stop.ID} ${stop.DesiredDescription}`);
  const placed = Placements.map((each) => `${each.Name} v${each.JobVersion} ${each.DeploymentStatus?.Canary === true ? "canary" : ""}`);
  return JSON.stringify({ stops, placed, updated: InPlaceUpdates.map((each) => each.Name), deploy: wanted?.TaskGroups });
}

/** After every evaluation that came to its end. */
function assertCounts(life: Life): void {
  const { job, snapshot } = life;
  if (job === undefined) return;
  const here = present(life.allocations);
  const canaries = here.filter((each) => isCanary(snapshot, each));
  const count = job.Stop ? 0 : (job.TaskGroups[0]?.Count ?? 0);
  assert(here.length - canaries.length <= count, `${here.length - canaries.length} of ${count}`);
  const desired = life.deployment?.TaskGroups["web"]?.DesiredCanaries ?? 0;
  assert(canaries.length <= desired, `${canaries.length} canaries of ${desired}`);
  const indexes = here.filter((each) => !isCanary(snapshot, each)).map((each) => allocationIndex(each.Name));
  assert.equal(new Set(indexes).size, indexes.length, "each index once among the ordinary (F7)");
  if (job.Stop) return;
  for (const each of life.allocations.filter((allocation) => isFailed(allocation) && !isStoodInFor(life, allocation))) {
    if (each.DeploymentID !== "" && each.DeploymentID === life.deployment?.ID) continue;
    if (life.job?.Type === "batch" && each.JobVersion < job.Version) continue;
    const latest = snapshot.deploymentsByJob("default", "app")[0];
    const held: boolean = latest?.Status === "failed" && latest.JobVersion === job.Version && latest.ID === each.DeploymentID;
    const followup = snapshot.evaluation(each.FollowupEvalID);
    assert(held || followup?.Status === "pending" || noRoom(life), `${each.Name} failed, and nothing comes back for it`);
  }
}

/** Somebody in the line after it is wanted. */
function isStoodInFor(life: Life, allocation: Allocation): boolean {
  const next = life.snapshot.allocation(allocation.NextAllocation);
  return next !== undefined && (next.DesiredStatus === "run" || isStoodInFor(life, next));
}

function noRoom(life: Life): boolean {
  return [...life.snapshot.nodes()].every((node) => node.Status !== "ready");
}

/** All nodes are back, all that is wanted runs well, and somebody agrees to everything: what remains? */
function calm(life: Life): void {
  for (const node of life.snapshot.nodes()) if (node.Status !== "ready") life.nodeStatus(node, "ready");
  for (let round = 0; round < 40; round++) {
    for (const each of life.allocations) {
      if (terminal(each)) continue;
      if (each.ClientStatus !== "running" || each.DeploymentStatus?.Healthy !== true) life.report(each, "running", true);
    }
    // The watcher's part: what failed, or is ill, may be placed again.
    for (const each of life.allocations) {
      if (each.DeploymentID === "" || each.DeploymentID !== life.deployment?.ID || each.DesiredStatus !== "run") continue;
      if (each.DeploymentStatus?.Healthy === false && !terminal(each)) life.report(each, "failed");
      if (isFailed(each) && each.DesiredTransition.Reschedule !== true) life.ask(each, { Reschedule: true });
    }
    if (life.deployment?.Status === "paused") life.setStatus(life.deployment, "running");
    if (life.deployment !== undefined && awaitsPromotion(life.deployment)) life.promote(life.deployment);
    life.evaluate();
    assertCounts(life);
    life.wait(4000);
  }
}

function assertAllIsWell(life: Life): void {
  const { job } = life;
  if (job === undefined) return;
  const latest: Deployment | undefined = life.snapshot.deploymentsByJob("default", "app")[0];
  if (latest !== undefined) assert(!deploymentActive(latest), `deployment of version ${latest.JobVersion} is still ${latest.Status}`);
  assert.equal(life.next(), null, "there is nothing left to do");
  if (job.Stop) return;
  const failed = latest?.Status === "failed" && latest.JobVersion === job.Version;
  const count = job.TaskGroups[0]?.Count ?? 0;
  const here = present(life.allocations);
  const done = life.allocations.filter(
    (each) => job.Type === "batch" && each.ClientStatus === "complete" && each.JobVersion === job.Version,
  );
  assert(here.length + done.length >= count || failed, `${here.length} of ${count}`);
  if (!failed) for (const each of here) assert.equal(each.JobVersion, job.Version);
}

function live(type: "service" | "batch", first: Wish, story: readonly Turn[]): void {
  const life = new Life(assertRules);
  for (let i = 0; i < 4; i++) life.addNode(aNode(`m${i}`));
  life.register(jobOf(type, first));
  life.evaluate();
  for (const { step, pass } of story) {
    take(life, step);
    if (pass === 0) continue;
    life.evaluate(pass);
    assertCounts(life);
    const left = life.next();
    assert(left === null, `evaluated again, it finds more to do: ${JSON.stringify({ ...left, Job: null })}`);
  }
  calm(life);
  assertAllIsWell(life);
}

test("whatever happens to a service, names are unique, counts kept, updates held back, and no deployment is stuck (F7, F14, F15)", () => {
  fc.assert(
    fc.property(stories(ANY), ([first, turns]) => live("service", first, turns)),
    { numRuns: Math.ceil(40 * testScale()) },
  );
});

test("while nodes fall silent and come back nothing is placed twice, given up or forgotten (F8, F10)", () => {
  const weather: Weather = {
    wishes: patientWishes,
    changes: 1,
    nodes: 8,
    fates: ["running", "running", "well", "failed", "move", "force", "comeBack", "comeBack", "comeBack", "comeBack"],
  };
  fc.assert(
    fc.property(stories(weather), ([first, turns]) => live("service", first, turns)),
    { numRuns: Math.ceil(40 * testScale()) },
  );
});

test("a long rollout goes on by what is well, and stops for what is ill (F17)", () => {
  const weather: Weather = {
    wishes: rolledWishes,
    changes: 1,
    nodes: 0,
    fates: ["well", "well", "well", "well", "ill", "failed", "retry", "move"],
  };
  fc.assert(
    fc.property(stories(weather), ([first, turns]) => live("service", first, turns)),
    { numRuns: Math.ceil(30 * testScale()) },
  );
});

test("whatever happens to a batch job, names are unique, counts kept, and all of it is done in the end", () => {
  fc.assert(
    fc.property(stories(ANY), ([first, turns]) => live("batch", first, turns)),
    { numRuns: Math.ceil(25 * testScale()) },
  );
});
