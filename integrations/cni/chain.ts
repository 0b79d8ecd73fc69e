/** Runs the plugins of a network one after another, each told what the one before it answered; backwards to take it down. */
import type { PortMapping } from "#ports";
import { type NetworkConf, pluginArguments, pluginInput, type PluginConf } from "./conflist.ts";
import { namespacePath } from "./label.ts";
import type { Place } from "./place.ts";
import { runPlugin } from "./plugin.ts";
import { INTERFACE } from "./result.ts";

export interface ChainCall {
  readonly label: string;
  readonly conf: NetworkConf;
  readonly ports: readonly PortMapping[];
  readonly arguments: Readonly<Record<string, string>>;
}

/** The last answer. `from`: plugins to leave out, with the answer they gave. Stops between plugins when aborted. */
export async function addChain(
  place: Place,
  call: ChainCall,
  signal: AbortSignal,
  begin?: { readonly after: string; readonly answer: unknown },
): Promise<unknown> {
  let previous: unknown = begin?.answer;
  const skipped = begin === undefined ? 0 : call.conf.plugins.findIndex((plugin) => plugin.type === begin.after) + 1;
  for (const plugin of call.conf.plugins.slice(skipped)) {
    signal.throwIfAborted();
    // An interface of its own, whose answer is no part of the network's.
    if (plugin.type === "loopback") {
      await run(place, call, plugin, "ADD", undefined);
      continue;
    }
    previous = await run(place, call, plugin, "ADD", previous);
  }
  signal.throwIfAborted();
  return previous;
}

/** Every plugin is asked, also when one fails; the first failure is given back. */
export async function deleteChain(place: Place, call: ChainCall, answer: unknown): Promise<unknown> {
  let failure: unknown;
  for (const plugin of call.conf.plugins.toReversed()) {
    if (plugin.type === "loopback") continue;
    try {
      await run(place, call, plugin, "DEL", answer ?? undefined);
    } catch (error) {
      failure ??= error;
    }
  }
  return failure;
}

function run(place: Place, call: ChainCall, plugin: PluginConf, verb: "ADD" | "DEL", previous: unknown): Promise<unknown> {
  return runPlugin(
    { cniPaths: place.options.cniPaths, searchPath: place.searchPath },
    {
      verb,
      plugin: plugin.type,
      container: call.label,
      namespace: namespacePath(call.label),
      interface: plugin.type === "loopback" ? "lo" : INTERFACE,
      arguments: pluginArguments(call.arguments),
      input: pluginInput(call.conf, plugin, call.ports, previous),
    },
  );
}
