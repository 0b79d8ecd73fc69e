import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationId, EvaluationId, JobId, NodeId, Reason, WhyStage } from "#model";
import { explainJob } from "../../../../src/server/why/explain-job.ts";
import {
  ago,
  allocation,
  blockedBy,
  deployment,
  evaluation,
  event,
  factsOf,
  inSeconds,
  metric,
  node,
  snapshotOf,
  task,
  webJob,
  type Stage,
} from "./staged.ts";

const n1 = node("n1");
const n2 = node("n2");
const nearest = (Dimension: string, Wanted: number, Free: number) => ({ NodeID: n1.ID as string, NodeName: "n1", Dimension, Wanted, Free });
const room = (dimension: string, Wanted: number, Free: number, more = {}) =>
  blockedBy(
    metric({
      NodesExhausted: 2,
      NodesFiltered: 1,
      DimensionExhausted: { [dimension]: 2 },
      NearestFit: nearest(dimension, Wanted, Free),
      ...more,
    }),
  );
const template = (secondsAgo: number, Message: string, Details: Readonly<Record<string, string>>) =>
  event("Template", secondsAgo, { Message, Details });
const ended = (exit: Partial<Parameters<typeof event>[2]>) => event("Terminated", 20, exit as never);
const crashed = (events: Parameters<typeof task>[1], more = {}) =>
  allocation(n1, { ClientStatus: "failed", TaskStates: { task: task("dead", events, { Failed: true }) }, ...more });
const service = webJob();
const noReschedule = webJob(
  {},
  { ReschedulePolicy: { Attempts: 1, Interval: 3600e9, Delay: 30e9, DelayFunction: "constant", Unlimited: false } },
);
const four = webJob({}, { Update: { MaxParallel: 1 } }, { count: 4 });
const old = (index: number) =>
  allocation(n1, {
    ID: `old${index}` as AllocationId,
    Name: `web.group[${index}]`,
    Job: { ...four, Version: 0 },
    JobVersion: 0,
    ClientStatus: "running",
  });
const oldFour = [0, 1, 2, 3].map(old);
const drained = node("n1", {
  DrainStrategy: { Deadline: 3600e9, IgnoreSystemJobs: false, ForceDeadline: inSeconds(1_800), StartedAt: inSeconds(-60) },
});
const lifecycle = { Hook: "prestart", Sidecar: false };
const withInit = (() => {
  const job = webJob();
  const [group] = job.TaskGroups;
  if (group === undefined) throw new Error("the job has a group");
  const [main] = group.Tasks;
  if (main === undefined) throw new Error("the group has a task");
  return { ...job, TaskGroups: [{ ...group, Tasks: [{ ...main, Name: "init", Lifecycle: lifecycle }, main] }] };
})();
const checked = webJob(
  {},
  { Services: [{ Name: "web", Provider: "nomad", PortLabel: "8080", Checks: [{ Type: "tcp", Interval: 1e9, Timeout: 1e9 }] }] },
);

