/**
 * What a transcript of a job's life can do, on the real state. Nodes and jobs are written as for the scheduler (../scheduler/stage.ts);
 * groups have more shorthands: "update", "reschedule", "disconnect" with the model's names, durations as text.
 *
 *   node NAME […]                    node NAME gone
 *   job { … }                        registers the next version             job stop              job purge
 *   evaluate [max=N] [blocked] [dry] plans and commits until nothing is left; prints every change
 *   wait 30s                         time passes: follow-ups that are due are evaluated, in order
 *   client NAME STATUS               the node's word on the allocation of that name (`web[0]@1`: of version 1): the newest one wanted,
 *                                    else the newest; `web[0]#0`: the first ever
 *   well NAME…     ill NAME…         running, and declared healthy, unhealthy
 *   ask NAME Migrate|…               a wish for what becomes of it
 *   promote [GROUP…]  pause  resume  fail           of the deployment
 *   deployments                      one line each, newest first            allocations           one line each
 *   deadlines                        until when each group of the deployment has to get on
 *   scores                           of the first placement of the last pass
 */
import assert from "node:assert/strict";
import { createVirtualClock } from "#integrations/memory";
import { deploymentActive, DEPLOYMENT_DESCRIPTIONS } from "#model";
import type { Allocation, Deployment, Evaluation, Job, JobId, Namespace, Node, Plan, PlannedAllocation, TaskState } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { type Command, commandVersion, createState, type Snapshot } from "#state";
import { formatDuration, parseDuration } from "#std";
import { anEvaluation, idsFrom } from "../../unit/scheduler/nouns.ts";
import { classesText, countsText, evaluationLines, jobFrom, nodeFrom, round, short } from "../scheduler/stage.ts";

/** A day after the epoch: times of day zero mean "never". */
const START_NS = 86_400e9;

