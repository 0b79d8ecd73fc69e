/**
 * One image from its registry. Two clocks: the whole pull, and the time in which nothing moved (F49: a registry that stalls). Docker
 * stops pulling when we hang up. What the registry says decides whether trying again can help.
 */
import type { AuthConfig } from "dockerode";
import type { Daemon } from "./daemon.ts";
import type { ImageName } from "./image-name.ts";
import { dockerWords, isAway, statusOf } from "./problem.ts";

export interface PullRequest {
  readonly image: ImageName;
  readonly credentials: AuthConfig | undefined;
  readonly timeoutMs: number;
  readonly activityTimeoutMs: number;
}

export type PullOutcome =
  | { readonly outcome: "pulled" }
  /** `final`: trying again cannot help. */
  | { readonly outcome: "failed"; readonly final: boolean; readonly reason: string };

const FINAL =
  /manifest unknown|manifest for .* not found|not found|does not exist|no such image|repository .* not found|denied|unauthorized|authentication required|invalid reference format|no basic auth credentials|no matching manifest/i;
/** Words of FINAL in what is a failure of the moment. */
const PASSING = /timeout|connection|EOF|temporar|too many requests|toomanyrequests|no such host|unexpected status.*5\d\d|i\/o/i;

export const isFinal = (words: string): boolean => FINAL.test(words) && !PASSING.test(words);

export async function pullImage(daemon: Daemon, request: PullRequest): Promise<PullOutcome> {
  const ending = new AbortController();
  let why = "";
  const end = (reason: string) => {
    why ||= reason;
    ending.abort();
  };
  const whole = setTimeout(end, request.timeoutMs, `it was not pulled within ${seconds(request.timeoutMs)}`);
  let idle = setTimeout(() => {});
  const moved = () => {
    clearTimeout(idle);
    idle = setTimeout(end, request.activityTimeoutMs, `the registry sent nothing for ${seconds(request.activityTimeoutMs)}`);
  };
  try {
    moved();
    const fixed = request.image.fixed && !request.image.whole.includes("@");
    if (fixed) return { outcome: "failed", final: true, reason: "it is an image's id, and no such image is on this machine" };
    const stream = (await daemon.docker.createImage(
      // A digest goes with its name; a tag apart, so that never all tags are pulled.
      {
        fromImage: request.image.fixed ? request.image.whole : request.image.repository,
        ...(request.image.tag === "" ? {} : { tag: request.image.tag }),
        ...(request.credentials === undefined ? {} : { authconfig: request.credentials }),
        abortSignal: ending.signal,
      } as object,
    )) as unknown as AsyncIterable<Buffer> & { destroy(): void };
    const stop = () => {
      stream.destroy();
    };
    ending.signal.addEventListener("abort", stop, { once: true });
    const problem = await problemIn(stream, moved);
    if (why !== "") return { outcome: "failed", final: false, reason: why };
    return problem === undefined ? { outcome: "pulled" } : { outcome: "failed", final: isFinal(problem), reason: problem };
  } catch (thrown) {
    if (why !== "") return { outcome: "failed", final: false, reason: why };
    const words = dockerWords(thrown);
    if (isAway(thrown)) return { outcome: "failed", final: false, reason: `docker does not answer: ${words}` };
    return { outcome: "failed", final: statusOf(thrown) === 404 || isFinal(words), reason: words };
  } finally {
    clearTimeout(whole);
    clearTimeout(idle);
  }
}

/** Docker answers 200 and tells failures in the stream: a JSON object a line. */
export async function problemIn(stream: AsyncIterable<Buffer>, moved: () => void): Promise<string | undefined> {
  let rest = "";
  let problem: string | undefined;
  let last = "";
  const see = (line: string) => {
    if (line.trim() === "") return;
    let said: { error?: string; errorDetail?: { message?: string } };
    try {
      said = JSON.parse(line) as typeof said;
    } catch {
      return;
    }
    problem ??= said.errorDetail?.message ?? said.error;
    // The same words again ("Retrying in 3 seconds" counts down, a bar does not move) are no progress.
    if (line !== last && !/"status":"(Waiting|Retrying)/.test(line)) moved();
    last = line;
  };
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) see(line);
  }
  see(rest);
  return problem?.replaceAll(/\s+/g, " ").trim().slice(0, 500);
}

const seconds = (ms: number) => (ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`);
