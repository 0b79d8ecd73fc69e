import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_NAMESPACE_RECORD, type Namespace, type NodeId } from "#model";
import type { Outcome } from "#state";
import { Hand, job, namespaceRecord, node, nodePool } from "./nouns.ts";

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.code);
const inProd = { Namespace: "prod" as Namespace };

test("The default namespace and the two built-in node pools are always there", () => {
  const snapshot = new Hand().state.snapshot();
  assert.deepEqual([...snapshot.namespaces()], [DEFAULT_NAMESPACE_RECORD]);
  assert.deepEqual(
    [...snapshot.nodePools()].map((pool) => pool.Name),
    ["all", "default"],
  );
});

test("Namespaces are created and described anew, listed by name and prefix", () => {
  const hand = new Hand();
  hand.namespace("prod");
  hand.namespace("test");
  const { index } = hand;
  hand.write({ type: "namespaces-upsert", Namespaces: [{ ...namespaceRecord("prod"), Description: "live" }] });
  const snapshot = hand.state.snapshot();
  assert.deepEqual(snapshot.namespace("prod"), { ...namespaceRecord("prod"), Description: "live", CreateIndex: 2, ModifyIndex: index + 1 });
  assert.deepEqual(
    [...snapshot.namespaces("p")].map((each) => each.Name),
    ["prod"],
  );
  assert.equal(snapshot.tableIndex("namespaces"), index + 1);
});

test("No job is registered in a namespace that does not exist", () => {
  const hand = new Hand();
  assert.equal(codeOf(hand.register(job("a", inProd))), "invalid");
  hand.namespace("prod");
  assert.equal(hand.register(job("a", inProd)).ok, true);
});

test("A namespace in use, the default one and unknown ones are not deleted, nor any named with them", () => {
  const hand = new Hand();
  hand.namespace("prod");
  hand.namespace("test");
  hand.register(job("a", inProd));
  const remove = (...Names: string[]) => codeOf(hand.write({ type: "namespaces-delete", Names }));
  assert.deepEqual([remove("test", "prod"), remove("test", "default"), remove("test", "nowhere")], ["invalid", "invalid", "missing"]);
  assert.notEqual(hand.state.snapshot().namespace("test"), undefined);
  assert.equal(remove("test"), "ok");
  hand.write({ type: "job-deregister", ...inProd, JobID: "a" as never, Purge: false, NoShutdownDelay: false, Evaluation: null });
  assert.equal(hand.state.snapshot().job("prod", "a")?.Status, "dead");
  assert.equal(remove("prod"), "ok");
  assert.deepEqual(
    [...hand.state.snapshot().namespaces()].map((each) => each.Name),
    ["default"],
  );
});

test("Node pools are created, described anew and deleted, unless built in or in use", () => {
  const hand = new Hand();
  const put = (name: string) => codeOf(hand.write({ type: "node-pools-upsert", NodePools: [nodePool(name)] }));
  const remove = (...Names: string[]) => codeOf(hand.write({ type: "node-pools-delete", Names }));
  assert.deepEqual([put("gpu"), put("arm"), put("all"), put("default")], ["ok", "ok", "invalid", "invalid"]);
  assert.deepEqual([remove("all"), remove("default"), remove("nowhere")], ["invalid", "invalid", "missing"]);
  hand.node(node("n1", { NodePool: "gpu" }));
  hand.register(job("a", { NodePool: "arm" }));
  assert.deepEqual([remove("gpu"), remove("arm")], ["invalid", "invalid"]);
  hand.write({ type: "node-purge", NodeIDs: ["n1" as NodeId], Evaluations: [] });
  assert.equal(remove("gpu"), "ok");
  assert.deepEqual(
    [...hand.state.snapshot().nodePools()].map((pool) => pool.Name),
    ["all", "arm", "default"],
  );
});

test("A node brings its pool along", () => {
  const hand = new Hand();
  hand.node(node("n1", { NodePool: "gpu" }));
  assert.partialDeepStrictEqual(hand.state.snapshot().nodePool("gpu"), { Name: "gpu", CreateIndex: hand.index });
  hand.node(node("n2", { NodePool: "gpu" }));
  assert.equal(hand.state.snapshot().nodePool("gpu")?.ModifyIndex, hand.index - 1);
});
