/** The `config` block of a docker task. nomad.md §1.13. Nested blocks are optional objects: absent ones stay absent. */
import { flag, text, textMap, texts, whole } from "#model";
import Type, { type Static } from "typebox";

const optional = <T extends Parameters<typeof Type.Object>[0]>(properties: T) => Type.Optional(Type.Object(properties));

const mount = Type.Object({
  type: text({ hcl: "type", default: "volume", description: "bind, volume or tmpfs." }),
  target: text({ hcl: "target" }),
  source: text({ hcl: "source" }),
  readonly: flag({ hcl: "readonly" }),
  bind_options: optional({ propagation: text({ hcl: "propagation" }) }),
  volume_options: optional({
    no_copy: flag({ hcl: "no_copy" }),
    labels: textMap({ hcl: "labels" }),
    driver_config: optional({ name: text({ hcl: "name" }), options: textMap({ hcl: "options" }) }),
  }),
  tmpfs_options: optional({
    size: whole({ hcl: "size", description: "Bytes; 0: no limit." }),
    mode: whole({ hcl: "mode", description: "Permission bits as a decimal number." }),
  }),
});

const device = Type.Object({
  host_path: text({ hcl: "host_path" }),
  container_path: text({ hcl: "container_path", description: "Default: host_path." }),
  cgroup_permissions: text({ hcl: "cgroup_permissions", description: "Of r, w and m; default: rwm." }),
});

export const dockerConfigSchema = Type.Object({
  image: text({ hcl: "image", description: "Name, with tag or digest. Without a tag, or tagged latest, it is fetched at every start." }),
  command: text({ hcl: "command" }),
  args: texts({ hcl: "args" }),
  entrypoint: texts({ hcl: "entrypoint" }),
  ports: texts({ hcl: "ports", description: "Labels of the group's ports to publish." }),
  port_map: textMap({ hcl: "port_map", description: "Label → port inside; deprecated: use ports and `to`." }),
  network_mode: text({ hcl: "network_mode" }),
  network_aliases: texts({ hcl: "network_aliases" }),
  hostname: text({ hcl: "hostname" }),
  ipv4_address: text({ hcl: "ipv4_address" }),
  ipv6_address: text({ hcl: "ipv6_address" }),
  advertise_ipv6_address: flag({ hcl: "advertise_ipv6_address" }),
  mac_address: text({ hcl: "mac_address" }),
  extra_hosts: texts({ hcl: "extra_hosts", description: "name:address" }),
  dns_servers: texts({ hcl: "dns_servers" }),
  dns_search_domains: texts({ hcl: "dns_search_domains" }),
  dns_options: texts({ hcl: "dns_options" }),
  auth: optional({
    username: text({ hcl: "username", hidden: true }),
    password: text({ hcl: "password", hidden: true }),
    email: text({ hcl: "email", hidden: true }),
    server_address: text({ hcl: "server_address" }),
  }),
  auth_soft_fail: flag({ hcl: "auth_soft_fail", description: "Go on without credentials when they cannot be had." }),
  force_pull: flag({ hcl: "force_pull" }),
  image_pull_timeout: text({ hcl: "image_pull_timeout", description: 'As "5m"; default: the plugin\'s.' }),
  load: text({ hcl: "load", description: "A tar of the image, below the task's directory, in place of a registry." }),
  volumes: texts({ hcl: "volumes", description: "source:target[:options]; relative sources are below the task's directory." }),
  volume_driver: text({ hcl: "volume_driver" }),
  mount: Type.Array(mount, { default: [] }),
  mounts: Type.Array(mount, { default: [] }),
  devices: Type.Array(device, { default: [] }),
  cap_add: texts({ hcl: "cap_add" }),
  cap_drop: texts({ hcl: "cap_drop" }),
  privileged: flag({ hcl: "privileged" }),
  security_opt: texts({ hcl: "security_opt" }),
  sysctl: textMap({ hcl: "sysctl" }),
  ulimit: textMap({ hcl: "ulimit", description: 'As { nofile = "1024:2048" }.' }),
  pids_limit: whole({ hcl: "pids_limit" }),
  shm_size: whole({ hcl: "shm_size", description: "Bytes." }),
  storage_opt: textMap({ hcl: "storage_opt" }),
  readonly_rootfs: flag({ hcl: "readonly_rootfs" }),
  init: flag({ hcl: "init" }),
  interactive: flag({ hcl: "interactive" }),
  tty: flag({ hcl: "tty" }),
  work_dir: text({ hcl: "work_dir" }),
  group_add: texts({ hcl: "group_add" }),
  labels: textMap({ hcl: "labels" }),
  logging: optional({ type: text({ hcl: "type" }), driver: text({ hcl: "driver" }), config: textMap({ hcl: "config" }) }),
  cpu_hard_limit: flag({ hcl: "cpu_hard_limit" }),
  cpu_cfs_period: whole({ hcl: "cpu_cfs_period", description: "Microseconds; default: 100000." }),
  cpuset_cpus: text({ hcl: "cpuset_cpus" }),
  memory_hard_limit: whole({ hcl: "memory_hard_limit", description: "MB." }),
  oom_score_adj: whole({ hcl: "oom_score_adj" }),
  runtime: text({ hcl: "runtime" }),
  isolation: text({ hcl: "isolation", description: "Windows only." }),
  ipc_mode: text({ hcl: "ipc_mode" }),
  pid_mode: text({ hcl: "pid_mode" }),
  uts_mode: text({ hcl: "uts_mode" }),
  userns_mode: text({ hcl: "userns_mode" }),
  cgroupns: text({ hcl: "cgroupns", description: "host or private." }),
  container_exists_attempts: whole({ hcl: "container_exists_attempts" }),
  healthchecks: optional({ disable: flag({ hcl: "disable" }) }),
});

/** As the schema leaves it; whatever a caller did not fill in has its default here. */
export type DockerTaskConfig = Static<typeof dockerConfigSchema>;
export type MountConfig = Static<typeof mount>;

const DEFAULTS = Object.fromEntries(
  Object.entries(dockerConfigSchema.properties).flatMap(([key, each]) => {
    const value = (each as { default?: unknown }).default;
    return value === undefined ? [] : [[key, value]];
  }),
);

export function readDockerConfig(config: Readonly<Record<string, unknown>>): DockerTaskConfig {
  return { ...DEFAULTS, ...config } as DockerTaskConfig;
}
