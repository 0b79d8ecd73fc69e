import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chooseServices, type Namespace, type ServiceRegistration } from "#model";
import type { Thing, VariableAnswer, VariableQuestion } from "#ports";
import { NamedError } from "#std";
import { choose } from "../../../../src/api/server/listing/choose.ts";
import { NomadServices } from "../../../../src/client/lookout/nomad-services.ts";
import { nomadThings } from "../../../../src/client/lookout/nomad-source.ts";
import { workloadToken } from "../../../../src/client/lookout/workload.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { allocationId, SECOND } from "../stage.ts";

const token = workloadToken({ allocation: allocationId("a"), task: "main", namespace: "default" });
const forever = new AbortController().signal;

function instance(id: string, shape: Partial<ServiceRegistration> = {}): ServiceRegistration {
  return {
    ID: id,
    ServiceName: "web",
    Namespace: "default" as Namespace,
    NodeID: "node" as ServiceRegistration["NodeID"],
    Datacenter: "dc1",
    JobID: "job" as ServiceRegistration["JobID"],
    AllocID: allocationId("b"),
    Tags: ["one"],
    Address: "10.0.0.1",
    Port: 80,
    CreateIndex: 1,
    ModifyIndex: 1,
    ...shape,
  };
}

const thing = (kind: string, name: string, options: Record<string, string> = {}): Thing => ({ system: "nomad", kind, name, options });

function createWorld(
  readVariable: (question: VariableQuestion, signal: AbortSignal) => Promise<VariableAnswer> = () => Promise.reject(new Error()),
) {
  const clock = createSimulatedClock();
  const services = new NomadServices();
  let followed = 0;
  const source = nomadThings({ servers: { readVariable }, services, clock, followServices: () => followed++ });
  const read = (what: Thing, after = "") => source.read(what, { token, after, signal: forever });
  const complete = (Changed: readonly ServiceRegistration[], Index = 1) =>
    services.accept({ ClusterId: "c", Index, Complete: true, Changed, Gone: [] });
  return { clock, services, source, read, complete, followed: () => followed };
}

describe("services of the servers' registry", () => {
  test("are those of the task's namespace, told when they change and not when others do", async () => {
    const world = createWorld();
    const waiting = world.read(thing("service", "web"));
    await world.clock.settle();
    world.complete([instance("1"), instance("2", { ServiceName: "db" }), instance("3", { Namespace: "other" as Namespace })]);
    const first = await waiting;
    assert.deepEqual(first.value, [
      {
        ID: "1",
        Name: "web",
        Node: "node",
        NodeID: "node",
        Address: "10.0.0.1",
        Port: 80,
        Datacenter: "dc1",
        Tags: ["one"],
        JobID: "job",
        AllocID: allocationId("b"),
      },
    ]);
    assert.equal(world.followed(), 1);
    let answered = false;
    const next = world.read(thing("service", "web"), first.index).finally(() => (answered = true));
    world.services.accept({ ClusterId: "c", Index: 2, Complete: false, Changed: [instance("4", { ServiceName: "db" })], Gone: ["2"] });
    await world.clock.advance(SECOND);
    assert.equal(answered, false);
    world.services.accept({ ClusterId: "c", Index: 3, Complete: false, Changed: [instance("5")], Gone: [] });
    assert.equal(((await next).value as unknown[]).length, 2);
    assert.deepEqual((await world.read(thing("services", ""))).value, [
      { Name: "db", Tags: ["one"] },
      { Name: "web", Tags: ["one"] },
    ]);
    world.services.accept({ ClusterId: "c", Index: 4, Complete: false, Changed: [], Gone: ["1", "5"] });
    assert.deepEqual((await world.read(thing("service", "web"))).value, []);
    assert.deepEqual((await world.read(thing("services", ""))).value, [{ Name: "db", Tags: ["one"] }]);
    await assert.rejects(world.read(thing("service", "web", { ns: "other" })), { code: "THING_DENIED" });
  });

  test("an older word, or one of another cluster, changes nothing; the same whole again is no news", async () => {
    const world = createWorld();
    world.complete([instance("1")], 5);
    const { index } = await world.read(thing("service", "web"));
    world.complete([], 4);
    world.services.accept({ ClusterId: "x", Index: 9, Complete: false, Changed: [], Gone: ["1"] });
    world.complete([instance("1")], 6);
    assert.equal((await world.read(thing("service", "web"))).index, index);
    const waiting = world.read(thing("service", "web"), index);
    await world.clock.advance(61 * SECOND);
    assert.equal((await waiting).index, index);
    assert.equal(world.clock.pending, 0);
  });

  test("of many a few are chosen, the same as the API chooses", async () => {
    const world = createWorld();
    const all = Array.from({ length: 12 }, (_, number) => instance(`${number}`, { Port: 8000 + number, Tags: [`t${number}`] }));
    world.complete(all);
    const { value } = await world.read(thing("service", "web", { count: "3", hash: "me" }));
    const chosen = (value as { ID: string }[]).map(({ ID }) => ID);
    assert.deepEqual(
      chosen,
      choose(all, "3|me").map(({ ID }) => ID),
    );
    const without = all.filter(({ ID }) => ID !== chosen[0]);
    assert.deepEqual(
      chooseServices(without, 2, "me").map(({ ID }) => ID),
      chosen.slice(1),
    );
    await assert.rejects(world.read(thing("service", "web", { count: "none", hash: "me" })), { code: "THING_INVALID" });
  });

  test("a registry nobody has sent yet is out of reach", async () => {
    const world = createWorld();
    const waiting = world.read(thing("service", "web"));
    waiting.catch(() => undefined);
    await world.clock.advance(11 * SECOND);
    await assert.rejects(waiting, { code: "THING_UNREACHABLE" });
  });
});

