import assert from "node:assert/strict";
import { test } from "node:test";
import { aJob, anAllocation, createWorld, FakeNode } from "./fake-world.ts";

interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

const USAGE = {
  ResourceUsage: {
    MemoryStats: { RSS: 1000, Cache: 0, Swap: 0, Usage: 2000, MaxUsage: 3000, KernelUsage: 0, KernelMaxUsage: 0, Measured: ["RSS"] },
    CpuStats: { SystemMode: 1, UserMode: 2, TotalTicks: 30, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 3, Measured: ["Percent"] },
    DeviceStats: [],
  },
  Timestamp: 1,
  Pids: null,
};

function worldWithNode(publish: { node?: boolean; allocations?: boolean }) {
  const services = new FakeNode();
  services.allocationUsage = (async () => ({ ...USAGE, Tasks: { t: USAGE } })) as never;
  const world = createWorld({ localNode: { id: "n1", services }, prometheus: true, publish });
  const job = aJob("web/dispatch-77", { ParentID: "web" });
  world.state.allocations = [
    ...world.state.allocations,
    anAllocation("child", job),
    anAllocation("done", aJob("web"), { ClientStatus: "complete" }),
  ];
  return world;
}

test("The node's gauges say what runs there, what it holds and what is left, under the node's labels", async () => {
  const { api } = worldWithNode({});
  const { Gauges } = (await api.inject({ method: "GET", url: "/v1/metrics" })).json<{ Gauges: Gauge[] }>();
  const value = (name: string) => Gauges.find((one) => one.Name === name)?.Value;
  assert.equal(value("nomad.client.allocations.running"), 2);
  assert.equal(value("nomad.client.allocations.terminal"), 1);
  assert.equal(value("nomad.client.allocs.complete"), 1);
  assert.deepEqual([value("nomad.client.allocated.cpu"), value("nomad.client.unallocated.cpu")], [200, 3800]);
  assert.deepEqual([value("nomad.client.allocated.memory"), value("nomad.client.unallocated.memory")], [600, 3496]);
  assert.deepEqual([value("nomad.client.allocated.max_memory"), value("nomad.client.allocations.blocked")], [600, 0]);
  assert.equal(value("nomad.client.tasks.dead"), 0);
  assert.equal(value("nomad.nomad.broker.total_ready"), 3);
  assert.equal(value("nomad.raft.appliedIndex"), 10);
  assert.ok((value("nomad.client.uptime") ?? -1) >= 0);
  assert.deepEqual(Gauges.find((one) => one.Name === "nomad.client.uptime")?.Labels, {
    node_id: "n1",
    datacenter: "dc1",
    node_class: "none",
    node_pool: "default",
    node_status: "ready",
    node_scheduling_eligibility: "eligible",
  });
  assert.equal(value("nomad.client.host.memory.total"), undefined, "not published unless asked for");
  assert.equal(value("nomad.client.allocs.memory.rss"), undefined);
  await api.close();
});

test("What machine and tasks use is published where the configuration says so; a child names its parent", async () => {
  const { api } = worldWithNode({ node: true, allocations: true });
  const { Gauges } = (await api.inject({ method: "GET", url: "/v1/metrics" })).json<{ Gauges: Gauge[] }>();
  const child = Gauges.find((one) => one.Name === "nomad.client.allocs.memory.rss" && one.Labels["alloc_id"] === "child");
  assert.equal(child?.Value, 1000);
  assert.deepEqual(
    [child.Labels["job"], child.Labels["parent_id"], child.Labels["dispatch_id"], child.Labels["task"], child.Labels["namespace"]],
    ["web/dispatch-77", "web", "77", "t", "default"],
  );
  assert.equal(Gauges.find((one) => one.Name === "nomad.client.allocs.cpu.total_percent")?.Value, 3);
  assert.equal(Gauges.find((one) => one.Name === "nomad.client.allocs.cpu.allocated")?.Value, 100);
  assert.equal(Gauges.find((one) => one.Name === "nomad.client.host.memory.total")?.Value, 1);
  assert.equal(Gauges.find((one) => one.Name === "nomad.client.host.disk.used_percent")?.Labels["disk"], "/dev/x");
  const text = (await api.inject({ method: "GET", url: "/v1/metrics?format=prometheus" })).body;
  assert.match(text, /^nomad_client_allocs_memory_rss\{.*alloc_id="child".*dispatch_id="77".*\} 1000$/m);
  assert.match(text, /^nomad_client_allocs_memory_rss\{.*alloc_id="a1".*\} 1000$/m);
  // Every line of the text can be read: a name, labels, a number.
  for (const line of text.trim().split("\n"))
    assert.match(line, /^(# (HELP|TYPE) .*|[a-z][A-Za-z0-9_]*(\{[^{}]*\})? (NaN|-?[\d.e+]+)|)$/, line);
  await api.close();
});

test("How long things took is a sample of the last ten seconds, and a summary with totals for Prometheus", async () => {
  const { api } = createWorld({ prometheus: true });
  const { Samples } = (await api.inject({ method: "GET", url: "/v1/metrics" })).json<{ Samples: object[] }>();
  assert.deepEqual(Samples, [
    { Name: "nomad.nomad.plan.apply", Labels: {}, Count: 2, Rate: 0.6, Sum: 6, Min: 2, Max: 4, Mean: 3, Stddev: 1.5 },
  ]);
  const text = (await api.inject({ method: "GET", url: "/v1/metrics?format=prometheus" })).body;
  assert.match(text, /\n\n# HELP nomad_nomad_plan_apply .*\n# TYPE nomad_nomad_plan_apply summary\n/);
  assert.match(text, /\nnomad_nomad_plan_apply\{quantile="0.99"\} 4\nnomad_nomad_plan_apply_sum 30\nnomad_nomad_plan_apply_count 7\n/);
  assert.match(text, /\nnomad_nomad_worker_invoke_scheduler_batch\{quantile="0.5"\} NaN\n/);
  await api.close();
});
