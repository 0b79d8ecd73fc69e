/** What a docker task may ask for on this node. Pure: throws DRIVER_TASK_INVALID with the reason and, where there is one, the way out. */
import { parseDuration } from "#std";
import type { TaskStart } from "#ports";
import { chooseCapabilities } from "./capabilities.ts";
import type { DockerSettings } from "./options.ts";
import { invalid } from "./problem.ts";
import type { DockerTaskConfig } from "./schema.ts";

export function checkTask(task: TaskStart, config: DockerTaskConfig, settings: DockerSettings): void {
  const refuse = (reason: string, fix?: string): never => {
    throw invalid(task.task, reason, fix);
  };
  if (config.image === "") refuse('config key "image" is missing, wanted the name of an image');
  for (const text of [config.command, ...config.args, ...config.entrypoint, ...Object.entries(task.environment).flat()]) {
    if (text.includes("\0")) refuse("its command or environment holds a NUL byte");
  }
  if (config.privileged && !settings.allowPrivileged) {
    refuse("privileged containers are not allowed on this node", 'Set plugin "docker" { config { allow_privileged = true } }.');
  }
  const { refused } = chooseCapabilities(config.cap_add, config.cap_drop, settings.allowedCapabilities);
  if (refused.length > 0) {
    refuse(`capabilities ${refused.join(", ").toLowerCase()} are not allowed on this node`, 'Add them to allow_caps of plugin "docker".');
  }
  if (config.runtime !== "" && !settings.allowedRuntimes.includes(config.runtime)) {
    refuse(`runtime "${config.runtime}" is not allowed on this node (allowed: ${settings.allowedRuntimes.join(", ")})`);
  }
  if (config.isolation !== "") refuse('config key "isolation" is for Windows; this node runs Linux');
  checkModes(config, settings, refuse);
  checkNetwork(task, config, refuse);
  if (settings.pidsLimit > 0 && config.pids_limit > settings.pidsLimit) {
    refuse(`pids_limit ${config.pids_limit} is above this node's ${settings.pidsLimit}`);
  }
  if (config.cgroupns !== "" && config.cgroupns !== "host" && config.cgroupns !== "private") {
    refuse(`cgroupns "${config.cgroupns}" is not known, wanted host or private`);
  }
  if (config.memory_hard_limit > 0 && config.memory_hard_limit < task.memoryMB) {
    refuse(`memory_hard_limit ${config.memory_hard_limit} MB is below the task's memory of ${task.memoryMB} MB`);
  }
  for (const [name, limit] of Object.entries(config.ulimit)) {
    if (!/^(-1|\d+)(:(-1|\d+))?$/.test(limit)) refuse(`ulimit ${name} = "${limit}" must be "soft" or "soft:hard"`);
  }
  for (const device of config.devices) {
    if (device.host_path === "") refuse("a device has no host_path");
    if (!/^[rwm]*$/.test(device.cgroup_permissions)) refuse(`device "${device.host_path}": cgroup_permissions must be of r, w and m`);
  }
  if (config.cpu_cfs_period !== 0 && (config.cpu_cfs_period < 1000 || config.cpu_cfs_period > 1_000_000)) {
    refuse(`cpu_cfs_period ${config.cpu_cfs_period} must be from 1000 to 1000000`);
  }
  for (const each of config.extra_hosts) if (!/^[^:]+:.+$/.test(each)) refuse(`extra_hosts "${each}" must be name:address`);
  if (config.logging !== undefined && (config.logging.type ?? "") !== "" && (config.logging.driver ?? "") !== "") {
    if (config.logging.type !== config.logging.driver) refuse("logging: type and driver say different things, write one of them");
  }
  pullTimeoutMs(task, config, settings);
}

/** The host's own namespaces only where the operator allows the mode (or everything: allow_privileged). */
function checkModes(config: DockerTaskConfig, settings: DockerSettings, refuse: (reason: string, fix?: string) => never): void {
  const kinds = [
    ["pid", config.pid_mode],
    ["ipc", config.ipc_mode],
    ["userns", config.userns_mode],
    ["uts", config.uts_mode],
  ] as const;
  for (const [kind, mode] of kinds) {
    if (mode === "" || mode === "private" || mode === "none" || (kind === "ipc" && mode === "shareable")) continue;
    if (settings.allowPrivileged || settings.allowedModes[kind].includes(mode)) continue;
    refuse(
      `${kind}_mode "${mode}" is not allowed on this node`,
      `Set plugin "docker" { config { allowed_modes { ${kind} = ["${mode}"] } } }.`,
    );
  }
}

function checkNetwork(task: TaskStart, config: DockerTaskConfig, refuse: (reason: string, fix?: string) => never): void {
  const mode = networkMode(task, config);
  const foreign = mode === "host" || mode.startsWith("container:");
  if (task.network !== undefined && config.network_mode === "") {
    const taken = [
      ["hostname", config.hostname !== ""],
      ["dns_servers", config.dns_servers.length > 0],
      ["dns_search_domains", config.dns_search_domains.length > 0],
      ["dns_options", config.dns_options.length > 0],
      ["mac_address", config.mac_address !== ""],
    ] as const;
    const first = taken.find(([, used]) => used)?.[0];
    if (first !== undefined) refuse(`${first} cannot be set: the task is in its group's network`, "Write it in the group's network block.");
  }
  if (foreign && config.hostname !== "" && mode !== "host") refuse(`hostname cannot be set with network_mode "${mode}"`);
  const own = ["", "default", "bridge", "host", "none"].includes(mode) || mode.startsWith("container:");
  if (own && (config.ipv4_address !== "" || config.ipv6_address !== "" || config.network_aliases.length > 0)) {
    refuse("ipv4_address, ipv6_address and network_aliases need network_mode to name a network made with docker network create");
  }
  const labels = new Set((task.ports ?? []).map((each) => each.label));
  for (const label of [...config.ports, ...Object.keys(config.port_map)]) {
    if (!labels.has(label)) refuse(`port "${label}" is not one of the group's (${[...labels].join(", ") || "it has none"})`);
  }
  if (config.ports.length > 0 && Object.keys(config.port_map).length > 0) refuse("ports and port_map exclude each other, write ports");
}

/** "" for docker's own bridge. What the task says itself comes before its group's network. */
export function networkMode(task: TaskStart, config: DockerTaskConfig): string {
  if (config.network_mode !== "") return config.network_mode;
  return task.network === undefined ? "" : `container:${task.network.holder}`;
}

export function pullTimeoutMs(task: TaskStart, config: DockerTaskConfig, settings: DockerSettings): number {
  if (config.image_pull_timeout === "") return settings.imagePullTimeoutMs;
  const nanoseconds = parseDuration(config.image_pull_timeout);
  if (nanoseconds === undefined)
    throw invalid(task.task, `image_pull_timeout "${config.image_pull_timeout}" is no duration, wanted one as "5m"`);
  if (nanoseconds <= 0) throw invalid(task.task, `image_pull_timeout "${config.image_pull_timeout}" must be above zero`);
  return nanoseconds / 1e6;
}