const CAUSES: readonly (readonly [what: string, stage: WhyStage, sentence: string, staged: Stage])[] = [
  [
    "queued behind others",
    "queued",
    "It waits to be scheduled behind 17 evaluations: a higher priority goes first",
    { evaluations: [evaluation()], position: { place: "ready", ahead: 17, dueMs: null } },
  ],
  [
    "next in line",
    "queued",
    "It is next in line to be scheduled",
    { evaluations: [evaluation()], position: { place: "ready", ahead: 0, dueMs: null } },
  ],
  [
    "in a worker's hand",
    "queued",
    "It is being scheduled right now",
    { evaluations: [evaluation()], position: { place: "in hand", ahead: 0, dueMs: null } },
  ],
  [
    "behind its own job",
    "queued",
    "It waits for another evaluation of its job, behind 3 evaluations in all",
    { evaluations: [evaluation()], position: { place: "pending", ahead: 3, dueMs: null } },
  ],
  [
    "broker paused",
    "queued",
    `Nothing is scheduled, the evaluation broker is paused: "drover operator scheduler set-config -pause-eval-broker=false" lets it go on`,
    { evaluations: [evaluation()], paused: true },
  ],
  [
    "refused by an error",
    "queued",
    "It could not be scheduled (the servers' log says why) and is tried again in 20s",
    { evaluations: [evaluation()], position: { place: "delayed", ahead: 0, dueMs: Date.parse(inSeconds(20)) } },
  ],
  [
    "refused too often",
    "queued",
    "It could not be scheduled, three times: the servers' log says why; tried again in a few minutes",
    { evaluations: [evaluation()], position: { place: "failed", ahead: 0, dueMs: null } },
  ],
  ["nobody looks", "queued", `No evaluation is open that would place it: ask for one with "drover job eval web"`, {}],
  [
    "no node at all",
    "blocked",
    `No node is in node pool "default": start an agent that joins it, or name another node_pool`,
    { evaluations: blockedBy(metric({ NodesEvaluated: 0 })) },
  ],
  [
    "all nodes down",
    "blocked",
    "No node is ready: 2 nodes down, start the agent there or add a node",
    { nodes: [node("n1", { Status: "down" }), node("n2", { Status: "down" })], evaluations: blockedBy(metric({ NodesEvaluated: 0 })) },
  ],
  [
    "all nodes drain",
    "blocked",
    `Every node is draining (1): end a drain with "drover node drain -disable", or add a node`,
    { nodes: [drained], evaluations: blockedBy(metric({ NodesEvaluated: 0 })) },
  ],
  [
    "all nodes ineligible",
    "blocked",
    `No node is eligible (1 closed for new allocations): open one with "drover node eligibility -enable"`,
    { nodes: [node("n1", { SchedulingEligibility: "ineligible" })], evaluations: blockedBy(metric({ NodesEvaluated: 0 })) },
  ],
  [
    "wrong datacenter",
    "blocked",
    `None of 1 node is in datacenter "eu": correct datacenters, or add a node there`,
    { job: webJob({ Datacenters: ["eu"] }), nodes: [n1], evaluations: blockedBy(metric({ NodesEvaluated: 0 })) },
  ],
  [
    "some of each",
    "blocked",
    "No node may be used: of 2 nodes 1 down, 1 ineligible; bring one back, or add one",
    {
      nodes: [node("n1", { Status: "down" }), node("n2", { SchedulingEligibility: "ineligible" })],
      evaluations: blockedBy(metric({ NodesEvaluated: 0 })),
    },
  ],
  [
    "a constraint",
    "blocked",
    `Constraint "\${attr.kernel.name} = windows" excludes all 3 nodes: loosen it, or add a node that meets it`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.kernel.name} = windows": 3 } })) },
  ],
  [
    "two constraints",
    "blocked",
    `Constraint "a = b" excludes 2 of 3 nodes, "c = d" 1 more: loosen it, or add a node that meets it`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "a = b": 2, "c = d": 1 } })) },
  ],
  [
    "no Consul",
    "blocked",
    `No node has the Consul (1.8 or newer) that group "group" needs (constraint "\${attr.consul.version} semver >= 1.8.0"): start Consul beside the agent and give the agent a consul block, it is found within seconds (the agent's log says what Consul refuses); or register services with provider = "nomad"`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.consul.version} semver >= 1.8.0": 3 } })) },
  ],
  [
    "no Vault",
    "blocked",
    `No node has the Vault or OpenBao that group "group" needs (constraint "\${attr.vault.version} semver >= 0.6.1"): start it, unseal it, and give the agent a vault block with its address: it is found within seconds (the agent's log says what is wrong)`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.vault.version} semver >= 0.6.1": 3 } })) },
  ],
  [
    "no Consul on some",
    "blocked",
    `Constraint "\${attr.nomad.service_discovery} = true" excludes 2 of 3 nodes, which lack the registry of provider "nomad" that group "group" needs, "a = b" 1 more: it is on unless switched off or older: see "drover node status -verbose", or register services with provider = "consul"`,
    {
      evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.nomad.service_discovery} = true": 2, "a = b": 1 } })),
    },
  ],
  [
    "no CNI plugins",
    "blocked",
    `No node has bridge networking (the CNI plugin "bridge", 0.4.0 or newer) that group "group" needs (constraint "\${attr.plugins.cni.version.bridge} semver >= 0.4.0"): apt install containernetworking-plugins there (bridge networks need them), then see "drover check mesh"`,
    {
      evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.plugins.cni.version.bridge} semver >= 0.4.0": 3 } })),
    },
  ],
  [
    "no bridge",
    "blocked",
    `No node has the bridge network that group "group" needs: apt install containernetworking-plugins there (bridge networks need them), then see "drover check mesh"`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "missing network": 3 } })) },
  ],
  [
    "no Envoy",
    "blocked",
    `No node has the Envoy that group "group" needs (constraint "\${attr.envoy.version} is_set"): put envoy on the node's PATH (or client { envoy_path = "…" }), or name an image in sidecar_task { driver = "docker" }; "drover check mesh" says what else is missing`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "${attr.envoy.version} is_set": 3 } })) },
  ],
  [
    "no host network",
    "blocked",
    `Port "http" is wanted on host network "public", which all 3 nodes do not have: add client { host_network "public" { cidr = "…" } } there, or leave host_network out`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { 'missing host network "public" for port "http"': 3 } })) },
  ],
  [
    "a host network that is down",
    "blocked",
    `Host network "public" has no address on all 3 nodes: bring its interface up, or correct client { host_network "public" { … } } there`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { 'no addresses available for "public" network': 3 } })) },
  ],
  [
    "a missing driver",
    "blocked",
    `Driver "mock_driver" is missing or unhealthy on all 3 nodes: see "drover node status -verbose", or use another driver`,
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { "missing drivers": 3 } })) },
  ],
  [
    "distinct_hosts",
    "blocked",
    "Constraint distinct_hosts excludes all 3 nodes, which have one of it already: add nodes, or lower count",
    { evaluations: blockedBy(metric({ NodesFiltered: 3, ConstraintFiltered: { distinct_hosts: 3 } })) },
  ],
  [
    "too little memory",
    "blocked",
    `No node has 2000 MB of memory free: "n1" comes nearest with 900 MB, 1100 MB short (2 of 3 nodes without room, 1 excluded by constraints): ask for less, stop something there, or add a node`,
    { evaluations: room("memory", 2_000, 900) },
  ],
  [
    "too little cpu",
    "blocked",
    `No node has 500 MHz of cpu free: "n1" comes nearest with 100 MHz, 400 MHz short (2 of 3 nodes without room, 1 excluded by constraints): ask for less, stop something there, or add a node`,
    { evaluations: room("cpu", 500, 100) },
  ],
  [
    "too few cores",
    "blocked",
    `No node has 4 cores free: "n1" comes nearest with 1 cores, 3 cores short (2 of 3 nodes without room, 1 excluded by constraints): ask for less, stop something there, or add a node`,
    { evaluations: room("cores", 4, 1) },
  ],
  [
    "a taken port",
    "blocked",
    `Static port 8080 ("http") is taken (2 of 3 nodes without room, 1 excluded by constraints), on "n1" by job "other": use a dynamic port or another one, or add a node`,
    {
      evaluations: room("network: reserved port collision http=8080", 1, 0, {
        NearestFit: {
          ...nearest("network: reserved port collision http=8080", 1, 0),
          HeldBy: { AllocationID: "x", Namespace: "default", JobID: "other", TaskGroup: "g" },
        },
      }),
    },
  ],
  [
    "plans refused",
    "rejected",
    `Planned 5 times and no longer true each time when it was checked, last because on "n1" memory exhausted: tried again within a minute, or when a node changes`,
    {
      nodes: [n1],
      evaluations: [
        evaluation({ Status: "failed", StatusDescription: "maximum attempts reached (5)" }),
        evaluation({ ID: "b2" as EvaluationId, Status: "blocked", TriggeredBy: "max-plan-attempts", PreviousEval: evaluation().ID }),
      ],
      refusals: { times: 5, nodeId: n1.ID, reason: "memory exhausted", sinceNs: ago(30) },
    },
  ],
  [
    "plans refused before a restart",
    "rejected",
    "Planned 5 times and no longer true each time when it was checked: tried again within a minute, or when a node changes",
    {
      evaluations: [
        evaluation({ Status: "failed", StatusDescription: "maximum attempts reached (5)" }),
        evaluation({ ID: "b2" as EvaluationId, Status: "blocked", TriggeredBy: "max-plan-attempts", PreviousEval: evaluation().ID }),
      ],
    },
  ],
  [
    "deployment paused",
    "held",
    `Deployment d1d1d1d1 is paused: "drover deployment resume d1d1d1d1" lets it go on`,
    { job: four, nodes: [n1], allocations: oldFour, deployments: [deployment({ Status: "paused" })] },
  ],
  [
    "canaries to be promoted",
    "held",
    `Deployment d1d1d1d1 waits for somebody to promote its 2 canaries: "drover deployment promote d1d1d1d1"`,
    { job: four, nodes: [n1], allocations: oldFour, deployments: [deployment({}, { DesiredCanaries: 2, HealthyAllocs: 2 })] },
  ],
  [
    "canaries not healthy",
    "held",
    "Deployment d1d1d1d1 waits for its 2 canaries to be healthy: 1 of 2 are",
    { job: four, nodes: [n1], allocations: oldFour, deployments: [deployment({}, { DesiredCanaries: 2, HealthyAllocs: 1 })] },
  ],
  [
    "max_parallel",
    "held",
    "Deployment d1d1d1d1 replaces 1 at a time (max_parallel) and waits for those to be healthy, 1 of 4 are, for 5m at most",
    { job: four, nodes: [n1], allocations: oldFour, deployments: [deployment({}, { HealthyAllocs: 1 })] },
  ],
  [
    "deployment failed",
    "held",
    "Deployment d1d1d1d1 has failed (Failed due to progress deadline): version 1 goes no further, run a corrected one",
    {
      job: four,
      nodes: [n1],
      allocations: oldFour,
      deployments: [deployment({ Status: "failed", StatusDescription: "Failed due to progress deadline" })],
    },
  ],
  [
    "draining node",
    "held",
    `Its node "n1" is draining: it waits its turn to move (migrate max_parallel), in 30m at the latest`,
    { nodes: [drained], allocations: [allocation(drained, { ClientStatus: "running" })] },
  ],
  [
    "not taken by its node",
    "starting",
    `Placed on "n1", which has not begun with it for 40s: check the agent there if it stays so`,
    { nodes: [n1], allocations: [allocation(n1)] },
  ],
  [
    "waits for its predecessor",
    "starting",
    `Placed on "n1", waits for its predecessor b0b0b0b0 there to end, for 40s: its kill_timeout bounds it`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, { PreviousAllocation: "b0b0b0b0-1" as AllocationId }),
        allocation(n1, { ID: "b0b0b0b0-1" as AllocationId, DesiredStatus: "stop", ClientStatus: "running" }),
      ],
    },
  ],
  [
    "received",
    "starting",
    `Task "task" is received by its node and waits to be set up, for 12s`,
    { nodes: [n1], allocations: [allocation(n1, { TaskStates: { task: task("pending", [event("Received", 12)]) } })] },
  ],
  [
    "being set up",
    "starting",
    `Task "task" is being set up (its directory), for 8s`,
    {
      nodes: [n1],
      allocations: [allocation(n1, { TaskStates: { task: task("pending", [event("Received", 12), event("Task Setup", 8)]) } })],
    },
  ],
  [
    "driver at work",
    "starting",
    `Task "task" is prepared by its driver: Downloading image, for 40s`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, { TaskStates: { task: task("pending", [event("Driver", 40, { DisplayMessage: "Downloading image" })]) } }),
      ],
    },
  ],
  [
    "nothing there for a template",
    "starting",
    `Task "task" has waited 30s for kv.block(app/name): nothing is there yet, it goes on by itself once something is`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: {
            task: task("pending", [
              event("Task Setup", 40),
              template(30, "Missing: kv.block(app/name)", { missing: "kv.block(app/name)" }),
              template(20, "Missing: kv.block(app/name)", { missing: "kv.block(app/name)" }),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "a template's secret denied",
    "starting",
    `Task "task" has waited 30s for secret/data/app: permission denied, role nomad-workloads lacks read. Write a policy`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: {
            task: task("pending", [
              template(
                30,
                "Missing: vault.read(secret/data/app) (waiting for secret/data/app: permission denied, role nomad-workloads lacks read. Write a policy.)",
                {},
              ),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "a template that fails on what it is given",
    "starting",
    `Task "task" has waited 9s until its templates can be rendered: line 2: no entry for "x"`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, { TaskStates: { task: task("pending", [template(9, 'Template failed: line 2: no entry for "x"', {})]) } }),
      ],
    },
  ],
  [
    "no token of Vault",
    "starting",
    `Task "task" has waited 12s for Vault, to get the task's token: Vault is sealed`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: {
            task: task("pending", [
              event("Task hook failed", 12, {
                Message: "vault: waiting for Vault, to get the task's token: Vault is sealed",
                Details: { task_hook: "vault" },
              }),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "its turn to be restarted",
    "held",
    `Task "task" runs with what it had and waits its turn to be restarted with what changed, for 7s: 2 of 2 are restarting`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          ClientStatus: "running",
          TaskStates: {
            task: task("running", [
              event("Started", 60),
              template(7, "Template re-rendered, waiting to restart: 2 of 2 are restarting", {}),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "something else than before, since it is that",
    "starting",
    `Task "task" has waited 20s for kv.block(b): nothing is there yet, it goes on by itself once something is`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: {
            task: task("pending", [
              template(30, "Missing: kv.block(a)", {}),
              template(20, "Missing: kv.block(b)", {}),
              template(10, "Missing: kv.block(b)", {}),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "more than the message has room for",
    "starting",
    `Task "task" has waited 9s for kv.block(a), kv.block(b), kv.block(c), kv.block(d): nothing is there yet, it goes on by itself once something is`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: {
            task: task("pending", [
              template(9, "Missing: kv.block(a), kv.block(b), kv.block(c), and 1 more", {
                missing: "kv.block(a), kv.block(b), kv.block(c), kv.block(d)",
              }),
            ]),
          },
        }),
      ],
    },
  ],
  [
    "a template that fails, as its step names it",
    "starting",
    `Task "task" has waited 9s until its templates can be rendered: line 2: no entry`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: { task: task("pending", [template(9, "Cannot begin", { template_error: "Template failed: line 2: no entry." })]) },
        }),
      ],
    },
  ],
  [
    "a secret that is gone while it runs",
    "held",
    `Task "task" runs with what it had, for 7s: what its templates need is missing now, for kv.block(a): nothing is there yet, it goes on by itself once something is`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          ClientStatus: "running",
          TaskStates: { task: task("running", [event("Started", 60), template(7, "Missing: kv.block(a)", {})]) },
        }),
      ],
    },
  ],
  [
    "prestart task at work",
    "starting",
    `Waits for its prestart task "init" to end, which runs for 30s: see what it does with "drover alloc logs a1a1a1a1 init"`,
    {
      job: withInit,
      nodes: [n1],
      allocations: [
        allocation(n1, {
          Job: withInit,
          TaskStates: {
            init: task("running", [event("Received", 40), event("Started", 30)]),
            task: task("pending", [event("Received", 40)]),
          },
        }),
      ],
    },
  ],
  [
    "not healthy yet",
    "starting",
    "It runs for 5s and is not counted as healthy yet: it must be well for 10s",
    {
      nodes: [n1],
      deployments: [deployment()],
      allocations: [
        allocation(n1, {
          ClientStatus: "running",
          DeploymentID: deployment().ID,
          TaskStates: { task: task("running", [], { StartedAt: inSeconds(-5) }) },
        }),
      ],
    },
  ],
  [
    "not healthy yet, with a check",
    "starting",
    'It runs for 5s and is not counted as healthy yet: it and its checks ("drover alloc checks a1a1a1a1" shows them) must be well for 10s',
    {
      nodes: [n1],
      deployments: [deployment()],
      allocations: [
        allocation(n1, {
          Job: checked,
          ClientStatus: "running",
          DeploymentID: deployment().ID,
          TaskStates: { task: task("running", [], { StartedAt: inSeconds(-5) }) },
        }),
      ],
    },
  ],
  [
    "unhealthy",
    "failed",
    "It runs but is unhealthy for 20s: Task not running by healthy_deadline of 5m",
    {
      nodes: [n1],
      deployments: [deployment()],
      allocations: [
        allocation(n1, {
          ClientStatus: "running",
          DeploymentID: deployment().ID,
          DeploymentStatus: { Healthy: false, Canary: false, Timestamp: inSeconds(-20), ModifyIndex: 1 },
          TaskStates: {
            task: task("running", [event("Alloc Unhealthy", 20, { DisplayMessage: "Task not running by healthy_deadline of 5m" })]),
          },
        }),
      ],
    },
  ],
  [
    "crash, restarting",
    "failed",
    `Task "task" ended with exit code 1, tried again in 12s (restart 2): its last words: "drover alloc logs -stderr a1a1a1a1"`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: { task: task("pending", [ended({ ExitCode: 1 }), event("Restarting", 3, { StartDelay: 15e9 })], { Restarts: 2 }) },
        }),
      ],
    },
  ],
  [
    "crash, rescheduled later",
    "failed",
    `Task "task" ended with exit code 3, rescheduled in 45s: its last words: "drover alloc logs -stderr a1a1a1a1"`,
    {
      nodes: [n1],
      evaluations: [evaluation({ WaitUntil: inSeconds(45), TriggeredBy: "alloc-failure" })],
      allocations: [crashed([ended({ ExitCode: 3 })], { FollowupEvalID: evaluation().ID })],
    },
  ],
  [
    "crash, given up",
    "failed",
    `Task "task" ended with exit code 1, and is not tried again (its 1 reschedule attempts are used up; "drover job eval -force-reschedule web" does): its last words: "drover alloc logs -stderr a1a1a1a1"`,
    {
      job: noReschedule,
      nodes: [n1],
      allocations: [
        crashed([ended({ ExitCode: 1 })], {
          Job: noReschedule,
          RescheduleTracker: { Events: [{ RescheduleTime: ago(60), PrevAllocID: "x" as AllocationId, PrevNodeID: n1.ID, Delay: 0 }] },
        }),
      ],
    },
  ],
  [
    "out of memory",
    "failed",
    `Task "task" was killed because it ran out of memory at 256 MiB, about to be rescheduled: raise its memory or memory_max`,
    {
      nodes: [n1],
      allocations: [
        crashed([
          ended({
            ExitCode: 137,
            Signal: 9,
            Message: "OOM Killed: the task went over its memory limit of 256 MiB",
            Details: { oom_killed: "true" },
          }),
        ]),
      ],
    },
  ],
  [
    "killed by a signal",
    "failed",
    `Task "task" was killed by signal 11, about to be rescheduled: its last words: "drover alloc logs -stderr a1a1a1a1"`,
    { nodes: [n1], allocations: [crashed([ended({ ExitCode: 139, Signal: 11 })])] },
  ],
  [
    "ends by itself",
    "failed",
    `Task "task" ended by itself (exit code 0), though it is meant to go on, tried again in 5s (restart 1): make it stay in the foreground`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          TaskStates: { task: task("pending", [ended({ ExitCode: 0 }), event("Restarting", 10, { StartDelay: 15e9 })], { Restarts: 1 }) },
        }),
      ],
    },
  ],
  [
    "driver refuses",
    "failed",
    `Task "task" could not be started: command "/bin/nothing" not found, about to be rescheduled: correct what the message names`,
    {
      nodes: [n1],
      allocations: [crashed([event("Driver Failure", 20, { Message: `command "/bin/nothing" not found` }), event("Not Restarting", 20)])],
    },
  ],
  [
    "setup fails",
    "failed",
    `Task "task" could not be set up: no space left on device, about to be rescheduled: correct what the message names`,
    { nodes: [n1], allocations: [crashed([event("Setup Failure", 20, { Message: "no space left on device" })])] },
  ],
  [
    "not valid for the driver",
    "failed",
    `Task "task" is not valid for its driver: command is missing, about to be rescheduled: correct the job file`,
    { nodes: [n1], allocations: [crashed([event("Failed Validation", 20, { Message: "command is missing" })])] },
  ],
  [
    "a sibling is to blame",
    "failed",
    `Task "task" ended with exit code 7, about to be rescheduled: its last words: "drover alloc logs -stderr a1a1a1a1"`,
    {
      nodes: [n1],
      allocations: [
        allocation(n1, {
          ClientStatus: "failed",
          TaskStates: {
            side: task("dead", [event("Sibling Task Failed", 19), event("Killed", 18)], { Failed: true }),
            task: task("dead", [ended({ ExitCode: 7 })], { Failed: true }),
          },
        }),
      ],
    },
  ],
  [
    "crash without room elsewhere",
    "failed",
    `Task "task" ended with exit code 1, rescheduled as soon as there is room: its last words: "drover alloc logs -stderr a1a1a1a1"`,
    { nodes: [n1], evaluations: room("memory", 100, 50), allocations: [crashed([ended({ ExitCode: 1 })])] },
  ],
  [
    "unknown node",
    "unknown",
    `Its node "n1" has not been heard of for 40s, taken for lost in 20s: check the agent there and the network between`,
    {
      job: webJob({}, { Disconnect: { LostAfter: 60e9 } }),
      nodes: [node("n1", { Status: "disconnected" })],
      allocations: [
        allocation(n1, {
          Job: webJob({}, { Disconnect: { LostAfter: 60e9 } }),
          ClientStatus: "unknown",
          AllocStates: [{ Field: "client_status", Value: "unknown", Time: ago(40) }],
        }),
      ],
    },
  ],
  [
    "node down",
    "unknown",
    `Its node "n1" is down for 30s: it is replaced as soon as the job is looked at; bring the agent back to keep it`,
    { nodes: [node("n1", { Status: "down", StatusUpdatedAt: ago(30) / 1e9 })], allocations: [allocation(n1, { ClientStatus: "running" })] },
  ],
  [
    "lost with its node",
    "unknown",
    `It was lost with its node "n1": it is replaced as soon as the job is looked at`,
    { nodes: [n1], evaluations: [evaluation()], allocations: [allocation(n1, { ClientStatus: "lost" })] },
  ],
];

