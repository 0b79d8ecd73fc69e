/** What Consul answered instead of what was wanted, before a window's maker gives it that window's names. */

export class ConsulProblem extends Error {
  /** HTTP's; 0: no answer at all. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(text === "" ? `Consul answered ${status}` : text);
    this.name = "ConsulProblem";
    this.status = status;
  }

  /** Nobody there, too slow, too busy, or without a leader: later it may be well. */
  get passes(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }

  /** The token that was sent is not known (any more). */
  get tokenUnknown(): boolean {
    return this.status === 403 && this.message.includes("ACL not found");
  }
}

const TEXT_MAX = 500;

/** One line: answers are pages of HTML when a proxy stands between. */
export function answerText(body: unknown): string {
  const text = Buffer.isBuffer(body) ? body.toString() : typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
  return text.replaceAll(/\s+/g, " ").trim().slice(0, TEXT_MAX);
}

/** Why a request got no answer, without the request: its headers hold the token. */
export function silence(thrown: unknown, address: string, timeoutMs: number): ConsulProblem {
  const { code, message, name } = thrown as { code?: unknown; message?: string; name?: string };
  const slow = name === "TimeoutError" || name === "AbortError" || /timed out/.test(message ?? "");
  const reason = slow ? `no answer within ${timeoutMs} ms` : typeof code === "string" && code !== "" ? code : (message ?? "no connection");
  return new ConsulProblem(0, `Consul at ${address} cannot be reached: ${reason}`);
}
