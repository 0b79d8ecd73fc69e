/** What a server keeps on its own disk: the log (all of it, or what was read of the shared one), and snapshots. The log is the lock on the directory. */
import { join } from "node:path";
import { openRecordedLog, type MakerDisk } from "#cluster";
import { openSqliteLog } from "#integrations/host";
import type { Parts } from "./parts.ts";
import { releaseParts } from "./release.ts";
import { toldLog } from "./told-log.ts";

export const SNAPSHOTS = "snapshots";

export async function openLocalLog({ config, random, log }: Parts, disk: MakerDisk) {
  const directory = config.server.dataDirectory;
  const workerUrl = releaseParts().sqliteLogWorker;
  const opened = await openRecordedLog({
    disk,
    dataDir: directory,
    wanted: config.server.logMaker,
    open: () =>
      openSqliteLog({ path: join(directory, "log.sqlite"), clusterId: random.uuid(), ...(workerUrl === undefined ? {} : { workerUrl }) }),
  });
  return toldLog(opened, (level, message) => log.write(level, "server", message, { data_dir: directory }));
}