export function stage(): (line: string) => string {
  const book = createState({ clock: createVirtualClock(), freeze: true });
  const newId = idsFrom("a");
  let nowNs = START_NS;
  let evaluations = 0;
  let last: Plan | null = null;

  const commit = (command: Command): void => {
    const index = book.index + 1;
    const version = commandVersion(command.type) as number;
    const outcome = book.apply(index, { version, time: nowNs, requestId: `request-${index}`, command });
    assert(outcome.ok, outcome.ok ? "" : `${command.type}: ${outcome.reason}`);
  };
  const jobNow = (): Job => [...book.snapshot().jobs("*")][0] ?? assert.fail("a job was registered");
  const named = (word: string): Allocation => {
    const [name, version] = word.split(/[@#]/);
    if (word.includes("#")) {
      const each = placed(book.snapshot()).filter((allocation) => allocation.Name === `app.${name}`);
      return each[Number(version)] ?? assert.fail(`no allocation app.${word}`);
    }
    const found = placed(book.snapshot()).filter(
      (each) => each.Name === `app.${name}` && (version === undefined || each.JobVersion === Number(version)),
    );
    return found.findLast((each) => each.DesiredStatus === "run") ?? found.at(-1) ?? assert.fail(`no allocation app.${word}`);
  };
  const active = (): Deployment => book.snapshot().activeDeployment("default", "app") ?? assert.fail("no deployment goes on");

  const evaluate = (evaluation: Evaluation, words: readonly string[]): string => {
    const placementsMax = Number(words.find((word) => word.startsWith("max="))?.slice(4) ?? "500");
    const lines: string[] = [];
    for (;;) {
      const snapshot = book.snapshot();
      const result = schedule(snapshot, evaluation, { placementsMax, newId, nowNs });
      const dry = words.includes("dry");
      const records = result.More ? result.Created : [result.Evaluation, ...result.Created];
      if (result.Plan !== null) {
        last = result.Plan;
        assert.deepEqual(verifyPlan(snapshot, result.Plan).Rejected, {}, "the plan check agrees with the scheduler");
        lines.push(...planLines(result.Plan, snapshot, nowNs, result.Created));
        if (!dry) commit({ type: "plan-apply", Plan: result.Plan, Evaluations: records });
      } else if (!dry) commit({ type: "evaluations-upsert", Evaluations: records });
      if (result.More) {
        lines.push("…more");
        continue;
      }
      lines.push(...evaluationLines(result.Evaluation), ...result.Created.map((created) => createdLine(created, nowNs)));
      return lines.join("\n");
    }
  };

  const report = (allocation: Allocation, status: string, healthy: boolean | null): void =>
    commit({
      type: "allocations-client-update",
      Updates: [
        {
          ID: allocation.ID,
          NodeID: allocation.NodeID,
          ClientStatus: status as Allocation["ClientStatus"],
          ClientDescription: "",
          TaskStates: { main: taskState(allocation, status, nowNs) },
          DeploymentStatus: healthy === null ? null : { Healthy: healthy, Timestamp: timeOf(nowNs) },
        },
      ],
      Evaluations: [],
    });
  const judge = (healthy: boolean) => (words: readonly string[]) => {
    for (const word of words) report(named(word), "running", healthy);
    return "";
  };
  const setStatus = (Status: Deployment["Status"], StatusDescription: string) => () => {
    commit({
      type: "deployment-status",
      Update: { DeploymentID: active().ID, Status, StatusDescription },
      Rollback: null,
      Evaluations: [],
    });
    return "";
  };

  const verbs: Readonly<Record<string, (words: readonly string[], text: string) => string>> = {
    node: ([name = "", ...words]) => {
      const old = book.snapshot().node(`node-${name}`);
      if (words[0] === "gone") commit({ type: "node-purge", NodeIDs: [old?.ID ?? assert.fail(name)], Evaluations: [] });
      else putNode(commit, nodeFrom(name, words, old), old);
      return "";
    },
    job: ([first], text) => {
      const who = { Namespace: "default" as Namespace, JobID: "app" as JobId };
      if (first === "stop" || first === "purge") {
        commit({ type: "job-deregister", ...who, Purge: first === "purge", NoShutdownDelay: false, Evaluation: null });
        return first === "purge" ? "purged" : `version ${jobNow().Version}`;
      }
      const Job = jobFrom(withPolicies(JSON.parse(text) as Written));
      commit({ type: "job-register", Job, Submission: null, Evaluation: null, EnforceIndex: null, PreserveCounts: false });
      return `version ${jobNow().Version}`;
    },
    evaluate: (words) => {
      const job = [...book.snapshot().jobs("*")][0];
      const blocked: Partial<Evaluation> = words.includes("blocked") ? { Status: "blocked", TriggeredBy: "queued-allocs" } : {};
      const evaluation = anEvaluation(job ?? { ID: "app" as JobId, Namespace: "default" as Namespace, Type: "service", Priority: 50 }, {
        ID: `evaluation-${evaluations++}` as Evaluation["ID"],
        AnnotatePlan: words.includes("dry"),
        ...blocked,
      });
      return evaluate(evaluation, words);
    },
    wait: ([text = ""]) => {
      const untilNs = nowNs + (parseDuration(text) ?? assert.fail(`no duration: ${text}`));
      const lines: string[] = [];
      for (;;) {
        const next = waiting(book.snapshot())[0];
        if (next === undefined || dueNs(next) > untilNs) break;
        nowNs = Math.max(nowNs, dueNs(next));
        lines.push(`after ${formatDuration(nowNs - START_NS)}: ${next.ID} (${next.TriggeredBy})`, evaluate(next, []));
      }
      nowNs = untilNs;
      return lines.join("\n");
    },
    client: ([name = "", status = ""]) => {
      report(named(name), status, null);
      return "";
    },
    well: judge(true),
    ill: judge(false),
    ask: ([name = "", ...transitions]) => {
      const wishes = Object.fromEntries(transitions.map((transition) => [transition, true]));
      commit({ type: "allocations-desired-transition", Transitions: { [named(name).ID]: wishes }, Evaluations: [] });
      return "";
    },
    promote: (groups) => {
      const Groups = groups.length === 0 ? null : groups;
      commit({ type: "deployment-promote", DeploymentID: active().ID, Groups, Evaluations: [] });
      return "";
    },
    pause: setStatus("paused", DEPLOYMENT_DESCRIPTIONS.paused),
    resume: setStatus("running", DEPLOYMENT_DESCRIPTIONS.running),
    fail: setStatus("failed", DEPLOYMENT_DESCRIPTIONS.failedByUser),
    deployments: () => book.snapshot().deploymentsByJob("default", "app").map(deploymentLine).join("\n"),
    deadlines: () =>
      Object.entries(active().TaskGroups)
        .map(([name, { RequireProgressBy: by }]) => `${name} by ${by === null ? "no time" : formatDuration(Date.parse(by) * 1e6 - nowNs)}`)
        .join(", "),
    allocations: () => placed(book.snapshot()).map(allocationLine).join("\n"),
    scores: () =>
      (last?.Placements[0]?.Metrics?.ScoreMetaData ?? [])
        .map((score) => {
          const parts = Object.entries(score.Scores).map(([name, value]) => `${name} ${round(value)}`);
          return `${short(score.NodeID)} ${round(score.NormScore)} = mean of ${parts.join(", ")}`;
        })
        .join("\n"),
  };

  return (line) => {
    const [verb = "", ...words] = line.split(/\s+/);
    const act = verbs[verb];
    assert(act !== undefined, `unknown verb "${verb}"`);
    return act(words, line.slice(verb.length).trim());
  };
}

/** In the order they were placed. */
function placed(snapshot: Snapshot): Allocation[] {
  return [...snapshot.allocations()].sort((a, b) => (a.ID < b.ID ? -1 : 1));
}

function putNode(commit: (command: Command) => void, node: Node, old: Node | undefined): void {
  commit({ type: "node-register", Node: node, Evaluations: [] });
  if (old !== undefined && old.Status !== node.Status) {
    commit({ type: "node-status", NodeIDs: [node.ID], Status: node.Status, Event: null, Evaluations: [] });
  }
  if (old !== undefined && old.SchedulingEligibility !== node.SchedulingEligibility) {
    const { SchedulingEligibility: Eligibility } = node;
    commit({ type: "node-eligibility", NodeID: node.ID, Eligibility, Event: null, Evaluations: [] });
  }
}

type Written = Record<string, unknown>;

const UPDATE = { Stagger: "30s", MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: "10s", HealthyDeadline: "5m" };
const POLICIES = {
  update: ["Update", { ...UPDATE, ProgressDeadline: "10m", Canary: 0, AutoRevert: false, AutoPromote: false }],
  reschedule: [
    "ReschedulePolicy",
    { Attempts: 0, Interval: "0s", Delay: "30s", DelayFunction: "constant", MaxDelay: "1h", Unlimited: true },
  ],
  disconnect: ["Disconnect", { LostAfter: null, StopOnClientAfter: null, Replace: null, Reconcile: "best_score" }],
} as const;

/** The shorthands spelled out. */
function withPolicies(job: Written): Written {
  const spelled = (group: Written): Written => {
    const { ...fields } = group;
    for (const [key, [field, defaults]] of Object.entries(POLICIES)) {
      if (fields[key] === undefined) continue;
      fields[field] = inNanoseconds({ ...defaults, ...(fields[key] as Written) });
      delete fields[key];
    }
    return inNanoseconds(fields, ["MaxClientDisconnect", "StopAfterClientDisconnect"]);
  };
  const groups = (job["TaskGroups"] as Written[] | undefined) ?? [(job["group"] as Written | undefined) ?? {}];
  const { group: _, ...rest } = job;
  return { ...rest, TaskGroups: groups.map(spelled) };
}

function inNanoseconds(fields: Written, only?: readonly string[]): Written {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      const ns = typeof value === "string" && (only === undefined || only.includes(key)) ? parseDuration(value) : undefined;
      return [key, ns ?? value];
    }),
  );
}

