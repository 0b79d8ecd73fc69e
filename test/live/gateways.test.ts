/** Gateways of jobs on a real Consul and Envoy: ways into the mesh, out of it, and between two datacenters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, ask, isTurnedAway } from "./parts/ask.ts";
import { startHttpApp } from "./parts/http-app.ts";
import { difference, hostState } from "./parts/host-state.ts";
import { gatewayGroup, jobOf, meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld, type MeshWorld } from "./parts/mesh-world.ts";
import { startTwoDatacenters } from "./parts/two-datacenters.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

const entry = async (world: MeshWorld, kind: string, name: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
  const response = await world.consul.api(`/v1/config/${kind}/${name}`);
  return response.status === 404 ? undefined : ((await response.json()) as Readonly<Record<string, unknown>>);
};

const http = (world: MeshWorld, ...services: readonly string[]) =>
  Promise.all(services.map((Name) => world.consul.put("/v1/config", { Kind: "service-defaults", Name, Protocol: "http" })));

/** What the first network of a host brings and the next one finds: the bridge and the tables' own chains. */
const OF_THE_BRIDGE =
  /^left: (interface nomad:|address nomad |(IPv6 )?firewall rule (filter|nat) (:[A-Z-]+|-A (CNI-FORWARD|NOMAD-ADMIN|FORWARD|OUTPUT|PREROUTING|POSTROUTING|CNI-HOSTPORT-MASQ|CNI-HOSTPORT-SETMARK) ((?!CNI-[0-9a-f]{20}).)*$))/;

test(
  "ways into the mesh by tcp, by host and through an api gateway's routes, and a way out of it; what they serve comes and goes with their jobs",
  LIVE,
  async (t) => {
    const world = await startMeshWorld(t, { acl: true });
    const { consul } = world;
    await http(world, "red", "blue");
    // Out there: nobody of the mesh.
    const billing = await startHttpApp(t, { host: world.host, word: "billing" });
    const at = new URL(billing.url);
    await consul.put("/v1/catalog/register", {
      Node: "outside",
      Address: at.hostname,
      SkipNodeUpdate: true,
      Service: { ID: "billing", Service: "billing", Address: at.hostname, Port: Number(at.port) },
    });
    await consul.put("/v1/acl/policy", { Name: "behind-egress", Rules: 'service "billing" { policy = "write" }' });
    await consul.put("/v1/acl/role", { Name: "nomad-service-egress", Policies: [{ Name: "behind-egress" }] });
    // An api gateway's entries are its operator's, and it reads them with its service's token.
    await consul.put("/v1/acl/policy", { Name: "reads-routes", Rules: 'mesh = "read"' });
    await consul.put("/v1/acl/role", { Name: "nomad-service-portal", Policies: [{ Name: "reads-routes" }] });
    const route = (Name: string, path: string, service: string) => ({
      Kind: "http-route",
      Name,
      Parents: [{ Kind: "api-gateway", Name: "portal", SectionName: "web" }],
      Rules: [{ Matches: [{ Path: { Match: "prefix", Value: path } }], Services: [{ Name: service }] }],
    });
    await consul.put("/v1/config", {
      Kind: "api-gateway",
      Name: "portal",
      Listeners: [
        { Name: "web", Port: 8090, Protocol: "http" },
        { Name: "raw", Port: 8091, Protocol: "tcp" },
      ],
    });
    await consul.put("/v1/config", route("to-red", "/upstream", "red"));
    await consul.put("/v1/config", route("to-blue", "/", "blue"));
    await consul.put("/v1/config", {
      Kind: "tcp-route",
      Name: "to-plain",
      Parents: [{ Kind: "api-gateway", Name: "portal", SectionName: "raw" }],
      Services: [{ Name: "plain" }],
    });
    for (const [source, destination] of [
      ["edge", "plain"],
      ["edge", "red"],
      ["edge", "blue"],
      ["front", "red"],
      ["portal", "plain"],
      ["portal", "red"],
      ["portal", "blue"],
      ["red", "billing"],
    ] as const)
      await world.intend(source, destination, "allow");

    const state = () => hostState({ host: world.host, consul, dataDirectory: world.agent.dataDirectory });
    const before = await state();
    await world.submit(
      meshJob("colours", [
        { name: "plain" },
        { name: "blue" },
        { name: "red", upstream: "http://127.0.0.1:9009", proxy: upstreamTo("billing", 9009) },
      ]),
    );
    await world.submit(INGRESS);
    await world.submit(ON_HOST);
    await world.submit(jobOf("egress", gatewayGroup("egress", 'proxy {}\nterminating {\n  service {\n    name = "billing"\n  }\n}')));
    await world.submit(API);
    const [edge] = await world.running("edge", 1, 90_000);
    const [portal] = await world.running("portal", 1, 90_000);
    await world.running("egress", 1, 90_000);
    await world.running("front", 1, 90_000);
    await world.running("colours", 3, 90_000);
    assert.ok(edge && portal);

    const [tcp, web] = [await world.address(edge, "tcp"), await world.address(edge, "web")];
    await answers(world, "plain", tcp);
    await answers(world, "red", web, "/", "red.example.com");
    await answers(world, "blue", web, "/", "blue.ingress.consul:8081");
    await answers(world, "red <- billing", web, "/upstream", "red.example.com");
    assert.equal((await ask(web, "/", "nobody.example.com")).status, 404);
    await answers(world, "red", `${world.host.address}:18080`, "/", "red.ingress.dc1.consul");
    await world.intend("edge", "plain", "deny");
    await eventually("the intention to cut", () => isTurnedAway(tcp));

    const [routed, raw] = [await world.address(portal, "web"), await world.address(portal, "raw")];
    await answers(world, "blue", routed);
    await answers(world, "red <- billing", routed, "/upstream");
    await answers(world, "plain", raw);

    const written = await entry(world, "ingress-gateway", "edge");
    assert.deepEqual(written?.["Meta"], { "external-source": "nomad", "drover-namespace": "default", "drover-job": "edge" });
    assert.equal(((await entry(world, "terminating-gateway", "egress"))?.["Services"] as object[] | undefined)?.length, 1);
    await Promise.all(["edge", "front", "egress", "portal", "colours"].map((job) => world.purge(job)));
    await eventually("the entries to go with their jobs", async () => {
      const left = await Promise.all([entry(world, "ingress-gateway", "edge"), entry(world, "terminating-gateway", "egress")]);
      return left.every((each) => each === undefined);
    });
    assert.notEqual(await entry(world, "api-gateway", "portal"), undefined, "what its operator wrote is not the job's");
    await world.agent.request("/v1/system/gc", { method: "PUT" });
    await eventually("nothing to be left", async () => {
      const left = difference(before, await state()).filter((line) => !OF_THE_BRIDGE.test(line) && !line.includes("/log-keeper/"));
      if (left.length > 0) throw new Error(left.join("\n"));
      return true;
    });
  },
);

