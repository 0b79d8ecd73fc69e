/**
 * What this machine is and how busy it is. Maker: `hostMachine` (integrations/host). nomad.md §2.3.
 *
 * The maker measures the machine only; drivers, Consul, Vault and the agent's own words are added by the client.
 */
import type { NodeResources } from "#model";
import type { HostUsage } from "./link.ts";

export interface MachineFingerprint {
  /** `cpu.arch`, `kernel.name`, `unique.hostname`, …, strings all. */
  readonly Attributes: Readonly<Record<string, string>>;
  readonly NodeResources: NodeResources;
  /** Where task cgroups go, as the API's CgroupParent: "drover" (hybrid, v1), "drover.slice" (v2), "" without cgroups. */
  readonly CgroupParent: string;
}

export interface Machine {
  /** Changes with every boot: what ran under another one cannot run now (F46). */
  readonly bootId: string;
  /** Under 100 ms. */
  fingerprint(): Promise<MachineFingerprint>;
  /** Percentages are since the last call (the first: since boot). */
  usage(): Promise<HostUsage>;
}