function taskState(allocation: Allocation, status: string, nowNs: number): TaskState {
  const before = allocation.TaskStates["main"];
  const over = status === "complete" || status === "failed";
  const started = before?.StartedAt ?? (status === "running" ? timeOf(nowNs) : null);
  return {
    State: over ? "dead" : status === "running" ? "running" : "pending",
    Failed: status === "failed",
    Restarts: 0,
    LastRestart: null,
    StartedAt: started,
    FinishedAt: over ? timeOf(nowNs) : null,
    Events: [],
  };
}

function planLines(plan: Plan, snapshot: Snapshot, nowNs: number, created: readonly Evaluation[]): string[] {
  const about = (id: string) => snapshot.allocation(id)?.Name ?? id;
  const again = (id: string) => {
    const evaluation = created.find((each) => each.ID === id);
    return evaluation === undefined ? "" : `, again in ${formatDuration(dueNs(evaluation) - nowNs)}`;
  };
  return [
    ...plan.DeploymentUpdates.map((update) => {
      const version = snapshot.deployment(update.DeploymentID)?.JobVersion;
      return `deployment of version ${version} ${update.Status}: ${update.StatusDescription}`;
    }),
    ...(plan.Deployment === null ? [] : [`deploy ${wantedText(plan.Deployment)}: ${plan.Deployment.StatusDescription}`]),
    ...plan.Stops.map((stop) => {
      const lost = stop.ClientStatus === "" ? "" : ` [${stop.ClientStatus}]`;
      return `stop   ${about(stop.ID)} on ${short(stop.NodeID)}: ${stop.DesiredDescription}${lost}${again(stop.FollowupEvalID)}`;
    }),
    ...plan.Notes.map((note) => {
      const unknown = note.ClientStatus === "" ? "" : `: ${note.ClientDescription} [${note.ClientStatus}]`;
      return `note   ${about(note.ID)} on ${short(note.NodeID)}${unknown}${again(note.FollowupEvalID)}`;
    }),
    ...plan.InPlaceUpdates.map((update) => `update ${update.Name} on ${short(update.NodeID)} to version ${update.JobVersion}`),
    ...plan.Placements.map((placement) => placementLine(placement, plan)),
    ...Object.entries(plan.Annotations?.DesiredTGUpdates ?? {}).map(([group, updates]) => `counts ${group}: ${countsText(updates)}`),
  ];
}

