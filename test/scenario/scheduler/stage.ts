/**
 * What a transcript of the scheduler can do. Words are `name` or `name=value`; jobs are JSON in the model's names, with shorthands
 * (cpu, memory, disk, cores of a group; constraints as text; ports as { "http": 80 }).
 *
 *   node NAME [cpu= memory= disk= cores= dc= pool= class= status= eligible= drain=yes|no drivers= ports=first-end reserved= attr.K=V
 *             meta.K=V device.VENDOR/TYPE/NAME=id,id deviceattr.K=V]      an id that ends in ! is of an unwell device
 *   node NAME gone
 *   pool NAME { … }                 its SchedulerConfiguration
 *   job { … }                       registers the next version             job stop
 *   evaluate [ID] [max=N] [blocked[=NODE]] [dry] plans and commits until nothing is left; prints every change. ID: not the last job
 *   client NAME[@NODE] STATUS       the node's word on the allocation wanted under that name (group[i] of app, or job.group[i])
 *   health NAME[@NODE] true|false   its verdict on an allocation of a deployment
 *   ask NAME[@NODE] Migrate|ForceReschedule
 *   promote, pause, resume          the deployment of the last job
 *   time SECONDS                    is now
 *   allocations                     one line each
 *   scores                          of the first placement of the last pass
 *   resources                       of every task of the first placement of the last pass
 *   configure {"SchedulerAlgorithm": …}
 */
import assert from "node:assert/strict";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import type {
  Allocation,
  AllocMetric,
  Constraint,
  DesiredUpdates,
  Deployment,
  DeviceAttribute,
  Evaluation,
  Job,
  Node,
  NodeDevice,
  NodePool,
  Plan,
  PlannedAllocation,
  Task,
  TaskGroup,
} from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { aGroup, aJob, anEvaluation, aNetwork, aNode, idsFrom } from "../../unit/scheduler/nouns.ts";
import { World } from "../../unit/scheduler/world.ts";

