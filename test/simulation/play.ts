/**
 * One story from one seed: a herd of nodes, moves at random with faults between them, then peace, and what must be true in the end.
 *
 *   nodes join ─► moves, time passes, faults ─► peace: all return, what is wanted is well ─► settled? ─► all stopped: nothing left?
 *
 * The invariants are checked after every commit, a replica follows the log, and the whole log is one hash: the same seed, the same hash.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deploymentActive } from "#model";
import type { Change } from "#state";
import { jobOf, type JobShape } from "./fixtures.ts";
import { checkInvariants, checkSettled } from "./invariants.ts";
import { happen, type Setting, type Stage } from "./moves.ts";
import type { SimulatedNode } from "./node.ts";
import { createReplica } from "./replica.ts";
import { startWorld, type World } from "./world.ts";

export interface PlayOptions {
  readonly seed: number;
  readonly setting: Setting;
  readonly steps: number;
  /** Told what happens, a line each. */
  readonly tell?: (line: string) => void;
}

export interface Told {
  readonly commits: number;
  readonly allocations: number;
  readonly deployments: number;
  /** Of every byte of the log, in order. */
  readonly hash: string;
}

const SETTLE_MS = 1_800_000;

export async function play({ seed, setting, steps, tell = () => undefined }: PlayOptions): Promise<Told> {
  const broken: unknown[] = [];
  const seen = { commits: 0, allocations: 0, deployments: new Set<string>() };
  const world: World = await startWorld({
    seed,
    // The replica reads the log: it is not cut before.
    snapshotEveryEntries: Infinity,
    onChange(change, cluster) {
      seen.commits++;
      noteNew(seen, change);
      try {
        checkInvariants(cluster.state.snapshot(), change);
      } catch (thrown) {
        broken.push(thrown);
      }
    },
  });
  const stage: Stage = { world, setting, shapes: new Map(), cutOff: new Map() };
  const replica = createReplica(world.clock);
  try {
    for (let index = 0; index < setting.nodes; index++) await world.addNode(...nodeShape(index, setting));
    for (let step = 0; step < steps && broken.length === 0; step++) {
      const what = await during(world, happen(stage));
      tell(`${clockTime(world)} ${what}`);
      await world.clock.advance(world.random.integer(world.random.integer(10) === 0 ? 60_000 : 3_000));
    }
    if (broken.length === 0) await makePeace(stage, tell);
    if (broken.length > 0) throw broken[0];
    checkPeace(world);
    replica.follow(world.disk);
    replica.compare(world.cluster.state);
    await forget(world);
    if (broken.length > 0) throw broken[0];
    return { commits: seen.commits, allocations: seen.allocations, deployments: seen.deployments.size, hash: hashOf(world) };
  } catch (thrown) {
    for (const line of whyNot(world)) tell(line);
    throw thrown;
  } finally {
    world.disk.beforeAppend = () => Promise.resolve();
    await world.close();
  }
}

function nodeShape(index: number, { memoryMB }: Setting): Parameters<World["addNode"]> {
  return [
    { name: `n${index}`, memoryMB, nodeClass: index % 3 === 0 ? "large" : "small", datacenter: `dc${index % 2}` },
    { stopMs: 500, startMs: 50 },
  ];
}

function noteNew(seen: { allocations: number; deployments: Set<string> }, change: Change): void {
  for (const allocation of change.allocations) if (allocation.CreateIndex === change.index) seen.allocations++;
  for (const deployment of change.deployments) seen.deployments.add(deployment.ID);
}

/** What is asked of a server may have to wait for its log, and the log for time. */
async function during<Answer>({ clock }: World, asked: Promise<Answer>): Promise<Answer> {
  let pending = true;
  const answered = asked.finally(() => {
    pending = false;
  });
  answered.catch(() => undefined);
  await clock.settle();
  while (pending) await clock.advance(50);
  return await answered;
}

