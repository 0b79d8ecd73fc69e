/**
 * A driver without processes, for tests: a task runs as long and ends as its config says. Names as Nomad's mock_driver.
 * Tasks live in this value and are gone with it; what the port promises about restarts of the agent holds for a new driver that
 * is given the same `tasks`.
 */
import type { ResourceUsage } from "#model";
import { flag, text, whole } from "#model";
import type { Clock, Driver, ExecSession, TaskExit, TaskHandle, TaskId, TaskStart, Timer } from "#ports";
import { NamedError, parseDuration } from "#std";
import Type from "typebox";
import { mockSession } from "./mock-session.ts";

const config = Type.Object({
  run_for: text({ hcl: "run_for", description: 'How long it runs, as "10s"; "" until it is stopped.' }),
  exit_code: whole({ hcl: "exit_code" }),
  exit_signal: whole({ hcl: "exit_signal" }),
  exit_err_msg: text({ hcl: "exit_err_msg" }),
  oom_killed: flag({ hcl: "oom_killed" }),
  start_error: text({ hcl: "start_error", description: "Start fails with this reason." }),
  start_error_recoverable: flag({ hcl: "start_error_recoverable" }),
  start_block_for: text({ hcl: "start_block_for" }),
  kill_after: text({ hcl: "kill_after", description: "How long it goes on after the kill signal." }),
  stdout_string: text({ hcl: "stdout_string" }),
  stdout_repeat: whole({ hcl: "stdout_repeat" }),
  stdout_repeat_duration: text({ hcl: "stdout_repeat_duration" }),
  signal_error: text({ hcl: "signal_error" }),
});

export interface MockTask {
  readonly handle: TaskHandle;
  readonly killAfterMs: number;
  readonly signalError: string;
  readonly signals: string[];
  exit: TaskExit | undefined;
  readonly waiting: ((exit: TaskExit) => void)[];
  readonly timers: Timer[];
  readonly sessions: Set<ExecSession>;
}

export interface MockDriverOptions {
  readonly clock: Clock;
  /** Shared by drivers that stand for one machine. */
  readonly tasks?: Map<TaskId, MockTask>;
  /** Receives stdout_string. */
  readonly print?: (task: TaskStart, text: string) => void;
}

const USAGE: ResourceUsage = {
  MemoryStats: {
    RSS: 1024 * 1024,
    Cache: 0,
    Swap: 0,
    Usage: 1024 * 1024,
    MaxUsage: 0,
    KernelUsage: 0,
    KernelMaxUsage: 0,
    Measured: ["RSS", "Usage"],
  },
  CpuStats: { SystemMode: 0, UserMode: 0, TotalTicks: 0, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 0, Measured: ["Percent"] },
  DeviceStats: [],
};

