/** Proxies of the mesh, as Envoys. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Finding, FingerprintSource, Proxies } from "#ports";
import { askAdmin } from "./admin.ts";
import { findBinary, type Binary, type BinaryPlace } from "./binary.ts";
import { bootstrapText } from "./bootstrap.ts";
import { lookAt } from "./look.ts";
import { statisticsOf } from "./statistics.ts";
import { Templates } from "./template.ts";

export interface EnvoyOptions extends BinaryPlace {
  /** Of the bootstrap; left out: the ones shipped with the program. */
  readonly templatesDirectory?: string;
  readonly clock: Clock;
}

const LOOK_AGAIN_MS = 60_000;
const HOW_TO_GET =
  'Put an envoy on the PATH of the agent ("npm run tools" gets one, and https://www.envoyproxy.io/docs lists packages), or name it with client { envoy_path }.';

export function envoyProxies(options: EnvoyOptions): Proxies {
  const { clock } = options;
  const templates = new Templates(options.templatesDirectory ?? shippedTemplates());
  let known: { readonly atMs: number; readonly binary: Promise<Binary> } | undefined;
  const find = (): Promise<Binary> => {
    if (known === undefined || clock.nowMs() - known.atMs > LOOK_AGAIN_MS) known = { atMs: clock.nowMs(), binary: findBinary(options) };
    return known.binary;
  };
  return {
    binary: async () => {
      const binary = await find();
      return binary.found === "runs" ? { path: binary.path, version: binary.version } : undefined;
    },
    bootstrap: (request) => bootstrapText(templates, request),
    look: (socketPath, signal) => lookAt(socketPath, () => clock.nowMs(), signal),
    statistics: (socketPath, signal) => statisticsOf(socketPath, signal),
    drain: async (socketPath, signal) => void (await askAdmin(socketPath, "/drain_listeners?inboundonly&graceful", signal, "POST")),
    preflight: async () => [findingOf(await find())],
  };
}

/** Beside the sources, or beside the packed program. */
function shippedTemplates(): string {
  const packed = join(import.meta.dirname, "templates", "envoy");
  return existsSync(packed) ? packed : join(import.meta.dirname, "..", "..", "templates", "envoy");
}

export function findingOf(binary: Binary): Finding {
  if (binary.found === "runs") return { what: "envoy", standing: "good", problem: `Envoy ${binary.version}, ${binary.path}`, fix: "" };
  if (binary.found === "broken")
    return { what: "envoy", standing: "missing", problem: `${binary.path} does not run: ${binary.problem}`, fix: HOW_TO_GET };
  const problem = binary.wanted === "" ? "no envoy was found: sidecars need one, or an image" : `there is no program ${binary.wanted}`;
  return { what: "envoy", standing: binary.wanted === "" ? "warning" : "missing", problem, fix: HOW_TO_GET };
}

/** Attributes envoy.version and unique.envoy.path, where there is one that runs. */
export function envoyFingerprint(proxies: Pick<Proxies, "binary">): FingerprintSource {
  return {
    name: "envoy",
    look: async () => {
      const binary = await proxies.binary();
      if (binary === undefined) return { attributes: {}, links: {} };
      return { attributes: { "envoy.version": binary.version, "unique.envoy.path": binary.path }, links: {} };
    },
  };
}
