import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { testScale } from "../../scale.ts";
import { Tournament } from "../../../src/scheduler/rank/tournament.ts";

/** Looks at all of them. */
function slowBest(scores: Float64Array, ranks: Uint32Array): number {
  let best = -1;
  scores.forEach((score, at) => {
    if (score === -Infinity) return;
    const previous = scores[best];
    if (previous === undefined || score > previous || (score === previous && (ranks[at] as number) < (ranks[best] as number))) best = at;
  });
  return best;
}

test("after any changes the champion is the one a look at all finds", () => {
  const score = fc.constantFrom(-Infinity, -1, 0, 0.5, 1);
  const changes = fc.array(fc.tuple(fc.nat(40), score), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(score, fc.nat(5)), { maxLength: 33 }), changes, (entries, later) => {
      const ranks = Uint32Array.from(entries, ([, rank]) => rank);
      const tournament = new Tournament(
        Float64Array.from(entries, ([each]) => each),
        ranks,
      );
      assert.equal(tournament.best(), slowBest(tournament.scores, ranks));
      for (const [index, value] of later) {
        if (index >= entries.length) continue;
        tournament.set(index, value);
        assert.equal(tournament.best(), slowBest(tournament.scores, ranks));
      }
    }),
    { numRuns: Math.ceil(300 * testScale()) },
  );
});
