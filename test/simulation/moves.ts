/**
 * What may happen to a herd, one line each, with how often. Every move takes its choices from the world's random source, so that a seed
 * is a story. A move that the server refuses with a 4xx is part of the story; anything else it throws ends it.
 */
import { deploymentActive, type Deployment, type Job, type NodeId } from "#model";
import { messageOf, NamedError } from "#std";
import { jobOf, type Behaviour, type JobShape } from "./fixtures.ts";
import type { SimulatedNode } from "./node.ts";
import type { World } from "./world.ts";

export interface Stage {
  readonly world: World;
  readonly setting: Setting;
  readonly shapes: Map<string, JobShape>;
  readonly cutOff: Map<SimulatedNode, "vanished" | "crashed">;
}

export interface Setting {
  readonly nodes: number;
  readonly jobs: number;
  readonly memoryMB: number;
  /** Ports and constraints too, all of it small enough to be had at any time; else sizes alone, more than there is room for. */
  readonly roomy: boolean;
}

interface Move {
  readonly name: string;
  readonly weight: number;
  readonly play: (stage: Stage) => unknown;
}

const SECOND = 1e9;
const ROLLING = { MaxParallel: 2, MinHealthyTime: 2 * SECOND, HealthyDeadline: 20 * SECOND, ProgressDeadline: 60 * SECOND };

const MOVES: readonly Move[] = [
  { name: "a job is submitted or changed", weight: 6, play: submit },
  { name: "a job is stopped or purged", weight: 2, play: stopJob },
  { name: "a job is scaled", weight: 2, play: scale },
  { name: "a job is reverted", weight: 1, play: revert },
  { name: "a parameterized job is dispatched", weight: 1, play: dispatch },
  { name: "a periodic job is forced", weight: 1, play: force },
  { name: "a deployment is promoted", weight: 3, play: promote },
  { name: "a deployment is paused, resumed or failed", weight: 2, play: meddle },
  { name: "a node is cut off or loses power", weight: 3, play: loseNode },
  { name: "a node returns", weight: 3, play: returnNode },
  { name: "a node drains, or stops draining", weight: 2, play: drain },
  { name: "a node's eligibility changes", weight: 1, play: eligibility },
  { name: "a task ends", weight: 3, play: endTask },
  { name: "an allocation is stopped", weight: 2, play: stopAllocation },
  { name: "the scheduler is configured", weight: 1, play: configure },
  { name: "a connection breaks", weight: 1, play: breakConnection },
  { name: "the log stalls or fails", weight: 1, play: troubleLog },
  { name: "garbage is collected", weight: 1, play: ({ world }) => world.server.collectGarbage() },
  { name: "the server is killed and restarted", weight: 1, play: ({ world }) => world.restartServer() },
];

const DECK = MOVES.flatMap((move) => Array.from({ length: move.weight }, () => move));

/** One thing happens; its name, for the story. A story begins with something to run. */
export async function happen(stage: Stage): Promise<string> {
  const drawn = DECK[stage.world.random.integer(DECK.length)] as Move;
  const move = stage.shapes.size < stage.setting.jobs / 2 ? (MOVES[0] as Move) : drawn;
  try {
    await move.play(stage);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    return `${move.name}: refused: ${messageOf(thrown)}`;
  }
  return move.name;
}

