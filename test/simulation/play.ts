/**
 * One story from one seed: a herd of nodes, moves at random with faults between them, then peace, and what must be true in the end.
 *
 *   nodes join ─► moves, time passes, faults ─► peace: all return, what is wanted is well ─► settled?
 *              ─► room for all that is wanted (where there was not) ─► all of it there? ─► all stopped: nothing left?
 *
 * The invariants are checked after every commit, replicas follow the log, and the whole log is one hash: the same seed, the same hash.
 */
import assert from "node:assert/strict";
import { createHash, type Hash } from "node:crypto";
import { deploymentActive, terminal, type Job } from "#model";
import type { Change } from "#state";
import { commitLines } from "./commits.ts";
import { behaviourOf, jobOf, type JobShape } from "./fixtures.ts";
import { checkInvariants } from "./invariants.ts";
import { happen } from "./moves.ts";
import { resumeBroker } from "./moves/cluster.ts";
import { createReplica, restoreReplica, type Replica } from "./replica.ts";
import { checkReplaced, checkSettled } from "./settled.ts";
import { endsByItself, isPerNode, OTHER_NAMESPACE, SMALL_POOL } from "./shapes.ts";
import { MOODS, type Mood, type Setting, type Stage } from "./stage.ts";
import { createWitness } from "./witness.ts";
import { startWorld, type World } from "./world.ts";

export interface PlayOptions {
  readonly seed: number;
  readonly setting: Setting;
  readonly steps: number;
  /** Told what happens, a line each. */
  readonly tell?: (line: string) => void;
  /** Told of every commit too. */
  readonly commits?: boolean;
}

export interface Told {
  readonly commits: number;
  readonly allocations: number;
  readonly deployments: number;
  /** Of every byte of the log, in order. */
  readonly hash: string;
}

/** Settled is what nothing has happened to for longer than anything here takes: deadlines, delays, nodes given up. */
const QUIET_MS = 180_000;
const SETTLE_MS = 1_800_000;
/** Longer than it takes until a node that does not answer is given up, and what was there is replaced. */
const REST_MS = 240_000;
/** A log that fails is asked again every few seconds. */
const LATE_MS = 60_000;
/** Longer than any log stalls. */
const ANSWER_MS = 60_000;
/** Replicas and frozen records are for herds of a size that shows what they look for. */
const LARGE_HERD = 500;

export async function play({ seed, setting, steps, tell = () => undefined, commits = false }: PlayOptions): Promise<Told> {
  const watched = new Watched();
  const world = await startWorld({
    seed,
    freeze: setting.nodes <= LARGE_HERD,
    // Servers of some stories come back from the log alone, of others from snapshots.
    snapshotEveryEntries: seed % 2 === 0 ? 40 : Infinity,
    onChange: (change, { state }) => {
      if (commits) for (const line of commitLines(change)) tell(line);
      watched.see(change, world, state.snapshot());
    },
  });
  const stage: Stage = {
    world,
    setting,
    mood: MOODS[world.random.integer(MOODS.length)] as Mood,
    shapes: new Map(),
    cutOff: new Map(),
    forgotten: new Set(),
  };
  if (setting.nodes <= LARGE_HERD) watched.replicas.push(createReplica(world.clock));
  try {
    tell(`${clockTime(world)} a story of ${stage.mood}`);
    await setUp(stage);
    for (let step = 0; step < steps && watched.broken.length === 0; step++) {
      const what = await during(world, happen(stage));
      tell(`${clockTime(world)} ${what}`);
      await world.clock.advance(world.random.integer(world.random.integer(10) === 0 ? 60_000 : 3_000));
      checkTimers(world);
      checkDeadlines(world);
      if (step === Math.floor(steps / 2) && setting.nodes <= LARGE_HERD) await watched.restore(world);
    }
    watched.rethrow();
    // Half of the stories heal by themselves where they can; in the others everything is asked for anew.
    const anew = seed % 4 < 2;
    if (!anew) await rest(stage, tell);
    watched.rethrow();
    await makePeace(stage, "peace", anew, tell);
    watched.rethrow();
    checkPeace(stage, !setting.roomy);
    if (!setting.roomy) {
      makeRoom(stage);
      await makePeace(stage, "room", true, tell);
      watched.rethrow();
      checkPeace(stage, false);
    }
    watched.compare(world);
    await forget(world);
    watched.compare(world);
    return watched.told();
  } catch (thrown) {
    for (const line of whyNot(world)) tell(line);
    throw watched.broken[0] ?? thrown;
  } finally {
    world.disk.beforeAppend = () => Promise.resolve();
    await world.close();
  }
}

