/**
 * Text → Job: what does the author mean, what is implied?
 */
export type * from "./contract.ts";
