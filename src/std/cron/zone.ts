/** A time zone as stretches of time in each of which clocks run evenly. Node's own zone data (Temporal). */
import { NamedError } from "../errors.ts";

/** Unix milliseconds; local time = instant + offset. */
export interface Stretch {
  /** -Infinity: since ever. */
  readonly startMs: number;
  /** The first moment that is no longer in it; Infinity: for ever. */
  readonly endMs: number;
  readonly offsetMs: number;
  /** The offset before `startMs`. */
  readonly offsetBeforeMs: number;
}

export interface Zone {
  stretchAt(instantMs: number): Stretch;
}

/** IANA names; "" is UTC, "Local" the zone of this machine. Throws NamedError TIME_ZONE_UNKNOWN (400). */
export function findZone(name: string): Zone {
  const wanted = name === "" ? "UTC" : name === "Local" ? Temporal.Now.timeZoneId() : name;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(wanted);
  } catch (thrown) {
    throw new NamedError(
      "TIME_ZONE_UNKNOWN",
      `Cannot use time zone ${JSON.stringify(name)}: it is not known, must be one such as "Europe/Berlin"`,
      {
        statusCode: 400,
        cause: thrown,
      },
    );
  }
  return { stretchAt: (instantMs) => stretchAt(wanted, instantMs) };
}

function stretchAt(name: string, instantMs: number): Stretch {
  const at = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(name);
  const offsetMs = at.offsetNanoseconds / 1e6;
  const next = at.getTimeZoneTransition("next");
  // "previous" is strictly before: one that is right now counts as the start.
  const last = at.add({ nanoseconds: 1 }).getTimeZoneTransition("previous");
  return {
    startMs: last?.epochMilliseconds ?? -Infinity,
    endMs: next?.epochMilliseconds ?? Infinity,
    offsetMs,
    offsetBeforeMs: last === null ? offsetMs : last.subtract({ nanoseconds: 1 }).offsetNanoseconds / 1e6,
  };
}
