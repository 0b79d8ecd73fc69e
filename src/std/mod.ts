/**
 * The tiny standard library: what the language lacks and every room may use. Pure, no domain words, no effects.
 * Exports are listed by name. Nothing here imports anything outside this folder.
 */
export { NamedError, messageOf } from "./errors.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { VERSION } from "./version.ts";
export { OrderedMap, type RangeOptions } from "./ordered-map.ts";
