/**
 * The life of one task, as a pure step function: (machine, input) → machine. Whoever holds the machine performs its phase and
 * feeds back what came of it; nothing here waits, starts or writes.
 *
 *                    begin            started           ended, kill, restart
 *        waiting ───────────► entering ───────► running ──────────────────────► exiting
 *           │                    │ ▲                                               │
 *           │ kill               │ │ cooled                       exited           │
 *           │                    │ └──────────── cooling ◄─────── (again) ─────────┤
 *           │                    │ failed           │ kill                         │ (stop, done, fail)
 *           │                    └──► exiting       ▼                              ▼
 *           └─────────────────────────────────► leaving ◄──────────────────────────┘
 *                                                  │ left            ▲ revive
 *                                                  ▼                 │ (restart of all tasks)
 *                                                 dead ──────────────┴──► waiting
 *
 * Restarted with its whole group (`fromStart`) it goes from exiting to waiting, not to cooling.
 *
 *   phase      who holds it must
 *   entering   run the set-up steps; start the process as `attempt`
 *   running    wait for its end
 *   exiting    run the steps' exits: stop the process if it still runs, collect its exit, remove what it left
 *   cooling    wait until `coolUntil`
 *   leaving    run the steps' farewells: the task will not run again
 *
 * The machine is stored before its phase is performed, so a restarted agent knows what was meant. `attempt` is raised before a
 * start, never after: one id is never started twice.
 *
 * Events and texts: events.ts. Restart policy: restart.ts. nomad.md §2.5, §2.6.
 */
import { TASK_EVENTS_MAX, type TaskEvent, type TaskState } from "#model";
import type { TaskExit } from "#ports";
import * as say from "./events.ts";
import { decideRestart, NO_RESTARTS, type RestartCount, type RestartRules } from "./restart.ts";

export type TaskPhase = "waiting" | "entering" | "running" | "exiting" | "cooling" | "leaving" | "dead";

/** Why a task is stopped, and how. */
export interface KillOrder {
  /** Said before "Killing": "Sibling Task Failed", …; null when the servers want it. */
  readonly because: TaskEvent | null;
  readonly reason: string;
  /** It did not end well, whatever its exit says: the task has failed. */
  readonly fails?: boolean;
}

export interface SetUpFailure {
  readonly problem: string;
  /** Trying again cannot help. */
  readonly hopeless: boolean;
}

export interface TaskMachine {
  readonly phase: TaskPhase;
  /** Counts starts from 0; the last part of the driver's task id. */
  readonly attempt: number;
  /** The process of this attempt was seen running. */
  readonly started: boolean;
  readonly count: RestartCount;
  /** Set once somebody wants it dead; Unix nanoseconds of the order. */
  readonly killedAt: number | null;
  /** The reason of a restart somebody asked for. */
  readonly asked: string | null;
  /** After that restart it waits for its turn in the group, as at first. Absent in what older agents stored. */
  readonly fromStart?: boolean;
  /** It runs, but its checks say it is not well: it ends as one that failed, by its restart policy. Absent in what older agents stored. */
  readonly unwell?: boolean;
  readonly exit: TaskExit | null;
  readonly failure: SetUpFailure | null;
  /** Unix nanoseconds. */
  readonly coolUntil: number;
  readonly state: TaskState;
}

export type TaskInput =
  | { readonly type: "begin" }
  | { readonly type: "enter-failed"; readonly event: TaskEvent; readonly failure: SetUpFailure }
  /** Entering was given up between two steps, because somebody wants it dead. */
  | { readonly type: "interrupted" }
  | { readonly type: "started" }
  | { readonly type: "ended"; readonly exit: TaskExit }
  | { readonly type: "exited" }
  | { readonly type: "cooled" }
  | { readonly type: "left" }
  | { readonly type: "kill"; readonly order: KillOrder }
  /** `fromStart`: its whole group begins anew, so it waits for its turn. */
  | { readonly type: "restart"; readonly reason: string; readonly fromStart?: boolean }
  /** Its checks have failed too often: restarted as a failure. */
  | { readonly type: "unwell"; readonly reason: string }
  | { readonly type: "revive"; readonly reason: string }
  /** It can never begin: what its allocation needs could not be made. */
  | { readonly type: "doom"; readonly event: TaskEvent }
  /** Something worth telling that changes nothing. */
  | { readonly type: "tell"; readonly event: TaskEvent };

