/** The server of an agent: its policies from the configuration, and what it looks out through. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { diskKeyEncryption, folderBackupStore, hostWeb } from "#integrations/host";
import { formatDuration } from "#std";
import { startServer, type RunningServer } from "#server";
import type { AgentCluster } from "./cluster-contract.ts";
import type { AgentConsul } from "./consul.ts";
import { SCHEDULER_WORKERS_DEFAULT } from "./facts.ts";
import { reporter } from "./log.ts";
import type { Parts } from "./parts.ts";

const NS_PER_MS = 1e6;

export function openServer(
  { config, clock, random, log }: Parts,
  { cluster, others }: Pick<AgentCluster, "cluster" | "others">,
  consul: AgentConsul | undefined,
): Promise<RunningServer> {
  const { server, acl } = config;
  const { backups } = server;
  return startServer({
    cluster,
    ...(others === undefined ? {} : { peers: others.peers }),
    ...(others === undefined ? {} : { membership: others.membership }),
    autopilot: {
      CleanupDeadServers: config.autopilot.cleanupDeadServers,
      LastContactThreshold: formatDuration(config.autopilot.lastContactThresholdMs * NS_PER_MS),
      MaxTrailingLogs: config.autopilot.maxTrailingLogs,
      MinQuorum: config.autopilot.minQuorum,
      ServerStabilizationTime: formatDuration(config.autopilot.serverStabilizationMs * NS_PER_MS),
    },
    ...(acl.enabled
      ? {
          access: {
            web: hostWeb(),
            policy: { tokenMinExpirationMs: acl.tokenMinExpirationMs, tokenMaxExpirationMs: acl.tokenMaxExpirationMs },
            resetIndex: () => readResetIndex(join(server.dataDirectory, "acl-bootstrap-reset")),
            expiredShownMs: server.aclTokenGarbageThresholdMs,
          },
        }
      : {}),
    failoverHeartbeatTtlMs: server.failoverHeartbeatTtlMs,
    introductions: server.clientIntroduction,
    ...(backups.intervalMs === 0
      ? {}
      : { backups: { intervalMs: backups.intervalMs, keep: backups.keep, store: folderBackupStore({ folder: backups.directory }) } }),
    clock,
    random,
    report: reporter(log, "server"),
    admission: {
      defaultNamespace: "default",
      defaultRegion: config.region,
      priorityDefault: server.jobPriorityDefault,
      priorityMax: server.jobPriorityMax,
      countMax: server.jobCountMax,
      sourceBytesMax: server.jobSourceBytesMax,
      ...(config.consul === null
        ? {}
        : { consul: { serviceIdentity: config.consul.serviceIdentity, taskIdentity: config.consul.taskIdentity } }),
      ...(config.vault === null ? {} : { vault: { defaultIdentity: config.vault.defaultIdentity } }),
      templateFunctionsDenied: config.client.template.functionsDenied,
    },
    ...(consul === undefined ? {} : { mesh: consul.mesh }),
    workers: server.schedulers ?? SCHEDULER_WORKERS_DEFAULT,
    garbage: {
      intervalMs: server.jobIntervalMs,
      jobThresholdMs: server.jobThresholdMs,
      evaluationThresholdMs: server.evaluationThresholdMs,
      batchEvaluationThresholdMs: server.batchEvaluationThresholdMs,
      deploymentThresholdMs: server.deploymentThresholdMs,
      nodeThresholdMs: server.nodeThresholdMs,
    },
    rejections: server.rejections,
    heartbeats: {
      ttlMinMs: server.heartbeatTtlMinMs,
      graceMs: server.heartbeatGraceMs,
      heartbeatsPerSecondMax: server.heartbeatsPerSecondMax,
    },
    keyEncryption: diskKeyEncryption({ folder: join(server.dataDirectory, "keystore") }),
    keyring: {
      rotationMs: server.rootKeyRotationMs,
      garbageIntervalMs: server.rootKeyGarbageIntervalMs,
      garbageThresholdMs: server.rootKeyGarbageThresholdMs,
    },
    oidcIssuer: server.oidcIssuer,
    generatedIdentities: {
      consulService: config.consul?.serviceIdentity ?? null,
      consulTask: config.consul?.taskIdentity ?? null,
      vaultTask: config.vault?.defaultIdentity ?? null,
    },
  });
}

/** An operator who has lost every token writes the number of the refusal there. nomad.md §7 (Tokens). */
async function readResetIndex(path: string): Promise<number | null> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
