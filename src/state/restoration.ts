/**
 * A snapshot that arrives in parts, entry by entry, on its way to replace everything. Each part is read as it comes; when the last is there
 * nothing is left to do but to put the tables in place. A part that cannot be read spoils the rest: the commit is refused then, everywhere.
 */
import { NamedError } from "#std";
import { SnapshotReader } from "./saved.ts";
import type { RestorePart, Tables } from "./tables/tables.ts";

export class Restoration {
  readonly #freeze: boolean;
  #id = "";
  #parts = 0;
  #pieces: Uint8Array[] = [];
  #reader: SnapshotReader | undefined;

  constructor(freeze: boolean) {
    this.#freeze = freeze;
  }

  /** The index of the snapshot that is arriving under this id; 0 while it is not known. */
  indexOf(id: string): number {
    return this.#id === id ? (this.#reader?.index ?? 0) : 0;
  }

  /** NamedError STATE_SNAPSHOT_UNREADABLE. */
  feed({ RestoreID, Part, Data, Ends }: RestorePart & { readonly Part: number }): void {
    if (Part === 0) {
      this.#id = RestoreID;
      this.#parts = 0;
      this.#pieces = [];
      this.#reader = new SnapshotReader(this.#freeze);
    }
    if (this.#reader === undefined || this.#id !== RestoreID || Part !== this.#parts) throw notWhole(RestoreID);
    this.#parts++;
    this.#pieces.push(Data);
    if (!Ends) return;
    const chunk = this.#pieces.length === 1 ? Data : Buffer.concat(this.#pieces);
    this.#pieces = [];
    try {
      this.#reader.feed(chunk);
    } catch (thrown) {
      this.#reader = undefined;
      throw thrown;
    }
  }

  holds(id: string, parts: number): boolean {
    return this.#reader !== undefined && this.#id === id && this.#parts === parts && this.#pieces.length === 0;
  }

  finish(id: string, parts: number): Tables {
    const reader = this.#reader;
    if (reader === undefined || !this.holds(id, parts)) throw notWhole(id);
    this.#reader = undefined;
    this.#id = "";
    return reader.finish();
  }
}

function notWhole(id: string): NamedError {
  return new NamedError("STATE_SNAPSHOT_UNREADABLE", `Cannot restore snapshot "${id}": not all of its parts are there`, {
    statusCode: 400,
  });
}
