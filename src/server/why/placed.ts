/**
 * What is with an allocation that is placed, and does not run as it should? Pure. One cause, or none: all is well.
 *
 *   node silent or down     unknown
 *   a task crashed          failed: how, and what is tried next
 *   pending                 starting: which step, since when, what it waits for (waits.ts)
 *   running, not renewed    held: something changed and cannot be had, or it waits its turn to be restarted
 *   running, not healthy    starting (its deployment waits for it), failed (the verdict is bad)
 *   running, must move      held: its node drains
 */
import { clientTerminal, deploymentActive, type Allocation, type Evaluation, type Node, type TaskGroup, type TaskState } from "#model";
import type { Snapshot } from "#state";
import { reschedulesLeft } from "#scheduler";
import { type Cause, howLong, quoted, short, timeNs } from "./cause.ts";
import { crashOf, restartWords, type Crash } from "./crashed.ts";
import { waitBefore, waitWhileRunning } from "./waits.ts";

export interface PlacedFacts {
  readonly snapshot: Snapshot;
  readonly nowNs: number;
  /** The job's evaluation that found no room for the group. */
  readonly blocked: Evaluation | undefined;
}

export function causeOf(allocation: Allocation, facts: PlacedFacts): Cause | undefined {
  const node = facts.snapshot.node(allocation.NodeID);
  if (!clientTerminal(allocation)) {
    const silent = silence(allocation, node, facts);
    if (silent !== undefined) return silent;
  }
  const crash = crashOf(allocation);
  if (allocation.ClientStatus === "failed") return failed(allocation, crash, facts);
  if (allocation.ClientStatus === "lost") return lost(allocation, facts);
  if (clientTerminal(allocation)) return undefined;
  if (crash !== undefined) return restarted(allocation, crash, facts);
  if (allocation.ClientStatus === "pending") return starting(allocation, node, facts);
  return unwell(allocation, facts) ?? leaving(allocation, node, facts) ?? stale(allocation, facts);
}

const nodeName = (allocation: Allocation, node: Node | undefined): string =>
  quoted(node?.Name ?? (allocation.NodeName || allocation.NodeID));

function silence(allocation: Allocation, node: Node | undefined, { nowNs }: PlacedFacts): Cause | undefined {
  const unknown = allocation.ClientStatus === "unknown";
  const known = node !== undefined && node.Status !== "down" && node.Status !== "disconnected";
  if (known && !unknown) return undefined;
  const name = nodeName(allocation, node);
  const sinceNs = allocation.AllocStates.findLast((change) => change.Value === "unknown")?.Time ?? (node?.StatusUpdatedAt ?? 0) * 1e9;
  const details = { NodeName: node?.Name ?? allocation.NodeName, NodeStatus: node?.Status ?? "gone" };
  if (node === undefined) {
    return {
      stage: "unknown",
      key: "node gone",
      sinceNs: allocation.ModifyTime,
      details,
      sentence: `Its node ${name} is gone: it is replaced as soon as the job is looked at`,
    };
  }
  if (!unknown) {
    return {
      stage: "unknown",
      key: `node ${node.ID}`,
      sinceNs,
      details,
      sentence: `Its node ${name} is ${node.Status} for ${howLong(nowNs - sinceNs)}: it is replaced as soon as the job is looked at; bring the agent back to keep it`,
    };
  }
  const lostAfter = allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.Disconnect?.LostAfter ?? null;
  const left = lostAfter === null ? "" : `, taken for lost in ${howLong(Math.max(0, sinceNs + lostAfter - nowNs))}`;
  return {
    stage: "unknown",
    key: `node ${node.ID}`,
    sinceNs,
    details,
    sentence: `Its node ${name} has not been heard of for ${howLong(nowNs - sinceNs)}${left}: check the agent there and the network between`,
  };
}

function restarted(allocation: Allocation, crash: Crash, { nowNs }: PlacedFacts): Cause {
  return {
    stage: "failed",
    key: crash.key,
    task: crash.task,
    sinceNs: crash.atNs,
    details: { ...crash.details, Restarts: crash.restarts, RestartAt: crash.restartAtNs ?? null },
    sentence: `${crash.what}, ${restartWords(crash, nowNs)}${helped(crash.help)}`,
  };
}

function failed(allocation: Allocation, crash: Crash | undefined, facts: PlacedFacts): Cause {
  const next = nextFor(allocation, facts);
  const what = crash?.what ?? `It failed: ${allocation.ClientDescription || "its node does not say why"}`;
  return {
    stage: "failed",
    key: crash?.key ?? "failed",
    ...(crash === undefined ? {} : { task: crash.task }),
    sinceNs: crash?.atNs ?? allocation.ModifyTime,
    details: { ...crash?.details, Restarts: crash?.restarts ?? 0, ...next.details },
    sentence: `${what}, ${next.words}${helped(crash?.help ?? "")}`,
  };
}

