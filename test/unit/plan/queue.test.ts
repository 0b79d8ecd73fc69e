import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { planQueue } from "#plan";
import { testScale } from "../../scale.ts";

test("the highest priority comes out first, and within one who came first", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(4), { nil: undefined }), { maxLength: 80 }), (acts) => {
      const queue = planQueue<number>();
      const waiting: { priority: number; item: number }[] = [];
      acts.forEach((priority, item) => {
        if (priority !== undefined) {
          queue.push(priority, item);
          waiting.push({ priority, item });
        } else {
          const highest = Math.max(...waiting.map((each) => each.priority));
          const next = waiting.findIndex((each) => each.priority === highest);
          assert.equal(queue.pop(), waiting[next]?.item);
          if (next >= 0) waiting.splice(next, 1);
        }
        assert.equal(queue.size, waiting.length);
      });
    }),
    { numRuns: Math.ceil(300 * testScale()) },
  );
});
