/** Every key an agent's configuration may hold. nomad.md §5.1, §5.4; server.* and client.* have files of their own. */
import { CLIENT_KEYS } from "./keys-client.ts";
import { DOCKER_KEYS } from "./keys-docker.ts";
import { SERVER_KEYS } from "./keys-server.ts";
import {
  alike,
  block,
  labelled,
  later,
  quiet,
  refusedIfAny,
  refusedIfTrue,
  refusedWhen,
  used,
  type KeyTable,
  type ValueKey,
  type ValueShape,
} from "./key.ts";

export const AGENT_KEYS: KeyTable = {
  ...alike("region datacenter name data_dir plugin_dir bind_addr log_level", used("text")),
  ...alike("log_json enable_debug", used("flag")),
  addresses: block(alike("http rpc serf", used("text"))),
  advertise: block(alike("http rpc serf", used("text"))),
  ports: block(alike("http rpc serf", used("whole"))),
  http_api_response_headers: used("textMap"),
  log_file: later("text", "logs go to standard output"),
  log_rotate_duration: later("duration", "logs go to standard output"),
  ...alike("log_rotate_bytes log_rotate_max_files", later("whole", "logs go to standard output")),
  log_include_location: later("flag"),
  enable_syslog: later("flag", "logs go to standard output, where journald takes them"),
  syslog_facility: quiet("text"),
  eventlog: block({ enabled: later("flag", "it is for Windows"), level: quiet("text") }),
  ...alike("leave_on_interrupt leave_on_terminate", used("flag")),
  ...alike("disable_update_check disable_anonymous_signature", quiet("flag")),
  server: block(SERVER_KEYS),
  client: block(CLIENT_KEYS),
  acl: block({
    enabled: used("flag"),
    ...alike("token_ttl policy_ttl role_ttl token_min_expiration_ttl token_max_expiration_ttl", used("duration")),
    replication_token: later("text", "there is one region"),
  }),
  tls: block({
    ...alike("http rpc verify_server_hostname verify_https_client rpc_upgrade_mode", used("flag")),
    tls_prefer_server_cipher_suites: quiet("flag"),
    ...alike("ca_file cert_file key_file tls_cipher_suites tls_min_version", used("text")),
  }),
  telemetry: block({
    prometheus_metrics: used("flag"),
    collection_interval: used("duration"),
    ...alike("publish_allocation_metrics publish_node_metrics", used("flag")),
    ...alike("in_memory_collection_interval in_memory_retention_period", quiet("duration")),
    ...alike("statsite_address statsd_address datadog_address", later("text", "use prometheus_metrics")),
    datadog_tags: later("texts"),
    ...alike(
      "circonus_api_token circonus_api_app circonus_api_url circonus_submission_interval circonus_submission_url circonus_check_id " +
        "circonus_check_force_metric_activation circonus_check_instance_id circonus_check_search_tag circonus_check_tags " +
        "circonus_check_display_name circonus_broker_id circonus_broker_select_tag",
      later("text", "use prometheus_metrics"),
    ),
    ...alike(
      "disable_hostname use_node_name include_alloc_metadata_in_metrics filter_default disable_dispatched_job_summary_metrics " +
        "disable_quota_utilization_metrics disable_rpc_rate_metrics_labels disable_allocation_hook_metrics backwards_compatible_metrics disable_tagged_metrics",
      later("flag"),
    ),
    ...alike("allowed_metadata_keys_in_metrics prefix_filter", later("texts")),
  }),
  limits: block({
    http_max_conns_per_client: used("whole"),
    ...alike("https_handshake_timeout rpc_handshake_timeout", used("duration")),
    rpc_max_conns_per_client: used("whole"),
  }),
  rpc: block({
    accept_backlog: quiet("whole"),
    ...alike("keep_alive_interval connection_write_timeout stream_open_timeout stream_close_timeout dial_timeout", quiet("duration")),
  }),
  consul: block({
    // Drover's own: false turns off what is written.
    enabled: used("flag"),
    ...alike(
      "address auth ca_file cert_file key_file token server_service_name client_service_name server_http_check_name server_serf_check_name " +
        "server_rpc_check_name client_http_check_name service_auth_method task_auth_method grpc_address grpc_ca_file",
      used("text"),
    ),
    ...alike("ssl share_ssl verify_ssl auto_advertise server_auto_join client_auto_join checks_use_advertise", used("flag")),
    ...alike(
      "server_failures_before_critical server_failures_before_warning client_failures_before_critical client_failures_before_warning",
      used("whole"),
    ),
    tags: used("texts"),
    timeout: used("duration"),
    name: refusedWhen("text", (value) =>
      value === "default" || value === "" ? null : "one Consul is used by an agent in this version: name it default, or leave the name out",
    ),
    namespace: later("text", "Consul's namespaces are its Enterprise's"),
    allow_unauthenticated: quiet("flag"),
    ...alike("service_identity task_identity", block(identityKeys(used))),
  }),
  vault: block({
    ...alike("enabled tls_skip_verify", used("flag")),
    ...alike("address namespace create_from_role jwt_auth_backend_path ca_file ca_path cert_file key_file tls_server_name", used("text")),
    token: later("text", "tasks log in to Vault with their identities, nobody needs a token that lives long; remove it"),
    name: refusedWhen("text", (value) =>
      value === "default" || value === "" ? null : "one Vault is used by an agent in this version: name it default, or leave the name out",
    ),
    task_token_ttl: quiet("text"),
    allow_unauthenticated: quiet("flag"),
    default_identity: block(identityKeys(used)),
  }),
  plugin: labelled(pluginKeys),
  ui: block({
    enabled: quiet("flag"),
    show_cli_hints: quiet("flag"),
    content_security_policy: block(
      alike("connect_src default_src form_action frame_ancestors img_src script_src style_src", quiet("texts")),
    ),
    ...alike("consul vault", block({ ui_url: quiet("text") })),
    label: block(alike("text background_color text_color", quiet("text"))),
  }),
  autopilot: block({
    cleanup_dead_servers: used("flag"),
    ...alike("last_contact_threshold server_stabilization_time", used("duration")),
    ...alike("max_trailing_logs min_quorum", used("whole")),
    ...alike("enable_redundancy_zones disable_upgrade_migration enable_custom_upgrades", quiet("flag")),
  }),
  keyring: labelled((label) => ({
    active: refusedWhen("flag", (value) =>
      value === true && label !== "aead"
        ? `keys are not encrypted by ${JSON.stringify(label)} in this version; refusing to keep them otherwise`
        : null,
    ),
    name: quiet("text"),
    ...alike(
      "region access_key secret_key kms_key_id endpoint tenant_id client_id client_secret vault_name key_name credentials project key_ring crypto_key " +
        "address token mount_path tls_ca_cert tls_client_cert tls_client_key tls_server_name tls_skip_verify disable_renewal namespace",
      quiet("text"),
    ),
  })),
  audit: block({
    enabled: refusedIfTrue("audit logs are not in this version; refusing to start unrecorded"),
    ...alike(
      "sink filter",
      labelled(
        alike(
          "type format path delivery_guarantee rotate_duration rotate_bytes rotate_max_files mode endpoints stages operations",
          quiet("free"),
        ),
      ),
    ),
  }),
  sentinel: block({ import: labelled({ path: quiet("text"), args: quiet("texts") }) }),
  reporting: block({
    ...alike("address export_interval snapshot_retention_time", quiet("text")),
    disable_product_usage_reporting: quiet("flag"),
    license: block({ enabled: quiet("flag") }),
  }),
};

