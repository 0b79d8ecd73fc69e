/** What Nomad denies when its operator says nothing. */
export const DENIED_BY_DEFAULT: readonly string[] = ["executeTemplate", "plugin", "writeToFile"];
