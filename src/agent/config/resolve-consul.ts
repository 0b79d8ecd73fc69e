/** consul { … } and client { dns { … } } → Config. A Consul is used when a block says so, be it empty: services then appear there. */
import { Concealed } from "#std";
import type { ConsulConfig, DnsConfig } from "./config.ts";
import { resolveIdentity } from "./resolve-identity.ts";
import type { SettingReader } from "./setting-reader.ts";

const DNS_PORT = 4653;
/** The audience of identities made for Consul, where -dev-consul writes the configuration. */
const CONSUL_AUDIENCE = "consul.io";

/** `dev`: -dev-consul; what it stands for is set up with the defaults of `drover setup consul`. */
export function resolveConsul(
  read: SettingReader,
  environment: Readonly<Record<string, string | undefined>>,
  dev: boolean,
): ConsulConfig | null {
  const at = (name: string) => `consul.${name}`;
  if (!read.flag(at("enabled"), dev || read.hasBelow("consul"))) return null;
  const text = (name: string, fallback = "") => read.text(at(name), fallback);
  const given = text("address", environment["CONSUL_HTTP_ADDR"] ?? "127.0.0.1:8500");
  const ssl = read.flag(at("ssl"), isTrue(environment["CONSUL_HTTP_SSL"]));
  const address = /^(https?|unix):\/\//.test(given) ? given : `${ssl ? "https" : "http"}://${given}`;
  if (!isAddress(address))
    read.problem(
      at("address"),
      `consul.address is ${JSON.stringify(given)}, must be host:port, a URL or unix:///path`,
      'For example "127.0.0.1:8500".',
    );
  else if (/^https?:\/\/[^/]*@/.test(address))
    read.problem(
      at("address"),
      "consul.address holds a user or a password: it is shown wherever the address is",
      'Write them to auth = "user:password" (CONSUL_HTTP_AUTH).',
    );
  const failures = (who: string) => ({
    beforeCritical: read.within(at(`${who}_failures_before_critical`), 0, 0, 1000),
    beforeWarning: read.within(at(`${who}_failures_before_warning`), 0, 0, 1000),
  });
  return {
    address,
    token: new Concealed(text("token", environment["CONSUL_HTTP_TOKEN"] ?? "")),
    auth: new Concealed(text("auth", environment["CONSUL_HTTP_AUTH"] ?? "")),
    tls: {
      caFile: text("ca_file", environment["CONSUL_CACERT"] ?? ""),
      certFile: text("cert_file", environment["CONSUL_CLIENT_CERT"] ?? ""),
      keyFile: text("key_file", environment["CONSUL_CLIENT_KEY"] ?? ""),
      verify: read.flag(at("verify_ssl"), !isFalse(environment["CONSUL_HTTP_SSL_VERIFY"])),
    },
    shareTls: read.flag(at("share_ssl"), true),
    timeoutMs: read.within(at("timeout"), 5_000, 100, 600_000),
    tags: read.list(at("tags")),
    autoAdvertise: read.flag(at("auto_advertise"), true),
    serverAutoJoin: read.flag(at("server_auto_join"), true),
    clientAutoJoin: read.flag(at("client_auto_join"), true),
    serverServiceName: text("server_service_name", "nomad"),
    clientServiceName: text("client_service_name", "nomad-client"),
    checksUseAdvertise: read.flag(at("checks_use_advertise")),
    checkNames: {
      serverHttp: text("server_http_check_name", "Nomad Server HTTP Check"),
      serverSerf: text("server_serf_check_name", "Nomad Server Serf Check"),
      serverRpc: text("server_rpc_check_name", "Nomad Server RPC Check"),
      clientHttp: text("client_http_check_name", "Nomad Client HTTP Check"),
    },
    serverFailures: failures("server"),
    clientFailures: failures("client"),
    serviceAuthMethod: text("service_auth_method", "nomad-workloads"),
    taskAuthMethod: text("task_auth_method", "nomad-workloads"),
    serviceIdentity: resolveIdentity(read, at("service_identity"), { dev, audience: CONSUL_AUDIENCE }),
    taskIdentity: resolveIdentity(read, at("task_identity"), { dev, audience: CONSUL_AUDIENCE }),
    grpcAddress: grpcAddress(read, at("grpc_address"), environment["CONSUL_GRPC_ADDR"] ?? ""),
    grpcCaFile: text("grpc_ca_file", environment["CONSUL_GRPC_CACERT"] ?? ""),
  };
}

export function resolveDns(read: SettingReader, clientEnabled: boolean, httpPort: number): DnsConfig {
  const at = (name: string) => `client.dns.${name}`;
  const consul = read.text(at("consul"), "");
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(consul);
  if (consul !== "" && match === null)
    read.problem(at("consul"), `client.dns.consul is ${JSON.stringify(consul)}, must be host:port`, 'For example "127.0.0.1:8600".');
  const domain = read.text(at("domain"), "drover").replace(/\.$/, "");
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(domain))
    read.problem(at("domain"), `client.dns.domain is ${JSON.stringify(domain)}, must be a DNS name`, 'For example "drover".');
  return {
    enabled: read.flag(at("enabled"), clientEnabled),
    address: read.text(at("address"), "127.0.0.1"),
    // An agent on ports of its own choice is one of several here.
    port: read.within(at("port"), httpPort === 4646 ? DNS_PORT : 0, 0, 65_535),
    domain,
    consul: match === null ? null : { host: match[1] ?? (match[2] as string), port: Number(match[3]) },
  };
}

function grpcAddress(read: SettingReader, at: string, otherwise: string): string {
  const said = read.text(at, otherwise);
  if (said !== "" && !/^((https?|grpcs?):\/\/)?(\[[0-9a-f:.]+\]|[^:/[\]]+):[0-9]{1,5}$/i.test(said))
    read.problem(
      at,
      `consul.grpc_address is ${JSON.stringify(said)}, must be host:port, with https:// before it for TLS`,
      'For example "127.0.0.1:8502".',
    );
  return said;
}

/** As Consul's own command line reads them. */
const isTrue = (word = ""): boolean => ["1", "t", "true"].includes(word.toLowerCase());
const isFalse = (word = ""): boolean => ["0", "f", "false"].includes(word.toLowerCase());

function isAddress(address: string): boolean {
  if (address.startsWith("unix://")) return address.length > "unix:///".length;
  const url = URL.parse(address);
  return url !== null && url.hostname !== "";
}