const helped = (help: string): string => (help === "" ? "" : `: ${help}`);

/** What is done about an allocation that failed for good where it is. */
function nextFor(allocation: Allocation, { snapshot, nowNs, blocked }: PlacedFacts): { readonly words: string; readonly details: object } {
  const followup = allocation.FollowupEvalID === "" ? undefined : snapshot.evaluation(allocation.FollowupEvalID);
  const dueNs = followup?.Status === "pending" ? timeNs(followup.WaitUntil) : undefined;
  if (dueNs !== undefined && dueNs > nowNs) {
    return { words: `rescheduled in ${howLong(dueNs - nowNs)}`, details: { RescheduleAt: dueNs } };
  }
  const deployment = allocation.DeploymentID === "" ? undefined : snapshot.deployment(allocation.DeploymentID);
  if (deployment?.Status === "failed") {
    return { words: `and its deployment failed with it (${short(deployment.ID)})`, details: { DeploymentID: deployment.ID } };
  }
  if (!reschedulesLeft(allocation, nowNs)) {
    const policy = allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.ReschedulePolicy;
    const attempts = policy?.Attempts ?? 0;
    const why = attempts > 0 ? `its ${attempts} reschedule attempts are used up` : "its job does not reschedule";
    return {
      words: `and is not tried again (${why}; "drover job eval -force-reschedule ${allocation.JobID}" does)`,
      details: { RescheduleAttempts: attempts },
    };
  }
  if (blocked !== undefined) return { words: "rescheduled as soon as there is room", details: { BlockedEval: blocked.ID } };
  if (deployment !== undefined && deploymentActive(deployment)) {
    return { words: `rescheduled when its deployment allows (${short(deployment.ID)})`, details: { DeploymentID: deployment.ID } };
  }
  return { words: "about to be rescheduled", details: {} };
}

function lost(allocation: Allocation, { blocked, snapshot }: PlacedFacts): Cause {
  const next = blocked === undefined ? "it is replaced as soon as the job is looked at" : "it is replaced as soon as there is room";
  const name = nodeName(allocation, snapshot.node(allocation.NodeID));
  return {
    stage: "unknown",
    key: "lost",
    sinceNs: allocation.ModifyTime,
    sentence: `It was lost with its node ${name}: ${next}`,
    details: {},
  };
}

function starting(allocation: Allocation, node: Node | undefined, { snapshot, nowNs }: PlacedFacts): Cause {
  const name = nodeName(allocation, node);
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  const states = allocation.TaskStates;
  if (Object.keys(states).length === 0) {
    const sinceNs = allocation.CreateTime;
    const previous = allocation.PreviousAllocation === "" ? undefined : snapshot.allocation(allocation.PreviousAllocation);
    const waits = previous !== undefined && previous.NodeID === allocation.NodeID && !clientTerminal(previous);
    const sentence = waits
      ? `Placed on ${name}, waits for its predecessor ${short(previous.ID)} there to end, for ${howLong(nowNs - sinceNs)}: its kill_timeout bounds it`
      : `Placed on ${name}, which has not begun with it for ${howLong(nowNs - sinceNs)}: check the agent there if it stays so`;
    return { stage: "starting", key: waits ? "predecessor" : "untaken", sinceNs, sentence, details: { NodeName: node?.Name ?? "" } };
  }
  return waitingTask(group, states, allocation, nowNs);
}

/** Of the tasks that do not run yet, the one the others wait for. */
function waitingTask(
  group: TaskGroup | undefined,
  states: Readonly<Record<string, TaskState>>,
  allocation: Allocation,
  nowNs: number,
): Cause {
  const hook = (name: string) => group?.Tasks.find((task) => task.Name === name)?.Lifecycle ?? null;
  const entries = Object.entries(states);
  const prestart = entries.find(
    ([name, state]) => hook(name)?.Hook === "prestart" && hook(name)?.Sidecar !== true && state.State !== "dead",
  );
  const main = entries.find(([name, state]) => state.State === "pending" && hook(name) === null);
  const [task, state] = prestart ?? main ?? entries.find(([, each]) => each.State === "pending") ?? (entries[0] as [string, TaskState]);
  const last = state.Events.at(-1);
  const sinceNs = last?.Time ?? allocation.CreateTime;
  const forSoLong = `for ${howLong(nowNs - sinceNs)}`;
  if (prestart !== undefined && state.State === "running") {
    return {
      stage: "starting",
      key: `prestart ${task}`,
      task,
      sinceNs,
      details: { Step: "prestart" },
      sentence: `Waits for its prestart task ${quoted(task)} to end, which runs ${forSoLong}: see what it does with "drover alloc logs ${short(allocation.ID)} ${task}"`,
    };
  }
  const wait = waitBefore(task, state, nowNs);
  if (wait !== undefined) return wait;
  const step = stepWords(last?.Type, last?.DisplayMessage ?? "");
  return {
    stage: "starting",
    key: `step ${step.key}`,
    task,
    sinceNs,
    details: { Step: step.key },
    sentence: `Task ${quoted(task)} ${step.words}, ${forSoLong}`,
  };
}

