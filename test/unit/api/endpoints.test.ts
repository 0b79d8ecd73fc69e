import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { allocationStub, evaluationStub, jobStub, nodeStub } from "../../../src/api/server/texts.ts";
import { aJob, anAllocation, anEvaluation, aNode, createWorld, type World } from "./fake-world.ts";

let world: World;
before(() => {
  world = createWorld({ prometheus: true });
});
after(() => world.api.close());

async function ask<T>(method: "GET" | "PUT" | "DELETE", url: string, payload?: object): Promise<T> {
  const response = await world.api.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
  assert.equal(response.statusCode, 200, `${method} ${url}: ${response.body}`);
  return (response.body === "" ? null : response.json()) as T;
}
const lastAsked = () => world.asked.at(-1);

test("Stubs have the fields of nomad.md §3.3", () => {
  const job = aJob("web");
  const keys = (of: object) => Object.keys(of).join(" ");
  assert.equal(
    keys(jobStub(job, undefined, true)),
    "ID ParentID Name Namespace Datacenters NodePool Multiregion Type Priority Periodic ParameterizedJob Stop Status StatusDescription JobSummary CreateIndex ModifyIndex JobModifyIndex SubmitTime Meta",
  );
  assert.equal(
    keys(allocationStub(anAllocation("a", job), { resources: true, taskStates: true })),
    "ID EvalID Name Namespace NodeID NodeName JobID JobType JobVersion TaskGroup AllocatedResources DesiredStatus DesiredDescription DesiredTransition ClientStatus ClientDescription TaskStates DeploymentStatus FollowupEvalID NextAllocation RescheduleTracker PreemptedAllocations PreemptedByAllocation CreateIndex ModifyIndex CreateTime ModifyTime",
  );
  assert.equal(
    keys(nodeStub(aNode("n"), { resources: true, os: true })),
    "Address ID Attributes Datacenter Name NodeClass NodePool Version Drain SchedulingEligibility Status StatusDescription Drivers HostVolumes NodeResources ReservedResources LastDrain CreateIndex ModifyIndex",
  );
  assert.equal(evaluationStub(anEvaluation("e")).ID, "e");
});

test("A job's list entry says whether it is periodic, and its meta only when asked", async () => {
  const [stub] = await ask<Record<string, unknown>[]>("GET", "/v1/jobs");
  assert.equal(stub?.["Periodic"], false);
  assert.equal(stub?.["Meta"], undefined);
  assert.equal((stub?.["JobSummary"] as { Summary: { g: { Running: number } } } | undefined)?.Summary.g.Running, 1);
  assert.deepEqual((await ask<Record<string, unknown>[]>("GET", "/v1/jobs?meta=true"))[0]?.["Meta"], {});
});

test("A change of a job's summary shows in the list though the job is the same object", async () => {
  const before = world.state.summaries;
  const web = before.get("web");
  assert.ok(web);
  world.state.write("job-summaries", () => (world.state.summaries = new Map([["web", { ...web, ModifyIndex: 77 }]])));
  const [stub] = await ask<{ JobSummary: { ModifyIndex: number } }[]>("GET", "/v1/jobs");
  assert.equal(stub?.JobSummary.ModifyIndex, 77);
  world.state.summaries = before;
});

test("A job is told apart by namespace", async () => {
  assert.equal((await ask<unknown[]>("GET", "/v1/jobs?namespace=other")).length, 0);
  assert.equal((await ask<unknown[]>("GET", "/v1/jobs?namespace=*")).length, 1);
  assert.equal((await world.api.inject({ method: "GET", url: "/v1/job/web?namespace=other" })).statusCode, 404);
});

test("Registering passes on what was asked for and answers with the evaluation", async () => {
  const answer = await ask<{ EvalID: string }>("PUT", "/v1/jobs?namespace=default&region=global", {
    Job: { ID: "x", Extra: 1 },
    EnforceIndex: true,
    JobModifyIndex: 5,
    PreserveCounts: true,
    EvalPriority: 60,
    Submission: { Source: "job", Format: "hcl2", VariableFlags: { a: "b" }, Variables: "" },
  });
  assert.equal(answer.EvalID, "e9");
  assert.deepEqual(lastAsked(), {
    operation: "registerJob",
    arguments: [
      {
        Job: { ID: "x", Extra: 1 },
        EnforceIndex: true,
        JobModifyIndex: 5,
        PreserveCounts: true,
        PreserveResources: false,
        EvalPriority: 60,
        namespace: "default",
        region: "global",
        Submission: { Source: "job", Format: "hcl2", VariableFlags: { a: "b" }, Variables: "" },
      },
    ],
  });
});

