/** What a node's meta says of the mesh unless its operator says otherwise: sidecars' configurations name these. nomad.md §1.7. */

/** For sidecars and gateways that run in containers; others run the node's own Envoy. */
const ENVOY_IMAGE = "docker.io/envoyproxy/envoy:v1.40.0";

export function meshMeta(): Readonly<Record<string, string>> {
  return {
    "connect.sidecar_image": ENVOY_IMAGE,
    "connect.gateway_image": ENVOY_IMAGE,
    "connect.log_level": "info",
    "connect.proxy_concurrency": "1",
    "connect.transparent_proxy.default_uid": "101",
    "connect.transparent_proxy.default_outbound_port": "15001",
  };
}
