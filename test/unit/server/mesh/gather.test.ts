import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, Job, NodeId } from "#model";
import type { AllocationMesh, Clock, Mesh, NodeServices } from "#ports";
import type { ServerContext } from "../../../../src/server/context.ts";
import { gatherMesh } from "../../../../src/server/mesh/gather.ts";

const job = (ID: string, Namespace: string, group: object, more: object = {}): Job =>
  ({ ID, Namespace, Stop: false, TaskGroups: [{ Name: "g", Services: [], Tasks: [], ...group }], ...more }) as unknown as Job;
const allocation = (ID: string, JobID: string, NodeID: string, more: object = {}): Allocation =>
  ({
    ID,
    JobID,
    NodeID,
    Namespace: "default",
    TaskGroup: "g",
    DesiredStatus: "run",
    ClientStatus: "running",
    ...more,
  }) as unknown as Allocation;

/** Timers go off at once when `late`: whoever has not answered by then is too late. */
function contextOf(
  jobs: readonly Job[],
  allocations: readonly Allocation[],
  mesh?: Partial<Mesh>,
  late = false,
  datacenterOf: (node: string) => string = () => "dc1",
): ServerContext {
  const clock = {
    nowMs: () => 7,
    after: (_delayMs: number, task: () => void) => {
      if (late) queueMicrotask(task);
      return { cancel: () => undefined };
    },
  } as unknown as Clock;
  const snapshot = {
    node: (id: string) => ({ Attributes: { "consul.datacenter": datacenterOf(id) } }),
    jobs: (namespace: string) => jobs.filter((each) => namespace === "*" || each.Namespace === namespace),
    allocationsByJob: (namespace: string, id: string) => allocations.filter((each) => each.Namespace === namespace && each.JobID === id),
  };
  return { cluster: { state: { snapshot: () => snapshot } }, clock, mesh } as unknown as ServerContext;
}
const report = (Service: string) => ({ Service, Task: `connect-proxy-${Service}` });
const answering = (mesh: () => Promise<AllocationMesh>): NodeServices => ({ mesh }) as unknown as NodeServices;

test("both services are looked up in the jobs of the namespace, in groups and tasks, and the allocations that should run are asked", async () => {
  const jobs = [
    job("one", "default", { Services: [{ Name: "web" }] }),
    job("two", "default", { Tasks: [{ Services: [{ Name: "api" }] }] }),
    job("elsewhere", "team", { Services: [{ Name: "api" }] }),
  ];
  const allocations = [
    allocation("a1", "one", "n1"),
    allocation("a2", "one", "n1", { DesiredStatus: "stop" }),
    allocation("a3", "one", "n1", { ClientStatus: "failed" }),
    allocation("b1", "two", "n2"),
    allocation("b2", "two", "n2", { TaskGroup: "other" }),
  ];
  const asked: string[] = [];
  const services = (node: NodeId) =>
    answering(async () => {
      asked.push(node);
      return { Proxies: [report("other"), report(node === "n1" ? "web" : "api")] } as unknown as AllocationMesh;
    });
  const mesh = {
    authority: async () => ({ provider: "consul", trustDomain: "d.consul", roots: 1 }),
    mayConnect: async (source: string, destination: string) => ({
      allowed: source === "web" && destination === "api",
      because: undefined,
      defaultAllow: true,
    }),
    service: async (name: string) => (name === "web" ? undefined : ({ name } as never)),
  };
  const facts = await gatherMesh(contextOf(jobs, allocations, mesh), services, { source: "web", destination: "api", namespace: "default" });
  assert.deepEqual(asked.sort(), ["n1", "n2"]);
  assert.deepEqual(
    [facts.source.definitions.map((each) => each.jobId), facts.destination.definitions.map((each) => each.jobId)],
    [["one"], ["two"]],
  );
  assert.deepEqual(facts.source.allocations, [{ id: "a1", clientStatus: "running", proxy: { known: true, value: report("web") } }]);
  assert.deepEqual(facts.source.registered, { known: true, value: undefined });
  assert.deepEqual(facts.authority, { known: true, value: { provider: "consul", trustDomain: "d.consul", roots: 1 } });
  assert.deepEqual(facts.intention, { known: true, value: { allowed: true, because: undefined, defaultAllow: true } });
});

test("a node that is gone, one that never answers, and a server without Consul are said, not thrown", async () => {
  const jobs = [job("one", "default", { Services: [{ Name: "web" }] })];
  const gone = await gatherMesh(
    contextOf(jobs, [allocation("a1", "one", "n1")]),
    () => {
      throw new Error("No path to node");
    },
    { source: "web", destination: "api", namespace: "default" },
  );
  assert.deepEqual(gone.source.allocations[0]?.proxy, { known: false, problem: "No path to node" });
  assert.ok(!gone.intention.known && /no consul block/.test(gone.intention.problem));
  const never = () => new Promise<never>(() => undefined);
  const silent = await gatherMesh(
    contextOf(jobs, [allocation("a1", "one", "n1")], { mayConnect: never, service: never, authority: never }, true),
    () => answering(() => new Promise(() => undefined)),
    { source: "web", destination: "api", namespace: "default" },
  );
  assert.deepEqual(silent.source.allocations[0]?.proxy, { known: false, problem: "no answer within 10 s" });
  assert.deepEqual(silent.intention, { known: false, problem: "no answer within 5 s" });
});

test("a destination is sought where the source's upstream seeks it: in another datacenter only nodes of that one count, at a peer none", async () => {
  const asked: unknown[] = [];
  const gathered = async (upstream: object) => {
    const Connect = {
      SidecarService: { Proxy: { Upstreams: [{ DestinationName: "api", Datacenter: "", DestinationPeer: "", ...upstream }] } },
    };
    const jobs = [job("one", "default", { Services: [{ Name: "web", Connect }] }), job("two", "default", { Services: [{ Name: "api" }] })];
    const allocations = [allocation("b1", "two", "n1"), allocation("b2", "two", "n2")];
    const mesh = {
      authority: async () => ({ provider: "consul", trustDomain: "d.consul", roots: 1 }),
      mayConnect: async () => ({ allowed: true, because: undefined, defaultAllow: true }),
      service: async (name: string, datacenter?: string) => {
        asked.push([name, datacenter]);
        return undefined;
      },
    };
    const context = contextOf(jobs, allocations, mesh, false, (node) => (node === "n2" ? "dc2" : "dc1"));
    const services = () => answering(async () => ({ Proxies: [] }) as unknown as AllocationMesh);
    const { destination } = await gatherMesh(context, services, { source: "web", destination: "api", namespace: "default" });
    return [destination.allocations.map((each) => each.id), destination.definitions.length, destination.elsewhere];
  };
  assert.deepEqual(await gathered({}), [["b1", "b2"], 1, undefined]);
  assert.deepEqual(await gathered({ Datacenter: "dc2" }), [["b2"], 1, { datacenter: "dc2", peer: "" }]);
  assert.deepEqual(await gathered({ Datacenter: "dc3" }), [[], 0, { datacenter: "dc3", peer: "" }]);
  assert.deepEqual(asked.splice(0), [
    ["web", undefined],
    ["api", undefined],
    ["web", undefined],
    ["api", "dc2"],
    ["web", undefined],
    ["api", "dc3"],
  ]);
  assert.deepEqual(await gathered({ DestinationPeer: "east" }), [[], 0, { datacenter: "", peer: "east" }]);
  assert.deepEqual(asked, [["web", undefined]]);
});