/** Said no, or could not reach its log: both may happen to anybody. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof NamedError && ((thrown.statusCode >= 400 && thrown.statusCode < 500) || thrown.code === "LOG_WRITE_FAILED");
}

function pick<Item>({ world }: Stage, items: Iterable<Item>): Item | undefined {
  const all = [...items];
  return all[world.random.integer(all.length)];
}

const jobsOf = ({ world }: Stage, which: (job: Job) => boolean): Job[] => [...world.cluster.state.snapshot().jobs("*")].filter(which);

async function submit(stage: Stage): Promise<void> {
  const { world, shapes } = stage;
  const { random } = world;
  const id = `job-${random.integer(stage.setting.jobs)}`;
  const shape = shapes.get(id) ?? newShape(stage, id);
  const next: JobShape = {
    ...shape,
    // A system job has one on every node, by its kind.
    count: isPerNode(shape) ? 1 : 1 + random.integer(shape.staticPort === undefined ? 8 : 4),
    environment: { version: String(random.integer(3)) },
    behaviour: behaviour(stage, shape),
  };
  shapes.set(id, next);
  await world.server.registerJob({ Job: jobOf(next) });
}

const isPerNode = ({ type }: JobShape): boolean => type === "system" || type === "sysbatch";

function behaviour({ world }: Stage, { type }: JobShape): Behaviour {
  const roll = world.random.integer(8);
  if (type === "batch" || type === "sysbatch") return roll < 4 ? "ends" : roll === 7 ? "fails" : "well";
  return roll === 6 ? "unhealthy" : roll === 7 ? "fails" : "well";
}

function newShape({ world: { random }, setting }: Stage, id: string): JobShape {
  const type =
    (["service", "service", "service", "service", "batch", "batch", "system", "sysbatch"] as const)[random.integer(8)] ?? "service";
  const shape: JobShape = {
    id,
    type,
    count: 1,
    cpu: 100 + random.integer(300),
    memoryMB: 100 + random.integer(600),
    priority: 30 + random.integer(40),
    ...(type === "batch" && random.integer(4) === 0 ? { cron: "*/5 * * * *" } : {}),
    ...(type === "batch" && random.integer(4) === 1 ? { parameterized: true } : {}),
    ...(type === "service" ? serviceShape(random) : {}),
    // One node after the other would take a day of a large herd.
    ...(type === "system" ? { update: { ...ROLLING, MaxParallel: Math.ceil(setting.nodes / 4) } } : {}),
  };
  if (!setting.roomy || isPerNode(shape)) return shape;
  return {
    ...shape,
    dynamicPorts: random.integer(3),
    ...oneOf(random, [
      // A port of its own, on any node: what is wanted can always be had.
      { staticPort: 8_000 + Number(id.slice(4)) },
      { constraints: [{ LTarget: "${node.class}", RTarget: "large", Operand: "=" }] },
      {},
      {},
    ]),
    ...(random.integer(5) === 0 ? { spread: "${node.datacenter}" } : {}),
    ...(random.integer(6) === 0 ? { cores: 1 } : {}),
  };
}

function oneOf(random: World["random"], shapes: readonly Partial<JobShape>[]): Partial<JobShape> {
  return shapes[random.integer(shapes.length)] ?? {};
}

function serviceShape(random: World["random"]): Partial<JobShape> {
  const canary = random.integer(3);
  const automatic = random.integer(2) === 0;
  const strategies = ["best_score", "keep_original", "keep_replacement", "longest_running"];
  return {
    update: {
      ...ROLLING,
      MaxParallel: random.integer(4),
      Canary: canary,
      AutoRevert: random.integer(2) === 0,
      AutoPromote: canary > 0 && automatic,
    },
    ...(random.integer(3) === 0
      ? { disconnect: { LostAfter: 120 * SECOND, Replace: random.integer(2) === 0, Reconcile: strategies[random.integer(4)] } }
      : {}),
    ...(random.integer(4) === 0
      ? { reschedule: { Attempts: 2, Interval: 600 * SECOND, Delay: 5 * SECOND, DelayFunction: "constant", Unlimited: false } }
      : {}),
  };
}

async function stopJob(stage: Stage): Promise<void> {
  const job = pick(
    stage,
    jobsOf(stage, () => true),
  );
  const Purge = stage.world.random.integer(2) === 0;
  if (job !== undefined) await stage.world.server.deregisterJob(job.Namespace, job.ID, { Purge, EvalPriority: 0, NoShutdownDelay: false });
}

async function scale(stage: Stage): Promise<void> {
  const job = pick(
    stage,
    jobsOf(stage, ({ Type, Stop }) => Type === "service" && !Stop),
  );
  if (job === undefined) return;
  const Count = stage.world.random.integer(7);
  const shape = stage.shapes.get(job.ID);
  await stage.world.server.scaleJob(job.Namespace, job.ID, {
    Count,
    Group: "group",
    Message: "simulated",
    Error: false,
    Meta: {},
    JobModifyIndex: null,
  });
  if (shape !== undefined) stage.shapes.set(job.ID, { ...shape, count: Count });
}

async function revert(stage: Stage): Promise<void> {
  const job = pick(
    stage,
    jobsOf(stage, ({ Version }) => Version > 0),
  );
  if (job === undefined) return;
  const older = pick(stage, stage.world.cluster.state.snapshot().jobVersions(job.Namespace, job.ID).slice(1));
  if (older !== undefined) await stage.world.server.revertJob(job.Namespace, job.ID, older.Version, { EnforcePriorVersion: null });
}

async function dispatch(stage: Stage): Promise<void> {
  const job = pick(
    stage,
    jobsOf(stage, ({ ParameterizedJob, Dispatched, Stop }) => ParameterizedJob !== null && !Dispatched && !Stop),
  );
  if (job === undefined) return;
  const IdempotencyToken = stage.world.random.integer(3) === 0 ? "once" : "";
  await stage.world.server.dispatchJob(job.Namespace, job.ID, {
    Payload: "",
    Meta: { who: "me" },
    IdempotencyToken,
    IdPrefixTemplate: "",
    Priority: 0,
  });
}

