/**
 * Holds an allocation's network namespace for docker's tasks, which can join only one that docker made: a container that waits, without
 * a network of its own. Its labels are all there is of it: after kill -9 it is found, and left over it is removed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerCreateOptions, ContainerInfo } from "dockerode";
import type { NetworkHold, NetworkHolder } from "#ports";
import { NamedError } from "#std";
import { containerEnd } from "./container-end.ts";
import type { Daemon } from "./daemon.ts";
import { readImageName } from "./image-name.ts";
import { LABEL_ALLOCATION, LABEL_HOLDER, LABEL_OWNER, LABEL_TASK, type DockerSettings } from "./options.ts";
import { providePauseImage } from "./pause-image.ts";
import { dockerWords, isAway, isMissing, statusOf, unreachable } from "./problem.ts";
import { pullImage } from "./pull.ts";

export interface HolderOptions {
  readonly daemon: Daemon;
  readonly owner: string;
  readonly settings: DockerSettings;
}

const AGAIN_MS = 500;

/** Pure. `--network none`: NET puts the interfaces in. Ended by SIGKILL, as PID 1 hears nothing else. */
export function holderRequest(
  request: { readonly allocationId: string; readonly hostname: string },
  facts: { readonly owner: string; readonly image: string; readonly own: boolean },
): ContainerCreateOptions {
  return {
    name: `drover-${facts.owner}-${request.allocationId}`,
    Image: facts.image,
    ...(facts.own ? { Entrypoint: ["/pause"] } : {}),
    ...(request.hostname === "" ? {} : { Hostname: request.hostname.slice(0, 63) }),
    Labels: { [LABEL_ALLOCATION]: request.allocationId, [LABEL_OWNER]: facts.owner, [LABEL_HOLDER]: request.allocationId },
    StopSignal: "SIGKILL",
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      ReadonlyRootfs: true,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "none", Config: {} },
    },
  };
}

/** A job, or the image it runs, may write any label but a task's: its container holds no other allocation's network by it. */
export function isHolder({ Labels }: Pick<ContainerInfo, "Labels">): boolean {
  return Labels[LABEL_TASK] === undefined;
}

export function networkHolder({ daemon, owner, settings }: HolderOptions): NetworkHolder {
  const { docker } = daemon;
  const all = async (allocationId: string) => (await daemon.containers({ [LABEL_HOLDER]: allocationId })).filter(isHolder);

  async function find(allocationId: string): Promise<NetworkHold | undefined> {
    for (const each of await daemon.answered(() => all(allocationId))) {
      const found = await daemon.known(() => docker.getContainer(each.Id).inspect());
      if (found?.State.Running === true && found.State.Pid > 0) return { pid: found.State.Pid, reference: found.Id };
    }
    return undefined;
  }

  async function release(allocationId: string): Promise<void> {
    for (const each of await daemon.answered(() => all(allocationId))) await daemon.answered(() => removeContainer(daemon, each));
  }

  async function image(signal: AbortSignal): Promise<string> {
    if (settings.infraImage === "") return await providePauseImage(daemon);
    const name = readImageName(settings.infraImage);
    const here = await daemon.known(() => docker.getImage(name.whole).inspect());
    if (here !== undefined) return here.Id;
    signal.throwIfAborted();
    const outcome = await pullImage(daemon, {
      image: name,
      credentials: undefined,
      timeoutMs: settings.infraImagePullTimeoutMs,
      activityTimeoutMs: settings.pullActivityTimeoutMs,
    });
    if (outcome.outcome === "failed") throw new Error(`infra_image "${name.whole}" cannot be pulled: ${outcome.reason}`);
    return (await docker.getImage(name.whole).inspect()).Id;
  }

  return {
    find,
    release,
    async hold(request, signal) {
      try {
        const held = await find(request.allocationId);
        if (held !== undefined) return held;
        // One that does not run holds nothing any more.
        await release(request.allocationId);
        signal.throwIfAborted();
        const wanted = holderRequest(request, { owner, image: await image(signal), own: settings.infraImage === "" });
        const container = await docker.createContainer(wanted);
        try {
          await container.start();
          signal.throwIfAborted();
        } catch (thrown) {
          await release(request.allocationId);
          throw thrown;
        }
        const made = await find(request.allocationId);
        if (made === undefined) throw new Error("its container ended as it began");
        return made;
      } catch (thrown) {
        if (signal.aborted) throw signal.reason;
        const problem = isAway(thrown) ? unreachable(daemon.endpoint, thrown).message : dockerWords(thrown);
        throw new NamedError("NETWORK_HOLDER_FAILED", `Cannot hold the network of allocation "${request.allocationId}": ${problem}`, {
          fix: "See docker's own log (journalctl -u docker); it is tried again.",
        });
      }
    },
    async list() {
      return (await daemon.containers(LABEL_HOLDER)).filter(isHolder).flatMap((each) => each.Labels[LABEL_HOLDER] ?? []);
    },
    async lost(allocationId, signal) {
      while (!signal.aborted) {
        try {
          const found = await all(allocationId);
          const running = found.find((each) => each.State === "running");
          if (running === undefined) return;
          await containerEnd(docker, running.Id, signal);
        } catch (thrown) {
          if (signal.aborted) return;
          // Docker restarts; with live-restore the container goes on.
          if (!isMissing(thrown)) await sleep(AGAIN_MS, undefined, { ref: false });
        }
      }
    },
  };
}

/** Ends it and its anonymous volumes, and waits until docker knows it no more. */
export async function removeContainer(daemon: Daemon, container: Pick<ContainerInfo, "Id">): Promise<void> {
  for (let round = 0; round < 200; round++) {
    try {
      await daemon.docker.getContainer(container.Id).remove({ force: true, v: true });
      return;
    } catch (thrown) {
      if (isMissing(thrown)) return;
      // 409: another removes it at this moment; 500: its file system is still busy.
      if (statusOf(thrown) !== 409 && statusOf(thrown) !== 500) throw thrown;
      if (round === 199) throw thrown;
      await sleep(50);
    }
  }
}
