import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryMesh } from "#integrations/memory";
import { NamedError } from "#std";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

/** A job whose only service is an ingress gateway to `target`. */
function gatewayJob(id: string, target: string, more: object = {}): unknown {
  const job = jobOf({ id, count: 1 }) as unknown as { TaskGroups: readonly object[] };
  const Services = [
    {
      Name: "front",
      PortLabel: "8080",
      Connect: { Gateway: { Proxy: {}, Ingress: { Listeners: [{ Port: 8080, Protocol: "tcp", Services: [{ Name: target }] }] } } },
    },
  ];
  return { ...job, ...more, TaskGroups: job.TaskGroups.map((group) => ({ ...group, Networks: [{ Mode: "bridge" }], Services })) };
}

/** Among the warnings: of gateways' entries. */
const SAYS = /gateway "front": /;

const targets = (definition: { Ingress: { Listeners: { Services: { Name: string }[] }[] } | null } | undefined) =>
  definition?.Ingress?.Listeners.flatMap(({ Services }) => Services.map(({ Name }) => Name));

test("what a gateway serves is written before its job is registered, only when it differs, and taken away when the job is purged", () => {
  const mesh = createMemoryMesh();
  return inside({ server: { mesh } }, async ({ server, cluster }) => {
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["api"]);
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    assert.deepEqual(mesh.written, ["write front"]);
    await server.registerJob({ Job: gatewayJob("edge", "web") });
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["web"]);
    const version = cluster.state.snapshot().job("default", "edge")?.Version ?? 0;
    await server.revertJob("default", "edge", version - 1, { EnforcePriorVersion: null });
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["api"], "a version that comes back brings its own");
    await server.deregisterJob("default", "edge", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    assert.equal(mesh.entries.has("front"), true, "a stopped job may come back");
    await server.deregisterJob("default", "edge", { Purge: true, EvalPriority: 0, NoShutdownDelay: false });
    await new Promise(setImmediate);
    assert.equal(mesh.entries.has("front"), false);
  });
});

test("a gateway that another job runs too keeps what it serves", () => {
  const mesh = createMemoryMesh();
  return inside({ server: { mesh } }, async ({ server }) => {
    await server.registerJob({ Job: gatewayJob("other", "api") });
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    assert.equal(mesh.entries.get("front")?.jobId, "edge");
    await server.deregisterJob("default", "edge", { Purge: true, EvalPriority: 0, NoShutdownDelay: false });
    await new Promise(setImmediate);
    assert.deepEqual([mesh.entries.get("front")?.jobId, targets(mesh.entries.get("front")?.definition)], ["other", ["api"]]);
    await server.deregisterJob("default", "other", { Purge: true, EvalPriority: 0, NoShutdownDelay: false });
    await new Promise(setImmediate);
    assert.equal(mesh.entries.has("front"), false, "it goes with the last of them, whoever wrote it last");
  });
});

test("a job that comes to a gateway which another one runs has to say the same, whichever asks; one that ran it already may change it, and is told", () => {
  const mesh = createMemoryMesh();
  const taken = (thrown: unknown) => thrown instanceof Error && /gateway "front" is run by job "edge"/.test(thrown.message);
  return inside({ server: { mesh } }, async ({ server }) => {
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    await assert.rejects(server.registerJob({ Job: gatewayJob("second", "web") }), taken);
    await assert.rejects(server.planJob({ Job: gatewayJob("second", "web"), Diff: false }), taken);
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["api"]);
    assert.doesNotMatch((await server.registerJob({ Job: gatewayJob("second", "api") })).Warnings, SAYS);
    const { Warnings } = await server.registerJob({ Job: gatewayJob("second", "web") });
    assert.match(Warnings, /gateway "front": job "edge" runs it too and says it serves something else/);
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["web"]);
    await server.deregisterJob("default", "second", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    assert.doesNotMatch((await server.registerJob({ Job: gatewayJob("edge", "db") })).Warnings, SAYS, "a job that stopped says nothing");
  });
});

test("a version that comes back is asked what a new one is: a gateway that another job runs by now is not taken over", () => {
  const mesh = createMemoryMesh();
  const plain = (id: string) => {
    const job = gatewayJob(id, "web") as { readonly TaskGroups: readonly object[] };
    return { ...job, TaskGroups: job.TaskGroups.map((group) => ({ ...group, Services: [] })) };
  };
  return inside({ server: { mesh } }, async ({ server, cluster }) => {
    const versionOf = (id: string) => cluster.state.snapshot().job("default", id)?.Version;
    await server.registerJob({ Job: gatewayJob("second", "web") });
    await server.registerJob({ Job: plain("second") });
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    const before = [...mesh.written];
    await assert.rejects(
      server.revertJob("default", "second", 0, { EnforcePriorVersion: null }),
      /Cannot admit version 0 of job "second": gateway "front" is run by job "edge"/,
    );
    assert.deepEqual([versionOf("second"), mesh.written], [1, before], "nothing is written, here or there");
    await server.deregisterJob("default", "edge", { Purge: true, EvalPriority: 0, NoShutdownDelay: false });
    await server.revertJob("default", "second", 0, { EnforcePriorVersion: null });
    assert.deepEqual([versionOf("second"), targets(mesh.entries.get("front")?.definition)], [2, ["web"]]);
  });
});

