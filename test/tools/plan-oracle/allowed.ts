/** Where our plans differ from Nomad 1.11.3's on purpose: each rule with its reason. */
import type { Difference } from "./compare.ts";

export interface Allowance {
  readonly reason: string;
  readonly path: RegExp;
  /** Absent: all. */
  readonly edits?: readonly string[];
  readonly when?: (difference: Difference) => boolean;
}

const oursAbsent = (difference: Difference): boolean => difference.ours === undefined;
const theirsAbsent = (difference: Difference): boolean => difference.theirs === undefined;

export const ALLOWED: readonly Allowance[] = [
  { reason: "a service's namespace is its job's, not stored a second time", path: /\/Service\/Namespace$/u, when: oursAbsent },
  { reason: "a service is its name: another name is another service", path: /^job\/web\/Service/u, edits: ["svcname"] },
  {
    reason: "checks of one name are told apart; Nomad lists neither",
    path: /^job\/web\/Service\/Check/u,
    edits: ["checkadd"],
    when: theirsAbsent,
  },
  { reason: "a check's advertise is listed as its other fields", path: /\/Check\/Advertise$/u, when: theirsAbsent },
  {
    reason: "a group has one network: it is edited, port by port, not exchanged for another",
    path: /^job\/web\/Network/u,
    edits: ["port", "portto", "portstatic", "netmode", "dns"],
  },
  {
    reason: "a group's spreads, a device's constraints and a task's lifecycle are part of the job; Nomad lists no change of them",
    path: /\/(Spread|Device\/Constraint|Lifecycle)(\/|$)/u,
    when: theirsAbsent,
  },
  {
    reason:
      "another lifecycle, and a Consul block where none was, mean something to what runs: it is replaced; Nomad leaves it as it began",
    path: /^(job\/web(\/side)?|updates web\.\w+)$/u,
    edits: ["lifecycle", "lifecycle2", "consul"],
  },
  {
    reason: "who speaks with Consul needs it on the node; every node of ours knows identities, none is of before 1.7",
    path: /^job\/web\/Constraint(\/|$)/u,
    edits: ["consul", "ident2"],
  },
  {
    reason:
      "a task's own line says what will become of it, as its group's line does; Nomad's says create/destroy of every edited task but some",
    path: /^job\/web\/t$/u,
    when: ({ ours }) => ours === "Edited, forces in-place update",
  },
  { reason: "what is not set is not listed", path: /\/(StopOnClientAfter|VaultGrace)$/u, when: oursAbsent },
  {
    reason: "max_client_disconnect is deprecated: read into the disconnect block, whose change is one",
    path: /^(job|updates)/u,
    edits: ["stopafter"],
  },
  { reason: "a scaling policy's fields are listed as anything's", path: /\/Scaling\/(Name|Type)$/u, when: theirsAbsent },
  { reason: "fields of after 1.11", path: /\/(RunOnFirstRender|MaxRunDuration)$/u, when: theirsAbsent },
  { reason: "a deprecated field: disconnect has it", path: /\/PreventRescheduleOnLost$/u, when: oursAbsent },
  {
    reason: "wait is called Wait; Nomad calls it Template, as what it stands in",
    path: /\/Template\/(Template|Wait)(\/|$)/u,
    edits: ["tmplwait"],
  },
  { reason: "the default identity is implied, not written into every task", path: /\/Identity(\/|$)/u },
  {
    reason: "not in this version, refused by name",
    path: /^refused$/u,
    when: ({ ours }) => /not supported by this version/u.test(ours ?? ""),
  },
  { reason: "a plan is refused where the job would be: types do not change", path: /^refused$/u, edits: ["type"] },
  { reason: "a link's field is called as in the parsed job; Nomad's stored job and plan call it Url", path: /\/UI\/Link\/U(RL|rl)$/u },
];
