/** Functions on points in time, written as RFC 3339. */
import { parseDuration } from "#std";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";

export const TIME: FunctionTable = new Map([
  ["formatdate", define(["format: string", "time: string"], formatDate)],
  ["timeadd", define(["timestamp: string", "duration: string"], addTime)],
]);

interface Moment {
  /** The clock's reading at the offset, as if it were UTC. */
  readonly local: Date;
  /** As written: `Z`, `+02:00`. */
  readonly offset: string;
  /** Digits after the second, "" or ".5". */
  readonly fraction: string;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

function readMoment(text: string, argument: number): Moment {
  const match = RFC3339.exec(text);
  const fail = (): never => {
    throw new FunctionFailure(`"${text}" is no RFC 3339 timestamp (like 2026-01-02T15:04:05Z)`, argument);
  };
  if (match === null) return fail();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return fail();
  return { local, offset: match[8] as string, fraction: match[7] ?? "" };
}

function addTime(text: string, duration: string): string {
  const moment = readMoment(text, 0);
  const nanoseconds = parseDuration(duration);
  if (nanoseconds === undefined) throw new FunctionFailure(`"${duration}" is no duration (like 1h30m)`, 1);
  const before = BigInt(moment.local.getTime()) * 1_000_000n + BigInt(moment.fraction.slice(1).padEnd(9, "0").slice(0, 9));
  const after = new Date(Number((before + BigInt(nanoseconds)) / 1_000_000n));
  // Written without a fraction of a second, as the reference does.
  return `${after.toISOString().slice(0, 19)}${moment.offset === "+00:00" ? "Z" : moment.offset}`;
}

/** Letters that come in runs stand for parts; text between single quotes and all other signs stay. */
function formatDate(pattern: string, text: string): string {
  const moment = readMoment(text, 1);
  return pattern.replace(/'((?:[^']|'')*)('|$)|([A-Za-z])\3*/g, (run: string, quoted?: string, close?: string) => {
    if (quoted === undefined) return formatPart(run, moment);
    if (close !== "'") throw new FunctionFailure("unterminated literal '", 0);
    return quoted === "" ? "'" : quoted.replaceAll("''", "'");
  });
}

function formatPart(run: string, { local, offset }: Moment): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const short = (value: number): string => (run.length === 1 ? String(value) : two(value));
  const hour = local.getUTCHours();
  const parts: Record<string, string | undefined> = {
    YYYY: String(local.getUTCFullYear()).padStart(4, "0"),
    YY: two(local.getUTCFullYear() % 100),
    MMMM: MONTHS[local.getUTCMonth()],
    MMM: MONTHS[local.getUTCMonth()]?.slice(0, 3),
    MM: two(local.getUTCMonth() + 1),
    M: short(local.getUTCMonth() + 1),
    DD: two(local.getUTCDate()),
    D: short(local.getUTCDate()),
    EEEE: DAYS[local.getUTCDay()],
    EEE: DAYS[local.getUTCDay()]?.slice(0, 3),
    hh: two(hour),
    h: short(hour),
    HH: two(hour % 12 || 12),
    H: short(hour % 12 || 12),
    AA: hour < 12 ? "AM" : "PM",
    aa: hour < 12 ? "am" : "pm",
    mm: two(local.getUTCMinutes()),
    m: short(local.getUTCMinutes()),
    ss: two(local.getUTCSeconds()),
    s: short(local.getUTCSeconds()),
    Z: offset === "+00:00" ? "Z" : offset,
    ZZZZ: digits(offset),
    ZZZ: digits(offset) === "+0000" ? "UTC" : digits(offset),
    ZZZZZ: offset === "Z" ? "+00:00" : offset,
  };
  const part = parts[run];
  if (part === undefined) throw new FunctionFailure(`invalid date format verb "${run}"`, 0);
  return part;
}

function digits(offset: string): string {
  return offset === "Z" ? "+0000" : offset.replace(":", "");
}
