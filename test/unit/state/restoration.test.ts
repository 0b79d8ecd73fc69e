import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { type Change, type Command, commandVersion, createCodec, createState, restoreState, type State } from "#state";
import { DEFAULT, job } from "./nouns.ts";

const codec = createCodec();
const clock = createVirtualClock();

function apply(state: State, logIndex: number, command: Command, requestId = `r${logIndex}`) {
  const bytes = codec.encode({ version: commandVersion(command.type) ?? 0, time: logIndex * 1e9, requestId, command });
  return state.apply(logIndex, codec.decode(bytes));
}

const register = (id: string): Command => ({
  type: "job-register",
  Job: job(id),
  Submission: null,
  Evaluation: null,
  EnforceIndex: null,
  PreserveCounts: false,
});

async function partsOf(state: State, bytes = 100): Promise<Command[]> {
  const commands: Command[] = [];
  for await (const chunk of state.save()) {
    for (let at = 0; at < chunk.length; at += bytes) {
      const Ends = at + bytes >= chunk.length;
      commands.push({ type: "restore-part", RestoreID: "restore-1", Part: commands.length, Data: chunk.subarray(at, at + bytes), Ends });
    }
  }
  return [...commands, { type: "restore-commit", RestoreID: "restore-1", Parts: commands.length }];
}

async function saved(): Promise<State> {
  const state = createState({ clock, freeze: true });
  for (let index = 1; index <= 50; index++) apply(state, index, register(`old-${index % 7}`));
  return state;
}

test("What comes in parts replaces everything; indexes go on above both, requests stay answered, and who leads stays", async () => {
  const parts = await partsOf(await saved());
  const state = createState({ clock, freeze: true });
  apply(state, 1, { type: "leadership", EpochID: "e1", ServerID: "s1", Name: "one", FeatureLevel: 1 });
  const first = apply(state, 2, register("new"));
  const changes: Change[] = [];
  state.watch.subscribe((change) => changes.push(change));
  let logIndex = 2;
  for (const part of parts) assert.equal(apply(state, ++logIndex, part).ok, true);
  const snapshot = state.snapshot();
  assert.equal(snapshot.job(DEFAULT, "new"), undefined);
  assert.equal([...snapshot.jobs("*")].length, 7);
  assert.equal(state.logIndex, logIndex);
  assert.ok(state.index > 50 && state.index >= logIndex, `${state.index}`);
  assert.equal(snapshot.tableIndex("jobs"), state.index);
  assert.equal(changes.at(-1)?.replaced, true);
  assert.equal(state.leadership?.EpochID, "e1");
  assert.deepEqual(state.outcomeOf("r2"), first);
  const before = state.index;
  assert.deepEqual(apply(state, ++logIndex, register("next")), { ok: true, index: before + 1 });
});

test("A server that starts from a snapshot in the middle of a restoration ends with the same state as one that did not", async () => {
  const parts = await partsOf(await saved());
  const state = createState({ clock, freeze: true });
  let logIndex = 0;
  for (const part of parts.slice(0, 4)) apply(state, ++logIndex, part);
  const other = await restoreState(state.save(), { clock, freeze: true });
  assert.equal(other.digest(), state.digest());
  for (const part of parts.slice(4)) {
    apply(state, ++logIndex, part);
    apply(other, logIndex, part);
  }
  assert.equal([...other.snapshot().jobs("*")].length, 7);
  assert.equal(other.digest(), state.digest());
  const third = await restoreState(other.save(), { clock, freeze: true });
  assert.deepEqual([third.digest(), third.logIndex, third.index], [state.digest(), state.logIndex, state.index]);
});

test("A part that is missing, twice there or unreadable spoils the commit, and nothing else", async () => {
  const parts = await partsOf(await saved());
  const spoiled: (readonly Command[])[] = [
    [...parts.slice(0, 2), ...parts.slice(3)],
    [...parts.slice(0, 2), ...parts.slice(1)],
    [{ type: "restore-part", RestoreID: "restore-1", Part: 0, Data: Uint8Array.of(0xc1), Ends: true }, ...parts.slice(1)],
    parts.slice(-1),
  ];
  for (const commands of spoiled) {
    const state = createState({ clock, freeze: true });
    apply(state, 1, register("kept"));
    let logIndex = 1;
    const outcomes = commands.map((command) => apply(state, ++logIndex, command));
    if (commands === spoiled[1]) continue; // A part that came twice is refused, and the rest goes on.
    assert.equal(outcomes.at(-1)?.ok, false);
    assert.ok(state.snapshot().job(DEFAULT, "kept"));
    for (const part of parts) apply(state, ++logIndex, part);
    assert.equal([...state.snapshot().jobs("*")].length, 7, "another attempt succeeds");
  }
});

test("One state becomes what another saved, in place", async () => {
  const other = await saved();
  const state = createState({ clock });
  apply(state, 1, register("mine"));
  const changes: Change[] = [];
  state.watch.subscribe((change) => changes.push(change));
  await state.load(other.save());
  assert.equal(state.digest(), other.digest());
  assert.deepEqual(
    changes.map(({ replaced }) => replaced),
    [true],
  );
  await assert.rejects(
    state.load(
      (async function* () {
        yield Uint8Array.of(1);
      })(),
    ),
    { code: "STATE_SNAPSHOT_UNREADABLE" },
  );
  assert.equal(state.digest(), other.digest());
});
