/** Where proxies get their configuration from: the agent's gRPC port, as it says itself or as the operator says. Pure. */
import type { MeshEndpoint } from "#ports";
import type { ConsulSelf } from "./fingerprint.ts";

export interface EndpointSettings {
  /** consul { grpc_address }: "127.0.0.1:8502", "https://…:8503", "[::1]:8502"; "": as the agent says. */
  readonly grpcAddress: string;
  /** PEM of consul { grpc_ca_file }, else of ca_file; "": none. */
  readonly ca: string;
  /** The agent's HTTP API, as ConsulConnection.address shows it. */
  readonly httpAddress: string;
}

/** undefined: it has no gRPC port open, and nobody said where one is. */
export function endpointOf(self: ConsulSelf, settings: EndpointSettings): MeshEndpoint | undefined {
  const said = readGrpcAddress(settings.grpcAddress);
  const named = self.xDS?.Ports;
  // `Port` is all that agents before 1.14 say. Newer ones put either there, the TLS one too where it is the only one.
  const ports =
    named === undefined
      ? { plain: portOf(self.xDS?.Port, self.DebugConfig?.GRPCPort), tls: 0 }
      : { plain: portOf(named.Plaintext), tls: portOf(named.TLS) };
  // An authority named is a wish for TLS; without one nobody could tell whose certificate it is.
  const tls =
    said?.tls ??
    (said === undefined ? (settings.ca !== "" && ports.tls > 0) || ports.plain === 0 : settings.ca !== "" && said.port !== ports.plain);
  const port = said?.port ?? (tls ? ports.tls : ports.plain);
  if (port === 0) return undefined;
  const host = said?.host ?? listeningHost(self, settings.httpAddress);
  return {
    host,
    port,
    tls,
    ca: tls ? settings.ca : "",
    serverName: tls ? (isAddress(host) ? "localhost" : host) : "",
    datacenter: self.Config?.Datacenter ?? "",
    nodeName: self.Config?.NodeName ?? "",
  };
}

function portOf(...candidates: readonly (number | undefined)[]): number {
  return candidates.find((port) => port !== undefined && port > 0) ?? 0;
}

/** `tls` undefined: it does not say. */
function readGrpcAddress(text: string): { readonly host: string; readonly port: number; readonly tls: boolean | undefined } | undefined {
  if (text === "") return undefined;
  const scheme = /^(https?|grpcs?):\/\//i.exec(text)?.[1]?.toLowerCase();
  const url = URL.parse(`http://${text.replace(/^[a-z]+:\/\//i, "")}`);
  const port = Number(url?.port === "" ? "80" : (url?.port ?? "0"));
  if (url === null || url.hostname === "" || port === 0) return undefined;
  const tls = scheme === undefined ? undefined : scheme === "https" || scheme === "grpcs";
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, tls };
}

/** The agent is where its HTTP API is; one on this machine may listen for gRPC on another of its addresses. */
function listeningHost(self: ConsulSelf, httpAddress: string): string {
  const url = httpAddress.startsWith("unix:") ? null : URL.parse(httpAddress);
  const http = url === null ? "127.0.0.1" : url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!["127.0.0.1", "localhost", "::1"].includes(http)) return http;
  const [listens] = self.DebugConfig?.GRPCAddrs ?? [];
  const own = listens === undefined ? "" : (URL.parse(listens.replace(/^tcp:/, "http:"))?.hostname ?? "").replace(/^\[(.*)\]$/, "$1");
  return own === "" || own === "0.0.0.0" || own === "::" ? http : own;
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(":");
}
