/**
 * What can be seen of the mesh, with the real Consul, Envoy, Prometheus and Chromium: figures that agree with what was really asked, by Prometheus, in Consul's UI
 * and in alloc status; and a line for each call. What docs/mesh.md says is used as it stands there.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import type { ProxyReport } from "#ports";
import { toolPath } from "../../scripts/tool-path.ts";
import { loadOf } from "./parts/http-app.ts";
import { meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld, type MeshAllocation } from "./parts/mesh-world.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { freePorts } from "./parts/ports.ts";
import { buildDiscovery, startPrometheus } from "./parts/prometheus.ts";
import { eventually, REPOSITORY, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const DOCUMENTATION = readFileSync(join(REPOSITORY, "docs", "mesh.md"), "utf8");
/** How many are asked for before each is looked for. */
const ASKED = { rate: 100, durationMs: 3_000 };

const scratch = temporaryDirectory("mesh-observability");
let discovery = "";
before(async () => {
  if (!SKIP) discovery = await buildDiscovery(scratch.path);
});
after(() => scratch.remove());

/** The documentation's block of this language that has these words. */
function documented(language: string, words: string): string {
  const blocks = [...DOCUMENTATION.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const found = blocks.find(([, kind, text]) => kind === language && text?.includes(words));
  assert.ok(found?.[2], `docs/mesh.md has no ${language} with "${words}"`);
  return found[2];
}

/** The parts of the documentation's job that make a sidecar answer Prometheus, for meshJob(). */
function measured(proxy = ""): { network: string; service: string; proxy: string } {
  const example = documented("hcl", "envoy_prometheus_bind_addr");
  const part = (pattern: RegExp): string => {
    const [found] = pattern.exec(example) ?? [];
    assert.ok(found, `no ${pattern} in ${example}`);
    return found;
  };
  return {
    network: part(/port "envoy_metrics" \{[^}]*\}/),
    service: part(/meta \{[^}]*\}[^}]*\}/),
    proxy: `${part(/config \{[^}]*\}/)}\n${proxy}`,
  };
}

