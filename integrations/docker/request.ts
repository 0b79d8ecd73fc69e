/**
 * A task → what docker is asked to create. Pure: everything about the container is decided here and nowhere else.
 * What must be looked up on the machine first (images, real paths, files) comes in.
 */
import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import type { TaskPort, TaskStart } from "#ports";
import { chooseCapabilities } from "./capabilities.ts";
import { LABEL_ALLOCATION, LABEL_OWNER, LABEL_TASK, type DockerSettings } from "./options.ts";
import type { DockerTaskConfig } from "./schema.ts";
import { networkMode } from "./task-config.ts";
import type { TaskVolumes } from "./volumes.ts";

export interface RequestFacts {
  readonly owner: string;
  readonly settings: DockerSettings;
  /** Its id: the name may lead elsewhere a moment later. */
  readonly image: string;
  readonly volumes: TaskVolumes;
  /** Of the machine, for limits in cores. */
  readonly cpuCount: number;
  /** Shown as /etc/hosts in a group's network; "" for none. */
  readonly hostsFile: string;
  /** As docker takes them: profiles read. */
  readonly securityOptions: readonly string[];
}

const MB = 1024 * 1024;
const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_MIN_US = 1000;
/** F50: what docker keeps beside our own files. Enough that a burst is read before its first is gone, by an agent on a busy machine too. */
const LOG_LIMITS = { "max-size": "4m", "max-file": "4" };

/** Names a person finds: `<task>-<allocation>`. Docker allows little in them. */
export function containerName(task: Pick<TaskStart, "task" | "allocationId">): string {
  const word = task.task.replaceAll(/[^a-zA-Z0-9_.-]/g, "_");
  return `${/^[a-zA-Z0-9]/.test(word) ? word : `t${word}`}-${task.allocationId}`;
}

export function containerRequest(task: TaskStart, config: DockerTaskConfig, facts: RequestFacts): ContainerCreateOptions {
  const mode = networkMode(task, config);
  const publishes = !(mode === "host" || mode === "none" || mode.startsWith("container:"));
  const published = publishes ? publishedPorts(task.ports ?? [], config) : [];
  const words = [...(config.command === "" ? [] : [config.command]), ...config.args];
  const exposed = Object.fromEntries(published.flatMap(({ inside }) => protocols(inside).map((each) => [each, {}])));
  const networking = endpointsOf(mode, config);
  return {
    name: containerName(task),
    Image: facts.image,
    ...(words.length === 0 ? {} : { Cmd: words }),
    ...(config.entrypoint.length === 0 ? {} : { Entrypoint: [...config.entrypoint] }),
    Env: Object.entries(task.environment)
      .map(([key, value]) => `${key}=${value}`)
      .toSorted(),
    Labels: labelsOf(task, config, facts),
    ...(task.user === "" ? {} : { User: task.user }),
    ...(config.work_dir === "" ? {} : { WorkingDir: config.work_dir }),
    ...(config.hostname === "" ? {} : { Hostname: config.hostname }),
    ...(config.mac_address === "" ? {} : { MacAddress: config.mac_address }),
    Tty: config.tty,
    OpenStdin: config.interactive,
    ...(published.length === 0 ? {} : { ExposedPorts: exposed }),
    ...(config.healthchecks?.disable === true ? { Healthcheck: { Test: ["NONE"] } } : {}),
    HostConfig: {
      ...limitsOf(task, config, facts),
      ...rightsOf(config, facts),
      ...namespacesOf(config),
      ...namesOf(config, mode),
      NetworkMode: mode === "" ? "default" : mode,
      Binds: [...facts.volumes.binds],
      Mounts: [...ownMounts(task, facts.hostsFile), ...facts.volumes.mounts],
      ...(config.volume_driver === "" ? {} : { VolumeDriver: config.volume_driver }),
      ...(published.length === 0 ? {} : { PortBindings: bindingsOf(published) }),
      LogConfig: loggingOf(config),
      RestartPolicy: { Name: "no" },
      AutoRemove: false,
    },
    ...(networking === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [mode]: networking } } }),
  };
}

