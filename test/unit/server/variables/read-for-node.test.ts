/** What a node is told for its tasks: only of allocations that live there, at the beginning of a wait and at its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Grant, mergeRules, NOTHING, parsePolicy, type WorkloadSubject } from "#access";
import type { Cluster } from "#cluster";
import { createVirtualClock } from "#integrations/memory";
import type { Allocation, NodeId, SealedVariable } from "#model";
import type { VariableAnswer, VariableQuestion } from "#ports";
import { NamedError } from "#std";
import type { Change } from "#state";
import { createVariableReader } from "../../../../src/server/variables/read-for-node.ts";
import type { Sealer } from "../../../../src/server/variables/sealer.ts";

const NODE = "n1" as NodeId;
const isDenied = (thrown: unknown) => thrown instanceof NamedError && thrown.code === "VARIABLE_DENIED";

function stage(rightsOf?: (workload: WorkloadSubject) => Grant) {
  const clock = createVirtualClock();
  const listeners = new Set<(change: Change) => void>();
  const variables = new Map<string, SealedVariable>();
  let index = 10;
  let opened = 0;
  let allocation: Partial<Allocation> | undefined = {
    ID: "a1" as never,
    NodeID: NODE,
    Namespace: "default" as never,
    TaskGroup: "g",
    ClientStatus: "running",
    Job: { ID: "web", ParentID: "", TaskGroups: [{ Name: "g", Tasks: [{ Name: "t" }] }] } as never,
  };
  const snapshot = () => ({
    allocation: (id: string) => (id === "a1" ? allocation : undefined),
    variable: (_namespace: string, path: string) => variables.get(path),
    variables: (_namespace: string, prefix: string) => [...variables.values()].filter(({ Path }) => Path.startsWith(prefix)),
    tableIndex: () => index,
  });
  const watch = { subscribe: (listener: (change: Change) => void) => (listeners.add(listener), () => void listeners.delete(listener)) };
  const cluster = { state: { snapshot, watch } } as unknown as Pick<Cluster, "state">;
  const sealer = { open: async ({ Path }: SealedVariable) => (opened++, { said: Path }) } as unknown as Sealer;
  const reader = createVariableReader({ cluster, clock }, sealer, rightsOf);
  const touch = (kind: "variables" | "goneVariables", Path: string) => {
    index++;
    const one = { Namespace: "default", Path, ModifyIndex: index, Lock: null } as SealedVariable;
    if (kind === "variables") variables.set(Path, one);
    else variables.delete(Path);
    for (const listener of listeners) listener({ variables: [], goneVariables: [], [kind]: [one] } as unknown as Change);
  };
  const ask = (Path: string, more: Partial<VariableQuestion> = {}, node = NODE): Promise<VariableAnswer> =>
    reader.read(node, { AllocationID: "a1" as never, Task: "t", Namespace: "", Path, List: false, AfterIndex: 0, ...more });
  return {
    clock,
    reader,
    touch,
    ask,
    opened: () => opened,
    change: (to: Partial<Allocation> | undefined) => void (allocation = to && { ...allocation, ...to }),
  };
}

test("an allocation that has ended, is gone, or moved reads nothing, also when that happened while it waited", async () => {
  for (const to of [{ ClientStatus: "complete" as const }, { ClientStatus: "failed" as const }, { NodeID: "n2" as NodeId }, undefined]) {
    const { ask, touch, change, opened, reader } = stage();
    touch("variables", "nomad/jobs/web");
    const { Index } = await ask("nomad/jobs/web");
    assert.equal(opened(), 1);
    const waits = ask("nomad/jobs/web", { AfterIndex: Index });
    change(to);
    touch("variables", "nomad/jobs/web");
    await assert.rejects(waits, isDenied, JSON.stringify(to));
    await assert.rejects(ask("nomad/jobs/web"), isDenied);
    assert.deepEqual([opened(), reader.waiting], [1, 0]);
  }
});

test("a list holds what the task may see alone, and wakes for a path that is new or gone below it", async () => {
  const { ask, touch } = stage();
  for (const path of ["nomad/jobs/other", "nomad/jobs/web", "app/one"]) touch("variables", path);
  const all = await ask("", { List: true });
  assert.deepEqual(all.List.map(({ Path }) => Path).toSorted(), ["app/one", "nomad/jobs/web"]);
  const waits = ask("app/", { List: true, AfterIndex: all.Index });
  touch("goneVariables", "app/one");
  const fewer = await waits;
  assert.deepEqual(fewer.List, []);
  assert.ok(fewer.Index > all.Index);
});

test("one that goes is told with an index beyond any it had; one that comes back with a newer one", async () => {
  const { ask, touch, clock } = stage();
  touch("variables", "app");
  const first = await ask("app");
  const gone = ask("app", { AfterIndex: first.Index });
  touch("goneVariables", "app");
  const absent = await gone;
  assert.deepEqual([absent.Variable, absent.Index > first.Index], [null, true]);
  const back = ask("app", { AfterIndex: absent.Index });
  touch("variables", "app");
  assert.ok((await back).Index > absent.Index);
  const idle = ask("app", { AfterIndex: absent.Index + 50 });
  await clock.advance(20_000);
  assert.equal((await idle).Variable?.Path, "app", "at the time limit it hears what there is");
});

test("with access control a template reads what its task's policies open, beside its own paths, and no more once they close while it waits", async () => {
  let text =
    'namespace "default" { variables { path "app/*" { capabilities = ["read"] } path "nomad/jobs/web/g" { capabilities = ["deny"] } } }';
  const asked: WorkloadSubject[] = [];
  const { ask, touch } = stage((Workload) => {
    asked.push(Workload);
    return { ...NOTHING, Workload, Rules: mergeRules([parsePolicy(text, "p")]) };
  });
  for (const path of ["app/one", "other/secret", "nomad/jobs/web", "nomad/jobs/web/g"]) touch("variables", path);
  assert.equal((await ask("app/one")).Variable?.Path, "app/one");
  assert.equal((await ask("nomad/jobs/web")).Variable?.Path, "nomad/jobs/web", "its own");
  await assert.rejects(ask("other/secret"), isDenied);
  await assert.rejects(ask("not/there"), isDenied, "what is not there is not told either");
  await assert.rejects(ask("nomad/jobs/web/g"), isDenied, "its own, taken away");
  assert.deepEqual((await ask("", { List: true })).List.map(({ Path }) => Path).toSorted(), ["app/one", "nomad/jobs/web"]);
  assert.deepEqual(asked[0], { Namespace: "default", JobID: "web", TaskGroup: "g", Task: "t", AllocationID: "a1" });
  const { Index } = await ask("app/one");
  const waits = ask("app/one", { AfterIndex: Index + 5 });
  text = 'namespace "default" { policy = "read" }';
  touch("variables", "app/one");
  await assert.rejects(waits, isDenied);
});
