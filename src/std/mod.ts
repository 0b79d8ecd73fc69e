/**
 * The tiny standard library: what the language lacks and every room may use.
 *
 * What comes in: nothing; it imports nothing outside this folder but croner. What goes out: errors with a stable code, Go's duration
 * strings, texts that hold any bytes, patterns in bounded time, go-bexpr's expressions over any object, "did you mean", an ordered map whose copies are free,
 * a heap, rounds of work that miss no wake-up, cron's next run, the version.
 *
 * Invariants: pure, no domain words, no effects. Never here: anything only one room uses.
 *
 * Read next: errors.ts; then ../model/mod.ts.
 */
export { bytesOf, holdsBytes, textOf } from "./byte-text.ts";
export { Concealed } from "./concealed.ts";
export { NamedError, messageOf } from "./errors.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { didYouMean, nearest } from "./nearest.ts";
export { VERSION } from "./version.ts";
export { compileFilter } from "./filter/mod.ts";
export { compilePattern, type Pattern } from "./pattern.ts";
export { OrderedMap, type RangeOptions } from "./ordered-map.ts";
export { createHeap, type Heap } from "./heap.ts";
export { createRounds, type Rounds } from "./rounds.ts";
export { readTar, tarOf } from "./tar.ts";
export { parseCron, type CronSchedule } from "./cron/cron.ts";
