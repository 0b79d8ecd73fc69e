/** server { … }: nomad.md §5.2. */
import { alike, appended, block, isNothing, later, quiet, refusedWhen, used, type KeyTable } from "./key.ts";

const ALONE = "a server stands alone in this version";
const NO_RAFT = "there is no Raft here";

/** Joining oneself is what everybody's one-server configuration says. */
function joinsOthers(value: unknown): string | null {
  const others = (value as readonly string[]).filter((address) => !/^(127\.|localhost\b|\[?::1\]?)/.test(address));
  if (isNothing(others)) return null;
  return `would join ${others.map((each) => JSON.stringify(each)).join(", ")}: clusters of several servers are not in this version; run one server`;
}
const joined = appended(refusedWhen("texts", joinsOthers));
export const SERVER_JOIN_KEYS: KeyTable = {
  start_join: joined,
  retry_join: joined,
  retry_max: quiet("whole"),
  retry_interval: quiet("duration"),
};

export const SERVER_KEYS: KeyTable = {
  enabled: used("flag"),
  bootstrap_expect: refusedWhen("whole", (value) =>
    Number(value) > 1 ? "clusters of several servers are not in this version; set it to 1" : null,
  ),
  data_dir: used("text"),
  num_schedulers: used("whole"),
  enabled_schedulers: later("texts", "all that there are run"),
  ...alike(
    "node_gc_threshold job_gc_interval job_gc_threshold eval_gc_threshold batch_eval_gc_threshold deployment_gc_threshold " +
      "heartbeat_grace min_heartbeat_ttl",
    used("duration"),
  ),
  max_heartbeats_per_second: used("whole"),
  failover_heartbeat_ttl: later("duration", "a server that starts gives every node its full time"),
  ...alike("job_default_priority job_max_priority job_max_count", used("whole")),
  job_tracked_versions: later("whole", "6 versions of a job are kept, and every tagged one"),
  job_max_source_size: used("size"),
  ...alike("csi_volume_claim_gc_interval csi_volume_claim_gc_threshold csi_plugin_gc_threshold acl_token_gc_threshold", quiet("duration")),
  ...alike("root_key_gc_interval root_key_gc_threshold root_key_rotation_threshold", used("duration")),
  default_scheduler_config: block({
    scheduler_algorithm: used("text"),
    ...alike("memory_oversubscription_enabled reject_job_registration pause_eval_broker", used("flag")),
    node_limit_for_feasibility_checks: quiet("whole"),
    preemption_config: block(
      alike("system_scheduler_enabled sysbatch_scheduler_enabled batch_scheduler_enabled service_scheduler_enabled", used("flag")),
    ),
  }),
  encrypt: later("text", `${ALONE} and gossips with nobody`),
  authoritative_region: later("text", ALONE),
  ...SERVER_JOIN_KEYS,
  server_join: block(SERVER_JOIN_KEYS),
  rejoin_after_leave: quiet("flag"),
  ...alike("redundancy_zone upgrade_version license_path", quiet("text")),
  ...alike("non_voting_server non_production", quiet("flag")),
  raft_protocol: quiet("whole"),
  raft_multiplier: quiet("whole"),
  ...alike("raft_snapshot_threshold raft_trailing_logs", later("whole", NO_RAFT)),
  raft_snapshot_interval: later("text", NO_RAFT),
  raft_logstore: block({
    backend: quiet("text"),
    disable_log_cache: quiet("flag"),
    boltdb: block({ no_freelist_sync: quiet("flag") }),
    wal: block({ segment_size_mb: quiet("whole") }),
    verification: block({ enabled: quiet("flag"), interval: quiet("text") }),
  }),
  raft_boltdb: block({ no_freelist_sync: quiet("flag") }),
  plan_rejection_tracker: block({ enabled: used("flag"), node_threshold: used("whole"), node_window: used("duration") }),
  plan_apply_pipeline: quiet("whole"),
  enable_event_broker: later("flag", "the event stream is always there"),
  event_buffer_size: later("whole"),
  search: block({ fuzzy_enabled: quiet("flag"), ...alike("limit_query limit_results min_term_length", quiet("whole")) }),
  deploy_query_rate_limit: quiet("whole"),
  oidc_issuer: used("text"),
  start_timeout: quiet("duration"),
  client_introduction: block({
    enforcement: refusedWhen("text", (value) =>
      value === "strict" ? `introductions are not checked in this version; refusing to let nodes in unchecked` : null,
    ),
    ...alike("default_identity_ttl max_identity_ttl", quiet("duration")),
  }),
  log_file: later("text", "logs go to standard output"),
};
