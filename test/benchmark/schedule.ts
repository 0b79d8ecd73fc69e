/**
 * How long one placement takes the scheduler: `node test/benchmark/schedule.ts`. Printed, not asserted. The plan is committed to the
 * real state between passes.
 */
import { schedule } from "#scheduler";
import { verifyPlan } from "#plan";
import { aGroup, aJob, anEvaluation, aNetwork, aNode, idsFrom } from "../unit/scheduler/nouns.ts";
import { Book } from "../unit/scheduler/book.ts";

/** As the server's worker asks for. */
const CHANGES_MAX = 250;

export interface Case {
  readonly name: string;
  readonly nodes: number;
  readonly count: number;
  /** Of each job; all of `count` unless said otherwise. */
  readonly each?: number;
  readonly type?: string;
  readonly fields?: Parameters<typeof aGroup>[0];
  /** How much of each node others hold, 0 to 1. */
  readonly fullPart?: number;
}

interface Measured {
  readonly placed: number;
  readonly schedulingMs: number;
  readonly checkingMs: number;
  readonly applyingMs: number;
  readonly longestMs: number;
}

const LIKES_EVEN = [{ LTarget: "${node.unique.name}", Operand: "regexp", RTarget: "[02468]$", Weight: 70 }];
const DISTINCT = [{ LTarget: "", Operand: "distinct_hosts", RTarget: "true" }];
const CASES: readonly Case[] = [
  { name: "batch, 10,000 over 500 nodes", nodes: 500, count: 10_000 },
  { name: "batch, 10,000 over 5,000 nodes", nodes: 5_000, count: 10_000 },
  { name: "the same, nodes 90 % full", nodes: 5_000, count: 10_000, fullPart: 0.9 },
  { name: "100 jobs of 100 over 5,000 nodes", nodes: 5_000, count: 10_000, each: 100 },
  { name: "one dynamic port each, 5,000 over 500", nodes: 500, count: 5_000, fields: { Networks: [aNetwork({ http: 0 })] } },
  {
    name: "spread over datacenters, 5,000 over 500",
    nodes: 500,
    count: 5_000,
    fields: { Spreads: [{ Attribute: "${node.datacenter}", Weight: 50, SpreadTarget: [] }] },
  },
  {
    name: "spread over node ids, 1,000 over 500",
    nodes: 500,
    count: 1_000,
    fields: { Spreads: [{ Attribute: "${node.unique.id}", Weight: 50, SpreadTarget: [] }] },
  },
  {
    name: "affinity and distinct_hosts, 1,000 over 5,000",
    nodes: 5_000,
    count: 1_000,
    fields: { Affinities: LIKES_EVEN, Constraints: DISTINCT },
  },
  { name: "system, on 5,000 nodes", nodes: 5_000, count: 1, type: "system" },
];

if (import.meta.main) {
  for (const each of CASES) {
    measure(each);
    console.log(textOf(each, measure(each)));
  }
}

/** Scheduling, checking and applying together; the better of three, after one that warms the compiler up. */
export function microsecondsPerPlacement(of: Case): number {
  measure(of);
  const runs = [measure(of), measure(of), measure(of)];
  return Math.min(...runs.map((run) => ((run.schedulingMs + run.checkingMs + run.applyingMs) * 1000) / run.placed));
}

/** Time this thread computed, not time that passed: neighbours on the machine do not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function measure({ nodes, count, each = count, type = "batch", fields, fullPart = 0 }: Case): Measured {
  const world = new Book(false);
  const newId = idsFrom();
  for (let i = 0; i < nodes; i++) world.addNode(aNode(`n${i}`, { Datacenter: `dc${i % 3}`, cpu: 40_000, memory: 40_000, disk: 100_000 }));
  if (fullPart > 0) {
    const part = Math.floor(40_000 * fullPart);
    const filling = aGroup({ Count: nodes, cpu: part, memory: part, Constraints: DISTINCT });
    place(world, world.addJob(aJob({ ID: "filling", Type: "batch", TaskGroups: [filling] })), newId);
  }
  const total = { placed: 0, schedulingMs: 0, checkingMs: 0, applyingMs: 0, longestMs: 0 };
  for (let done = 0; done < count; done += each) {
    const job = world.addJob(aJob({ ID: `app${done}`, Type: type, TaskGroups: [aGroup({ Count: each, ...fields })] }));
    const one = place(world, job, newId);
    total.placed += one.placed;
    total.schedulingMs += one.schedulingMs;
    total.checkingMs += one.checkingMs;
    total.applyingMs += one.applyingMs;
    total.longestMs = Math.max(total.longestMs, one.longestMs);
  }
  return total;
}

function place(world: Book, job: ReturnType<Book["addJob"]>, newId: () => string): Measured {
  let [placed, schedulingMs, checkingMs, applyingMs, longestMs] = [0, 0, 0, 0, 0];
  for (let more = true; more;) {
    const snapshot = world.snapshot();
    const start = threadMs();
    const result = schedule(snapshot, anEvaluation(job), { placementsMax: CHANGES_MAX, newId, nowNs: 0 });
    const scheduled = threadMs();
    if (result.Plan === null) break;
    const verified = verifyPlan(snapshot, result.Plan);
    const checked = threadMs();
    schedulingMs += scheduled - start;
    checkingMs += checked - scheduled;
    longestMs = Math.max(longestMs, checked - start);
    placed += verified.Plan.Placements.length;
    world.commit(verified.Plan);
    applyingMs += threadMs() - checked;
    more = result.More;
  }
  return { placed, schedulingMs, checkingMs, applyingMs, longestMs };
}

function textOf({ name }: Case, { placed, schedulingMs, checkingMs, applyingMs, longestMs }: Measured): string {
  const of = (ms: number) => ((ms * 1000) / placed).toFixed(2);
  return `${name}: ${placed} placed, ${of(schedulingMs)} µs each to schedule, ${of(checkingMs)} µs to check, ${of(applyingMs)} µs to apply, longest pass ${longestMs.toFixed(1)} ms`;
}
