/**
 * Cron: when next? Nomad's dialect (dialect.ts), in any time zone, exactly one run for each tick. nomad.md §1.11.
 *
 * When clocks are changed:
 * - An expression that names hours (`30 2 * * *`, `0 0-12 * * *`) runs once for each local time it names. A local time that is skipped runs
 *   at the shift, all that are skipped together as one run; a local time that comes twice runs the first time. (cronexpr: not at all,
 *   and twice: F18.)
 * - An expression that names no hour (`*` there: every five minutes, every hour) ticks on through the shift as its minutes say: nothing
 *   is made up for, and a repeated hour is another hour. (As cronexpr.)
 */
import { createCalendar } from "./calendar.ts";
import { parseCronFields } from "./dialect.ts";
import { findZone, type Stretch } from "./zone.ts";

export interface CronSchedule {
  /** Unix milliseconds, a whole second: the first run after `afterMs`; undefined: none any more. */
  next(afterMs: number): number | undefined;
}

const HOURS_OF_A_DAY = 24;
const SECOND_MS = 1_000;

/** Throws NamedErrors CRON_INVALID and TIME_ZONE_UNKNOWN (400). Costs a millisecond: keep the answer. */
export function parseCron(expression: string, timeZone: string): CronSchedule {
  const fields = parseCronFields(expression);
  const calendar = createCalendar(fields);
  const zone = findZone(timeZone);
  const namesHours = fields.hours.length < HOURS_OF_A_DAY;

  /** The local time from which a stretch's ticks are counted: with hours named, that of its start by the clock as it was. */
  const opening = (stretch: Stretch): number => stretch.startMs + (namesHours ? stretch.offsetBeforeMs : stretch.offsetMs) - SECOND_MS;

  return {
    next(afterMs) {
      const instantMs = Math.floor(afterMs / SECOND_MS) * SECOND_MS;
      let stretch = zone.stretchAt(instantMs);
      let localMs = Math.max(instantMs + stretch.offsetMs, opening(stretch));
      for (;;) {
        const tickMs = calendar.next(localMs);
        if (tickMs === undefined) return undefined;
        const runMs = Math.max(tickMs - stretch.offsetMs, stretch.startMs);
        if (runMs < stretch.endMs) return runMs;
        stretch = zone.stretchAt(stretch.endMs);
        localMs = opening(stretch);
      }
    },
  };
}
