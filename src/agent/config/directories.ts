/** Can the agent keep its state where it is told to? Asked before anything starts, so that nothing half-starts. */
import path from "node:path";
import type { Config } from "./config.ts";
import type { ConfigDisk } from "./config-disk.ts";
import { type Settings, problemAt } from "./settings.ts";

export function checkDirectories(config: Config, settings: Settings, disk: ConfigDisk): readonly string[] {
  const places: readonly (readonly [setting: string, directory: string])[] = [
    ["data_dir", config.dataDirectory],
    ...(config.server.enabled ? [["server.data_dir", config.server.dataDirectory] as const] : []),
    ...(config.client.enabled
      ? ([
          ["client.state_dir", config.client.stateDirectory],
          ["client.alloc_dir", config.client.allocationDirectory],
        ] as const)
      : []),
  ];
  return places
    .filter(([setting, directory]) => path.isAbsolute(directory) && (setting === "data_dir" || settings.has(setting)))
    .flatMap(([setting, directory]) => {
      const fault = faultOf(setting, directory, disk);
      return fault === null ? [] : [problemAt(settings.get(setting)?.origin, fault.summary, fault.detail)];
    });
}

function faultOf(setting: string, directory: string, disk: ConfigDisk): { readonly summary: string; readonly detail: string } | null {
  const name = `${setting} ${JSON.stringify(directory)}`;
  switch (disk.kind(directory)) {
    case "symlink":
      return {
        summary: `${name} is a symbolic link, must be a directory`,
        detail: "Name the directory it points to: a link that is changed later would split the state in two.",
      };
    case "file":
    case "other":
      return { summary: `${name} is a file, must be a directory`, detail: "" };
    case "directory":
      return disk.writable(directory)
        ? null
        : { summary: `${name} is not writable`, detail: "Give this user the right to write there, or choose another directory." };
    case "missing": {
      const parent = existingAbove(directory, disk);
      if (!disk.isDirectory(parent))
        return { summary: `${name} cannot be created: ${JSON.stringify(parent)} is not a directory`, detail: "" };
      if (disk.writable(parent)) return null;
      return {
        summary: `${name} does not exist and cannot be created: ${JSON.stringify(parent)} is not writable`,
        detail: "Create it and give this user the right to write there, or choose another directory.",
      };
    }
  }
}

function existingAbove(directory: string, disk: ConfigDisk): string {
  const parent = path.dirname(directory);
  return parent === directory || disk.kind(parent) !== "missing" ? parent : existingAbove(parent, disk);
}
