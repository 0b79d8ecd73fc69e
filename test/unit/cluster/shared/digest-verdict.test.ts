import assert from "node:assert/strict";
import { test } from "node:test";
import { digestIsDue, judgeDigests, type DigestReport } from "../../../../src/cluster/shared/digest-verdict.ts";

/** Digests as "index:digest", of epoch "e" unless "index:digest:epoch". */
function server(ServerId: string, said = "", with_: Partial<DigestReport> = {}): DigestReport {
  const StateDigests = said.split(" ").flatMap((each) => {
    const [index, Digest, EpochId = "e"] = each.split(":");
    return Digest === undefined ? [] : [{ Index: Number(index), Digest, EpochId }];
  });
  return { ServerId, Name: ServerId, Version: "1", FeatureLevel: 1, ...(StateDigests.length > 0 ? { StateDigests } : {}), ...with_ };
}

const cases: readonly (readonly [string, DigestReport, readonly DigestReport[], string])[] = [
  ["all the same", server("a", "10:x"), [server("b", "10:x"), server("c", "10:x")], "agrees 10"],
  ["two of three the same, the third still silent", server("a", "10:x"), [server("b", "10:x"), server("c")], "agrees 10"],
  ["one of three differs: it", server("a", "10:y"), [server("b", "10:x"), server("c", "10:x")], "diverged 10 b,c"],
  ["one of three differs: it, though it leads", server("a", "10:y"), [server("b", "10:x"), server("c", "10:x")], "diverged 10 b,c"],
  ["one of three differs: another", server("a", "10:x"), [server("b", "10:y"), server("c", "10:x")], "agrees 10"],
  ["one against one, the third not heard yet", server("a", "10:x"), [server("b", "10:y"), server("c")], "unknown"],
  ["one against one, twice, the third silent", server("a", "10:x 20:x"), [server("b", "10:y 20:y"), server("c")], "tied 20"],
  [
    "one against two, and the third silent since",
    server("a", "9:y 20:y 30:y"),
    [server("b", "9:x 20:x 30:x"), server("c", "9:x")],
    "diverged 9 b,c",
  ],
  ["one against one, the third said the last time", server("a", "9:x 20:x"), [server("b", "9:x 20:y"), server("c", "9:x")], "agrees 9"],
  [
    "one against one, the third of another version",
    server("a", "10:x"),
    [server("b", "10:y"), server("c", "10:y", { Version: "2" })],
    "unknown",
  ],
  ["each of three another", server("a", "10:x"), [server("b", "10:y"), server("c", "10:z")], "tied 10"],
  ["two against two", server("a", "10:x"), [server("b", "10:y"), server("c", "10:x"), server("d", "10:y")], "tied 10"],
  ["two of five differ", server("a", "9:y"), [..."bcd"].map((id) => server(id, "9:x")).concat(server("e", "9:y")), "diverged 9 b,c,d"],
  ["of two, once", server("a", "10:x"), [server("b", "10:y")], "tied 10"],
  ["of two, also twice", server("a", "10:x 20:u"), [server("b", "10:y 20:v")], "tied 20"],
  ["the newest that can be told counts", server("a", "10:y 20:x 30:x"), [server("b", "10:x 20:x"), server("c", "10:x 20:x")], "agrees 20"],
  ["another story at the same index", server("a", "10:x"), [server("b", "10:y:f"), server("c", "10:y:f")], "unknown"],
  ["nobody said anything", server("a"), [server("b", "10:y"), server("c", "10:y")], "unknown"],
  ["alone", server("a", "10:x"), [], "unknown"],
];
for (const [what, own, others, wanted] of cases)
  test(`Digests of several servers: ${what}`, () => {
    const verdict = judgeDigests(own, others);
    const parts = [
      verdict.kind,
      ...("index" in verdict ? [verdict.index] : []),
      ...("agreeing" in verdict ? [verdict.agreeing.map(({ ServerId }) => ServerId)] : []),
    ];
    assert.equal(parts.join(" "), wanted);
  });

test("Digests are due at common indexes, less often where there is more to digest, and after some time where little is written", () => {
  const schedule = { everyEntries: 10, everyMs: 1_000 };
  const due = (logIndex: number, records: number, timeNs = 1e15, previousTimeNs = timeNs): boolean =>
    digestIsDue({ logIndex, timeNs, previousTimeNs }, () => records, schedule);
  const indexes = (records: number): number[] => Array.from({ length: 80 }, (_, n) => n + 1).filter((index) => due(index, records));
  assert.deepEqual(indexes(100), [10, 20, 30, 40, 50, 60, 70, 80]);
  assert.deepEqual(indexes(5_000), [20, 40, 60, 80]);
  assert.deepEqual(indexes(10_000), [40, 80]);
  assert.equal(due(11, 100, 2_000e6, 1_999e6), true);
  assert.equal(due(11, 100, 2_999e6, 2_000e6), false);
  assert.equal(due(11, 600_000, 3_000e6, 2_999e6), false);
  assert.equal(due(11, 600_000, 4_000e6, 3_999e6), true);
  // The first entry of all.
  assert.equal(due(1, 100, 4_000e6, 0), false);
});