/** What the step needs to know of the world and the job. */
export interface StepFacts {
  readonly nowNs: number;
  readonly rules: RestartRules;
  /** [0, 1) */
  readonly jitter: number;
  readonly memoryLimitMB: number;
  readonly killTimeoutNs: number;
}

export function newTaskMachine(nowNs: number): TaskMachine {
  return {
    phase: "waiting",
    attempt: 0,
    started: false,
    count: NO_RESTARTS,
    killedAt: null,
    asked: null,
    exit: null,
    failure: null,
    coolUntil: 0,
    state: {
      State: "pending",
      Failed: false,
      Restarts: 0,
      LastRestart: null,
      StartedAt: null,
      FinishedAt: null,
      Events: [say.received(nowNs)],
    },
  };
}

/** The machine after `input`. An input that means nothing in this phase changes nothing. */
export function stepTask(machine: TaskMachine, input: TaskInput, facts: StepFacts): TaskMachine {
  switch (input.type) {
    case "tell":
      return told(machine, input.event);
    case "begin":
      return machine.phase === "waiting" ? told({ ...machine, phase: "entering" }, say.taskSetup(facts.nowNs)) : machine;
    case "enter-failed":
      if (machine.phase !== "entering") return machine;
      return told({ ...machine, phase: "exiting", failure: input.failure }, input.event);
    case "interrupted":
      return machine.phase === "entering" ? { ...machine, phase: "exiting" } : machine;
    case "started":
      return started(machine, facts);
    case "ended":
      return ended(machine, input.exit, facts);
    case "kill":
      return killed(machine, input.order, facts);
    case "restart":
      if (machine.phase !== "running") return machine;
      return told(
        { ...machine, phase: "exiting", asked: input.reason, fromStart: input.fromStart === true },
        say.restartSignaled(facts.nowNs, input.reason),
      );
    case "unwell":
      if (machine.phase !== "running") return machine;
      return told({ ...machine, phase: "exiting", unwell: true }, say.restartSignaled(facts.nowNs, input.reason));
    case "exited":
      return machine.phase === "exiting" ? exited(machine, facts) : machine;
    case "cooled":
      return machine.phase === "cooling" ? nextAttempt(machine) : machine;
    case "left":
      if (machine.phase !== "leaving") return machine;
      return {
        ...machine,
        phase: "dead",
        state: { ...machine.state, State: "dead", FinishedAt: rfc3339(machine.exit?.finishedAt || facts.nowNs) },
      };
    case "doom":
      if (machine.phase !== "waiting") return machine;
      return told({ ...machine, phase: "leaving", state: { ...machine.state, Failed: true } }, input.event);
    case "revive":
      return revived(machine, input.reason, facts);
  }
}

function started(machine: TaskMachine, facts: StepFacts): TaskMachine {
  if (machine.phase !== "entering" && machine.phase !== "exiting") return machine;
  if (machine.started) return machine;
  const state: TaskState = { ...machine.state, State: "running", StartedAt: rfc3339(facts.nowNs), FinishedAt: null };
  // Killed while it was being started: it is known to run, and goes at once.
  const killedEarly = machine.killedAt !== null;
  const next = told(
    { ...machine, started: true, state, phase: killedEarly ? "exiting" : machine.phase === "entering" ? "running" : "exiting" },
    say.started(facts.nowNs),
  );
  return killedEarly && machine.phase === "entering" ? told(next, say.killing(facts.nowNs, facts.killTimeoutNs, "")) : next;
}

function ended(machine: TaskMachine, exit: TaskExit, facts: StepFacts): TaskMachine {
  if ((machine.phase !== "running" && machine.phase !== "exiting") || machine.exit !== null || !machine.started) return machine;
  return told({ ...machine, phase: "exiting", exit }, say.terminated(facts.nowNs, exit, facts.memoryLimitMB));
}

