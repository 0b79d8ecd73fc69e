/** A service's sidecar in the real Consul: it stands and goes with its service, drift is seen, an Envoy beside it becomes ready; also where ACLs deny. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, describe, test, type TestContext } from "node:test";
import { AGENT_RULES, consulCatalog, consulMesh, type ConsulConnection } from "#integrations/consul";
import { catalogDigest, type Catalog, type Mesh, type ServiceInstance } from "#ports";
import { NamedError } from "#std";
import { registrationsOf } from "../../integrations/consul/registration.ts";
import { toolPath } from "../../scripts/tool-path.ts";
import { anUpstream, aProxy, aServiceInstance, withSidecar } from "../conformance/catalog.ts";
import { DEFAULT, ingressTo, terminatingTo } from "../conformance/mesh.ts";
import { eventually } from "../eventually.ts";
import { connectionTo, suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { freePorts } from "./parts/ports.ts";
import { partProcess, type PartOwner } from "./parts/process.ts";

const OWNER = "11111111-2222-4333-8444-555555555555";
const LIMIT_MS = 20_000;

const meshOf = (connection: ConsulConnection): Mesh => consulMesh({ connection, grpcAddress: "", grpcCaFile: "", caFile: "" });

async function said(catalog: Catalog): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries([...(await catalog.owned())].map(([id, each]) => [id, each.digest]));
}

async function idsIn(consul: RealConsul): Promise<readonly string[]> {
  return Object.keys(await consul.get<Readonly<Record<string, unknown>>>("/v1/agent/services")).toSorted();
}

describe("a sidecar in Consul", () => {
  const owner = suiteOwner(after);
  let started: Promise<RealConsul> | undefined;
  const consulHere = () => (started ??= startConsul({ owner }));

  test("is missed when somebody took it away, and its service registered again brings it back", async () => {
    const consul = await consulHere();
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: OWNER });
    const web = withSidecar(aServiceInstance("web"));
    await catalog.register(web, "");
    await consul.put(`/v1/agent/service/deregister/${web.Mesh.sidecar.ID}`, {});
    assert.notEqual((await said(catalog))[web.ID], catalogDigest(web));
    await catalog.register(web, "");
    assert.deepEqual(await said(catalog), { [web.ID]: catalogDigest(web) });
    assert.deepEqual(await idsIn(consul), [web.ID, web.Mesh.sidecar.ID]);
    await catalog.deregister(web.ID, "");
    assert.deepEqual(await idsIn(consul), []);
  });

  test("is seen when somebody changed it: its port, what it leads to, its configuration, its checks", async () => {
    const consul = await consulHere();
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: OWNER });
    const web = withSidecar(aServiceInstance("web"), {}, { Upstreams: [anUpstream()] });
    for (const [what, changed] of Object.entries<ServiceInstance>({
      port: withSidecar(web, { Port: 1 }, { Upstreams: [anUpstream()] }),
      upstream: withSidecar(web, {}, { Upstreams: [anUpstream({ LocalBindPort: 1 })] }),
      configuration: withSidecar(web, {}, { Upstreams: [anUpstream()], Config: { bind_port: 1 } }),
      destination: withSidecar(web, {}, { Upstreams: [anUpstream()], LocalServicePort: 1 }),
      check: withSidecar(web, { Checks: [] }, { Upstreams: [anUpstream()] }),
      tags: withSidecar(web, { Tags: ["theirs"] }, { Upstreams: [anUpstream()] }),
    })) {
      await catalog.register(web, "");
      assert.equal((await said(catalog))[web.ID], catalogDigest(web), what);
      // As somebody would do who knows the sidecar only: its service stays as it is.
      await consul.put("/v1/agent/service/register?replace-existing-checks=true", registrationsOf(changed, OWNER).sidecar);
      assert.equal((await said(catalog))[web.ID], "altered", what);
    }
    await catalog.deregister(web.ID, "");
    assert.deepEqual(await idsIn(consul), []);
  });

  test("that is held down by its alias check alone is seen, and registered again it is well at once", async () => {
    const consul = await consulHere();
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: OWNER });
    const web = withSidecar(aServiceInstance("web", { Checks: [] }), { Checks: [] });
    const { sidecar } = registrationsOf(web, OWNER);
    const [alias] = sidecar?.Checks ?? assert.fail();
    assert.ok(alias);
    const status = async () =>
      (await consul.get<Record<string, { Status: string } | undefined>>("/v1/agent/checks"))[alias.CheckID]?.Status;
    await catalog.register(web, "");
    await eventually("the alias to pass", async () => (await status()) === "passing", LIMIT_MS);
    assert.equal((await said(catalog))[web.ID], catalogDigest(web));
    // What Consul makes of it when it is registered while Consul starts: critical, with a minute to the next look.
    await consul.put("/v1/agent/service/register?replace-existing-checks=true", {
      ...sidecar,
      Checks: [{ ...alias, AliasService: "nobody" }],
    });
    await eventually("the alias not to pass", async () => (await status()) === "critical", LIMIT_MS);
    assert.equal((await said(catalog))[web.ID], "altered");
    await catalog.register(web, "");
    await eventually("the alias to pass again", async () => (await status()) === "passing", 5_000);
    assert.equal((await said(catalog))[web.ID], catalogDigest(web));
    await catalog.deregister(web.ID, "");
  });

  test("that outlived its service is known as that service's, and goes with it, also after the agent's next start", async () => {
    const consul = await consulHere();
    const make = () => consulCatalog({ connection: connectionTo(consul, owner), owner: OWNER });
    const web = withSidecar(aServiceInstance("web"));
    await make().register(web, "");
    await make().deregister(web.ID, "");
    const { Checks: _alias, ...alone } = registrationsOf(web, OWNER).sidecar ?? assert.fail();
    await consul.put("/v1/agent/service/register", alone);
    const catalog = make();
    assert.deepEqual(await said(catalog), { [web.ID]: "altered" });
    await catalog.deregister(web.ID, "");
    assert.deepEqual(await idsIn(consul), []);
    assert.deepEqual(await said(catalog), {});
  });

  test("goes with its service also after Consul was restarted", async () => {
    const consul = await consulHere();
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: OWNER });
    const web = withSidecar(aServiceInstance("web"));
    await catalog.register(web, "");
    await consul.restart();
    assert.deepEqual(await said(catalog), { [web.ID]: catalogDigest(web) }, "what was read from its disk says the same");
    await catalog.deregister(web.ID, "");
    assert.deepEqual(await idsIn(consul), []);
  });
});

describe("a Consul that denies by default", () => {
  const owner = suiteOwner(after);
  let started: Promise<RealConsul> | undefined;
  const consulHere = () => (started ??= startConsul({ owner, acl: true }));
  const tokenWith = async (body: object): Promise<string> =>
    (await (await consulHere()).put<{ SecretID: string }>("/v1/acl/token", body)).SecretID;
  const withRules = async (name: string, Rules: string): Promise<string> => {
    await (await consulHere()).put("/v1/acl/policy", { Name: name, Rules });
    return tokenWith({ Policies: [{ Name: name }] });
  };
  /** What `setup consul` gives the service of that name. */
  const ofService = (ServiceName: string) => tokenWith({ ServiceIdentities: [{ ServiceName }] });

  test("lets a service's own token register it with its sidecar, and Envoy come up by that; the agent's rules see and mend it all", async (t) => {
    const consul = await consulHere();
    const connection = connectionTo(consul, owner, { token: await withRules("agents", AGENT_RULES) });
    const catalog = consulCatalog({ connection, owner: OWNER });
    const mesh = meshOf(connection);
    const [publicPort = 0, upstreamPort = 0] = await freePorts(2);
    const app = await listening(t);
    const web = withSidecar(
      aServiceInstance("web", { Port: app }),
      { Port: publicPort, Checks: [] },
      {
        LocalServicePort: app,
        Config: { bind_address: "127.0.0.1", bind_port: publicPort },
        Upstreams: [anUpstream({ LocalBindPort: upstreamPort })],
      },
    );
    const api = withSidecar(aServiceInstance("api", { Port: app }), { Port: publicPort, Checks: [] }, { LocalServicePort: app });
    const [webToken, apiToken] = await Promise.all([ofService("web"), ofService("api")]);
    await catalog.register(web, webToken);
    await catalog.register(api, apiToken);
    assert.deepEqual(await said(catalog), { [web.ID]: catalogDigest(web), [api.ID]: catalogDigest(api) });
    assert.equal((await mesh.mayConnect("web", "api")).defaultAllow, false);
    await consul.put("/v1/config", { Kind: "service-intentions", Name: "api", Sources: [{ Name: "web", Action: "allow" }] });
    assert.equal((await mesh.mayConnect("web", "api")).allowed, true);
    assert.equal((await mesh.service("web"))?.proxies.length, 1);
    assert.equal((await mesh.authority()).provider, "consul");

    const endpoint = await mesh.endpoint();
    assert.equal(endpoint?.port, consul.grpcPort);
    assert.equal(endpoint?.tls, false);
    const admin = await startEnvoy(owner, consul, ["-proxy-id", web.Mesh.sidecar.ID], webToken);
    await eventually("both listeners", async () => (await listenersOf(admin)).length >= 2 && (await isLive(admin)), LIMIT_MS);
    assert.match(await text(admin, "/certs"), /spiffe:\/\/[^"]*\/svc\/web"/);

    await catalog.deregister(web.ID, webToken);
    await catalog.deregister(api.ID, "");
    assert.deepEqual(await said(catalog), {});
  });

  test("lets gateways come up by their service's own token, once what they serve was written by the agent's", async (t) => {
    const consul = await consulHere();
    const connection = connectionTo(consul, owner, { token: await withRules("servers", AGENT_RULES) });
    const catalog = consulCatalog({ connection, owner: OWNER });
    const mesh = meshOf(connection);
    const app = await listening(t);
    const [edgePort = 0, listenerPort = 0, outPort = 0] = await freePorts(3);
    const shop = withSidecar(aServiceInstance("shop", { Port: app }));
    const bind = (address: string, port: number) => ({
      envoy_gateway_no_default_bind: true,
      envoy_gateway_bind_addresses: { [address]: { address: "127.0.0.1", port } },
    });
    const edge = aServiceInstance("edge", {
      Kind: "ingress-gateway",
      Port: edgePort,
      Mesh: { kind: "gateway", proxy: aProxy({ LocalServiceAddress: "", Config: bind("shop", listenerPort) }) },
    });
    const out = aServiceInstance("out", {
      Kind: "terminating-gateway",
      Port: outPort,
      Mesh: { kind: "gateway", proxy: aProxy({ LocalServiceAddress: "", Config: bind("default", outPort) }) },
    });
    const ingress = ingressTo("shop");
    const [listener] = ingress.Ingress?.Listeners ?? [];
    assert.ok(listener !== undefined);
    const written = { ...ingress, Ingress: { TLS: null, Listeners: [{ ...listener, Port: listenerPort }] } };
    await mesh.writeGateway({ service: "edge", namespace: DEFAULT, jobId: "gateways", definition: written });
    await mesh.writeGateway({ service: "out", namespace: DEFAULT, jobId: "gateways", definition: terminatingTo("billing") });
    await catalog.register(shop, await ofService("shop"));
    const edgeToken = await ofService("edge");
    await catalog.register(edge, edgeToken);
    // Those behind it are its to stand for: `setup consul` gives a service the role of its name, which operators make.
    await consul.put("/v1/acl/policy", { Name: "billing", Rules: 'service "billing" { policy = "write" }' });
    await consul.put("/v1/acl/role", { Name: "nomad-service-out", Policies: [{ Name: "billing" }] });
    const outToken = await tokenWith({ ServiceIdentities: [{ ServiceName: "out" }], Roles: [{ Name: "nomad-service-out" }] });
    await catalog.register(out, outToken);
    assert.deepEqual(Object.keys(await said(catalog)).length, 3);

    const edgeAdmin = await startEnvoy(owner, consul, ["-gateway=ingress", "-proxy-id", edge.ID], edgeToken);
    const outAdmin = await startEnvoy(owner, consul, ["-gateway=terminating", "-proxy-id", out.ID], outToken);
    await eventually("the way in", async () => (await listenersOf(edgeAdmin)).length === 1 && (await isLive(edgeAdmin)), LIMIT_MS);
    await eventually("the way out", async () => (await listenersOf(outAdmin)).length === 1 && (await isLive(outAdmin)), LIMIT_MS);
    for (const [service, token] of [
      ["edge", edgeToken],
      ["out", outToken],
    ] as const) {
      await mesh.removeGateway({ service, namespace: DEFAULT, jobId: "gateways" });
      await catalog.deregister(aServiceInstance(service).ID, token);
    }
    await catalog.deregister(shop.ID, "");
    assert.deepEqual(await said(catalog), {});
  });

  test("refuses an entry in its own words: a listener of another protocol than its service, a service twice", async () => {
    const consul = await consulHere();
    const mesh = meshOf(connectionTo(consul, owner));
    const gateway = { service: "wrong", namespace: DEFAULT, jobId: "gateways" };
    const refused = (words: RegExp) => (thrown: unknown) =>
      thrown instanceof NamedError && thrown.code === "MESH_REFUSED" && words.test(thrown.message) && thrown.statusCode === 400;
    const ingress = ingressTo("plain");
    const [listener] = ingress.Ingress?.Listeners ?? [];
    assert.ok(listener !== undefined);
    const Listeners = [{ ...listener, Protocol: "http" }];
    await assert.rejects(
      mesh.writeGateway({ ...gateway, definition: { ...ingress, Ingress: { TLS: null, Listeners } } }),
      refused(/protocol "tcp"/),
    );
    await assert.rejects(mesh.writeGateway({ ...gateway, definition: terminatingTo("twice", "twice") }), refused(/more than once/));
  });

  test("is named with the rule that is missing", async () => {
    const consul = await consulHere();
    const few = meshOf(connectionTo(consul, owner, { token: await withRules("few", 'service_prefix "" { policy = "read" }') }));
    const denied = (rule: RegExp) => (thrown: unknown) =>
      thrown instanceof NamedError && thrown.code === "MESH_DENIED" && rule.test(thrown.fix ?? "") && thrown.statusCode === 403;
    await assert.rejects(few.endpoint(), denied(/agent_prefix/));
    assert.equal((await few.authority()).provider, "consul", "everybody may know who signs");
    const gateway = { service: "edge", namespace: DEFAULT, jobId: "gateways", definition: ingressTo("web") };
    await assert.rejects(few.writeGateway(gateway), denied(/mesh = "write"/));
    const nothing = meshOf(connectionTo(consul, owner, { token: await withRules("nothing", 'key_prefix "x" { policy = "read" }') }));
    await assert.rejects(nothing.mayConnect("web", "api"), denied(/service "api" \{ policy = "read"/));
    const unknown = meshOf(connectionTo(consul, owner, { token: "00000000-1111-4222-8333-444455556666" }));
    await assert.rejects(unknown.endpoint(), denied(/does not know the agent's token/));
  });
});

/** Answers nothing, but is there. */
async function listening(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Consul's own command makes its configuration: what we registered is all it knows. Resolves with where it is administered. */
async function startEnvoy(owner: PartOwner, consul: RealConsul, which: readonly string[], token: string): Promise<string> {
  const part = await partProcess("envoy", owner);
  const [adminPort = 0] = await freePorts(1);
  const admin = `127.0.0.1:${adminPort}`;
  const options = ["-http-addr", consul.httpAddress, "-grpc-addr", `127.0.0.1:${consul.grpcPort}`, "-admin-bind", admin, "-token", token];
  const envoy = ["-envoy-binary", toolPath("envoy"), "-ignore-envoy-compatibility"];
  // Envoys of one machine are told apart by their base id.
  const rest = ["--", "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"];
  await part.start(
    toolPath("consul"),
    ["connect", "envoy", ...which, ...options, ...envoy, ...rest],
    async () => (await fetch(`http://${admin}/server_info`)).ok,
  );
  return admin;
}

async function text(admin: string, path: string): Promise<string> {
  return (await fetch(`http://${admin}${path}`)).text();
}
const isLive = async (admin: string): Promise<boolean> => (await text(admin, "/ready")).startsWith("LIVE");
const listenersOf = async (admin: string): Promise<readonly string[]> =>
  (await text(admin, "/listeners")).split("\n").filter((line) => line !== "" && !line.startsWith("envoy_"));
