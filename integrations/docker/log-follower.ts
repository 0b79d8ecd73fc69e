/**
 * Carries a container's output from docker into the task's pipes. Docker keeps the last few megabytes (request.ts, F50); where we are
 * is written beside the task after every write into a pipe (log-outlet.ts), so that the next agent goes on there: nothing docker still
 * has is lost, no line comes twice.
 */
import { accessSync, constants } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "#std";
import type { Daemon } from "./daemon.ts";
import { readFromApi } from "./log-api.ts";
import { readFromFile } from "./log-file.ts";
import { openOutlet, type Outlet } from "./log-outlet.ts";
import { LOG_BEGIN, type FollowedPosition } from "./log-position.ts";
import type { DockerReport } from "./options.ts";
import { isMissing } from "./problem.ts";

export interface LogFollower {
  /** All the container ever said was handed on, or cannot be any more. */
  readonly done: Promise<void>;
  lastProgressMs(): number;
  /** The container has ended: what is there now is all. */
  finish(): void;
  close(): void;
}

export interface FollowRequest {
  readonly daemon: Daemon;
  readonly container: string;
  readonly task: string;
  readonly tty: boolean;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly positionFile: string;
  readonly report: DockerReport;
}

const AGAIN_MS = 300;

export function followLogs(request: FollowRequest): LogFollower {
  const ending = new AbortController();
  const finishing = new AbortController();
  const begun = performance.now();
  let outlet: Outlet<FollowedPosition> | undefined;
  const carry = async () => {
    outlet = openOutlet<FollowedPosition>(request, LOG_BEGIN);
    try {
      await carryAll(request, outlet, finishing.signal, ending.signal);
    } finally {
      outlet.close();
    }
  };
  const done = carry().catch((thrown: unknown) => {
    if (ending.signal.aborted) return;
    request.report({
      level: "warn",
      message: "docker: a task's output is not collected any more",
      fields: { task_id: request.task, problem: messageOf(thrown) },
    });
  });
  return {
    done,
    lastProgressMs: () => outlet?.lastProgressMs() ?? begun,
    finish: () => {
      finishing.abort();
    },
    close: () => {
      ending.abort();
    },
  };
}

async function carryAll(
  request: FollowRequest,
  outlet: Outlet<FollowedPosition>,
  finishing: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const container = request.daemon.docker.getContainer(request.container);
  while (!signal.aborted) {
    try {
      const { State, LogPath, HostConfig } = await container.inspect();
      const over = finishing.aborted || !(State.Running || State.Restarting || State.Status === "created");
      if (outlet.position.file !== undefined || (HostConfig.LogConfig?.Type === "json-file" && isReadable(request, LogPath))) {
        await readFromFile(LogPath, outlet, over ? AbortSignal.abort() : finishing, signal);
        return;
      }
      await readFromApi(request, outlet, !over, signal);
      // What ended before it was asked for was told whole.
      if (over) return;
    } catch (thrown) {
      if (isMissing(thrown) || signal.aborted || (thrown as NodeJS.ErrnoException).code === "ENOENT") return;
    }
    await sleep(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

function isReadable({ daemon, stdoutPath }: FollowRequest, file: string): boolean {
  if (!daemon.local || file === "" || stdoutPath === "") return false;
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
