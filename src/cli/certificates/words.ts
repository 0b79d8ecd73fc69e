/** What the tls commands are told in words, checked. */
import { type ParsedFlags, UsageError } from "../flags.ts";

const DAY_MS = 24 * 3_600_000;
/** What ASN.1 dates can hold is more; what anybody means is less. */
const DAYS_MAX = 100 * 365;

/** -days, in milliseconds. */
export function days(flags: ParsedFlags, fallback: number): number {
  const given = flags.whole("days") ?? fallback;
  if (given < 1 || given > DAYS_MAX) throw new UsageError(`-days is ${given}, must be 1 to ${DAYS_MAX}`);
  return given * DAY_MS;
}

/** A domain or the name of a machine; it becomes part of files' names too. */
export function assertDomain(flag: string, text: string): string {
  const labels = text.split(".");
  const fine = text.length <= 253 && labels.every((each) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(each));
  if (!fine) throw new UsageError(`${flag} is ${JSON.stringify(text)}, must be a DNS name`);
  return text;
}

/** As assertDomain; the first label may be "*". */
export function assertDnsName(flag: string, text: string): string {
  assertDomain(flag, text.replace(/^\*\./, ""));
  return text;
}