function identityKeys(standing: (shape: ValueShape) => ValueKey): KeyTable {
  return {
    aud: standing("texts"),
    ...alike("env file", standing("flag")),
    filepath: standing("text"),
    ...alike("name change_mode change_signal", quiet("text")),
    ttl: standing("duration"),
    extra_claims: standing("textMap"),
  };
}

/** Drivers that are here have their keys known one by one; others are not started, whatever they are told. */
function pluginKeys(label: string): KeyTable {
  const config = DRIVER_KEYS[label];
  if (config !== undefined) return { args: quiet("texts"), config: block(config) };
  return { args: quiet("texts"), config: later("free", `there is no driver or plugin ${JSON.stringify(label)} in this version`) };
}

const NO_UIDS = "tasks are not checked for their user's id in this version; refusing to run tasks that should not run";
const DRIVER_KEYS: Readonly<Record<string, KeyTable>> = {
  docker: DOCKER_KEYS,
  raw_exec: {
    enabled: used("flag"),
    no_cgroups: used("flag"),
    denied_envvars: used("texts"),
    ...alike("denied_host_uids denied_host_gids", refusedIfAny("text", NO_UIDS)),
  },
  exec: {
    ...alike("default_pid_mode default_ipc_mode", used("text")),
    no_pivot_root: used("flag"),
    allow_caps: used("texts"),
    ...alike("denied_host_uids denied_host_gids", refusedIfAny("text", NO_UIDS)),
  },
};
