/** How busy the machine is: /proc/stat, /proc/meminfo, file systems. The shape of GET /v1/client/stats. */
import { readFileSync, statfsSync } from "node:fs";
import os from "node:os";
import type { HostUsage } from "#ports";
import { mounts } from "../disk/mounts.ts";

export interface CoreTimes {
  readonly name: string;
  readonly user: number;
  readonly system: number;
  readonly idle: number;
  readonly total: number;
}

/** Jiffies of each core since boot, from /proc/stat's text. */
export function parseCoreTimes(text: string): CoreTimes[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(cpu\d+)\s+(.*)$/.exec(line);
    if (match === null) return [];
    const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, ...more] = (match[2] as string).split(" ").map(Number);
    // Guests are counted in user already.
    const others = more.slice(0, 3).reduce((sum, each) => sum + each, 0);
    return [
      { name: match[1] as string, user: user + nice, system, idle: idle + waiting, total: user + nice + system + idle + waiting + others },
    ];
  });
}

/** Percentages between two looks. */
export function cpuUsage(before: readonly CoreTimes[], now: readonly CoreTimes[], mhz: number): HostUsage["CPU"] {
  const last = new Map(before.map((core) => [core.name, core]));
  return now.map((core) => {
    const old = last.get(core.name);
    const elapsed = Math.max(1, core.total - (old?.total ?? 0));
    const percent = (value: number, earlier: number) => Math.max(0, ((value - earlier) / elapsed) * 100);
    const Idle = percent(core.idle, old?.idle ?? 0);
    const TotalPercent = Math.max(0, 100 - Idle);
    return {
      CPU: core.name,
      User: percent(core.user, old?.user ?? 0),
      System: percent(core.system, old?.system ?? 0),
      Idle,
      TotalPercent,
      TotalTicks: (TotalPercent / 100) * mhz,
    };
  });
}

export function memoryUsage(meminfo: string): HostUsage["Memory"] {
  const bytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const Total = bytes("MemTotal") || os.totalmem();
  const Free = bytes("MemFree") || os.freemem();
  const Available = bytes("MemAvailable") || Free;
  return { Total, Available, Free, Used: Total - Available };
}

type DiskStats = HostUsage["AllocDirStats"];

export function diskStats(device: string, mountPoint: string): DiskStats {
  const found = statfsSync(mountPoint);
  const Size = found.blocks * found.bsize;
  const Used = (found.blocks - found.bfree) * found.bsize;
  const Available = found.bavail * found.bsize;
  return {
    Device: device,
    Mountpoint: mountPoint,
    Size,
    Used,
    Available,
    UsedPercent: Used + Available === 0 ? 0 : (Used / (Used + Available)) * 100,
    InodesUsedPercent: found.files === 0 ? 0 : ((found.files - found.ffree) / found.files) * 100,
  };
}

/** Every real file system once. */
export function allDiskStats(): DiskStats[] {
  const seen = new Set<string>();
  return mounts().flatMap((mount) => {
    if (!mount.source.startsWith("/dev/") || seen.has(mount.device)) return [];
    seen.add(mount.device);
    try {
      return [diskStats(mount.source, mount.mountPoint)];
    } catch {
      return [];
    }
  });
}

/** The one the directory lies on. */
export function statsOfDirectory(directory: string): DiskStats {
  const above = mounts().filter(
    (mount) => mount.mountPoint === "/" || directory === mount.mountPoint || directory.startsWith(`${mount.mountPoint}/`),
  );
  const mount = above.sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
  return { ...diskStats(mount?.source ?? "", directory), Mountpoint: mount?.mountPoint ?? directory };
}

export function readProc(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
