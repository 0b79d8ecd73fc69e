/**
 * Guards against web pages. Nothing authenticates this API while access control is off, so a page open in a browser on the same
 * machine must not be able to drive it: neither by a request across origins, nor by a name it has pointed at 127.0.0.1.
 * Clients that are not browsers send none of the headers looked at here.
 */
import type { IncomingHttpHeaders } from "node:http";
import { NamedError } from "#std";

export interface Guard {
  /** Every address listened on is loopback. */
  readonly loopbackOnly: boolean;
  /** Names allowed in a Host header then, besides IP addresses and localhost. */
  readonly hostNames: readonly string[];
}

/** Throws 403. `changes`: the request changes something. */
export function guardOrigin(headers: IncomingHttpHeaders, changes: boolean, guard: Guard): void {
  const host = hostName(headers.host);
  if (guard.loopbackOnly && host !== undefined && !isLocalName(host, guard.hostNames)) {
    throw new NamedError("API_HOST_REFUSED", `Refused Host ${JSON.stringify(host.slice(0, 100))}: this agent listens on loopback only`, {
      statusCode: 403,
      fix: "Ask by IP address or localhost.",
    });
  }
  if (!changes) return;
  const origin = headers.origin;
  if (origin !== undefined && hostPort(origin) !== headers.host?.toLowerCase()) throw crossOrigin();
  if (headers["sec-fetch-site"] === "cross-site" || headers["sec-fetch-site"] === "same-site") throw crossOrigin();
}

function crossOrigin(): NamedError {
  return new NamedError("API_ORIGIN_REFUSED", "Refused request from another web page: changes are only taken from the same origin", {
    statusCode: 403,
  });
}

function hostPort(origin: string): string | undefined {
  try {
    return new URL(origin).host.toLowerCase();
  } catch {
    return undefined;
  }
}

function hostName(host: string | undefined): string | undefined {
  if (host === undefined || host === "") return undefined;
  return host.toLowerCase().replace(/:\d*$/, "");
}

function isLocalName(host: string, allowed: readonly string[]): boolean {
  if (host === "localhost" || host.endsWith(".localhost") || host.startsWith("[")) return true;
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || allowed.some((name) => name.toLowerCase() === host);
}
