/** What a gateway's Envoy is told by its registration: `gateway { proxy { … } }` in Consul's words. Pure. nomad.md §1.7. */
import type { Gateway } from "#model";

/**
 * `portOf`: where a listener called so ("default", "lan", "wan", …) is reached inside the allocation: for those whose port nobody named
 * (0 or -1: the port is only known once it is allocated).
 */
export function gatewayConfig({ Proxy }: Gateway, portOf: (name: string) => number): Readonly<Record<string, unknown>> {
  if (Proxy === null) return {};
  const addresses = Object.entries(Proxy.EnvoyGatewayBindAddresses).map(([name, { Address, Port }]) => [
    name,
    { address: Address, port: Port > 0 ? Port : portOf(name) },
  ]);
  return {
    ...(Proxy.ConnectTimeout === null ? {} : { connect_timeout_ms: Math.round(Proxy.ConnectTimeout / 1e6) }),
    ...(addresses.length === 0 ? {} : { envoy_gateway_bind_addresses: Object.fromEntries(addresses) as Record<string, unknown> }),
    ...(Proxy.EnvoyGatewayBindTaggedAddresses ? { envoy_gateway_bind_tagged_addresses: true } : {}),
    ...(Proxy.EnvoyGatewayNoDefaultBind ? { envoy_gateway_no_default_bind: true } : {}),
    ...(Proxy.EnvoyDNSDiscoveryType === "" ? {} : { envoy_dns_discovery_type: Proxy.EnvoyDNSDiscoveryType }),
    ...Proxy.Config,
  };
}
