/** Runs one CNI plugin: its environment, its answer, its error in its own words. */
import { NamedError } from "#std";
import { findProgram, run } from "./command.ts";
import { type NetworkConf, pluginsOf } from "./conflist.ts";
import type { Place } from "./place.ts";

export interface PluginCall {
  readonly verb: "ADD" | "DEL";
  readonly plugin: string;
  readonly container: string;
  readonly namespace: string;
  readonly interface: string;
  readonly arguments: string;
  readonly input: string;
}

export interface PluginPlaces {
  readonly cniPaths: readonly string[];
  readonly searchPath: string;
}

export function lackingPlugins(place: Place, conf: NetworkConf): readonly string[] {
  return pluginsOf(conf).filter((plugin) => findProgram(plugin, place.options.cniPaths) === undefined);
}

export function pluginsMissing(plugins: readonly string[], cniPaths: readonly string[]): NamedError {
  return new NamedError("NETWORK_PLUGIN_MISSING", `Cannot run CNI plugin "${plugins.join('", "')}": not in ${cniPaths.join(", ")}`, {
    fix: `${GET_PLUGINS}; or name their folder in client { cni_path }`,
  });
}

export const GET_PLUGINS =
  "apt install containernetworking-plugins, or unpack a release of github.com/containernetworking/plugins into /opt/cni/bin";

/** The plugin's answer; undefined for DEL. NETWORK_PLUGIN_MISSING, NETWORK_PLUGIN_FAILED, NETWORK_SUBNET_EXHAUSTED. */
export async function runPlugin(places: PluginPlaces, call: PluginCall): Promise<unknown> {
  const program = findProgram(call.plugin, places.cniPaths);
  if (program === undefined) throw pluginsMissing([call.plugin], places.cniPaths);
  const ran = await run(program, [], {
    input: call.input,
    environment: {
      PATH: places.searchPath,
      CNI_COMMAND: call.verb,
      CNI_CONTAINERID: call.container,
      CNI_NETNS: call.namespace,
      CNI_IFNAME: call.interface,
      CNI_PATH: places.cniPaths.join(":"),
      CNI_ARGS: call.arguments,
    },
  });
  if (ran.exitCode !== 0) throw failureOf(call, ran.stdout, ran.stderr);
  if (call.verb === "DEL") return undefined;
  try {
    return JSON.parse(ran.stdout);
  } catch {
    throw new NamedError(
      "NETWORK_PLUGIN_FAILED",
      `Cannot connect "${call.container}": CNI plugin "${call.plugin}" answered what is no JSON: ${ran.stdout.slice(0, 200)}`,
    );
  }
}

function failureOf(call: PluginCall, stdout: string, stderr: string): NamedError {
  const words = wordsOf(stdout) ?? (stderr.trim() === "" ? "it said nothing" : stderr.trim().slice(-500));
  if (/no IP addresses available/.test(words)) {
    return new NamedError("NETWORK_SUBNET_EXHAUSTED", `Cannot connect "${call.container}": ${words}`, {
      fix: "Widen the subnet (client { bridge_network_subnet }), or run fewer allocations with a network of their own on this node",
    });
  }
  const lacks = /iptables|executable file not found/.test(words);
  return new NamedError(
    "NETWORK_PLUGIN_FAILED",
    `Cannot ${call.verb === "ADD" ? "connect" : "disconnect"} "${call.container}": CNI plugin "${call.plugin}": ${words}`,
    lacks ? { fix: "drover check mesh says what this machine lacks" } : {},
  );
}

function wordsOf(stdout: string): string | undefined {
  try {
    const { msg = "", details = "" } = JSON.parse(stdout) as { msg?: string; details?: string };
    const words = [msg, details].filter((text) => text !== "").join(": ");
    return words === "" ? undefined : words;
  } catch {
    return undefined;
  }
}
