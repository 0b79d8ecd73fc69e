import assert from "node:assert/strict";
import { test } from "node:test";
import { NamedError, parseCron } from "#std";
import { testScale } from "../../../scale.ts";
import { ZONES } from "../../../tools/cron-oracle/questions.ts";

const DAY_MS = 86_400_000;

/** Runs as the zone's clocks show them, with the offset: "2026-03-29T03:00+02:00". */
function runs(expression: string, zone: string, from: string, count: number): string[] {
  const schedule = parseCron(expression, zone);
  const found: string[] = [];
  let after = Temporal.ZonedDateTime.from(`${from}[${zone}]`).epochMilliseconds;
  while (found.length < count) {
    const next = schedule.next(after);
    if (next === undefined) break;
    const shown = Temporal.Instant.fromEpochMilliseconds(next).toZonedDateTimeISO(zone);
    found.push(shown.toString({ smallestUnit: "minute", timeZoneName: "never" }));
    after = next;
  }
  return found;
}

test("a local time that is skipped runs once, at the shift (F18)", () => {
  assert.deepEqual(runs("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", 3), [
    "2026-03-28T02:30+01:00",
    "2026-03-29T03:00+02:00",
    "2026-03-30T02:30+02:00",
  ]);
});

test("several skipped times are one run, and so is a skipped time that meets a named one at the shift", () => {
  assert.deepEqual(runs("*/20 2-3 * * *", "Europe/Berlin", "2026-03-29T00:00", 4), [
    "2026-03-29T03:00+02:00",
    "2026-03-29T03:20+02:00",
    "2026-03-29T03:40+02:00",
    "2026-03-30T02:00+02:00",
  ]);
});

