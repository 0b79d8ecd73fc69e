/**
 * The words of policies: which capabilities there are, what a coarse policy stands for, and what a capability brings along. nomad.md §7
 * (ACL model).
 */

/** Of jobs, in fine: whoever may submit jobs may all of it. */
const OF_SUBMIT_JOB: readonly string[] = [
  "register-job",
  "revert-job",
  "deregister-job",
  "purge-job",
  "evaluate-job",
  "plan-job",
  "tag-job-version",
  "stable-job",
  "fail-deployment",
  "pause-deployment",
  "promote-deployment",
  "unblock-deployment",
  "cancel-deployment",
  "set-alloc-health-deployment",
  "gc-allocation",
  "pause-allocation",
  "force-periodic-job",
  "delete-service-registration",
];

export const NAMESPACE_CAPABILITIES: readonly string[] = [
  "deny",
  "list-jobs",
  "parse-job",
  "read-job",
  "submit-job",
  ...OF_SUBMIT_JOB,
  "dispatch-job",
  "read-logs",
  "read-fs",
  "alloc-exec",
  "alloc-node-exec",
  "alloc-lifecycle",
  "sentinel-override",
  "csi-register-plugin",
  "csi-write-volume",
  "csi-read-volume",
  "csi-list-volume",
  "csi-mount-volume",
  "host-volume-create",
  "host-volume-register",
  "host-volume-read",
  "host-volume-write",
  "host-volume-delete",
  "list-scaling-policies",
  "read-scaling-policy",
  "read-job-scaling",
  "scale-job",
  "submit-recommendation",
];
export const NODE_POOL_CAPABILITIES: readonly string[] = ["deny", "read", "write", "delete"];
export const HOST_VOLUME_CAPABILITIES: readonly string[] = ["deny", "mount-readonly", "mount-readwrite"];
export const VARIABLE_CAPABILITIES: readonly string[] = ["deny", "list", "read", "write", "destroy"];
export const OPERATOR_CAPABILITIES: readonly string[] = [
  "deny",
  "snapshot-save",
  "license-read",
  "keyring-rotate",
  "keyring-read",
  "keyring-delete",
];
/** Read and let be: sentinel policies are not part of Drover. */
export const SENTINEL_CAPABILITIES: readonly string[] = ["deny", "sentinel-read", "sentinel-submit", "sentinel-delete"];

const SCALE = ["list-scaling-policies", "read-scaling-policy", "read-job-scaling", "scale-job"];
const READ = [
  "list-jobs",
  "parse-job",
  "read-job",
  "csi-list-volume",
  "csi-read-volume",
  "host-volume-read",
  "list-scaling-policies",
  "read-scaling-policy",
  "read-job-scaling",
];

/** What `policy = …` of a block stands for. */
export type Coarse = Readonly<Record<string, readonly string[]>>;

export const NAMESPACE_POLICIES: Coarse = {
  deny: ["deny"],
  read: READ,
  scale: SCALE,
  write: [
    ...READ,
    ...SCALE,
    "submit-job",
    "dispatch-job",
    "read-logs",
    "read-fs",
    "alloc-exec",
    "alloc-lifecycle",
    "csi-mount-volume",
    "csi-write-volume",
    "submit-recommendation",
    "host-volume-write",
  ],
};
export const NODE_POOL_POLICIES: Coarse = { deny: ["deny"], read: ["read"], write: ["read", "write", "delete"] };
export const HOST_VOLUME_POLICIES: Coarse = { deny: ["deny"], read: ["mount-readonly"], write: ["mount-readonly", "mount-readwrite"] };

/** What a capability brings along. */
const IMPLIED: Coarse = {
  "submit-job": OF_SUBMIT_JOB,
  "list-jobs": ["csi-list-volume"],
  "read-job": ["csi-read-volume"],
  "read-fs": ["read-logs"],
  "csi-read-volume": ["csi-list-volume"],
  "csi-write-volume": ["csi-read-volume"],
  "csi-mount-volume": ["csi-read-volume"],
  "host-volume-write": ["host-volume-create", "host-volume-register", "host-volume-delete", "host-volume-read"],
  "host-volume-register": ["host-volume-create"],
  "host-volume-create": ["host-volume-read"],
};
const IMPLIED_OF_VARIABLES: Coarse = { read: ["list"], write: ["list"] };

/** With all they bring along, sorted; "deny" leaves nothing beside it. */
export function expandNamespace(capabilities: readonly string[]): readonly string[] {
  return closed(capabilities, IMPLIED);
}
export function expandVariable(capabilities: readonly string[]): readonly string[] {
  return closed(capabilities, IMPLIED_OF_VARIABLES);
}
/** Where nothing brings another along. */
export function plainCapabilities(capabilities: readonly string[]): readonly string[] {
  return closed(capabilities, {});
}

function closed(capabilities: readonly string[], implied: Coarse): readonly string[] {
  if (capabilities.includes("deny")) return ["deny"];
  const all = new Set<string>();
  const add = (capability: string): void => {
    if (all.has(capability)) return;
    all.add(capability);
    for (const more of Object.hasOwn(implied, capability) ? (implied[capability] ?? []) : []) add(more);
  };
  for (const capability of capabilities) add(capability);
  return [...all].sort();
}
