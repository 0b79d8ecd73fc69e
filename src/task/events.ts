/**
 * What a task can say about itself: one maker per event type, with the words a Nomad user knows. nomad.md §2.6.
 * `Details` carry the same facts for programs. Times are Unix nanoseconds.
 */
import type { TaskEvent } from "#model";
import type { TaskExit } from "#ports";
import { formatDuration } from "#std";

interface Extra extends Partial<Omit<TaskEvent, "Type" | "Time" | "DisplayMessage" | "Details">> {
  readonly Details?: Readonly<Record<string, string>>;
}

function event(type: string, time: number, display: string, extra: Extra = {}): TaskEvent {
  return { Type: type, Time: time, Message: "", DisplayMessage: display, Details: {}, FailsTask: false, ...extra };
}

export function received(time: number): TaskEvent {
  return event("Received", time, "Task received by client");
}

export function taskSetup(time: number): TaskEvent {
  const message = "Building Task Directory";
  return event("Task Setup", time, message, { Message: message, Details: { message } });
}

export function started(time: number): TaskEvent {
  return event("Started", time, "Task started by client");
}

/** Did it end well? An OOM kill never did, whatever the exit code says (F47). */
export function succeeded(exit: TaskExit): boolean {
  return exit.exitCode === 0 && exit.signal === 0 && exit.error === "" && !exit.oomKilled;
}

export function terminated(time: number, exit: TaskExit, memoryLimitMB: number): TaskEvent {
  const message = exit.oomKilled ? `OOM Killed: the task went over its memory limit of ${memoryLimitMB} MiB` : exit.error;
  const parts = [`Exit Code: ${exit.exitCode}`];
  if (exit.signal !== 0) parts.push(`Signal: ${exit.signal}`);
  if (message !== "") parts.push(`Exit Message: ${JSON.stringify(message)}`);
  return event("Terminated", time, parts.join(", "), {
    Message: message,
    ExitCode: exit.exitCode,
    Signal: exit.signal,
    Details: {
      exit_code: String(exit.exitCode),
      signal: String(exit.signal),
      oom_killed: String(exit.oomKilled),
      ...(message === "" ? {} : { exit_message: message }),
    },
  });
}

export const RESTART_WITHIN_POLICY = "Restart within policy";

export function restarting(time: number, reason: string, delayNs: number): TaskEvent {
  const soon = `Task restarting in ${formatDuration(delayNs)}`;
  const display = reason === "" || reason === RESTART_WITHIN_POLICY ? soon : `${reason} - ${soon}`;
  return event("Restarting", time, display, {
    RestartReason: reason,
    StartDelay: delayNs,
    Details: { restart_reason: reason, start_delay: String(delayNs) },
  });
}

export function notRestarting(time: number, reason: string): TaskEvent {
  return event("Not Restarting", time, reason === "" ? "Task exceeded restart policy" : reason, {
    FailsTask: true,
    RestartReason: reason,
    Details: { restart_reason: reason, fails_task: "true" },
  });
}

export function restartSignaled(time: number, reason: string): TaskEvent {
  return event("Restart Signaled", time, reason, { RestartReason: reason, Details: { restart_reason: reason } });
}

export function signaling(time: number, signal: string): TaskEvent {
  return event("Signaling", time, `Task being sent signal ${signal}`, { TaskSignal: signal, Details: { task_signal: signal } });
}

export function killing(time: number, timeoutNs: number, reason: string): TaskEvent {
  const sent = timeoutNs > 0 ? `Sent interrupt. Waiting ${formatDuration(timeoutNs)} before force killing` : "Sent interrupt";
  return event("Killing", time, reason === "" ? sent : reason, {
    KillTimeout: timeoutNs,
    KillReason: reason,
    Details: { kill_timeout: formatDuration(timeoutNs), ...(reason === "" ? {} : { kill_reason: reason }) },
  });
}

