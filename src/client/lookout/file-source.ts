/**
 * `file "path"`: files of the task itself, as it sees them: relative to its directory, below /local, /secrets and /alloc, or by the whole path that
 * NOMAD_TASK_DIR and its sisters hold. Every path is walked beneath one of these roots, whatever links a hostile task puts there (F59): another
 * task's files, the agent's own copies in private/ and the machine's are out of reach, unless the operator has taken the sandbox away.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { thingLabel, type Clock, type Disk, type Reading, type Thing, type ThingSource } from "#ports";
import { messageOf, NamedError, textOf } from "#std";
import { orAborted } from "../or-aborted.ts";
import { workloadOf } from "./workload.ts";

const BYTES_MAX = 16 * 1024 * 1024;
const WAIT_MS = 60_000;

export interface FileThingsNeeds {
  readonly disk: Pick<Disk, "read" | "readWhole" | "watch">;
  readonly clock: Clock;
  /** Where the directories of the allocations are. */
  readonly allocationsDirectory: string;
  /** The operator allows any file of the machine. */
  readonly sandboxDisabled: boolean;
}

/** Where it lies. `guarded`: secrets/ and private/ are refused, also through links. */
export interface FilePlace {
  readonly root: string;
  readonly path: string;
  readonly guarded: boolean;
}

export function fileThings(needs: FileThingsNeeds): ThingSource {
  return {
    system: "file",
    async read(thing, { token, after, signal }) {
      const { allocation, task } = workloadOf(token);
      const place = placeOf(thing.name, posix.join(needs.allocationsDirectory, allocation), task, needs.sandboxDisabled);
      if (place === undefined) {
        throw new NamedError("THING_DENIED", `Cannot read ${thingLabel(thing)}: it is not in the task's directory`, {
          statusCode: 403,
          fix: "Name a file below local/, secrets/ or alloc/.",
        });
      }
      return readPlace(needs, thing, place, after, signal);
    },
    renew: () => Promise.reject(new NamedError("THING_INVALID", "Cannot renew a lease: files have none")),
    revoke: () => Promise.resolve(),
  };
}

/** undefined: outside of what the task may see. Pure. */
export function placeOf(name: string, allocationDirectory: string, task: string, sandboxDisabled: boolean): FilePlace | undefined {
  const taskDirectory = posix.join(allocationDirectory, task);
  const within = withinTask(name, allocationDirectory, taskDirectory);
  if (within === undefined)
    return sandboxDisabled ? { root: "/", path: posix.join(taskDirectory, name).slice(1), guarded: false } : undefined;
  if (within.startsWith("/")) return sandboxDisabled ? { root: "/", path: within.slice(1), guarded: false } : undefined;
  const [first, ...rest] = within.split("/");
  const path = rest.join("/");
  if (first === "alloc") return { root: posix.join(allocationDirectory, "alloc"), path, guarded: false };
  if (first === "local" || first === "secrets") return { root: posix.join(taskDirectory, first), path, guarded: false };
  return { root: allocationDirectory, path: posix.join(task, within), guarded: true };
}

/** Relative to the task's directory (`alloc/` is the shared one); absolute: somewhere else on the machine; undefined: leads out of it. */
function withinTask(name: string, allocationDirectory: string, taskDirectory: string): string | undefined {
  const path = posix.normalize(name);
  if (!path.startsWith("/")) return path === ".." || path.startsWith("../") ? undefined : path;
  if (path.startsWith(`${taskDirectory}/`)) return path.slice(taskDirectory.length + 1);
  if (path.startsWith(`${allocationDirectory}/alloc/`)) return path.slice(allocationDirectory.length + 1);
  return /^\/(local|secrets|alloc)\//.test(path) ? path.slice(1) : path;
}

async function readPlace(needs: FileThingsNeeds, thing: Thing, place: FilePlace, after: string, signal: AbortSignal): Promise<Reading> {
  const { disk, clock } = needs;
  if (after === "") return readingOf(await contents(disk, thing, place));
  // Watched before it is looked at: nothing that changes between is missed.
  let changed = Promise.withResolvers<void>();
  let over = false;
  const watching = disk.watch(place.root, place.path, () => changed.resolve());
  const timer = clock.after(WAIT_MS, () => {
    over = true;
    changed.resolve();
  });
  try {
    for (;;) {
      const reading = readingOf(await contents(disk, thing, place));
      if (reading.index !== after || over) return reading;
      await orAborted(changed.promise, signal);
      changed = Promise.withResolvers<void>();
      if (over) changed.resolve();
    }
  } finally {
    timer.cancel();
    watching.close();
  }
}

function readingOf(bytes: Uint8Array | undefined): Reading {
  const index = bytes === undefined ? "missing" : createHash("sha256").update(bytes).digest("base64url");
  const value = bytes === undefined ? undefined : textOf(bytes);
  return { value, index, againMs: null, private: false, lease: null };
}

async function contents(disk: FileThingsNeeds["disk"], thing: Thing, { root, path, guarded }: FilePlace): Promise<Uint8Array | undefined> {
  try {
    return guarded ? await readGuarded(disk, root, path) : await disk.readWhole(root, path, BYTES_MAX);
  } catch (thrown) {
    const code = thrown instanceof NamedError ? thrown.code : "";
    if (code === "FILE_NOT_FOUND") return undefined;
    const text = `Cannot read ${thingLabel(thing)}: ${messageOf(thrown)}`;
    if (code === "FILE_OUTSIDE" || code === "FILE_FORBIDDEN") throw new NamedError("THING_DENIED", text, { statusCode: 403 });
    if (code === "FILE_WRONG_KIND" || code === "FILE_TOO_LARGE") throw new NamedError("THING_INVALID", text, { statusCode: 400 });
    throw new NamedError("THING_UNREACHABLE", text);
  }
}

async function readGuarded(disk: FileThingsNeeds["disk"], root: string, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const whole = { path, origin: "start", offset: 0, limit: -1, follow: false } as const;
  for await (const frame of disk.read(root, whole, new AbortController().signal)) {
    bytes += frame.Data.length;
    if (bytes > BYTES_MAX) {
      throw new NamedError("FILE_TOO_LARGE", `Cannot read "${path}": it has more than ${BYTES_MAX} bytes`, { statusCode: 400 });
    }
    parts.push(frame.Data);
  }
  return Buffer.concat(parts);
}
