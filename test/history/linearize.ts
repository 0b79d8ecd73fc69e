/**
 * Is there one order of all operations that an object with one copy could have taken, in which each took effect between its begin and its end?
 * Wing & Gong's search with Lowe's memory of what was tried (as Knossos and Porcupine do it).
 *
 *   depth first: take any operation that began before the first end among those not taken yet; whoever's answer does not fit is not taken.
 *   A place is (operations taken, state): one that was seen leads nowhere new. Taken is a whole beginning of the list plus a few ahead of it.
 *
 * An operation without an answer may have taken effect at any time since it began, or never.
 */
export interface Operation<Call, Answer> {
  readonly process: string;
  readonly call: Call;
  /** undefined: nobody knows whether, and when, it took effect. */
  readonly answer: Answer | undefined;
  /** Places in one order of all begins and ends; no two are the same. `endedAt` counts only with an answer. */
  readonly beganAt: number;
  readonly endedAt: number;
}

export interface Model<State, Call, Answer> {
  readonly initial: State;
  /** The state afterwards; undefined: it could not have answered so. Without an answer: what it is when it does take effect. */
  step(state: State, call: Call, answer: Answer | undefined): State | undefined;
  /** Equal for equal states only. */
  key(state: State): string;
}

export type Verdict<Call, Answer> =
  | { readonly linearizable: true; readonly order: readonly Operation<Call, Answer>[]; readonly places: number }
  | {
      readonly linearizable: false;
      /** The longest order that was found. */
      readonly order: readonly Operation<Call, Answer>[];
      /** What could have come next after it, and could not have answered so. */
      readonly stuckAt: readonly Operation<Call, Answer>[];
      readonly places: number;
    };

/** A place in the search, and what was tried from it. */
interface Place<State> {
  readonly state: State;
  /** Every answered operation before this one is taken. */
  readonly done: number;
  /** Taken beyond `done`, rising. */
  readonly ahead: readonly number[];
  /** Taken of those without an answer, rising. */
  readonly taken: readonly number[];
  /** What may come next: answered ones by their number, others by -1 - number. */
  readonly next: readonly number[];
  tried: number;
}

const PLACES_MAX = 2_000_000;

/** Throws when the search grows beyond `placesMax`: then nobody knows. */
export function linearize<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
  placesMax = PLACES_MAX,
): Verdict<Call, Answer> {
  const sorted = operations.toSorted((a, b) => a.beganAt - b.beganAt);
  const answered = sorted.filter(({ answer }) => answer !== undefined);
  const open = sorted.filter(({ answer }) => answer === undefined);
  const at = (number: number): Operation<Call, Answer> => (number >= 0 ? answered[number] : open[-1 - number]) as Operation<Call, Answer>;

  const nextOf = (done: number, ahead: readonly number[], taken: readonly number[]): number[] => {
    const next: number[] = [];
    let firstEnd = Infinity;
    for (let n = done; n < answered.length && at(n).beganAt < firstEnd; n++) {
      if (ahead.includes(n)) continue;
      next.push(n);
      firstEnd = Math.min(firstEnd, at(n).endedAt);
    }
    // Those that ended first are likeliest to have come first.
    next.sort((a, b) => at(a).endedAt - at(b).endedAt);
    for (let n = 0; n < open.length && (open[n] as Operation<Call, Answer>).beganAt < firstEnd; n++)
      if (!taken.includes(n)) next.push(-1 - n);
    return next;
  };
  const place = (state: State, done: number, ahead: readonly number[], taken: readonly number[]): Place<State> => {
    let first = done;
    let rest = ahead;
    while (rest[0] === first) {
      first++;
      rest = rest.slice(1);
    }
    return { state, done: first, ahead: rest, taken, next: nextOf(first, rest, taken), tried: 0 };
  };

  const path: Place<State>[] = [place(model.initial, 0, [], [])];
  const order: Operation<Call, Answer>[] = [];
  const seen = new Set<string>();
  let longest: { readonly order: readonly Operation<Call, Answer>[]; readonly next: readonly number[] } = {
    order: [],
    next: path[0]?.next ?? [],
  };
  for (;;) {
    const here = path.at(-1);
    if (here === undefined) return { linearizable: false, order: longest.order, stuckAt: longest.next.map(at), places: seen.size };
    if (here.done === answered.length) return { linearizable: true, order, places: seen.size };
    const number = here.next[here.tried++];
    if (number === undefined) {
      path.pop();
      order.pop();
      continue;
    }
    const operation = at(number);
    const state = model.step(here.state, operation.call, operation.answer);
    if (state === undefined) continue;
    const there =
      number >= 0
        ? place(state, here.done, withNumber(here.ahead, number), here.taken)
        : place(state, here.done, here.ahead, withNumber(here.taken, -1 - number));
    const key = `${there.done}|${there.ahead.join()}|${there.taken.join()}|${model.key(state)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > placesMax) throw new Error(`no verdict: more than ${placesMax} places were tried over ${operations.length} operations`);
    path.push(there);
    order.push(operation);
    if (order.length > longest.order.length) longest = { order: [...order], next: there.next };
  }
}

function withNumber(numbers: readonly number[], number: number): number[] {
  const before = numbers.filter((each) => each < number);
  return [...before, number, ...numbers.slice(before.length)];
}