function killed(machine: TaskMachine, order: KillOrder, facts: StepFacts): TaskMachine {
  if (machine.phase === "dead" || machine.phase === "leaving" || machine.killedAt !== null) return machine;
  const because = order.because === null ? machine : told(machine, order.because);
  const state = order.fails === true ? { ...because.state, Failed: true } : because.state;
  const marked: TaskMachine = { ...because, state, killedAt: facts.nowNs };
  const announce = (of: TaskMachine) => told(of, say.killing(facts.nowNs, facts.killTimeoutNs, order.reason));
  switch (machine.phase) {
    case "waiting":
    case "cooling":
      return told({ ...marked, phase: "leaving" }, say.killed(facts.nowNs));
    case "running":
      return announce({ ...marked, phase: "exiting" });
    case "exiting":
      return machine.exit === null && machine.started ? announce(marked) : marked;
    // Entering goes on to the next step's edge; whoever performs it looks at `killedAt` there.
    default:
      return marked;
  }
}

/** The attempt is over and its remains are gone: what now? */
function exited(machine: TaskMachine, facts: StepFacts): TaskMachine {
  const { count, decision } = decideRestart(facts.rules, machine.count, {
    nowNs: facts.nowNs,
    killed: machine.killedAt !== null,
    asked: machine.asked ?? undefined,
    succeeded: machine.unwell !== true && machine.exit !== null && say.succeeded(machine.exit),
    hopeless: machine.failure?.hopeless ?? false,
    jitter: facts.jitter,
  });
  const counted: TaskMachine = { ...machine, count };
  switch (decision.what) {
    case "stop":
      return told({ ...counted, phase: "leaving" }, say.killed(facts.nowNs));
    case "done":
      return { ...counted, phase: "leaving" };
    case "fail":
      return told(
        { ...counted, phase: "leaving", state: { ...counted.state, Failed: true } },
        say.notRestarting(facts.nowNs, decision.reason),
      );
    case "again": {
      const state: TaskState = {
        ...counted.state,
        State: "pending",
        Restarts: counted.state.Restarts + 1,
        LastRestart: rfc3339(facts.nowNs),
      };
      if (machine.asked !== null && machine.fromStart === true) {
        const again = nextAttempt({ ...counted, state: { ...state, StartedAt: null } });
        return told({ ...again, phase: "waiting" }, say.restarting(facts.nowNs, decision.reason, decision.delayNs));
      }
      return told(
        { ...counted, phase: "cooling", coolUntil: facts.nowNs + decision.delayNs, state },
        say.restarting(facts.nowNs, decision.reason, decision.delayNs),
      );
    }
  }
}

function nextAttempt(machine: TaskMachine): TaskMachine {
  return {
    ...machine,
    phase: "entering",
    attempt: machine.attempt + 1,
    started: false,
    asked: null,
    fromStart: false,
    unwell: false,
    exit: null,
    failure: null,
    coolUntil: 0,
  };
}

function revived(machine: TaskMachine, reason: string, facts: StepFacts): TaskMachine {
  if (machine.phase !== "dead") return machine;
  const state: TaskState = {
    ...machine.state,
    State: "pending",
    Failed: false,
    StartedAt: null,
    FinishedAt: null,
    Restarts: machine.state.Restarts + 1,
    LastRestart: rfc3339(facts.nowNs),
  };
  const again: TaskMachine = { ...nextAttempt({ ...machine, killedAt: null, count: NO_RESTARTS, state }), phase: "waiting" };
  return told(told(again, say.restartSignaled(facts.nowNs, reason)), say.restarting(facts.nowNs, reason, 0));
}

/** A setup that fails without a reason to try again leaves the newest events: what happened last is what people look for. */
function told(machine: TaskMachine, event: TaskEvent): TaskMachine {
  const Events = [...machine.state.Events, event].slice(-TASK_EVENTS_MAX);
  return { ...machine, state: { ...machine.state, Events } };
}

/** RFC 3339 with nanoseconds as far as a double holds them. */
function rfc3339(unixNs: number): string {
  const ms = Math.floor(unixNs / 1e6);
  const rest = Math.max(0, Math.floor(unixNs - ms * 1e6))
    .toString()
    .padStart(6, "0");
  return new Date(ms).toISOString().replace("Z", `${rest}Z`);
}