test("Field names of a body are found whatever their case, as Go's decoder finds them", async () => {
  await ask("PUT", "/v1/jobs", { job: { ID: "x" }, enforceindex: true });
  assert.equal((lastAsked()?.arguments[0] as { EnforceIndex: boolean } | undefined)?.EnforceIndex, true);
});

test("A job is updated, planned, evaluated and stopped below its path", async () => {
  await ask("PUT", "/v1/job/a/b", { Job: { ID: "a/b" } });
  assert.equal(lastAsked()?.operation, "registerJob");
  assert.equal((await ask<{ JobModifyIndex: number }>("PUT", "/v1/job/a%2Fb/plan", { Job: { ID: "a/b" }, Diff: true })).JobModifyIndex, 5);
  assert.deepEqual(lastAsked()?.arguments[0], { Job: { ID: "a/b" }, Diff: true });
  await ask("PUT", "/v1/job/a/b/evaluate", { JobID: "a/b", EvalOptions: { ForceReschedule: true } });
  assert.deepEqual(lastAsked()?.arguments, ["default", "a/b", { ForceReschedule: true }]);
  await ask("PUT", "/v1/job/web/evaluate");
  await ask("DELETE", "/v1/job/a/b?purge=true&eval_priority=70&no_shutdown_delay=1&namespace=n2");
  assert.deepEqual(lastAsked()?.arguments, ["n2", "a/b", { Purge: true, EvalPriority: 70, NoShutdownDelay: true }]);
});

test("A job's children are lists, also of a job that is gone", async () => {
  assert.equal((await ask<{ ID: string; JobType: string }[]>("GET", "/v1/job/web/allocations"))[0]?.JobType, "service");
  assert.equal((await ask<{ ID: string }[]>("GET", "/v1/job/web/evaluations"))[0]?.ID, "e1");
  assert.equal((await ask<{ JobID: string }>("GET", "/v1/job/web/summary")).JobID, "web");
  assert.deepEqual(await ask("GET", "/v1/job/gone/allocations"), []);
  assert.deepEqual(await ask("GET", "/v1/job/web/deployments"), []);
  assert.equal(await ask("GET", "/v1/job/web/deployment"), null);
  assert.equal((await ask<{ Source: string }>("GET", "/v1/job/web/submission?version=0")).Source, "job {}");
});

test("Allocations of an older job of the same name are shown with ?all only", async () => {
  const before = world.state.allocations;
  world.state.allocations = [...before, anAllocation("old", aJob("web", { CreateIndex: 1 }))];
  assert.equal((await ask<unknown[]>("GET", "/v1/job/web/allocations")).length, 1);
  assert.equal((await ask<unknown[]>("GET", "/v1/job/web/allocations?all=true")).length, 2);
  world.state.allocations = before;
});

test("Versions come with the differences between neighbours when asked", async () => {
  const before = world.state.jobs;
  world.state.jobs = [aJob("v", { Version: 2, Priority: 70 }), aJob("v", { Version: 1, Priority: 60 }), aJob("v", { Version: 0 })];
  const plain = await ask<{ Versions: unknown[]; Diffs: null }>("GET", "/v1/job/v/versions");
  assert.equal(plain.Versions.length, 3);
  assert.equal(plain.Diffs, null);
  const { Diffs } = await ask<{ Diffs: { Type: string }[] }>("GET", "/v1/job/v/versions?diffs=true");
  assert.deepEqual(
    Diffs.map((diff) => diff.Type),
    ["Edited", "Edited"],
  );
  world.state.jobs = before;
});

