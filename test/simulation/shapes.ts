/**
 * Jobs at random. In a roomy story everything they ask for can be had at any time, whatever the others ask for: a port of their own, few
 * of the scarce things, little of the small pool. So what does not run in the end is a failure, not a shortage.
 */
import type { Random } from "#ports";
import type { Behaviour, JobShape } from "./fixtures.ts";
import type { Setting, Stage } from "./stage.ts";

export const SECOND = 1e9;
const ROLLING = { MaxParallel: 2, MinHealthyTime: 2 * SECOND, HealthyDeadline: 20 * SECOND, ProgressDeadline: 60 * SECOND };

/** Nodes of a roomy story: one of four is in the small pool. */
export const SMALL_POOL = "special";
export const OTHER_NAMESPACE = "team";
export const ALWAYS_TRUE = { LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" };

export const isPerNode = ({ type }: Pick<JobShape, "type">): boolean => type === "system" || type === "sysbatch";
/** It asks for what there is little of. */
export const isScarce = ({ staticPort, cores, devices }: JobShape): boolean =>
  staticPort !== undefined || cores !== undefined || devices !== undefined;
export const endsByItself = ({ type }: Pick<JobShape, "type">): boolean => type === "batch" || type === "sysbatch";

export function newShape({ world: { random }, setting }: Stage, id: string): JobShape {
  const type =
    (["service", "service", "service", "service", "batch", "batch", "system", "sysbatch"] as const)[random.integer(8)] ?? "service";
  const shape: JobShape = {
    id,
    type,
    count: 1,
    cpu: 100 + random.integer(300),
    memoryMB: 100 + random.integer(600),
    priority: 30 + random.integer(40),
    ...(random.integer(4) === 0 ? { namespace: OTHER_NAMESPACE } : {}),
    ...(type === "batch" && random.integer(4) === 0 ? { cron: "*/5 * * * *" } : {}),
    ...(type === "batch" && random.integer(4) === 1 ? { parameterized: true } : {}),
    ...(endsByItself({ type }) && random.integer(4) === 0 ? { maxRunMs: 20_000 } : {}),
    ...(type === "service" ? serviceShape(random) : {}),
    ...(type === "system" ? systemShape(random, setting) : {}),
  };
  return setting.roomy ? { ...shape, ...roomyShape(random, shape) } : shape;
}

function roomyShape(random: Random, shape: JobShape): Partial<JobShape> {
  // Nodes of all pools hold at most a few of the small pool's jobs.
  const small = { nodePool: SMALL_POOL, memoryMB: 50 + random.integer(100), cpu: 50 + random.integer(50) };
  const large = { constraints: [{ LTarget: "${node.class}", RTarget: "large", Operand: "=" }] };
  if (isPerNode(shape)) return oneOf(random, [{ nodePool: "all" }, small, large, {}, {}]);
  // A flood of them passes.
  if (shape.parameterized === true) return { memoryMB: 30, cpu: 20, maxRunMs: 20_000 };
  return {
    dynamicPorts: random.integer(3),
    ...oneOf(random, [ownPort(shape), large, small, { nodePool: "all" }, { devices: 1 }, {}, {}, {}]),
    ...(random.integer(5) === 0 ? { spread: "${node.datacenter}" } : {}),
    ...(random.integer(4) === 0 ? { bridge: true } : {}),
    ...(random.integer(6) === 0 ? { cores: 1 } : {}),
    ...(random.integer(6) === 0 ? { sticky: true } : {}),
  };
}

/** Two jobs share a number, each at an address of its own. */
function ownPort({ id }: JobShape): Partial<JobShape> {
  const number = Number(id.slice(4));
  return { staticPort: 8_000 + Math.floor(number / 2), secondNetwork: number % 2 === 1 };
}

/** The next version of a job: other work, or only what can be changed where it runs, as its count and its constraints. */
export function changed(stage: Stage, shape: JobShape): JobShape {
  const { random } = stage.world;
  // A system job has one on every node, by its kind.
  const count = isPerNode(shape) ? 1 : 1 + random.integer(isScarce(shape) ? 4 : 8);
  if (random.integer(4) === 0) return { ...shape, count, alsoTrue: shape.alsoTrue === undefined ? ALWAYS_TRUE : undefined };
  return { ...shape, count, environment: { version: String(random.integer(3)) }, behaviour: behaviour(random, shape) };
}

function behaviour(random: Random, shape: JobShape): Behaviour {
  const roll = random.integer(8);
  if (endsByItself(shape)) return roll < 4 ? "ends" : roll === 7 ? "fails" : "well";
  return roll === 6 ? "unhealthy" : roll === 7 ? "fails" : "well";
}

function oneOf(random: Random, shapes: readonly Partial<JobShape>[]): Partial<JobShape> {
  return shapes[random.integer(shapes.length)] ?? {};
}

function serviceShape(random: Random): Partial<JobShape> {
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
    ...(random.integer(4) === 0
      ? { migrate: { MaxParallel: 1 + random.integer(2), MinHealthyTime: 2 * SECOND, HealthyDeadline: 20 * SECOND } }
      : {}),
  };
}

/** One node after the other would take a day of a large herd. Canaries are a part of the nodes, in percent. */
function systemShape(random: Random, setting: Setting): Partial<JobShape> {
  const canary = random.integer(3) === 0 ? 30 : 0;
  return {
    update: {
      ...ROLLING,
      MaxParallel: Math.ceil(setting.nodes / 4),
      Canary: canary,
      AutoPromote: canary > 0 && random.integer(2) === 0,
      AutoRevert: random.integer(3) === 0,
    },
  };
}
