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

interface Case {
  readonly name: string;
  readonly nodes: number;
  readonly count: number;
  readonly fields?: Parameters<typeof aGroup>[0];
}

const CASES: readonly Case[] = [
  { name: "batch, 10,000 over 500 nodes", nodes: 500, count: 10_000 },
  { name: "batch, 10,000 over 5,000 nodes", nodes: 5_000, count: 10_000 },
  { name: "one dynamic port each, 5,000 over 500", nodes: 500, count: 5_000, fields: { Networks: [aNetwork({ http: 0 })] } },
  {
    name: "spread over datacenters, 5,000 over 500",
    nodes: 500,
    count: 5_000,
    fields: { Spreads: [{ Attribute: "${node.datacenter}", Weight: 50, SpreadTarget: [] }] },
  },
];

for (const each of CASES) {
  measure(each);
  console.log(measure(each));
}

/** Time this thread computed, not time that passed: neighbours on the machine do not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Twice: the first run warms the compiler up. */
function measure({ name, nodes, count, fields }: Case): string {
  const world = new Book(false);
  for (let i = 0; i < nodes; i++) world.addNode(aNode(`n${i}`, { Datacenter: `dc${i % 3}`, cpu: 40_000, memory: 40_000, disk: 100_000 }));
  const job = world.addJob(aJob({ Type: "batch", TaskGroups: [aGroup({ Count: count, ...fields })] }));
  const newId = idsFrom();
  let placed = 0;
  let schedulingMs = 0;
  let checkingMs = 0;
  let applyingMs = 0;
  let longestMs = 0;
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
  const of = (ms: number) => ((ms * 1000) / placed).toFixed(2);
  return `${name}: ${placed} placed, ${of(schedulingMs)} µs each to schedule, ${of(checkingMs)} µs to check, ${of(applyingMs)} µs to apply, longest pass ${longestMs.toFixed(1)} ms`;
}