export function stage(): (line: string) => string {
  const world = new World();
  const newId = idsFrom("a");
  let evaluations = 0;
  let last: Plan | null = null;
  let job: Job | undefined;

  const named = (name: string): Allocation => {
    const [which = "", node] = name.split("@");
    const whole = which.includes(".") ? which : `app.${which}`;
    const isIt = (each: Allocation) => each.Name === whole && (node === undefined || each.NodeID === `node-${node}`);
    const found = [...world.allocations.values()].filter(isIt).at(-1);
    assert(found !== undefined, `no allocation ${whole}`);
    return found;
  };
  const deployment = (fields: Partial<Deployment>): string => {
    const found = [...world.deployments.values()].filter((each) => each.JobID === job?.ID).at(-1);
    assert(found !== undefined, "no deployment");
    world.deployments.set(found.ID, { ...found, ...fields });
    return "";
  };

  const verbs: Readonly<Record<string, (words: readonly string[], text: string) => string>> = {
    node: ([name, ...words]) => {
      assert(name !== undefined, "a node has a name");
      world.index++;
      if (words[0] === "gone") world.nodes.delete(`node-${name}`);
      else world.nodes.set(`node-${name}`, nodeFrom(name, words, world.nodes.get(`node-${name}`)));
      return "";
    },
    pool: ([name = ""], text) => {
      const SchedulerConfiguration = JSON.parse(text.slice(name.length)) as NodePool["SchedulerConfiguration"];
      world.pools.set(name, { Name: name, Description: "", Meta: {}, SchedulerConfiguration, CreateIndex: 1, ModifyIndex: 1 });
      return "";
    },
    job: ([first], text) => {
      job = world.addJob(first === "stop" ? { ...(job as Job), Stop: true } : jobFrom(JSON.parse(text) as Record<string, unknown>));
      return `version ${job.Version}`;
    },
    evaluate: (words) => {
      const named = words.find((word) => world.jobs.has(word));
      job = named === undefined ? job : world.jobs.get(named);
      assert(job !== undefined, "a job was registered");
      const waits = words.find((word) => word.startsWith("blocked"));
      const most = Number(words.find((word) => word.startsWith("max="))?.slice(4) ?? "500");
      const NodeID = (waits?.includes("=") === true ? `node-${waits.slice("blocked=".length)}` : "") as Evaluation["NodeID"];
      const blocked: Partial<Evaluation> = waits === undefined ? {} : { Status: "blocked", TriggeredBy: "queued-allocs", NodeID };
      const evaluation = anEvaluation(job, {
        ID: `evaluation-${evaluations++}` as Evaluation["ID"],
        AnnotatePlan: words.includes("dry"),
        ...blocked,
      });
      const lines: string[] = [];
      for (;;) {
        const snapshot = world.snapshot();
        const result = schedule(snapshot, evaluation, { placementsMax: most, newId, nowNs: world.nowNs });
        if (result.Plan !== null) {
          last = result.Plan;
          assert.deepEqual(verifyPlan(snapshot, result.Plan).Rejected, {}, "the plan check agrees with the scheduler");
          lines.push(...planLines(result.Plan, world));
          if (!words.includes("dry")) world.commit(result.Plan);
        }
        if (result.More) {
          lines.push("…more");
          continue;
        }
        lines.push(...evaluationLines(result.Evaluation), ...result.Created.map(createdLine));
        for (const created of words.includes("dry") ? [] : result.Created) world.evaluations.set(created.ID, created);
        return lines.join("\n");
      }
    },
    client: ([name, status]) => {
      const states =
        status === "complete" || status === "failed"
          ? {
              main: {
                State: "dead" as const,
                Failed: status === "failed",
                Restarts: 0,
                LastRestart: null,
                StartedAt: null,
                FinishedAt: null,
                Events: [],
              },
            }
          : {};
      world.change(named(name as string).ID, { ClientStatus: status as Allocation["ClientStatus"], TaskStates: states });
      return "";
    },
    ask: ([name, transition]) => {
      world.change(named(name as string).ID, { DesiredTransition: { [transition as string]: true } });
      return "";
    },
    health: ([name, healthy]) => {
      const found = named(name as string);
      const before = found.DeploymentStatus ?? { Canary: false, Timestamp: "", ModifyIndex: 0, Healthy: null };
      world.change(found.ID, { DeploymentStatus: { ...before, Healthy: healthy === "true" } });
      return "";
    },
    promote: () => {
      for (const each of world.allocations.values()) {
        if (each.DeploymentStatus?.Canary === true)
          world.change(each.ID, { DeploymentStatus: { ...each.DeploymentStatus, Canary: false } });
      }
      const active = [...world.deployments.values()].at(-1) as Deployment;
      const groups = Object.entries(active.TaskGroups).map(([name, group]) => [name, { ...group, Promoted: true }] as const);
      return deployment({ TaskGroups: Object.fromEntries(groups) });
    },
    pause: () => deployment({ Status: "paused" }),
    resume: () => deployment({ Status: "running" }),
    time: ([seconds]) => {
      world.nowNs = Number(seconds) * 1e9;
      return "";
    },
    resources: () => resourceLines(last?.Placements[0]),
    allocations: () => [...world.allocations.values()].map(allocationLine).join("\n"),
    scores: () =>
      (last?.Placements[0]?.Metrics?.ScoreMetaData ?? [])
        .map((score) => {
          const parts = Object.entries(score.Scores).map(([name, value]) => `${name} ${round(value)}`);
          return `${short(score.NodeID)} ${round(score.NormScore)} = mean of ${parts.join(", ")}`;
        })
        .join("\n"),
    configure: (_, text) => {
      world.configuration = { ...DEFAULT_SCHEDULER_CONFIGURATION, ...(JSON.parse(text) as object) };
      return "";
    },
  };

  return (line) => {
    const [verb = "", ...words] = line.split(/\s+/);
    const act = verbs[verb];
    assert(act !== undefined, `unknown verb "${verb}"`);
    return act(words, line.slice(verb.length).trim());
  };
}