/** Label → port inside: what services are told, and what is published. */
export function publishedPorts(ports: readonly TaskPort[], config: DockerTaskConfig): (TaskPort & { readonly inside: number })[] {
  return ports.flatMap((port) => {
    const mapped = Number(config.port_map[port.label] ?? 0);
    if (!config.ports.includes(port.label) && mapped === 0) return [];
    return [{ ...port, inside: mapped > 0 ? mapped : port.to > 0 ? port.to : port.hostPort }];
  });
}

const protocols = (port: number) => [`${port}/tcp`, `${port}/udp`];

function bindingsOf(published: readonly (TaskPort & { readonly inside: number })[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, inside } of published) {
    for (const each of protocols(inside)) (bindings[each] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort) });
  }
  return bindings;
}

function limitsOf(task: TaskStart, config: DockerTaskConfig, { settings, cpuCount }: RequestFacts): HostConfig {
  const most = config.memory_hard_limit > 0 ? config.memory_hard_limit : task.memoryMaxMB;
  const hard = most === 0 ? task.memoryMB : most;
  const period = config.cpu_cfs_period === 0 ? CPU_PERIOD_US : config.cpu_cfs_period;
  const cores = task.cores.length > 0 ? task.cores.join(",") : config.cpuset_cpus;
  const pids = config.pids_limit > 0 ? config.pids_limit : settings.pidsLimit;
  const oom = config.oom_score_adj !== 0 ? config.oom_score_adj : settings.oomScoreAdjust;
  return {
    // -1: no limit. Swap is not to be had beyond it.
    Memory: hard < 0 ? 0 : hard * MB,
    MemorySwap: hard < 0 ? -1 : hard * MB,
    ...(most === 0 ? {} : { MemoryReservation: task.memoryMB * MB }),
    CpuShares: Math.max(2, Math.round(task.cpuMHz)),
    ...(config.cpu_hard_limit
      ? { CpuPeriod: period, CpuQuota: Math.max(CPU_QUOTA_MIN_US, Math.round(task.cpuShare * cpuCount * period)) }
      : {}),
    ...(cores === "" ? {} : { CpusetCpus: cores }),
    ...(pids === 0 ? {} : { PidsLimit: pids }),
    ...(oom === 0 ? {} : { OomScoreAdj: oom }),
    ...(config.shm_size === 0 ? {} : { ShmSize: config.shm_size }),
    ...(Object.keys(config.ulimit).length === 0
      ? {}
      : { Ulimits: Object.entries(config.ulimit).map(([name, limit]) => ulimitOf(name, limit)) }),
    ...(Object.keys(config.sysctl).length === 0 ? {} : { Sysctls: config.sysctl }),
    ...(Object.keys(config.storage_opt).length === 0 ? {} : { StorageOpt: config.storage_opt }),
  };
}

function ulimitOf(Name: string, limit: string) {
  const [soft = "0", hard = soft] = limit.split(":");
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}

function rightsOf(config: DockerTaskConfig, { settings, securityOptions }: RequestFacts): HostConfig {
  const { granted, dropped } = chooseCapabilities(config.cap_add, config.cap_drop, settings.allowedCapabilities);
  return {
    ...(config.privileged ? { Privileged: true } : { CapDrop: [...dropped], CapAdd: [...granted] }),
    ...(config.readonly_rootfs ? { ReadonlyRootfs: true } : {}),
    ...(config.init ? { Init: true } : {}),
    ...(config.runtime === "" ? {} : { Runtime: config.runtime }),
    ...(config.group_add.length === 0 ? {} : { GroupAdd: [...config.group_add] }),
    ...(securityOptions.length === 0 ? {} : { SecurityOpt: [...securityOptions] }),
    ...(config.devices.length === 0
      ? {}
      : {
          Devices: config.devices.map((each) => ({
            PathOnHost: each.host_path,
            PathInContainer: each.container_path === "" ? each.host_path : each.container_path,
            CgroupPermissions: each.cgroup_permissions === "" ? "rwm" : each.cgroup_permissions,
          })),
        }),
  };
}