/** Everybody who looks at every commit. */
class Watched {
  readonly broken: unknown[] = [];
  readonly replicas: Replica[] = [];
  readonly #hash: Hash = createHash("sha256");
  #hashed = 0;
  #commits = 0;
  #allocations = 0;
  readonly #deployments = new Set<string>();
  #witness: ReturnType<typeof createWitness> | undefined;

  see(change: Change, world: World, snapshot: Parameters<typeof checkInvariants>[0]): void {
    this.#commits++;
    for (const allocation of change.allocations) if (allocation.CreateIndex === change.index) this.#allocations++;
    for (const deployment of change.deployments) this.#deployments.add(deployment.ID);
    this.#readLog(world);
    try {
      checkInvariants(snapshot, change);
      this.#witness ??= createWitness(() => world.clock.nowMs());
      this.#witness.see(change, snapshot);
    } catch (thrown) {
      this.broken.push(thrown);
    }
  }

  /** Before a snapshot cuts it. */
  #readLog({ disk }: World): void {
    const end = disk.firstIndex + disk.entries.length;
    for (let index = Math.max(this.#hashed + 1, disk.firstIndex); index < end; index++) {
      this.#hash.update(disk.entries[index - disk.firstIndex] as Uint8Array);
      this.#hashed = index;
    }
    for (const replica of this.replicas) replica.follow(disk);
  }

  async restore({ clock, cluster }: World): Promise<void> {
    this.replicas.push(await restoreReplica(clock, cluster.state));
  }

  compare(world: World): void {
    this.#readLog(world);
    for (const replica of this.replicas) replica.compare(world.cluster.state);
  }

  rethrow(): void {
    if (this.broken.length > 0) throw this.broken[0];
  }

