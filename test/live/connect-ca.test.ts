/** OpenBao signs the mesh's certificates: what proxies show was signed by it, and its root is exchanged under load without an error. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect as dialTcp, createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { connect as dialTls } from "node:tls";
import { testScale } from "../scale.ts";
import { loadOf } from "./parts/http-app.ts";
import { meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld, type MeshAllocation } from "./parts/mesh-world.ts";
import { startOpenBao } from "./parts/openbao.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 + testScale() * 60_000 };
/** Agents fetch new leaves spread over half a minute after a root was exchanged. */
const EXCHANGED_MS = 60_000;

interface Roots {
  readonly ActiveRootID: string;
  readonly Roots: readonly { readonly ID: string; readonly Name: string; readonly Active: boolean; readonly RootCert: string }[];
}

test("proxies show certificates that OpenBao signed, and its root is exchanged under load without an error", LIVE, async (t) => {
  const [world, bao] = await Promise.all([startMeshWorld(t), startOpenBao({ owner: t })]);
  const { consul } = world;
  // It is on the machine's loopback; Consul is on a host of its own.
  const address = `http://${await forwarded(t, world.network.gateway, bao.port)}`;
  const signBy = (root: string) =>
    consul.put("/v1/connect/ca/configuration", {
      Provider: "vault",
      Config: { Address: address, Token: bao.token, RootPKIPath: root, IntermediatePKIPath: `${root}-intermediate`, LeafCertTTL: "24h" },
    });
  /** As OpenBao itself says. */
  const rootOf = async (root: string) => {
    const { data } = await bao.get<{ data: { certificate: string } }>(`/v1/${root}/cert/ca`);
    return new X509Certificate(data.certificate);
  };
  const roots = () => consul.get<Roots>("/v1/connect/ca/roots");

  await signBy("root-0");
  await world.submit(
    meshJob("shop", [
      { name: "api", port: 9001 },
      { name: "web", open: true, upstream: "http://127.0.0.1:9009", proxy: upstreamTo("api", 9009) },
    ]),
  );
  const running = await world.running("shop", 2, 90_000);
  const [api, web] = ["api", "web"].map((name) => running.find(({ TaskGroup }) => TaskGroup === name));
  assert.ok(api && web);
  const ways = [await world.address(api, "connect-proxy-api"), await world.address(web, "connect-proxy-web")];
  const url = `http://${await world.address(web, "http")}/upstream`;
  await eventually("an answer", async () => (await fetch(url, { signal: AbortSignal.timeout(3_000) })).ok);

  const signedBy = async (root: string): Promise<void> => {
    const authority = await rootOf(root);
    for (const way of ways) {
      const [leaf, ...others] = await shownBy(way);
      assert.ok(leaf);
      assert.match(leaf.subjectAltName ?? "", /URI:spiffe:\/\/[^/]+\/ns\/default\/dc\/dc1\/svc\/(api|web)/);
      const signer = others.find((each) => leaf.checkIssued(each) && leaf.verify(each.publicKey));
      assert.ok(signer, `${way} shows who signed its certificate`);
      assert.ok(signer.verify(authority.publicKey), `${way}: "${signer.issuer}" is not OpenBao's ${root}`);
    }
  };

  await t.test("what each sidecar shows was signed by OpenBao's intermediate, and that by its root", async () => {
    const active = (await roots()).Roots.find((each) => each.Active);
    assert.equal(new X509Certificate(active?.RootCert ?? "").fingerprint256, (await rootOf("root-0")).fingerprint256);
    await signedBy("root-0");
  });

  await t.test("its root is exchanged under load: both come to certificates of the new one, and no request fails", async () => {
    const load = loadOf(t, { url, rate: 40 });
    const before = await Promise.all(running.map(({ ID }) => startsOf(ID)));
    for (let round = 1; round <= testScale(); round++) {
      const began = performance.now();
      await signBy(`root-${round}`);
      await eventually(
        "certificates of the new root",
        async () => {
          await signedBy(`root-${round}`);
          return true;
        },
        EXCHANGED_MS,
      );
      // Connections that were made with the old ones end, and so does what ran over them.
      await eventually("the old connections to end", async () => (await Promise.all(running.map(draining))).every((count) => count === 0));
      t.diagnostic(`exchanged after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
    const { requests, errors, failures, skipped, latencyMs } = await load.stop();
    t.diagnostic(`${requests} requests, ${errors} errors, p99 ${latencyMs["p99"]} ms`);
    assert.deepEqual([errors, skipped], [0, 0], JSON.stringify(failures));
    assert.ok(requests > 100);
    assert.deepEqual(await Promise.all(running.map(({ ID }) => startsOf(ID))), before, "no task, and no proxy, was started anew");
  });

  /** Of its sidecar: how many sets of connections still end. */
  async function draining({ ID, TaskGroup }: MeshAllocation): Promise<number> {
    const secrets = `${world.agent.dataDirectory}/alloc/${ID}/connect-proxy-${TaskGroup}/secrets`;
    const name = "listener_manager.total_filter_chains_draining";
    const said = await world.host.must("sh", "-c", `cd ${secrets} && curl -s --unix-socket envoy.sock 'http://proxy/stats?filter=${name}'`);
    return Number(/: (\d+)/.exec(said)?.[1] ?? assert.fail(said));
  }

  async function startsOf(id: string): Promise<unknown> {
    const { TaskStates } = await world.agent.get<{ TaskStates: Record<string, { Restarts: number; StartedAt: string }> }>(
      `/v1/allocation/${id}`,
    );
    return Object.entries(TaskStates).map(([task, { Restarts, StartedAt }]) => [task, Restarts, StartedAt]);
  }
});

/** A port of `host` that leads to one of this machine's loopback. */
async function forwarded(t: TestContext, host: string, port: number): Promise<string> {
  const server = createServer((inner) => {
    const outer = dialTcp(port, "127.0.0.1");
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  const open = new Set<{ destroy(): void }>();
  server.on("connection", (each) => open.add(each));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    for (const each of open) each.destroy();
    server.close();
  });
  const place = server.address();
  assert.ok(place !== null && typeof place === "object");
  return `${host}:${place.port}`;
}

/** The certificates it shows to somebody who has none; its own first. */
function shownBy(address: string): Promise<readonly X509Certificate[]> {
  const [host = "", port = ""] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = dialTls({ host, port: Number(port), rejectUnauthorized: false, timeout: 3_000 });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("it did not answer in time")));
    socket.on("secureConnect", () => {
      const found: X509Certificate[] = [];
      const seen = new Set<string>();
      let next: { raw: Buffer; issuerCertificate?: typeof next; fingerprint256: string } | undefined = socket.getPeerCertificate(true);
      while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
        seen.add(next.fingerprint256);
        found.push(new X509Certificate(next.raw));
        next = next.issuerCertificate;
      }
      socket.destroy();
      resolve(found);
    });
  });
}