describe("variables", () => {
  const metadata = { Namespace: "default" as Namespace, Path: "app", CreateIndex: 1, ModifyIndex: 7, CreateTime: 1, ModifyTime: 2 };

  test("are asked for as the task, after the index that is known", async () => {
    const asked: VariableQuestion[] = [];
    const world = createWorld(async (question) => {
      asked.push(question);
      if (question.List) return { Index: 8, Variable: null, List: [metadata] };
      return { Index: 7, Variable: question.Path === "app" ? { ...metadata, Items: { a: "1" } } : null, List: [] };
    });
    const found = await world.read(thing("variable", "app"));
    assert.deepEqual([found.value, found.index, found.againMs], [{ ...metadata, Items: { a: "1" } }, "7", null]);
    assert.equal((await world.read(thing("variable", "gone"), "7")).value, undefined);
    assert.deepEqual((await world.read(thing("variables", "ap"))).value, [metadata]);
    const question = { AllocationID: allocationId("a"), Task: "main", Namespace: "default" };
    assert.deepEqual(asked, [
      { ...question, Path: "app", List: false, AfterIndex: 0 },
      { ...question, Path: "gone", List: false, AfterIndex: 7 },
      { ...question, Path: "ap", List: true, AfterIndex: 0 },
    ]);
    assert.equal(world.clock.pending, 0);
  });

  test("a refusal and a bad path are told apart from servers that do not answer", async () => {
    const refusing = createWorld(() =>
      Promise.reject(new NamedError("VARIABLE_DENIED", "not yours", { statusCode: 403, fix: "Write a policy." })),
    );
    await assert.rejects(refusing.read(thing("variable", "app")), { code: "THING_DENIED", fix: "Write a policy." });
    const strict = createWorld(() => Promise.reject(new NamedError("VARIABLE_PATH_INVALID", "no", { statusCode: 400 })));
    await assert.rejects(strict.read(thing("variable", "app")), { code: "THING_INVALID" });
    const mute = createWorld(
      (_, signal) => new Promise((_resolve, reject) => void signal.addEventListener("abort", () => reject(signal.reason as Error))),
    );
    const waiting = mute.read(thing("variable", "app"));
    waiting.catch(() => undefined);
    await mute.clock.advance(11 * SECOND);
    await assert.rejects(waiting, { code: "THING_UNREACHABLE" });
  });
});
