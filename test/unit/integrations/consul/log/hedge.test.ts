import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { hedged } from "../../../../../integrations/consul/log/hedge.ts";

function asker() {
  const asked: PromiseWithResolvers<string>[] = [];
  const ask = (): Promise<string> => {
    const one = Promise.withResolvers<string>();
    asked.push(one);
    return one.promise;
  };
  return { asked, ask };
}

test("What is answered soon is asked once", async () => {
  const clock = createVirtualClock();
  const { asked, ask } = asker();
  const answer = hedged(clock, ask);
  await clock.advance(299);
  asked[0]?.resolve("first");
  assert.equal(await answer, "first");
  await clock.advance(10_000);
  assert.equal(asked.length, 1);
});

test("What is not answered is asked again beside it, a few times; the first answer counts", async () => {
  const clock = createVirtualClock();
  const { asked, ask } = asker();
  const answer = hedged(clock, ask);
  await clock.advance(650);
  assert.equal(asked.length, 3);
  asked[2]?.resolve("third");
  assert.equal(await answer, "third");
  asked[0]?.reject(new Error("late"));
  await clock.advance(10_000);
  assert.equal(asked.length, 3);
  const other = asker();
  void hedged(clock, other.ask);
  await clock.advance(60_000);
  assert.equal(other.asked.length, 7);
});

test("It fails when all that were asked have, and asks nobody after a refusal", async () => {
  const clock = createVirtualClock();
  const { asked, ask } = asker();
  const answer = hedged(clock, ask);
  const told = answer.then(
    () => "answered",
    (thrown: Error) => thrown.message,
  );
  await clock.advance(350);
  asked[1]?.reject(new Error("no leader"));
  await clock.advance(10_000);
  assert.equal(asked.length, 2);
  asked[0]?.reject(new Error("too slow"));
  assert.equal(await told, "too slow");
  const other = asker();
  const late = hedged(clock, other.ask);
  await clock.advance(350);
  other.asked[0]?.reject(new Error("no leader"));
  other.asked[1]?.resolve("second");
  assert.equal(await late, "second");
});
