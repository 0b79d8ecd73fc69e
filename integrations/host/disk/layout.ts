/**
 * Allocation directories: made, and removed without a trace. nomad.md §2.4.
 *
 * Everything may be repeated, and stops half-way without harm: making looks at what stands there already (also a tmpfs that a
 * reboot took away), removing unmounts first and never follows a link.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";
import type { AllocationPlace, TaskDirectories, TaskRequest } from "#ports";
import { NamedError } from "#std";
import { run } from "../process/run.ts";
import { findUser } from "../process/user.ts";
import { mounts, unmountBelow } from "./mounts.ts";

/** The tmpfs' name in the machine's mount table. */
const SECRETS_SOURCE = "drover-secrets";
const SECRETS_MB_DEFAULT = 1;

export function makeAllocation(allocationDirectory: string): AllocationPlace {
  const sharedDirectory = path.join(allocationDirectory, "alloc");
  const logsDirectory = path.join(sharedDirectory, "logs");
  mkdirSync(path.dirname(allocationDirectory), { recursive: true, mode: 0o711 });
  makeDirectory(allocationDirectory, 0o755);
  mkdirSync(sharedDirectory, { recursive: true, mode: 0o755 });
  for (const name of ["data", "logs", "tmp"]) makeDirectory(path.join(sharedDirectory, name), 0o777);
  // Last, when what is the agent's stands: tasks may run as anybody, and cannot rename or remove what is not theirs.
  makeDirectory(sharedDirectory, 0o1777);
  return { allocationDirectory, sharedDirectory, logsDirectory };
}

export async function makeTask(allocationDirectory: string, request: TaskRequest): Promise<TaskDirectories> {
  if (!isFileName(request.task) || request.task === "alloc") {
    throw new NamedError("DISK_NAME_INVALID", `Cannot make a directory for task "${request.task}": it is no usable directory name`, {
      statusCode: 400,
    });
  }
  const owner = request.user === "" ? undefined : await findUser(request.user);
  const taskDirectory = path.join(allocationDirectory, request.task);
  const place = {
    taskDirectory,
    localDirectory: path.join(taskDirectory, "local"),
    secretsDirectory: path.join(taskDirectory, "secrets"),
    privateDirectory: path.join(taskDirectory, "private"),
  };
  const isRoot = process.getuid?.() === 0;
  // Nobody but the agent puts anything into it while it is made: what is mounted below may not be exchanged for a link meanwhile.
  makeDirectory(taskDirectory, 0o755);
  makeDirectory(place.localDirectory, owner === undefined ? 0o777 : 0o755, isRoot ? owner : undefined);
  makeDirectory(path.join(taskDirectory, "tmp"), 0o1777);
  makeDirectory(place.privateDirectory, 0o700);
  await makeSecrets(place.secretsDirectory, request.secretsMB || SECRETS_MB_DEFAULT, isRoot);
  openSecrets(place.secretsDirectory, isRoot ? owner : undefined);
  makeSharedEntry(path.join(taskDirectory, "alloc"), request.isolation);
  // The working directory of a task without a root of its own, whoever it runs as. In the others it is the root.
  if (request.isolation === "none") makeDirectory(taskDirectory, 0o1777);
  return place;
}

export async function removeSecrets(allocationDirectory: string, task: string): Promise<void> {
  if (!isFileName(task)) return;
  const secrets = path.join(allocationDirectory, task, "secrets");
  await unmountBelow(secrets);
  // Where it was no tmpfs the files themselves must go.
  rmSync(secrets, { recursive: true, force: true });
}

export async function removeAllocation(allocationDirectory: string): Promise<void> {
  await unmountBelow(allocationDirectory);
  // The secrets go first: if a crash or a full disk stops the rest, none are left behind.
  for (const task of childDirectories(allocationDirectory))
    rmSync(path.join(allocationDirectory, task, "secrets"), { recursive: true, force: true });
  rmSync(allocationDirectory, { recursive: true, force: true, maxRetries: 3 });
}

export function childDirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function makeSecrets(directory: string, megabytes: number, isRoot: boolean): Promise<void> {
  makeDirectory(directory, 0o700);
  if (!isRoot || process.platform !== "linux") return;
  if (mounts().some((mount) => mount.mountPoint === directory && mount.source === SECRETS_SOURCE)) return;
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700,noexec,nosuid,nodev`, SECRETS_SOURCE, directory]);
  if (mounted.exitCode !== 0) {
    throw new NamedError("DISK_SECRETS_MOUNT_FAILED", `Cannot mount a tmpfs on "${directory}": ${mounted.stderr.trim()}`, {
      fix: "Secrets must not reach a disk: let the agent mount file systems (CAP_SYS_ADMIN), or run it without root.",
    });
  }
}

function openSecrets(directory: string, owner: { readonly uid: number; readonly gid: number } | undefined): void {
  if (owner === undefined) {
    // Nobody but the agent's own user can be meant where it is not root.
    chmodSync(directory, process.getuid?.() === 0 ? 0o777 : 0o700);
  } else {
    chownSync(directory, owner.uid, owner.gid);
    chmodSync(directory, 0o700);
  }
}

/** Tasks with their own root get a mount point, the others a link. */
function makeSharedEntry(file: string, isolation: TaskRequest["isolation"]): void {
  if (isolation !== "none") makeDirectory(file, 0o755);
  else if (!existsSync(file)) symlinkSync("../alloc", file);
}

/** Refuses anything else in its place: what stands there may be a task's doing. Mode and owner are set on what was opened. */
function makeDirectory(directory: string, mode: number, owner?: { readonly uid: number; readonly gid: number }): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!lstatSync(directory).isDirectory()) {
      throw new NamedError(
        "DISK_OCCUPIED",
        `Cannot make directory "${directory}": something else stands there, wanted a directory or nothing`,
      );
    }
  }
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0");
}