test("A node's secret never leaves, neither whole nor by a filter", async () => {
  const secret = /5ecr3t/;
  for (const url of ["/v1/nodes", "/v1/node/n1", "/v1/nodes?resources=true&os=true", "/v1/node/pool/default/nodes"]) {
    assert.doesNotMatch((await world.api.inject({ method: "GET", url })).body, secret);
  }
  assert.equal((await ask<unknown[]>("GET", `/v1/nodes?filter=${encodeURIComponent('SecretID matches "^5"')}`)).length, 0);
  assert.equal((await ask<{ SecretID: string; Drain: boolean }>("GET", "/v1/node/n1")).SecretID, "");
});

test("Nodes show resources and the system only when asked", async () => {
  const [plain] = await ask<Record<string, unknown>[]>("GET", "/v1/nodes");
  assert.equal(plain?.["NodeResources"], undefined);
  assert.equal(plain?.["Attributes"], undefined);
  assert.equal(plain?.["Address"], "127.0.0.1");
  const [full] = await ask<{ NodeResources: object; Attributes: object }[]>("GET", "/v1/nodes?resources=true&os=true");
  assert.ok(full?.NodeResources);
  assert.deepEqual(full.Attributes, { "os.name": "debian" });
});

test("Nodes are evaluated, closed, opened and purged", async () => {
  assert.deepEqual(await ask("PUT", "/v1/node/n1/eligibility", { Eligibility: "ineligible" }), {
    EvalIDs: ["e9"],
    EvalCreateIndex: 11,
    NodeModifyIndex: 3,
    LastContact: 0,
    KnownLeader: true,
    NextToken: "",
    Index: 11,
  });
  assert.deepEqual(lastAsked()?.arguments, ["n1", "ineligible"]);
  await ask("PUT", "/v1/node/n1/evaluate");
  await ask("PUT", "/v1/node/n1/purge");
  assert.equal(lastAsked()?.operation, "purgeNode");
});

test("An allocation comes with its job and with its resources in the older form too", async () => {
  const allocation = await ask<{
    Job: { ID: string };
    TaskResources: Record<string, { CPU: number }>;
    Resources: { MemoryMB: number; DiskMB: number };
  }>("GET", "/v1/allocation/a1");
  assert.equal(allocation.Job.ID, "web");
  assert.equal(allocation.TaskResources["t"]?.CPU, 100);
  assert.deepEqual([allocation.Resources.MemoryMB, allocation.Resources.DiskMB], [300, 300]);
  const [stub] = await ask<Record<string, unknown>[]>("GET", "/v1/allocations?task_states=false");
  assert.equal(stub?.["TaskStates"], null);
  assert.equal(stub?.["AllocatedResources"], undefined);
  assert.ok((await ask<Record<string, unknown>[]>("GET", "/v1/allocations?resources=true"))[0]?.["AllocatedResources"]);
  assert.equal((await ask<{ Job: { ID: string } }[]>("GET", "/v1/node/n1/allocations"))[0]?.Job.ID, "web");
  await ask("PUT", "/v1/allocation/a1/stop?no_shutdown_delay=true");
  assert.deepEqual(lastAsked()?.arguments, ["a1", { NoShutdownDelay: true, Reschedule: false }]);
});

test("An evaluation comes with its relatives when asked, however they are linked", async () => {
  const before = world.state.evaluations;
  world.state.evaluations = [
    anEvaluation("e1", { NextEval: "e2" }),
    anEvaluation("e2", { PreviousEval: "e1", BlockedEval: "e3", CreateIndex: 7 }),
    anEvaluation("e3", { CreateIndex: 8 }),
  ];
  assert.equal((await ask<{ RelatedEvals: null }>("GET", "/v1/evaluation/e1")).RelatedEvals, null);
  const { RelatedEvals } = await ask<{ RelatedEvals: { ID: string }[] }>("GET", "/v1/evaluation/e1?related=true");
  assert.deepEqual(
    RelatedEvals.map((one) => one.ID),
    ["e2", "e3"],
  );
  assert.equal((await ask<{ Count: number }>("GET", "/v1/evaluations/count")).Count, 3);
  assert.equal((await ask<{ ID: string }[]>("GET", "/v1/evaluation/e1/allocations"))[0]?.ID, "a1");
  world.state.evaluations = before;
});

