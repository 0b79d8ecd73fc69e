/** What people do to jobs, and what becomes of their tasks. */
import { deploymentActive, type Deployment } from "#model";
import { jobOf } from "../fixtures.ts";
import { changed, isScarce, newShape } from "../shapes.ts";
import { chance, pick, pickJob, type Stage } from "../stage.ts";

export async function submit(stage: Stage): Promise<void> {
  const { world, shapes } = stage;
  const id = `job-${world.random.integer(stage.setting.jobs)}`;
  const next = changed(stage, shapes.get(id) ?? newShape(stage, id));
  shapes.set(id, next);
  await world.server.registerJob({ Job: jobOf(next) });
}

export async function stopJob(stage: Stage): Promise<void> {
  const job = pickJob(stage);
  if (job === undefined) return;
  await stage.world.server.deregisterJob(job.Namespace, job.ID, {
    Purge: chance(stage, 2),
    EvalPriority: 0,
    NoShutdownDelay: chance(stage, 3),
  });
}

export async function scale(stage: Stage): Promise<void> {
  const job = pickJob(stage, ({ Type, Stop }) => Type === "service" && !Stop);
  const shape = job === undefined ? undefined : stage.shapes.get(job.ID);
  if (job === undefined || shape === undefined) return;
  const Count = stage.world.random.integer(isScarce(shape) ? 5 : 7);
  const request = { Count, Group: "group", Message: "simulated", Error: false, Meta: {}, JobModifyIndex: null };
  await stage.world.server.scaleJob(job.Namespace, job.ID, request);
  stage.shapes.set(job.ID, { ...shape, count: Count });
}

export async function revert(stage: Stage): Promise<void> {
  const job = pickJob(stage, ({ Version }) => Version > 0);
  if (job === undefined) return;
  const older = pick(stage, stage.world.cluster.state.snapshot().jobVersions(job.Namespace, job.ID).slice(1));
  if (older !== undefined) await stage.world.server.revertJob(job.Namespace, job.ID, older.Version, { EnforcePriorVersion: null });
}

export async function tag(stage: Stage): Promise<void> {
  const { server, cluster } = stage.world;
  const job = pickJob(stage);
  if (job === undefined) return;
  const versions = cluster.state.snapshot().jobVersions(job.Namespace, job.ID);
  const tagged = versions.find(({ VersionTag }) => VersionTag !== null)?.VersionTag?.Name;
  if (tagged !== undefined && chance(stage, 2)) {
    await server.untagJobVersion(job.Namespace, job.ID, tagged);
    return;
  }
  const Version = pick(stage, versions)?.Version ?? null;
  await server.tagJobVersion(job.Namespace, job.ID, { Name: chance(stage, 2) ? "golden" : "older", Description: "", Version });
}

function parameterized(stage: Stage) {
  return pickJob(stage, ({ ParameterizedJob, Dispatched, Stop }) => ParameterizedJob !== null && !Dispatched && !Stop);
}

const DISPATCH = { Payload: "", Meta: { who: "me" }, IdPrefixTemplate: "", Priority: 0 };

export async function dispatch(stage: Stage): Promise<void> {
  const job = parameterized(stage);
  if (job === undefined) return;
  const IdempotencyToken = chance(stage, 3) ? "once" : "";
  await stage.world.server.dispatchJob(job.Namespace, job.ID, { ...DISPATCH, IdempotencyToken });
}

/** All at the same moment, some of them one and the same. */
export async function flood(stage: Stage): Promise<void> {
  const job = parameterized(stage);
  if (job === undefined) return;
  const { server, random } = stage.world;
  const tokens = Array.from({ length: 10 + random.integer(20) }, () => (chance(stage, 4) ? `flood-${random.integer(3)}` : ""));
  const asked = tokens.map((IdempotencyToken) => server.dispatchJob(job.Namespace, job.ID, { ...DISPATCH, IdempotencyToken }));
  const refused = (await Promise.allSettled(asked)).find((each) => each.status === "rejected");
  if (refused !== undefined) throw refused.reason;
}

export async function force(stage: Stage): Promise<void> {
  const job = pickJob(stage, ({ Periodic, ParentID, Stop }) => Periodic !== null && ParentID === "" && !Stop);
  if (job !== undefined) await stage.world.server.forcePeriodic(job.Namespace, job.ID);
}

function pickDeployment(stage: Stage): Deployment | undefined {
  return pick(stage, [...stage.world.cluster.state.snapshot().deployments()].filter(deploymentActive));
}

export async function promote(stage: Stage): Promise<void> {
  const deployment = pickDeployment(stage);
  if (deployment !== undefined) await stage.world.server.promoteDeployment(deployment.ID, null);
}

export async function meddle(stage: Stage): Promise<void> {
  const deployment = pickDeployment(stage);
  if (deployment === undefined) return;
  const { server } = stage.world;
  if (chance(stage, 4)) await server.failDeployment(deployment.ID);
  else await server.pauseDeployment(deployment.ID, deployment.Status === "running");
}

export function endTask(stage: Stage): void {
  const node = pick(stage, stage.world.nodes);
  if (node === undefined) return;
  const held = pick(
    stage,
    [...node.allocations].filter(([, { status }]) => status === "running"),
  );
  if (held === undefined) return;
  // A service's task that ends well is restarted where it is: only batch allocations complete.
  const completes = held[1].allocation.Job.Type.endsWith("batch") && chance(stage, 2);
  node.finish(held[0], completes ? "complete" : "failed");
}

export async function stopAllocation(stage: Stage): Promise<void> {
  const allocation = pick(stage, stage.world.cluster.state.snapshot().allocations());
  if (allocation !== undefined) await stage.world.server.stopAllocation(allocation.ID, { NoShutdownDelay: chance(stage, 3) });
}