test("a deployment that takes its job back brings back what its gateways serve; an entry that cannot be written is reported", () => {
  const mesh = createMemoryMesh();
  const reports: string[] = [];
  const SECOND = 1e9;
  const update = {
    MaxParallel: 1,
    MinHealthyTime: 5 * SECOND,
    HealthyDeadline: 30 * SECOND,
    ProgressDeadline: 60 * SECOND,
    AutoRevert: true,
  };
  const job = (target: string) => {
    const whole = gatewayJob("edge", target, { Update: update }) as {
      readonly TaskGroups: readonly { readonly Services: readonly { readonly Connect: object }[] }[];
    };
    const SidecarTask = { Driver: "mock_driver" };
    const inMock = (service: { readonly Connect: object }) => ({ ...service, Connect: { ...service.Connect, SidecarTask } });
    return { ...whole, TaskGroups: whole.TaskGroups.map((group) => ({ ...group, Update: update, Services: group.Services.map(inMock) })) };
  };
  return inside({ server: { mesh, report: ({ message }) => void reports.push(message) } }, async ({ server, cluster, clock, addNode }) => {
    const fail = async () => {
      const [deployment] = cluster.state.snapshot().deploymentsByJob("default", "edge");
      assert.ok(deployment);
      return (await server.failDeployment(deployment.ID)).RevertedJobVersion;
    };
    await addNode({ name: "a", attributes: { "consul.version": "1.21.5", "consul.grpc": "8502" } });
    await server.registerJob({ Job: job("api") });
    await server.setJobStability("default", "edge", 0, true);
    await server.registerJob({ Job: job("web") });
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["web"]);
    await clock.advance(2_000);
    assert.equal(await fail(), 0);
    await new Promise(setImmediate);
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["api"]);
    await server.registerJob({ Job: job("db") });
    await clock.advance(2_000);
    mesh.away = true;
    assert.equal(typeof (await fail()), "number", "the job goes back whether the mesh answers or not");
    await new Promise(setImmediate);
    assert.ok(reports.includes("entries of gateways stay as the version that was rolled back wrote them"), reports.join());
  });
});

test("a job that stopped has no gateway any more: who runs it now says what it serves", () => {
  const mesh = createMemoryMesh();
  return inside({ server: { mesh } }, async ({ server }) => {
    await server.registerJob({ Job: gatewayJob("second", "api") });
    await server.deregisterJob("default", "second", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await server.registerJob({ Job: gatewayJob("edge", "web") });
    await assert.rejects(server.registerJob({ Job: gatewayJob("second", "api") }), /gateway "front" is run by job "edge"/);
    assert.deepEqual(targets(mesh.entries.get("front")?.definition), ["web"]);
  });
});

test("a plan says what would become of a gateway's entry, and what would be in its way, and writes nothing", () => {
  const mesh = createMemoryMesh();
  return inside({ server: { mesh } }, async ({ server }) => {
    const planned = async (target: string) => (await server.planJob({ Job: gatewayJob("edge", target), Diff: false })).Warnings;
    assert.match(await planned("api"), /gateway "front": Consul's entry ingress-gateway "front" would be written/);
    await server.registerJob({ Job: gatewayJob("edge", "api") });
    const before = [...mesh.written];
    assert.doesNotMatch(await planned("api"), SAYS);
    assert.match(await planned("web"), /ingress-gateway "front" would be changed/);
    mesh.away = true;
    assert.match(await planned("web"), /gateway "front": what would become of its entry cannot be said: Cannot reach the mesh/);
    mesh.away = false;
    mesh.lacks = 'mesh = "write"';
    assert.match(await planned("web"), /gateway "front": the job would be refused: /);
    mesh.lacks = "";
    const theirs = mesh.entries.get("front");
    assert.ok(theirs);
    mesh.entries.set("front", { ...theirs, jobId: "" });
    assert.match(
      await planned("web"),
      /the job would be refused: Cannot write gateway "front": one of that name was made by somebody else/,
    );
    assert.deepEqual(mesh.written, before);
  });
});

test("nothing is registered when the mesh cannot be written, and nothing is written for a job that is refused", () => {
  const mesh = createMemoryMesh();
  const code = (wanted: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === wanted;
  return inside({ server: { mesh } }, async ({ server, cluster }) => {
    mesh.away = true;
    await assert.rejects(server.registerJob({ Job: gatewayJob("edge", "api") }), code("MESH_UNREACHABLE"));
    mesh.away = false;
    mesh.lacks = 'mesh = "write"';
    await assert.rejects(server.registerJob({ Job: gatewayJob("edge", "api") }), code("MESH_DENIED"));
    mesh.lacks = "";
    assert.equal(cluster.state.snapshot().job("default", "edge"), undefined);
    await assert.rejects(
      server.registerJob({ Job: gatewayJob("edge", "api"), EnforceIndex: true, JobModifyIndex: 7 }),
      code("JOB_INDEX_CONFLICT"),
    );
    assert.deepEqual(mesh.written, []);
    await server.planJob({ Job: gatewayJob("edge", "api"), Diff: true });
    assert.deepEqual(mesh.written, [], "a plan writes nothing");
  });
});

test("a server without Consul says that it wrote nothing", () =>
  inside({}, async ({ server }) => {
    const { Warnings } = await server.registerJob({ Job: gatewayJob("edge", "api") });
    assert.match(Warnings, /gateway "front": this server knows no Consul/);
  }));
