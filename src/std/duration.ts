/** Go duration strings: "1h2m3.5s" ↔ nanoseconds. */

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds; undefined when the text is not a Go duration. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(part[1]) * (UNIT_NS[part[2] as string] as number);
  }
  return Math.round(match[1] === "-" ? -total : total);
}

/** As Go prints it: 90e9 → "1m30s", 0 → "0s", 1.5e6 → "1.5ms". */
export function formatDuration(ns: number): string {
  if (ns === 0) return "0s";
  const sign = ns < 0 ? "-" : "";
  const value = Math.abs(ns);
  if (value < 1e3) return `${sign}${value}ns`;
  if (value < 1e6) return `${sign}${trim(value / 1e3)}µs`;
  if (value < 1e9) return `${sign}${trim(value / 1e6)}ms`;
  const hours = Math.floor(value / 3600e9);
  const minutes = Math.floor((value - hours * 3600e9) / 60e9);
  const seconds = trim((value - hours * 3600e9 - minutes * 60e9) / 1e9);
  return `${sign}${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}

function trim(value: number): string {
  return String(Math.round(value * 1e9) / 1e9);
}
