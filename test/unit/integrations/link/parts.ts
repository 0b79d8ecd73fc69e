/** Both ends of the network link in one process, over the loopback. */
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkLink, serveLink, type LinkTls, type ServedLink } from "#integrations/link";
import type { Link } from "#ports";

export const silent = (): void => undefined;

export function serve(accept: Link, options: { readonly port?: number; readonly tls?: LinkTls } = {}): Promise<ServedLink> {
  return serveLink({ accept, host: "127.0.0.1", port: options.port ?? 0, report: silent, ...(options.tls === undefined ? {} : { tls: options.tls }) });
}

export function linkTo(servers: readonly string[], options: { readonly tls?: LinkTls; readonly version?: number } = {}): Link {
  return networkLink({ servers: async () => servers, clock: createHostClock(), random: createHostRandom(), ...options });
}
