import { NamedError } from "../errors.ts";

/** 400 with what is wrong and where. `at` -1: the expression as a whole. */
export function filterError(source: string, at: number, why: string): NamedError {
  const place = at < 0 ? "" : ` at column ${at + 1}`;
  const shown = source.length > 120 ? `${source.slice(0, 117)}…` : source;
  return new NamedError("API_FILTER_INVALID", `Cannot use filter ${JSON.stringify(shown)}: ${why}${place}`, { statusCode: 400 });
}
