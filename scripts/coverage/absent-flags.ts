/** Flags of Nomad's that a command here does not take, and why: "later: …" with what brings them, or "never: …". */
export const ABSENT_FLAGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
