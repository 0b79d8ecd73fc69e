/**
 * The node's memory in one SQLite file. Write-ahead logging with `synchronous = normal`: a commit costs no sync, survives kill -9
 * whole, and after a power loss the file is consistent with the newest commits missing at worst.
 *
 *   <directory>/client-id, secret-id     who the node is: plain files, so that losing the memory does not lose the name
 *   <directory>/state.db                 what it was told and how far it got
 */
import { chmodSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Allocation, NodeId } from "#model";
import type { ClientStore, StoredIdentity } from "#ports";
import { messageOf, NamedError } from "#std";
import { writeWhole } from "./write-whole.ts";

const FORMAT = 1;

/** Opens or makes the memory in `directory` (made with mode 0700). Throws NamedError CLIENT_STORE_UNUSABLE when it cannot be written. */
export function hostClientStore(directory: string): ClientStore {
  let opened: { database: DatabaseSync; lost: string | undefined };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    opened = openOrPutAside(join(directory, "state.db"));
  } catch (thrown) {
    throw new NamedError("CLIENT_STORE_UNUSABLE", `Cannot open the node's memory "${directory}": ${messageOf(thrown)}`, {
      cause: thrown,
      fix: "Check that data_dir exists, is writable by the agent and has space left",
    });
  }
  const { database, lost } = opened;
  const statements = {
    facts: database.prepare("SELECT value FROM fact WHERE name = ?"),
    saveFact: database.prepare("INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
    factsFrom: database.prepare("SELECT name, value FROM fact WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name"),
    removeFact: database.prepare("DELETE FROM fact WHERE name = ?"),
    allocations: database.prepare("SELECT allocation, progress FROM allocation ORDER BY rowid"),
    saveAllocation: database.prepare(
      "INSERT INTO allocation (id, allocation) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET allocation = excluded.allocation",
    ),
    saveProgress: database.prepare("UPDATE allocation SET progress = ? WHERE id = ?"),
    remove: database.prepare("DELETE FROM allocation WHERE id = ?"),
  };
  return {
    lost,
    identity: () => readIdentity(directory),
    saveIdentity: (identity) => {
      writeWhole(join(directory, "secret-id"), identity.SecretID);
      writeWhole(join(directory, "client-id"), identity.ID);
    },
    fact: (name) => {
      const row = statements.facts.get(name) as { value: string } | undefined;
      return row === undefined ? undefined : (JSON.parse(row.value) as unknown);
    },
    saveFact: (name, value) => void statements.saveFact.run(name, JSON.stringify(value)),
    facts: (prefix) =>
      new Map((statements.factsFrom.all(prefix) as { name: string; value: string }[]).map(({ name, value }) => [name, JSON.parse(value)])),
    removeFact: (name) => void statements.removeFact.run(name),
    allocations: () =>
      (statements.allocations.all() as { allocation: string; progress: string | null }[]).map((row) => ({
        allocation: JSON.parse(row.allocation) as Allocation,
        progress: row.progress === null ? undefined : (JSON.parse(row.progress) as unknown),
      })),
    saveAllocation: (allocation) => void statements.saveAllocation.run(allocation.ID, JSON.stringify(allocation)),
    saveProgress: (id, progress) => void statements.saveProgress.run(JSON.stringify(progress), id),
    removeAllocation: (id) => void statements.remove.run(id),
    close: () => database.close(),
  };
}

function openOrPutAside(path: string): { database: DatabaseSync; lost: string | undefined } {
  try {
    return { database: open(path), lost: undefined };
  } catch (thrown) {
    const code = (thrown as { errcode?: number }).errcode;
    // SQLITE_CORRUPT, SQLITE_NOTADB, and our own refusal; a full or read-only disk is no reason to forget anything.
    if (code !== 11 && code !== 26 && !(thrown instanceof UnknownFormat)) throw thrown;
    const aside = `${path}.unreadable`;
    for (const suffix of ["", "-wal", "-shm"]) {
      try {
        renameSync(path + suffix, aside + suffix);
      } catch {
        // Not all three exist.
      }
    }
    return { database: open(path), lost: `${messageOf(thrown)}; kept as ${aside}` };
  }
}

class UnknownFormat extends Error {}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    chmodSync(path, 0o600);
    database.exec("PRAGMA journal_mode = wal; PRAGMA synchronous = normal; PRAGMA busy_timeout = 5000");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > FORMAT) throw new UnknownFormat(`the memory has format ${version}, this version reads up to ${FORMAT}`);
    database.exec(`
      CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS allocation (id TEXT PRIMARY KEY, allocation TEXT NOT NULL, progress TEXT) STRICT;
      PRAGMA user_version = ${FORMAT}`);
    // Reads every page once: a damaged file shows itself now, not in the middle of a stop.
    const { quick_check: verdict } = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (verdict !== "ok") throw new UnknownFormat(verdict);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function readIdentity(directory: string): StoredIdentity | undefined {
  const read = (name: string) => {
    try {
      return readFileSync(join(directory, name), "utf8").trim();
    } catch {
      return "";
    }
  };
  const id = read("client-id");
  const secret = read("secret-id");
  return id === "" || secret === "" ? undefined : { ID: id as NodeId, SecretID: secret };
}
