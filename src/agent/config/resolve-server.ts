/** server { … } and autopilot { … } → Config. nomad.md §5.2. How servers come together: resolve-join.ts. */
import path from "node:path";
import type { AutopilotConfig, ServerConfig } from "./config.ts";
import type { Together } from "./resolve-join.ts";
import type { SettingReader } from "./setting-reader.ts";

export interface ServerSurroundings {
  readonly dev: boolean;
  /** The agent's. */
  readonly dataDirectory: string;
  readonly together: Together;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export function resolveServer(read: SettingReader, around: ServerSurroundings): ServerConfig {
  const { dataDirectory } = around;
  const at = (name: string) => `server.${name}`;
  const priorityMax = read.within(at("job_max_priority"), 100, 100, 32_766);
  const algorithm = read.oneOf(at("default_scheduler_config.scheduler_algorithm"), "binpack", ["binpack", "spread"]);
  const scheduler = (name: string, fallback = false) => read.flag(at(`default_scheduler_config.${name}`), fallback);
  const directory = read.directory(at("data_dir"), path.join(dataDirectory, "server"));
  return {
    enabled: read.flag(at("enabled"), around.dev),
    bootstrapExpect: around.together.bootstrapExpect,
    logMaker: around.together.logMaker,
    join: around.together.join,
    dataDirectory: directory,
    consulPath: read.directory(at("consul_path"), ""),
    snapshotEveryEntries: read.whole(at("raft_snapshot_threshold"), 0),
    backups: {
      intervalMs: read.within(at("snapshot_interval"), 0, 0, 365 * 24 * HOUR_MS),
      keep: read.within(at("snapshot_keep"), 7, 1, 100_000),
      directory: read.directory(at("snapshot_directory"), path.join(directory, "backups")),
    },
    failoverHeartbeatTtlMs: read.within(at("failover_heartbeat_ttl"), 5 * MINUTE_MS, 100, 24 * HOUR_MS),
    clientIntroduction: resolveIntroduction(read),
    aclTokenGarbageThresholdMs: read.whole(at("acl_token_gc_threshold"), HOUR_MS),
    schedulers: read.has(at("num_schedulers")) ? read.within(at("num_schedulers"), 1, 0, 1024) : null,
    nodeThresholdMs: read.whole(at("node_gc_threshold"), 24 * HOUR_MS),
    jobIntervalMs: read.within(at("job_gc_interval"), 5 * MINUTE_MS, 1000, 365 * 24 * HOUR_MS),
    jobThresholdMs: read.whole(at("job_gc_threshold"), 4 * HOUR_MS),
    evaluationThresholdMs: read.whole(at("eval_gc_threshold"), HOUR_MS),
    batchEvaluationThresholdMs: read.whole(at("batch_eval_gc_threshold"), 24 * HOUR_MS),
    deploymentThresholdMs: read.whole(at("deployment_gc_threshold"), HOUR_MS),
    rejections: {
      enabled: read.flag(at("plan_rejection_tracker.enabled")),
      nodeThreshold: read.within(at("plan_rejection_tracker.node_threshold"), 100, 1, 1_000_000),
      nodeWindowMs: read.within(at("plan_rejection_tracker.node_window"), 5 * MINUTE_MS, 1_000, 24 * HOUR_MS),
    },
    heartbeatGraceMs: read.whole(at("heartbeat_grace"), 10_000),
    heartbeatTtlMinMs: read.within(at("min_heartbeat_ttl"), 10_000, 100, 24 * HOUR_MS),
    heartbeatsPerSecondMax: read.within(at("max_heartbeats_per_second"), 50, 1, 1_000_000),
    jobPriorityDefault: read.within(at("job_default_priority"), 50, 1, priorityMax),
    jobPriorityMax: priorityMax,
    jobCountMax: read.within(at("job_max_count"), 50_000, 0, 10_000_000),
    jobSourceBytesMax: read.whole(at("job_max_source_size"), 1024 * 1024),
    oidcIssuer: read.text(at("oidc_issuer"), ""),
    rootKeyRotationMs: read.within(at("root_key_rotation_threshold"), 720 * HOUR_MS, 1000, 100 * 365 * 24 * HOUR_MS),
    rootKeyGarbageIntervalMs: read.within(at("root_key_gc_interval"), 10 * MINUTE_MS, 1000, 365 * 24 * HOUR_MS),
    rootKeyGarbageThresholdMs: read.whole(at("root_key_gc_threshold"), HOUR_MS),
    scheduler: {
      SchedulerAlgorithm: algorithm as "binpack" | "spread",
      MemoryOversubscriptionEnabled: scheduler("memory_oversubscription_enabled"),
      RejectJobRegistration: scheduler("reject_job_registration"),
      PauseEvalBroker: scheduler("pause_eval_broker"),
      PreemptionConfig: {
        SystemSchedulerEnabled: scheduler("preemption_config.system_scheduler_enabled", true),
        SysBatchSchedulerEnabled: scheduler("preemption_config.sysbatch_scheduler_enabled"),
        BatchSchedulerEnabled: scheduler("preemption_config.batch_scheduler_enabled"),
        ServiceSchedulerEnabled: scheduler("preemption_config.service_scheduler_enabled"),
      },
      CreateIndex: 0,
      ModifyIndex: 0,
    },
  };
}

function resolveIntroduction(read: SettingReader): ServerConfig["clientIntroduction"] {
  const at = (name: string) => `server.client_introduction.${name}`;
  const maxTtlMs = read.within(at("max_identity_ttl"), 30 * MINUTE_MS, 1000, 365 * 24 * HOUR_MS);
  const defaultTtlMs = read.within(at("default_identity_ttl"), Math.min(5 * MINUTE_MS, maxTtlMs), 1000, 365 * 24 * HOUR_MS);
  if (defaultTtlMs > maxTtlMs)
    read.problem(at("default_identity_ttl"), "default_identity_ttl is more than max_identity_ttl", "Raise the one or lower the other.");
  const enforcement = read.oneOf(at("enforcement"), "warn", ["none", "warn", "strict"]);
  return { enforcement: enforcement as "none" | "warn" | "strict", defaultTtlMs, maxTtlMs };
}

export function resolveAutopilot(read: SettingReader): AutopilotConfig {
  const at = (name: string) => `autopilot.${name}`;
  return {
    cleanupDeadServers: read.flag(at("cleanup_dead_servers"), true),
    lastContactThresholdMs: read.within(at("last_contact_threshold"), 200, 1, HOUR_MS),
    maxTrailingLogs: read.whole(at("max_trailing_logs"), 250),
    minQuorum: read.whole(at("min_quorum"), 0),
    serverStabilizationMs: read.whole(at("server_stabilization_time"), 10_000),
  };
}