async function force(stage: Stage): Promise<void> {
  const job = pick(
    stage,
    jobsOf(stage, ({ Periodic, ParentID, Stop }) => Periodic !== null && ParentID === "" && !Stop),
  );
  if (job !== undefined) await stage.world.server.forcePeriodic(job.Namespace, job.ID);
}

const activeOf = ({ world }: Stage): Deployment[] => [...world.cluster.state.snapshot().deployments()].filter(deploymentActive);

async function promote(stage: Stage): Promise<void> {
  const deployment = pick(stage, activeOf(stage));
  if (deployment !== undefined) await stage.world.server.promoteDeployment(deployment.ID, null);
}

async function meddle(stage: Stage): Promise<void> {
  const deployment = pick(stage, activeOf(stage));
  if (deployment === undefined) return;
  const { server, random } = stage.world;
  if (random.integer(4) === 0) await server.failDeployment(deployment.ID);
  else await server.pauseDeployment(deployment.ID, deployment.Status === "running");
}

function loseNode(stage: Stage): void {
  const { world, cutOff, setting } = stage;
  const node = pick(
    stage,
    world.nodes.filter((each) => !cutOff.has(each)),
  );
  if (node === undefined || cutOff.size > setting.nodes / 3) return;
  const crash = world.random.integer(2) === 0;
  if (crash) node.crash();
  else node.vanish();
  cutOff.set(node, crash ? "crashed" : "vanished");
}

async function returnNode(stage: Stage): Promise<void> {
  const node = pick(stage, stage.cutOff.keys());
  if (node === undefined) return;
  stage.cutOff.delete(node);
  await node.connect();
}

async function drain(stage: Stage): Promise<void> {
  const { world } = stage;
  const node = pick(stage, world.cluster.state.snapshot().nodes());
  if (node === undefined) return;
  const { random } = world;
  const deadlines = [-1, 0, 30 * SECOND, 300 * SECOND];
  const Drain =
    node.DrainStrategy !== null && random.integer(2) === 0
      ? null
      : { Deadline: deadlines[random.integer(4)] as number, IgnoreSystemJobs: random.integer(2) === 0 };
  await world.server.drainNode(node.ID, { Drain, MarkEligible: random.integer(2) === 0, Meta: {} });
}

async function eligibility(stage: Stage): Promise<void> {
  const node = pick(stage, stage.world.cluster.state.snapshot().nodes());
  const wanted = stage.world.random.integer(2) === 0 ? "ineligible" : "eligible";
  if (node !== undefined) await stage.world.server.setNodeEligibility(node.ID as NodeId, wanted);
}

function endTask(stage: Stage): void {
  const node = pick(stage, stage.world.nodes);
  const held =
    node === undefined
      ? undefined
      : pick(
          stage,
          [...node.allocations].filter(([, { status }]) => status === "running"),
        );
  if (held === undefined) return;
  // A service's task that ends well is restarted where it is: only batch allocations complete.
  const completes = held[1].allocation.Job.Type.endsWith("batch") && stage.world.random.integer(2) === 0;
  node?.finish(held[0], completes ? "complete" : "failed");
}

async function stopAllocation(stage: Stage): Promise<void> {
  const allocation = pick(stage, stage.world.cluster.state.snapshot().allocations());
  if (allocation !== undefined) await stage.world.server.stopAllocation(allocation.ID, { NoShutdownDelay: false });
}

async function configure({ world }: Stage): Promise<void> {
  const { random, server, cluster } = world;
  const preempts = random.integer(2) === 0;
  await server.setSchedulerConfiguration(
    {
      ...cluster.state.snapshot().schedulerConfiguration(),
      SchedulerAlgorithm: random.integer(2) === 0 ? "binpack" : "spread",
      PreemptionConfig: {
        SystemSchedulerEnabled: true,
        SysBatchSchedulerEnabled: preempts,
        BatchSchedulerEnabled: preempts,
        ServiceSchedulerEnabled: preempts,
      },
    },
    null,
  );
}

function breakConnection(stage: Stage): void {
  const node = pick(stage, stage.world.nodes);
  if (node !== undefined) stage.world.link.lose(node.id);
}

/** For some writes: each takes its time, or fails. */
function troubleLog({ world }: Stage): void {
  const { disk, random, clock } = world;
  let left = 1 + random.integer(5);
  const fails = random.integer(2) === 0;
  disk.beforeAppend = async () => {
    if (left-- <= 0) {
      disk.beforeAppend = () => Promise.resolve();
      return;
    }
    if (fails) throw new NamedError("LOG_WRITE_FAILED", "Cannot append to log: simulated", { statusCode: 503 });
    await clock.sleep(200);
  };
}
