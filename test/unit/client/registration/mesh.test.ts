import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import type { AllocatedPort, Allocation, Connect, Node } from "#model";
import type { ProxyRegistration, SidecarRegistration } from "#ports";
import type { Service } from "../../../../src/model/service.ts";
import { Connect as ConnectSchema, Gateway, Proxy, SidecarService, TransparentProxy, Upstream } from "../../../../src/model/service.ts";
import { serviceInstances, type Instances } from "../../../../src/client/registration/instances.ts";
import { allocationId, anAllocation } from "../stage.ts";
import { aPort, aService } from "./nouns.ts";

const A = allocationId("a");
const NODE = {
  ID: "n",
  Attributes: { "unique.network.ip-address": "192.0.2.9" },
  Meta: { "connect.transparent_proxy.default_outbound_port": "15001" },
  NodeResources: { Networks: [] },
} as unknown as Node;
const NAMES = new Map(Object.entries({ NOMAD_ALLOC_ID: A, NOMAD_ALLOC_INDEX: "0", "meta.zone": "west" }));
const PORTS = [
  aPort("http", 20_001, 8080),
  aPort("connect-proxy-web", 21_001, 22_001),
  aPort("expose", 20_003, 9102),
  aPort("own", 20_004, 20_004),
];

const blank = <T>(schema: TSchema, more: Partial<T>): T => ({ ...(Value.Create(schema) as T), ...more });
const aProxyBlock = (more: Partial<Proxy> = {}): Proxy => blank<Proxy>(Proxy, more);
const connect = (more: Partial<Connect>): Connect => blank<Connect>(ConnectSchema, more);
const sidecarOf = (more: Partial<SidecarService> = {}): Connect =>
  connect({ SidecarService: blank<SidecarService>(SidecarService, { Proxy: aProxyBlock(), ...more }) });

function offered(service: Partial<Service>, ports: readonly AllocatedPort[] = PORTS): Instances {
  const allocation = anAllocation("a", { group: { Services: [aService({ Provider: "consul", ...service })] } });
  const resources = { ...allocation.AllocatedResources, Shared: { DiskMB: 1, Networks: [], Ports: ports } };
  return serviceInstances({
    allocation: { ...allocation, AllocatedResources: resources } as Allocation,
    group: allocation.Job.TaskGroups[0] as never,
    node: NODE,
    names: () => NAMES,
  });
}

function sidecar(service: Partial<Service>, ports?: readonly AllocatedPort[]): SidecarRegistration {
  const { instances, problems } = offered(service, ports);
  assert.deepEqual(problems, []);
  const mesh = instances[0]?.Mesh;
  assert.ok(mesh?.kind === "sidecar");
  return mesh.sidecar;
}

