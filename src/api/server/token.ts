/** Who asks says so in a header. nomad.md §3.1. */
import type { IncomingHttpHeaders } from "node:http";

/** "" for none. A secret. A header sent twice counts once, the first time: the Java SDK sends its token so, and Node hands over "a, a". */
export function tokenOf(headers: IncomingHttpHeaders): string {
  const own = firstOf(headers["x-nomad-token"]);
  if (own !== "") return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
}

/** No token has a comma in it. */
function firstOf(header: string | string[] | undefined): string {
  const text = Array.isArray(header) ? (header[0] ?? "") : (header ?? "");
  return (text.split(",", 1)[0] ?? "").trim();
}