test("figures of the mesh agree with what was asked for", { skip: SKIP, timeout: 180_000 }, async (t) => {
  const network = await startNetworkWorld(t);
  const [port = 0] = await freePorts(1);
  const listen = `${network.gateway}:${port}`;
  const ui = documented("hcl", "metrics_provider");
  assert.match(ui, /base_url = "http:\/\/127\.0\.0\.1:9090"/);
  const world = await startMeshWorld(t, {
    on: { network, hosts: network.hosts },
    consul: { ui_config: { enabled: true, metrics_provider: "prometheus", metrics_proxy: { base_url: `http://${listen}` } } },
  });
  const { agent, consul } = world;
  for (const Name of ["api", "web"]) await consul.put("/v1/config", { Kind: "service-defaults", Name, Protocol: "http" });
  await world.submit(
    meshJob("shop", [
      { name: "api", port: 9001, ...measured() },
      { name: "web", open: true, upstream: "http://127.0.0.1:9001", ...measured(upstreamTo("api", 9001)) },
    ]),
  );
  const prometheus = await startPrometheus(t, {
    config: documented("yaml", "job_name: mesh").replace("127.0.0.1:8500", `${consul.httpAddress}\n        refresh_interval: 1s`),
    discovery,
    listen,
  });
  const running = await world.running("shop", 2).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${world.lastWords()}`);
  });
  const allocationOf = (group: string): MeshAllocation => {
    const found = running.find(({ TaskGroup }) => TaskGroup === group);
    assert.ok(found);
    return found;
  };
  const [web, api] = [allocationOf("web"), allocationOf("api")];
  const url = `http://${await world.address(web, "http")}/upstream`;
  const answers = async () => (await (await fetch(url, { signal: AbortSignal.timeout(3_000) })).text()) === "web <- api";
  await eventually("web to reach api", answers);
  const proxyOf = async ({ ID }: MeshAllocation): Promise<ProxyReport> => {
    const { Proxies } = await agent.get<{ Proxies: ProxyReport[] }>(`/v1/client/allocation/${ID}/mesh`);
    assert.ok(Proxies[0]);
    return Proxies[0];
  };
  const says = async (...words: string[]) => {
    const { code, stdout, stderr } = await agent.cli(...words);
    return { code, text: `${stdout}${stderr}` };
  };
  let asked = 0;

  await t.test("alloc status counts the requests the load counted, going out and coming in", async () => {
    const [before, beforeIn] = [
      (await proxyOf(web)).Statistics?.outbound["api"]?.requests,
      (await proxyOf(api)).Statistics?.inbound.requests,
    ];
    assert.ok(before !== undefined && before > 0 && beforeIn !== undefined);
    const { requests, errors } = await loadOf(t, { url, ...ASKED }).result();
    assert.equal(errors, 0);
    assert.ok(requests >= 250, `${requests} requests`);
    asked = requests;
    const [out, into] = [(await proxyOf(web)).Statistics, (await proxyOf(api)).Statistics];
    assert.deepEqual([(out?.outbound["api"]?.requests ?? 0) - before, (into?.inbound.requests ?? 0) - beforeIn], [requests, requests]);
    const { text } = await says("alloc", "status", "-stats", web.ID);
    assert.match(text, new RegExp(`^web +out: api +\\d+ +\\d+ +${before + requests} +0 +0 `, "m"), text);
  });

  await t.test("Prometheus finds both sidecars through Consul and counts the same", async () => {
    await eventually(
      "two targets that are up",
      async () => {
        const found = await prometheus.targets("mesh");
        const seen = found.map(({ labels, health }) => [labels["service"], health]).toSorted();
        assert.deepEqual(
          seen,
          [
            ["api", "up"],
            ["web", "up"],
          ],
          JSON.stringify(found),
        );
        return true;
      },
      30_000,
    );
    await eventually("up of both", async () => (await prometheus.number('sum(up{job="mesh"})')) === 2);
    const received = `sum(envoy_http_downstream_rq_total{service="api",envoy_http_conn_manager_prefix="public_listener",nomad_alloc_id="${api.ID}"})`;
    const sent = 'sum(envoy_cluster_upstream_rq_total{consul_source_service="web",consul_destination_service="api"})';
    const counted = async (query: string) =>
      eventually(query, async () => {
        const { requests = 0 } = (await proxyOf(api)).Statistics?.inbound ?? {};
        const found = await prometheus.number(query);
        return requests >= asked && found === requests && found;
      });
    const first = await counted(received);
    assert.equal(await counted(sent), first);
    const { requests } = await loadOf(t, { url, rate: 50, durationMs: 1_000 }).result();
    await eventually("them to have grown", async () => (await prometheus.number(received)) === first + requests);
  });

  await t.test("Consul's UI draws from it who calls whom, and how much", async () => {
    const load = loadOf(t, { url, rate: 20 });
    const browser = await chromium.launch({ executablePath: toolPath("chromium"), args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      /** Of the first card there, once it has what is wanted; the page asks again by itself. */
      const figures = async (service: string, place: string, hasText: RegExp): Promise<string> => {
        await page.goto(`http://${consul.httpAddress}/ui/dc1/services/${service}/topology`, { waitUntil: "commit" });
        const card = page.locator(`${place} .topology-metrics-card`).filter({ hasText }).first();
        await card.waitFor({ timeout: 40_000 });
        return (await card.innerText()).replaceAll(/\s+/g, " ");
      };
      const rate = /(?:[1-9][\d.]*|0\.\d*[1-9])\s*RPS/;
      assert.match(await figures("api", "#downstream-container", rate), /^web .*\bP99\b/);
      assert.match(await figures("web", "#upstream-container", rate), /^api .*\b0% ER\b/);
    } finally {
      await browser.close();
      await load.stop();
    }
  });

  await t.test("a line for each call, when somebody asks for them, in the sidecar's log", async () => {
    const started = (await proxyOf(web)).Standing?.startedAtMs;
    await consul.put("/v1/config", { Kind: "proxy-defaults", Name: "global", AccessLogs: { Enabled: true } });
    const line = await eventually(
      "a line of a call",
      async () => {
        await fetch(url);
        const { text } = await says("alloc", "logs", web.ID, "connect-proxy-web");
        return text.split("\n").find((each) => each.startsWith("{") && each.includes('"/'));
      },
      20_000,
    );
    const call = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([call["method"], call["response_code"], String(call["upstream_cluster"]).split(".")[0]], ["GET", 200, "api"], line);
    assert.ok(Math.abs(((await proxyOf(web)).Standing?.startedAtMs ?? 0) - (started ?? 0)) < 3_000, "the same proxy");
    await consul.api("/v1/config/proxy-defaults/global", { method: "DELETE" });
  });
});