function stepWords(type: string | undefined, message: string): { readonly key: string; readonly words: string } {
  if (type === undefined || type === "Received") return { key: type ?? "none", words: "is received by its node and waits to be set up" };
  if (type === "Task Setup") return { key: type, words: "is being set up (its directory)" };
  if (type === "Driver") return { key: type, words: `is prepared by its driver: ${message}` };
  if (type === "Downloading Artifacts") return { key: type, words: "is downloading its artifacts" };
  if (type === "Restart Signaled") return { key: type, words: `is being restarted: ${message}` };
  return { key: type, words: `is at ${quoted(type)}${message === "" ? "" : `: ${message}`}` };
}

/** Running, but its deployment does not count it as well. */
function unwell(allocation: Allocation, { snapshot, nowNs }: PlacedFacts): Cause | undefined {
  const deployment = allocation.DeploymentID === "" ? undefined : snapshot.deployment(allocation.DeploymentID);
  const healthy = allocation.DeploymentStatus?.Healthy ?? null;
  if (deployment === undefined || healthy === true) return undefined;
  if (healthy === false) {
    const events = Object.values(allocation.TaskStates).flatMap((state) => state.Events);
    const told = events.findLast((event) => event.Type === "Alloc Unhealthy")?.DisplayMessage;
    const why = told === undefined ? "" : `: ${told}`;
    const sinceNs = timeNs(allocation.DeploymentStatus?.Timestamp ?? null) ?? allocation.ModifyTime;
    return {
      stage: "failed",
      key: "unhealthy",
      sinceNs,
      details: { DeploymentID: deployment.ID },
      sentence: `It runs but is unhealthy for ${howLong(nowNs - sinceNs)}${why}`,
    };
  }
  if (!deploymentActive(deployment)) return undefined;
  const update = allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.Update;
  const since = Object.values(allocation.TaskStates).flatMap((state) => timeNs(state.StartedAt) ?? []);
  const sinceNs = since.length === 0 ? allocation.CreateTime : Math.max(...since);
  const manual = update?.HealthCheck === "manual";
  const wants = manual
    ? `health_check is manual: set it with "drover deployment" or the API`
    : `${checksOf(allocation)} be well for ${howLong(update?.MinHealthyTime ?? 10e9)}`;
  return {
    stage: "starting",
    key: "health",
    sinceNs,
    details: { DeploymentID: deployment.ID },
    sentence: `It runs for ${howLong(nowNs - sinceNs)} and is not counted as healthy yet: ${wants}`,
  };
}

/** Whose results only the node and Consul know. */
function checksOf(allocation: Allocation): string {
  const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const services = group === undefined ? [] : [...(group.Services ?? []), ...group.Tasks.flatMap((task) => task.Services ?? [])];
  const checked = services.filter((service) => (service.Checks ?? []).length > 0);
  if (checked.length === 0 || group?.Update?.HealthCheck === "task_states") return "it must";
  const [where] = checked.map(({ Provider }) =>
    Provider === "nomad" ? `"drover alloc checks ${short(allocation.ID)}" shows them` : "Consul shows them",
  );
  return `it and its checks (${where}) must`;
}

/** It runs, with what its templates said before. */
function stale(allocation: Allocation, { nowNs }: PlacedFacts): Cause | undefined {
  for (const [task, state] of Object.entries(allocation.TaskStates)) {
    const wait = state.State === "running" ? waitWhileRunning(task, state, nowNs) : undefined;
    if (wait !== undefined) return wait;
  }
  return undefined;
}

function leaving(allocation: Allocation, node: Node | undefined, { nowNs }: PlacedFacts): Cause | undefined {
  const drain = node?.DrainStrategy ?? null;
  if (node === undefined || drain === null || allocation.Job.Type === "system" || allocation.Job.Type === "sysbatch") return undefined;
  const endNs = timeNs(drain.ForceDeadline);
  const end = endNs === undefined ? "" : `, in ${howLong(Math.max(0, endNs - nowNs))} at the latest`;
  const how = allocation.Job.Type === "batch" ? `it may finish there${end}` : `it waits its turn to move (migrate max_parallel)${end}`;
  return {
    stage: "held",
    key: `drain ${node.ID}`,
    sinceNs: timeNs(drain.StartedAt) ?? node.StatusUpdatedAt * 1e9,
    details: { NodeName: node.Name, Draining: true },
    sentence: `Its node ${quoted(node.Name)} is draining: ${how}`,
  };
}
