import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { Command, Outcome } from "#state";
import { NamedError } from "#std";
import { askUntilAnswered, unknownToLeader } from "../../../../src/cluster/shared/forward.ts";

const command = {} as Command;
const refused = (code: string): NamedError => new NamedError(code, "Cannot write: no", { statusCode: 503 });

/** What was done, in order, and what came of it. */
async function asking(answers: readonly (Outcome | NamedError)[], signal = new AbortController().signal) {
  const clock = createVirtualClock();
  const done: string[] = [];
  const left = [...answers];
  const work = askUntilAnswered(
    {
      clock,
      signal,
      async ask() {
        done.push("ask");
        const answer = left.shift() ?? refused("CLUSTER_NO_LEADER");
        if (answer instanceof NamedError) throw answer;
        return answer;
      },
      barrier: async () => void done.push("barrier"),
      patience: (delayMs) => clock.sleep(delayMs),
    },
    command,
    "request",
    1_000,
  ).then(
    (outcome) => ({ outcome, code: undefined }),
    (thrown: NamedError) => ({ outcome: undefined, code: thrown.code }),
  );
  for (let n = 0; n < 15; n++) await clock.advance(100);
  return { ...(await work), done };
}

const written: Outcome = { ok: true, index: 7 };

test("A leader that closes may have written it: the next one is asked, after everything written was read", async () => {
  assert.deepEqual(await asking([refused("CLUSTER_CLOSED"), written]), {
    outcome: written,
    code: undefined,
    done: ["ask", "barrier", "ask"],
  });
});

test("This server closes: whoever asks is told so at once", async () => {
  assert.deepEqual(await asking([refused("CLUSTER_CLOSED"), written], AbortSignal.abort()), {
    outcome: undefined,
    code: "CLUSTER_CLOSED",
    done: ["ask"],
  });
});

for (const code of ["PEER_NOT_LEADING", "SHARED_LOG_NOT_LEADING", "CLUSTER_NO_LEADER", "CLUSTER_NOT_LEADING"])
  test(`After ${code} nothing was written: it is asked again without reading first`, async () => {
    assert.deepEqual((await asking([refused(code), written])).done, ["ask", "ask"]);
  });

for (const code of ["PEER_UNREACHABLE", "SHARED_LOG_OUTCOME_UNKNOWN"])
  test(`After ${code} it may be written: everything written is read before it is asked again, and again after another refusal`, async () => {
    assert.deepEqual((await asking([refused(code), refused("PEER_NOT_LEADING"), written])).done, [
      "ask",
      "barrier",
      "ask",
      "barrier",
      "ask",
    ]);
  });

for (const code of [
  "COMMAND_TOO_LARGE",
  "CLUSTER_FEATURE_LEVEL",
  "STATE_COMMAND_UNKNOWN_VERSION",
  "STATE_ENTRY_UNREADABLE",
  "LOG_WRITE_FAILED",
])
  test(`${code} is the answer: nobody is asked again`, async () => {
    assert.deepEqual(await asking([refused(code), written]), { outcome: undefined, code, done: ["ask"] });
  });

test("A disk that refuses is no answer any more once the write may stand in the log", async () => {
  assert.deepEqual((await asking([refused("PEER_UNREACHABLE"), refused("LOG_WRITE_FAILED"), written])).outcome, written);
});

test("A leader of an older program that cannot read a command is told as what it is; other refusals stay what they are", () => {
  const command: Command = { type: "turn-give", AllocationIDs: [] };
  const told = unknownToLeader(new NamedError("STATE_COMMAND_UNKNOWN_VERSION", "Cannot apply log entry"), command) as NamedError;
  assert.deepEqual([told.code, told.statusCode, told.fix], ["CLUSTER_FEATURE_LEVEL", 409, "Upgrade every server, then try again."]);
  assert.match(told.message, /^Cannot write "turn-give": the server that leads is of an older version/);
  const other = new NamedError("PEER_NOT_LEADING", "it does not lead");
  assert.equal(unknownToLeader(other, command), other);
});
