/**
 * The log as an SQLite database: one row an entry, WAL, synchronous FULL. Synchronous calls only; it lives in a worker thread.
 *
 *   log(key, value)       maker's notes: cluster id, the last index that was cut
 *   entries(idx, data)    idx consecutive from cut + 1
 *
 * The lock is exclusive: a second agent on the same directory is refused instead of writing beside the first. After a failed write the
 * connection is opened anew and whatever is behind the last acknowledged entry deleted: a failed sync may have left it half there.
 */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { messageOf, NamedError } from "#std";
import type { LogWorkerOptions } from "./sqlite-log-protocol.ts";

/** "DROV": tells our files from anybody's. */
const APPLICATION_ID = 0x44524f56;
const FORMAT = 1;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

export class SqliteLogFile {
  readonly #options: LogWorkerOptions;
  #database: DatabaseSync;
  #suspect = false;
  clusterId = "";
  firstIndex = 1;
  lastIndex = 0;

  /** NamedErrors LOG_LOCKED, LOG_FOREIGN, LOG_CORRUPT, LOG_OPEN_FAILED. */
  constructor(options: LogWorkerOptions) {
    this.#options = options;
    try {
      this.#database = openDatabase(options);
      try {
        this.#readWhatIsThere();
      } catch (thrown) {
        this.#database.close();
        throw thrown;
      }
    } catch (thrown) {
      throw openError(thrown, options.path);
    }
  }

  /** Appends each list whole or not at all, all in one transaction if it can be. Results in order: first index, or why not. */
  append(lists: readonly (readonly Uint8Array[])[]): (number | NamedError)[] {
    try {
      return this.#transact(lists);
    } catch (thrown) {
      if (lists.length > 1) return lists.flatMap((list) => this.append([list]));
      return [writeError(thrown)];
    }
  }

  read(from: number, countMax: number, bytesMax: number): { index: number; data: Uint8Array }[] {
    const entries: { index: number; data: Uint8Array }[] = [];
    let bytes = 0;
    const rows = this.#database.prepare("SELECT idx, data FROM entries WHERE idx >= ? AND idx <= ? ORDER BY idx LIMIT ?");
    for (const row of rows.iterate(from, this.lastIndex, countMax)) {
      const data = row["data"] as Uint8Array;
      entries.push({ index: row["idx"] as number, data });
      bytes += data.length;
      if (bytes >= bytesMax) break;
    }
    return entries;
  }

  cut(through: number): void {
    const cut = Math.min(through, this.lastIndex);
    if (cut < this.firstIndex) return;
    this.#ensureSound();
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#database.prepare("DELETE FROM entries WHERE idx <= ?").run(cut);
      this.#database.prepare("INSERT OR REPLACE INTO log (key, value) VALUES ('cut', ?)").run(cut);
      this.#database.exec("COMMIT");
    } catch (thrown) {
      this.#fail();
      throw writeError(thrown);
    }
    this.firstIndex = cut + 1;
  }

  reset(after: number, clusterId: string): void {
    this.#ensureSound();
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#database.exec("DELETE FROM entries");
      const note = this.#database.prepare("INSERT OR REPLACE INTO log (key, value) VALUES (?, ?)");
      note.run("cut", after);
      note.run("clusterId", clusterId);
      this.#database.exec("COMMIT");
    } catch (thrown) {
      this.#fail();
      throw writeError(thrown);
    }
    this.clusterId = clusterId;
    this.firstIndex = after + 1;
    this.lastIndex = after;
  }

  close(): void {
    this.#database.close();
  }

  #transact(lists: readonly (readonly Uint8Array[])[]): number[] {
    this.#ensureSound();
    let last = this.lastIndex;
    const firsts: number[] = [];
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      const insert = this.#database.prepare("INSERT INTO entries (idx, data) VALUES (?, ?)");
      for (const list of lists) {
        firsts.push(last + 1);
        for (const data of list) insert.run(++last, data);
      }
      this.#database.exec("COMMIT");
    } catch (thrown) {
      this.#fail();
      throw thrown;
    }
    this.lastIndex = last;
    return firsts;
  }

  /** Rolls back; the connection is not trusted until it was opened anew. */
  #fail(): void {
    this.#suspect = true;
    try {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#ensureSound();
    } catch {
      // The disk may still be full: tried again before the next write.
    }
  }

  #ensureSound(): void {
    if (!this.#suspect) return;
    if (this.#database.isOpen) this.#database.close();
    this.#database = openDatabase(this.#options);
    this.#database.prepare("DELETE FROM entries WHERE idx > ?").run(this.lastIndex);
    this.#suspect = false;
  }

  #readWhatIsThere(): void {
    const note = this.#database.prepare("SELECT value FROM log WHERE key = ?");
    const clusterId = note.get("clusterId")?.["value"];
    if (typeof clusterId !== "string") throw new NamedError("LOG_CORRUPT", "it names no cluster");
    const cut = Number(note.get("cut")?.["value"] ?? 0);
    const row = this.#database.prepare("SELECT min(idx) AS first, max(idx) AS last, count(*) AS count FROM entries").get() ?? {};
    const count = row["count"] as number;
    const first = (row["first"] as number | null) ?? cut + 1;
    const last = (row["last"] as number | null) ?? cut;
    if (first !== cut + 1 || last - first + 1 !== count) {
      throw new NamedError("LOG_CORRUPT", `entries ${cut + 1} to ${last} should be there, ${count} are, from ${first} on`);
    }
    this.clusterId = clusterId;
    this.firstIndex = first;
    this.lastIndex = last;
  }
}

