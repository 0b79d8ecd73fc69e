/** The attributes a machine has by itself. nomad.md §2.3. */
import { readFileSync, statfsSync } from "node:fs";
import os from "node:os";
import type { MachineFingerprint } from "#ports";
import { detectCgroups } from "../cgroup/hierarchy.ts";
import { mounts } from "../disk/mounts.ts";
import { signalNames } from "../process/signals.ts";
import { cpuFacts, formatCoreList } from "./cpu.ts";
import { hostNetworks } from "./network.ts";

const MB = 1024 * 1024;

export interface FingerprintOptions {
  /** The version of Nomad whose behaviour is offered, "2.0.6". */
  readonly version: string;
  /** Its file system is the node's disk: all of it, as Nomad counts; what is kept for others is `reserved { disk }`. Must exist. */
  readonly allocationDirectory: string;
  /** "" for the default route's. */
  readonly networkInterface: string;
  /** MHz to offer instead of what is measured; 0 to measure. */
  readonly cpuTotalMHz: number;
  /** MB to offer instead of what is measured; 0 to measure. */
  readonly memoryTotalMB: number;
  readonly minDynamicPort: number;
  readonly maxDynamicPort: number;
}

export function machineFingerprint(options: FingerprintOptions): MachineFingerprint {
  const cpu = cpuFacts();
  const totalMHz = options.cpuTotalMHz > 0 ? options.cpuTotalMHz : cpu.mhz * cpu.cores.length;
  const memoryBytes = options.memoryTotalMB > 0 ? options.memoryTotalMB * MB : os.totalmem();
  const networks = hostNetworks(options.networkInterface);
  const storage = statfsSync(options.allocationDirectory);
  const cgroups = detectCgroups();
  const release = osRelease();
  const attributes: Record<string, string> = {
    "cpu.arch": goArch(),
    "cpu.modelname": cpu.model,
    "cpu.frequency": String(cpu.mhz),
    "cpu.numcores": String(cpu.cores.length),
    "cpu.reservablecores": String(cpu.cores.length),
    "cpu.totalcompute": String(totalMHz),
    "cpu.usablecompute": String(totalMHz),
    "numa.node.count": String(cpu.numa.size),
    ...Object.fromEntries([...cpu.numa].map(([node, cores]) => [`numa.node${node}.cores`, formatCoreList(cores)])),
    "kernel.name": process.platform,
    "kernel.arch": os.machine(),
    "kernel.version": os.release(),
    "os.name": release.get("ID") ?? process.platform,
    "os.version": debianVersion(release) ?? release.get("VERSION_ID") ?? os.release(),
    "os.signals": signalNames().join(","),
    ...(cgroups.version === "none" ? {} : { "os.cgroups.version": cgroups.version === "v2" ? "2" : "1" }),
    "unique.hostname": os.hostname(),
    "memory.totalbytes": String(memoryBytes),
    "unique.storage.volume": volumeOf(options.allocationDirectory),
    "unique.storage.bytestotal": String(storage.blocks * storage.bsize),
    "unique.storage.bytesfree": String(storage.bavail * storage.bsize),
    ...(networks[0] === undefined ? {} : { "unique.network.ip-address": networks[0].IP }),
    "nomad.version": options.version,
    "nomad.service_discovery": "true",
  };
  return {
    Attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== "")),
    NodeResources: {
      Cpu: { CpuShares: totalMHz, TotalCpuCores: cpu.cores.length, ReservableCpuCores: cpu.cores },
      Memory: { MemoryMB: Math.floor(memoryBytes / MB) },
      Disk: { DiskMB: Math.floor((storage.blocks * storage.bsize) / MB) },
      Networks: networks,
      Devices: [],
      MinDynamicPort: options.minDynamicPort,
      MaxDynamicPort: options.maxDynamicPort,
    },
    CgroupParent: cgroups.writable ? "drover" : "",
  };
}

/** Architectures as Go names them: existing constraints say "amd64". */
function goArch(): string {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return names[process.arch] ?? process.arch;
}

/** The device the directory lies on, "/dev/vda1". */
function volumeOf(directory: string): string {
  const above = mounts().filter(
    (mount) => mount.mountPoint === "/" || directory === mount.mountPoint || directory.startsWith(`${mount.mountPoint}/`),
  );
  return above.sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0]?.source ?? "";
}

/** Debian's os-release knows 12, this file knows 12.11; of testing it knows a name. */
function debianVersion(release: ReadonlyMap<string, string>): string | undefined {
  if (release.get("ID") !== "debian") return undefined;
  try {
    return /^\d[\d.]*$/.exec(readFileSync("/etc/debian_version", "utf8").trim())?.[0];
  } catch {
    return undefined;
  }
}

/** /etc/os-release: NAME=value, values perhaps quoted. */
function osRelease(): Map<string, string> {
  let text = "";
  try {
    text = readFileSync("/etc/os-release", "utf8");
  } catch {
    // Not Linux, or a bare one.
  }
  return new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([A-Z_]+)=(?:"([^"]*)"|(.*))$/.exec(line);
      return match === null ? [] : [[match[1] as string, match[2] ?? match[3] ?? ""] as const];
    }),
  );
}
