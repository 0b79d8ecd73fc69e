/**
 * Runs a task in a container of docker's. Docker is the memory: what runs is known by labels (owner, task), never by what this
 * process remembers; so an agent killed at any moment leaves a container that is found, or one that never began and is removed.
 *
 *   start: image ─▶ create (named, labelled) ─▶ start ─▶ record beside the task ─▶ output followed
 *
 * While docker does not answer nothing is said about a task: it is neither ended nor gone.
 */
import { availableParallelism, cpus } from "node:os";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInfo, ContainerInspectInfo } from "dockerode";
import type { DriverInfo } from "#model";
import type { Driver, TaskExit, TaskHandle, TaskId, TaskPlace, TaskStart } from "#ports";
import { NamedError, messageOf } from "#std";
import { containerEnd } from "./container-end.ts";
import { containerNetwork } from "./container-network.ts";
import { openDaemon } from "./daemon.ts";
import { dockerSession, endForeignSessions } from "./exec-session.ts";
import { exitOf, isAlive, nanoseconds } from "./exit.ts";
import { dockerLook } from "./fingerprint.ts";
import { openImages } from "./images.ts";
import { followLogs, type LogFollower } from "./log-follower.ts";
import { networkHolder, removeContainer } from "./network-holder.ts";
import { LABEL_ALLOCATION, LABEL_OWNER, LABEL_TASK, type DockerOptions } from "./options.ts";
import { dockerWords, invalid, isAway, isMissing, startFailed, statusOf, unreachable } from "./problem.ts";
import { hostsFile, positionFile, readRecord, removeRecord, writeRecord } from "./record.ts";
import { containerName, containerRequest, loggingOf } from "./request.ts";
import { dockerConfigSchema, readDockerConfig, type DockerTaskConfig } from "./schema.ts";
import { securityOptions } from "./security-options.ts";
import { checkTask, networkMode } from "./task-config.ts";
import { NOTHING_USED, usageMeter } from "./usage.ts";
import { taskVolumes } from "./volumes.ts";

const NAME = "docker";
/** Kept after `destroy` where the operator wants ended containers kept; no task any more. */
const KEPT = ".kept.";
/** A task may be called so too: its container's name ends with its allocation. */
const KEPT_NAME = /\.kept\.[0-9a-f]{12}$/;
/** Logs a docker of ours can read back. */
const READABLE = new Set(["json-file", "local", "journald"]);
/** Without progress for this long the rest of an ended container's output is given up. */
const LOGS_STALL_MS = 5000;

