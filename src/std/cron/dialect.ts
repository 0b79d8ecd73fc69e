/**
 * Nomad's cron dialect (that of hashicorp/cronexpr), read into plain sets. nomad.md §1.11.
 *
 *   [second] minute hour day-of-month month day-of-week [year]        five fields; six: with a year; seven: with seconds too
 *
 *   every field     *  ?  5  1,2,5  1-5  * /2  5/15 (5 to the end)  10-40/10      names of months and days, long or short
 *   day of month    L (the last)  15W (the working day nearest to the 15th, of that month)  LW (the last working day)
 *   day of week     0-7, 0 and 7 are Sunday  5L (the last Friday)  1#2 (the second Monday)
 *   whole           @yearly @annually @monthly @weekly @daily @hourly
 *
 * A day is meant when either day field says so, or, when one of them is `*`, when the other does.
 *
 * Kept as there, though it surprises: a range of weekdays that ends in Sunday ends on Saturday (`5-7` and `fri-sun` are Friday and
 * Saturday). Not as there: a range that ends before it begins is refused (there it never runs, or hangs the server), so are more than
 * seven fields (there the rest is ignored), and `01` as a weekday is Monday (there it is Sunday).
 */
import { NamedError } from "../errors.ts";

/** What an expression names. Sorted, without repetition. */
export interface CronFields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** null: any. */
  readonly days: {
    readonly plain: readonly number[];
    readonly last: boolean;
    readonly lastWorkday: boolean;
    readonly nearestWorkdays: readonly number[];
  } | null;
  readonly months: readonly number[];
  /** 0 is Sunday. null: any. */
  readonly weekdays: {
    readonly plain: readonly number[];
    readonly lastOfMonth: readonly number[];
    /** [weekday, which of the month: 1 to 5] */
    readonly nthOfMonth: readonly (readonly [weekday: number, nth: number])[];
  } | null;
  readonly years: readonly number[];
}

export const CRON_YEARS = [1970, 2099] as const;

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names, lower case, to numbers. */
  readonly names: ReadonlyMap<string, number>;
}

const MONTHS = "january february march april may june july august september october november december".split(" ");
const WEEKDAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");
const named = (names: readonly string[], from: number): ReadonlyMap<string, number> =>
  new Map(names.flatMap((name, index) => [[name, index + from] as const, [name.slice(0, 3), index + from] as const]));
const NO_NAMES: ReadonlyMap<string, number> = new Map();

const SECOND: Field = { name: "second", min: 0, max: 59, names: NO_NAMES };
const MINUTE: Field = { name: "minute", min: 0, max: 59, names: NO_NAMES };
const HOUR: Field = { name: "hour", min: 0, max: 23, names: NO_NAMES };
const DAY: Field = { name: "day of month", min: 1, max: 31, names: NO_NAMES };
const MONTH: Field = { name: "month", min: 1, max: 12, names: named(MONTHS, 1) };
/** 7 is read as 0. */
const WEEKDAY: Field = { name: "day of week", min: 0, max: 6, names: named(WEEKDAYS, 0) };
const YEAR: Field = { name: "year", min: CRON_YEARS[0], max: CRON_YEARS[1], names: NO_NAMES };

const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 0 1 1 * *"],
  ["@annually", "0 0 0 1 1 * *"],
  ["@monthly", "0 0 0 1 * * *"],
  ["@weekly", "0 0 0 * * 0 *"],
  ["@daily", "0 0 0 * * * *"],
  ["@hourly", "0 0 * * * * *"],
]);

/** Throws NamedError CRON_INVALID (400). */
export function parseCronFields(expression: string): CronFields {
  const written = expression.trim();
  const words = (NICKNAMES.get(written) ?? written).split(/\s+/).filter((word) => word !== "");
  const refuse = (problem: string): NamedError =>
    new NamedError("CRON_INVALID", `Cannot read cron expression ${JSON.stringify(expression)}: ${problem}`, { statusCode: 400 });
  if (written.startsWith("@") && !NICKNAMES.has(written)) {
    throw refuse(`${JSON.stringify(written)} is not one of ${[...NICKNAMES.keys()].join(", ")}`);
  }
  if (words.length < 5 || words.length > 7) {
    throw refuse(
      `it has ${words.length} field${words.length === 1 ? "" : "s"}, must have 5 to 7: [second] minute hour day month weekday [year]`,
    );
  }
  const [second, minute, hour, day, month, weekday, year] = (
    words.length === 7 ? words : ["0", ...words, ...(words.length === 5 ? ["*"] : [])]
  ) as [string, string, string, string, string, string, string];
  try {
    return {
      seconds: plainField(second, SECOND),
      minutes: plainField(minute, MINUTE),
      hours: plainField(hour, HOUR),
      days: daysField(day),
      months: plainField(month, MONTH),
      weekdays: weekdaysField(weekday),
      years: plainField(year, YEAR),
    };
  } catch (thrown) {
    if (thrown instanceof Unreadable) throw refuse(thrown.message);
    throw thrown;
  }
}

