/**
 * Which local times an expression names, one after the other: croner, given a translation and told that it is UTC, so that it never
 * thinks of time zones (zone.ts does, by our own rule).
 *
 * Translated because the dialects differ (measured against hashicorp/cronexpr by test/tools/cron-oracle): croner takes six fields for
 * seconds first and no year, writes `5L` as `5#L`, knows neither `5/15` nor `LW` in a list, and has no end (cronexpr ends with 2099).
 */
import { Cron } from "croner";
import { CRON_YEARS, type CronFields } from "./dialect.ts";

export interface Calendar {
  /** Local times as if they were UTC, milliseconds. The first one after `localMs`; undefined: none any more. */
  next(localMs: number): number | undefined;
}

export function createCalendar(fields: CronFields): Calendar {
  const crons = patternsOf(fields).map((pattern) => new Cron(pattern, { timezone: "UTC", mode: "7-part", paused: true }));
  return {
    next(localMs) {
      const after = new Date(localMs);
      const times = crons.flatMap((cron) => cron.nextRun(after)?.getTime() ?? []);
      return times.length === 0 ? undefined : Math.min(...times);
    },
  };
}

/** Together they name what the expression does. More than one only where croner wants `LW` to stand alone. */
function patternsOf(fields: CronFields): string[] {
  const list = (values: readonly number[]): string => values.join(",");
  const time = `${list(fields.seconds)} ${list(fields.minutes)} ${list(fields.hours)}`;
  const years = fields.years.length > CRON_YEARS[1] - CRON_YEARS[0] ? CRON_YEARS.join("-") : list(fields.years);
  return daysOf(fields.days).map((days) => `${time} ${days} ${list(fields.months)} ${weekdaysOf(fields.weekdays)} ${years}`);
}

function daysOf(days: CronFields["days"]): string[] {
  if (days === null) return ["*"];
  const list = [...days.plain, ...days.nearestWorkdays.map((day) => `${day}W`), ...(days.last ? ["L"] : [])];
  return [...(list.length > 0 ? [list.join(",")] : []), ...(days.lastWorkday ? ["LW"] : [])];
}

function weekdaysOf(weekdays: CronFields["weekdays"]): string {
  if (weekdays === null) return "*";
  const { plain, lastOfMonth, nthOfMonth } = weekdays;
  return [...plain, ...lastOfMonth.map((day) => `${day}#L`), ...nthOfMonth.map(([day, nth]) => `${day}#${nth}`)].join(",");
}