const INGRESS = jobOf(
  "edge",
  gatewayGroup(
    "edge",
    `proxy {}
          ingress {
            listener {
              port     = 8080
              protocol = "tcp"
              service {
                name = "plain"
              }
            }
            listener {
              port     = 8081
              protocol = "http"
              service {
                name  = "red"
                hosts = ["red.example.com", "red.example.com:8081"]
              }
              service {
                name = "blue"
              }
            }
          }`,
    { port: "tcp", ports: 'port "tcp" {\n        to = 8080\n      }\n      port "web" {\n        to = 8081\n      }' },
  ),
);

/** On the machine's own network, as the way into a cluster often is. */
const ON_HOST = jobOf(
  "front",
  gatewayGroup(
    "front",
    `ingress {
            listener {
              port     = 18080
              protocol = "http"
              service {
                name = "*"
              }
            }
          }`,
    { mode: "host", port: "inbound", ports: 'port "inbound" {\n        static = 18080\n      }' },
  ),
);

const API = jobOf(
  "portal",
  gatewayGroup("portal", "proxy {}", {
    port: "web",
    service: 'kind = "api-gateway"',
    ports: 'port "web" {\n        to = 8090\n      }\n      port "raw" {\n        to = 8091\n      }',
  }),
);

test("services of two datacenters talk through the mesh gateways of both, and only so", LIVE, async (t) => {
  const [near, far] = await startTwoDatacenters(t);
  // As Nomad's own example has it.
  const ports = 'port "mesh_wan" {\n        host_network = "public"\n      }';
  const gateway = jobOf("between", gatewayGroup("between", "mesh {}\nproxy {}", { port: "mesh_wan", ports }));
  const through = 'datacenter = "dc2"\nmesh_gateway {\n  mode = "local"\n}';
  await Promise.all([
    far.submit(meshJob("api", [{ name: "api" }])),
    far.submit(gateway),
    near.submit(gateway),
    near.submit(meshJob("web", [{ name: "web", open: true, upstream: "http://127.0.0.1:9001", proxy: upstreamTo("api", 9001, through) }])),
  ]);
  const [[web], [out]] = await Promise.all([near.running("web"), near.running("between"), far.running("between"), far.running("api")]);
  assert.ok(web && out);
  const address = await near.address(web, "http");
  await answers(near, "web <- api", address, "/upstream");

  // Without the near gateway there is no way.
  await near.purge("between");
  await eventually("nothing to answer", async () => (await ask(address, "/upstream")).status === 502);
  await near.submit(gateway);
  await near.running("between");
  await answers(near, "web <- api", address, "/upstream");
});
