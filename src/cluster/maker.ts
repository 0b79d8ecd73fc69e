/**
 * Which maker holds a data directory's log is chosen once, at bootstrap, and recorded; opening it with another one, or finding another
 * cluster's log there, refuses to start: a server that starts empty beside its old log looks like a lost cluster.
 */
import type { Log } from "#ports";
import { NamedError } from "#std";

const RECORD_PATH = "log-maker.json";
const RECORD_FORMAT = 1;

export interface MakerRecord {
  readonly maker: Log["maker"];
  readonly clusterId: string;
  readonly formatVersion: number;
}

/** Files in the server's directory (`<data_dir>/server`). `write` is durable and whole or not at all. */
export interface MakerDisk {
  /** undefined when there is no such file. */
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
}

/**
 * Opens the log the record allows and records it if it is the first. NamedErrors LOG_MAKER_MISMATCH, LOG_CLUSTER_MISMATCH,
 * LOG_MAKER_UNREADABLE.
 */
export async function openRecordedLog(options: {
  readonly disk: MakerDisk;
  /** The same directory, for messages. */
  readonly dataDir: string;
  readonly wanted: Log["maker"];
  readonly open: () => Promise<Log>;
}): Promise<Log> {
  const record = parseRecord(await options.disk.read(RECORD_PATH), options.dataDir);
  if (record !== undefined && record.maker !== options.wanted) throw makerMismatch(record.maker, options.wanted, options.dataDir);
  const log = await options.open();
  try {
    if (record === undefined) {
      const first: MakerRecord = { maker: log.maker, clusterId: log.clusterId, formatVersion: RECORD_FORMAT };
      await options.disk.write(RECORD_PATH, `${JSON.stringify(first, null, 2)}\n`);
    } else if (record.clusterId !== log.clusterId) {
      throw clusterMismatch(record.clusterId, log.clusterId, options.dataDir);
    }
  } catch (thrown) {
    await log.close();
    throw thrown;
  }
  return log;
}

function parseRecord(text: string | undefined, dataDir: string): MakerRecord | undefined {
  if (text === undefined) return undefined;
  const record = parseJson(text) as Partial<MakerRecord> | null;
  if (typeof record?.maker !== "string" || typeof record.clusterId !== "string" || record.formatVersion !== RECORD_FORMAT) {
    throw new NamedError("LOG_MAKER_UNREADABLE", `Cannot read "${dataDir}/${RECORD_PATH}": it is not a record of format ${RECORD_FORMAT}`, {
      fix: "Restore the file from a backup, or start the version of drover that wrote it.",
    });
  }
  return record as MakerRecord;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function makerMismatch(recorded: string, wanted: string, dataDir: string): NamedError {
  return new NamedError(
    "LOG_MAKER_MISMATCH",
    `Cannot start server in "${dataDir}": its log is kept by "${recorded}", the configuration asks for "${wanted}"`,
    {
      fix:
        recorded === "sqlite"
          ? "Go back to one server (bootstrap_expect = 1, no retry_join), or use an empty data_dir for a new cluster."
          : "Go back to the configuration of the cluster this server belongs to, or use an empty data_dir for a new one.",
    },
  );
}

function clusterMismatch(recorded: string, found: string, dataDir: string): NamedError {
  return new NamedError(
    "LOG_CLUSTER_MISMATCH",
    `Cannot start server in "${dataDir}": it belongs to cluster "${recorded}", its log to "${found}"`,
    {
      fix: "Restore the whole data directory from one backup.",
    },
  );
}
