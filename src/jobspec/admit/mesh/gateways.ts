/**
 * What a gateway has though its author says nothing: ports, how long it waits for what it leads to, and in a network of its own the addresses
 * it listens on (its own address is the host's there, where it cannot listen). nomad.md §1.7.
 *
 *   ingress, api   every listener, on all addresses of the allocation
 *   terminating    "default": the service's port
 *   mesh           "wan": the service's port; "lan": one that is added
 *
 * A port of -1 in an address stands for the number its port has inside the allocation, which is known there.
 */
import { Gateway, type MeshKind, type Service } from "#model";
import { defaultsOf } from "../settle.ts";

const CONNECT_TIMEOUT_NS = 5e9;
const EVERYWHERE = "0.0.0.0";
const AS_MAPPED = -1;

type GatewayProxy = NonNullable<Gateway["Proxy"]>;

export const meshLanLabel = (service: string): string => `connect-mesh-${service}-lan`;

/** The port of the service itself where none is written; "" when it has to be. */
export function gatewayPortLabel(kind: MeshKind | undefined, service: string): string {
  if (kind === "connect-terminating") return `connect-terminating-${service}`;
  return kind === "connect-mesh" ? `connect-mesh-${service}-wan` : "";
}

/** Labels of ports to be there. */
export function gatewayPorts(service: Service, kind: MeshKind): readonly string[] {
  const generated = gatewayPortLabel(kind, service.Name);
  return [
    ...(generated !== "" && service.PortLabel === generated ? [generated] : []),
    ...(kind === "connect-mesh" ? [meshLanLabel(service.Name)] : []),
  ];
}

/** The service with its gateway's proxy settled. */
export function withGatewayProxy(service: Service, kind: MeshKind, isHostNetwork: boolean): Service {
  const connect = service.Connect;
  const gateway = connect?.Gateway;
  if (connect === null || gateway === null || gateway === undefined) return service;
  const given = gateway.Proxy ?? (defaultsOf(proxySchema()) as unknown as GatewayProxy);
  const Proxy: GatewayProxy = {
    ...given,
    ConnectTimeout: given.ConnectTimeout ?? CONNECT_TIMEOUT_NS,
    ...(isHostNetwork || saysWhere(given)
      ? {}
      : { EnvoyGatewayNoDefaultBind: true, EnvoyGatewayBindAddresses: addressesOf(gateway, kind) }),
  };
  return { ...service, Connect: { ...connect, Gateway: { ...gateway, Proxy } } };
}

function saysWhere(proxy: GatewayProxy): boolean {
  return (
    proxy.EnvoyGatewayNoDefaultBind || proxy.EnvoyGatewayBindTaggedAddresses || Object.keys(proxy.EnvoyGatewayBindAddresses).length > 0
  );
}

function addressesOf(gateway: Gateway, kind: MeshKind): GatewayProxy["EnvoyGatewayBindAddresses"] {
  const at = (Name: string, Port: number) => [Name, { Name, Address: EVERYWHERE, Port }] as const;
  if (kind === "connect-ingress") {
    const listeners = gateway.Ingress?.Listeners ?? [];
    return Object.fromEntries(listeners.flatMap(({ Services, Port }) => Services.map(({ Name }) => at(Name, Port))));
  }
  const names = kind === "connect-mesh" ? ["wan", "lan"] : ["default"];
  return Object.fromEntries(names.map((name) => at(name, AS_MAPPED)));
}

function proxySchema() {
  return (Gateway.properties.Proxy as unknown as { anyOf: Parameters<typeof defaultsOf> }).anyOf[0];
}