test("Search finds ids by prefix, twenty of a kind, and says when there are more", async () => {
  const before = world.state.jobs;
  world.state.jobs = Array.from({ length: 25 }, (_, at) => aJob(`web-${at}`));
  const found = await ask<{ Matches: Record<string, string[]>; Truncations: Record<string, boolean> }>("PUT", "/v1/search", {
    Prefix: "web",
    Context: "jobs",
  });
  assert.equal(found.Matches["jobs"]?.length, 20);
  assert.equal(found.Truncations["jobs"], true);
  assert.equal(found.Matches["nodes"], undefined);
  const all = await ask<{ Matches: Record<string, string[]> }>("PUT", "/v1/search", { Prefix: "", Context: "all" });
  assert.deepEqual(all.Matches["nodes"], ["n1"]);
  assert.deepEqual(all.Matches["namespaces"], ["default"]);
  assert.deepEqual(all.Matches["deployment"], []);
  world.state.jobs = before;
});

test("Search is in the namespace of the query string, or of the body, where web pages write it", async () => {
  const before = world.state.jobs;
  world.state.jobs = [...before, aJob("web-other", { Namespace: "n2" })];
  interface Answer {
    readonly Matches: Record<string, readonly unknown[]>;
  }
  for (const url of ["/v1/search", "/v1/search/fuzzy"]) {
    const words = { Prefix: "web", Text: "web", Context: "jobs" };
    const count = async (query: string, body: object) =>
      (await ask<Answer>("PUT", url + query, { ...words, ...body })).Matches["jobs"]?.length;
    assert.equal(await count("", {}), 1, url);
    assert.equal(await count("", { Namespace: "*" }), 2, url);
    assert.equal(await count("", { namespace: "n2" }), 1, url);
    assert.equal(await count("?namespace=*", { Namespace: "n2" }), 2, url);
  }
  world.state.jobs = before;
});

test("Kinds there is nothing of may be searched for", async () => {
  for (const Context of ["plugins", "vars", "volumes", "host_volumes"]) {
    for (const url of ["/v1/search", "/v1/search/fuzzy"]) {
      const { Matches } = await ask<{ Matches: Record<string, unknown[]> }>("PUT", url, { Prefix: "we", Text: "we", Context });
      assert.deepEqual(Object.values(Matches).flat(), [], `${url} ${Context}`);
    }
  }
});

test("There are no volumes and no plugins: lists say so, and what would make one or names one is of a later version", async () => {
  for (const url of ["/v1/volumes", "/v1/volumes?type=host", "/v1/volumes?type=csi&prefix=a", "/v1/plugins", "/v1/plugins?type=csi"])
    assert.deepEqual(await ask("GET", url), [], url);
  const status = async (url: string) => (await world.api.inject({ method: "GET", url })).statusCode;
  assert.equal(await status("/v1/volumes?type=floppy"), 404);
  for (const url of ["/v1/volumes/external", "/v1/volume/csi/a", "/v1/volume/host/a", "/v1/plugin/csi/a"])
    assert.equal(await status(url), 501, url);
});

test("The agent says where it is and what it speaks, as clients look it up", async () => {
  const { config } = await ask<{ config: Record<string, unknown> }>("GET", "/v1/agent/self");
  assert.deepEqual([config["Region"], config["Datacenter"], config["Version"]], ["global", "dc1", { Version: "2.0.6" }]);
});

test("The agent shows its configuration without secrets", async () => {
  const { config, stats } = await ask<{ config: Record<string, Record<string, string>>; stats: object }>("GET", "/v1/agent/self");
  assert.deepEqual(config["Consul"], { Token: "<redacted>", Addr: "127.0.0.1:8500" });
  assert.deepEqual(config["Server"], { EncryptKey: "<redacted>" });
  assert.deepEqual(stats, { nomad: { leader: "true" } });
});

