/** What goes into one append. All makers of the log share the numbers, so that a cluster can move from one to another. */

/** A batch is closed at whichever comes first. The bytes are what one Consul transaction holds. */
export const BATCH_ENTRIES_MAX = 256;
export const BATCH_BYTES_MAX = 350 * 1024;
/** A command above this is refused. */
export const COMMAND_BYTES_MAX = 8 * 1024 * 1024;
/** Applying yields to the event loop after this long. */
export const APPLY_SLICE_MS = 8;
/** Snapshots kept. The log is cut at the oldest, so that a damaged newest one costs nothing. */
export const SNAPSHOTS_KEPT = 2;
export const SNAPSHOT_EVERY_ENTRIES = 8192;
/** After a snapshot that took long, so many times as long passes without one: in a flood a large state is not saved all the time … */
export const SNAPSHOT_REST = 9;
/** … unless so many times as many entries have come: a start has to apply them again. */
export const SNAPSHOT_PATIENCE = 8;