test("each cause has its own first line, with what would help", () => {
  assert.ok(CAUSES.length >= 25);
  for (const [what, stage, sentence, staged] of CAUSES) {
    const why = explainJob(snapshotOf(staged), "default", "web", factsOf(staged));
    assert.deepEqual([why.Reasons[0]?.Sentence, why.Reasons[0]?.Stage], [sentence, stage], what);
    assert.ok((why.Reasons[0]?.Count ?? 0) > 0, what);
    // One sentence: what follows the colon goes on in it.
    assert.ok(why.Summary.endsWith(`: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`), `${what}: ${why.Summary}`);
    assert.ok((why.Reasons[0]?.Since ?? 0) > 0, what);
    assert.match(sentence, /^(It|Its|Task|Constraint|Deployment|Driver|Every|Host|No|None|Nothing|Placed|Planned|Port|Static|The|Waits) /);
  }
});

test("all is well: nothing is said, but that it runs", () => {
  const well = { nodes: [n1], allocations: [allocation(n1, { ClientStatus: "running" })] };
  const why = explainJob(snapshotOf(well), "default", "web", factsOf(well));
  assert.deepEqual([why.Summary, why.Wanted, why.Running, why.Reasons, why.Past], ["It runs", 1, 1, [], []]);
});

test("what was missing and is there again, or no longer waits to be restarted, holds nothing", () => {
  for (const [was, is] of [
    ["Missing: kv.block(a)", "Template rendered again"],
    ["Template re-rendered, waiting to restart: others", "Template is as the task knows it again: it is not restarted"],
  ] as const) {
    const events = [event("Started", 60), template(9, was, {}), template(7, is, {})];
    const staged = {
      nodes: [n1],
      allocations: [allocation(n1, { ClientStatus: "running", TaskStates: { task: task("running", events) } })],
    };
    assert.deepEqual(explainJob(snapshotOf(staged), "default", "web", factsOf(staged)).Reasons, [], was);
  }
});

