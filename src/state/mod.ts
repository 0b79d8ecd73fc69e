/** Placeholder door; see contract.ts. */
export type * from "./contract.ts";
