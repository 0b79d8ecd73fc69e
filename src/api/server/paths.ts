/** Which endpoint a path is, and what its parameters are. Job ids may hold slashes, plain or encoded; everything is decoded once. */
import { ENDPOINTS, LATER_ENDPOINTS, type EndpointName, type LaterEndpoint } from "../contract/mod.ts";
import { badRequest } from "./refusal.ts";

/** A later endpoint is Nomad's, but not answered here yet. */
export interface Matched {
  readonly target: EndpointName | LaterEndpoint;
  readonly parameters: Readonly<Record<string, string>>;
}

interface JobTail {
  readonly target: EndpointName | LaterEndpoint;
  /** What follows the job's id: ["versions", ":tag", "tag"]. */
  readonly parts: readonly string[];
}

const JOB_PREFIX = "/v1/job/";

/** Paths below a job, longest first: an id may end like a shorter one. */
export function jobTails(): readonly JobTail[] {
  return targets()
    .filter(({ path }) => path.startsWith(`${JOB_PREFIX}:job`))
    .map(({ target, path }) => ({ target, parts: path.slice(`${JOB_PREFIX}:job`.length).split("/").slice(1) }))
    .sort((a, b) => b.parts.length - a.parts.length);
}

/** `path` starts with /v1/job/ and is still encoded. Throws 400 for an empty id or a broken escape. */
export function matchJobPath(path: string, tails: readonly JobTail[]): Matched {
  const segments = path.slice(JOB_PREFIX.length).split("/");
  for (const { target, parts } of tails) {
    const parameters = tailParameters(segments, parts);
    if (parameters === undefined) continue;
    const job = decode(segments.slice(0, segments.length - parts.length).join("/"));
    if (job === "") throw badRequest("Missing job ID");
    return { target, parameters: { ...parameters, job } };
  }
  throw badRequest("Missing job ID");
}

function tailParameters(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  // At least one segment is left for the id.
  if (segments.length <= parts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [at, part] of parts.entries()) {
    const segment = segments[segments.length - parts.length + at] as string;
    if (part.startsWith(":")) parameters[part.slice(1)] = decode(segment);
    else if (part !== segment) return undefined;
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest("Cannot read path: it holds a broken percent escape");
  }
}

/** Of the endpoints that are not below a job: how the router writes them. */
export function routablePaths(): readonly { readonly target: EndpointName | LaterEndpoint; readonly path: string }[] {
  return targets().filter(({ path }) => !path.startsWith(JOB_PREFIX));
}

function targets(): { readonly target: EndpointName | LaterEndpoint; readonly path: string }[] {
  return [
    ...Object.entries(ENDPOINTS).map(([name, endpoint]) => ({ target: name as EndpointName, path: endpoint.path as string })),
    ...LATER_ENDPOINTS.map((later) => ({ target: later, path: later.path })),
  ];
}