test("alike ones are told once, with their number, since the first of them", () => {
  const job = webJob({}, {}, { count: 5 });
  const many = [0, 1, 2].map((index) =>
    allocation(n1, {
      ID: `a${index}` as AllocationId,
      Name: `web.group[${index}]`,
      Job: job,
      TaskStates: {
        task: task(
          "pending",
          [event("Terminated", 20 + index, { ExitCode: 1 }), event("Restarting", 3, { StartDelay: (10 + index) * 1e9 })],
          { Restarts: 1 },
        ),
      },
    }),
  );
  const staged = {
    job,
    nodes: [n1],
    allocations: many,
    evaluations: blockedBy(metric({ NodesExhausted: 3, NearestFit: nearest("memory", 100, 40) }), 2),
  };
  const why = explainJob(snapshotOf(staged), "default", "web", factsOf(staged));
  assert.deepEqual(
    why.Reasons.map(({ Stage, Count, Name, Since }) => [Stage, Count, Name, Since]),
    [
      ["failed", 3, "", ago(22)],
      ["blocked", 2, "", ago(40)],
    ],
  );
  assert.match(why.Summary, /^0 of 5 run: task "task" ended with exit code 1/);
});

test("a stopped job wants nothing, and one that is done is done", () => {
  const stopped = { job: { ...service, Stop: true } };
  assert.match(explainJob(snapshotOf(stopped), "default", "web", factsOf(stopped)).Summary, /is stopped: nothing of it is wanted/);
  const batch = webJob({}, {}, { type: "batch" });
  const done = { job: { ...batch, Status: "dead" }, nodes: [n1], allocations: [allocation(n1, { Job: batch, ClientStatus: "complete" })] };
  assert.deepEqual(
    [
      explainJob(snapshotOf(done), "default", "web", factsOf(done)).Summary,
      explainJob(snapshotOf(done), "default", "web", factsOf(done)).Reasons,
    ],
    ["It is done", []],
  );
});

