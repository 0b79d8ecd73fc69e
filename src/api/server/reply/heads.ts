/** The headers of an answer. nomad.md §3.1. */
import type { Meta } from "../call.ts";
import type { ApiOptions } from "../facts.ts";
import { tokenText } from "../listing/token-text.ts";

export type Headers = Record<string, string>;

/** Every answer's. On a server X-Nomad-KnownLeader and X-Nomad-LastContact too: clients parse them without asking first. */
export function headersOf(options: ApiOptions, meta: Meta, contentType: string | undefined): Headers {
  const headers: Headers = { vary: "Accept-Encoding", ...lowerCased(options.responseHeaders) };
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (meta.index !== undefined) headers["x-nomad-index"] = String(Math.max(1, meta.index));
  if (options.cluster !== null) {
    headers["x-nomad-knownleader"] = String(options.cluster.leads || options.cluster.leaderAddress !== "");
    headers["x-nomad-lastcontact"] = String(Math.round(options.cluster.lastContactMs()));
  }
  if (meta.nextToken !== undefined && meta.nextToken !== "") headers["x-nomad-nexttoken"] = tokenText(meta.nextToken);
  return headers;
}

function lowerCased(headers: Readonly<Record<string, string>> | undefined): Headers {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}
