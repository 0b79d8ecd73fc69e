/** Placeholder door. */
export {};
