/** Headers both ends of the door know. nomad.md §3.1. */
export const HEADERS = {
  token: "x-nomad-token",
  index: "x-nomad-index",
  knownLeader: "x-nomad-knownleader",
  lastContact: "x-nomad-lastcontact",
  nextToken: "x-nomad-nexttoken",
  /** Drover's own, on errors: the stable code and the sentence that says how to mend it (percent-encoded). */
  errorCode: "x-drover-error-code",
  errorFix: "x-drover-error-fix",
} as const;
