/** What is wrong, before it is told of whom: the parts of a Reason that do not name an allocation, so that alike ones can be told once. */
import type { Reason, WhyStage } from "#model";
import { formatDuration } from "#std";

export interface Cause {
  readonly stage: WhyStage;
  /** One sentence: what is wrong, then what would help. */
  readonly sentence: string;
  /** Causes with the same key are the same, whatever the times in their sentences. */
  readonly key: string;
  readonly task?: string;
  readonly sinceNs: number;
  readonly details?: Reason["Details"];
}

/** "3 nodes", "1 node" */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "40s", "3m", "2h5m": no one counts milliseconds while waiting. */
export function howLong(ns: number): string {
  const seconds = Math.max(0, Math.round(ns / 1e9));
  const rounded = seconds < 120 ? seconds : seconds < 7_200 ? seconds - (seconds % 60) : seconds - (seconds % 3_600);
  return formatDuration(rounded * 1e9)
    .replace(/(?<=[hm])0s$/, "")
    .replace(/(?<=h)0m$/, "");
}

/** RFC 3339 → unix nanoseconds; undefined for null and what is none. */
export function timeNs(text: string | null): number | undefined {
  const ms = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms * 1e6;
}

export const quoted = (text: string): string => JSON.stringify(text);

/** The first eight digits, as people type them. */
export const short = (id: string): string => id.slice(0, 8);
