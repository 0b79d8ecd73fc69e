import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, AllocationId, NodeId, ServiceRegistration } from "#model";
import type { LinkConnection, NodeEnd, ServicesChanged } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { registration } from "../../state/nouns.ts";
import { inside } from "../inside.ts";

const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;

interface Player {
  readonly id: NodeId;
  readonly connection: LinkConnection;
  readonly told: ServicesChanged[];
  /** Of this node, by id. */
  allocations(): readonly Allocation[];
  of(allocation: Allocation, name: string, with_?: Partial<ServiceRegistration>): ServiceRegistration;
  say(allocation: Allocation, status: "running" | "complete" | "failed"): Promise<void>;
}

async function join(world: World, name: string): Promise<Player> {
  const node = nodeOf(world.random, { name, datacenter: "east" });
  const told: ServicesChanged[] = [];
  const end: NodeEnd = {
    allocationsChanged: () => undefined,
    servicesChanged: (change) => told.push(change),
    services: {} as NodeEnd["services"],
  };
  const connection = await world.link.connect(node, end, () => undefined);
  await connection.register(node);
  return {
    id: node.ID,
    connection,
    told,
    allocations: () => [...world.cluster.state.snapshot().allocationsByNode(node.ID)],
    of: (allocation, name, with_ = {}) =>
      registration(`_nomad-task-${allocation.ID}-group-${name}-http`, {
        ServiceName: name,
        NodeID: node.ID,
        AllocID: allocation.ID,
        ...with_,
      }),
    async say(allocation, ClientStatus) {
      const update = { ID: allocation.ID, NodeID: node.ID, ClientStatus, ClientDescription: "", TaskStates: {} };
      await Promise.all([connection.updateAllocations([update]), world.clock.advance(1_000)]);
    },
  };
}

async function withAllocations(world: World, count = 2): Promise<[Player, Allocation, Allocation]> {
  const player = await join(world, "n1");
  await world.server.registerJob({ Job: jobOf({ id: "web", count }) });
  await world.clock.advance(1_000);
  const [first, second] = player.allocations();
  assert.ok(first !== undefined);
  return [player, first, second ?? first];
}
const all = (world: World) => [...world.cluster.state.snapshot().services("*")];

test("a node registers its allocations' services; the servers say whose they are, and where", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    const lie = { Namespace: "other" as never, JobID: "other" as never, Datacenter: "west", NodeID: "elsewhere" as NodeId };
    await player.connection.upsertServices([player.of(first, "api", { ...lie, Tags: ["v1"], Port: 8_080 })]);
    const [stored] = all(world);
    assert.deepEqual(stored, {
      ...player.of(first, "api", { Tags: ["v1"], Port: 8_080, JobID: "web" as never, Datacenter: "east" }),
      CreateIndex: world.cluster.state.index,
      ModifyIndex: world.cluster.state.index,
    });
    assert.deepEqual(await player.connection.services(), [stored]);
  }));

test("what is registered again unchanged writes nothing; a change keeps when it was created", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    const service = player.of(first, "api");
    await player.connection.upsertServices([service]);
    const before = world.cluster.state.snapshot().tableIndex("services");
    await player.connection.upsertServices([service]);
    assert.equal(world.cluster.state.snapshot().tableIndex("services"), before);
    await player.connection.upsertServices([
      { ...service, Tags: ["new"] },
      { ...service, ServiceName: "api", Port: 9, Tags: ["newer"] },
    ]);
    const [stored, ...more] = all(world);
    assert.deepEqual([stored?.Tags, stored?.CreateIndex, more.length], [["newer"], before, 0]);
  }));

test("a service that is renamed under its id has one name", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    await player.connection.upsertServices([player.of(first, "api")]);
    await player.connection.upsertServices([{ ...player.of(first, "api"), ServiceName: "renamed" }]);
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual([...snapshot.servicesByName("default", "api")], []);
    assert.equal([...snapshot.servicesByName("default", "renamed")].length, 1);
  }));

test("a node speaks for its own only: one that is another's refuses all of them (F29)", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    const thief = await join(world, "n2");
    await player.connection.upsertServices([player.of(first, "api")]);
    await assert.rejects(thief.connection.upsertServices([thief.of(first, "stolen")]), isCode("SERVICE_FOREIGN"));
    // Under another's id, though of an allocation nobody knows.
    const overwriting = { ...thief.of(first, "api"), AllocID: "gone" as AllocationId };
    await assert.rejects(thief.connection.upsertServices([overwriting]), isCode("SERVICE_FOREIGN"));
    await thief.connection.deleteServices([player.of(first, "api").ID, "unknown"]);
    assert.deepEqual(
      all(world).map(({ NodeID }) => NodeID),
      [player.id],
    );
    assert.deepEqual(await thief.connection.services(), []);
    await player.connection.deleteServices([player.of(first, "api").ID, "unknown"]);
    assert.deepEqual(all(world), []);
  }));

test("a connection that has not registered says nothing of services", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const end = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as NodeEnd["services"] };
    const connection = await world.link.connect(node, end, () => undefined);
    for (const call of [
      () => connection.services(),
      () => connection.upsertServices([]),
      () => connection.deleteServices(["x"]),
      () => connection.followServices(),
    ])
      await assert.rejects(call(), isCode("LINK_REFUSED"));
  }));

