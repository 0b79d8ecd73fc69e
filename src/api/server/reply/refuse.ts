/** An error as an answer: status and the reason as plain text, nothing else. Never a stack. nomad.md §3.1. */
import { NamedError } from "#std";
import { HEADERS } from "../../contract/mod.ts";
import { RefusedAt } from "../refusal.ts";

export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Something here is broken: the agent's log should have it. */
  readonly fault: boolean;
  /** What went wrong, for that log. */
  readonly error: unknown;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedAt) {
    const refusal = refusalOf(error.cause);
    return { ...refusal, headers: { ...refusal.headers, [HEADERS.index]: String(Math.max(1, error.index)) } };
  }
  if (error instanceof NamedError) {
    const status = error.statusCode >= 400 && error.statusCode <= 599 ? error.statusCode : 500;
    return {
      status,
      text: error.message,
      headers: {
        [HEADERS.errorCode]: error.code,
        ...(error.fix === undefined ? {} : { [HEADERS.errorFix]: encodeURIComponent(error.fix) }),
      },
      fault: false,
      error,
    };
  }
  const status = statusOf(error);
  if (status >= 400 && status < 500) return { status, text: (error as Error).message, headers: {}, fault: false, error };
  return {
    status: 500,
    text: "Internal error: the agent's log has the details",
    headers: { [HEADERS.errorCode]: "API_FAULT" },
    fault: true,
    error,
  };
}

/** Errors of the HTTP layer (bad URL, …) carry a status of their own. */
function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === "number" && error instanceof Error ? status : 500;
}
