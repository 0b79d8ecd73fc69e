import assert from "node:assert/strict";
import { test } from "node:test";
import { autopilotConfiguration } from "../../../../src/server/operations/autopilot.ts";
import { DEFAULT_AUTOPILOT_CONFIGURATION } from "#model";
import { createState, createCodec, commandVersion, restoreState, type Command } from "#state";
import { createVirtualClock } from "#integrations/memory";

const clock = createVirtualClock();
const codec = createCodec();

function applied(...configurations: readonly (readonly [MinQuorum: number, EnforceIndex: number | null])[]) {
  const state = createState({ clock, freeze: true });
  const outcomes = configurations.map(([MinQuorum, EnforceIndex], at) => {
    const command: Command = {
      type: "autopilot-configuration",
      Configuration: { ...DEFAULT_AUTOPILOT_CONFIGURATION, MinQuorum },
      EnforceIndex,
    };
    const bytes = codec.encode({ version: commandVersion(command.type) ?? 0, time: at, requestId: `r${at}`, command });
    return state.apply(at + 1, codec.decode(bytes));
  });
  return { state, outcomes };
}

test("Until somebody stores one, what this server was configured with is answered; then what is stored", () => {
  const first = { MinQuorum: 5, ServerStabilizationTime: "3s" };
  const answered = autopilotConfiguration(createState({ clock }).snapshot(), first);
  assert.deepEqual([answered.MinQuorum, answered.ServerStabilizationTime, answered.ModifyIndex], [5, "3s", 1]);
  const { state } = applied([3, null]);
  const stored = autopilotConfiguration(state.snapshot(), first);
  assert.deepEqual([stored.MinQuorum, stored.ServerStabilizationTime, stored.ModifyIndex], [3, "10s", 1]);
});

test("An index that is enforced and is not the stored one changes nothing; a snapshot keeps what is stored", async () => {
  const { state, outcomes } = applied([3, 0], [4, 7], [5, 1]);
  assert.deepEqual(
    outcomes.map((each) => each.ok),
    [true, false, true],
  );
  const { CreateIndex, ModifyIndex, MinQuorum } = state.snapshot().autopilotConfiguration();
  assert.deepEqual([CreateIndex, ModifyIndex, MinQuorum], [1, 3, 5]);
  const restored = await restoreState(state.save(), { clock });
  assert.deepEqual(restored.snapshot().autopilotConfiguration(), state.snapshot().autopilotConfiguration());
  assert.equal(restored.digest(), state.digest());
});
