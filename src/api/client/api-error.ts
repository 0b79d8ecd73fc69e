/** What went wrong when asking an agent. */
import { NamedError } from "#std";

/** The agent answered with a status of 400 or more; `text` is its reason, as it came. */
export class ApiError extends NamedError {
  readonly status: number;
  /** The plain text of the answer, trimmed: "job not found". */
  readonly text: string;

  constructor(status: number, text: string, options: { code?: string | undefined; fix?: string | undefined } = {}) {
    super(options.code ?? "API_ANSWERED_ERROR", text === "" ? `Unexpected response code: ${status}` : text, {
      statusCode: status,
      ...(options.fix === undefined ? {} : { fix: options.fix }),
    });
    this.name = "ApiError";
    this.status = status;
    this.text = text;
  }
}

/** Nothing came back at all: refused, no such host, time limit, connection lost. `code` API_UNREACHABLE, API_TIMEOUT or API_CONNECTION_LOST. */
export class ApiUnreachable extends NamedError {
  constructor(
    code: "API_UNREACHABLE" | "API_TIMEOUT" | "API_CONNECTION_LOST",
    message: string,
    options: { fix?: string; cause?: unknown } = {},
  ) {
    super(code, message, { statusCode: 503, ...options });
    this.name = "ApiUnreachable";
  }
}
