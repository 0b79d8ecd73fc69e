/**
 * Which maker holds a data directory's log is chosen once, at bootstrap, and recorded; opening it with another one, or finding another
 * cluster's log there, refuses to start: a server that starts empty beside its old log looks like a lost cluster.
 */
import type { Log } from "#ports";
import { NamedError } from "#std";

const RECORD_PATH = "log-maker.json";
const RECORD_FORMAT = 1;

export interface MakerRecord {
  /** `consul`: the shared log orders, the own disk's log follows it. */
  readonly maker: Log["maker"];
  readonly clusterId: string;
  readonly formatVersion: number;
  /** Moved to the shared log by an operator, which is still to be made from this disk. */
  readonly founds?: true;
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
    // A server of many finds its cluster first: it is recorded then.
    if (record === undefined && options.wanted !== "consul") {
      await writeMakerRecord(options.disk, { maker: options.wanted, clusterId: log.clusterId });
    } else if (record !== undefined && record.clusterId !== log.clusterId) {
      throw clusterMismatch(record.clusterId, log.clusterId, options.dataDir);
    }
  } catch (thrown) {
    await log.close();
    throw thrown;
  }
  return log;
}

/** undefined: this server belongs to no cluster yet. */
export async function readMakerRecord(disk: MakerDisk): Promise<MakerRecord | undefined> {
  return parseRecord(await disk.read(RECORD_PATH), "data_dir");
}

export async function writeMakerRecord(disk: MakerDisk, record: Omit<MakerRecord, "formatVersion">): Promise<void> {
  const { maker, clusterId, founds } = record;
  const whole: MakerRecord = { maker, clusterId, formatVersion: RECORD_FORMAT, ...(founds === true ? { founds } : {}) };
  await disk.write(RECORD_PATH, `${JSON.stringify(whole, null, 2)}\n`);
}

/**
 * Offline: the log is ordered by another maker from the next start on. Nothing is copied: the own disk holds all of it in both. To Consul: the
 * first start makes the shared log from this disk; the other servers start with empty directories. To sqlite: this one server goes on alone.
 * NamedErrors LOG_MAKER_ABSENT, LOG_MAKER_UNREADABLE.
 */
export async function moveLog(disk: MakerDisk, to: "consul" | "sqlite"): Promise<"moved" | "there already"> {
  const record = await readMakerRecord(disk);
  if (record === undefined) {
    throw new NamedError("LOG_MAKER_ABSENT", "Cannot move the log: there is none in this directory yet", {
      fix: "Start the server with the configuration it is to have.",
    });
  }
  if (record.maker === to) return "there already";
  await writeMakerRecord(disk, { maker: to, clusterId: record.clusterId, ...(to === "consul" ? { founds: true } : {}) });
  return "moved";
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
          ? 'To make a cluster of it, stop it and run "drover operator raft migrate-backend -to=consul"; or go back to one server (bootstrap_expect = 1, no retry_join); or use an empty data_dir.'
          : 'To go on with this server alone, stop it and run "drover operator raft migrate-backend -to=sqlite"; or go back to the configuration of its cluster; or use an empty data_dir.',
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
