/** What the driver keeps beside a task, in its private directory: how it was first seen (docker forgets a pid when it ends) and how far its output went. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import type { TaskHandle, TaskId, TaskPlace } from "#ports";

const recordFile = (place: TaskPlace) => path.join(place.privateDirectory, "docker.json");
const hostsFile = (place: TaskPlace) => path.join(place.privateDirectory, "docker.hosts");
/** Of one attempt: the next one's output begins anew. */
export const positionFile = (place: TaskPlace, container: string) =>
  path.join(place.privateDirectory, `docker-${container.slice(0, 12)}.position`);
export { hostsFile };

export function readRecord(place: TaskPlace, id: TaskId): TaskHandle | undefined {
  try {
    const handle = JSON.parse(readFileSync(recordFile(place), "utf8")) as TaskHandle;
    return handle.id === id ? handle : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord(place: TaskPlace, handle: TaskHandle): void {
  const file = recordFile(place);
  const fd = openSync(`${file}.new`, "w", 0o600);
  try {
    writeSync(fd, JSON.stringify(handle));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.new`, file);
}

export function removeRecord(place: TaskPlace, handle: TaskHandle): void {
  const container = String(handle.data["container"] ?? "");
  if (readRecord(place, handle.id) !== undefined) {
    rmSync(recordFile(place), { force: true });
    rmSync(hostsFile(place), { force: true });
  }
  rmSync(positionFile(place, container), { force: true });
}
