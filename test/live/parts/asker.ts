/** Asks a part's HTTP API. Every request has its own connection: none is held over a restart of the other side. */
import assert from "node:assert/strict";

export interface Asker {
  /** With the part's token, unless `init.headers` says another. */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** The JSON of a 200. */
  get<T>(path: string): Promise<T>;
  /** Sends JSON (a string as it is), wants a 2xx, and returns its JSON if it has any. */
  put<T = unknown>(path: string, body?: unknown): Promise<T>;
}

const ANSWER_LIMIT_MS = 10_000;

export function asker(address: () => string, token: Readonly<Record<string, string>>): Asker {
  const api = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers({ ...token, connection: "close" });
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    return fetch(address() + path, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS), ...init, headers });
  };
  return {
    api,
    async get<T>(path: string) {
      const response = await api(path);
      const text = await response.text();
      assert.equal(response.status, 200, `${path}: ${text}`);
      return JSON.parse(text) as T;
    },
    async put<T>(path: string, body?: unknown) {
      const response = await api(path, { method: "PUT", body: typeof body === "string" ? body : JSON.stringify(body) });
      const text = await response.text();
      assert.ok(response.ok, `PUT ${path}: ${response.status} ${text}`);
      return (text === "" ? undefined : JSON.parse(text)) as T;
    },
  };
}
