/** Which capabilities a task gets: the default set, more if the operator allows, less if the task wants. nomad.md §1.13. */
import { NamedError } from "#std";

export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** Throws DRIVER_TASK_INVALID naming what the operator does not allow. */
export function chooseCapabilities(add: readonly string[], drop: readonly string[], allowed: readonly string[]): string[] {
  const allow = new Set(allowed.map(capabilityName));
  const added = expand(add, allow);
  const refused = allow.has("CAP_ALL") ? [] : added.filter((each) => !allow.has(each));
  if (refused.length > 0) {
    throw new NamedError(
      "DRIVER_TASK_INVALID",
      `Cannot add capabilities "${refused.join(", ")}": this node allows ${[...allow].join(", ")}`,
      {
        statusCode: 400,
        fix: 'Add them to allow_caps of plugin "exec" in the agent\'s configuration.',
      },
    );
  }
  const dropped = new Set(drop.map(capabilityName));
  // "all" takes the default set away; what is added by name stays.
  const basis = dropped.has("CAP_ALL") ? [] : DEFAULT_CAPABILITIES.filter((each) => allow.has("CAP_ALL") || allow.has(each));
  return [...new Set([...basis, ...added])].filter((each) => !dropped.has(each)).sort();
}

/** "net_raw", "CAP_NET_RAW" → "CAP_NET_RAW" */
export function capabilityName(text: string): string {
  const upper = text.trim().toUpperCase();
  return upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

function expand(names: readonly string[], allow: ReadonlySet<string>): string[] {
  return names.map(capabilityName).flatMap((name) => (name === "CAP_ALL" ? [...allow].filter((each) => each !== "CAP_ALL") : [name]));
}
