/**
 * Which image a task runs: here already, from a file of the task, or from a registry; and which images go again. Pulls of one image at
 * the same time are one pull. Only what this driver fetched is ever removed, `image_delay` after its last task, and never while any
 * container uses it (docker itself refuses then: nothing is forced).
 */
import { createReadStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { TaskId, TaskStart } from "#ports";
import { messageOf } from "#std";
import { credentialsFor } from "./credentials.ts";
import type { Daemon } from "./daemon.ts";
import { readImageName, type ImageName } from "./image-name.ts";
import type { DockerReport, DockerSettings } from "./options.ts";
import { invalid, isMissing, startFailed } from "./problem.ts";
import { problemIn, pullImage, type PullOutcome } from "./pull.ts";
import type { DockerTaskConfig } from "./schema.ts";
import { pullTimeoutMs } from "./task-config.ts";
import { endOf, isBeneath } from "./volumes.ts";

export interface Images {
  /** The image's id, there now and kept for the task. Rejects with DRIVER_TASK_INVALID or DRIVER_START_FAILED. */
  provide(task: TaskStart, config: DockerTaskConfig): Promise<string>;
  /** A task that was found again uses it. */
  use(id: TaskId, image: string): void;
  /** The task is gone. */
  leave(id: TaskId): void;
}

export interface ImagesOptions {
  readonly daemon: Daemon;
  readonly settings: DockerSettings;
  readonly stateDirectory: string;
  readonly report: DockerReport;
  readonly after: (delayMs: number, task: () => void) => { cancel(): void };
}

export function openImages(options: ImagesOptions): Images {
  const { daemon, settings } = options;
  const pulls = new Map<string, Promise<PullOutcome>>();
  const users = new Map<string, Set<TaskId>>();
  const leaving = new Map<string, { cancel(): void }>();
  const fetched = fetchedImages(options.stateDirectory);

  const idOf = async (name: string): Promise<string | undefined> => (await daemon.known(() => daemon.docker.getImage(name).inspect()))?.Id;

  function use(id: TaskId, image: string): void {
    leaving.get(image)?.cancel();
    leaving.delete(image);
    (users.get(image) ?? users.set(image, new Set()).get(image))?.add(id);
  }

  async function remove(image: string): Promise<void> {
    leaving.delete(image);
    if ((users.get(image)?.size ?? 0) > 0) return;
    try {
      for (const name of fetched.namesOf(image)) await daemon.docker.getImage(name).remove({ noprune: false });
    } catch (thrown) {
      if (!isMissing(thrown)) {
        options.report({
          level: "info",
          message: "docker: an image is still used, it stays",
          fields: { image, problem: messageOf(thrown) },
        });
        return;
      }
    }
    fetched.forget(image);
  }

  function considerLeaving(image: string): void {
    if (!settings.garbage.image || (users.get(image)?.size ?? 0) > 0 || leaving.has(image) || !fetched.has(image)) return;
    leaving.set(
      image,
      options.after(settings.garbage.imageDelayMs, () => {
        void remove(image);
      }),
    );
  }
  // What agents before us fetched and nobody has taken up again goes too.
  for (const image of fetched.all()) considerLeaving(image);

  async function pull(task: TaskStart, config: DockerTaskConfig, image: ImageName): Promise<void> {
    const credentials = await credentialsFor(task.task, config, image, settings);
    // Another's credentials are another pull.
    const key = JSON.stringify([image.whole, credentials ?? null]);
    let pulling = pulls.get(key);
    if (pulling === undefined) {
      pulling = pullImage(daemon, {
        image,
        credentials,
        timeoutMs: pullTimeoutMs(task, config, settings),
        activityTimeoutMs: settings.pullActivityTimeoutMs,
      }).finally(() => pulls.delete(key));
      pulls.set(key, pulling);
    }
    const outcome = await pulling;
    if (outcome.outcome === "pulled") return;
    const reason = `image "${image.whole}" cannot be pulled: ${outcome.reason}`;
    throw outcome.final
      ? invalid(task.task, reason, "Check the image's name, and the auth block if its registry is private.")
      : startFailed(task.task, reason, "Check that the registry is reached from this node; it is tried again.");
  }

  async function load(task: TaskStart, file: string, image: ImageName): Promise<void> {
    const root = endOf(task.place.taskDirectory);
    const places = ["local", "."].map((each) => endOf(path.resolve(task.place.taskDirectory, each, file)));
    const found = places.find((each) => isBeneath(each, root) && isFile(each));
    if (found === undefined && places.some((each) => !isBeneath(each, root))) {
      throw invalid(task.task, `load "${file}" leads out of the task's directory`);
    }
    if (found === undefined) throw startFailed(task.task, `load "${file}": there is no such file in the task's directory`);
    const stream = (await daemon.docker.loadImage(createReadStream(found), { quiet: true })) as unknown as AsyncIterable<Buffer>;
    const problem = await problemIn(stream, () => {});
    if (problem !== undefined) throw invalid(task.task, `load "${file}": ${problem}`);
    if ((await idOf(image.whole)) === undefined) throw invalid(task.task, `load "${file}" holds no image "${image.whole}"`);
  }

  return {
    async provide(task, config) {
      const image = readImageName(config.image);
      if (image.repository === "" || /[\s\0]/.test(image.whole)) throw invalid(task.task, `"${config.image}" is no name of an image`);
      const stays = !config.force_pull && (image.tag !== "latest" || config.load !== "");
      const here = await idOf(image.whole);
      if (here !== undefined && (stays || image.fixed)) {
        use(task.id, here);
        return here;
      }
      if (config.load === "") await pull(task, config, image);
      else await load(task, config.load, image);
      const id = await idOf(image.whole);
      if (id === undefined) throw startFailed(task.task, `image "${image.whole}" was fetched and is gone again`);
      use(task.id, id);
      if (here === undefined || fetched.has(here)) fetched.remember(id, image.whole);
      return id;
    },
    use,
    leave(id) {
      for (const [image, tasks] of users) {
        if (!tasks.delete(id)) continue;
        if (tasks.size === 0) users.delete(image);
        considerLeaving(image);
      }
    },
  };
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

interface FetchedImages {
  has(image: string): boolean;
  all(): string[];
  namesOf(image: string): string[];
  remember(image: string, name: string): void;
  forget(image: string): void;
}

/** Image id → the names it was fetched by; on disk, so that the next agent knows which are ours to remove. */
function fetchedImages(directory: string): FetchedImages {
  const file = path.join(directory, "docker-images.json");
  const known = new Map<string, string[]>();
  try {
    for (const [image, names] of Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, string[]>))
      known.set(image, names);
  } catch {
    // None yet. A lost list only means that images stay.
  }
  const write = () => {
    if (known.size === 0) {
      rmSync(file, { force: true });
      return;
    }
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return {
    has: (image) => known.has(image),
    all: () => [...known.keys()],
    namesOf: (image) => known.get(image) ?? [],
    remember(image, name) {
      const names = known.get(image) ?? [];
      if (names.includes(name)) return;
      known.set(image, [...names, name]);
      write();
    },
    forget(image) {
      if (known.delete(image)) write();
    },
  };
}
