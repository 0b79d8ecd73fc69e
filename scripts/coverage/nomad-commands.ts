/**
 * What Nomad 2.0.6 takes on its command line: a command a line, after the colon its own flags, from its help and documentation. A word
 * in parentheses is another spelling of the command. Flags that every command or every command that connects takes are below.
 */
const TEXT = `
job run (run): check-index detach eval-priority hcl2-strict json output preserve-counts preserve-resources policy-override consul-namespace vault-namespace var var-file verbose ui
job plan (plan): diff json json-output t hcl2-strict policy-override vault-namespace var var-file verbose
job status: short evals all-allocs json t verbose ui
job stop (stop): detach eval-priority global no-shutdown-delay purge yes verbose
job start (start): detach verbose
job restart: batch-size batch-wait group task all-tasks reschedule on-error no-shutdown-delay yes verbose
job validate (validate): json hcl2-strict vault-namespace var var-file
job inspect (inspect): json hcl with-vars version t
job history: p full version json t diff-tag diff-version
job revert: detach verbose
job promote: group detach verbose
job dispatch: meta id-prefix-template idempotency-token priority wait detach verbose ui
job scale: check-index detach verbose
job scaling-events: verbose
job deployments: latest all json t verbose
job allocs: all json t verbose
job eval: force-reschedule detach verbose
job periodic force: detach verbose
job init (init): short connect template list-templates
job action (action): job group task alloc i t e
job tag apply: name description version
job tag unset: name
alloc status: short stats verbose json t ui
alloc logs (logs): f tail n c stdout stderr task group job verbose
alloc exec (exec): i t e task group job
alloc fs (fs): H stat f tail n c group job verbose
alloc restart: task all-tasks verbose
alloc signal: s task verbose
alloc stop: no-shutdown-delay detach verbose
alloc checks: json t verbose
alloc pause: state task
eval status: monitor json t verbose ui
eval list: filter job status per-page page-token json t verbose
eval delete: filter yes
deployment list: filter json t verbose
deployment status: monitor wait json t verbose
deployment promote: group detach verbose
deployment fail: detach verbose
deployment pause: verbose
deployment resume: detach verbose
deployment unblock: detach verbose
node status: allocs self stats os quiet short filter per-page page-token json t verbose ui
node drain: enable disable deadline force no-deadline ignore-system keep-ineligible m meta monitor detach self yes
node eligibility: enable disable self
node config: servers update-servers
node meta apply: unset node-id
node meta read: json t node-id
node identity get: node-id
node identity renew: node-id
node intro create: ttl node-name node-pool json t
node pool apply: json
node pool delete:
node pool info: json t
node pool init: out quiet
node pool jobs: filter per-page page-token json t
node pool list: filter per-page page-token json t
node pool nodes: filter per-page page-token json t verbose
server members: detailed verbose json t
server join:
server force-leave: prune
service list: json t
service info: filter per-page page-token json t verbose
service delete:
namespace apply: description quota json
namespace list: json t
namespace status: json t
namespace inspect: t
namespace delete:
var put: check-index force in out template verbose
var get: item out template
var list: filter per-page page-token out template
var purge: check-index
var lock: ttl delay max-retry backoff shell early-return verbose
var init: out quiet
acl bootstrap: json t
acl policy apply: description job group task
acl policy list: json t
acl policy info: json t
acl policy self: json t
acl policy delete:
acl token create: name type policy role-id role-name global ttl accessor json t
acl token list: json t
acl token info: json t
acl token self: json t
acl token update: name type policy role-id role-name global json t
acl token delete:
acl role create: name description policy json t
acl role list: json t
acl role info: by-name json t
acl role update: name description policy no-merge json t
acl role delete:
acl auth-method create: name type max-token-ttl token-locality token-name-format default config json t
acl auth-method list: json t
acl auth-method info: json t
acl auth-method update: type max-token-ttl token-locality token-name-format default config json t
acl auth-method delete:
acl binding-rule create: description auth-method selector bind-type bind-name json t
acl binding-rule list: json t
acl binding-rule info: json t
acl binding-rule update: description selector bind-type bind-name no-merge json t
acl binding-rule delete:
login: method type oidc-callback-addr login-token json t
operator api: X H filter dryrun verbose
operator scheduler get-config: json t
operator scheduler set-config: check-index scheduler-algorithm memory-oversubscription reject-job-registration pause-eval-broker preempt-batch-scheduler preempt-service-scheduler preempt-sysbatch-scheduler preempt-system-scheduler node-limit-for-feasibility-checks
operator raft list-peers: stale
operator raft remove-peer: peer-id peer-address
operator raft transfer-leadership: peer-id peer-address
operator raft info:
operator raft logs:
operator raft state:
operator raft migrate-backend:
operator autopilot get-config:
operator autopilot set-config: cleanup-dead-servers max-trailing-logs last-contact-threshold server-stabilization-time min-quorum
operator autopilot health: json
operator snapshot save: stale redact
operator snapshot inspect:
operator snapshot restore:
operator snapshot state:
operator snapshot redact:
operator root keyring list: verbose
operator root keyring rotate: full now prepublish verbose
operator root keyring remove: force
operator gossip keyring generate:
operator gossip keyring list:
operator gossip keyring install:
operator gossip keyring use:
operator gossip keyring remove:
operator debug: duration interval log-level log-include-location max-nodes node-class node-id server-id stale output pprof-duration pprof-interval event-topic event-index verbose consul-http-addr consul-token vault-address vault-token
operator metrics: pretty format json t
operator client-state:
operator utilization: message output today-only
system gc:
system reconcile summaries:
monitor: log-level node-id server-id json log-include-location
monitor export: service-name on-disk logs-since follow node-id server-id
agent: config dev dev-connect dev-consul dev-vault server client bootstrap-expect join retry-join node region dc data-dir bind encrypt meta node-class node-pool servers network-interface acl-enabled acl-replication-token log-level log-json log-include-location plugin-dir state-dir alloc-dir raft-protocol
agent-info: json t
check: min-servers min-peers
config validate:
status: verbose
ui: authenticate show-url
version:
fmt: check recursive write list
license get:
license inspect:
setup consul: y destroy jwks-url jwks-ca-file
setup vault: y destroy jwks-url jwks-ca-file kv-path check
tls ca create: days domain additional-domain name-constraint
tls ca info:
tls cert create: days domain server client cli region additional-dnsname additional-ipaddress ca key
tls cert info:
volume init: type
volume create: detach id policy-override verbose
volume register: id policy-override verbose
volume status: type node node-pool filter per-page page-token json t short verbose
volume delete: type secret
volume deregister: force
volume detach:
volume snapshot create: parameter secret verbose
volume snapshot delete: secret
volume snapshot list: plugin secret per-page page-token verbose
volume claim list: job volume-name group filter per-page page-token json t verbose
volume claim delete:
plugin status: type short json t verbose
scaling policy list: job type json t verbose
scaling policy info: json t verbose
quota apply: json
quota delete:
quota init:
quota inspect:
quota list:
quota status:
recommendation apply:
recommendation dismiss:
recommendation info:
recommendation list:
sentinel apply:
sentinel delete:
sentinel list:
sentinel read:
windows service install:
windows service uninstall:
`;

export interface NomadCommand {
  readonly name: string;
  readonly alias: string | undefined;
  readonly flags: readonly string[];
}

export const NOMAD_COMMANDS: readonly NomadCommand[] = TEXT.trim()
  .split("\n")
  .map((line) => {
    const match = /^([a-z][a-z -]*?)(?: \(([a-z]+)\))?:(.*)$/.exec(line);
    if (match === null) throw new Error(`not a command: ${line}`);
    return { name: match[1] as string, alias: match[2], flags: (match[3] as string).trim().split(/\s+/).filter(Boolean) };
  });
