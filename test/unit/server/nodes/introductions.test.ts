import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryKeyEncryption } from "#integrations/memory";
import type { Node } from "#model";
import type { HeartbeatAnswer, NodeEnd } from "#ports";
import { verifyNodeIdentity } from "#server";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { nodeOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const END: NodeEnd = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as NodeEnd["services"] };
const denied = (thrown: unknown) => thrown instanceof NamedError && thrown.message.includes("Permission denied");

async function register(world: World, node: Node, token?: string): Promise<HeartbeatAnswer> {
  const connection = await world.link.connect(node, END, () => undefined);
  return connection.register(node, token);
}

function keyed(enforcement: "none" | "warn" | "strict", play: (world: World, warned: () => number) => Promise<void>): Promise<void> {
  let warnings = 0;
  const report = ({ message }: { readonly message: string }) => void (message.includes("introduction token") && warnings++);
  const server = { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" as const }, introductions: { enforcement }, report };
  return inside({ server }, async (world) => {
    await eventually("a key is active", () => world.cluster.state.snapshot().activeRootKey());
    await play(world, () => warnings);
  });
}

test("strict: a new node joins only with a token of this cluster, in time, for its pool and name; who is known needs none", () =>
  keyed("strict", async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const introduce = async (nodeName: string, nodePool: string, ttlMs = 0) =>
      (await world.server.introduceNode({ ttlMs, nodeName, nodePool })).JWT;
    await assert.rejects(register(world, node), denied);
    await assert.rejects(register(world, node, "a.b.c"), denied);
    await assert.rejects(register(world, node, await introduce("another", "default")), denied);
    await assert.rejects(register(world, node, await introduce("n1", "special")), denied);
    const late = await introduce("n1", "default", 1_000);
    await world.clock.advance(2_000);
    await assert.rejects(register(world, node, late), denied);
    assert.equal(world.cluster.state.snapshot().nodeCount, 0);
    const first = await register(world, node, await introduce("", "default"));
    // Its identity is no introduction.
    const second = nodeOf(world.random, { name: "n2" });
    await assert.rejects(register(world, second, first.NodeIdentity ?? ""), denied);
    await register(world, node);
    assert.equal(world.cluster.state.snapshot().nodeCount, 1);
  }));

test("warn: it joins, and the log says so; none: nothing is said", async () => {
  await keyed("warn", async (world, warned) => {
    await register(world, nodeOf(world.random, { name: "n1" }));
    assert.equal(warned(), 1);
    await register(
      world,
      nodeOf(world.random, { name: "n2" }),
      (await world.server.introduceNode({ ttlMs: 0, nodeName: "n2", nodePool: "" })).JWT,
    );
    assert.equal(warned(), 1);
  });
  await keyed("none", async (world, warned) => {
    await register(world, nodeOf(world.random, { name: "n1" }));
    assert.equal(warned(), 0);
  });
});

test("a token for longer than max_identity_ttl is not made", () =>
  keyed("strict", (world) =>
    assert.rejects(world.server.introduceNode({ ttlMs: 1_800_001, nodeName: "", nodePool: "" }), { statusCode: 400 }),
  ));

test("a registered node has an identity; another comes when less than a third of its time is left, or when it is asked for", () =>
  keyed("none", async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const connection = await world.link.connect(node, END, () => undefined);
    const { NodeIdentity: first = "" } = await connection.register(node);
    const claims = await verifyNodeIdentity({ cluster: world.cluster, clock: world.clock }, first);
    assert.deepEqual(
      [claims?.sub, claims?.nomad_node_id, claims?.nomad_node_pool, claims?.nomad_node_datacenter, claims?.exp],
      [`node:global:default:${node.ID}:default`, node.ID, "default", node.Datacenter, (claims?.iat ?? 0) + 86_400],
    );
    assert.equal((await connection.heartbeat()).NodeIdentity, undefined);
    world.server.renewNodeIdentity(node.ID);
    const { NodeIdentity: second = "" } = await connection.heartbeat();
    assert.notEqual(second, first);
    assert.equal(world.server.nodeIdentity(node.ID)?.nomad_node_id, node.ID);
    await world.clock.advance(15 * 3_600_000);
    assert.equal((await connection.heartbeat()).NodeIdentity, undefined);
    await world.clock.advance(2 * 3_600_000);
    assert.ok((await connection.heartbeat()).NodeIdentity);
    // Its pool may say otherwise.
    await world.server.upsertNodePool({ Name: "brief", NodeIdentityTTL: "1h" });
    const other = nodeOf(world.random, { name: "n2" });
    const { NodeIdentity: hour = "" } = await register(world, { ...other, NodePool: "brief" });
    const brief = await verifyNodeIdentity({ cluster: world.cluster, clock: world.clock }, hour);
    assert.equal((brief?.exp ?? 0) - (brief?.iat ?? 0), 3_600);
    // A node that was forgotten is nobody.
    await world.server.purgeNode(node.ID);
    assert.equal(await verifyNodeIdentity({ cluster: world.cluster, clock: world.clock }, second), undefined);
  }));
