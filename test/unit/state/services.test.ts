import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event, RootKey } from "#model";
import type { Change } from "#state";
import { DEFAULT, group, Hand, job, node, plan, registration, rootKey } from "./nouns.ts";

/** Job web, two allocations on n1, each with a service. */
function served(): Hand {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("web", { TaskGroups: [group("web", 2)] }));
  hand.place("web", "n1", ["a1", "a2"]);
  register(hand, "a1", "a2");
  return hand;
}
const of = (allocation: string) =>
  registration(`_${allocation}`, { NodeID: "n1" as never, AllocID: allocation as never, JobID: "web" as never });
const register = (hand: Hand, ...allocations: string[]) => hand.write({ type: "services-upsert", Services: allocations.map(of) });
const ids = (hand: Hand) => [...hand.state.snapshot().services("*")].map(({ ID }) => ID);

for (const status of ["complete", "failed", "lost"] as const) {
  test(`An allocation that is ${status} takes its services with it, in the same entry (F28)`, () => {
    const hand = served();
    const changes: Change[] = [];
    hand.state.watch.subscribe((change) => changes.push(change));
    hand.report("a1", status);
    assert.deepEqual(ids(hand), ["_a2"]);
    assert.deepEqual(
      changes.map(({ goneServices, services }) => [goneServices.map(({ ID }) => ID), services]),
      [[["_a1"], []]],
    );
    assert.equal(hand.state.snapshot().tableIndex("services"), hand.index);
    register(hand, "a1");
    assert.deepEqual(ids(hand), ["_a2"], "and it does not come back");
  });
}

test("What nobody has heard of for a while keeps its services until it is lost", () => {
  const hand = served();
  hand.report("a1", "unknown");
  assert.deepEqual(ids(hand), ["_a1", "_a2"]);
  hand.plan(
    plan(hand.job("web"), {
      Stops: [
        {
          ID: "a1" as never,
          NodeID: "n1" as never,
          DesiredStatus: "stop",
          DesiredDescription: "",
          ClientStatus: "lost",
          FollowupEvalID: "",
          PreemptedByAllocation: "",
        },
      ],
    }),
  );
  assert.deepEqual(ids(hand), ["_a2"]);
});

test("A service asked for twice in one entry, or taken away and written again, is told once as it is then", () => {
  const hand = served();
  const changes: Change[] = [];
  hand.state.watch.subscribe((change) => changes.push(change));
  hand.write({
    type: "services-upsert",
    Services: [
      { ...of("a1"), Port: 1 },
      { ...of("a1"), Port: 2 },
    ],
  });
  assert.deepEqual(
    changes[0]?.services.map(({ Port }) => Port),
    [2],
  );
  assert.deepEqual(changes[0]?.goneServices, []);
});

test("Names that begin alike are not taken for each other", () => {
  const hand = served();
  hand.write({ type: "services-upsert", Services: [{ ...of("a1"), ID: "_x", ServiceName: "web-admin" }] });
  assert.deepEqual(
    [...hand.state.snapshot().servicesByName(DEFAULT, "web")].map(({ ID }) => ID),
    ["_a1", "_a2"],
  );
  assert.deepEqual([...hand.state.snapshot().services("def")], []);
});

test("Events say which service came, changed and went", async () => {
  const hand = served();
  hand.write({ type: "services-delete", IDs: ["_a1", "unknown"] });
  hand.report("a2", "failed");
  const seen: Event[] = [];
  const topics = new Map([["Service", ["web"]]]);
  for await (const { Events } of hand.state.events.read({ topics, namespace: DEFAULT, fromIndex: 1 }, new AbortController().signal)) {
    seen.push(...Events);
    if (seen.length === 4) break;
  }
  assert.deepEqual(
    seen.map(({ Topic, Type, Key, FilterKeys, Namespace }) => [Topic, Type, Key, FilterKeys.join(), Namespace]),
    [
      ["Service", "ServiceRegistration", "_a1", "web,web", DEFAULT],
      ["Service", "ServiceRegistration", "_a2", "web,web", DEFAULT],
      ["Service", "ServiceDeregistration", "_a1", "web,web", DEFAULT],
      ["Service", "ServiceDeregistration", "_a2", "web,web", DEFAULT],
    ],
  );
  const [first] = seen;
  assert.ok(first !== undefined);
  assert.equal((first.Payload["Service"] as { readonly ID: string }).ID, "_a1");
});

test("One key is active: a new active one makes the old one inactive, and nothing leaves none", () => {
  const hand = new Hand();
  const states = () => [...hand.state.snapshot().rootKeys()].map(({ KeyID, State }) => `${KeyID} ${State}`);
  const upsert = (...Keys: RootKey[]) => hand.write({ type: "root-keys-upsert", Keys });
  assert.equal(upsert(rootKey("a", "prepublished")).ok, false, "the first is active");
  assert.deepEqual(states(), []);
  assert.equal(upsert(rootKey("a", "active")).ok, true);
  assert.equal(upsert(rootKey("b", "prepublished")).ok, true);
  assert.deepEqual(states(), ["a active", "b prepublished"]);
  assert.equal(upsert(rootKey("a", "inactive")).ok, false);
  assert.deepEqual(states(), ["a active", "b prepublished"]);
  assert.equal(upsert(rootKey("b", "active")).ok, true);
  assert.deepEqual(states(), ["a inactive", "b active"]);
  assert.equal(upsert(rootKey("c", "active"), rootKey("d", "active")).ok, true);
  assert.deepEqual(states(), ["a inactive", "b inactive", "c inactive", "d active"]);
  assert.deepEqual(hand.write({ type: "root-key-delete", KeyID: "d" }), {
    ok: false,
    index: hand.index,
    code: "invalid",
    reason: 'Cannot remove root key "d": it is active, rotate first',
  });
  const missing = hand.write({ type: "root-key-delete", KeyID: "x" });
  assert.equal(!missing.ok && missing.code, "missing");
  assert.equal(hand.write({ type: "root-key-delete", KeyID: "a" }).ok, true);
  assert.deepEqual(states(), ["b inactive", "c inactive", "d active"]);
  // Named twice, the last word counts, and it may not be that nobody is.
  assert.equal(upsert(rootKey("d", "active"), rootKey("d", "inactive")).ok, false);
  assert.deepEqual(states(), ["b inactive", "c inactive", "d active"]);
  assert.equal(upsert(rootKey("d", "active"), rootKey("d", "inactive"), rootKey("b", "active")).ok, true);
  assert.deepEqual(states(), ["b active", "c inactive", "d inactive"]);
});
