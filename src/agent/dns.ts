/**
 * The node's DNS in an agent: started where the configuration says, fed by the client, asked by tasks and by the machine. An address that is taken
 * is no reason for an agent not to start: it says so and goes on without.
 */
import { ServiceDirectory, startDns, type DnsServer } from "#client";
import { hostDnsEndpoint } from "#integrations/host";
import type { Node } from "#model";
import type { Random, ServicesChanged } from "#ports";
import { messageOf, NamedError } from "#std";
import type { DnsConfig } from "./config/mod.ts";
import type { AgentLog } from "./log.ts";
import { reporter } from "./log.ts";

export interface AgentDns {
  readonly accept: (change: ServicesChanged) => void;
  /** host:port; "": it does not answer. */
  readonly address: string;
  close(): Promise<void>;
}

const CONSUL_DNS_PORT = 8600;

/** Undefined: not wanted. */
export async function openDns(needs: {
  readonly config: DnsConfig;
  readonly log: AgentLog;
  readonly random: Random;
  /** Whose attributes say where Consul answers DNS. */
  readonly node: () => Node | undefined;
}): Promise<AgentDns | undefined> {
  const { config, log, random } = needs;
  if (!config.enabled) return undefined;
  const directory = new ServiceDirectory();
  let server: DnsServer | undefined;
  try {
    server = await startDns({
      endpoint: hostDnsEndpoint(),
      directory,
      random,
      report: reporter(log, "dns"),
      domain: config.domain,
      address: { host: config.address, port: config.port },
      consul: () => config.consul ?? consulDns(needs.node()),
    });
  } catch (error) {
    log.write("WARN", "dns", "names of services are not answered here", {
      problem: messageOf(error),
      ...(error instanceof NamedError && error.fix !== undefined ? { fix: error.fix } : {}),
    });
  }
  return {
    accept: (change) => directory.accept(change),
    address: server === undefined ? "" : `${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`,
    close: async () => server?.close(),
  };
}

/**
 * For tasks with an /etc of their own: a resolv.conf that names the node's DNS alone, since it asks the machine's nameservers on. Undefined where
 * it cannot be named: a resolv.conf has no ports. What the machine's own file says beside nameservers (search, options) stays.
 */
export function resolvConfFor(address: string, ofMachine: string): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):53$/.exec(address);
  if (match === null) return undefined;
  const host = match[1] ?? (match[2] as string);
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const rest = ofMachine.split("\n").filter((line) => /^\s*(search|domain|options|sortlist)\b/.test(line));
  return [`nameserver ${reached}`, ...rest, ""].join("\n");
}

/** Consul beside the node says its port; -1 or 0: it answers none. */
function consulDns(node: Node | undefined): { readonly host: string; readonly port: number } | undefined {
  const attributes = node?.Attributes ?? {};
  if (attributes["consul.version"] === undefined) return undefined;
  const port = Number(attributes["consul.dns.port"] ?? CONSUL_DNS_PORT);
  return port > 0 ? { host: "127.0.0.1", port } : undefined;
}
