/**
 * Errors that carry a stable code. Expected outcomes are values, broken invariants are assertions; this is for the rest: a
 * failure that a person reads and a program tells apart.
 *
 * Message grammar: action, object quoted, colon, current state, wanted state; no final period:
 *   Cannot place group "web": no node has driver "docker" (3 filtered)
 */
export class NamedError extends Error {
  /** Stable, SCREAMING_SNAKE; documented in docs/errors.md. */
  readonly code: string;
  /** The HTTP status the API answers with. */
  readonly statusCode: number;
  /** How to mend it, one sentence; shown below the message on a terminal. */
  readonly fix: string | undefined;

  constructor(code: string, message: string, options: { statusCode?: number; fix?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "NamedError";
    this.code = code;
    this.statusCode = options.statusCode ?? 500;
    this.fix = options.fix;
  }
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
