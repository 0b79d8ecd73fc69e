/** Go's time.Time as templates meet it, in UTC: its text, its usual methods, and Go's layouts ("2006-01-02T15:04:05Z07:00"). */
import { GoInteger, GoStruct, type Methods, type Value } from "../go/value.ts";
import { takes } from "./declare.ts";

const SECOND_NS = 1_000_000_000n;
const DAY_SECONDS = 86_400n;
const ZERO_SECONDS = -62_135_596_800n;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

export const RFC3339 = "2006-01-02T15:04:05Z07:00";
const RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00";
const PRINTED = "2006-01-02 15:04:05.999999999 -0700 MST";

/** Nanoseconds since 1970. */
export class TimeValue extends GoStruct {
  readonly unixNs: bigint;
  readonly standIn: string;
  constructor(unixNs: bigint) {
    super("time.Time", new Map(), { methods: methodsOf(unixNs), text: () => formatTime(unixNs, PRINTED) });
    this.unixNs = unixNs;
    this.standIn = formatTime(unixNs, RFC3339_NANO);
  }
}

/** RFC 3339; anything else is Go's zero time. */
export function timeOfText(text: string): TimeValue {
  const parts = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]?.replace(" ", "T")}${parts[3]}`);
  if (parts === null || Number.isNaN(ms)) return new TimeValue(ZERO_SECONDS * SECOND_NS);
  return new TimeValue(BigInt(ms) * 1_000_000n + BigInt((parts[2] ?? "").padEnd(9, "0")));
}

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  readonly weekday: number;
  readonly yearDay: number;
}

function partsOf(unixNs: bigint): Parts {
  const seconds = floorDivide(unixNs, SECOND_NS);
  const days = floorDivide(seconds, DAY_SECONDS);
  const ofDay = Number(seconds - days * DAY_SECONDS);
  const date = new Date(Number(days) * 86_400_000);
  const year = date.getUTCFullYear();
  const start = new Date(0);
  start.setUTCFullYear(year, 0, 1);
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: Math.floor(ofDay / 3600),
    minute: Math.floor(ofDay / 60) % 60,
    second: ofDay % 60,
    nanosecond: Number(unixNs - seconds * SECOND_NS),
    weekday: date.getUTCDay(),
    yearDay: Math.round((date.getTime() - start.getTime()) / 86_400_000) + 1,
  };
}

const floorDivide = (value: bigint, by: bigint): bigint => (value >= 0n ? value / by : -((-value + by - 1n) / by));

const LAYOUT_PART =
  /January|Jan|Monday|Mon|MST|_2006|2006|__2|_2|002|01|02|03|04|05|06|15|PM|pm|Z070000|Z07:00:00|Z0700|Z07:00|Z07|-070000|-07:00:00|-0700|-07:00|-07|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5/g;

const two = (value: number): string => String(value).padStart(2, "0");

/** time.Format, of a time in UTC. */
export function formatTime(unixNs: bigint, layout: string): string {
  const at = partsOf(unixNs);
  return layout.replace(LAYOUT_PART, (part, offset: number) => {
    // "Jan" within a word is none.
    if ((part === "Jan" || part === "Mon") && /[a-z]/.test(layout[offset + 3] ?? "")) return part;
    return writePart(part, at);
  });
}

function writePart(part: string, at: Parts): string {
  const hour12 = at.hour % 12 === 0 ? 12 : at.hour % 12;
  switch (part) {
    case "January":
      return MONTHS[at.month - 1] as string;
    case "Jan":
      return (MONTHS[at.month - 1] as string).slice(0, 3);
    case "Monday":
      return DAYS[at.weekday] as string;
    case "Mon":
      return (DAYS[at.weekday] as string).slice(0, 3);
    case "MST":
      return "UTC";
    case "_2006":
      return `_${String(at.year).padStart(4, "0")}`;
    case "2006":
      return String(at.year).padStart(4, "0");
    case "06":
      return two(at.year % 100);
    case "01":
      return two(at.month);
    case "1":
      return String(at.month);
    case "02":
      return two(at.day);
    case "_2":
      return String(at.day).padStart(2, " ");
    case "2":
      return String(at.day);
    case "002":
      return String(at.yearDay).padStart(3, "0");
    case "__2":
      return String(at.yearDay).padStart(3, " ");
    case "15":
      return two(at.hour);
    case "03":
      return two(hour12);
    case "3":
      return String(hour12);
    case "04":
      return two(at.minute);
    case "4":
      return String(at.minute);
    case "05":
      return two(at.second);
    case "5":
      return String(at.second);
    case "PM":
      return at.hour >= 12 ? "PM" : "AM";
    case "pm":
      return at.hour >= 12 ? "pm" : "am";
    default:
      break;
  }
  if (part.startsWith("Z07")) return "Z";
  if (part.startsWith("-07")) return part.replace("-", "+").replace(/\d/g, "0");
  const digits = String(at.nanosecond)
    .padStart(9, "0")
    .slice(0, part.length - 1);
  if (part[1] === "0") return `${part[0]}${digits.padEnd(part.length - 1, "0")}`;
  const short = digits.replace(/0+$/, "");
  return short === "" ? "" : `${part[0]}${short}`;
}

const int = (value: number): bigint => BigInt(value);

function methodsOf(unixNs: bigint): Methods {
  const none = (call: () => Value) => takes([], call);
  const parts = () => partsOf(unixNs);
  return new Map([
    ["Format", takes(["string"], ([layout]: readonly string[]) => formatTime(unixNs, layout as string))],
    ["String", none(() => formatTime(unixNs, PRINTED))],
    ["Unix", none(() => new GoInteger("int64", floorDivide(unixNs, SECOND_NS)))],
    ["UnixMilli", none(() => new GoInteger("int64", floorDivide(unixNs, 1_000_000n)))],
    ["UnixNano", none(() => new GoInteger("int64", unixNs))],
    ["Year", none(() => int(parts().year))],
    ["Day", none(() => int(parts().day))],
    ["Hour", none(() => int(parts().hour))],
    ["Minute", none(() => int(parts().minute))],
    ["Second", none(() => int(parts().second))],
    ["Nanosecond", none(() => int(parts().nanosecond))],
    ["YearDay", none(() => int(parts().yearDay))],
    ["IsZero", none(() => unixNs === ZERO_SECONDS * SECOND_NS)],
    ["UTC", none(() => new TimeValue(unixNs))],
  ]);
}
