/**
 * What every Catalog promises, whichever maker: a suite to run over each.
 *
 *   catalogConformance({ name: "memory", make: async () => { …; return { catalog: (owner) => …, close } } })
 *
 * `catalog(owner)` is the catalog as one node's agent sees it; asked for the same owner again it is a new life of the same agent.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AllocationId } from "#model";
import {
  catalogDigest,
  type Catalog,
  type CheckInstance,
  type ProxyRegistration,
  type ServiceInstance,
  type SidecarRegistration,
  type UpstreamRegistration,
} from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";

export interface CatalogUnderTest {
  catalog(owner: string): Catalog;
  /** Everything is forgotten, as after a loss of its data; undefined: this maker has no such fault to show. */
  wipe?(): Promise<void>;
  /** true: it cannot be reached. */
  away?(away: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface CatalogMaker {
  readonly name: string;
  readonly provider: Catalog["provider"];
  /** Ids of nodes, as the maker wants them. */
  readonly owners?: readonly [string, string];
  make(): Promise<CatalogUnderTest>;
}

const ALLOCATION = "aaaaaaaa-0000-4000-8000-000000000001" as AllocationId;

/** A service without checks unless said otherwise. */
export function aServiceInstance(name: string, more: Partial<ServiceInstance> = {}): ServiceInstance {
  return {
    ID: `_nomad-task-${ALLOCATION}-group-web-${name}-http`,
    Provider: "consul",
    Name: name,
    AllocationID: ALLOCATION,
    Task: "",
    Tags: ["one", "two"],
    Meta: { "external-source": "nomad", tier: "front" },
    Address: "127.0.0.1",
    Port: 20_001,
    TaggedAddresses: {},
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    Kind: "",
    Checks: [],
    ...more,
  };
}

export function aCheckInstance(service: string, more: Partial<CheckInstance> = {}): CheckInstance {
  return {
    ID: `_nomad-check-${service}`,
    ServiceID: `_nomad-task-${ALLOCATION}-group-web-${service}-http`,
    Name: `${service} lives`,
    Type: "script",
    Address: "",
    Port: 0,
    Protocol: "",
    Path: "",
    Method: "",
    Header: {},
    Body: "",
    Command: "/bin/true",
    Args: [],
    Task: "main",
    IntervalNs: 10e9,
    TimeoutNs: 2e9,
    InitialStatus: "",
    OnUpdate: "require_healthy",
    SuccessBeforePassing: 0,
    FailuresBeforeCritical: 0,
    FailuresBeforeWarning: 0,
    TlsServerName: "",
    TlsSkipVerify: false,
    GrpcService: "",
    GrpcUseTls: false,
    Notes: "",
    Restart: null,
    ...more,
  };
}

/** `service` with a sidecar of its own. */
export function withSidecar(service: ServiceInstance, changes: Partial<SidecarRegistration> = {}, proxy: Partial<ProxyRegistration> = {}) {
  const ID = `${service.ID}-sidecar-proxy`;
  const sidecar: SidecarRegistration = {
    ID,
    Name: `${service.Name}-sidecar-proxy`,
    Address: "127.0.0.1",
    Port: 20_101,
    Tags: service.Tags,
    Meta: service.Meta,
    Proxy: {
      ...aProxy(),
      DestinationServiceName: service.Name,
      DestinationServiceID: service.ID,
      LocalServicePort: service.Port,
      ...proxy,
    },
    Checks: [
      aCheckInstance(service.Name, {
        ID: `_nomad-check-${service.Name}-listening`,
        ServiceID: ID,
        Type: "tcp",
        Address: "127.0.0.1",
        Port: 20_101,
        Command: "",
        Task: "",
      }),
    ],
    AliasService: service.ID,
    ...changes,
  };
  return { ...service, Mesh: { kind: "sidecar", sidecar } } as const satisfies ServiceInstance;
}

export function aProxy(changes: Partial<ProxyRegistration> = {}): ProxyRegistration {
  return {
    DestinationServiceName: "",
    DestinationServiceID: "",
    LocalServiceAddress: "127.0.0.1",
    LocalServicePort: 0,
    Mode: "",
    TransparentProxyOutboundPort: 0,
    Config: { bind_address: "0.0.0.0", bind_port: 20_101 },
    Upstreams: [],
    ExposePaths: [],
    ...changes,
  };
}

export function anUpstream(changes: Partial<UpstreamRegistration> = {}): UpstreamRegistration {
  return {
    DestinationType: "service",
    DestinationName: "api",
    DestinationNamespace: "",
    DestinationPeer: "",
    DestinationPartition: "",
    Datacenter: "",
    LocalBindAddress: "",
    LocalBindPort: 8080,
    LocalBindSocketPath: "",
    LocalBindSocketMode: "",
    MeshGatewayMode: "",
    Config: {},
    ...changes,
  };
}

export function catalogConformance(maker: CatalogMaker): void {
  const [HERE, THERE] = maker.owners ?? ["11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"];
  const service = (name: string, more: Partial<ServiceInstance> = {}) => aServiceInstance(name, { Provider: maker.provider, ...more });
  const owned = async (catalog: Catalog) => Object.fromEntries([...(await catalog.owned())].map(([id, each]) => [id, each.digest]));
  const removeAll = async (catalog: Catalog) => {
    for (const id of (await catalog.owned()).keys()) await catalog.deregister(id, "");
  };

  describe(`catalog "${maker.name}"`, () => {
    let under: CatalogUnderTest;
    before(async () => {
      under = await maker.make();
    });
    after(async () => {
      await under.close();
    });

    test("says what was registered, and nothing after it was deregistered", async () => {
      const catalog = under.catalog(HERE);
      assert.equal(catalog.provider, maker.provider);
      assert.deepEqual(await owned(catalog), {});
      const web = service("web");
      await catalog.register(web, "");
      assert.deepEqual(await owned(catalog), { [web.ID]: catalogDigest(web) });
      await catalog.deregister(web.ID, "");
      assert.deepEqual(await owned(catalog), {});
      await catalog.deregister(web.ID, "");
    });

    test("a registration replaces the older one of its id, whatever of it changed", async () => {
      const catalog = under.catalog(HERE);
      const first = service("web", { Checks: maker.provider === "consul" ? [aCheckInstance("web")] : [] });
      await catalog.register(first, "");
      for (const next of [
        service("web", { Tags: ["three"] }),
        service("web", { Tags: [] }),
        service("web", { Address: "127.0.0.2", Port: 20_002 }),
        service("web", { Meta: { other: "meta" }, Weights: { Passing: 5, Warning: 2 }, EnableTagOverride: true }),
        service("web", { TaggedAddresses: { wan_ipv4: { Address: "192.0.2.7", Port: 80 } } }),
        service("web", { Address: "" }),
      ]) {
        await catalog.register(next, "");
        assert.deepEqual(await owned(catalog), { [next.ID]: catalogDigest(next) });
        const checks = (await catalog.owned()).get(next.ID)?.checkIds;
        assert.deepEqual(checks, [], "checks it has no more are gone");
      }
      await removeAll(catalog);
    });

    test("is known after the agent's next start, and never taken for another agent's (F29)", async () => {
      const here = under.catalog(HERE);
      const there = under.catalog(THERE);
      const mine = service("mine");
      const theirs = service("theirs");
      await here.register(mine, "");
      await there.register(theirs, "");
      assert.deepEqual(await owned(under.catalog(HERE)), { [mine.ID]: catalogDigest(mine) });
      assert.deepEqual(await owned(under.catalog(THERE)), { [theirs.ID]: catalogDigest(theirs) });
      await here.deregister(mine.ID, "");
      assert.deepEqual(await owned(there), { [theirs.ID]: catalogDigest(theirs) });
      await removeAll(there);
    });

    test("twenty at a time come to stand all, and go all", async () => {
      const catalog = under.catalog(HERE);
      const many = Array.from({ length: 20 }, (_, index) => service(`many-${index}`, { Port: 21_000 + index }));
      await Promise.all(many.map((each) => catalog.register(each, "")));
      assert.deepEqual(await owned(catalog), Object.fromEntries(many.map((each) => [each.ID, catalogDigest(each)])));
      await Promise.all(many.map((each) => catalog.deregister(each.ID, "")));
      assert.deepEqual(await owned(catalog), {});
    });

    if (maker.provider === "consul") {
      test("a service stands with its place in the mesh as it was said, whatever of it changes, and goes with all of it", async () => {
        const catalog = under.catalog(HERE);
        const plain = service("web");
        for (const next of [
          withSidecar(plain),
          withSidecar(plain, { Port: 20_102, Tags: ["other"], Meta: { own: "meta" } }),
          withSidecar(plain, { Checks: [] }),
          withSidecar(
            plain,
            {},
            { Upstreams: [anUpstream(), anUpstream({ DestinationName: "db", LocalBindPort: 8081, Datacenter: "dc2" })] },
          ),
          withSidecar(
            plain,
            {},
            {
              Upstreams: [
                anUpstream({
                  MeshGatewayMode: "local",
                  Config: { protocol: "http", connect_timeout_ms: 1500, limits: { max_connections: 3 } },
                }),
                anUpstream({ DestinationName: "q", DestinationType: "prepared_query", LocalBindAddress: "127.0.0.2", LocalBindPort: 8082 }),
                anUpstream({ DestinationName: "s", LocalBindPort: 0, LocalBindSocketPath: "/tmp/s.sock", LocalBindSocketMode: "0600" }),
                anUpstream({ DestinationName: "p", DestinationPeer: "cloud", LocalBindPort: 8083 }),
              ],
            },
          ),
          withSidecar(plain, {}, { Mode: "transparent", TransparentProxyOutboundPort: 15_001 }),
          withSidecar(plain, {}, { Mode: "transparent" }),
          withSidecar(
            plain,
            {},
            {
              Config: { b: [1, "two", { three: null }], a: { z: 1.5, y: false, x: "" }, envoy_stats_tags: ["a=b"], big: 12_345_678_901 },
              ExposePaths: [{ Path: "/health", Protocol: "http", LocalPathPort: 9001, ListenerPort: 21_500 }],
            },
          ),
          { ...plain, Mesh: { kind: "native" } as const },
          plain,
          withSidecar(plain),
        ] satisfies ServiceInstance[]) {
          await catalog.register(next, "");
          assert.deepEqual(await owned(catalog), { [next.ID]: catalogDigest(next) }, JSON.stringify(next.Mesh));
          await catalog.register(next, "");
          assert.deepEqual(await owned(under.catalog(HERE)), { [next.ID]: catalogDigest(next) }, "also to the agent's next life");
        }
        await catalog.deregister(plain.ID, "");
        assert.deepEqual(await owned(catalog), {});
        assert.equal((await catalog.checks())?.size, 0);
      });

      test("the checks of a sidecar are its service's, and what is said of it is seen", async () => {
        const catalog = under.catalog(HERE);
        const web = withSidecar(service("web", { Checks: [aCheckInstance("web", { InitialStatus: "passing" })] }));
        await catalog.register(web, "");
        const listening = "_nomad-check-web-listening";
        assert.ok((await catalog.owned()).get(web.ID)?.checkIds.includes(listening));
        assert.equal((await catalog.checks())?.get("_nomad-check-web")?.status, "passing");
        assert.equal((await catalog.checks())?.get(listening)?.status, "critical", "nobody listens there");
        await removeAll(catalog);
        assert.equal((await catalog.checks())?.has(listening), false);
      });

      for (const Kind of ["ingress-gateway", "terminating-gateway", "mesh-gateway", "api-gateway"]) {
        test(`a gateway stands as what it is: ${Kind}`, async () => {
          const catalog = under.catalog(HERE);
          const proxy = aProxy({
            LocalServiceAddress: "",
            Config: {
              connect_timeout_ms: 5000,
              envoy_gateway_no_default_bind: true,
              envoy_gateway_bind_addresses: { default: { address: "0.0.0.0", port: 8443 } },
            },
          });
          const places = {
            lan: { Address: "127.0.0.1", Port: 20_001 },
            wan: { Address: "192.0.2.7", Port: 443 },
          };
          const gateway = service("edge", { Kind, TaggedAddresses: places, Mesh: { kind: "gateway", proxy } });
          await catalog.register(gateway, "");
          assert.deepEqual(await owned(catalog), { [gateway.ID]: catalogDigest(gateway) });
          const other = { ...gateway, Mesh: { kind: "gateway", proxy: { ...proxy, Config: { connect_timeout_ms: 1 } } } as const };
          await catalog.register(other, "");
          assert.deepEqual(await owned(catalog), { [gateway.ID]: catalogDigest(other) });
          await removeAll(catalog);
        });
      }

      test("its checks begin as they say, take what is reported, and keep it over the same registration again", async () => {
        const catalog = under.catalog(HERE);
        const silent = aCheckInstance("web", { ID: "_nomad-check-silent" });
        const hopeful = aCheckInstance("web", { ID: "_nomad-check-hopeful", InitialStatus: "passing" });
        const web = service("web", { Checks: [silent, hopeful] });
        await catalog.register(web, "");
        assert.deepEqual((await catalog.owned()).get(web.ID)?.checkIds.toSorted(), [hopeful.ID, silent.ID]);
        assert.equal((await catalog.checks())?.get(silent.ID)?.status, "critical");
        assert.equal((await catalog.checks())?.get(hopeful.ID)?.status, "passing");
        for (const status of ["passing", "warning", "critical", "passing"] as const) {
          await catalog.reportCheck(silent.ID, { status, output: `it is ${status}` }, "");
          await eventually(`the check to be ${status}`, async () => {
            const standing = (await catalog.checks())?.get(silent.ID);
            assert.equal(standing?.status, status);
            assert.match(standing?.output ?? "", new RegExp(`it is ${status}`));
            return true;
          });
        }
        await catalog.register(web, "");
        assert.equal((await catalog.checks())?.get(silent.ID)?.status, "passing", "what passes goes on passing");
        await catalog.register({ ...web, Tags: ["other"] }, "");
        assert.equal((await catalog.checks())?.get(silent.ID)?.status, "passing", "also over a new tag");
        await catalog.deregister(web.ID, "");
        assert.equal((await catalog.checks())?.has(silent.ID), false);
        await assert.rejects(catalog.reportCheck(silent.ID, { status: "passing", output: "" }, ""), NamedError);
      });
    } else {
      test("runs no checks", () => {
        assert.equal(under.catalog(HERE).checks(), undefined);
      });
    }

    test("after the loss of its data nothing stands there, and the same registration brings it back", async (context) => {
      if (under.wipe === undefined) {
        context.skip("this maker cannot lose its data");
        return;
      }
      const catalog = under.catalog(HERE);
      const web = service("web");
      await catalog.register(web, "");
      await under.wipe();
      await eventually("the loss to show", async () => {
        assert.deepEqual(await owned(catalog), {});
        return true;
      });
      await catalog.register(web, "");
      assert.deepEqual(await owned(catalog), { [web.ID]: catalogDigest(web) });
      await removeAll(catalog);
    });

    test("says so when it cannot be reached, whatever is asked of it", async (context) => {
      if (under.away === undefined) {
        context.skip("this maker is always there");
        return;
      }
      const catalog = under.catalog(HERE);
      await under.away(true);
      const unreachable = (thrown: unknown) => thrown instanceof NamedError && thrown.code === "CATALOG_UNREACHABLE";
      await assert.rejects(catalog.owned(), unreachable);
      await assert.rejects(catalog.register(service("web"), ""), unreachable);
      await assert.rejects(catalog.deregister("_nomad-task-x", ""), unreachable);
      await under.away(false);
      await eventually("an answer", async () => await catalog.owned());
    });
  });
}
