/** What a server keeps on its own disk: the log (all of it, or what was read of the shared one), and snapshots. The log is the lock on the directory. */
import { join } from "node:path";
import { openRecordedLog, type MakerDisk } from "#cluster";
import { openSqliteLog } from "#integrations/host";
import type { Parts } from "./parts.ts";
import { releaseParts } from "./release.ts";

export const SNAPSHOTS = "snapshots";

export function openLocalLog({ config, random }: Parts, disk: MakerDisk) {
  const directory = config.server.dataDirectory;
  const workerUrl = releaseParts().sqliteLogWorker;
  return openRecordedLog({
    disk,
    dataDir: directory,
    wanted: config.server.logMaker,
    open: () =>
      openSqliteLog({ path: join(directory, "log.sqlite"), clusterId: random.uuid(), ...(workerUrl === undefined ? {} : { workerUrl }) }),
  });
}
