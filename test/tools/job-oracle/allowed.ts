/** Where our reading of a job file differs from Nomad 1.11.3's on purpose: each rule with its reason. */
import type { Difference, Stage } from "./compare.ts";

export interface Allowance {
  readonly reason: string;
  readonly path: RegExp;
  /** Absent: both. */
  readonly stage?: Stage;
  /** Absent: all. */
  readonly inputs?: readonly string[];
  readonly when?: (difference: Difference) => boolean;
}

const oursAbsent = (difference: Difference): boolean => difference.ours === undefined;
const theirsAbsent = (difference: Difference): boolean => difference.theirs === undefined;
const weSay = (words: RegExp) => (difference: Difference) => words.test(String(difference.ours));

export const ALLOWED: readonly Allowance[] = [
  {
    reason: "a parsed file has what its author wrote; Nomad's parser adds some defaults, ours are added where a job is admitted",
    stage: "parsed",
    path: /(Templates\[\]\.(Splay|Perms|ChangeMode|ChangeScript\.Timeout)|Vault\.(Env|ChangeMode)|Scaling\.Type|LogConfig\.Enabled|\.?(Constraints|Affinities)\[\]\.Operand)$/u,
    when: oursAbsent,
  },
  {
    reason: "the default identity is implied, not written into every task: a file that writes it out is the same job",
    stage: "stored",
    path: /^TaskGroups\[\]\.Tasks\[\]\.Identity\.(Name|Audience\[\])$/u,
    when: oursAbsent,
  },
  {
    reason: "an identity says what becomes of its task when nothing is said",
    stage: "stored",
    path: /(Identity|Identities\[\])\.ChangeMode$/u,
    when: (difference) => difference.ours === "noop" && theirsAbsent(difference),
  },
  {
    reason: "job-level update, reschedule and migrate stay as written, beside what the groups made of them; Nomad keeps a stub",
    stage: "stored",
    path: /^(Update|Reschedule|Migrate)\./u,
    when: theirsAbsent,
  },
  {
    reason: "a scaling policy's id, indexes and target are the scaling API's: the stored job has the policy as written",
    stage: "stored",
    path: /(Scaling|ScalingPolicies\[\])\.(ID|CreateIndex|ModifyIndex|Target\.\w+)$/u,
    when: oursAbsent,
  },
  {
    reason: "a service's namespace and task are those of where it stands: not stored a second time",
    stage: "stored",
    path: /Services\[\]\.(Namespace|TaskName)$/u,
    when: oursAbsent,
  },
  {
    reason: "who speaks with Consul needs it on the node: one constraint of the group, also for its tasks' services and for consul blocks",
    stage: "stored",
    path: /^TaskGroups\[\]\.(Tasks\[\]\.)?Constraints\[\]\./u,
    when: ({ theirs, ours }) => ["${attr.consul.version}", ">= 1.8.0", "semver"].includes(String(theirs ?? ours)),
  },
  {
    reason:
      "constraints for nodes of before 1.7, and for partitions of Consul Enterprise: every node of ours knows identities, none a partition",
    stage: "stored",
    path: /^TaskGroups\[\]\.(Tasks\[\]\.)?Constraints\[\]\./u,
    when: (difference) =>
      oursAbsent(difference) &&
      ["${attr.nomad.version}", ">= 1.7.0-a", "semver", "${attr.consul.partition}", "=", "p"].includes(String(difference.theirs)),
  },
  {
    reason: "the deprecated group attributes are disconnect's: read into the block that replaced them, with its defaults",
    stage: "stored",
    path: /^TaskGroups\[\]\.Disconnect\./u,
    when: theirsAbsent,
  },
  {
    reason: "a network in a task's resources is deprecated: read into the group's",
    stage: "stored",
    path: /^TaskGroups\[\]\.(Tasks\[\]\.Resources\.)?Networks\[\]\.(MBits|(Dynamic|Reserved)Ports\[\]\.)/u,
    inputs: ["task resources-10", "task resources-11"],
  },
  {
    reason: "a dynamic block in config makes blocks, as anywhere else; Nomad keeps it as a value",
    path: /Tasks\[\]\.Config\./u,
    inputs: ["task config-20"],
  },
  { reason: "not in this version, refused by name", stage: "stored", path: /^refused$/u, when: weSay(/not supported by this version/u) },
  {
    reason: "two blocks of one name, or one name as attribute and block: one of them would be lost without a word",
    stage: "parsed",
    path: /^refused$/u,
    when: weSay(/: Two \w+ blocks|both an attribute and a block|in one block/u),
  },
  {
    reason: "attributes nobody reads (network device and cidr, scaling type) are mistakes",
    stage: "parsed",
    path: /^refused$/u,
    when: weSay(/Unknown attribute "(device|type)"/u),
  },
  {
    reason: "a number that is none of its kind is refused, not cut",
    stage: "parsed",
    path: /^refused$/u,
    when: weSay(/must be a whole number/u),
  },
  {
    reason: "a weight out of its range is refused where a job is admitted; Nomad's parser wraps it",
    stage: "parsed",
    path: /^Affinities\[\]\.Weight$/u,
    inputs: ["job affinity-13"],
  },
  { reason: "a job without a name is refused where it is read", stage: "parsed", path: /^refused$/u, inputs: ["file empty-id"] },
  {
    reason:
      "refused early, as nothing would come of it: a link no browser opens, a service on a port the group lacks, a secret no provider gives, a kind of nobody, no device",
    stage: "stored",
    path: /^refused$/u,
    when: weSay(
      /must begin with http|is no port of the group|plugins are not supported|kind is "x"|device "gpu": count is 0|disk in a task's resources/u,
    ),
  },
  {
    reason: "the default identity is the servers' own",
    stage: "stored",
    path: /^refused$/u,
    when: weSay(/default identity is for nomadproject\.io/u),
  },
  {
    reason: "a group needs a task that is no lifecycle task: without one it would never be done",
    stage: "stored",
    path: /^refused$/u,
    when: weSay(/only lifecycle tasks/u),
  },
  { reason: "max_run_duration came after 1.11", stage: "parsed", path: /^refused$/u, inputs: ["group max_run_duration-1"] },
  {
    reason: "a constraint with set_contains_any is read; Nomad drops it",
    path: /^(refused|Constraints\[\]\.(RTarget|Operand))$/u,
    inputs: ["job constraint-16"],
  },
  {
    reason: "where Nomad wants a block we take an object of the same words, too",
    stage: "parsed",
    path: /^refused$/u,
    inputs: ["group scaling-6", "group service-10"],
  },
  { reason: "null is as if it were not written", stage: "parsed", path: /^refused$/u, inputs: ["task env-5", "task leader-2"] },
  {
    reason: "what is missing is said where a job is admitted, with everything else",
    stage: "parsed",
    path: /^refused$/u,
    inputs: ["task lifecycle-3", "task action-4"],
  },
  {
    reason: "a token in the file is carried, and refused where it is used",
    stage: "parsed",
    path: /^refused$/u,
    inputs: ["job vault_token-1"],
  },
  {
    reason: "clusters and partitions of Consul are taken, and not used: Nomad has them in Enterprise only",
    stage: "stored",
    path: /^refused$/u,
    inputs: ["group consul-3", "task consul-2"],
  },
  {
    reason: "cpu = 100 is the default: we cannot tell it from cpu not written, beside cores",
    stage: "stored",
    path: /^refused$/u,
    inputs: ["task resources-4"],
  },
  { reason: "an empty value can be compared with", stage: "stored", path: /^refused$/u, inputs: ["task affinity-2", "task constraint-3"] },
  {
    reason: "an identity of a Nomad service is nobody's: taken, and not used",
    stage: "stored",
    path: /^refused$/u,
    inputs: ["group service-34"],
  },
  {
    reason: "a connect native service without a port has an address, and no port",
    stage: "stored",
    path: /^refused$/u,
    inputs: ["group service-40"],
  },
];