export function mockDriver(options: MockDriverOptions): Driver {
  const { clock } = options;
  const tasks = options.tasks ?? new Map<TaskId, MockTask>();
  /** Sessions this driver began, not one before it. */
  const own = new WeakSet<ExecSession>();

  function end(task: MockTask, exit: Omit<TaskExit, "finishedAt">): void {
    if (task.exit !== undefined) return;
    task.exit = { ...exit, finishedAt: clock.nowNs() };
    for (const timer of task.timers) timer.cancel();
    for (const session of task.sessions) session.kill();
    for (const tell of task.waiting.splice(0)) tell(task.exit);
  }

  async function start(request: TaskStart): Promise<TaskHandle> {
    if (tasks.has(request.id)) {
      throw new NamedError("DRIVER_TASK_EXISTS", `Cannot start task "${request.id}": it was started before, wanted a new id`, {
        statusCode: 409,
      });
    }
    const word = (key: string) => (typeof request.config[key] === "string" ? (request.config[key] as string) : "");
    const number = (key: string) => (typeof request.config[key] === "number" ? (request.config[key] as number) : 0);
    if (word("start_block_for") !== "") await clock.sleep(milliseconds(word("start_block_for")));
    if (word("start_error") !== "") {
      const code = request.config["start_error_recoverable"] === true ? "DRIVER_START_FAILED" : "DRIVER_TASK_INVALID";
      throw new NamedError(code, `Cannot start task "${request.task}": ${word("start_error")}`);
    }
    const task: MockTask = {
      handle: { driver: "mock_driver", id: request.id, data: { version: 1 }, pid: 0, startedAt: clock.nowNs() },
      killAfterMs: milliseconds(word("kill_after")),
      signalError: word("signal_error"),
      signals: [],
      exit: undefined,
      waiting: [],
      timers: [],
      sessions: new Set(),
    };
    tasks.set(request.id, task);
    print(request, task, word("stdout_string"), number("stdout_repeat"), milliseconds(word("stdout_repeat_duration")));
    if (word("run_for") !== "") {
      task.timers.push(
        clock.after(milliseconds(word("run_for")), () => {
          end(task, {
            exitCode: number("exit_code"),
            signal: number("exit_signal"),
            oomKilled: request.config["oom_killed"] === true,
            error: word("exit_err_msg"),
          });
        }),
      );
    }
    return task.handle;
  }

  function print(request: TaskStart, task: MockTask, line: string, again: number, everyMs: number): void {
    if (line === "") return;
    options.print?.(request, line);
    if (again > 0)
      task.timers.push(
        clock.after(everyMs, () => {
          print(request, task, line, again - 1, everyMs);
        }),
      );
  }

  return {
    name: "mock_driver",
    capabilities: { exec: true, isolation: "none", defaultKillSignal: "SIGINT", defaultUser: "", joinsNetwork: true },
    exec(handle, _place, wanted) {
      const task = tasks.get(handle.id);
      if (task === undefined || task.exit !== undefined) {
        return Promise.reject(
          new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot run a command in task "${handle.id}": it has ended`, { statusCode: 409 }),
        );
      }
      const session = mockSession(wanted);
      task.sessions.add(session);
      own.add(session);
      void session.exited.then(() => task.sessions.delete(session));
      return Promise.resolve(session);
    },
    configSchema: config,
    fingerprint: () =>
      Promise.resolve({
        Attributes: { "driver.mock_driver": "1" },
        Detected: true,
        Healthy: true,
        HealthDescription: "Healthy",
        UpdateTime: new Date(clock.nowMs()).toISOString(),
      }),
    start,
    find(id) {
      const task = tasks.get(id);
      for (const session of task?.sessions ?? []) if (!own.has(session)) session.kill();
      return Promise.resolve(task?.handle);
    },
    wait(handle) {
      const task = tasks.get(handle.id);
      if (task === undefined) {
        return Promise.resolve({
          exitCode: 0,
          signal: 0,
          oomKilled: false,
          error: "exit status unknown: there is no such task",
          finishedAt: clock.nowNs(),
        });
      }
      return task.exit === undefined
        ? new Promise((resolve) => {
            task.waiting.push(resolve);
          })
        : Promise.resolve(task.exit);
    },
    async stop(handle, _place, how) {
      const task = tasks.get(handle.id);
      if (task === undefined || task.exit !== undefined) return;
      task.signals.push(how.signal);
      if (task.killAfterMs > 0) await clock.sleep(Math.min(task.killAfterMs, how.timeoutMs));
      if (task.killAfterMs > how.timeoutMs) end(task, { exitCode: 137, signal: 9, oomKilled: false, error: "" });
      else end(task, { exitCode: 0, signal: 0, oomKilled: false, error: "" });
    },
    signal(handle, signal) {
      const task = tasks.get(handle.id);
      if (task === undefined || task.exit !== undefined) {
        return Promise.reject(
          new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot send "${signal}" to task "${handle.id}": it has ended`, { statusCode: 409 }),
        );
      }
      if (task.signalError !== "")
        return Promise.reject(
          new NamedError("DRIVER_SIGNAL_FAILED", `Cannot send "${signal}" to task "${handle.id}": ${task.signalError}`),
        );
      task.signals.push(signal);
      return Promise.resolve();
    },
    usage: () => Promise.resolve(USAGE),
    destroy(handle) {
      remove(handle.id);
      return Promise.resolve();
    },
    list: () => Promise.resolve([...tasks.keys()]),
    sweep(id) {
      remove(id);
      return Promise.resolve();
    },
  };

  function remove(id: TaskId): void {
    const task = tasks.get(id);
    if (task !== undefined) end(task, { exitCode: 137, signal: 9, oomKilled: false, error: "" });
    tasks.delete(id);
  }
}

function milliseconds(text: string): number {
  return (parseDuration(text) ?? 0) / 1e6;
}
