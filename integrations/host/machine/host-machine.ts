/** The machine port on this machine. */
import os from "node:os";
import type { Machine } from "#ports";
import { bootId } from "../process/identity.ts";
import { coreMHz } from "./cpu.ts";
import { machineFingerprint, type FingerprintOptions } from "./fingerprint.ts";
import { allDiskStats, cpuUsage, memoryUsage, parseCoreTimes, readProc, statsOfDirectory, type CoreTimes } from "./host-usage.ts";

export interface HostMachineOptions
  extends
    Pick<FingerprintOptions, "version" | "allocationDirectory">,
    Partial<Omit<FingerprintOptions, "version" | "allocationDirectory">> {}

export function hostMachine(options: HostMachineOptions): Machine {
  const whole: FingerprintOptions = {
    networkInterface: "",
    cpuTotalMHz: 0,
    memoryTotalMB: 0,
    minDynamicPort: 20000,
    maxDynamicPort: 32000,
    ...options,
  };
  let before: readonly CoreTimes[] = [];
  return {
    bootId: bootId(),
    fingerprint: async () => machineFingerprint(whole),
    async usage() {
      const now = coreTimes();
      const CPU = cpuUsage(before, now, coreMHz());
      before = now;
      return {
        Memory: memoryUsage(readProc("/proc/meminfo")),
        CPU,
        DiskStats: allDiskStats(),
        AllocDirStats: statsOfDirectory(whole.allocationDirectory),
        DeviceStats: [],
        Uptime: Math.floor(os.uptime()),
        CPUTicksConsumed: CPU.reduce((sum, core) => sum + core.TotalTicks, 0),
        Timestamp: Date.now() * 1e6,
      };
    },
  };
}

function coreTimes(): CoreTimes[] {
  const fromProc = parseCoreTimes(readProc("/proc/stat"));
  if (fromProc.length > 0) return fromProc;
  return os.cpus().map((core, index) => {
    const { user, nice, sys, idle, irq } = core.times;
    return { name: `cpu${index}`, user: user + nice, system: sys, idle, total: user + nice + sys + idle + irq };
  });
}
