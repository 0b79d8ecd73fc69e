/** Differences from Nomad's answers that are on purpose, each with its reason. The test tells lines that excuse nothing any more: strike them out. */
import type { Difference } from "./compare.ts";

export interface Allowed {
  /** The step: its whole name, or a pattern. Any, if not said. */
  readonly step?: string | RegExp;
  /** The path in the answer, "status" or "content": whole, or a pattern. */
  readonly path: string | RegExp;
  readonly reason: string;
}

/** "of Nomad's own": what only its servers and agents tell each other, or its own settings. */
export const ALLOWED: readonly Allowed[] = [
  // What it says of a request that is wrong.
  {
    step: /\((no groups|wrong|without)\)$|^PUT \/v1\/job\/cron\/evaluate$|keyring\/list$|oidc\/auth-url$|^DELETE \/v1\/(namespace|service)\/.*nobody$/,
    path: /^(status|content)$/,
    reason: "wrong input and unknown things are 400 and 404 here, never 500, and never 200",
  },
  { step: "PUT /v1/jobs (wrong index)", path: "status", reason: "a conflict is 409" },
  { step: "GET /v1/job/nobody/submission", path: "status", reason: "without a version it is the current one's; the job is unknown: 404" },
  { step: /^DELETE \/v1\/acl\/token\/0/, path: "status", reason: "an unknown token is 404, as by every other method" },
  { step: "PUT /v1/acl/login", path: "status", reason: "a login refused is 403, as every refusal" },
  {
    step: /agent\/(join|force-leave)/,
    path: /^(status|content)$/,
    reason: "an address without a server, a name without a member: refused",
  },
  { step: /too late/, path: "content", reason: "JSON is called JSON" },
  { step: "GET /v1/nothing", path: "content", reason: "says that there is no such endpoint" },
  { step: /client\/fs\/(cat|readat)/, path: "content", reason: "a file is bytes: no page of a task's is shown as one of the API's" },
  { step: "GET /v1/operator/snapshot", path: /^(status|content)$/, reason: "an agent of Nomad's without a disk has no snapshots" },
  { step: "GET /v1/operator/license", path: /^(status|content)$/, reason: "Enterprise: 501, as of all of its endpoints (nomad.md §3.1)" },
  { step: "GET /", path: "status", reason: "there is no web interface yet" },

  // Agents: what only Nomad's settings and library tell.
  {
    step: "GET /v1/agent/self",
    path: /^\$\.config\.(ACL|Audit|Autopilot|Client|Consuls|Limits|Plugins|RPC|Reporting|Sentinel|Server|TLSConfig|Telemetry|UI|Vaults)[.[]?/,
    reason: "settings that only Nomad has, or Enterprise; what clients read of the agent is above them",
  },
  {
    step: "GET /v1/agent/self",
    path: /^\$\.config\.(DisableAnonymousSignature|DisableUpdateCheck|EnableSyslog|Eventlog|SyslogFacility|Log[A-Z][A-Za-z]+)$/,
    reason: "nothing is sent home; logs go to standard output, or where the service's manager puts them",
  },
  { step: "GET /v1/agent/self", path: /^\$\.stats\.(client|raft|runtime|serf)(\.|$)/, reason: "figures of libraries that are not here" },
  { path: /Tags\.revision$/, reason: "the commit that Nomad was built from" },
  { step: "GET /v1/metrics", path: /^\$\.(Counters|Samples|Points)\[\]$/, reason: "figures of the last interval: there may be none" },
  { step: /monitor/, path: "$.FileEvent", reason: "said of files only" },

  { step: "GET /v1/agent/host", path: /^\$\./, reason: "what the host is comes with /v1/client/stats and the node's attributes" },

  // Nodes.
  { path: /\.(CSIControllerPlugins|CSINodePlugins|GCVolumesOnNodeGC)$/, reason: "there is no CSI yet: none, which an absent map says" },
  { path: /\.(LastAllocUpdateIndex|LastMissedHeartbeatIndex|IdentitySigningKeyID|NodeMaxAllocs)$/, reason: "of Nomad's own servers" },
  { path: /NodeResources\.(Processors|NodeNetworks)$/, reason: "NUMA is Enterprise; the node's networks are in NodeResources.Networks" },
  { path: /Payload\.Node\.Drain$/, reason: "the old name: DrainStrategy says it" },
  {
    step: /^PUT \/v1\/node\/\{node\}\/(evaluate|purge)$/,
    path: /\$\.(Features|HeartbeatTTL|LeaderRPCAddr|NumNodes|SchedulingEligibility|Servers)$/,
    reason: "what Nomad's servers answer their agents, always empty here",
  },
  { path: /\.Hash$/, step: /namespace|node\/pool/, reason: "of Nomad's own replication between regions" },

  // Jobs.
  { path: /\.(PreventRescheduleOnLost|VaultGrace)$/, reason: "out of use: null says that the job says nothing" },
  { path: /\.Scaling\.(CreateIndex|ModifyIndex|Target)$/, reason: "of the policy, which /v1/scaling/policy tells whole" },
  { path: /\.Services\[\]\.Namespace$/, reason: "is the job's own" },
  {
    path: /\.Tasks\[\]\.Identity(\.Audience\[\])?$/,
    reason: "the identity that every task has is not written into its job: an unchanged job stays unchanged",
  },
  { path: /^\$(\[\])?(\.Job)?\.Update$/, reason: "a job's own update block is empty in Nomad, too: its groups have theirs" },
  { step: /jobs\/parse/, path: /^\$/, reason: "what the file does not say is left out: both are the same job" },
  { step: /plan|versions/, path: /\.TaskGroups\[\]\.Objects\[\]$/, reason: "Nomad calls changed what only its own defaults changed" },

  // Allocations, evaluations, tasks.
  {
    path: /\.Events\[\]\.(DiskLimit|DownloadError|DriverError|DriverMessage|ExitCode|FailedSibling|GenericSource|KillError|KillReason|KillTimeout)$/,
    reason: "out of use since Nomad 0.9: Details says what there is to say",
  },
  {
    path: /\.Events\[\]\.(RestartReason|SetupError|Signal|StartDelay|TaskSignal|TaskSignalReason|ValidationError|VaultError)$/,
    reason: "out of use since Nomad 0.9: Details says what there is to say",
  },
  { path: /\.Paused$/, reason: "schedules of tasks are Enterprise" },
  { path: /\.(IOPS|SecretsMB|SharedResources|SigningKeyID)$/, reason: "out of use, or of Nomad's own" },
  { path: /\.ResourcesExhausted\.[^.]+\.(Cores|DiskMB|MemoryMaxMB)$/, reason: "zero, and not said: what is exhausted is" },
  {
    path: /^\$(\[\]|\.Events\[\]\.Payload\.Allocation)?\.(Resources(\.Cores)?|TaskResources)$/,
    reason: "out of use since Nomad 0.9: AllocatedResources has all",
  },
  { path: /\.NetworkStatus$/, reason: "an allocation in the host's network has none of its own" },
  { path: /\.RescheduleTracker\.LastReschedule$/, reason: "says whether the last one failed: nothing is said when none did" },
  { path: /\.WaitUntil$/, reason: "an evaluation that waits for no time says null, not the year 1" },
  { step: /stats$/, path: /\.Pids$/, reason: "tasks are measured by control group, not by process" },
  { step: /stats$/, path: /\.(MappedFile|init)$/, reason: "of control groups 1; a task that has ended uses nothing" },
  { step: /fs\/stat/, path: "$.ContentType", reason: "a folder has none" },

  // Searches, access.
  {
    step: "PUT /v1/search/fuzzy",
    path: /\$\.(Matches|Truncations)\.(deployment|evals|host_volumes|plugins|scaling_policy|volumes)$/,
    reason: "kinds that a text cannot find, and volumes: there are none yet",
  },
  { step: "GET /v1/acl/policy/reader", path: "$.RulesJSON", reason: "the rules parsed, for Nomad's web interface" },
  {
    step: /(vars|token\/self) \(nobody\)$/,
    path: /^(status|content)$/,
    reason: "who has no token is refused, not told of the anonymous one",
  },
  { step: /topic=ACLToken/, path: /Policies\[\]$/, reason: "the first token's event may still be there, and it has no policies" },
];

const fits = (pattern: string | RegExp | undefined, text: string): boolean =>
  pattern === undefined || (typeof pattern === "string" ? pattern === text : pattern.test(text));

/** What no line excuses, and the lines that excuse nothing. */
export function judged(all: readonly Difference[]): { readonly differences: readonly string[]; readonly idle: readonly string[] } {
  const used = new Set<Allowed>();
  const differences = all.filter((each) => {
    const lines = ALLOWED.filter((line) => fits(line.step, each.step) && fits(line.path, each.path));
    for (const line of lines) used.add(line);
    return lines.length === 0;
  });
  return {
    differences: differences.map(({ step, path, said }) => `${step}  ${path}: ${said}`),
    idle: ALLOWED.filter((line) => !used.has(line)).map((line) => `${line.step ?? "any step"} ${line.path}: ${line.reason}`),
  };
}
