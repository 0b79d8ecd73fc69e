/** The checker checked: against every order there is, against histories that are right by how they came about, and against known bad ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { testScale } from "../scale.ts";
import { linearize, type Model } from "./linearize.ts";
import { REGISTER, type RegisterAnswer, type RegisterCall, type RegisterOperation, type RegisterState, withoutUnseen } from "./register.ts";

const RUNS = Math.ceil(1500 * testScale());

/** Every choice of open operations, in every order. */
function bruteForce<S, C, A>(
  model: Model<S, C, A>,
  operations: readonly { readonly call: C; readonly answer: A | undefined; readonly beganAt: number; readonly endedAt: number }[],
  state: S = model.initial,
): boolean {
  if (operations.every(({ answer }) => answer === undefined)) return true;
  return operations.some((one) => {
    const others = operations.filter((each) => each !== one);
    if (others.some(({ answer, endedAt }) => answer !== undefined && endedAt < one.beganAt)) return false;
    const after = model.step(state, one.call, one.answer);
    return after !== undefined && bruteForce(model, others, after);
  });
}

interface Plan {
  readonly kind: "read" | "write" | "cas";
  readonly begin: number;
  readonly effect: number;
  readonly end: number;
  readonly answered: boolean;
  readonly lost: boolean;
  readonly right: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom("read", "write", "cas"),
  begin: fc.nat(30),
  effect: fc.nat(10),
  end: fc.nat(10),
  answered: fc.boolean().map((no) => !no),
  lost: fc.boolean(),
  right: fc.boolean(),
});

/** What a register with one copy would have answered, each operation taking effect at a moment of its own. */
function played(plans: readonly Plan[]): RegisterOperation[] {
  let value: string | null = null;
  let index = 0;
  // Nobody expects an index that nobody has been told.
  let learnt = 0;
  const moments = plans
    .map((each, n) => ({ ...each, n, at: each.begin + each.effect }))
    .toSorted((a, b) => a.at - b.at || a.n - b.n)
    .map((each, order) => {
      const answered = each.answered || each.kind === "read";
      const mine = `v${each.n}`;
      const call: RegisterCall =
        each.kind === "read"
          ? { kind: "read" }
          : each.kind === "write"
            ? { kind: "write", value: mine }
            : { kind: "cas", expected: each.right ? learnt : Math.max(0, learnt - 2), value: mine };
      let answer: RegisterAnswer = { kind: "told", value, index };
      if (answered || !each.lost) {
        const writes = call.kind === "write" || (call.kind === "cas" && call.expected === index);
        if (writes) {
          index += 2;
          value = mine;
          answer = { kind: "written", index };
        }
      }
      if (answered) learnt = answer.index;
      // Moments are 100 apart, so that no two are the same.
      return { ...each, call, answer: answered ? answer : undefined, moment: order * 100 };
    });
  const before = (at: number): number => moments.filter((each) => each.at < at).length * 100;
  return moments.map(({ n, call, answer, begin, at, end, moment }) => ({
    process: `p${n}`,
    call,
    answer,
    beganAt: Math.min(before(begin), moment) - 1 - n / 1000,
    endedAt: Math.max(before(at + end), moment) + 1 + n / 1000,
  }));
}

const plans = (maxLength: number): fc.Arbitrary<Plan[]> => fc.array(plan, { minLength: 1, maxLength });

test("Histories of a register with one copy are linearizable, and the order that is given is one", () => {
  fc.assert(
    fc.property(plans(40), (all) => {
      const operations = played(all);
      const verdict = linearize(REGISTER, operations);
      assert.equal(verdict.linearizable, true);
      let state: RegisterState | undefined = REGISTER.initial;
      for (const [n, { call, answer, beganAt }] of verdict.order.entries()) {
        state = state === undefined ? undefined : REGISTER.step(state, call, answer);
        assert.ok(state !== undefined, "a step that cannot be");
        for (const later of verdict.order.slice(n + 1))
          assert.ok(later.answer === undefined || later.endedAt > beganAt, "one that was over came later");
      }
      const answered = operations.filter((each) => each.answer !== undefined);
      assert.equal(verdict.order.filter((each) => each.answer !== undefined).length, answered.length);
      assert.equal(linearize(REGISTER, withoutUnseen(operations)).linearizable, true);
    }),
    { numRuns: RUNS },
  );
});

test("Of small histories, right ones and wrong ones, it says what trying every order says", () => {
  let wrong = 0;
  const other = fc.record({
    at: fc.nat(6),
    from: fc.nat(6),
    by: fc.constantFrom(-2, 0, 2),
    what: fc.constantFrom("value", "index", "both", "nothing"),
  });
  fc.assert(
    fc.property(plans(6), other, (all, { at, from, by, what }) => {
      const operations = played(all).map((each, n, whole): RegisterOperation => {
        const { answer } = each;
        if (n !== at % whole.length || answer === undefined) return each;
        const elsewhere = whole[from % whole.length]?.answer;
        if (answer.kind === "written") return { ...each, answer: { ...answer, index: answer.index + (what === "nothing" ? 0 : by) } };
        if (elsewhere?.kind !== "told" || what === "nothing") return each;
        return {
          ...each,
          answer: {
            kind: "told",
            value: what === "index" ? answer.value : elsewhere.value,
            index: what === "value" ? answer.index : elsewhere.index + by,
          },
        };
      });
      const expected = bruteForce(REGISTER, operations);
      if (!expected) wrong++;
      assert.equal(linearize(REGISTER, operations).linearizable, expected);
      if (linearize(REGISTER, withoutUnseen(operations)).linearizable) assert.ok(expected);
    }),
    { numRuns: RUNS },
  );
  assert.ok(wrong > RUNS / 50, `only ${wrong} of ${RUNS} histories were wrong: the test cannot fail`);
});

