import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { ThingSource } from "#ports";
import { LeaseReturns, type LeaseReturnsNeeds } from "../../../../src/client/lookout/returns.ts";

for (let turns = 0; turns < 16; turns++)
  test(`A lease that comes ${turns} turns after the last one was erased is given back too`, async () => {
    const clock = createVirtualClock();
    const record = (id: string) =>
      ({ id, thing: { system: "vault" }, lease: null, token: "" }) as unknown as Parameters<LeaseReturns["add"]>[0];
    let erased = 0;
    const facts = {
      removeFact() {
        if (++erased !== 1) return;
        let left = turns;
        const come = (): void => void (left-- > 0 ? queueMicrotask(come) : returns.add(record("second")));
        queueMicrotask(come);
      },
    };
    const needs = { sources: new Map([["vault", {} as ThingSource]]), facts, clock, random: { fraction: () => 0.5 } };
    const returns = new LeaseReturns(needs as unknown as LeaseReturnsNeeds);
    returns.add(record("first"));
    for (let n = 0; n < 10; n++) await clock.advance(10);
    assert.equal(returns.count, 0);
    assert.equal(erased, 2);
    returns.close();
  });