export function killed(time: number, problem = ""): TaskEvent {
  return event("Killed", time, problem === "" ? "Task successfully killed" : problem, {
    Message: problem,
    Details: problem === "" ? {} : { kill_error: problem },
  });
}

export function waitingForShutdownDelay(time: number, delayNs: number): TaskEvent {
  const message = `Waiting for shutdown_delay of ${formatDuration(delayNs)} before killing the task.`;
  return event("Waiting for shutdown delay", time, message, { Message: message, Details: { message } });
}

export function skippingShutdownDelay(time: number, delayNs: number): TaskEvent {
  const message = `Skipping shutdown_delay of ${formatDuration(delayNs)} before killing the task.`;
  return event("Skipping shutdown delay", time, message, { Message: message, Details: { message } });
}

export function siblingFailed(time: number, sibling: string): TaskEvent {
  return event("Sibling Task Failed", time, sibling === "" ? "Task's sibling failed" : `Task's sibling ${JSON.stringify(sibling)} failed`, {
    Details: { failed_sibling: sibling },
  });
}

export function leaderDead(time: number): TaskEvent {
  return event("Leader Task Dead", time, "Leader Task in Group dead");
}

export function mainTasksDead(time: number): TaskEvent {
  return event("Main Tasks Dead", time, "Main tasks in the group died");
}

export function driverFailure(time: number, problem: string): TaskEvent {
  return event("Driver Failure", time, problem === "" ? "Failed to start task" : problem, {
    Message: problem,
    DriverError: problem,
    Details: { driver_error: problem },
  });
}

export function failedValidation(time: number, problem: string): TaskEvent {
  return event("Failed Validation", time, problem === "" ? "Validation of task failed" : problem, {
    Message: problem,
    FailsTask: true,
    Details: { validation_error: problem, fails_task: "true" },
  });
}

export function setupFailure(time: number, problem: string): TaskEvent {
  return event("Setup Failure", time, problem === "" ? "Task setup failed" : problem, {
    Message: problem,
    Details: { setup_error: problem },
  });
}

export function failedRestoring(time: number, problem: string): TaskEvent {
  return event("Failed Restoring Task", time, `failed to restore task: ${problem}; will not run until the server is contacted`, {
    Message: problem,
    Details: { message: problem },
  });
}

/** The verdict a deployment waits for, when it is a bad one. */
export function allocationUnhealthy(time: number, why: string): TaskEvent {
  return event("Alloc Unhealthy", time, why, { Message: why, Details: { message: why } });
}

/** Something done for the task beside its process went wrong; it runs nevertheless. */
export function hookFailed(time: number, hook: string, problem: string): TaskEvent {
  const message = `${hook}: ${problem}`;
  return event("Task hook failed", time, message, { Message: message, Details: { task_hook: hook, message: problem } });
}

/** What its templates wait for, did, or could not do. Never a value that stands in one. */
export function template(time: number, message: string, details: Readonly<Record<string, string>> = {}): TaskEvent {
  return event("Template", time, message, { Message: message, Details: { message, ...details } });
}

/** What a proxy, or a task that needs one, waits for. */
export function mesh(time: number, message: string, details: Readonly<Record<string, string>> = {}): TaskEvent {
  return event("Mesh", time, message, { Message: message, Details: { message, ...details } });
}

/** `change_script` went wrong; `fails`: and the task with it. */
export function scriptFailed(time: number, command: string, args: readonly string[], problem: string, fails: boolean): TaskEvent {
  const message = `Template failed to run script ${command} with arguments ${JSON.stringify(args)} on change: ${problem}`;
  return event("Task hook failed", time, message, {
    Message: message,
    FailsTask: fails,
    Details: { task_hook: "template", message, ...(fails ? { fails_task: "true" } : {}) },
  });
}

/** Anything else the driver wants to tell. */
export function driverMessage(time: number, message: string): TaskEvent {
  return event("Driver", time, message, { Message: message, Details: { driver_message: message } });
}
