/** Devices that are not there, for trying out jobs that ask for some: `client { options = { "device.mock" = "acme/gpu/tiny=2" } }`. */
import type { NodeDevice } from "#model";
import type { Clock, DeviceGroupUsage, Devices } from "#ports";
import { NamedError } from "#std";

/** `what`: "vendor/type/name=count", several with commas. A task that holds some finds their ids in MOCK_VISIBLE_DEVICES. */
export function mockDevices(what: string, clock: Clock): Devices {
  const groups = what
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map(readGroup);
  const known = new Set(groups.flatMap((group) => group.Instances.map((instance) => instance.ID)));
  return {
    name: "mock",
    fingerprint: () => Promise.resolve(groups),
    reserve(ids) {
      const unknown = ids.find((id) => !known.has(id));
      if (unknown !== undefined) {
        return Promise.reject(
          new NamedError("DEVICE_UNKNOWN", `Cannot reserve device "${unknown}": this node has ${[...known].join(", ")}`),
        );
      }
      return Promise.resolve({ environment: { MOCK_VISIBLE_DEVICES: ids.join(",") } });
    },
    usage() {
      const Timestamp = new Date(clock.nowMs()).toISOString();
      const Summary = { IntNumeratorVal: 0, IntDenominatorVal: 100, StringVal: null, Unit: "%", Desc: "How busy it is" };
      return Promise.resolve(
        groups.map(({ Vendor, Type, Name, Instances }): DeviceGroupUsage => ({
          Vendor,
          Type,
          Name,
          InstanceStats: Object.fromEntries(Instances.map(({ ID }) => [ID, { Summary, Stats: null, Timestamp }])),
        })),
      );
    },
  };
}

function readGroup(text: string): NodeDevice {
  const match = /^([^/=\s]+)\/([^/=\s]+)\/([^=\s]+)=(\d{1,3})$/.exec(text);
  if (match === null) {
    throw new NamedError("DEVICE_OPTION_INVALID", `Cannot read client option "device.mock": "${text}" is not vendor/type/name=count`, {
      fix: 'Write it as client { options = { "device.mock" = "acme/gpu/tiny=2" } }.',
    });
  }
  const [, Vendor = "", Type = "", Name = "", count = "0"] = match;
  return {
    Vendor,
    Type,
    Name,
    Instances: Array.from({ length: Number(count) }, (_, index) => ({
      ID: `${Vendor}-${Type}-${Name}-${index}`,
      Healthy: true,
      HealthDescription: "",
      Locality: null,
    })),
    Attributes: { memory: { Int: 4, Unit: "GiB" }, model: { String: Name } },
  };
}
