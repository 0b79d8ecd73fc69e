/** Which job a request means, and in which namespace. */
import type { Call } from "../call.ts";
import { badRequest } from "../refusal.ts";

export function jobIdOf(call: Call): string {
  return call.parameters["job"] ?? "";
}

/** Throws 400 when a body names another job than the path. */
export function sameId(call: Call, id: string): void {
  if (id !== "" && id !== jobIdOf(call)) throw badRequest("Job ID does not match");
}

/** Namespace and region of the query string, where it has them. */
export function requestScope(call: Call): { namespace?: string; region?: string } {
  const namespace = call.query.text("namespace");
  const region = call.query.text("region");
  if (namespace === "*") throw badRequest('Cannot write to namespace "*": a write is to one namespace');
  return { ...(namespace === "" ? {} : { namespace }), ...(region === "" ? {} : { region }) };
}

/** The one namespace of a write. */
export function namespaceOf(call: Call): string {
  return requestScope(call).namespace ?? "default";
}