test("Members, servers, leader, peers and regions are Nomad's shapes", async () => {
  assert.equal((await ask<{ Members: { Name: string }[] }>("GET", "/v1/agent/members")).Members[0]?.Name, "one.global");
  assert.deepEqual(await ask("GET", "/v1/agent/servers"), ["127.0.0.1:4647"]);
  assert.equal(await ask("GET", "/v1/status/leader"), "127.0.0.1:4647");
  assert.deepEqual(await ask("GET", "/v1/status/peers"), ["127.0.0.1:4647"]);
  assert.deepEqual(await ask("GET", "/v1/regions"), ["global"]);
});

test("Health is 200 when all is well and 500 when a part is not or is not here", async () => {
  assert.deepEqual(await ask("GET", "/v1/agent/health"), { server: { ok: true, message: "ok" }, client: { ok: true, message: "ok" } });
  assert.deepEqual(await ask("GET", "/v1/agent/health?type=server"), { server: { ok: true, message: "ok" } });
});

test("Built-in namespaces and node pools are there", async () => {
  assert.equal((await ask<{ Name: string }[]>("GET", "/v1/namespaces"))[0]?.Name, "default");
  assert.deepEqual(
    (await ask<{ Name: string }[]>("GET", "/v1/node/pools")).map((pool) => pool.Name),
    ["all", "default"],
  );
  assert.equal((await ask<{ Name: string }>("GET", "/v1/node/pool/all")).Name, "all");
  assert.equal((await ask<unknown[]>("GET", "/v1/node/pool/all/nodes")).length, 1);
  assert.equal((await ask<unknown[]>("GET", "/v1/node/pool/default/jobs")).length, 1);
});

test("The scheduler's configuration is read and set", async () => {
  const { SchedulerConfig } = await ask<{ SchedulerConfig: { SchedulerAlgorithm: string } }>("GET", "/v1/operator/scheduler/configuration");
  assert.equal(SchedulerConfig.SchedulerAlgorithm, "binpack");
  await ask("PUT", "/v1/operator/scheduler/configuration?cas=4", {
    SchedulerAlgorithm: "spread",
    PreemptionConfig: { SystemSchedulerEnabled: true },
  });
  assert.equal(lastAsked()?.arguments[1], 4);
  assert.equal((lastAsked()?.arguments[0] as { SchedulerAlgorithm: string } | undefined)?.SchedulerAlgorithm, "spread");
});

test("Garbage is collected on request, of servers, nodes and allocations", async () => {
  assert.equal(await ask("PUT", "/v1/system/gc"), null);
  assert.equal(lastAsked()?.operation, "collectGarbage");
  await ask("PUT", "/v1/client/gc?node_id=n1");
  await ask("GET", "/v1/client/allocation/a1/gc");
  assert.deepEqual(world.services.calls.slice(-2), ["gc all", "gc a1"]);
});

test("A task is restarted and signalled on its node", async () => {
  await ask("PUT", "/v1/client/allocation/a1/restart", { TaskName: "t" });
  await ask("PUT", "/v1/client/allocation/a1/signal", { Task: "t", Signal: "SIGHUP" });
  assert.deepEqual(world.services.calls.slice(-2), ["restart a1 t false", "signal a1 t SIGHUP"]);
});

test("Where there is no access control, a token that asks for itself is told so in a token's shape", async () => {
  const own = await ask<Record<string, unknown>>("GET", "/v1/acl/token/self");
  assert.deepEqual([own["AccessorID"], own["SecretID"], own["Policies"], own["Type"]], ["acls-disabled", "", null, "client"]);
});

test("Metrics are gauges with labels, as JSON and for Prometheus", async () => {
  const { Gauges, Timestamp } = await ask<{ Gauges: { Name: string; Value: number; Labels: Record<string, string> }[]; Timestamp: string }>(
    "GET",
    "/v1/metrics",
  );
  assert.match(Timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
  assert.equal(Gauges.find((one) => one.Name === "nomad.nomad.job_summary.running")?.Value, 1);
  assert.equal(Gauges.find((one) => one.Name === "nomad.nomad.broker.total_ready")?.Value, 3);
  const text = (await world.api.inject({ method: "GET", url: "/v1/metrics?format=prometheus" })).body;
  assert.match(text, /^nomad_nomad_job_summary_running\{job="web",task_group="g",namespace="default"\} 1$/m);
  assert.match(text, /^# TYPE nomad_nomad_job_status_running gauge$/m);
});