function openDatabase(options: LogWorkerOptions): DatabaseSync {
  const isNew = !existsSync(options.path);
  const database = new DatabaseSync(options.path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0");
    // Before anything is written: another program's file stays as it is.
    const version = checkIdentity(database, isNew);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    if (options.sizeMaxBytes !== null) {
      const pageSize = database.prepare("PRAGMA page_size").get()?.["page_size"] as number;
      database.exec(`PRAGMA max_page_count = ${Math.max(8, Math.floor(options.sizeMaxBytes / pageSize))}`);
    }
    if (version === 0) createTables(database, options.clusterId);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** The file's format; 0 for one that is still empty. */
function checkIdentity(database: DatabaseSync, isNew: boolean): number {
  const id = database.prepare("PRAGMA application_id").get()?.["application_id"];
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.["count"] as number;
  if (id !== APPLICATION_ID && !isNew && (id !== 0 || tables > 0))
    throw new NamedError("LOG_FOREIGN", "it is a database of another program");
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"] as number;
  if (version !== 0 && version !== FORMAT) throw new NamedError("LOG_FOREIGN", `its format ${version} is unknown to this program`);
  return version;
}

/** One transaction: a crash leaves either no log or a whole one. */
function createTables(database: DatabaseSync, clusterId: string): void {
  database.exec("BEGIN IMMEDIATE");
  database.exec(
    "CREATE TABLE log (key TEXT PRIMARY KEY, value ANY) STRICT; CREATE TABLE entries (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
  );
  database.prepare("INSERT INTO log (key, value) VALUES ('clusterId', ?)").run(clusterId);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}`);
  database.exec("COMMIT");
}

function sqliteCode(thrown: unknown): number {
  const code = (thrown as { readonly errcode?: unknown }).errcode;
  // The lowest byte is the kind, the rest details.
  return typeof code === "number" ? code & 0xff : 0;
}

function openError(thrown: unknown, path: string): NamedError {
  const subject = `Cannot open log "${path}"`;
  const code = sqliteCode(thrown);
  if (code === SQLITE_BUSY) {
    return new NamedError("LOG_LOCKED", `${subject}: another process has it open`, {
      fix: "Stop the other agent, or give this one its own data_dir.",
    });
  }
  if (code === SQLITE_NOTADB || code === SQLITE_CORRUPT || (thrown instanceof NamedError && thrown.code === "LOG_CORRUPT")) {
    return new NamedError("LOG_CORRUPT", `${subject}: it is damaged (${messageOf(thrown)})`, {
      fix: "Restore the data directory from a backup.",
    });
  }
  if (thrown instanceof NamedError) {
    return new NamedError(thrown.code, `${subject}: ${thrown.message}`, { fix: "Give the agent a data_dir of its own." });
  }
  return new NamedError("LOG_OPEN_FAILED", `${subject}: ${messageOf(thrown)}`, { cause: thrown });
}

function writeError(thrown: unknown): NamedError {
  if (thrown instanceof NamedError) return thrown;
  return new NamedError("LOG_WRITE_FAILED", `Cannot append to log: ${messageOf(thrown)}`, {
    statusCode: 503,
    fix: "Nothing of it happened. Make room on the disk of that server's data directory, or let it be written to, and try again.",
  });
}