class Unreadable extends Error {}

function plainField(text: string, field: Field): number[] {
  const values = new Set<number>();
  for (const entry of entriesOf(text, field)) {
    const span = spanOf(entry, field);
    if (span === undefined) throw unreadable(entry, field);
    addAll(values, span);
  }
  return sorted(values);
}

function daysField(text: string): CronFields["days"] {
  const plain = new Set<number>();
  const nearest = new Set<number>();
  let [last, lastWorkday, any] = [false, false, false];
  for (const entry of entriesOf(text, DAY)) {
    const span = spanOf(entry, DAY);
    const workday = /^(.+)w$/.exec(entry)?.[1];
    if (span?.any === true) any = true;
    else if (span !== undefined) addAll(plain, span);
    else if (entry === "l") last = true;
    else if (entry === "lw") lastWorkday = true;
    else nearest.add(valueOf(workday ?? "", DAY) ?? failed(unreadable(entry, DAY)));
  }
  return any ? null : { plain: sorted(plain), last, lastWorkday, nearestWorkdays: sorted(nearest) };
}

function weekdaysField(text: string): CronFields["weekdays"] {
  const plain = new Set<number>();
  const lasts = new Set<number>();
  const nths = new Map<string, readonly [number, number]>();
  let any = false;
  for (const entry of entriesOf(text, WEEKDAY)) {
    const span = spanOf(entry, WEEKDAY);
    const last = /^(.+)l$/.exec(entry)?.[1];
    const nth = /^(.+)#([1-5])$/.exec(entry);
    if (span?.any === true) any = true;
    else if (span !== undefined) addAll(plain, span.to === 0 && span.range ? { ...span, to: 6 } : span);
    else if (nth !== null) nths.set(entry, [valueOf(nth[1] as string, WEEKDAY) ?? failed(unreadable(entry, WEEKDAY)), Number(nth[2])]);
    else lasts.add(valueOf(last ?? "", WEEKDAY) ?? failed(unreadable(entry, WEEKDAY)));
  }
  return any ? null : { plain: sorted(plain), lastOfMonth: sorted(lasts), nthOfMonth: [...nths.values()] };
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** `*` alone: the field restricts nothing. */
  readonly any: boolean;
  /** Written with two ends. */
  readonly range: boolean;
}

function entriesOf(text: string, field: Field): string[] {
  const entries = text
    .toLowerCase()
    .split(",")
    .filter((entry) => entry !== "");
  if (entries.length === 0) throw new Unreadable(`the ${field.name} names nothing`);
  return entries;
}

/** undefined: none of the forms every field has. */
function spanOf(entry: string, field: Field): Span | undefined {
  if (entry === "*" || entry === "?") return { from: field.min, to: field.max, step: 1, any: true, range: false };
  const [whole, stepText, more] = entry.split("/") as [string, string | undefined, string | undefined];
  if (more !== undefined) return undefined;
  const step = stepText === undefined ? 1 : stepOf(stepText, entry, field);
  if (whole === "*") return { from: field.min, to: field.max, step, any: false, range: false };
  const [first, second, third] = whole.split("-") as [string, string | undefined, string | undefined];
  const from = valueOf(first, field);
  if (from === undefined || third !== undefined) return undefined;
  if (second === undefined) return { from, to: stepText === undefined ? from : field.max, step, any: false, range: false };
  const to = valueOf(second, field);
  if (to === undefined) return undefined;
  if (to < from && !(field === WEEKDAY && to === 0)) throw new Unreadable(`the ${field.name} "${entry}" ends before it begins`);
  return { from, to, step, any: false, range: true };
}

function stepOf(text: string, entry: string, field: Field): number {
  const step = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > field.max) throw new Unreadable(`the ${field.name} "${entry}" has a step that is not 1 to ${field.max}`);
  return step;
}

/** A number in range, or a name. */
function valueOf(text: string, field: Field): number | undefined {
  const name = field.names.get(text);
  if (name !== undefined) return name;
  if (!(field === YEAR ? /^\d{4}$/ : /^\d{1,2}$/).test(text)) return undefined;
  const value = Number(text);
  if (field === WEEKDAY && value === 7) return 0;
  return value >= field.min && value <= field.max ? value : undefined;
}

function addAll(values: Set<number>, { from, to, step }: Span): void {
  for (let value = from; value <= to; value += step) values.add(value);
}

function sorted(values: ReadonlySet<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

function unreadable(entry: string, field: Field): Unreadable {
  return new Unreadable(`the ${field.name} "${entry}" is not one`);
}

function failed(error: Error): never {
  throw error;
}
