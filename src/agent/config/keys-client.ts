/** client { … }: nomad.md §5.3. */
import { alike, appended, block, labelled, later, quiet, refusedWhen, used, type KeyTable } from "./key.ts";

const NEVER_GIVEN_UP = "a system that is away is asked until it is back";
const NO_ARTIFACTS = "artifacts are not fetched yet";

export const CLIENT_KEYS: KeyTable = {
  enabled: used("flag"),
  ...alike("state_dir alloc_dir node_class network_interface", used("text")),
  node_pool: refusedWhen("text", (value) => (value === "all" ? "every node is in it already; name another or leave it out" : null)),
  servers: appended(used("texts")),
  server_join: block({
    ...alike("start_join retry_join", appended(used("texts"))),
    retry_max: quiet("whole"),
    retry_interval: quiet("duration"),
  }),
  // Drover's own: names of services for tasks and for the machine.
  dns: block({ enabled: used("flag"), ...alike("address domain consul", used("text")), port: used("whole") }),
  ...alike("meta options chroot_env", used("textMap")),
  ...alike(
    "cpu_total_compute memory_total_mb disk_total_mb min_dynamic_port max_dynamic_port gc_parallel_destroys gc_max_allocs",
    used("whole"),
  ),
  ...alike("gc_disk_usage_threshold gc_inode_usage_threshold", used("whole")),
  gc_interval: used("duration"),
  max_kill_timeout: used("duration"),
  reserved: block({ ...alike("cpu memory disk", used("whole")), reserved_ports: used("text"), cores: later("text") }),
  alloc_mounts_dir: later("text"),
  disk_free_mb: later("whole"),
  ...alike(
    "cpu_disable_dmidecode no_host_uuid nomad_service_discovery bind_wildcard_default_host_network gc_volumes_on_node_gc",
    quiet("flag"),
  ),
  disable_remote_exec: used("flag"),
  ...alike("network_speed client_min_port client_max_port", quiet("whole")),
  preferred_address_family: later("text"),
  reservable_cores: later("text"),
  default_ineligible: later("flag"),
  node_max_allocs: later("whole"),
  drain_on_shutdown: block({ deadline: later("duration"), ...alike("ignore_system_jobs force", later("flag")) }),
  host_volume: labelled({ path: later("text", "jobs cannot claim volumes yet"), read_only: quiet("flag") }),
  ...alike("host_volumes_dir host_volume_plugin_dir common_plugin_dir", quiet("text")),
  host_network: labelled(alike("cidr interface reserved_ports", used("text"))),
  ...alike("cni_path cni_config_dir bridge_network_name bridge_network_subnet bridge_network_subnet_ipv6", used("text")),
  bridge_network_hairpin_mode: used("flag"),
  // Drover's own: the bridge's MTU, and the node's own Envoy where it is not on PATH.
  bridge_network_mtu: used("whole"),
  envoy_path: used("text"),
  cgroup_parent: later("text"),
  template: block({
    ...alike("function_denylist function_blacklist", used("texts")),
    disable_file_sandbox: used("flag"),
    ...alike("max_stale block_query_wait vault_default_lease_duration", used("duration")),
    ...alike("wait wait_bounds", block({ ...alike("min max", used("duration")), enabled: quiet("flag") })),
    ...alike(
      "consul_retry vault_retry nomad_retry",
      block({ attempts: later("whole", NEVER_GIVEN_UP), ...alike("backoff max_backoff", quiet("duration")) }),
    ),
  }),
  artifact: block({
    ...alike("http_read_timeout gcs_timeout git_timeout hg_timeout s3_timeout", later("duration", NO_ARTIFACTS)),
    ...alike("http_max_size decompression_size_limit", later("size", NO_ARTIFACTS)),
    decompression_file_count_limit: later("whole", NO_ARTIFACTS),
    ...alike("disable_artifact_inspection disable_filesystem_isolation", later("flag", NO_ARTIFACTS)),
    filesystem_isolation_extra_paths: later("texts", NO_ARTIFACTS),
    set_environment_variables: later("text", NO_ARTIFACTS),
  }),
  users: block(alike("dynamic_user_min dynamic_user_max", later("whole"))),
  fingerprint: labelled(() => ({ ...alike("retry_attempts exit_on_failure retry_interval", later("free")) })),
  log_file: later("text", "logs go to standard output"),
};
