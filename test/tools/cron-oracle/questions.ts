/** Generated questions for the oracle, and where its answers and ours are meant to be the same. */
import { createSeededRandom } from "#integrations/memory";
import { parseCron } from "#std";

export interface Question {
  readonly expression: string;
  readonly zone: string;
  /** Unix seconds. */
  readonly from: number;
  readonly count: number;
}
/** `{"runs": […]}` in unix seconds, or `{"error": "…"}`. */
export interface Answer {
  readonly runs?: readonly number[];
  readonly error?: string;
}

/**
 * With and without daylight saving, both hemispheres, half-hour shifts, shifts at midnight. None whose rules changed lately: zone data are
 * those of Node and of Go, and are not ours to compare.
 */
export const ZONES = [
  "UTC",
  "Europe/Berlin",
  "Europe/London",
  "Europe/Dublin",
  "America/New_York",
  "America/St_Johns",
  "America/Sao_Paulo",
  "America/Santiago",
  "America/Havana",
  "America/Asuncion",
  "Australia/Lord_Howe",
  "Australia/Sydney",
  "Pacific/Auckland",
  "Pacific/Chatham",
  "Asia/Kolkata",
  "Asia/Tehran",
  "Asia/Beirut",
  "Asia/Jerusalem",
  "Africa/Cairo",
  "Asia/Kathmandu",
] as const;

export function questions(seed: number, count: number): Question[] {
  const random = createSeededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[random.integer(items.length)] as Item;
  const between = (low: number, high: number): number => low + random.integer(high - low + 1);

  function entry(low: number, high: number, names: readonly string[] = []): string {
    const value = (): string => (names.length > 0 && random.integer(3) === 0 ? pick(names) : String(between(low, high)));
    const [first, last] = [between(low, high), between(low, high)].sort((a, b) => a - b) as [number, number];
    const step = between(1, Math.max(1, Math.floor((high - low) / 2)));
    const shapes = [value, value, () => `${first}-${last}`, () => `*/${step}`, () => `${first}/${step}`, () => `${first}-${last}/${step}`];
    return pick(shapes)();
  }
  function field(
    low: number,
    high: number,
    anyOutOf: number,
    names: readonly string[] = [],
    special: readonly (() => string)[] = [],
  ): string {
    if (random.integer(anyOutOf) > 0) return pick(["*", "*", "*", "?"]);
    const entries = Array.from({ length: pick([1, 1, 1, 2, 3]) }, () =>
      special.length > 0 && random.integer(3) === 0 ? pick(special)() : entry(low, high, names),
    );
    return entries.join(",");
  }
  function expression(): string {
    if (random.integer(20) === 0) return pick(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"]);
    const days = field(1, 31, 3, [], [() => "L", () => "LW", () => "lw", () => `${between(1, 31)}W`]);
    const weekdays = field(
      0,
      6,
      3,
      ["mon", "Tuesday", "FRI", "sat"],
      [() => `${between(0, 7)}L`, () => `${between(0, 7)}#${between(1, 5)}`, () => "frid".slice(0, 3)],
    );
    const middle = [field(0, 59, 2), field(0, 23, 2), days, field(1, 12, 4, ["jan", "JUNE", "Dec"]), weekdays].join(" ");
    const years = random.integer(3) > 0 ? undefined : field(2024, 2032, 2);
    const seconds = years !== undefined && random.integer(2) === 0 ? field(0, 59, 2) : undefined;
    return [seconds, middle, years].filter((part) => part !== undefined).join(" ");
  }
  return Array.from({ length: count }, () => ({
    expression: expression(),
    zone: pick(ZONES),
    from: between(1_704_067_200, 1_861_920_000),
    count: 24,
  }));
}

/** What we answer. */
export function ourAnswer({ expression, zone, from, count }: Question): Answer {
  try {
    const schedule = parseCron(expression, zone);
    const runs: number[] = [];
    for (let next = schedule.next(from * 1_000); next !== undefined && runs.length < count; next = schedule.next(next))
      runs.push(next / 1_000);
    return { runs };
  } catch (thrown) {
    return { error: (thrown as Error).message };
  }
}

/**
 * undefined: the same, as far as it is meant to be. On days around a change of clocks an expression that names hours is ours to answer (see
 * src/std/cron/cron.ts): those are left out on both sides.
 */
export function difference(question: Question, theirs: Answer, ours: Answer): string | undefined {
  if (theirs.runs === undefined || ours.runs === undefined) {
    return (theirs.runs === undefined) === (ours.runs === undefined)
      ? undefined
      : `${JSON.stringify(theirs)} against ${JSON.stringify(ours)}`;
  }
  const full = Math.min(
    theirs.runs.length === question.count ? (theirs.runs.at(-1) as number) : Infinity,
    ours.runs.length === question.count ? (ours.runs.at(-1) as number) : Infinity,
  );
  const comparable = (runs: readonly number[]): string =>
    runs
      .filter((run) => run <= full && !clocksChangeAround(question.zone, run))
      .map((run) => new Date(run * 1_000).toISOString())
      .join(" ");
  const [left, right] = [comparable(theirs.runs), comparable(ours.runs)];
  return left === right ? undefined : `\n  theirs ${left}\n  ours   ${right}`;
}

function clocksChangeAround(zone: string, second: number): boolean {
  const at = Temporal.Instant.fromEpochMilliseconds(second * 1_000).toZonedDateTimeISO(zone);
  return at.subtract({ hours: 36 }).offsetNanoseconds !== at.add({ hours: 36 }).offsetNanoseconds;
}