let clock = 0;
/** One after the other, unless `begin` and `end` say otherwise. */
const did = (call: RegisterCall, answer: RegisterAnswer | undefined, begin = ++clock, end = ++clock): RegisterOperation => ({
  process: "p",
  call,
  answer,
  beganAt: begin,
  endedAt: end,
});
const write = (value: string, index?: number, begin?: number, end?: number) =>
  did({ kind: "write", value }, index === undefined ? undefined : { kind: "written", index }, begin, end);
const cas = (expected: number, value: string, index: number | undefined, begin?: number, end?: number) =>
  did({ kind: "cas", expected, value }, index === undefined ? undefined : { kind: "written", index }, begin, end);
const refused = (expected: number, value: string, index: number, begin?: number, end?: number) =>
  did({ kind: "cas", expected, value: "refused" }, { kind: "told", value, index }, begin, end);
const read = (value: string | null, index = 0, begin?: number, end?: number) =>
  did({ kind: "read" }, { kind: "told", value, index }, begin, end);

const BAD: Readonly<Record<string, () => RegisterOperation[]>> = {
  "a read of what was before an acknowledged write": () => [write("a", 5), write("b", 7), read("a", 5)],
  "an acknowledged write that is gone": () => [write("a", 5), read(null)],
  "two reads, the later one of the older value": () => [write("a", 5), write("b", 7, 10, 20), read("b", 7, 11, 12), read("a", 5, 13, 14)],
  "two who both wrote over the same index": () => [write("a", 5), cas(5, "b", 7, 10, 20), cas(5, "c", 9, 10.5, 20.5)],
  "a write applied twice": () => [write("a", 5), write("b", 7), read("b", 7), read("a", 9)],
  "a write without an answer that was seen, and then was not": () => [write("a", 5), write("b", undefined), read("b", 7), read("a", 5)],
  "a write seen before it was sent": () => [read("a", 5, 1, 2), write("a", 5, 3, 4)],
  "a value that nobody wrote": () => [write("a", 5), read("x", 5)],
  "a write that was said to have failed, and is there": () => [write("a", 5), read("b", 7)],
  "an index that another write was told": () => [write("a", 5), write("b", 5)],
  "an index that goes back": () => [write("a", 9), write("b", 7)],
  "a refusal for the index that was expected": () => [write("a", 5), refused(5, "a", 5)],
  "a refusal by what is over": () => [write("a", 5), write("b", 7), refused(7, "a", 5)],
  "a first write where there is something": () => [write("a", 5), cas(0, "b", 7, 10, 11)],
  "a write over an index that is over": () => [write("a", 5), write("b", 7), cas(5, "c", 9)],
};

for (const [what, history] of Object.entries(BAD))
  test(`Refused: ${what}`, () => {
    clock = 0;
    const operations = history();
    assert.equal(linearize(REGISTER, operations).linearizable, false);
    assert.equal(linearize(REGISTER, withoutUnseen(operations)).linearizable, false);
    assert.equal(bruteForce(REGISTER, operations), false);
  });

const GOOD: Readonly<Record<string, () => RegisterOperation[]>> = {
  "what was under way at once, in either order": () => [
    write("a", 5, 1, 10),
    write("b", 7, 2, 11),
    read("a", 5, 3, 4),
    read("b", 7, 12, 13),
  ],
  "a write without an answer that shows up much later": () => [
    write("a", undefined, 1),
    write("b", 5, 3, 4),
    read("b", 5, 5, 6),
    read("a", 9, 7, 8),
  ],
  "a write without an answer that never shows up": () => [write("a", 5), write("b", undefined), read("a", 5), cas(5, "c", 7)],
  "a cas without an answer, seen by who is refused": () => [write("a", 5), cas(5, "b", undefined), refused(5, "b", 7), cas(7, "c", 9)],
};

for (const [what, history] of Object.entries(GOOD))
  test(`Accepted: ${what}`, () => {
    clock = 0;
    assert.equal(linearize(REGISTER, history()).linearizable, true);
  });

test("Thousands of operations of ten processes at once are judged in a moment, with many that were never answered", () => {
  const many = fc.sample(fc.array(plan, { minLength: 3000, maxLength: 3000 }), { seed: 1, numRuns: 1 })[0] ?? [];
  const operations = played(
    many.map((each, n) => ({ ...each, begin: n, effect: each.effect % 6, end: each.end % 6, answered: n % 20 !== 0 })),
  );
  assert.ok(operations.filter(({ answer }) => answer === undefined).length > 50);
  const began = performance.now();
  const verdict = linearize(REGISTER, withoutUnseen(operations));
  assert.equal(verdict.linearizable, true);
  assert.ok(performance.now() - began < 5000, `${Math.round(performance.now() - began)} ms, ${verdict.places} places`);
});
