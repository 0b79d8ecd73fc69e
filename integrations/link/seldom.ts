/** Refusals in the log: who is refused comes again and again, and once in a while is enough. */
import type { LinkReport } from "./service.ts";

export type SeldomReport = (message: string, from: string, fix: string) => void;

/** The same of the same is reported once in so long. */
const REPORT_MS = 10_000;

export function seldom(report: LinkReport): SeldomReport {
  const saidMs = new Map<string, number>();
  return (message, from, fix) => {
    const key = `${from} ${message}`;
    const nowMs = performance.now();
    if (nowMs - (saidMs.get(key) ?? -Infinity) < REPORT_MS) return;
    if (saidMs.size > 1_000) saidMs.clear();
    saidMs.set(key, nowMs);
    report({ level: "warn", message, fields: { from, ...(fix === "" ? {} : { fix }) } });
  };
}