function placementLine(placement: PlannedAllocation, plan: Plan): string {
  const ports = placement.AllocatedResources.Shared.Ports.map((port) => ` ${port.Label}=${port.Value}`).join("");
  const after = placement.PreviousAllocation === "" ? "" : ` after ${placement.PreviousAllocation}`;
  const older = placement.JobVersion === plan.Job?.Version ? "" : ` as of version ${placement.JobVersion}`;
  const verb = placement.DeploymentStatus?.Canary === true ? "canary" : "place ";
  const delays = placement.RescheduleTracker?.Events.map((event) => formatDuration(event.Delay)) ?? [];
  const tried = delays.length === 0 ? "" : ` (waited ${delays.join(", ")})`;
  return `${verb} ${placement.Name} on ${placement.NodeName}${ports}${after}${older}${tried}`;
}

function createdLine(evaluation: Evaluation, nowNs: number): string {
  if (evaluation.WaitUntil !== null) {
    return `created ${evaluation.TriggeredBy} in ${formatDuration(dueNs(evaluation) - nowNs)}: ${evaluation.StatusDescription}`;
  }
  return `created ${evaluation.Status} ${evaluation.TriggeredBy} after ${evaluation.PreviousEval}: ${classesText(evaluation)}`;
}

function wantedText(deployment: Deployment): string {
  const groups = Object.entries(deployment.TaskGroups).map(
    ([name, group]) => `${name} ${group.DesiredTotal}${group.DesiredCanaries === 0 ? "" : ` after ${group.DesiredCanaries} canaries`}`,
  );
  return `version ${deployment.JobVersion} (${groups.join(", ")})`;
}

function deploymentLine(deployment: Deployment): string {
  const groups = Object.entries(deployment.TaskGroups).map(([name, group]) => {
    const promoted = group.DesiredCanaries === 0 ? "" : group.Promoted ? ", promoted" : ", not promoted";
    return `${name} ${group.PlacedAllocs} placed, ${group.HealthyAllocs} well, ${group.UnhealthyAllocs} ill${promoted}`;
  });
  const status = deploymentActive(deployment) ? deployment.Status : `${deployment.Status} (${deployment.StatusDescription})`;
  return `version ${deployment.JobVersion} ${status}: ${groups.join("; ")}`;
}

function allocationLine(allocation: Allocation): string {
  const { DeploymentStatus: verdict } = allocation;
  const canary = verdict?.Canary === true ? ", canary" : "";
  const health = verdict?.Healthy === true ? ", well" : verdict?.Healthy === false ? ", ill" : "";
  return `${allocation.ID} ${allocation.Name} v${allocation.JobVersion} on ${short(allocation.NodeID)}: ${allocation.DesiredStatus}, ${allocation.ClientStatus}${canary}${health}`;
}

/** The next one first. */
function waiting(snapshot: Snapshot): Evaluation[] {
  return [...snapshot.evaluations()]
    .filter((evaluation) => evaluation.Status === "pending" && evaluation.WaitUntil !== null)
    .sort((a, b) => dueNs(a) - dueNs(b) || (a.ID < b.ID ? -1 : 1));
}

function dueNs(evaluation: Evaluation): number {
  return Date.parse(evaluation.WaitUntil ?? "") * 1e6;
}

function timeOf(nowNs: number): string {
  return new Date(nowNs / 1e6).toISOString();
}
