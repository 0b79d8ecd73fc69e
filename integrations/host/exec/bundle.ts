/**
 * A task as an OCI runtime configuration: pure, so that every mount, limit and right can be read and tested without a container.
 *
 * The root is the task's own directory. Into it come the host's programs and libraries read-only, the shared directory at
 * /alloc, and fresh /proc, /dev, /sys. Network and host name are the machine's, or those of the allocation (its namespace, its hosts
 * and resolv.conf over those of /etc); mounts, and unless told otherwise processes and IPC, are the task's own. The task is process 1.
 */
import path from "node:path";
import type { TaskMount, TaskNetwork } from "#ports";
import type { ChrootEntry } from "./chroot.ts";

export interface BundleRequest {
  readonly taskDirectory: string;
  readonly sharedDirectory: string;
  readonly command: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workDirectory: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly capabilities: readonly string[];
  readonly chroot: readonly ChrootEntry[];
  readonly noPivotRoot: boolean;
  readonly hostPids: boolean;
  readonly hostIpc: boolean;
  /** Below every cgroup tree's root, "/drover/1234/exec-x". */
  readonly cgroupsPath: string;
  readonly cgroupVersion: 1 | 2;
  readonly cpuMHz: number;
  readonly memoryMB: number;
  /** 0: memoryMB is the hard limit; -1: none. */
  readonly memoryMaxMB: number;
  readonly cores: readonly number[];
  /** The most open files a process of ours may have; a container cannot have more. */
  readonly openFilesMax: number;
  /** undefined: the machine's. */
  readonly network: TaskNetwork | undefined;
  readonly mounts: readonly TaskMount[];
}

const MB = 1024 * 1024;

/** Programs that keep descriptors in tables grow with the soft limit; who needs more raises it up to the hard one. */
const OPEN_FILES_SOFT = 65_536;

/** What even a task that may read every file of the chroot must not see. */
const MASKED = [
  "/private",
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/firmware",
  "/etc/shadow",
  "/etc/shadow-",
  "/etc/gshadow",
  "/etc/gshadow-",
  "/etc/drover.d",
  "/etc/nomad.d",
  "/etc/consul.d",
  "/etc/vault.d",
  "/etc/openbao",
];

const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export function execBundle(request: BundleRequest) {
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: request.user.uid, gid: request.user.gid, additionalGids: request.user.groups, umask: 0o22 },
      args: [request.command, ...request.words],
      env: Object.entries(request.environment).map(([name, value]) => `${name}=${value}`),
      cwd: request.workDirectory,
      capabilities: {
        bounding: request.capabilities,
        effective: request.capabilities,
        inheritable: request.capabilities,
        permitted: request.capabilities,
        ambient: request.capabilities,
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: request.openFilesMax, soft: Math.min(OPEN_FILES_SOFT, request.openFilesMax) }],
      noNewPrivileges: false,
      oomScoreAdj: 0,
    },
    root: { path: request.taskDirectory, readonly: false },
    ...(request.network === undefined ? {} : { hostname: request.network.hostname }),
    mounts: [
      ...systemMounts(request),
      ...chrootMounts(request.chroot.filter((entry) => !networkFiles(request.network).some(([place]) => place === entry.inside))),
      ...networkFiles(request.network).map(([destination, source]) => boundFile(destination, source, true)),
      ...request.mounts.map((each) => boundFile(path.posix.normalize(each.taskPath), each.hostPath, each.readOnly)),
      {
        destination: "/alloc",
        type: "bind",
        source: request.sharedDirectory,
        options: ["rbind", "rw", "rprivate"],
      },
    ],
    linux: {
      namespaces: [
        { type: "mount" },
        ...(request.hostPids ? [] : [{ type: "pid" }]),
        ...(request.hostIpc ? [] : [{ type: "ipc" }]),
        ...(request.network === undefined ? [] : [{ type: "network", path: request.network.namespacePath }, { type: "uts" }]),
      ],
      // runc finds private unsafe where the old root stays reachable.
      rootfsPropagation: request.noPivotRoot ? "rslave" : "rprivate",
      cgroupsPath: request.cgroupsPath,
      resources: resources(request),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}

function systemMounts(request: BundleRequest): OciMount[] {
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    ...(request.hostIpc
      ? [{ destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "rw"] }]
      : [
          { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
          { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
        ]),
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  ];
}

/** Outer ones first: /run/systemd/resolve may be inside another entry. */
function chrootMounts(chroot: readonly ChrootEntry[]): OciMount[] {
  return chroot
    .filter((entry) => entry.kind !== "link")
    .toSorted((a, b) => a.inside.split("/").length - b.inside.split("/").length || (a.inside < b.inside ? -1 : 1))
    .map((entry) => ({
      destination: path.posix.normalize(entry.inside),
      type: "bind",
      source: entry.host,
      options: ["rbind", "ro", "rprivate"],
    }));
}

/** Where the allocation's own files are seen, and which they are. */
function networkFiles(network: TaskNetwork | undefined): readonly (readonly [string, string])[] {
  if (network === undefined) return [];
  return [
    ["/etc/hosts", network.files.hosts],
    ["/etc/resolv.conf", network.files.resolvConf],
  ];
}

function boundFile(destination: string, source: string, readOnly: boolean): OciMount {
  return { destination, type: "bind", source, options: ["rbind", readOnly ? "ro" : "rw", "rprivate"] };
}

function resources(request: BundleRequest) {
  const limitMB = request.memoryMaxMB === 0 ? request.memoryMB : request.memoryMaxMB;
  return {
    devices: [{ allow: false, access: "rwm" }],
    memory: {
      limit: limitMB > 0 ? limitMB * MB : -1,
      // What it asked for is kept for it when memory is short.
      ...(request.memoryMaxMB === 0 ? {} : { reservation: request.memoryMB * MB }),
      ...(request.cgroupVersion === 1 ? { swappiness: 0 } : {}),
    },
    cpu: {
      // The kernel takes 2 to 262144.
      shares: Math.min(Math.max(request.cpuMHz, 2), 262_144),
      ...(request.cores.length === 0 ? {} : { cpus: request.cores.join(",") }),
    },
  };
}