test("what has ended leaves nothing, whoever deletes it, and does not come back (F28)", () =>
  inside({}, async (world) => {
    const [player, first, second] = await withAllocations(world);
    await player.connection.upsertServices([player.of(first, "api"), player.of(first, "admin"), player.of(second, "api")]);
    await player.say(first, "complete");
    assert.deepEqual(
      all(world).map(({ AllocID }) => AllocID),
      [second.ID],
    );
    await player.connection.upsertServices([player.of(first, "api")]);
    assert.equal(all(world).length, 1);
    await world.server.purgeNode(player.id);
    assert.deepEqual(all(world), []);
  }));

test("a node that falls silent loses its services when its allocations are lost", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world, 1);
    await player.connection.upsertServices([player.of(first, "api")]);
    await player.say(first, "running");
    await world.clock.advance(300_000);
    assert.equal(world.cluster.state.snapshot().allocation(first.ID)?.ClientStatus, "lost");
    assert.deepEqual(all(world), []);
  }));

test("who follows hears the whole registry first, then every change within a turn, all of a turn in one message", () =>
  inside({}, async (world) => {
    const [player, first, second] = await withAllocations(world);
    const follower = await join(world, "n2");
    await player.connection.upsertServices([player.of(first, "api")]);
    assert.equal(follower.told.length, 0, "nobody is told who has not asked");
    await follower.connection.followServices();
    await eventually("the whole of it", () => follower.told.length === 1);
    assert.deepEqual(
      [follower.told[0]?.Complete, follower.told[0]?.ClusterId, follower.told[0]?.Changed.map(({ ServiceName }) => ServiceName)],
      [true, world.cluster.clusterId, ["api"]],
    );
    await player.connection.upsertServices([player.of(second, "api"), player.of(second, "admin")]);
    await eventually("the change", () => follower.told.length === 2);
    const [, change] = follower.told;
    assert.deepEqual([change?.Complete, change?.Changed.length, change?.Gone], [false, 2, []]);
    assert.equal(change?.Index, world.cluster.state.index);
    await player.say(first, "failed");
    await eventually("what went", () => follower.told.some(({ Gone }) => Gone.includes(player.of(first, "api").ID)));
    const heard = follower.told.length;
    follower.connection.close();
    await player.connection.deleteServices([player.of(second, "api").ID]);
    await world.clock.advance(1_000);
    assert.equal(follower.told.length, heard);
  }));

test("a follower's copy is the registry, whatever is written", () =>
  inside({}, async (world) => {
    const [player, first, second] = await withAllocations(world);
    const follower = await join(world, "n2");
    await follower.connection.followServices();
    for (let at = 0; at < 60; at++) {
      const service = player.of(at % 2 === 0 ? first : second, `s${world.random.integer(6)}`, { Port: world.random.integer(3) });
      // Not waited for: several fall into one turn.
      const write =
        world.random.integer(3) === 0 ? player.connection.deleteServices([service.ID]) : player.connection.upsertServices([service]);
      if (at % 5 === 0) await write;
      else write.catch(() => undefined);
    }
    await player.connection.services();
    const copy = () => {
      const known = new Map<string, ServiceRegistration>();
      for (const { Complete, Changed, Gone } of follower.told) {
        if (Complete) known.clear();
        for (const id of Gone) known.delete(id);
        for (const each of Changed) known.set(each.ID, each);
      }
      return [...known.values()].sort((a, b) => (a.ID < b.ID ? -1 : 1));
    };
    await eventually("both are the same", () => {
      assert.deepEqual(
        copy(),
        all(world).sort((a, b) => (a.ID < b.ID ? -1 : 1)),
      );
      return true;
    });
    assert.ok(follower.told.length > 3);
  }));

test("ten thousand services registered at once are entries the log can hold (F21)", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    let largest = 0;
    world.cluster.state.watch.subscribe(({ command }) => void (largest = Math.max(largest, JSON.stringify(command).length)));
    const many = Array.from({ length: 10_000 }, (_, at) => player.of(first, `s${at}`));
    await player.connection.upsertServices(many);
    assert.equal(all(world).length, 10_000);
    await player.connection.deleteServices(many.map(({ ID }) => ID));
    assert.deepEqual([all(world).length, largest < 600_000], [0, true]);
  }));

test("a person deletes a registration by its name and id; another name, namespace or id is not found", () =>
  inside({}, async (world) => {
    const [player, first] = await withAllocations(world);
    const service = player.of(first, "api");
    await player.connection.upsertServices([service]);
    for (const [namespace, name, id] of [
      ["default", "web", service.ID],
      ["other", "api", service.ID],
      ["default", "api", "x"],
    ] as const)
      await assert.rejects(world.server.deleteService(namespace, name, id), isCode("SERVICE_NOT_FOUND"));
    const { Index } = await world.server.deleteService("default", "api", service.ID);
    assert.deepEqual([all(world), Index], [[], world.cluster.state.index]);
  }));