  told(): Told {
    const hash = this.#hash.copy().digest("hex").slice(0, 16);
    return { commits: this.#commits, allocations: this.#allocations, deployments: this.#deployments.size, hash };
  }
}

async function setUp({ world, setting }: Stage): Promise<void> {
  await world.server.upsertNamespace({ Name: OTHER_NAMESPACE });
  await world.server.upsertNodePool({ Name: SMALL_POOL });
  for (let index = 0; index < setting.nodes; index++) await world.addNode(...nodeShape(index, setting));
}

function nodeShape(index: number, { memoryMB, roomy }: Setting): Parameters<World["addNode"]> {
  return [
    {
      name: `n${index}`,
      memoryMB,
      nodeClass: index % 3 === 0 ? "large" : "small",
      datacenter: `dc${index % 2}`,
      ...(roomy && index % 4 === 3 ? { nodePool: SMALL_POOL } : {}),
      devices: roomy ? 4 : 0,
    },
    { stopMs: 500, startMs: 50 },
  ];
}

/** What is asked of a server may have to wait for its log, and the log for time. */
async function during<Answer>({ clock }: World, asked: Promise<Answer>): Promise<Answer> {
  let pending = true;
  const answered = asked.finally(() => {
    pending = false;
  });
  answered.catch(() => undefined);
  await clock.settle();
  for (let waitedMs = 0; pending; waitedMs += 50) {
    assert.ok(waitedMs < ANSWER_MS, "a request to the server is never answered");
    await clock.advance(50);
  }
  return await answered;
}

/**
 * Nothing more happens, but those who are away stay away, and what was failed or forbidden stays so: what was lost with them is replaced
 * elsewhere, and what has a deadline ends.
 */
async function rest(stage: Stage, tell: (line: string) => void): Promise<void> {
  const { world } = stage;
  world.disk.beforeAppend = () => Promise.resolve();
  world.link.refuse(false);
  await during(world, resumeBroker(world));
  tell(`${clockTime(world)} rest`);
  await world.clock.advance(REST_MS);
  checkDeadlines(world);
  const snapshot = world.cluster.state.snapshot();
  for (const job of snapshot.jobs("*")) {
    if (job.Stop || !healsByItself(stage, job) || snapshot.activeDeployment(job.Namespace, job.ID) !== undefined) continue;
    checkReplaced(snapshot, job);
  }
}

/** Everybody comes back, nothing fails any more, every job that shall run is one that can. `anew`: every one is submitted again. */
async function makePeace(stage: Stage, version: string, anew: boolean, tell: (line: string) => void): Promise<void> {
  const { world, shapes, cutOff } = stage;
  const { server, cluster, clock, disk, link } = world;
  disk.beforeAppend = () => Promise.resolve();
  link.refuse(false);
  for (const node of cutOff.keys()) await during(world, node.connect());
  cutOff.clear();
  await during(world, resumeBroker(world));
  // What failed while its node was cut off is told first.
  await clock.advance(10_000);
  await during(world, server.upsertNamespace({ Name: OTHER_NAMESPACE }));
  for (const node of cluster.state.snapshot().nodes()) {
    if (node.DrainStrategy !== null) await during(world, server.drainNode(node.ID, { Drain: null, MarkEligible: true, Meta: {} }));
    await during(world, server.setNodeEligibility(node.ID, "eligible"));
  }
  await settleDeployments(world);
  for (const job of cluster.state.snapshot().jobs("*")) {
    const shape = shapes.get(job.ID);
    if (job.Stop || job.ParentID !== "" || shape === undefined || (!anew && healsByItself(stage, job))) continue;
    await during(world, server.registerJob({ Job: jobOf(peaceful(shape, version)) }));
  }
  tell(`${clockTime(world)} ${version}`);
  let quietMs = 0;
  for (let passedMs = 0; passedMs < SETTLE_MS && quietMs < QUIET_MS; passedMs += 30_000) {
    const { index } = cluster.state;
    await clock.advance(30_000);
    await settleDeployments(world);
    quietMs = cluster.state.index === index ? quietMs + 30_000 : 0;
  }
}

/**
 * Its tasks run well, and nothing that happened lets it wait for a new version: no failed deployment, no failure that is not tried
 * again, no deleted evaluation.
 */
function healsByItself({ world, forgotten }: Stage, job: Job): boolean {
  const snapshot = world.cluster.state.snapshot();
  if (behaviourOf(job) !== "well" || forgotten.has(job.ID) || job.Type !== "service") return false;
  const failed = snapshot
    .deploymentsByJob(job.Namespace, job.ID)
    .some(({ Status, JobVersion }) => Status === "failed" && JobVersion === job.Version);
  const over = [...snapshot.allocationsByJob(job.Namespace, job.ID)].some(({ ClientStatus, NextAllocation }) => {
    return ClientStatus === "failed" && NextAllocation === "";
  });
  return !failed && !over;
}

function peaceful(shape: JobShape, version: string): JobShape {
  return { ...shape, behaviour: endsByItself(shape) ? "ends" : "well", environment: { version } };
}

/** Jobs ask for so little from now on that all of it fits, also while they are updated and however it is spread. */
function makeRoom({ shapes, setting }: Stage): void {
  const each = Math.floor(setting.memoryMB / setting.jobs / 4);
  for (const [id, shape] of shapes) {
    const count = isPerNode(shape) ? 1 : Math.min(shape.count, setting.nodes);
    shapes.set(id, { ...shape, count, memoryMB: Math.min(each, shape.memoryMB ?? each), cpu: 100 });
  }
}

/** Nobody forgets a deployment: paused ones are resumed, canaries promoted. */
async function settleDeployments(world: World): Promise<void> {
  const refusedIsFine = () => undefined;
  for (const deployment of world.cluster.state.snapshot().activeDeployments()) {
    if (!deploymentActive(deployment)) continue;
    if (deployment.Status === "paused") await during(world, world.server.pauseDeployment(deployment.ID, false).catch(refusedIsFine));
    const waits = Object.values(deployment.TaskGroups).some((group) => group.DesiredCanaries > 0 && !group.Promoted);
    if (waits) await during(world, world.server.promoteDeployment(deployment.ID, null).catch(refusedIsFine));
  }
}

function checkPeace({ world }: Stage, tight: boolean): void {
  const errors = world.errors.filter((entry) => !JSON.stringify(entry).includes("simulated"));
  assert.deepEqual(errors, [], "nothing went wrong in the server's own eyes");
  const snapshot = world.cluster.state.snapshot();
  checkSettled(snapshot, { tight });
  checkBroker(world);
  for (const node of world.nodes) {
    for (const { allocation, status } of node.allocations.values()) {
      const stored = snapshot.allocation(allocation.ID);
      const runs = status === "running" || status === "pending";
      if (runs) assert.equal(stored?.DesiredStatus, "run", `${allocation.Name} runs on its node and is not wanted`);
    }
  }
  for (const allocation of snapshot.allocations()) {
    if (allocation.ClientStatus !== "running") continue;
    const held = world.nodes.find(({ id }) => id === allocation.NodeID)?.allocations.get(allocation.ID);
    assert.equal(held?.status, "running", `${allocation.Name} is said to run and does not`);
  }
}

/** What is due in time has its timer. */
function checkTimers({ server, cluster, clock }: World): void {
  const delayed = [...cluster.state.snapshot().evaluations()].filter(
    ({ Status, WaitUntil }) => Status === "pending" && WaitUntil !== null && Date.parse(WaitUntil) > clock.nowMs(),
  );
  const waiting = server.statistics()["broker.total_waiting"] ?? 0;
  assert.ok(waiting >= delayed.length, `the broker waits for ${waiting} delayed evaluations of ${delayed.length}`);
}

/** After the deadline of a group nobody waits for it: but for a person's word, or for those that were well and had to go (F11, F12, F15). */
function checkDeadlines({ cluster, clock }: World): void {
  const snapshot = cluster.state.snapshot();
  for (const deployment of snapshot.activeDeployments()) {
    const job = snapshot.job(deployment.Namespace, deployment.JobID);
    if (deployment.Status === "paused" || job?.Version !== deployment.JobVersion) continue;
    const members = [...snapshot.allocationsByDeployment(deployment.ID)];
    for (const [name, group] of Object.entries(deployment.TaskGroups)) {
      const lateMs = clock.nowMs() - Date.parse(group.RequireProgressBy ?? "") - LATE_MS;
      const awaited = group.DesiredCanaries > 0 && !group.Promoted;
      if (!(lateMs > 0) || awaited || group.HealthyAllocs >= group.DesiredTotal) continue;
      const again = members.some((each) => each.TaskGroup === name && each.DeploymentStatus?.Healthy === true && terminal(each));
      assert.ok(again, `deployment ${deployment.ID} of ${deployment.JobID} goes on after its deadline ${group.RequireProgressBy}`);
    }
  }
}

/** What the state says waits, waits in the broker: what is due in time has a timer there, what is blocked is offered room. */
function checkBroker({ server, cluster, clock }: World): void {
  const statistics = server.statistics();
  const { "broker.total_ready": ready, "broker.total_unacked": inHand, "broker.total_pending": pending } = statistics;
  assert.deepEqual([ready, inHand, pending], [0, 0, 0], "the broker is idle");
  const evaluations = [...cluster.state.snapshot().evaluations()];
  const delayed = evaluations.filter(({ Status, WaitUntil }) => Status === "pending" && Date.parse(WaitUntil ?? "") > clock.nowMs());
  const blocked = evaluations.filter(({ Status }) => Status === "blocked");
  assert.equal(statistics["broker.total_waiting"], delayed.length, "the broker waits for every delayed evaluation");
  assert.equal(statistics["blocked_evals.total_blocked"], blocked.length, "the broker knows every blocked evaluation");
}

/** Stopped and collected, nothing is left of it. */
async function forget(world: World): Promise<void> {
  const { server, cluster, clock } = world;
  for (const job of cluster.state.snapshot().jobs("*")) {
    const tagged = cluster.state.snapshot().jobVersions(job.Namespace, job.ID);
    for (const { VersionTag } of tagged)
      if (VersionTag !== null) await during(world, server.untagJobVersion(job.Namespace, job.ID, VersionTag.Name));
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

function clockTime({ clock }: World): string {
  return new Date(clock.nowMs()).toISOString().slice(11, 23);
}