test("a local time that comes twice runs the first time only (F18)", () => {
  assert.deepEqual(runs("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2), ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]);
  assert.deepEqual(runs("*/30 2,3 * * *", "Europe/Berlin", "2026-10-25T02:15+02:00", 4), [
    "2026-10-25T02:30+02:00",
    "2026-10-25T03:00+01:00",
    "2026-10-25T03:30+01:00",
    "2026-10-26T02:00+01:00",
  ]);
});

test("asked in the middle of a repeated hour, what ran the first time does not run again", () => {
  assert.deepEqual(runs("45 2 * * *", "Europe/Berlin", "2026-10-25T02:15+01:00", 1), ["2026-10-26T02:45+01:00"]);
});

test("an expression that names no hour ticks on: nothing is made up for, a repeated hour is another hour", () => {
  assert.deepEqual(runs("30 * * * *", "Europe/Berlin", "2026-03-29T01:00", 3), [
    "2026-03-29T01:30+01:00",
    "2026-03-29T03:30+02:00",
    "2026-03-29T04:30+02:00",
  ]);
  assert.deepEqual(runs("30 * * * *", "Europe/Berlin", "2026-10-25T02:00+02:00", 3), [
    "2026-10-25T02:30+02:00",
    "2026-10-25T02:30+01:00",
    "2026-10-25T03:30+01:00",
  ]);
});

test("a shift by half an hour, one at midnight and a whole skipped day follow the same rule", () => {
  assert.deepEqual(runs("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", 2), ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]);
  assert.deepEqual(runs("0 0 * * *", "America/Havana", "2026-03-07T12:00", 2), ["2026-03-08T01:00-04:00", "2026-03-09T00:00-04:00"]);
  assert.deepEqual(runs("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", 3), [
    "2011-12-29T12:00-10:00",
    "2011-12-31T00:00+14:00",
    "2011-12-31T12:00+14:00",
  ]);
});

const FIVE_YEARS_DAYS = 1_826;
/** The local times of each: hours and minutes, every day or on one weekday (1 is Monday). */
const EXPRESSIONS = [
  { text: "30 2 * * *", times: ["02:30"], weekday: undefined },
  { text: "0 0 * * *", times: ["00:00"], weekday: undefined },
  { text: "15 1 * * *", times: ["01:15"], weekday: undefined },
  { text: "0 3 * * 0", times: ["03:00"], weekday: 7 },
  { text: "30 0-4/2 * * *", times: ["00:30", "02:30", "04:30"], weekday: undefined },
];

test("over five years in twenty zones each local tick is one run, at its time or at the shift that skips it (F18)", () => {
  const first = Temporal.PlainDate.from("2026-01-01");
  const played = ZONES.flatMap((zone, index) =>
    EXPRESSIONS.slice(0, Math.min(EXPRESSIONS.length, testScale())).map((_, turn) => ({
      zone,
      expression: EXPRESSIONS[(index + turn) % EXPRESSIONS.length] as (typeof EXPRESSIONS)[number],
    })),
  );
  assert.equal(new Set(ZONES).size, 20);
  for (const { zone, expression } of played) {
    const schedule = parseCron(expression.text, zone);
    const expected = new Set<number>();
    for (let day = 0; day < FIVE_YEARS_DAYS; day++) {
      const date = first.add({ days: day });
      if (expression.weekday !== undefined && date.dayOfWeek !== expression.weekday) continue;
      for (const time of expression.times) expected.add(momentOf(date.toPlainDateTime(Temporal.PlainTime.from(time)), zone));
    }
    const wanted = [...expected].sort((a, b) => a - b);
    let after = (wanted[0] as number) - 1;
    for (const moment of wanted) {
      after = schedule.next(after) ?? Number.NaN;
      assert.equal(new Date(after).toISOString(), new Date(moment).toISOString(), `${expression.text} in ${zone}`);
    }
  }
});

/** The first moment clocks show it; when they never do, the moment they jump over it. */
function momentOf(local: Temporal.PlainDateTime, zone: string): number {
  const early = local.toZonedDateTime(zone, { disambiguation: "earlier" });
  if (early.toPlainDateTime().equals(local)) return early.epochMilliseconds;
  return early.getTimeZoneTransition("next")?.epochMilliseconds ?? Number.NaN;
}

test("an expression or zone that means nothing is refused with what is wrong and what would be right", () => {
  const message = (expression: string, zone = "UTC"): string => {
    try {
      parseCron(expression, zone);
    } catch (thrown) {
      assert.ok(thrown instanceof NamedError && thrown.statusCode === 400);
      return `${thrown.code} ${thrown.message}`;
    }
    return "accepted";
  };
  assert.equal(message("61 * * * *"), `CRON_INVALID Cannot read cron expression "61 * * * *": the minute "61" is not one`);
  assert.match(message("* * *"), /it has 3 fields, must have 5 to 7/);
  assert.match(message("* * * * * * * *"), /it has 8 fields/);
  assert.match(message("@every 5m"), /"@every 5m" is not one of @yearly, /);
  assert.match(message("20-10 * * * *"), /the minute "20-10" ends before it begins/);
  assert.match(message("*/90 * * * *"), /a step that is not 1 to 59/);
  assert.match(message("* * * * *", "Europe/Berlyn"), /TIME_ZONE_UNKNOWN Cannot use time zone "Europe\/Berlyn"/);
  assert.equal(message("0 0 * * 01", ""), "accepted");
});

test("what never comes has no next run, and what comes seldom is found soon", () => {
  assert.equal(parseCron("0 0 30 2 *", "Europe/Berlin").next(0), undefined);
  assert.equal(parseCron("0 0 1 1 * 2001", "UTC").next(Date.UTC(2026, 0)), undefined);
  const next = parseCron("0 30 2 29 2 * 2096", "Europe/Berlin").next(Date.UTC(2026, 0));
  assert.equal(next, Date.UTC(2096, 1, 29, 1, 30));
  assert.equal(parseCron("* * * * *", "UTC").next(30 * DAY_MS + 59_999), 30 * DAY_MS + 60_000);
});
