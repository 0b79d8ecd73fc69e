/** The drivers of this machine by name. */
import type { Driver } from "#ports";
import { NamedError, nearest } from "#std";

export interface DriverRegistry {
  readonly all: readonly Driver[];
  /** Throws NamedError DRIVER_UNKNOWN. */
  choose(name: string): Driver;
  find(name: string): Driver | undefined;
}

export function driverRegistry(drivers: readonly Driver[]): DriverRegistry {
  const byName = new Map(drivers.map((driver) => [driver.name, driver]));
  return {
    all: drivers,
    find: (name) => byName.get(name),
    choose: (name) => {
      const driver = byName.get(name);
      if (driver !== undefined) return driver;
      const suggestion = nearest(name, byName.keys());
      const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
      throw new NamedError(
        "DRIVER_UNKNOWN",
        `Cannot choose driver "${name}": this node has ${[...byName.keys()].join(", ") || "none"}${hint}`,
        {
          statusCode: 400,
        },
      );
    },
  };
}
