/** What docker says of a container that ended → how a task ended. Pure. */
import type { TaskExit } from "#ports";

export interface ContainerState {
  readonly Status?: string;
  readonly Running?: boolean;
  readonly Restarting?: boolean;
  readonly OOMKilled?: boolean;
  readonly ExitCode?: number;
  readonly Error?: string;
  readonly StartedAt?: string;
  readonly FinishedAt?: string;
  readonly Pid?: number;
}

export const isAlive = (state: ContainerState): boolean =>
  state.Running === true || state.Restarting === true || state.Status === "removing";

export function exitOf(state: ContainerState): TaskExit {
  const exitCode = state.ExitCode ?? 0;
  const signal = exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : 0;
  return {
    exitCode,
    signal,
    // A child may be killed for memory and the task go on and end well.
    oomKilled: state.OOMKilled === true && exitCode !== 0,
    error: state.Status === "dead" ? "exit status unknown: docker could not end the container as it should" : "",
    // Docker notes the begin of a quick one after its end.
    finishedAt: Math.max(nanoseconds(state.FinishedAt), nanoseconds(state.StartedAt)),
  };
}

/** Docker's times to the millisecond, so that those of one container compare. 0 for none ("0001-01-01…"). */
export function nanoseconds(time: string | undefined): number {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) || ms < 0 ? 0 : ms * 1e6;
}