export function nodeFrom(name: string, words: readonly string[], old: Node | undefined): Node {
  const values = Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
  const numbers = ["cpu", "memory", "disk", "cores"].filter((key) => values[key] !== undefined).map((key) => [key, Number(values[key])]);
  const under = (prefix: string) =>
    Object.fromEntries(
      Object.entries(values)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length), value]),
    );
  const given = (key: string, field: string) => (values[key] === undefined ? {} : { [field]: values[key] });
  const base =
    old ??
    aNode(name, {
      ...Object.fromEntries(numbers),
      ...given("reserved", "reservedPorts"),
      ...(values["drivers"] === undefined ? {} : { drivers: values["drivers"].split(",").filter(Boolean) }),
      ...(values["ports"] === undefined ? {} : { dynamicPorts: values["ports"].split("-").map(Number) as [number, number] }),
    });
  return {
    ...base,
    ...given("dc", "Datacenter"),
    ...given("pool", "NodePool"),
    ...given("class", "NodeClass"),
    ...given("status", "Status"),
    ...given("eligible", "SchedulingEligibility"),
    ...(values["drain"] === undefined ? {} : { DrainStrategy: values["drain"] === "yes" ? DRAIN : null }),
    NodeResources:
      old === undefined ? { ...base.NodeResources, Devices: devicesFrom(under("device."), under("deviceattr.")) } : base.NodeResources,
    Attributes: { ...base.Attributes, ...under("attr.") },
    Meta: { ...base.Meta, ...under("meta.") },
    ...(old === undefined ? { ComputedClass: `class-${values["dc"] ?? "dc1"}-${JSON.stringify([under("attr."), under("meta.")])}` } : {}),
  };
}

export const DRAIN = { Deadline: 0, IgnoreSystemJobs: false, ForceDeadline: "0001-01-01T00:00:00Z", StartedAt: "0001-01-01T00:00:00Z" };

function devicesFrom(groups: Readonly<Record<string, string>>, attributes: Readonly<Record<string, string>>): readonly NodeDevice[] {
  const Attributes = Object.fromEntries(Object.entries(attributes).map(([key, text]) => [key, deviceAttribute(text)]));
  return Object.entries(groups).map(([path, ids]) => {
    const [Vendor = "", Type = "", Name = ""] = path.split("/");
    const Instances = ids
      .split(",")
      .map((id) => ({ ID: id.replace("!", ""), Healthy: !id.endsWith("!"), HealthDescription: "", Locality: null }));
    return { Vendor, Type, Name, Instances, Attributes };
  });
}

/** "8GiB" → 8 of unit GiB */
function deviceAttribute(text: string): DeviceAttribute {
  const match = /^(\d+)(\D*)$/.exec(text);
  return match === null ? { String: text } : { Int: Number(match[1]), Unit: match[2] as string };
}

export function jobFrom(written: Record<string, unknown>): Job {
  const groups = (written["TaskGroups"] as Record<string, unknown>[] | undefined) ?? [(written["group"] as Record<string, unknown>) ?? {}];
  const { group: _, ...fields } = written;
  return aJob({ ...(placed(fields) as object), TaskGroups: groups.map(groupFrom) });
}

function groupFrom({ ports, env, sticky, devices, memoryMax, secrets, ...fields }: Record<string, unknown>): TaskGroup {
  const group = aGroup({
    ...placed(fields),
    ...(ports === undefined ? {} : { Networks: [aNetwork(ports as Record<string, number>)] }),
  });
  return {
    ...group,
    Tasks: group.Tasks.map((task): Task => {
      const Devices = ((devices as Record<string, unknown>[] | undefined) ?? []).map((device) => ({
        Name: "",
        Count: 1,
        Constraints: [],
        Affinities: [],
        ...placed(device),
      }));
      const asked = { Devices, MemoryMaxMB: (memoryMax as number | undefined) ?? 0, SecretsMB: (secrets as number | undefined) ?? 0 };
      const Resources = task.Resources === null ? null : { ...task.Resources, ...asked };
      return { ...task, Resources, ...(env === undefined ? {} : { Env: env as Record<string, string> }) };
    }),
    EphemeralDisk: group.EphemeralDisk === null ? null : { ...group.EphemeralDisk, Sticky: sticky === true },
  };
}

