/**
 * The Envoy of a service as a task: what it is without being told, and what the author wants otherwise (`sidecar_task`), field by field.
 * nomad.md §1.7.
 *
 *   driver    sidecar_task's, else docker where its config names an image, else exec
 *   program   exec, raw_exec: the Envoy of the node; docker, podman: the image the node's meta names; other drivers: what the author says
 *
 * A task that is there already (an admitted job sent again) is kept as it is; what the author wants otherwise is put on top again.
 */
import { LogConfig, Resources, type RestartPolicy, type SidecarTask, Task, type TaskGroup } from "#model";
import { defaultsOf } from "../settle.ts";

const SECOND_NS = 1e9;
const CPU_MHZ = 250;
const MEMORY_MB = 128;
const DRAIN_SECONDS = "2";
const LOG_FILES = 2;
const LOG_FILE_MB = 2;

/** Known on each node that has an Envoy; jobspec/admit/constraints.ts asks for it. */
export const NODE_ENVOY = "${attr.unique.envoy.path}";

/**
 * Envoy's flags; the same wherever it comes from. Connections that were let in under other rules (an intention, a certificate) are told to close
 * at their next answer, and are cut after DRAIN_SECONDS: Envoy's own ten minutes would let somebody who was denied talk on for as long.
 */
const ARGUMENTS: readonly string[] = [
  "-c",
  "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
  "-l",
  "${meta.connect.log_level}",
  "--concurrency",
  "${meta.connect.proxy_concurrency}",
  "--disable-hot-restart",
  "--drain-time-s",
  DRAIN_SECONDS,
  "--drain-strategy",
  "immediate",
];

export interface ProxyTaskRequest {
  readonly name: string;
  /** `connect-proxy:api` */
  readonly kind: string;
  /** A sidecar starts before the tasks it serves and stops after them; a gateway is what its group is for. */
  readonly isSidecar: boolean;
  /** The group shares the machine's network. */
  readonly isHostNetwork: boolean;
  /** "": nobody in particular. The rules of a transparent proxy let one user's traffic through. */
  readonly user: string;
  readonly wishes: SidecarTask | null;
}

/** Complete, as tasks are after they have been settled. `existing`: of this kind, in the job already. */
export function proxyTask(group: TaskGroup, request: ProxyTaskRequest, existing: Task | undefined): Task {
  const { wishes } = request;
  const driver = wishes?.Driver || existing?.Driver || (wishes?.Config["image"] === undefined ? "exec" : "docker");
  // transparent_proxy may have come to a job that was admitted without it.
  const kept = existing === undefined || existing.User !== "" ? existing : { ...existing, User: userOf(request, driver) };
  const base = kept ?? freshTask(group, request, driver);
  if (wishes === null) return base;
  const saysHow = wishes.Driver !== "" || Object.keys(wishes.Config).length > 0;
  return {
    ...base,
    Name: wishes.Name || base.Name,
    Driver: driver,
    Config: saysHow ? configOf(driver, wishes.Config, request) : base.Config,
    User: wishes.User || base.User,
    Env: { ...base.Env, ...wishes.Env },
    Meta: { ...base.Meta, ...wishes.Meta },
    Resources: withResources(base.Resources, wishes.Resources),
    LogConfig: { ...(base.LogConfig ?? (defaultsOf(LogConfig) as unknown as LogConfig)), ...said(wishes.LogConfig) },
    KillTimeout: wishes.KillTimeout ?? base.KillTimeout,
    ShutdownDelay: wishes.ShutdownDelay ?? base.ShutdownDelay,
    KillSignal: wishes.KillSignal || base.KillSignal,
    VolumeMounts: wishes.VolumeMounts.length > 0 ? wishes.VolumeMounts : base.VolumeMounts,
    Identities: [...base.Identities.filter((each) => wishes.Identities.every((other) => other.Name !== each.Name)), ...wishes.Identities],
  };
}

/**
 * A sidecar's own, not its group's: while it is away its application is cut off, and a proxy that ends again and again is no reason to take the
 * application down with it (F37).
 */
const SIDECAR_RESTART: RestartPolicy = { Attempts: 10, Interval: 60 * SECOND_NS, Delay: SECOND_NS, Mode: "delay", RenderTemplates: false };

function freshTask(group: TaskGroup, request: ProxyTaskRequest, driver: string): Task {
  return {
    ...(defaultsOf(Task) as unknown as Task),
    Name: request.name,
    Kind: request.kind,
    Driver: driver,
    User: userOf(request, driver),
    Config: configOf(driver, {}, request),
    Lifecycle: request.isSidecar ? { Hook: "prestart", Sidecar: true } : null,
    Resources: {
      ...(defaultsOf(Resources) as unknown as Resources),
      CPU: CPU_MHZ,
      MemoryMB: MEMORY_MB,
      DiskMB: 0,
      IOPS: 0,
    },
    LogConfig: { MaxFiles: LOG_FILES, MaxFileSizeMB: LOG_FILE_MB, Disabled: false },
    RestartPolicy: request.isSidecar ? { ...SIDECAR_RESTART } : group.RestartPolicy === null ? null : { ...group.RestartPolicy },
    ShutdownDelay: 5 * SECOND_NS,
    KillTimeout: 5 * SECOND_NS,
  };
}

/** An image has a user of its own. */
const userOf = ({ user }: ProxyTaskRequest, driver: string): string => (driver === "exec" || driver === "raw_exec" ? user : "");

/** Another program than Envoy has other arguments: then nothing is added to what the author says. */
function configOf(driver: string, author: Readonly<Record<string, unknown>>, request: ProxyTaskRequest): Record<string, unknown> {
  switch (driver) {
    case "exec":
    case "raw_exec": {
      const { command } = author;
      if (typeof command === "string" && !/(^|\/)envoy$/.test(command) && command !== NODE_ENVOY) return { ...author };
      return { command: NODE_ENVOY, args: [...ARGUMENTS], ...author };
    }
    case "docker":
    case "podman": {
      const image = request.isSidecar ? "${meta.connect.sidecar_image}" : "${meta.connect.gateway_image}";
      return { image, args: [...ARGUMENTS], ...(request.isHostNetwork ? { network_mode: "host" } : {}), ...author };
    }
    default:
      return { ...author };
  }
}

function withResources(base: Task["Resources"], wanted: SidecarTask["Resources"]): Task["Resources"] {
  if (wanted === null) return base;
  const { Networks, Devices, NUMA, ...amounts } = wanted;
  const before = base ?? (defaultsOf(Resources) as unknown as Resources);
  return {
    ...before,
    ...said(amounts),
    // Whole cores are worth what the node's cores are worth.
    ...((amounts.Cores ?? 0) > 0 && amounts.CPU === null ? { CPU: 0 } : {}),
    ...(Networks.length > 0 ? { Networks } : {}),
    ...(Devices.length > 0 ? { Devices } : {}),
    ...(NUMA === null ? {} : { NUMA }),
  };
}

type Said<T> = { -readonly [Key in keyof T]?: Exclude<T[Key], null> };

function said<T extends object>(wishes: T | null): Said<T> {
  return Object.fromEntries(Object.entries(wishes ?? {}).filter(([, value]) => value !== null)) as Said<T>;
}
