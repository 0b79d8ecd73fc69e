/**
 * Where a provider sends a person's browser after they logged in: a listener on this machine, for one login. Only an answer to that login
 * counts (its state); whatever else knocks is told so and changes nothing.
 */
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { NamedError, messageOf } from "#std";

const PATH = "/oidc/callback";
/** A provider lets a person take a few minutes. */
const LIMIT_MS = 600_000;

export interface Callback {
  /** What the provider is told to come back to. */
  readonly redirectUri: string;
  /** Rejects with LOGIN_REFUSED (the provider said no), LOGIN_TIMEOUT, and when `signal` aborts. */
  answer(state: string, signal: AbortSignal): Promise<{ readonly code: string; readonly state: string }>;
  close(): Promise<void>;
}

/** `address`: host:port; port 0: any. Throws LOGIN_LISTEN_FAILED. */
export async function listenForCallback(address: string): Promise<Callback> {
  const at = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, at).replace(/^\[(.*)\]$/, "$1"), Number(address.slice(at + 1))];
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new NamedError("LOGIN_LISTEN_FAILED", `Cannot listen on ${JSON.stringify(address)}: want host:port, such as localhost:4649`);
  let onQuery: ((query: URLSearchParams) => string | undefined) | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const said = request.method === "GET" && url.pathname === PATH ? onQuery?.(url.searchParams) : undefined;
    response
      .writeHead(said === undefined ? 400 : 200, {
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        connection: "close",
      })
      .end(said ?? "This is no answer to the login that is waited for here.\n");
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw new NamedError("LOGIN_LISTEN_FAILED", `Cannot listen on ${JSON.stringify(address)}: ${messageOf(error)}`, {
      fix: "Choose another with -oidc-callback-addr; the auth method has to allow it (AllowedRedirectURIs).",
      cause: error,
    });
  }
  const opened = server.address();
  const bound = typeof opened === "object" && opened !== null ? opened.port : port;
  return {
    redirectUri: `http://${address.slice(0, at)}:${bound}${PATH}`,
    answer(state, signal) {
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => end(() => reject(tooLate())), LIMIT_MS);
        const onAbort = () => end(() => reject(signal.reason as Error));
        const end = (act: () => void) => {
          clearTimeout(limit);
          signal.removeEventListener("abort", onAbort);
          onQuery = undefined;
          act();
        };
        if (signal.aborted) return onAbort();
        signal.addEventListener("abort", onAbort, { once: true });
        onQuery = (query) => {
          if (!same(query.get("state") ?? "", state)) return undefined;
          const [code, error] = [query.get("code") ?? "", query.get("error") ?? ""];
          if (code === "" || error !== "") {
            end(() => reject(refused(error, query.get("error_description") ?? "")));
            return "The login was refused. The terminal says why; this page can be closed.\n";
          }
          end(() => resolve({ code, state }));
          return "The login is being completed in the terminal. This page can be closed.\n";
        };
      });
    },
    async close() {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return right !== "" && a.length === b.length && timingSafeEqual(a, b);
}

function refused(error: string, description: string): NamedError {
  // Somebody else's words: no control characters on a terminal.
  const shown = [error, description].map((text) => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ").slice(0, 500)).filter((text) => text !== "");
  return new NamedError("LOGIN_REFUSED", `The provider refused the login: ${shown.join(": ") || "it gave no code"}`);
}

function tooLate(): NamedError {
  return new NamedError("LOGIN_TIMEOUT", `Nobody finished the login within ${LIMIT_MS / 60_000} minutes`, {
    fix: "Run drover login again.",
  });
}
