/** Who asks says so in a header. nomad.md §3.1. */
import type { IncomingHttpHeaders } from "node:http";

/** "" for none. A secret. */
export function tokenOf(headers: IncomingHttpHeaders): string {
  const own = headers["x-nomad-token"];
  if (typeof own === "string" && own !== "") return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
}
