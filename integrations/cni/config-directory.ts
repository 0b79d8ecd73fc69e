/** Networks an operator described in cni_config_dir: *.conflist, *.conf, *.json; their own `name` is what `cni/NAME` asks for. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { messageOf } from "#std";
import type { NetworkConf, PluginConf } from "./conflist.ts";

export interface ConfigDirectory {
  /** By name; of two files with one name the first, by the files' order, counts. */
  readonly networks: ReadonlyMap<string, NetworkConf>;
  readonly unreadable: readonly { readonly file: string; readonly problem: string }[];
}

/** A folder that is not there holds nothing. */
export function readConfigDirectory(directory: string): ConfigDirectory {
  const networks = new Map<string, NetworkConf>();
  const unreadable: { file: string; problem: string }[] = [];
  let names: string[] = [];
  try {
    names = readdirSync(directory)
      .filter((name) => /\.(conflist|conf|json)$/.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") unreadable.push({ file: directory, problem: messageOf(error) });
  }
  for (const name of names) {
    const file = path.join(directory, name);
    try {
      const read = readNetworkConf(readFileSync(file, "utf8"));
      if (typeof read === "string") unreadable.push({ file, problem: read });
      else if (!networks.has(read.name)) networks.set(read.name, read);
    } catch (error) {
      unreadable.push({ file, problem: messageOf(error) });
    }
  }
  return { networks, unreadable };
}

/** A list of plugins, or one plugin alone; a text: what is wrong with it. */
export function readNetworkConf(text: string): NetworkConf | string {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    return `no JSON: ${messageOf(error)}`;
  }
  if (typeof read !== "object" || read === null || Array.isArray(read)) return "no JSON object";
  const { cniVersion = "0.2.0", name, plugins, ...rest } = read as Record<string, unknown>;
  if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name))
    return "no `name`, or one with other signs than letters, digits and _ . -";
  if (typeof cniVersion !== "string") return "`cniVersion` is no text";
  const chain: unknown = plugins === undefined ? [rest] : plugins;
  if (!Array.isArray(chain) || chain.length === 0) return "`plugins` is no list, or an empty one";
  const mute = chain.findIndex(
    (plugin) => typeof (plugin as { type?: unknown } | null)?.type !== "string" || !/^[A-Za-z0-9_.-]+$/.test((plugin as PluginConf).type),
  );
  if (mute !== -1) return `plugin ${mute + 1} has no \`type\``;
  return { cniVersion, name, plugins: chain as PluginConf[] };
}
