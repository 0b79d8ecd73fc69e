import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeDevice } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { attributeOf, compareAttributes, parseAttribute } from "../../../src/scheduler/feasible/devices/attribute.ts";
import { compileDeviceTest } from "../../../src/scheduler/feasible/devices/test.ts";
import { aGroup, aJob, aNode, anEvaluation, aTask, idsFrom } from "./nouns.ts";
import { World } from "./world.ts";

const order = (a: string, b: string) => compareAttributes(parseAttribute(a), parseAttribute(b));

test("numbers compare with their units, and only with what measures the same", () => {
  assert.equal(order("4 GiB", "4096 MiB"), 0);
  assert((order("4 GiB", "4 GB") as number) > 0);
  assert((order("1500 MHz", "1.6GHz") as number) < 0);
  assert.equal(order("2 GiB/s", "2048 MiB/s"), 0);
  assert.equal(order("1 kW", "1000 W"), 0);
  assert.equal(order("4 GiB", "4 GHz"), undefined);
  assert.equal(order("4", "4 GiB"), undefined);
  assert((order("10", "9") as number) > 0, "as numbers, not as texts");
  assert.equal(order("true", "true"), 0);
  assert.equal(order("true", "1"), undefined);
  assert((order("alpha", "beta") as number) < 0);
  assert.equal(compareAttributes(attributeOf({ String: "1080" }), parseAttribute("1080")), 0, "a model may be called a number");
});

const DEVICE: NodeDevice = {
  Vendor: "nvidia",
  Type: "gpu",
  Name: "1080ti",
  Instances: [{ ID: "a", Healthy: true, HealthDescription: "", Locality: null }],
  Attributes: { memory: { Int: 11, Unit: "GiB" }, driver: { String: "535.104.5" }, ecc: { Bool: false } },
};

test("every operator on what a device says of itself", () => {
  const passes = (LTarget: string, Operand: string, RTarget = "") => compileDeviceTest({ LTarget, Operand, RTarget })(DEVICE);
  assert(passes("${device.vendor}", "=", "nvidia"));
  assert(passes("${device.type}", "is", "gpu"));
  assert(passes("${device.model}", "!=", "t4"));
  assert(passes("${device.attr.none}", "!=", "t4"), "what is not there is not equal");
  assert(passes("${device.ids}", "set_contains", "a"));
  assert(passes("${device.attr.memory}", ">=", "10 GiB") && !passes("${device.attr.memory}", "<", "10 GiB"));
  assert(passes("${device.attr.driver}", "version", ">= 535, < 536"));
  assert(passes("${device.attr.driver}", "semver", ">= 535.0.0"));
  assert(passes("${device.model}", "regexp", "^10[0-9]+ti$"));
  assert(passes("${device.attr.ecc}", "=", "false"));
  assert(passes("${device.attr.ecc}", "is_set") && passes("${device.attr.none}", "is_not_set"));
  assert(passes("${device.model}", "set_contains_any", "t4,1080ti"));
  assert(!passes("${device.none}", "=", "x") && !passes("${device.model}", "nonsense", "x"));
});

test("a device another plan took is seen (F6)", () => {
  const world = new World();
  world.addNode(aNode("m1", { devices: [DEVICE] }));
  const task = aTask();
  const Resources = { ...(task.Resources ?? assert.fail()), Devices: [{ Name: "gpu", Count: 1, Constraints: [], Affinities: [] }] };
  const newId = idsFrom();
  const planFor = (ID: string) => {
    const job = world.addJob(aJob({ ID, TaskGroups: [aGroup({ Tasks: [{ ...task, Resources }] })] }));
    return schedule(world.snapshot(), anEvaluation(job), { placementsMax: 500, newId, nowNs: 0 }).Plan ?? assert.fail("no plan");
  };
  const first = planFor("a");
  const second = planFor("b");
  assert.deepEqual(verifyPlan(world.snapshot(), second, [first]).Rejected, { "node-m1": "device oversubscribed" });
  world.commit(first);
  assert.deepEqual(verifyPlan(world.snapshot(), second).Rejected, { "node-m1": "device oversubscribed" });
});