export function dockerDriver(options: DockerOptions): Driver {
  const { owner, config: settings } = options;
  const report = options.report ?? (() => {});
  const daemon = openDaemon(settings, owner);
  const { docker } = daemon;
  const after = (delayMs: number, task: () => void) => options.clock?.after(delayMs, task) ?? hostTimer(delayMs, task);
  const images = openImages({ daemon, settings, stateDirectory: options.stateDirectory, report, after });
  const meter = usageMeter(cpus()[0]?.speed ?? 0);
  const starting = new Set<TaskId>();
  const sessions = new Set<string>();
  const followers = new Map<TaskId, LogFollower>();
  let seen: DriverInfo | undefined;

  const isTask = (each: ContainerInfo) => !each.Names.some((name) => KEPT_NAME.test(name));
  const containersOf = async (id: TaskId) => (await daemon.containers({ [LABEL_TASK]: id })).filter(isTask);
  const inspect = (container: string) => daemon.known(() => docker.getContainer(container).inspect());

  function follow(handle: TaskHandle, place: TaskPlace): LogFollower | undefined {
    const known = followers.get(handle.id);
    if (known !== undefined) return known;
    if (handle.data["collects"] !== true || place.stdoutPath === "/dev/null") return undefined;
    const follower = followLogs({
      daemon,
      container: containerIn(handle),
      task: handle.id,
      tty: handle.data["tty"] === true,
      stdoutPath: place.stdoutPath,
      stderrPath: place.stderrPath,
      positionFile: positionFile(place, containerIn(handle)),
      report,
    });
    followers.set(handle.id, follower);
    return follower;
  }

  async function start(task: TaskStart): Promise<TaskHandle> {
    if (!settings.enabled)
      throw new NamedError("DRIVER_DISABLED", `Cannot start task "${task.task}": driver "docker" is disabled on this node`);
    const config = readDockerConfig(task.config);
    checkTask(task, config, settings);
    if (starting.has(task.id)) throw existsAlready(task.id);
    starting.add(task.id);
    try {
      await refuseExisting(task.id);
      return await begin(task, config);
    } catch (thrown) {
      images.leave(task.id);
      if (thrown instanceof NamedError && thrown.code !== "DOCKER_UNREACHABLE") throw thrown;
      throw startFailed(
        task.task,
        messageOf(isAway(thrown) && !(thrown instanceof NamedError) ? unreachable(daemon.endpoint, thrown) : thrown),
      );
    } finally {
      starting.delete(task.id);
    }
  }

  async function refuseExisting(id: TaskId): Promise<void> {
    for (const each of await containersOf(id)) {
      // Created for an agent that was killed then: it never began.
      if (each.State !== "created") throw existsAlready(id);
      await removeContainer(daemon, each);
    }
  }

  async function begin(task: TaskStart, config: DockerTaskConfig): Promise<TaskHandle> {
    if (networkMode(task, config) === "container:") {
      throw startFailed(task.task, "its group's network is not held by docker", "The agent makes it again with the allocation's network.");
    }
    const container = await create(task, config);
    try {
      await docker.getContainer(container).start();
      const found = await docker.getContainer(container).inspect();
      const handle = handleOf(task.id, found, task, config);
      writeRecord(task.place, handle);
      follow(handle, task.place);
      return handle;
    } catch (thrown) {
      await daemon.answered(() => removeContainer(daemon, { Id: container })).catch(() => undefined);
      throw startProblem(task, thrown);
    }
  }

  /** Twice, if the image was removed by another in between. */
  async function create(task: TaskStart, config: DockerTaskConfig): Promise<string> {
    const attempts = config.container_exists_attempts || settings.containerExistsAttempts;
    const security = securityOptions(task.task, config.security_opt);
    for (let attempt = 1; ; attempt++) {
      const image = await images.provide(task, config);
      // After the pull: what a task of the same allocation makes of a path meanwhile is looked at as it is now.
      const volumes = taskVolumes({ task: task.task, place: task.place, config, settings: settings.volumes });
      const facts = {
        owner,
        settings,
        image,
        volumes,
        cpuCount: availableParallelism(),
        hostsFile: hostsOf(task, config),
        securityOptions: security,
      };
      try {
        return (await docker.createContainer(containerRequest(task, config, facts))).id;
      } catch (thrown) {
        const gone = isMissing(thrown) && /no such image/i.test(dockerWords(thrown));
        if (attempt >= Math.max(2, attempts)) throw startProblem(task, thrown);
        if (statusOf(thrown) === 409) await freeName(task, attempt);
        else if (!gone) throw startProblem(task, thrown);
      }
    }
  }

  /**
   * An earlier attempt of the same task makes room, and this very one where it never began: an agent killed while docker was making it leaves
   * one that is seen late. Anything else keeps its name.
   */
  async function freeName(task: TaskStart, attempt: number): Promise<void> {
    const found = await inspect(containerName(task));
    const labels = found?.Config.Labels ?? {};
    const ours = labels[LABEL_OWNER] === owner && labels[LABEL_ALLOCATION] === task.allocationId;
    if (ours && labels[LABEL_TASK] === task.id && found?.State.Status !== "created") throw existsAlready(task.id);
    if (found !== undefined && !ours) throw startFailed(task.task, `a container named "${containerName(task)}" exists and is not ours`);
    if (found !== undefined) await removeContainer(daemon, found);
    else await sleep(100 * attempt);
  }

  async function find(id: TaskId, place: TaskPlace): Promise<TaskHandle | undefined> {
    const recorded = readRecord(place, id);
    let found: ContainerInfo[];
    try {
      found = await containersOf(id);
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown;
      // Docker is away. What was seen to run is taken up; `wait` tells when docker can.
      if (recorded !== undefined) return recorded;
      found = await daemon.answered(() => containersOf(id));
    }
    for (const each of found) {
      const state = await daemon.answered(() => inspect(each.Id));
      if (state === undefined) continue;
      if (state.State.Status === "created" && !starting.has(id)) {
        await daemon.answered(() => removeContainer(daemon, each));
        continue;
      }
      const handle = recorded !== undefined && containerIn(recorded) === each.Id ? recorded : handleOf(id, state, undefined, undefined);
      if (handle !== recorded && existsSync(place.privateDirectory)) writeRecord(place, handle);
      images.use(id, state.Image);
      if (daemon.local) await endForeignSessions(owner, id, sessions);
      follow(handle, place);
      return handle;
    }
    return undefined;
  }

  async function wait(handle: TaskHandle, place: TaskPlace): Promise<TaskExit> {
    const follower = follow(handle, place);
    for (;;) {
      try {
        const found = await inspect(containerIn(handle));
        if (found === undefined) {
          return {
            exitCode: 0,
            signal: 0,
            oomKilled: false,
            error: "exit status unknown: docker has no such container any more",
            finishedAt: Date.now() * 1e6,
          };
        }
        if (!isAlive(found.State)) {
          follower?.finish();
          if (follower !== undefined) await caughtUp(follower);
          return exitOf(found.State);
        }
        await containerEnd(docker, containerIn(handle));
      } catch (thrown) {
        if (isAway(thrown)) await sleep(AWAY_MS);
        else if (!isMissing(thrown)) {
          report({
            level: "warn",
            message: "docker: a task cannot be waited for",
            fields: { task_id: handle.id, problem: dockerWords(thrown) },
          });
          await sleep(AWAY_MS);
        }
      }
    }
  }

  async function stop(handle: TaskHandle, how: { readonly signal: string; readonly timeoutMs: number }): Promise<void> {
    const running = async () => {
      const found = await daemon.answered(() => inspect(containerIn(handle)));
      return found !== undefined && isAlive(found.State);
    };
    if (!(await running())) return;
    if (how.timeoutMs > 0) {
      // A signal that docker does not know is no reason to let it run.
      await daemon
        .answered(() => kill(containerIn(handle), how.signal))
        .catch((thrown: unknown) => {
          report({
            level: "warn",
            message: "docker: a task's kill_signal cannot be sent",
            fields: { task_id: handle.id, problem: dockerWords(thrown) },
          });
        });
      const ending = new AbortController();
      const timer = setTimeout(() => {
        ending.abort();
      }, how.timeoutMs);
      await containerEnd(docker, containerIn(handle), ending.signal).catch(() => undefined);
      clearTimeout(timer);
    }
    while (await running()) {
      await daemon.answered(() => kill(containerIn(handle), "SIGKILL"));
      const ending = AbortSignal.timeout(2000);
      await containerEnd(docker, containerIn(handle), ending).catch(() => undefined);
    }
  }

  /** False: it does not run. */
  async function kill(container: string, signal: string): Promise<boolean> {
    try {
      await docker.getContainer(container).kill({ signal });
      return true;
    } catch (thrown) {
      if (isMissing(thrown) || statusOf(thrown) === 409 || /is not running/i.test(dockerWords(thrown))) return false;
      throw thrown;
    }
  }

  async function removeEverything(id: TaskId, keep: boolean): Promise<void> {
    followers.get(id)?.close();
    followers.delete(id);
    for (const each of await daemon.answered(() => containersOf(id))) {
      if (!keep) {
        await daemon.answered(() => removeContainer(daemon, each));
        continue;
      }
      await daemon.answered(() => kill(each.Id, "SIGKILL"));
      const name = `${each.Names[0]?.slice(1) ?? "task"}${KEPT}${each.Id.slice(0, 12)}`;
      await daemon.answered(() => daemon.known(() => docker.getContainer(each.Id).rename({ name })));
    }
    meter.forget(id);
    images.leave(id);
  }

  function handleOf(
    id: TaskId,
    found: ContainerInspectInfo,
    task: TaskStart | undefined,
    config: DockerTaskConfig | undefined,
  ): TaskHandle {
    const logging = found.HostConfig.LogConfig?.Type ?? "json-file";
    const network = containerNetwork(found, config?.advertise_ipv6_address ?? false, task?.ports ?? [], config);
    return {
      driver: NAME,
      id,
      pid: found.State.Pid,
      startedAt: nanoseconds(found.State.StartedAt) || Date.now() * 1e6,
      data: {
        version: 1,
        container: found.Id,
        tty: found.Config.Tty,
        collects: !settings.logCollectionDisabled && READABLE.has(config === undefined ? logging : loggingOf(config).Type),
      },
      ...(network === undefined ? {} : { network }),
    };
  }

  return {
    name: NAME,
    capabilities: { exec: true, isolation: "image", defaultKillSignal: "SIGTERM", defaultUser: "", joinsNetwork: true },
    configSchema: dockerConfigSchema,
    networkHolder: networkHolder({ daemon, owner, settings }),
    async fingerprint() {
      const look = await dockerLook(daemon, settings, seen);
      if (look.answered) seen = look.info;
      return look.info;
    },
    start,
    find,
    wait,
    stop: (handle, _place, how) => stop(handle, how),
    async signal(handle, signal) {
      if (await kill(containerIn(handle), signal)) return;
      throw notRunning(handle, `send "${signal}" to`);
    },
    async exec(handle, _place, wanted) {
      const found = await inspect(containerIn(handle));
      if (found?.State.Running !== true) throw notRunning(handle, "run a command in");
      return await dockerSession({ daemon, owner, id: handle.id, container: found.Id, own: sessions }, wanted);
    },
    async usage(handle) {
      const found = await daemon.known(() => docker.getContainer(containerIn(handle)).stats({ stream: false, "one-shot": true }));
      return found === undefined ? NOTHING_USED : meter.measure(handle.id, handle.startedAt / 1e6, found);
    },
    async destroy(handle, place) {
      await removeEverything(handle.id, !settings.garbage.container);
      removeRecord(place, handle);
    },
    async list() {
      const found = (await daemon.containers(LABEL_TASK)).filter(isTask);
      return [...new Set(found.flatMap((each) => each.Labels[LABEL_TASK] ?? []))];
    },
    sweep: (id) => removeEverything(id, false),
  };
}

