/** Times as the field prints them. Pure: now is an argument. */

/** Unix nanoseconds → 2006-01-02T15:04:05Z07:00 in the machine's zone; "N/A" for zero. */
export function timestamp(ns: number): string {
  return ns === 0 ? "N/A" : localRfc3339(new Date(ns / 1e6));
}

export function localRfc3339(date: Date): string {
  const offsetMinutes = -date.getTimezoneOffset();
  const pad = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19);
  return offsetMinutes === 0
    ? `${local}Z`
    : `${local}${offsetMinutes < 0 ? "-" : "+"}${pad(offsetMinutes / 60)}:${pad(offsetMinutes % 60)}`;
}

/** "1h2m ago", the two largest units; "now" never: "0s ago". */
export function ago(ns: number, nowMs: number): string {
  return ns === 0 ? "N/A" : `${spell(Math.max(0, nowMs - ns / 1e6))} ago`;
}

/** "1h2m from now"; of a time that has passed "2s ago". */
export function fromNow(ms: number, nowMs: number): string {
  return ms >= nowMs ? `${spell(ms - nowMs)} from now` : `${spell(nowMs - ms)} ago`;
}

/** "1d2h", "3m20s", the two largest units. */
export function spell(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / (86_400 * 365)), "y"],
    [Math.floor((seconds % (86_400 * 365)) / (86_400 * 30)), "mo"],
    [Math.floor(((seconds % (86_400 * 365)) % (86_400 * 30)) / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  const largest = parts.filter(([count]) => count > 0).slice(0, 2);
  return largest.length === 0 ? "0s" : largest.map(([count, unit]) => `${count}${unit}`).join("");
}

/** Bytes → "512 KiB", "1.5 GiB". */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const shown = unit === 0 || value >= 10 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
  return `${shown} ${units[unit] as string}`;
}