function namespacesOf(config: DockerTaskConfig): HostConfig {
  return {
    ...(config.pid_mode === "" ? {} : { PidMode: config.pid_mode }),
    ...(config.ipc_mode === "" ? {} : { IpcMode: config.ipc_mode }),
    ...(config.uts_mode === "" ? {} : { UTSMode: config.uts_mode }),
    ...(config.userns_mode === "" ? {} : { UsernsMode: config.userns_mode }),
    ...(config.cgroupns === "" ? {} : { CgroupnsMode: config.cgroupns as "host" | "private" }),
  };
}

/** Names and addresses docker writes for a container with a network of its own. */
function namesOf(config: DockerTaskConfig, mode: string): HostConfig {
  if (mode.startsWith("container:")) return {};
  return {
    ...(config.extra_hosts.length === 0 ? {} : { ExtraHosts: [...config.extra_hosts] }),
    ...(config.dns_servers.length === 0 ? {} : { Dns: [...config.dns_servers] }),
    ...(config.dns_search_domains.length === 0 ? {} : { DnsSearch: [...config.dns_search_domains] }),
    ...(config.dns_options.length === 0 ? {} : { DnsOptions: [...config.dns_options] }),
  };
}

function ownMounts(task: TaskStart, hostsFile: string): MountSettings[] {
  const bind = (Source: string, Target: string, ReadOnly = false): MountSettings => ({ Type: "bind", Source, Target, ReadOnly });
  const { place } = task;
  return [
    bind(place.sharedDirectory, "/alloc"),
    bind(`${place.taskDirectory}/local`, "/local"),
    bind(place.secretsDirectory, "/secrets"),
    ...(hostsFile === "" ? [] : [bind(hostsFile, "/etc/hosts", true)]),
    ...(task.network === undefined || hostsFile === "" ? [] : [bind(task.network.files.resolvConf, "/etc/resolv.conf", true)]),
    ...(task.mounts ?? []).map((each) => bind(each.hostPath, each.taskPath, each.readOnly)),
  ];
}

/** The driver docker is told to log by; what a task writes itself goes through as it stands. */
export function loggingOf(config: DockerTaskConfig): { Type: string; Config: Record<string, string> } {
  const written = config.logging;
  const named = written?.type || written?.driver || "";
  const given = written?.config ?? {};
  if (written === undefined || (named === "" && Object.keys(given).length === 0)) return { Type: "json-file", Config: { ...LOG_LIMITS } };
  const bounded = named === "" || named === "json-file" || named === "local";
  return { Type: named === "" ? "json-file" : named, Config: { ...(bounded ? LOG_LIMITS : {}), ...given } };
}

function labelsOf(task: TaskStart, config: DockerTaskConfig, { owner, settings }: RequestFacts): Record<string, string> {
  const of = task.owner;
  const known: Record<string, string | undefined> = {
    job_name: of?.jobName,
    job_id: of?.jobId,
    task_group_name: of?.group,
    task_name: task.task,
    namespace: of?.namespace,
    node_name: of?.nodeName,
    node_id: of?.nodeId,
    parent_job_id: of?.parentJobId,
  };
  const wanted = settings.extraLabels.map((each) => new RegExp(`^${each.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`));
  const extra = Object.entries(known).flatMap(([key, value]) =>
    value !== undefined && value !== "" && wanted.some((each) => each.test(key)) ? [[`com.hashicorp.nomad.${key}`, value] as const] : [],
  );
  return {
    ...config.labels,
    ...Object.fromEntries(extra),
    [LABEL_ALLOCATION]: task.allocationId,
    [LABEL_OWNER]: owner,
    [LABEL_TASK]: task.id,
  };
}

function endpointsOf(mode: string, config: DockerTaskConfig) {
  if (config.network_aliases.length === 0 && config.ipv4_address === "" && config.ipv6_address === "") return undefined;
  return {
    ...(config.network_aliases.length === 0 ? {} : { Aliases: [...config.network_aliases] }),
    IPAMConfig: {
      ...(config.ipv4_address === "" ? {} : { IPv4Address: config.ipv4_address }),
      ...(config.ipv6_address === "" ? {} : { IPv6Address: config.ipv6_address }),
    },
  };
}
