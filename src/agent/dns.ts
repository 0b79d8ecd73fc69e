/**
 * The node's DNS in an agent: started where the configuration says, fed by the client, asked by tasks and by the machine. An address that is taken
 * is no reason for an agent not to start: it says so and goes on without.
 *
 * Allocations with a network of their own reach nothing of the machine's loopback: for them it answers on the bridge's own address too, at port 53,
 * since a resolv.conf has no ports. Where that is taken they are given the machine's nameservers.
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
  /** Answers at port 53 of this address too, from now on; false: it cannot, and the log says why. May be repeated. */
  answerAt(host: string): Promise<boolean>;
  /** What an allocation with a network of its own can ask: addresses of `answerAt`; none: the machine's own nameservers. */
  nameservers(): readonly string[];
  close(): Promise<void>;
}

const CONSUL_DNS_PORT = 8600;
const DNS_PORT = 53;

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
  const opened: DnsServer[] = [];
  /** undefined: it cannot. */
  const open = async (address: { readonly host: string; readonly port: number }, lacking: string): Promise<DnsServer | undefined> => {
    try {
      const server = await startDns({
        endpoint: hostDnsEndpoint(),
        directory,
        random,
        report: reporter(log, "dns"),
        domain: config.domain,
        address,
        consul: () => config.consul ?? consulDns(needs.node()),
      });
      opened.push(server);
      return server;
    } catch (error) {
      log.write("WARN", "dns", lacking, {
        problem: messageOf(error),
        ...(error instanceof NamedError && error.fix !== undefined ? { fix: error.fix } : {}),
      });
      return undefined;
    }
  };
  const server = await open({ host: config.address, port: config.port }, "names of services are not answered here");
  const answered = new Set<string>();
  return {
    accept: (change) => directory.accept(change),
    address: server === undefined ? "" : `${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`,
    answerAt: async (host) => {
      const everywhere = server?.port === DNS_PORT && (server.host === "0.0.0.0" || server.host === "::" || server.host === host);
      const lacking =
        "names of services are not answered inside allocations with a network of their own; they ask the machine's nameservers";
      if (answered.has(host) || everywhere || (await open({ host, port: DNS_PORT }, lacking)) !== undefined) answered.add(host);
      return answered.has(host);
    },
    nameservers: () => [...answered],
    close: async () => {
      await Promise.all(opened.map((each) => each.close()));
    },
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