describe("a service with a sidecar", () => {
  const ID = `_nomad-task-${A}-group-web-web-http`;

  test("is led to where it listens inside, by a sidecar that others reach on the host's side of its port", () => {
    const made = sidecar({ Connect: sidecarOf() });
    assert.deepEqual([made.ID, made.Name, made.AliasService], [`${ID}-sidecar-proxy`, "web-sidecar-proxy", ID]);
    assert.deepEqual([made.Address, made.Port], ["192.0.2.5", 21_001]);
    const { DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort, Config } = made.Proxy;
    assert.deepEqual([DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort], ["web", ID, "127.0.0.1", 8080]);
    assert.deepEqual([Config["bind_address"], Config["bind_port"]], ["0.0.0.0", 22_001]);
    assert.deepEqual(Config["envoy_stats_tags"], [
      `nomad.alloc_id=${A}`,
      "nomad.group=web",
      `nomad.job=${anAllocation("a").JobID}`,
      "nomad.namespace=default",
    ]);
  });

  test("has a number for its port where the author wrote one, and a port to listen on that was the same inside as outside", () => {
    assert.equal(sidecar({ PortLabel: "9001", Connect: sidecarOf() }).Proxy.LocalServicePort, 9001);
    for (const to of [0, -1])
      assert.equal(
        sidecar({ PortLabel: "9001", Connect: sidecarOf() }, [aPort("connect-proxy-web", 21_001, to)]).Proxy.Config["bind_port"],
        21_001,
      );
    assert.equal(sidecar({ Connect: sidecarOf({ Port: "own" }) }).Port, 20_004);
  });

  test("has its own tags and meta, or its service's; a check that somebody listens, unless nobody wants it", () => {
    const own = sidecar({
      Tags: ["blue"],
      Meta: { team: "a" },
      Connect: sidecarOf({ Tags: ["${meta.zone}"], Meta: { zone: "${meta.zone}" } }),
    });
    assert.deepEqual([own.Tags, own.Meta], [["west"], { zone: "west" }]);
    const same = sidecar({ Tags: ["blue"], Meta: { team: "a" }, Connect: sidecarOf() });
    assert.deepEqual([same.Tags, same.Meta], [["blue"], { team: "a" }]);
    assert.deepEqual(
      same.Checks.map((check) => [check.Type, check.Address, check.Port, check.ServiceID, check.IntervalNs, check.OnUpdate]),
      [["tcp", "192.0.2.5", 21_001, same.ID, 1e9, "require_healthy"]],
    );
    assert.deepEqual(sidecar({ Connect: sidecarOf({ DisableDefaultTCPCheck: true }) }).Checks, []);
  });

  test("passes on what its author says of the proxy, filled in; where it listens is not theirs to say", () => {
    const upstream = blank<Upstream>(Upstream, {
      DestinationName: "api-${meta.zone}",
      LocalBindPort: 8081,
      Datacenter: "${meta.zone}",
      MeshGateway: { Mode: "local" },
      Config: { protocol: "http", nested: ["${meta.zone}"] },
    });
    const query = blank<Upstream>(Upstream, {
      DestinationName: "near",
      DestinationType: "prepared_query",
      LocalBindSocketPath: "/x/${NOMAD_ALLOC_INDEX}.sock",
    });
    const Config = { bind_port: 1, protocol: "http", envoy_prometheus_bind_addr: "0.0.0.0:9102", envoy_stats_tags: ["nomad.job=mine"] };
    const { Proxy: made } = sidecar({
      Connect: sidecarOf({
        Proxy: aProxyBlock({ LocalServicePort: 7000, LocalServiceAddress: "127.0.0.2", Upstreams: [upstream, query], Config }),
      }),
    });
    assert.deepEqual([made.LocalServiceAddress, made.LocalServicePort], ["127.0.0.2", 7000]);
    assert.deepEqual(
      [made.Config["protocol"], made.Config["bind_port"], made.Config["envoy_prometheus_bind_addr"]],
      ["http", 22_001, "0.0.0.0:9102"],
    );
    assert.deepEqual(
      (made.Config["envoy_stats_tags"] as string[]).filter((tag) => tag.startsWith("nomad.job=")),
      ["nomad.job=mine"],
    );
    const [first, second] = made.Upstreams;
    assert.deepEqual(
      [first?.DestinationName, first?.DestinationType, first?.LocalBindPort, first?.Datacenter, first?.MeshGatewayMode, first?.Config],
      ["api-west", "service", 8081, "west", "local", { protocol: "http", nested: ["west"] }],
    );
    assert.deepEqual([second?.DestinationType, second?.LocalBindSocketPath], ["prepared_query", "/x/0.sock"]);
  });

  test("exposes paths on labels of its network, and listens for them inside", () => {
    const Paths = [{ Path: "/health", Protocol: "http", LocalPathPort: 8080, ListenerPort: "expose" }];
    const made = sidecar({ Connect: sidecarOf({ Proxy: aProxyBlock({ Expose: { Paths } }) }) });
    assert.deepEqual(made.Proxy.ExposePaths, [{ Path: "/health", Protocol: "http", LocalPathPort: 8080, ListenerPort: 9102 }]);
  });

  test("takes all of the allocation's traffic where it is transparent", () => {
    const through = (more: Partial<TransparentProxy>): ProxyRegistration =>
      sidecar({ Connect: sidecarOf({ Proxy: aProxyBlock({ TransparentProxy: blank<TransparentProxy>(TransparentProxy, more) }) }) }).Proxy;
    assert.deepEqual([through({}).Mode, through({}).TransparentProxyOutboundPort], ["transparent", 15_001]);
    assert.equal(through({ OutboundPort: 16_001 }).TransparentProxyOutboundPort, 16_001);
    assert.equal(sidecar({ Connect: sidecarOf() }).Proxy.Mode, "");
  });

  test("is not made known without it: a port that is missing is a problem for people", () => {
    const { instances, problems } = offered({ Connect: sidecarOf() }, [aPort("http", 20_001, 8080)]);
    assert.deepEqual(instances, []);
    assert.deepEqual(problems, [`service "web": its sidecar: the group's network has no port "connect-proxy-web"`]);
    const Paths = [{ Path: "/health", Protocol: "http", LocalPathPort: 8080, ListenerPort: "nowhere" }];
    const other = offered({ Connect: sidecarOf({ Proxy: aProxyBlock({ Expose: { Paths } }) }) });
    assert.deepEqual(other.problems, [`service "web": its exposed path "/health": the group's network has no port "nowhere"`]);
  });
});

