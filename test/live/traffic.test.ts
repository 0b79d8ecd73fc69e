/** What Consul's entries say of traffic holds between sidecars: who may call whom and what, which version answers, what is turned away when it is too much. */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { meshJob, upstreamTo } from "./parts/mesh-jobs.ts";
import { startMeshWorld, type MeshAllocation, type MeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const WITHIN_MS = 5_000;
const AT_ONCE = 16;
/** Of the API's own Envoys: `proxy { config { … } }`. */
const PATIENCE_MS = 2_000;

/** Its versions, as subsets of one service; their Envoys speak HTTP since service-defaults say so. */
const API = meshJob(
  "api",
  ["one", "two"].map((name) => ({
    name,
    serviceName: "api",
    service: `meta {\n        version = "${name}"\n      }`,
    proxy: `config {\n              local_request_timeout_ms = ${PATIENCE_MS}\n            }`,
  })),
);

/** Its upstream's listener is the way in for the test: what it says is said by Envoys alone. */
const webJob = (config = ""): string =>
  meshJob("web", [
    {
      name: "web",
      network: 'port "way" {\n        to = 9001\n      }',
      proxy: upstreamTo("api", 9001, `local_bind_address = "0.0.0.0"\n              ${config}`),
    },
  ]);

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}
interface Question {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function asker(address: string, agent: Agent): (question?: Question) => Promise<Answer> {
  return ({ path = "/", method = "GET", headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const asked = request(`http://${address}${path}`, { method, headers, agent, timeout: 5_000 }, (answer) => {
        let text = "";
        answer.on("data", (data: Buffer) => (text += data.toString()));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
        answer.on("error", reject);
      });
      asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
      asked.on("error", reject);
      asked.end();
    });
}

/** As many as these, a few at once; by what they answered. */
async function counted(count: number, ask: () => Promise<string>, atOnce = AT_ONCE): Promise<Readonly<Record<string, number>>> {
  const found: Record<string, number> = {};
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await ask();
      found[answer] = (found[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return found;
}

/** Of the sidecar's Envoy, over the socket of its own that the agent asks too. */
async function statistic(world: MeshWorld, allocation: MeshAllocation, task: string, name: string): Promise<number> {
  const secrets = `${world.agent.dataDirectory}/alloc/${allocation.ID}/${task}/secrets`;
  const said = await world.host.must(
    "sh",
    "-c",
    `cd ${secrets} && curl -s --unix-socket envoy.sock 'http://proxy/stats?usedonly&filter=${name}'`,
  );
  return said.split("\n").reduce((sum, line) => sum + Number(/: (\d+)$/.exec(line)?.[1] ?? 0), 0);
}

test("traffic goes as Consul's entries say: intentions, permissions, routes, shares, limits, logs", LIVE, async (t) => {
  const world = await startMeshWorld(t, { consul: { default_intention_policy: "deny" } });
  const { consul } = world;
  const write = (entry: object) => consul.put("/v1/config", entry);
  const forget = async (kind: string, name: string) =>
    assert.ok((await consul.api(`/v1/config/${kind}/${name}`, { method: "DELETE" })).ok, `${kind} ${name}`);
  await write({ Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" }, AccessLogs: { Enabled: true } });
  await write({
    Kind: "service-resolver",
    Name: "api",
    Subsets: Object.fromEntries(["one", "two"].map((each) => [each, { Filter: `Service.Meta.version == ${each}` }])),
  });
  await world.intend("web", "api", "allow");
  await world.submit(API);
  await world.submit(webJob());
  await world.running("api", 2, 90_000);
  const [web] = await world.running("web", 1, 90_000);
  assert.ok(web);
  const connections = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  t.after(() => connections.destroy());
  const ask = asker(await world.address(web, "way"), connections);
  const until = (what: string, question: Question, holds: (answer: Answer) => boolean, timeoutMs = WITHIN_MS) =>
    eventually(
      what,
      async () => {
        const answer = await ask(question);
        if (!holds(answer)) throw new Error(`${answer.status} ${answer.text}`);
        return answer;
      },
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${world.lastWords()}`);
    });
  /** Both versions' proxies are told one after the other. */
  const settles = <T>(what: string, found: () => Promise<T>, wanted: T) =>
    eventually(
      what,
      async () => {
        assert.deepEqual(await found(), wanted);
        return true;
      },
      WITHIN_MS,
    );
  await until("the way to be open", {}, ({ status }) => status === 200, 20_000);

  await t.test("an intention that denies cuts within five seconds, also those connected, and one that allows restores", async () => {
    await world.intend("web", "api", "deny");
    const statuses = () => counted(20, async () => String((await ask()).status));
    await settles("refusals alone", statuses, { 403: 20 });
    await world.intend("web", "api", "allow");
    await settles("answers alone", statuses, { 200: 20 });
  });

  await t.test("permissions hold by path, method and header; what none allows is denied", async () => {
    await write({
      Kind: "service-intentions",
      Name: "api",
      Sources: [
        {
          Name: "web",
          Permissions: [
            { Action: "deny", HTTP: { PathPrefix: "/status/" } },
            { Action: "allow", HTTP: { PathExact: "/request", Methods: ["GET"], Header: [{ Name: "x-team", Exact: "shop" }] } },
            { Action: "allow", HTTP: { PathExact: "/", Methods: ["GET", "POST"] } },
          ],
        },
      ],
    });
    const wanted: readonly (readonly [number, Question])[] = [
      [200, {}],
      [200, { method: "POST" }],
      [403, { method: "DELETE" }],
      [200, { path: "/request", headers: { "x-team": "shop" } }],
      [403, { path: "/request", headers: { "x-team": "other" } }],
      [403, { path: "/request" }],
      [403, { path: "/request", method: "PUT", headers: { "x-team": "shop" } }],
      [403, { path: "/bytes/10" }],
      [403, { path: "/status/204" }],
    ];
    const statuses = () => Promise.all(wanted.flatMap((each) => [each, each]).map(async ([, question]) => (await ask(question)).status));
    await settles(
      "the permissions",
      statuses,
      wanted.flatMap(([status]) => [status, status]),
    );
    await world.intend("web", "api", "allow");
    await settles("an answer to everything", () => counted(20, async () => String((await ask({ path: "/bytes/10" })).status)), { 200: 20 });
  });

  await t.test("2,000 requests are shared 90 to 10 within three in a hundred, none is lost; a changed share holds at once", async () => {
    const requests = 2_000 * testScale();
    const split = (one: number) =>
      write({
        Kind: "service-splitter",
        Name: "api",
        Splits: [
          { Weight: one, ServiceSubset: "one" },
          { Weight: 100 - one, ServiceSubset: "two" },
        ],
      });
    await split(0);
    await settles("the second version alone", () => counted(50, async () => (await ask()).text), { two: 50 });
    await split(90);
    await until("the first version again", {}, ({ text }) => text === "one");
    const found = await counted(requests, async () => {
      const { status, text } = await ask();
      return status === 200 ? text : `${status}`;
    });
    t.diagnostic(`of ${requests}: ${JSON.stringify(found)}`);
    assert.deepEqual(Object.keys(found).toSorted(), ["one", "two"]);
    const share = ((found["one"] ?? 0) / requests) * 100;
    assert.ok(Math.abs(share - 90) <= 3, `the first version has ${share} %`);
    await forget("service-splitter", "api");
  });

  await t.test("a route leads by path, header and query, and rewrites what it leads on", async () => {
    const route = (HTTP: object, ServiceSubset: string, more = {}) => ({ Match: { HTTP }, Destination: { ServiceSubset, ...more } });
    await write({
      Kind: "service-router",
      Name: "api",
      Routes: [
        route({ PathPrefix: "/second/" }, "two", { PrefixRewrite: "/" }),
        route({ Header: [{ Name: "x-version", Exact: "two" }] }, "two"),
        route({ QueryParam: [{ Name: "version", Exact: "two" }] }, "two"),
        route({ PathPrefix: "/" }, "one"),
      ],
    });
    const words = (question: Question) => counted(20, async () => (await ask(question)).text, 4);
    await settles("the second version by its path", () => words({ path: "/second/bytes/3" }), { "012": 20 });
    assert.deepEqual(await words({}), { one: 20 });
    assert.deepEqual(await words({ path: "/second/" }), { two: 20 });
    assert.deepEqual(await words({ headers: { "x-version": "two" } }), { two: 20 });
    assert.deepEqual(await words({ path: "/?version=two" }), { two: 20 });
    await forget("service-router", "api");
  });

  await t.test(
    "what is too much for an upstream's limits is turned away and counted; the job says them, and they hold without a new allocation",
    async () => {
      const limits = "max_connections = 1\n                  max_pending_requests = 1\n                  max_concurrent_requests = 2";
      await world.submit(webJob(`config {\n                limits {\n                  ${limits}\n                }\n              }`));
      const burst = async () => {
        const before = await statistic(world, web, "connect-proxy-web", "upstream_rq_pending_overflow");
        const found = await counted(AT_ONCE, async () => String((await ask({ path: "/slow/300" })).status));
        const after = await statistic(world, web, "connect-proxy-web", "upstream_rq_pending_overflow");
        return { found, counted: after - before };
      };
      const { found, counted: rejected } = await eventually("requests to be turned away", async () => {
        const each = await burst();
        return (each.found["503"] ?? 0) > 0 && each;
      });
      t.diagnostic(`of ${AT_ONCE} at once: ${JSON.stringify(found)}, counted as overflow: ${rejected}`);
      assert.equal(rejected, found["503"], "each is counted");
      assert.ok((found["200"] ?? 0) >= 1);
      const [now] = await world.running("web", 1);
      assert.equal(now?.ID, web.ID, "the job's new version took the allocation over");
      await world.submit(webJob());
      await eventually("nothing to be turned away any more", async () => (await burst()).found["200"] === AT_ONCE);
    },
  );

  await t.test("an instance that fails is left alone for a while, by service-defaults of its caller", async () => {
    const passive = { Interval: "1s", MaxFailures: 3, EnforcingConsecutive5xx: 100, MaxEjectionPercent: 50, BaseEjectionTime: "30s" };
    await write({
      Kind: "service-defaults",
      Name: "web",
      Protocol: "http",
      UpstreamConfig: { Overrides: [{ Name: "api", PassiveHealthCheck: passive }] },
    });
    const ejections = () => statistic(world, web, "connect-proxy-web", "outlier_detection.ejections_enforced_total");
    assert.equal(await ejections(), 0);
    await eventually("an instance to be left alone", async () => {
      await counted(8, async () => String((await ask({ path: "/status/503" })).status), 1);
      return (await ejections()) === 1;
    });
    const found = await counted(40, async () => (await ask()).text, 4);
    assert.equal(Object.keys(found).length, 1, JSON.stringify(found));
    await forget("service-defaults", "web");
  });

  await t.test("what the job says of a proxy's configuration is Envoy's: it waits no longer than that for its service", async () => {
    const began = performance.now();
    const { status } = await ask({ path: `/slow/${PATIENCE_MS * 2}` });
    assert.equal(status, 504);
    assert.ok(performance.now() - began < PATIENCE_MS * 2);
    assert.equal((await ask({ path: `/slow/${PATIENCE_MS / 10}` })).status, 200);
  });

  await t.test("what Envoy was asked is in the sidecar's log, since proxy-defaults want it", async () => {
    await ask({ path: "/bytes/17" });
    await eventually("the request in its log", async () => {
      const { stdout } = await world.agent.cli("alloc", "logs", "-task", "connect-proxy-web", web.ID);
      return stdout.split("\n").some((line) => line.includes("/bytes/17") && line.includes('"response_code":200'));
    });
  });
});
