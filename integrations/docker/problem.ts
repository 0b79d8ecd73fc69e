/** Docker's errors in our words. What stands in a request (environment, passwords) never stands in an error. */
import { NamedError, messageOf } from "#std";

interface Thrown {
  readonly statusCode?: number;
  readonly code?: string;
  readonly json?: unknown;
}

export const statusOf = (thrown: unknown): number => (thrown as Thrown | null)?.statusCode ?? 0;

export const isMissing = (thrown: unknown): boolean => statusOf(thrown) === 404;

/** Docker did not answer: it is not running, not reachable, or restarting. Not an answer about the container. */
export function isAway(thrown: unknown): boolean {
  if (thrown instanceof NamedError) return thrown.code === "DOCKER_UNREACHABLE";
  return statusOf(thrown) === 0 && typeof (thrown as Thrown | null)?.code === "string";
}

/** What docker itself said, on one line. */
export function dockerWords(thrown: unknown): string {
  const json = (thrown as Thrown | null)?.json as { message?: unknown } | null | undefined;
  const text = typeof json?.message === "string" ? json.message : messageOf(thrown);
  // The client library's own words before docker's.
  return text
    .replace(/^\(HTTP code \d+\) [\w ]+ - /, "")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, 500);
}

/** Why docker is not to be had here, and what to do. */
export function unreachable(endpoint: string, thrown: unknown): NamedError {
  const code = (thrown as Thrown | null)?.code ?? "";
  const [state, fix] =
    code === "ENOENT"
      ? ["there is no such socket", 'Install and start docker (systemctl start docker), or set plugin "docker" { config { endpoint } }.']
      : code === "EACCES"
        ? ["permission denied", "Run the agent as root, or add its user to the group docker."]
        : code === "ECONNREFUSED"
          ? ["nobody listens: docker is not running", "Start docker: systemctl start docker."]
          : [dockerWords(thrown), "See that docker runs and answers: docker info."];
  return new NamedError("DOCKER_UNREACHABLE", `Cannot reach docker at "${endpoint}": ${state}`, { statusCode: 503, fix });
}

/** Trying again cannot help. */
export function invalid(task: string, reason: string, fix?: string): NamedError {
  return new NamedError("DRIVER_TASK_INVALID", `Cannot start task "${task}": ${reason}`, {
    statusCode: 400,
    ...(fix === undefined ? {} : { fix }),
  });
}

export function startFailed(task: string, reason: string, fix?: string): NamedError {
  return new NamedError("DRIVER_START_FAILED", `Cannot start task "${task}": ${reason}`, fix === undefined ? {} : { fix });
}