test("a native service says no more than that; one without connect nothing", () => {
  assert.deepEqual(offered({ Connect: connect({ Native: true }) }).instances[0]?.Mesh, { kind: "native" });
  assert.equal("Mesh" in (offered({}).instances[0] ?? {}), false);
});

describe("a gateway", () => {
  type GatewayProxy = NonNullable<Gateway["Proxy"]>;
  const gateway = (kind: Partial<Gateway>, proxy: Partial<GatewayProxy> = {}): Connect => {
    const nothing: GatewayProxy = {
      ConnectTimeout: 5e9,
      EnvoyGatewayBindTaggedAddresses: false,
      EnvoyGatewayBindAddresses: {},
      EnvoyGatewayNoDefaultBind: false,
      EnvoyDNSDiscoveryType: "",
      Config: {},
    };
    return connect({ Gateway: blank<Gateway>(Gateway, { Proxy: { ...nothing, ...proxy }, ...kind }) });
  };
  const everywhere = (Name: string, Port: number) => ({ [Name]: { Name, Address: "0.0.0.0", Port } });
  const made = (service: Partial<Service>, ports?: readonly AllocatedPort[]) => {
    const { instances, problems } = offered(service, ports);
    assert.deepEqual(problems, []);
    const [instance] = instances;
    assert.ok(instance?.Mesh?.kind === "gateway");
    return { ...instance, Config: instance.Mesh.proxy.Config };
  };

  test("listens where its author says, and is told the rest of their words", () => {
    const EnvoyGatewayBindAddresses = everywhere("api", 8443);
    const { Kind, Config } = made({
      Connect: gateway(
        { Ingress: { TLS: null, Listeners: [] } },
        {
          EnvoyGatewayBindAddresses,
          EnvoyGatewayNoDefaultBind: true,
          EnvoyDNSDiscoveryType: "STRICT_DNS",
          Config: { zone: "${meta.zone}" },
        },
      ),
    });
    assert.equal(Kind, "ingress-gateway");
    assert.deepEqual(Config, {
      connect_timeout_ms: 5000,
      envoy_gateway_bind_addresses: { api: { address: "0.0.0.0", port: 8443 } },
      envoy_gateway_no_default_bind: true,
      envoy_dns_discovery_type: "STRICT_DNS",
      zone: "west",
    });
  });

  test("without a number listens on the inside of its port: a terminating one on the service's", () => {
    const EnvoyGatewayBindAddresses = everywhere("default", -1);
    const { Kind, Config, Port } = made({ Connect: gateway({ Terminating: { Services: [] } }, { EnvoyGatewayBindAddresses }) });
    assert.equal(Kind, "terminating-gateway");
    assert.equal(Port, 20_001);
    assert.deepEqual(Config["envoy_gateway_bind_addresses"], { default: { address: "0.0.0.0", port: 8080 } });
  });

  test("of the mesh is reached from outside by its own port, from within by the one it was given for that", () => {
    const EnvoyGatewayBindAddresses = { ...everywhere("wan", -1), ...everywhere("lan", -1) };
    const { Kind, Config, TaggedAddresses } = made({ Connect: gateway({ Mesh: {} }, { EnvoyGatewayBindAddresses }) }, [
      aPort("http", 20_001, 8443),
      { ...aPort("connect-mesh-web-lan", 20_002, 20_002), HostIP: "10.0.0.5" },
    ]);
    assert.equal(Kind, "mesh-gateway");
    assert.deepEqual(TaggedAddresses, { lan: { Address: "10.0.0.5", Port: 20_002 }, wan: { Address: "192.0.2.5", Port: 20_001 } });
    assert.deepEqual(Config["envoy_gateway_bind_addresses"], {
      wan: { address: "0.0.0.0", port: 8443 },
      lan: { address: "0.0.0.0", port: 20_002 },
    });
  });

  test("of Consul's API is one by its kind", () => {
    assert.equal(made({ Kind: "api-gateway", Connect: gateway({}) }).Kind, "api-gateway");
    assert.equal(offered({ Kind: "api-gateway" }).instances[0]?.Kind, "api-gateway");
  });
});