/** Constraints and affinities written as "L op R", affinities with their weight first. */
function placed(fields: Record<string, unknown>): Record<string, unknown> {
  const constraint = (text: string): Constraint => {
    const [LTarget = "", Operand = "", ...rest] = text.split(" ");
    return { LTarget: LTarget === "-" ? "" : LTarget, Operand, RTarget: rest.join(" ") };
  };
  const made: Record<string, unknown> = { ...fields };
  if (fields["Constraints"] !== undefined) made["Constraints"] = (fields["Constraints"] as string[]).map(constraint);
  if (fields["Affinities"] !== undefined) {
    made["Affinities"] = (fields["Affinities"] as string[]).map((text) => {
      const [weight = "", ...rest] = text.split(" ");
      return { ...constraint(rest.join(" ")), Weight: Number(weight) };
    });
  }
  return made;
}

function planLines(plan: Plan, world: World): string[] {
  const about = (id: string) => world.allocations.get(id)?.Name ?? id;
  return [
    ...plan.Stops.map((stop) =>
      stop.DesiredStatus === "evict"
        ? `evict  ${about(stop.ID)} on ${short(stop.NodeID)}: ${stop.DesiredDescription}`
        : `stop   ${about(stop.ID)} on ${short(stop.NodeID)}: ${stop.DesiredDescription}${stop.ClientStatus === "" ? "" : ` [${stop.ClientStatus}]`}`,
    ),
    ...plan.Notes.map((note) => `note   ${about(note.ID)} on ${short(note.NodeID)}: ${note.ClientStatus} "${note.ClientDescription}"`),
    ...plan.DeploymentUpdates.map((update) => `deployment ${update.Status}: ${update.StatusDescription}`),
    ...(plan.Deployment === null ? [] : [deploymentLine(plan.Deployment)]),
    ...plan.InPlaceUpdates.map((update) => `update ${update.Name} on ${short(update.NodeID)} to version ${update.JobVersion}`),
    ...plan.Placements.map((placement) => {
      const ports = placement.AllocatedResources.Shared.Ports.map((port) => ` ${port.Label}=${port.Value}`).join("");
      const cores = Object.values(placement.AllocatedResources.Tasks).flatMap((task) => task.Cpu.ReservedCores);
      const after = placement.PreviousAllocation === "" ? "" : ` after ${placement.PreviousAllocation}`;
      const pinned = cores.length === 0 ? "" : ` cores=${cores.join(",")}`;
      const canary = placement.DeploymentStatus?.Canary === true ? " as canary" : "";
      return `place  ${placement.Name} on ${placement.NodeName}${ports}${pinned}${devicesText(placement)}${canary}${after}`;
    }),
    ...Object.entries(plan.Annotations?.DesiredTGUpdates ?? {}).map(([group, updates]) => `counts ${group}: ${countsText(updates)}`),
  ];
}

export function devicesText(placement: PlannedAllocation): string {
  const given = Object.values(placement.AllocatedResources.Tasks).flatMap((task) => task.Devices);
  return given.map((each) => ` ${each.Vendor}/${each.Type}/${each.Name}=${each.DeviceIDs.join(",")}`).join("");
}

function deploymentLine(deployment: Deployment): string {
  const groups = Object.entries(deployment.TaskGroups).map(
    ([name, group]) => `${name} ${group.DesiredTotal}${group.DesiredCanaries > 0 ? ` with ${group.DesiredCanaries} canaries` : ""}`,
  );
  return `deployment ${deployment.Status} of version ${deployment.JobVersion}: ${groups.join(", ")}`;
}

function resourceLines(placement: PlannedAllocation | undefined): string {
  return Object.entries(placement?.AllocatedResources.Tasks ?? {})
    .map(([task, { Cpu, Memory }]) => `${task}: ${Cpu.CpuShares} MHz, ${Memory.MemoryMB} MB, at most ${Memory.MemoryMaxMB} MB`)
    .join("\n");
}

