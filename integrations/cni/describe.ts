/** What a node says of its networks: which modes it can do, which plugins it has. Never rejects; a plugin is asked once for each of its versions. nomad.md §2.3. */
import { readdirSync, statSync } from "node:fs";
import type { NetworkDescription } from "#ports";
import { findProgram, run } from "./command.ts";
import { readConfigDirectory } from "./config-directory.ts";
import { gatewayOf, type NetworkConf } from "./conflist.ts";
import type { Place } from "./place.ts";
import { lackingPlugins } from "./plugin.ts";

export async function describe(place: Place, versions: PluginVersions): Promise<NetworkDescription> {
  const { bridge, cniPaths, configDirectory } = place.options;
  const configured = [...readConfigDirectory(configDirectory).networks.values()];
  const possible = process.platform === "linux" && process.getuid?.() === 0;
  const can = (conf: NetworkConf): boolean => possible && lackingPlugins(place, conf).length === 0;
  const found = await versions.all(cniPaths, place.searchPath);
  return {
    networks: [
      ...(can(place.bridge) ? [{ Mode: "bridge", Device: bridge.name, CIDR: "", IP: gatewayOf(bridge.subnet).address, MBits: 0 }] : []),
      ...configured.filter(can).map((conf) => ({ Mode: `cni/${conf.name}`, Device: "", CIDR: "", IP: "", MBits: 0 })),
    ],
    attributes: {
      ...Object.fromEntries([...found].map(([plugin, version]) => [`plugins.cni.version.${plugin}`, version])),
      "nomad.bridge.hairpin_mode": String(bridge.hairpin),
    },
  };
}

export interface PluginVersions {
  all(cniPaths: readonly string[], searchPath: string): Promise<ReadonlyMap<string, string>>;
}

/** Remembers what a file of this size and time said. */
export function pluginVersions(): PluginVersions {
  const known = new Map<string, string | undefined>();
  return {
    async all(cniPaths, searchPath) {
      const versions = new Map<string, string>();
      for (const plugin of new Set(cniPaths.flatMap(filesIn))) {
        const program = findProgram(plugin, cniPaths);
        if (program === undefined) continue;
        const key = keyOf(program);
        if (!known.has(key)) known.set(key, await ask(program, searchPath));
        const version = known.get(key);
        if (version !== undefined) versions.set(plugin, version);
      }
      return versions;
    },
  };
}

/** "CNI bridge plugin v1.1.1" → "1.1.1". A build that does not know its version (Debian's) counts as the newest protocol that it speaks. */
export function readPluginVersion(about: string): string | undefined {
  const own = /plugin v?(\d+\.\d+\.\d+[-+.\w]*)/.exec(about)?.[1];
  if (own !== undefined) return own;
  const protocols = /protocol versions supported: ([\d., ]+)/.exec(about)?.[1]?.split(",") ?? [];
  return protocols
    .map((one) => one.trim())
    .filter((one) => /^\d+\.\d+\.\d+$/.test(one))
    .at(-1);
}

async function ask(program: string, searchPath: string): Promise<string | undefined> {
  const said = await run(program, [], { environment: { PATH: searchPath }, timeoutMs: 5_000 });
  return readPluginVersion(`${said.stdout}\n${said.stderr}`);
}

function keyOf(program: string): string {
  try {
    const { size, mtimeMs } = statSync(program);
    return `${program} ${size} ${mtimeMs}`;
  } catch {
    return program;
  }
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[A-Za-z0-9_-]+$/.test(name))
      .sort();
  } catch {
    return [];
  }
}
