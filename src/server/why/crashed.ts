/** What its tasks say of an allocation that does not run well: how one ended, and what its node does about it. nomad.md §2.6. Pure. */
import type { Allocation, TaskEvent, TaskState } from "#model";
import { howLong, quoted } from "./cause.ts";

export interface Crash {
  readonly task: string;
  /** `Task "web" was killed for memory: …` without what comes next. */
  readonly what: string;
  /** What would help; "" when nothing is known. */
  readonly help: string;
  readonly key: string;
  /** Unix nanoseconds. */
  readonly atNs: number;
  /** The node starts it again at this time. */
  readonly restartAtNs: number | undefined;
  readonly restarts: number;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Events that tell how a task came to its end, the telling ones. */
const ENDINGS = new Set([
  "Terminated",
  "Driver Failure",
  "Setup Failure",
  "Failed Validation",
  "Task hook failed",
  "Failed Artifact Download",
]);

/** The task to blame: one that failed by itself, or that is about to be started again. undefined: none crashed. */
export function crashOf(allocation: Allocation): Crash | undefined {
  const states = Object.entries(allocation.TaskStates);
  const blamed =
    states.find(([, state]) => state.State === "dead" && state.Failed && !has(state, "Sibling Task Failed")) ??
    states.find(([, state]) => state.State === "dead" && state.Failed) ??
    states.find(([, state]) => state.State === "pending" && state.Events.at(-1)?.Type === "Restarting") ??
    // Up again for a moment, between two crashes.
    states.find(([, state]) => state.State !== "dead" && state.Restarts > 0 && allocation.ClientStatus !== "running");
  return blamed === undefined ? undefined : crash(blamed[0], blamed[1], allocation);
}

function crash(task: string, state: TaskState, allocation: Allocation): Crash {
  const ending = state.Events.findLast((event) => ENDINGS.has(event.Type));
  const restarting = state.Events.at(-1)?.Type === "Restarting" ? state.Events.at(-1) : undefined;
  const told = ending === undefined ? silent(state) : endings(ending, allocation);
  return {
    ...told,
    task,
    what: `Task ${quoted(task)} ${told.what}`,
    atNs: ending?.Time ?? state.Events.at(-1)?.Time ?? allocation.ModifyTime,
    restartAtNs: restarting === undefined ? undefined : restarting.Time + (restarting.StartDelay ?? 0),
    restarts: state.Restarts,
  };
}

type Told = Pick<Crash, "what" | "help" | "key" | "details">;

function endings(event: TaskEvent, allocation: Allocation): Told {
  const message = event.Message || event.DriverError || event.Details["driver_error"] || event.DisplayMessage;
  if (event.Type === "Driver Failure") {
    return {
      what: `could not be started: ${message}`,
      help: "correct what the message names",
      key: `driver: ${message}`,
      details: { Error: message },
    };
  }
  if (event.Type === "Failed Validation") {
    return {
      what: `is not valid for its driver: ${message}`,
      help: "correct the job file",
      key: `validation: ${message}`,
      details: { Error: message },
    };
  }
  if (event.Type !== "Terminated") {
    return {
      what: `could not be set up: ${message}`,
      help: "correct what the message names",
      key: `setup: ${message}`,
      details: { Error: message },
    };
  }
  const details = { ExitCode: event.ExitCode ?? 0, Signal: event.Signal ?? 0, OOMKilled: event.Details["oom_killed"] === "true" };
  if (details.OOMKilled) {
    const limit = /limit of (\d+) MiB/.exec(event.Message)?.[1];
    const at = limit === undefined ? "" : ` at ${limit} MiB`;
    return {
      what: `was killed because it ran out of memory${at}`,
      help: "raise its memory or memory_max",
      key: "oom",
      details: { ...details, LimitMiB: limit === undefined ? null : Number(limit) },
    };
  }
  if (details.Signal !== 0)
    return { what: `was killed by signal ${details.Signal}`, help: LOGS(allocation), key: `signal ${details.Signal}`, details };
  if (details.ExitCode !== 0)
    return { what: `ended with exit code ${details.ExitCode}`, help: LOGS(allocation), key: `exit ${details.ExitCode}`, details };
  if (event.Message !== "") return { what: `ended badly: ${event.Message}`, help: "", key: `ended: ${event.Message}`, details };
  return {
    what: "ended by itself (exit code 0), though it is meant to go on",
    help: "make it stay in the foreground",
    key: "exit 0",
    details,
  };
}

function silent(state: TaskState): Told {
  const last = state.Events.at(-1);
  const reason = last?.RestartReason || last?.KillReason || last?.DisplayMessage || "its node does not say why";
  return { what: `does not run: ${reason}`, help: "", key: `silent: ${reason}`, details: {} };
}

const LOGS = (allocation: Allocation): string => `its last words: "drover alloc logs -stderr ${allocation.ID.slice(0, 8)}"`;

function has(state: TaskState, type: string): boolean {
  return state.Events.some((event) => event.Type === type);
}

/** "again in 15s (restart 3)" */
export function restartWords(crash: Crash, nowNs: number): string {
  const left = (crash.restartAtNs ?? 0) - nowNs;
  return `${left > 0 ? `tried again in ${howLong(left)}` : "being tried again"} (restart ${crash.restarts})`;
}
