/** Where the agent listens: `http://127.0.0.1:4646`, `https://…`, `unix:///run/drover.sock`, or `host:port`. nomad.md §4.1. */
import { NamedError } from "#std";

export const DEFAULT_ADDRESS = "http://127.0.0.1:4646";

export interface Address {
  /** As the user wrote it, for messages; never with a password. */
  readonly text: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Set for unix sockets; host is "localhost" then. */
  readonly socketPath: string | undefined;
  /** A path in front of /v1, without a trailing slash; mostly "". */
  readonly basePath: string;
  /** "user:password" from the URL, or undefined. */
  readonly basicAuth: string | undefined;
}

/** Throws NamedError API_ADDRESS_INVALID. */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix://")) {
    const socketPath = text.slice("unix://".length);
    if (socketPath === "") throw invalid(text, "it names no socket file");
    return { text, secure: false, host: "localhost", port: 0, socketPath, basePath: "", basicAuth: undefined };
  }
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    throw invalid(text, "it is not a URL");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw invalid(text, `"${url.protocol}//" is none of http://, https://, unix://`);
  const secure = url.protocol === "https:";
  return {
    text: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`,
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    socketPath: undefined,
    basePath: url.pathname.replace(/\/+$/, ""),
    basicAuth: url.username === "" ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`,
  };
}

function invalid(text: string, why: string): NamedError {
  return new NamedError("API_ADDRESS_INVALID", `Cannot use address "${text.replace(/\/\/[^@/]*@/, "//")}": ${why}`, {
    statusCode: 400,
    fix: `Write it as ${DEFAULT_ADDRESS}, or unix:///path/to/socket, in -address or NOMAD_ADDR.`,
  });
}