/** Everybody comes back, nothing fails any more, every job that shall run is one that can. */
async function makePeace({ world, shapes, cutOff }: Stage, tell: (line: string) => void): Promise<void> {
  const { server, cluster, clock, disk } = world;
  disk.beforeAppend = () => Promise.resolve();
  for (const node of cutOff.keys()) await during(world, returning(node));
  cutOff.clear();
  // What failed while its node was cut off is told first.
  await clock.advance(10_000);
  for (const node of cluster.state.snapshot().nodes()) {
    if (node.DrainStrategy !== null) await during(world, server.drainNode(node.ID, { Drain: null, MarkEligible: true, Meta: {} }));
    await during(world, server.setNodeEligibility(node.ID, "eligible"));
  }
  await settleDeployments(world);
  for (const job of cluster.state.snapshot().jobs("*")) {
    const shape = shapes.get(job.ID);
    if (job.Stop || job.ParentID !== "" || shape === undefined) continue;
    await during(world, server.registerJob({ Job: jobOf(peaceful(shape)) }));
  }
  tell(`${clockTime(world)} peace`);
  for (let passed = 0; passed < SETTLE_MS; passed += 30_000) {
    await clock.advance(30_000);
    await settleDeployments(world);
  }
}

const returning = async (node: SimulatedNode): Promise<void> => await node.connect();

function peaceful(shape: JobShape): JobShape {
  const runs = shape.type === "batch" || shape.type === "sysbatch" ? "ends" : "well";
  return { ...shape, behaviour: runs, environment: { version: "peace" } };
}

/** Nobody forgets a deployment: paused ones are resumed, canaries promoted. */
async function settleDeployments(world: World): Promise<void> {
  const refusedIsFine = () => undefined;
  for (const deployment of world.cluster.state.snapshot().deployments()) {
    if (!deploymentActive(deployment)) continue;
    if (deployment.Status === "paused") await during(world, world.server.pauseDeployment(deployment.ID, false).catch(refusedIsFine));
    const waits = Object.values(deployment.TaskGroups).some((group) => group.DesiredCanaries > 0 && !group.Promoted);
    if (waits) await during(world, world.server.promoteDeployment(deployment.ID, null).catch(refusedIsFine));
  }
}

function checkPeace(world: World): void {
  const errors = world.errors.filter((entry) => !JSON.stringify(entry).includes("simulated"));
  assert.deepEqual(errors, [], "nothing went wrong in the server's own eyes");
  checkSettled(world.cluster.state.snapshot());
  const { "broker.total_ready": ready, "broker.total_unacked": inHand, "broker.total_pending": pending } = world.server.statistics();
  assert.deepEqual([ready, inHand, pending], [0, 0, 0], "the broker is idle");
  for (const node of world.nodes) {
    for (const { allocation, status } of node.allocations.values()) {
      const stored = world.cluster.state.snapshot().allocation(allocation.ID);
      const runs = status === "running" || status === "pending";
      if (runs) assert.equal(stored?.DesiredStatus, "run", `${allocation.Name} runs on its node and is not wanted`);
    }
  }
}

/** Stopped and collected, nothing is left of it. */
async function forget(world: World): Promise<void> {
  const { server, cluster, clock } = world;
  for (const job of cluster.state.snapshot().jobs("*")) {
    if (!job.Stop)
      await during(world, server.deregisterJob(job.Namespace, job.ID, { Purge: false, EvalPriority: 0, NoShutdownDelay: false }));
  }
  await clock.advance(120_000);
  await during(world, server.collectGarbage());
  const snapshot = cluster.state.snapshot();
  const records = [...snapshot.jobs("*"), ...snapshot.allocations(), ...snapshot.evaluations(), ...snapshot.deployments()];
  assert.deepEqual(
    records.map((record) => `${record.ID} ${JSON.stringify(record).slice(0, 300)}`),
    [],
    "after stop and gc nothing is left",
  );
}

/** What the product itself says of what does not run. */
function whyNot({ server, cluster }: World): string[] {
  return [...cluster.state.snapshot().jobs("*")].flatMap((job) => {
    const { Summary, Reasons } = server.explainJob(job.Namespace, job.ID);
    return Reasons.length === 0 ? [] : [`why ${job.ID}: ${Summary}`, ...Reasons.map((reason) => `  ${reason.Stage}: ${reason.Sentence}`)];
  });
}

function hashOf({ disk }: World): string {
  const hash = createHash("sha256");
  for (const entry of disk.entries) hash.update(entry);
  return hash.digest("hex").slice(0, 16);
}

function clockTime({ clock }: World): string {
  return new Date(clock.nowMs()).toISOString().slice(11, 23);
}
