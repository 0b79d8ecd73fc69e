/** The endpoints of a job's whole life: what each passes on, and what it answers. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Deployment, NamespaceRecord, NodePool } from "#model";
import { createRealWorld } from "./real-world.ts";
import { aJob, anAllocation, anEvaluation, createWorld, type World } from "./fake-world.ts";

let world: World;
before(() => {
  world = createWorld({ debug: true });
});
after(() => world.api.close());

type Method = "GET" | "PUT" | "DELETE";
const inject = (method: Method, url: string, payload?: object | string) =>
  world.api.inject({ method, url, ...(payload === undefined ? {} : { payload }) });

async function ask<T>(method: Method, url: string, payload?: object | string): Promise<T> {
  const response = await inject(method, url, payload);
  assert.equal(response.statusCode, 200, `${method} ${url}: ${response.body}`);
  return (response.body === "" ? null : response.json()) as T;
}
async function refused(method: Method, url: string, payload: object | undefined, status: number, text: RegExp): Promise<void> {
  const response = await inject(method, url, payload);
  assert.equal(response.statusCode, status, `${method} ${url}: ${response.body}`);
  assert.match(response.body, text);
}
const lastAsked = () => world.asked.at(-1);

function aDeployment(id: string, fields: Record<string, unknown> = {}): Deployment {
  return {
    ID: id,
    Namespace: "default",
    JobID: "web",
    JobVersion: 0,
    JobCreateIndex: 5,
    TaskGroups: {
      g: {
        AutoPromote: false,
        Promoted: false,
        DesiredCanaries: 1,
        DesiredTotal: 3,
        PlacedAllocs: 1,
        HealthyAllocs: 1,
        UnhealthyAllocs: 0,
      },
    },
    Status: "running",
    StatusDescription: "Deployment is running",
    CreateIndex: 12,
    ModifyIndex: 13,
    ...fields,
  } as unknown as Deployment;
}

test("A job is reverted, marked stable and tagged", async () => {
  await ask("PUT", "/v1/job/web/revert?namespace=n2", { JobID: "web", JobVersion: 3, EnforcePriorVersion: 4 });
  assert.deepEqual(lastAsked(), { operation: "revertJob", arguments: ["n2", "web", 3, { EnforcePriorVersion: 4 }] });
  await ask("PUT", "/v1/job/web/revert", { JobVersion: 0 });
  assert.deepEqual(lastAsked()?.arguments, ["default", "web", 0, { EnforcePriorVersion: null }]);
  await refused("PUT", "/v1/job/web/revert", { JobID: "other", JobVersion: 0 }, 400, /Job ID does not match/);
  await refused("PUT", "/v1/job/web/revert", {}, 400, /JobVersion is missing/);
  assert.equal((await ask<{ JobModifyIndex: number }>("PUT", "/v1/job/web/stable", { JobVersion: 2, Stable: true })).JobModifyIndex, 11);
  assert.deepEqual(lastAsked(), { operation: "setJobStability", arguments: ["default", "web", 2, true] });
  await ask("PUT", "/v1/job/a/b/versions/golden/tag", { Version: 1, Description: "the good one" });
  assert.deepEqual(lastAsked(), {
    operation: "tagJobVersion",
    arguments: ["default", "a/b", { Name: "golden", Description: "the good one", Version: 1 }],
  });
  await ask("PUT", "/v1/job/web/versions/golden/tag");
  assert.deepEqual(lastAsked()?.arguments[2], { Name: "golden", Description: "", Version: null });
  await ask("DELETE", "/v1/job/web/versions/golden/tag");
  assert.deepEqual(lastAsked(), { operation: "untagJobVersion", arguments: ["default", "web", "golden"] });
});

test("Versions are compared with their neighbours, with one version or with a tagged one", async () => {
  const before = world.state.jobs;
  const versions = [2, 1, 0].map((Version) =>
    aJob("v", { Version, Priority: 50 + Version, VersionTag: Version === 0 ? { Name: "first", Description: "", TaggedTime: 1 } : null }),
  );
  world.state.jobs = versions;
  interface Answer {
    readonly Diffs: readonly { readonly Type: string; readonly Fields: readonly { readonly Name: string; readonly Old: string }[] }[];
  }
  const oldPriorities = async (query: string) =>
    (await ask<Answer>("GET", `/v1/job/v/versions?${query}`)).Diffs.map((diff) => diff.Fields.find(({ Name }) => Name === "Priority")?.Old);
  assert.deepEqual(await oldPriorities("diffs=true"), ["51", "50"]);
  assert.deepEqual(await oldPriorities("diffs=true&diff_tag=first"), ["50", "50"]);
  await refused("GET", "/v1/job/v/versions?diffs=true&diff_tag=nope", undefined, 404, /tag "nope" not found/);
  await refused("GET", "/v1/job/v/versions?diffs=true&diff_tag=first&diff_version=1", undefined, 400, /cannot both/);
  world.state.jobs = before;
});

test("A parameterized job is dispatched, with its payload in JSON or as the body itself", async () => {
  await ask("PUT", "/v1/job/web/dispatch?idempotency_token=once", {
    JobID: "web",
    Payload: "aGk=",
    Meta: { a: "b" },
    IdPrefixTemplate: "x-",
    Priority: 60,
  });
  assert.deepEqual(lastAsked(), {
    operation: "dispatchJob",
    arguments: ["default", "web", { Payload: "aGk=", Meta: { a: "b" }, IdPrefixTemplate: "x-", Priority: 60, IdempotencyToken: "once" }],
  });
  await ask("PUT", "/v1/job/web/dispatch");
  await ask("PUT", "/v1/job/web/dispatch/payload?meta=a%3Db&meta=c%3D&idempotency_token=t", "raw bytes, no JSON");
  assert.deepEqual(lastAsked()?.arguments[2], {
    Payload: Buffer.from("raw bytes, no JSON").toString("base64"),
    Meta: { a: "b", c: "" },
    IdPrefixTemplate: "",
    Priority: 0,
    IdempotencyToken: "t",
  });
  await refused("PUT", "/v1/job/web/dispatch", { Payload: "not base64!" }, 400, /not base64/);
  await refused("PUT", "/v1/job/web/dispatch", { Meta: { a: 1 } }, 400, /"Meta.a" is a number/);
  await refused("PUT", "/v1/job/web/dispatch/payload?meta=nonsense", undefined, 400, /wanted key=value/);
  assert.equal((await ask<{ EvalID: string }>("PUT", "/v1/job/web/periodic/force")).EvalID, "e9");
  assert.equal(lastAsked()?.operation, "forcePeriodic");
});

test("A group is scaled, or an event is noted without a count; the status is asked", async () => {
  await ask("PUT", "/v1/job/web/scale", { Count: 3, Target: { Group: "g", Job: "web" }, Message: "more", Meta: { a: 1 } });
  assert.deepEqual(lastAsked(), {
    operation: "scaleJob",
    arguments: ["default", "web", { Count: 3, Group: "g", Message: "more", Error: false, Meta: { a: 1 }, JobModifyIndex: null }],
  });
  await ask("PUT", "/v1/job/web/scale", { Target: { Group: "g" }, Message: "no metrics", Error: true, JobModifyIndex: 5 });
  assert.deepEqual(lastAsked()?.arguments[2], {
    Count: null,
    Group: "g",
    Message: "no metrics",
    Error: true,
    Meta: {},
    JobModifyIndex: 5,
  });
  await refused("PUT", "/v1/job/web/scale", { Count: 3 }, 400, /Target.Group is missing/);
  await refused("PUT", "/v1/job/web/scale", { Count: -1, Target: { Group: "g" } }, 400, /wanted 0 or more/);
  await refused("PUT", "/v1/job/web/scale", { Count: 1, Error: true, Target: { Group: "g" } }, 400, /count if error/);
  assert.equal((await ask<{ JobID: string }>("GET", "/v1/job/web/scale")).JobID, "web");
  await refused("GET", "/v1/job/gone/scale", undefined, 404, /job not found/);
});

test("Scaling policies come from the jobs' own blocks, with ids that stay", async () => {
  const before = world.state.jobs;
  const job = aJob("scaled");
  const group = job.TaskGroups[0] as (typeof job.TaskGroups)[number];
  const scaling = { Name: "", ID: "", Type: "horizontal", Min: 1, Max: 5, Enabled: true, Policy: { cooldown: "1m" } };
  const task = { ...(group.Tasks[0] as (typeof group.Tasks)[number]), ScalingPolicies: [{ ...scaling, Type: "cpu" }] };
  const scaled = { ...job, TaskGroups: [{ ...group, Scaling: scaling, Tasks: [task] }] };
  world.state.jobs = [...before, scaled as typeof job, { ...scaled, ID: "stopped", Stop: true } as unknown as typeof job];
  const stubs = await ask<{ ID: string; Type: string; Target: Record<string, string> }[]>("GET", "/v1/scaling/policies");
  assert.deepEqual(stubs.map((stub) => stub.Type).sort(), ["horizontal", "vertical_cpu"]);
  assert.deepEqual(Object.keys(stubs[0] as object).sort(), ["CreateIndex", "Enabled", "ID", "ModifyIndex", "Target", "Type"]);
  const [horizontal] = await ask<typeof stubs>("GET", "/v1/scaling/policies?type=horizontal&job=scaled");
  assert.deepEqual(horizontal?.Target, { Namespace: "default", Job: "scaled", Group: "g" });
  const policy = await ask<{ Max: number; Policy: object }>("GET", `/v1/scaling/policy/${horizontal?.ID}`);
  assert.deepEqual([policy.Max, policy.Policy], [5, { cooldown: "1m" }]);
  assert.equal((await ask<unknown[]>("GET", "/v1/scaling/policies?job=other")).length, 0);
  await refused("GET", "/v1/scaling/policy/nope", undefined, 404, /policy not found/);
  world.state.jobs = before;
});

test("Deployments are listed, read and told what to do", async () => {
  world.state.deployments = [
    aDeployment("d1"),
    aDeployment("d2", { CreateIndex: 20, JobCreateIndex: 1 }),
    aDeployment("d0", { Namespace: "n2" }),
  ];
  assert.deepEqual(
    (await ask<{ ID: string }[]>("GET", "/v1/deployments")).map(({ ID }) => ID),
    ["d1", "d2"],
  );
  assert.equal((await ask<unknown[]>("GET", "/v1/deployments?namespace=*")).length, 3);
  assert.equal((await ask<{ ID: string }[]>("GET", "/v1/deployments?prefix=d2")).at(0)?.ID, "d2");
  assert.equal((await ask<{ Status: string }>("GET", "/v1/deployment/d1")).Status, "running");
  await refused("GET", "/v1/deployment/nope", undefined, 404, /deployment not found/);
  assert.deepEqual(
    (await ask<{ ID: string }[]>("GET", "/v1/job/web/deployments")).map(({ ID }) => ID),
    ["d1"],
  );
  assert.equal((await ask<unknown[]>("GET", "/v1/job/web/deployments?all=true")).length, 2);
  assert.equal((await ask<{ ID: string }>("GET", "/v1/job/web/deployment")).ID, "d1");
  assert.equal(await ask("GET", "/v1/job/other/deployment"), null);
  world.state.allocations = [...world.state.allocations, anAllocation("a-d1", aJob("web"), { DeploymentID: "d1" })];
  assert.equal((await ask<{ ID: string }[]>("GET", "/v1/deployment/allocations/d1"))[0]?.ID, "a-d1");

  await ask("PUT", "/v1/deployment/fail/d1", { DeploymentID: "d1" });
  assert.deepEqual(lastAsked(), { operation: "failDeployment", arguments: ["d1"] });
  await ask("PUT", "/v1/deployment/pause/d1", { DeploymentID: "d1", Pause: true });
  assert.deepEqual(lastAsked(), { operation: "pauseDeployment", arguments: ["d1", true] });
  await ask("PUT", "/v1/deployment/promote/d1", { All: true });
  assert.deepEqual(lastAsked(), { operation: "promoteDeployment", arguments: ["d1", null] });
  await ask("PUT", "/v1/deployment/promote/d1", { Groups: ["g"] });
  assert.deepEqual(lastAsked()?.arguments, ["d1", ["g"]]);
  await refused("PUT", "/v1/deployment/promote/d1", {}, 400, /wanted All or the names of Groups/);
  await refused("PUT", "/v1/deployment/promote/d1", { DeploymentID: "d2", All: true }, 400, /does not match/);
  await ask("PUT", "/v1/deployment/allocation-health/d1", { HealthyAllocationIDs: ["a1"], UnhealthyAllocationIDs: ["a2"] });
  assert.deepEqual(lastAsked(), { operation: "setDeploymentHealth", arguments: ["d1", ["a1"], ["a2"]] });
  await refused("PUT", "/v1/deployment/allocation-health/d1", {}, 400, /at least one allocation/);
  await refused(
    "PUT",
    "/v1/deployment/allocation-health/d1",
    { HealthyAllocationIDs: ["a1"], UnhealthyAllocationIDs: ["a1"] },
    400,
    /in both lists/,
  );
});

test("Job statuses hold allocations and the newest deployment, for all or for those asked", async () => {
  interface Status {
    readonly ID: string;
    readonly Allocs: readonly { readonly ID: string }[];
    readonly LatestDeployment: { readonly ID: string; readonly RequiresPromotion: boolean } | null;
    readonly GroupCountSum: number;
    readonly ChildStatuses: readonly string[] | null;
  }
  const before = world.state.jobs;
  const parent = aJob("parent", { ParameterizedJob: { Payload: "", MetaRequired: [], MetaOptional: [] }, ModifyIndex: 30 });
  world.state.jobs = [...before, parent, aJob("parent/dispatch-1", { ParentID: "parent", Status: "dead", ModifyIndex: 31 })];
  const all = await ask<Status[]>("GET", "/v1/jobs/statuses");
  assert.deepEqual(
    all.map(({ ID }) => ID),
    ["web", "parent"],
  );
  assert.deepEqual(all[1]?.ChildStatuses, ["dead"]);
  assert.ok((all[0]?.Allocs.length ?? 0) > 0);
  assert.deepEqual([all[0]?.LatestDeployment?.ID, all[0]?.LatestDeployment?.RequiresPromotion], ["d2", true]);
  assert.equal((await ask<Status[]>("GET", "/v1/jobs/statuses?include_children=true")).length, 3);
  const asked = await ask<Status[]>("PUT", "/v1/jobs/statuses", {
    Jobs: [{ ID: "parent/dispatch-1", Namespace: "default" }, { ID: "gone" }],
  });
  assert.deepEqual(
    asked.map(({ ID }) => ID),
    ["parent/dispatch-1"],
  );
  // As a web page writes it.
  const lower = await ask<Status[]>("PUT", "/v1/jobs/statuses?namespace=*", { jobs: [{ id: "web" }, { id: "parent", namespace: "n2" }] });
  assert.deepEqual(
    lower.map(({ ID }) => ID),
    ["web"],
  );
  for (const entry of [{}, null, "web", 5, { ID: "" }]) await refused("PUT", "/v1/jobs/statuses", { Jobs: [entry] }, 400, /has no ID/);
  await refused("PUT", "/v1/jobs/statuses", { Jobs: [{ ID: 5 }] }, 400, /"ID" is a number/);
  world.state.jobs = before;
});

test("Why a job does not run is asked of the server", async () => {
  assert.deepEqual(await ask("GET", "/v1/job/team/web/why?namespace=n2"), {
    Namespace: "n2",
    JobID: "team/web",
    Reasons: [],
    Past: [],
  });
});

test("A node is drained, forced, and let go; its metadata is read and changed", async () => {
  await ask("PUT", "/v1/node/n1/drain", {
    NodeID: "n1",
    DrainSpec: { Deadline: 3_600_000_000_000, IgnoreSystemJobs: true },
    Meta: { message: "new disk" },
  });
  assert.deepEqual(lastAsked(), {
    operation: "drainNode",
    arguments: [
      "n1",
      { Drain: { Deadline: 3_600_000_000_000, IgnoreSystemJobs: true }, MarkEligible: false, Meta: { message: "new disk" } },
    ],
  });
  await ask("PUT", "/v1/node/n1/drain", { DrainSpec: { Deadline: -1 } });
  assert.deepEqual(lastAsked()?.arguments[1], { Drain: { Deadline: -1, IgnoreSystemJobs: false }, MarkEligible: false, Meta: {} });
  await ask("PUT", "/v1/node/n1/drain", { DrainSpec: null, MarkEligible: true });
  assert.deepEqual(lastAsked()?.arguments[1], { Drain: null, MarkEligible: true, Meta: {} });
  await refused("PUT", "/v1/node/n1/drain", { NodeID: "n2", DrainSpec: null }, 400, /does not match/);
  await refused("PUT", "/v1/node/n1/eligibility", { NodeID: "n2", Eligibility: "eligible" }, 400, /does not match/);
  // 120 days and an odd number of nanoseconds: more than a double counts exactly.
  const odd = '{"DrainSpec":{"Deadline":10368000000000001}}';
  assert.equal((await world.api.inject({ method: "PUT", url: "/v1/node/n1/drain", payload: odd })).statusCode, 200);
  assert.match(JSON.stringify(lastAsked()), /"Deadline":1036800000000000\d,/);
  await refused("PUT", "/v1/node/n1/drain", { DrainSpec: { Deadline: 0.5 } }, 400, /0.5, wanted whole nanoseconds/);

  assert.deepEqual(await ask("GET", "/v1/client/metadata?node_id=n1"), { Meta: {}, Dynamic: {}, Static: {} });
  await ask("PUT", "/v1/client/metadata", { NodeID: "n1", Meta: { a: "b", gone: null } });
  assert.deepEqual(world.services.calls.at(-1), 'metadata {"a":"b","gone":null}');
  await refused("PUT", "/v1/client/metadata", { NodeID: "n1" }, 400, /Meta/);
  await refused("PUT", "/v1/client/metadata", { NodeID: "n1", Meta: { a: 1 } }, 400, /"a"/);
  for (const url of ["/v1/allocation/a1/checks", "/v1/client/allocation/a1/checks"]) assert.deepEqual(await ask("GET", url), {});
});

test("Namespaces and node pools are made, read and removed", async () => {
  world.state.namespaces = [...world.state.namespaces, { Name: "team", Description: "t" } as NamespaceRecord];
  assert.equal((await ask<{ Description: string }>("GET", "/v1/namespace/team")).Description, "t");
  assert.equal((await ask<unknown[]>("GET", "/v1/namespaces?prefix=te")).length, 1);
  await refused("GET", "/v1/namespace/nope", undefined, 404, /Namespace not found/);
  for (const url of ["/v1/namespace", "/v1/namespace/other"]) {
    await ask("PUT", url, { Name: "other", Description: "d" });
    assert.deepEqual(lastAsked(), { operation: "upsertNamespace", arguments: [{ Name: "other", Description: "d" }] });
  }
  await refused("PUT", "/v1/namespace/other", { Name: "x" }, 400, /does not match/);
  const response = await inject("DELETE", "/v1/namespace/team");
  assert.deepEqual([response.statusCode, response.body, response.headers["x-nomad-index"]], [200, "", "11"]);
  assert.deepEqual(lastAsked(), { operation: "deleteNamespace", arguments: ["team"] });

  world.state.nodePools = [...world.state.nodePools, { Name: "gpu", Description: "g" } as NodePool];
  assert.equal((await ask<{ NodeIdentityTTL: number }>("GET", "/v1/node/pool/gpu")).NodeIdentityTTL, 86_400_000_000_000);
  world.state.nodePools = [...world.state.nodePools, { Name: "short", NodeIdentityTTL: 3_600_000_000_000 } as NodePool];
  assert.equal((await ask<{ NodeIdentityTTL: number }>("GET", "/v1/node/pool/short")).NodeIdentityTTL, 3_600_000_000_000);
  assert.deepEqual(await ask("GET", "/v1/node/pool/gpu/nodes"), []);
  for (const url of ["/v1/node/pools", "/v1/node/pool/gpu"]) {
    await ask("PUT", url, { Name: "gpu" });
    assert.deepEqual(lastAsked(), { operation: "upsertNodePool", arguments: [{ Name: "gpu" }] });
  }
  await ask("DELETE", "/v1/node/pool/gpu");
  assert.deepEqual(lastAsked(), { operation: "deleteNodePool", arguments: ["gpu"] });
  for (const below of ["", "/nodes", "/jobs"]) await refused("GET", `/v1/node/pool/nope${below}`, undefined, 404, /node pool not found/);
});

test("Evaluations are deleted by id or by filter, not by both", async () => {
  world.state.evaluations = [anEvaluation("e1"), anEvaluation("e2", { Status: "blocked" })];
  await ask("DELETE", "/v1/evaluations", { EvalIDs: ["e1"] });
  assert.deepEqual(lastAsked(), { operation: "deleteEvaluations", arguments: [["e1"]] });
  await ask("DELETE", "/v1/evaluations", { Filter: "Status == blocked" });
  assert.deepEqual(lastAsked()?.arguments, [["e2"]]);
  await refused("DELETE", "/v1/evaluations", { Filter: "Status == blocked", EvalIDs: ["e1"] }, 400, /either ID or filter/);
  await refused("DELETE", "/v1/evaluations", {}, 400, /either ID or filter/);
  await refused("DELETE", "/v1/evaluations", { EvalIDs: [1] }, 400, /list of strings/);
});

test("Fuzzy search finds a part of a name, says where it stands, and puts the closest first", async () => {
  const before = world.state.jobs;
  world.state.jobs = [...before, aJob("my-web"), aJob("webby", { Namespace: "n2" })];
  interface Answer {
    readonly Matches: Record<string, { readonly ID: string; readonly Scope: readonly string[] }[]>;
    readonly Truncations: Record<string, boolean>;
  }
  const found = await ask<Answer>("PUT", "/v1/search/fuzzy", { Text: "WEB", Context: "all" });
  assert.deepEqual(found.Matches["jobs"], [
    { ID: "web", Scope: ["default", "web"] },
    { ID: "my-web", Scope: ["default", "my-web"] },
  ]);
  assert.equal((await ask<Answer>("PUT", "/v1/search/fuzzy?namespace=*", { Text: "web" })).Matches["jobs"]?.length, 3);
  const nodes = await ask<Answer>("PUT", "/v1/search/fuzzy", { Text: "name-n", Context: "nodes" });
  assert.deepEqual(nodes.Matches, { nodes: [{ ID: "name-n1", Scope: ["n1"] }] });
  await refused("PUT", "/v1/search/fuzzy", { Text: "w" }, 400, /at least 2 characters/);
  await refused("PUT", "/v1/search/fuzzy", { Text: "web", Context: "nope" }, 400, /Invalid context/);
  world.state.jobs = before;
});

test("One server says so: raft, autopilot, its schedulers", async () => {
  const raft = await ask<{ Servers: { Leader: boolean; Address: string }[] }>("GET", "/v1/operator/raft/configuration");
  assert.deepEqual(
    raft.Servers.map(({ Leader, Address }) => [Leader, Address]),
    [[true, "127.0.0.1:4647"]],
  );
  assert.equal((await ask<{ LastContactThreshold: string }>("GET", "/v1/operator/autopilot/configuration")).LastContactThreshold, "200ms");
  const health = await ask<{ Healthy: boolean; FailureTolerance: number }>("GET", "/v1/operator/autopilot/health");
  assert.deepEqual([health.Healthy, health.FailureTolerance], [true, 0]);
  assert.equal((await ask<{ num_schedulers: number }>("GET", "/v1/agent/schedulers/config")).num_schedulers, 2);
  const { schedulers } = await ask<{ schedulers: { workload_status: string }[] }>("GET", "/v1/agent/schedulers");
  assert.deepEqual(
    schedulers.map((one) => one.workload_status),
    ["Scheduling", "WaitingToDequeue"],
  );
});

test("A snapshot is an archive with the state, its description and sums, and a digest ahead", async () => {
  const { api, state, move } = createRealWorld(11);
  for (let each = 0; each < 50; each++) move();
  const response = await api.inject({ method: "GET", url: "/v1/operator/snapshot" });
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["digest"], `sha-256=${createHash("sha256").update(response.rawPayload).digest("base64")}`);
  const files = untar(gunzipSync(response.rawPayload));
  assert.deepEqual([...files.keys()], ["meta.json", "state.bin", "SHA256SUMS"]);
  assert.equal((JSON.parse(String(files.get("meta.json"))) as { Index: number }).Index, state.index);
  for (const line of String(files.get("SHA256SUMS")).trim().split("\n")) {
    const [sum, name] = line.split("  ") as [string, string];
    assert.equal(
      createHash("sha256")
        .update(files.get(name) as Buffer)
        .digest("hex"),
      sum,
    );
  }
  await api.close();
});

function untar(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; archive[at] !== 0;) {
    const header = archive.subarray(at, at + 512);
    const sum = [...header].reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 32 : byte), 0);
    assert.equal(Number.parseInt(header.toString("latin1", 148, 154), 8), sum, "checksum");
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    files.set(header.toString("utf8", 0, 100).replace(/\0+$/, ""), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

test("The machine and profiles are shown only where debugging is on; what only Go has is refused with the reason", async () => {
  assert.equal((await ask<{ HostData: { OS: string } }>("GET", "/v1/agent/host")).HostData.OS, "Linux");
  assert.equal((await inject("GET", "/v1/agent/pprof/cmdline")).body, "cmdline");
  await refused("GET", "/v1/agent/pprof/goroutine", undefined, 501, /Node\.js/);
  await refused("GET", "/v1/agent/pprof/nonsense", undefined, 404, /Unknown profile/);
  await refused("GET", "/v1/agent/pprof/profile?seconds=0", undefined, 400, /seconds/);
  await refused("GET", "/v1/agent/host?server_id=other", undefined, 404, /Unknown server/);
  const closed = createWorld();
  for (const url of ["/v1/agent/host", "/v1/agent/pprof/profile"]) {
    const response = await closed.api.inject({ method: "GET", url });
    assert.deepEqual([response.statusCode, response.body], [403, "Permission denied"]);
  }
  await closed.api.close();
});

test("Reloading, reconciling summaries and native services answer", async () => {
  assert.equal(await ask("PUT", "/v1/agent/reload"), null);
  assert.equal(await ask("PUT", "/v1/system/gc"), null);
  for (const url of ["/v1/services", "/v1/service/redis", "/v1/job/web/services", "/v1/allocation/a1/services"]) {
    assert.deepEqual(await ask("GET", url), []);
  }
  const { api, move } = createRealWorld(5);
  for (let each = 0; each < 200; each++) move();
  const response = await api.inject({ method: "PUT", url: "/v1/system/reconcile/summaries" });
  assert.equal(response.statusCode, 200, response.body);
  await api.close();
});

test("An evaluation comes with those it is linked to when asked", async () => {
  world.state.evaluations = [
    anEvaluation("r1", { NextEval: "r2" }),
    anEvaluation("r2", { PreviousEval: "r1", BlockedEval: "r3" }),
    anEvaluation("r3"),
  ];
  assert.equal((await ask<{ RelatedEvals: null }>("GET", "/v1/evaluation/r1")).RelatedEvals, null);
  const { RelatedEvals } = await ask<{ RelatedEvals: { ID: string }[] }>("GET", "/v1/evaluation/r1?related=true");
  assert.deepEqual(
    RelatedEvals.map(({ ID }) => ID),
    ["r2", "r3"],
  );
});

test("Stopping an allocation may count as rescheduling it", async () => {
  await ask("PUT", "/v1/allocation/a1/stop?reschedule=true");
  assert.deepEqual(lastAsked()?.arguments, ["a1", { NoShutdownDelay: false, Reschedule: true }]);
});

test("A job's actions are listed with where they run; usage and files are asked of the allocation's node", async () => {
  const before = world.state.jobs;
  const job = aJob("acting");
  const group = job.TaskGroups[0] as (typeof job.TaskGroups)[number];
  const task = { ...(group.Tasks[0] as (typeof group.Tasks)[number]), Actions: [{ Name: "greet", Command: "echo", Args: ["hi"] }] };
  world.state.jobs = [...before, { ...job, TaskGroups: [{ ...group, Tasks: [task] }] } as typeof job];
  assert.deepEqual(await ask("GET", "/v1/job/acting/actions"), [
    { Name: "greet", Command: "echo", Args: ["hi"], TaskName: "t", TaskGroupName: "g" },
  ]);
  world.state.jobs = before;
  assert.equal((await ask<{ Timestamp: number }>("GET", "/v1/client/allocation/a1/stats")).Timestamp, 1_790_000_000_000_000_000);
  const stream = await inject("GET", "/v1/client/fs/stream/a1?path=/alloc/x&follow=false");
  assert.deepEqual(stream.json<{ Data: string; File: string }>(), {
    Data: Buffer.from("hello\nworld\n").toString("base64"),
    File: "/alloc/x",
  });
});
