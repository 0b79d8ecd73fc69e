/** The sockets of an allocation that lead to Consul: which, where to, for how long. Time is an argument. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Value } from "typebox/value";
import { createMemoryMesh } from "#integrations/memory";
import type { TaskGroup } from "#model";
import type { Tunnels, TunnelTarget } from "#ports";
import { AllocationSockets, httpTarget } from "../../../../src/client/mesh/sockets.ts";
import { Network } from "../../../../src/model/network.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { anAllocation, SECOND } from "../stage.ts";

const AT = { host: "10.0.0.7", port: 8502, tls: false, ca: "", serverName: "", datacenter: "dc1", nodeName: "n" };

function world() {
  const clock = createSimulatedClock();
  const mesh = createMemoryMesh();
  let asked = 0;
  const { endpoint } = mesh;
  mesh.endpoint = () => {
    asked++;
    return endpoint();
  };
  const open = new Map<string, () => TunnelTarget | undefined>();
  const tunnels: Tunnels = {
    open: (path, target) => {
      assert.ok(!open.has(path));
      open.set(path, target);
      return Promise.resolve({ connections: 0, close: () => Promise.resolve(void open.delete(path)) });
    },
  };
  const sockets = new AllocationSockets({ tunnels, mesh, clock });
  const to = (name: string): TunnelTarget | undefined => open.get(`/shared/tmp/${name}`)?.();
  return { clock, mesh, open, sockets, to, asked: () => asked };
}

function group(mode: string, ...kinds: readonly string[]): TaskGroup {
  const Networks = [{ ...(Value.Create(Network) as Network), Mode: mode }];
  const tasks = kinds.map((Kind, index) => ({ Name: `task-${index}`, Kind }));
  return anAllocation("a", { tasks: [...tasks, { Name: "main" }], group: { Networks } }).Job.TaskGroups[0] ?? assert.fail();
}

test("each group has those it needs: none on the machine's own network, or without the mesh", async () => {
  const { open, sockets, mesh, to } = world();
  mesh.at = AT;
  const cases: readonly (readonly [TaskGroup, readonly string[]])[] = [
    [group("bridge", "connect-proxy:web"), ["consul_grpc.sock"]],
    [group("bridge", "connect-native:web"), ["consul_http.sock"]],
    [group("cni/x", "connect-native:web", "connect-ingress:in"), ["consul_http.sock", "consul_grpc.sock"]],
    [group("host", "connect-proxy:web", "connect-native:web"), []],
    [group("bridge"), []],
  ];
  for (const [each, names] of cases) {
    await sockets.open(each, "/shared");
    assert.deepEqual(
      [...open.keys()],
      names.map((name) => `/shared/tmp/${name}`),
    );
    if (names.includes("consul_grpc.sock")) assert.deepEqual(to("consul_grpc.sock"), { host: "10.0.0.7", port: 8502 });
  }
});

test("one for a native service needs no gRPC port, and asks Consul nothing", async () => {
  const { sockets, to, asked } = world();
  await sockets.open(group("bridge", "connect-native:web"), "/shared");
  assert.deepEqual([to("consul_http.sock"), asked()], [{ host: "127.0.0.1", port: 8500 }, 0]);
});

test("a Consul that comes later is found, one that moves is followed, one that is away for a moment stays where it was", async () => {
  const { clock, mesh, sockets, to } = world();
  mesh.away = true;
  await sockets.open(group("bridge", "connect-proxy:web"), "/shared");
  assert.equal(to("consul_grpc.sock"), undefined);
  mesh.away = false;
  await clock.advance(2 * SECOND);
  assert.equal(to("consul_grpc.sock"), undefined, "it has no port yet");
  mesh.at = AT;
  await clock.advance(2 * SECOND);
  assert.deepEqual(to("consul_grpc.sock"), { host: "10.0.0.7", port: 8502 });
  mesh.away = true;
  await clock.advance(30 * SECOND);
  assert.deepEqual(to("consul_grpc.sock"), { host: "10.0.0.7", port: 8502 });
  mesh.away = false;
  mesh.at = { ...AT, port: 9502 };
  await clock.advance(20 * SECOND);
  assert.deepEqual(to("consul_grpc.sock"), { host: "10.0.0.7", port: 9502 });
});

test("a Consul that hangs holds nobody up for longer than a moment", async () => {
  const { clock, mesh, open, sockets } = world();
  mesh.endpoint = () => new Promise(() => {});
  let opened = false;
  const opening = sockets.open(group("bridge", "connect-proxy:web"), "/shared").then(() => (opened = true));
  await clock.advance(0.5 * SECOND);
  assert.equal(opened, false);
  await clock.advance(SECOND);
  await opening;
  assert.equal(open.size, 1);
});

test("their end ends them, also while they are opened; nobody asks any more, and once only after they were opened again", async () => {
  const { clock, mesh, open, sockets, asked } = world();
  mesh.at = AT;
  const bridge = group("bridge", "connect-proxy:web");
  const opening = sockets.open(bridge, "/shared");
  await Promise.resolve();
  const closing = sockets.close();
  await Promise.all([opening, closing]);
  assert.equal(open.size, 0);
  await sockets.open(bridge, "/shared");
  await sockets.open(bridge, "/shared");
  const before = asked();
  await clock.advance(31 * SECOND);
  assert.equal(asked() - before, 2);
  await sockets.close();
  const last = asked();
  await clock.advance(60 * SECOND);
  assert.deepEqual([asked(), open.size], [last, 0]);
});

test("where Consul's HTTP is follows from its address", () => {
  const said = [
    "http://127.0.0.1:8500",
    "https://consul.example",
    "http://consul.example",
    "https://[::1]:8501",
    "unix:///run/c.sock",
    "",
    "nonsense",
  ];
  assert.deepEqual(
    said.map((each) => httpTarget(each)),
    [
      { host: "127.0.0.1", port: 8500 },
      { host: "consul.example", port: 443 },
      { host: "consul.example", port: 80 },
      { host: "::1", port: 8501 },
      { path: "/run/c.sock" },
      undefined,
      undefined,
    ],
  );
});
