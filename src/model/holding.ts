/**
 * What an allocation holds of its node while it is there. The one count that the state's columns, the scheduler and the plan check
 * share (F6): three rooms counting apart is how a plan gets refused for ever. nomad.md §6.3.
 *
 * Tasks of one allocation do not all run at once: tasks that only run before the main ones (prestart) or after them (poststop) lend
 * their room to the main ones, so the larger of the three counts. Sidecars run all along and come on top.
 */
import type { AllocatedResources } from "./allocation.ts";

export interface Holding {
  /** MHz */
  readonly cpu: number;
  /** MB; memory_max does not count. */
  readonly memory: number;
  /** MB */
  readonly disk: number;
}

type Phase = "main" | "prestart" | "poststop" | "sidecar";

/** The room an allocation with these resources takes. */
export function holdingOf(resources: AllocatedResources): Holding {
  const cpu = { main: 0, prestart: 0, poststop: 0, sidecar: 0 };
  const memory = { main: 0, prestart: 0, poststop: 0, sidecar: 0 };
  for (const name in resources.Tasks) {
    const task = resources.Tasks[name];
    if (task === undefined) continue;
    const phase = phaseOf(resources.TaskLifecycles[name]);
    cpu[phase] += task.Cpu.CpuShares;
    memory[phase] += task.Memory.MemoryMB;
  }
  return {
    cpu: Math.max(cpu.main, cpu.prestart, cpu.poststop) + cpu.sidecar,
    memory: Math.max(memory.main, memory.prestart, memory.poststop) + memory.sidecar,
    disk: resources.Shared.DiskMB,
  };
}

/** `lifecycle` is the task's Lifecycle block, or null. */
function phaseOf(lifecycle: unknown): Phase {
  if (lifecycle === null || typeof lifecycle !== "object") return "main";
  const { Hook, Sidecar } = lifecycle as { readonly Hook?: string; readonly Sidecar?: boolean };
  if (Hook === "prestart") return Sidecar === true ? "sidecar" : "prestart";
  return Hook === "poststop" ? "poststop" : "main";
}

/** One instance of a device, as columns and the scheduler name it. */
export function deviceKey(vendor: string, type: string, name: string, instance: string): string {
  return `${vendor}/${type}/${name}/${instance}`;
}
