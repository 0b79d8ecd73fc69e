/**
 * Runs one script check inside its task, again and again, and tells the catalog what came of it: exit code 0 passing, 1 warning, anything
 * else critical. While the task does not run nothing is said, nor of a script that the task's end took along: the catalog takes silence for
 * critical. nomad.md §1.6 `check.command`.
 */
import type { CheckInstance, CheckStanding, CheckStatus, Clock, ExecSession, Timer } from "#ports";
import { messageOf, NamedError } from "#std";

export interface ScriptCheckNeeds {
  readonly check: CheckInstance;
  /** Rejects with TASK_NOT_RUNNING, or as the task's driver does. */
  readonly exec: (task: string, command: readonly string[]) => Promise<ExecSession>;
  /** Since when the task runs: another answer is another life. */
  readonly life: () => number | undefined;
  readonly clock: Clock;
  /** Tells the catalog; rejects when it does not take it. */
  readonly tell: (standing: CheckStanding) => Promise<void>;
}

const OUTPUT_BYTES_MAX = 4096;
/** How soon a task that does not run yet, or a catalog that does not know the check yet, is tried again. */
const SOON_MS = 1_000;

/** Returns what stops it, and the script with it. The first run is at once. */
export function runScriptCheck({ check, exec, life, clock, tell }: ScriptCheckNeeds): () => void {
  const intervalMs = check.IntervalNs / 1e6;
  let stopped = false;
  let timer: Timer;
  let kill = () => {};
  const arm = (delayMs: number, next: () => Promise<void>) => {
    if (!stopped) timer = clock.after(delayMs, () => void next());
  };
  const run = async (): Promise<void> => {
    const startedMs = clock.nowMs();
    const before = life();
    const standing = await runOnce(check, exec, clock, (how) => {
      kill = how;
      // It was stopped while the script was being started.
      if (stopped) kill();
    });
    kill = () => {};
    if (standing === undefined || life() !== before) arm(Math.min(SOON_MS, intervalMs), run);
    else await say(standing, startedMs + intervalMs);
  };
  /** Tried until the next run has something newer to say. */
  const say = async (standing: CheckStanding, nextMs: number): Promise<void> => {
    if (stopped) return;
    const restMs = () => Math.max(1, nextMs - clock.nowMs());
    try {
      await tell(standing);
      arm(restMs(), run);
    } catch {
      if (clock.nowMs() + SOON_MS < nextMs) arm(SOON_MS, () => say(standing, nextMs));
      else arm(restMs(), run);
    }
  };
  arm(0, run);
  return () => {
    stopped = true;
    timer.cancel();
    kill();
  };
}

/** undefined: its task does not run. */
async function runOnce(
  check: CheckInstance,
  exec: ScriptCheckNeeds["exec"],
  clock: Clock,
  killable: (kill: () => void) => void,
): Promise<CheckStanding | undefined> {
  let session: ExecSession;
  try {
    session = await exec(check.Task, [check.Command, ...check.Args]);
  } catch (thrown) {
    if (thrown instanceof NamedError && (thrown.code === "TASK_NOT_RUNNING" || thrown.code === "TASK_UNKNOWN")) return undefined;
    return { status: "critical", output: messageOf(thrown) };
  }
  killable(() => session.kill());
  session.end();
  const timeoutMs = check.TimeoutNs / 1e6;
  const timed = Promise.withResolvers<"late">();
  const timer = clock.after(timeoutMs, () => timed.resolve("late"));
  const output = collect(session);
  try {
    const code = await Promise.race([Promise.all([session.exited, output]).then(([exitCode]) => exitCode), timed.promise]);
    if (code !== "late") return { status: statusOf(code), output: await output };
    session.kill();
    return { status: "critical", output: `the script did not end within ${timeoutMs / 1000}s and was killed` };
  } catch (thrown) {
    session.kill();
    return { status: "critical", output: messageOf(thrown) };
  } finally {
    timer.cancel();
  }
}

function statusOf(exitCode: number): CheckStatus {
  return exitCode === 0 ? "passing" : exitCode === 1 ? "warning" : "critical";
}

/** The beginning of what it said. It is read to the end, so that it never waits for a reader. */
async function collect(session: ExecSession): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const { data } of session.output) {
    if (bytes >= OUTPUT_BYTES_MAX) continue;
    parts.push(Buffer.from(data).subarray(0, OUTPUT_BYTES_MAX - bytes));
    bytes += Math.min(data.length, OUTPUT_BYTES_MAX - bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}