const AWAY_MS = 1000;

const containerIn = (handle: TaskHandle): string => String(handle.data["container"] ?? "none");

function hostTimer(delayMs: number, task: () => void): { cancel(): void } {
  const timer = setTimeout(task, delayMs);
  timer.unref();
  return {
    cancel() {
      clearTimeout(timer);
    },
  };
}

/** The last lines come before the end is told; a pipe nobody reads does not hold it back for ever. */
async function caughtUp(follower: LogFollower): Promise<void> {
  let over = false;
  void follower.done.then(() => {
    over = true;
  });
  const since = performance.now();
  while (!over && performance.now() - Math.max(since, follower.lastProgressMs()) < LOGS_STALL_MS) {
    await Promise.race([follower.done, sleep(200)]);
  }
}

/** In a group's network: the allocation's hosts, with the task's own lines after them. "" without. */
function hostsOf(task: TaskStart, config: DockerTaskConfig): string {
  if (task.network === undefined || config.network_mode !== "") return "";
  if (config.extra_hosts.length === 0) return task.network.files.hosts;
  const lines = config.extra_hosts.map((each) => `${each.slice(each.indexOf(":") + 1)} ${each.slice(0, each.indexOf(":"))}`);
  const file = hostsFile(task.place);
  writeFileSync(file, `${readFileSync(task.network.files.hosts, "utf8").trimEnd()}\n${lines.join("\n")}\n`, { mode: 0o644 });
  return file;
}

/** What docker says when it is asked for what can never be, told apart from what may be better next time. */
function startProblem(task: TaskStart, thrown: unknown): NamedError {
  if (thrown instanceof NamedError) return thrown;
  if (isAway(thrown)) return startFailed(task.task, unreachable("docker", thrown).message);
  const words = dockerWords(thrown);
  const taken = /port is already allocated|address already in use/i.test(words);
  if (statusOf(thrown) === 400 && !taken && !/executable file not found|no such file/i.test(words)) return invalid(task.task, words);
  return startFailed(task.task, words, taken ? "Another process has this port: ss -ltnup names it." : undefined);
}

function existsAlready(id: TaskId): NamedError {
  return new NamedError("DRIVER_TASK_EXISTS", `Cannot start task "${id}": it was started before, wanted a new id`, { statusCode: 409 });
}

function notRunning(handle: TaskHandle, what: string): NamedError {
  return new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot ${what} task "${handle.id}": it has ended`, { statusCode: 409 });
}