test("a parent tells of its children that are not over", () => {
  const parent = { ...webJob({ Periodic: { Enabled: true, Specs: ["@daily"], SpecType: "cron" } }, {}, { type: "batch" }) };
  const child = { ...webJob({}, {}, { type: "batch" }), ID: "web/periodic-1" as JobId, ParentID: "web", Status: "pending" };
  const staged: Stage = {
    job: parent,
    children: [child],
    evaluations: [evaluation({ JobID: child.ID })],
    position: { place: "ready", ahead: 2, dueMs: null },
  };
  const why = explainJob(snapshotOf(staged), "default", "web", factsOf(staged), ago(-7_200) / 1e9);
  assert.equal(
    why.Summary,
    "Launched next in 2h; 1 child, 1 of them not over: it waits to be scheduled behind 2 evaluations: a higher priority goes first",
  );
  assert.equal(why.Reasons[0]?.Details["JobID"], "web/periodic-1");
});

test("what is over is told too, newest first, also of what has been collected", () => {
  const failedBefore = crashed([ended({ ExitCode: 2 })], {
    ID: "old" as AllocationId,
    NextAllocation: "new" as AllocationId,
    DesiredStatus: "stop",
  });
  const remembered: Reason = {
    Stage: "failed",
    Group: "group",
    Count: 1,
    Name: "web.group[0]",
    AllocationID: "older" as AllocationId,
    NodeID: n1.ID,
    Task: "task",
    Sentence: 'Task "task" ended with exit code 1',
    Since: ago(5_000),
    Details: {},
  };
  const staged = {
    nodes: [n1, n2],
    allocations: [failedBefore, allocation(n2, { ClientStatus: "running" })],
    past: [remembered],
    deployments: [deployment({ JobVersion: 0, Status: "failed", StatusDescription: "Deployment marked as failed", ModifyTime: ago(900) })],
  };
  const why = explainJob(snapshotOf(staged), "default", "web", factsOf(staged));
  assert.equal(why.Summary, "It runs");
  assert.deepEqual(
    why.Past.map((reason) => reason.Sentence),
    [
      `Task "task" ended with exit code 2 (on "n1")`,
      "Deployment d1d1d1d1 of version 0 failed: Deployment marked as failed",
      `Task "task" ended with exit code 1`,
    ],
  );
});

test("a job that is gone answers from what is remembered, one that never was does not", () => {
  const nobody: NodeId | "" = "";
  const remembered: Reason = {
    Stage: "failed",
    Group: "g",
    Count: 1,
    Name: "",
    AllocationID: "",
    NodeID: nobody,
    Task: "",
    Sentence: "It failed",
    Since: ago(9),
    Details: {},
  };
  const gone: Stage = { job: null, past: [remembered] };
  const why = explainJob(snapshotOf(gone), "default", "web", factsOf(gone));
  assert.deepEqual([why.Status, why.Past.length], ["gone", 1]);
  assert.throws(() => explainJob(snapshotOf({ job: null }), "default", "web", factsOf({})), /job not found/);
});