export function countsText(updates: DesiredUpdates): string {
  return (
    Object.entries(updates)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "nothing"
  );
}

export function evaluationLines(evaluation: Evaluation): string[] {
  const queued = Object.entries(evaluation.QueuedAllocations)
    .filter(([, count]) => count > 0)
    .map(([group, count]) => ` queued ${group}=${count}`);
  // Every evaluation keeps them, and the plan's own line above tells them already: here they are told where a dry run asks.
  const kept = evaluation.AnnotatePlan ? evaluation.PlanAnnotations?.DesiredTGUpdates : undefined;
  const annotated = Object.entries(kept ?? {}).map(([group, updates]) => `annotated ${group}: ${countsText(updates)}`);
  return [
    `${evaluation.Status}${evaluation.StatusDescription === "" ? "" : ` "${evaluation.StatusDescription}"`}${queued.join("")}`,
    ...annotated,
    ...Object.entries(evaluation.FailedTGAllocs).flatMap(([group, metric]) => metricLines(group, metric)),
    ...(evaluation.Status === "blocked" ? [`  ${classesText(evaluation)}`] : []),
  ];
}

function metricLines(group: string, metric: AllocMetric): string[] {
  const counts = (title: string, map: Readonly<Record<string, number>>) =>
    Object.entries(map)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([text, count]) => `  ${title} ${count}: ${text}`);
  return [
    `failed ${group}: ${metric.NodesEvaluated} evaluated of ${metric.NodesInPool} in pool ${metric.NodePool}, ` +
      `${metric.NodesFiltered} filtered, ${metric.NodesExhausted} exhausted, ${metric.CoalescedFailures} more like it`,
    ...counts("available", metric.NodesAvailable),
    ...counts("constraint", metric.ConstraintFiltered),
    ...counts("class", metric.ClassFiltered),
    ...counts("dimension", metric.DimensionExhausted),
    ...(metric.NearestFit === null || metric.NearestFit === undefined
      ? []
      : [
          `  nearest ${metric.NearestFit.NodeName}: ${metric.NearestFit.Dimension}, wanted ${metric.NearestFit.Wanted}, free ${metric.NearestFit.Free}${heldText(metric.NearestFit)}`,
        ]),
  ];
}

function heldText({ HeldBy }: NonNullable<AllocMetric["NearestFit"]>): string {
  if (HeldBy === undefined) return "";
  return HeldBy === null ? ", the node keeps it" : `, held by ${HeldBy.JobID}.${HeldBy.TaskGroup} (${HeldBy.AllocationID})`;
}

function createdLine(evaluation: Evaluation): string {
  if (evaluation.NodeID !== "") return `created ${evaluation.Status} ${evaluation.TriggeredBy} for node ${short(evaluation.NodeID)}`;
  if (evaluation.WaitUntil !== null) return `created ${evaluation.Status} ${evaluation.TriggeredBy} at ${evaluation.WaitUntil}`;
  return `created ${evaluation.Status} ${evaluation.TriggeredBy} after ${evaluation.PreviousEval}: ${classesText(evaluation)}`;
}

export function classesText(evaluation: Evaluation): string {
  if (evaluation.EscapedComputedClass) return "any node may unblock it";
  const classes = Object.entries(evaluation.ClassEligibility);
  return `classes ${
    classes
      .map(([name, eligible]) => `${name} ${eligible ? "may" : "never"}`)
      .sort()
      .join(", ") || "none known"
  }`;
}

function allocationLine(allocation: Allocation): string {
  return `${allocation.ID} ${allocation.Name} v${allocation.JobVersion} on ${short(allocation.NodeID)}: ${allocation.DesiredStatus}, ${allocation.ClientStatus}`;
}

export function short(nodeId: string): string {
  return nodeId.replace(/^node-/, "");
}
export function round(value: number): string {
  return (Math.round(value * 1000) / 1000).toFixed(3);
}
