/** What operators do to the cluster itself. */
import { terminal } from "#model";
import { OTHER_NAMESPACE, SMALL_POOL } from "../shapes.ts";
import { chance, pick, type Stage } from "../stage.ts";
import type { World } from "../world.ts";

export async function configure({ world }: Stage): Promise<void> {
  const { random } = world;
  const preempts = random.integer(2) === 0;
  await setConfiguration(world, {
    SchedulerAlgorithm: random.integer(2) === 0 ? "binpack" : "spread",
    PreemptionConfig: {
      SystemSchedulerEnabled: true,
      SysBatchSchedulerEnabled: preempts,
      BatchSchedulerEnabled: preempts,
      ServiceSchedulerEnabled: preempts,
    },
  });
}

type Configuration = Parameters<World["server"]["setSchedulerConfiguration"]>[0];

async function setConfiguration({ server, cluster }: World, changes: Partial<Configuration>): Promise<void> {
  await server.setSchedulerConfiguration({ ...cluster.state.snapshot().schedulerConfiguration(), ...changes }, null);
}

const isPaused = ({ cluster }: World): boolean => cluster.state.snapshot().schedulerConfiguration().PauseEvalBroker;

export async function pauseBroker({ world }: Stage): Promise<void> {
  await setConfiguration(world, { PauseEvalBroker: !isPaused(world) });
}

export async function resumeBroker(world: World): Promise<void> {
  if (isPaused(world)) await setConfiguration(world, { PauseEvalBroker: false });
}

/**
 * Paused for that, as it must be. Only of jobs that are looked at again before the end: who deletes the evaluation that would have
 * stopped something wants it to go on.
 */
export async function deleteEvaluations(stage: Stage): Promise<void> {
  const { world, shapes } = stage;
  await setConfiguration(world, { PauseEvalBroker: true });
  const snapshot = world.cluster.state.snapshot();
  const candidates = [...snapshot.evaluations()].filter((evaluation) => {
    const job = snapshot.job(evaluation.Namespace, evaluation.JobID);
    const over = evaluation.Status !== "pending" && evaluation.Status !== "blocked";
    const again = job !== undefined && !job.Stop && shapes.has(job.ID);
    return (over || again) && [...snapshot.allocationsByEvaluation(evaluation.ID)].every(terminal);
  });
  const chosen = Array.from({ length: 5 }, () => pick(stage, candidates)).filter((each) => each !== undefined);
  for (const { JobID } of chosen) stage.forgotten.add(JobID);
  try {
    await world.server.deleteEvaluations(chosen.map(({ ID }) => ID));
  } finally {
    await resumeBroker(world);
  }
}

export async function touchNamespaces(stage: Stage): Promise<void> {
  const { server } = stage.world;
  if (chance(stage, 2)) await server.upsertNamespace({ Name: OTHER_NAMESPACE, Description: "of others" });
  else await server.deleteNamespace(OTHER_NAMESPACE);
}

export async function touchPools(stage: Stage): Promise<void> {
  const { server } = stage.world;
  const SchedulerAlgorithm = chance(stage, 2) ? "spread" : "binpack";
  if (chance(stage, 3)) await server.deleteNodePool(SMALL_POOL);
  else await server.upsertNodePool({ Name: SMALL_POOL, SchedulerConfiguration: { SchedulerAlgorithm } });
}
