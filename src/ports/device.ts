/**
 * Devices of the node beyond CPU and memory: what there is, what a task that holds some must know, how busy they are. nomad.md §1.9.
 * Makers: `mockDevices` (integrations/memory); real ones are plugins, later.
 */
import type { NodeDevice } from "#model";

export interface DeviceReservation {
  /** For the task's environment, as NVIDIA_VISIBLE_DEVICES. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Field names as the stats endpoints'. */
export interface DeviceStatistic {
  readonly IntNumeratorVal: number | null;
  readonly IntDenominatorVal: number | null;
  readonly StringVal: string | null;
  readonly Unit: string;
  readonly Desc: string;
}

export interface DeviceGroupUsage {
  readonly Vendor: string;
  readonly Type: string;
  readonly Name: string;
  /** By the id of the instance. */
  readonly InstanceStats: Readonly<
    Record<string, { readonly Summary: DeviceStatistic; readonly Stats: null; /** RFC 3339 */ readonly Timestamp: string }>
  >;
}

export interface Devices {
  readonly name: string;
  /** Cheap; called at start and every 30 s. */
  fingerprint(): Promise<readonly NodeDevice[]>;
  /** `ids`: instances of this maker. Rejects with NamedError DEVICE_UNKNOWN. May be repeated. */
  reserve(ids: readonly string[]): Promise<DeviceReservation>;
  usage(): Promise<readonly DeviceGroupUsage[]>;
}
