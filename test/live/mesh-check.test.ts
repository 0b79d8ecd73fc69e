/**
 * `mesh check` finds where a call ends, in eight worlds of which something is broken, with the real Consul and Envoy: each is said at its own step, and no other
 * step is blamed for it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { MeshCheck } from "#model";
import { meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

test(
  "mesh check says of each broken world at which step a call ends",
  { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 },
  async (t) => {
    const world = await startMeshWorld(t);
    const { agent, consul } = world;
    for (const Name of ["api", "web"]) await consul.put("/v1/config", { Kind: "service-defaults", Name, Protocol: "http" });
    await world.submit(
      meshJob("shop", [
        { name: "api", port: 9001 },
        { name: "web", open: true, upstream: "http://127.0.0.1:9001", proxy: upstreamTo("api", 9001) },
      ]),
    );
    const running = await world.running("shop", 2).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${world.lastWords()}`);
    });
    const [web, api] = ["web", "api"].map((name) => running.find(({ TaskGroup }) => TaskGroup === name));
    assert.ok(web && api);
    const url = `http://${await world.address(web, "http")}/upstream`;
    const answers = async () => (await (await fetch(url, { signal: AbortSignal.timeout(3_000) })).text()) === "web <- api";
    await eventually("web to reach api", answers);
    const check = (source: string, destination: string): Promise<MeshCheck> =>
      agent.get(`/v1/mesh/check?source=${source}&destination=${destination}`);

    /** Steps that are not good, once these are those that failed. */
    const until = (what: string, ask: () => Promise<MeshCheck>, failed: readonly string[], unknown: readonly string[] = []) =>
      eventually(
        what,
        async () => {
          const now = await ask();
          const of = (standing: string) => now.Steps.filter((each) => each.Standing === standing).map((each) => each.Step);
          assert.deepEqual([of("failed"), of("unknown")], [failed, unknown], JSON.stringify(now.Steps, undefined, 1));
          return (step: string) => now.Steps.find((each) => each.Step === step)?.Text ?? "";
        },
        40_000,
      );

    await t.test("all is well: every step is good", async () => {
      await until("web to reach api", () => check("web", "api"), []);
      const { code, stdout } = await agent.cli("mesh", "check", "web", "api");
      assert.deepEqual([code, stdout.trim().split("\n").at(-1)], [0, '"web" can call "api"']);
    });

    await t.test("1: an intention denies, all calls or each of them", async () => {
      await world.intend("web", "api", "deny");
      const said = await until("the denial", () => check("web", "api"), ["intention"]);
      assert.match(said("intention"), /^denied by intention web => api \(deny\)/);
      const path = "/v1/connect/intentions/exact?source=web&destination=api";
      await consul.put(path, { SourceType: "consul", Permissions: [{ Action: "deny", HTTP: { PathPrefix: "/" } }] });
      const each = await until("the denial of each call", () => check("web", "api"), ["intention"]);
      assert.match(each("intention"), /^denied by intention web => api \(permissions\): deny \/\*/);
      await consul.api(path, { method: "DELETE" });
      await until("web to reach api again", () => check("web", "api"), []);
    });

    await t.test("2: no upstream leads there", async () => {
      const said = await until("the missing upstream", () => check("api", "web"), ["upstream", "endpoints"]);
      assert.match(said("upstream"), /no upstream of it names "web"/);
    });

    const registration = async (): Promise<string> => {
      const services = await consul.get<Record<string, { Service: string }>>("/v1/agent/services");
      const [id = ""] = Object.entries(services).find(([, { Service }]) => Service === "api") ?? [];
      assert.notEqual(id, "");
      return id;
    };

    await t.test("3: its checks fail", async () => {
      const id = await registration();
      await consul.put(`/v1/agent/service/maintenance/${id}?enable=true&reason=repairs`, undefined);
      const said = await until("the failing check", () => check("web", "api"), ["endpoints", "checks"]);
      assert.match(said("checks"), /every instance of "api" is critical: Service Maintenance Mode: repairs$/);
      assert.match(said("endpoints"), /none of them healthy/);
      await consul.put(`/v1/agent/service/maintenance/${id}?enable=false`, undefined);
      await until("web to reach api again", () => check("web", "api"), []);
    });

    /** Of the sidecar of api, not what holds it. */
    const envoy = async (): Promise<number> => {
      for (const pid of await world.host.pids()) {
        const read = (name: string): string => {
          try {
            return readFileSync(`/proc/${pid}/${name}`, "utf8");
          } catch {
            return "";
          }
        };
        if (/^[^\0]*envoy\0-c\0/.test(read("cmdline")) && read("environ").includes(`NOMAD_ALLOC_ID=${api.ID}`)) return pid;
      }
      throw new Error("no Envoy of api runs");
    };

    await t.test("4: the sidecar hangs, or is gone", async () => {
      process.kill(await envoy(), "SIGSTOP");
      const hung = await until("the proxy that hangs", () => check("web", "api"), ["destination-proxy"]);
      assert.match(hung("destination-proxy"), /^proxy of allocation \S+ does not answer: .*did not answer in time/);
      process.kill(await envoy(), "SIGKILL");
      await until("the proxy to be back", () => check("web", "api"), []);
    });

    await t.test("5: nobody is registered", async () => {
      // The node writes it again as soon as it sees it: the check must come between.
      await eventually(
        "what is said between",
        async () => {
          const id = await registration().catch(() => "");
          const asking = check("web", "api");
          if (id !== "") await consul.put(`/v1/agent/service/deregister/${id}`, undefined);
          return (await asking).Steps.find((each) => each.Step === "checks")?.Text.startsWith('"api" is not registered in Consul');
        },
        40_000,
      );
      await until("it to be registered again", () => check("web", "api"), []);
      const said = await until("nobody of the name", () => check("web", "nobody"), [
        "upstream",
        "destination",
        "destination-proxy",
        "endpoints",
        "checks",
      ]);
      assert.equal(said("destination"), 'nobody offers "nobody"');
    });

    await t.test("6: it is sought in another datacenter", async () => {
      await world.submit(meshJob("traveller", [{ name: "traveller", proxy: upstreamTo("api", 9001, 'datacenter = "dc2"') }]));
      const { Steps } = await check("traveller", "api");
      const said = (step: string) => Steps.find((each) => each.Step === step);
      const unknown = ["intention", "destination", "destination-proxy", "checks"].map((step) => said(step)?.Standing);
      assert.deepEqual(unknown, ["unknown", "unknown", "unknown", "unknown"]);
      assert.match(said("upstream")?.Text ?? "", /^"api" is its upstream at 127\.0\.0\.1:9001, in datacenter "dc2"$/);
      assert.match(said("intention")?.Text ?? "", /for datacenter "dc2" to say; here it is allowed by default/);
      assert.match(said("destination")?.Text ?? "", /^no job in datacenter "dc2" offers "api"/);
      assert.match(said("checks")?.Text ?? "", /No path to datacenter/);
      await world.purge("traveller");
    });

    await t.test("7: there is no certificate to be had", async () => {
      const path = "/v1/connect/ca/configuration";
      const { Provider, Config } = await consul.get<{ Provider: string; Config: object }>(path);
      // One certificate in three hours, whoever asks first.
      await consul.put(path, { Provider, Config: { ...Config, CSRMaxPerSecond: 0.0001, CSRMaxConcurrent: 0 } });
      await world.submit(
        meshJob("late", [
          { name: "early" },
          { name: "late", proxy: upstreamTo("api", 9001) },
          { name: "later", proxy: upstreamTo("api", 9002) },
        ]),
      );
      const step = await eventually(
        "one that waits for its certificate",
        async () => {
          for (const allocation of await world.allocations("late")) {
            const found = await check(allocation.TaskGroup, "api");
            const certificates = found.Steps.find((each) => each.Step === "certificates");
            if (allocation.TaskGroup !== "early" && certificates?.Standing === "failed") return certificates;
          }
          return undefined;
        },
        40_000,
      );
      assert.match(step.Text, /^proxy of allocation \S+ has no certificate/);
      await consul.put(path, { Provider, Config });
      await world.purge("late");
    });

    await t.test("8: Consul hangs, or is gone: what the nodes know is said all the same", async () => {
      const unknown = ["consul", "intention", "checks"];
      consul.pause();
      const said = await until("the Consul that hangs", () => check("web", "api"), [], unknown).finally(() => consul.resume());
      assert.match(said("source-proxy"), /its proxy is ready/);
      assert.match(said("consul"), /no answer within 5 s/);
      await consul.kill();
      const gone = await until("the Consul that is gone", () => check("web", "api"), [], unknown);
      assert.match(gone("endpoints"), /sees 1 healthy endpoint/);
      assert.ok(await answers(), "calls go on");
    });
  },
);
