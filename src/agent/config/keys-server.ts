/** server { … }: nomad.md §5.2. */
import { alike, appended, block, later, quiet, used, type KeyTable } from "./key.ts";

const NO_RAFT = "the log is Consul's, or of one server";

const SERVER_JOIN_KEYS: KeyTable = {
  ...alike("start_join retry_join", appended(used("texts"))),
  retry_max: used("whole"),
  retry_interval: used("duration"),
};

export const SERVER_KEYS: KeyTable = {
  enabled: used("flag"),
  bootstrap_expect: used("whole"),
  data_dir: used("text"),
  num_schedulers: used("whole"),
  enabled_schedulers: later("texts", "all that there are run"),
  ...alike(
    "node_gc_threshold job_gc_interval job_gc_threshold eval_gc_threshold batch_eval_gc_threshold deployment_gc_threshold " +
      "heartbeat_grace min_heartbeat_ttl",
    used("duration"),
  ),
  max_heartbeats_per_second: used("whole"),
  failover_heartbeat_ttl: used("duration"),
  ...alike("job_default_priority job_max_priority job_max_count", used("whole")),
  job_tracked_versions: later("whole", "6 versions of a job are kept, and every tagged one"),
  job_max_source_size: used("size"),
  ...alike("csi_volume_claim_gc_interval csi_volume_claim_gc_threshold csi_plugin_gc_threshold", quiet("duration")),
  acl_token_gc_threshold: used("duration"),
  ...alike("root_key_gc_interval root_key_gc_threshold root_key_rotation_threshold", used("duration")),
  default_scheduler_config: block({
    scheduler_algorithm: used("text"),
    ...alike("memory_oversubscription_enabled reject_job_registration pause_eval_broker", used("flag")),
    node_limit_for_feasibility_checks: quiet("whole"),
    preemption_config: block(
      alike("system_scheduler_enabled sysbatch_scheduler_enabled batch_scheduler_enabled service_scheduler_enabled", used("flag")),
    ),
  }),
  encrypt: used("text"),
  authoritative_region: later("text", "there is one region"),
  ...SERVER_JOIN_KEYS,
  server_join: block(SERVER_JOIN_KEYS),
  rejoin_after_leave: used("flag"),
  // Drover's own: the program of a private Consul, and backups the leader writes.
  ...alike("consul_path snapshot_directory", used("text")),
  snapshot_interval: used("duration"),
  snapshot_keep: used("whole"),
  ...alike("redundancy_zone upgrade_version license_path", quiet("text")),
  ...alike("non_voting_server non_production", quiet("flag")),
  raft_protocol: quiet("whole"),
  raft_multiplier: quiet("whole"),
  raft_snapshot_threshold: used("whole"),
  raft_trailing_logs: later("whole", NO_RAFT),
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
    enforcement: used("text"),
    ...alike("default_identity_ttl max_identity_ttl", used("duration")),
  }),
  log_file: later("text", "logs go to standard output"),
};
