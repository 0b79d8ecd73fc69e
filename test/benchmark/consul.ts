/**
 * What Consul costs, measured with the real one: services registered from cold (what an agent does after Consul lost its data), requests at
 * rest, and logins by JWT.
 */
import { consulCatalog, consulTokens, setUpConsul } from "#integrations/consul";
import { catalogDigest, type Catalog } from "#ports";
import { checkInstance, connectionTo, suiteOwner, webInstance } from "../live/parts/consul-window.ts";
import { startConsul } from "../live/parts/consul.ts";
import { workloadKeys } from "../live/parts/workload-keys.ts";
import type { PartOwner } from "../live/parts/process.ts";
import { agentOnOpenConsul, agentOnSecuredConsul } from "./consul-agent.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";

const SERVICES = 500;
const LOGINS = 300;
const AT_ONCE = 16;
const METHOD = "nomad-workloads";

export const consul: Benchmark = {
  name: "consul",
  about: `${SERVICES} services with a check each from cold, ${LOGINS} logins, and an agent at rest, on a real Consul (4 minutes)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    try {
      const figures: Figure[] = [];
      for (const part of [services, logins, agentOnOpenConsul, agentOnSecuredConsul]) figures.push(...(await part(owner)));
      return figures;
    } finally {
      for (const action of actions) await action();
    }
  },
};

async function services(owner: PartOwner): Promise<readonly Figure[]> {
  const real = await startConsul({ owner });
  const catalog: Catalog = consulCatalog({ connection: connectionTo(real, owner), owner: "node-1" });
  const all = Array.from({ length: SERVICES }, (_, index) => {
    const { ID } = webInstance(String(index), 20_000 + index);
    return webInstance(String(index), 20_000 + index, {
      Checks: [checkInstance(ID, "alive", { InitialStatus: "passing", IntervalNs: 60e9 })],
    });
  });
  const started = performance.now();
  await catalog.owned();
  await inParallel(all, (each) => catalog.register(each, ""));
  while ((await real.get<unknown[]>("/v1/health/service/web?passing")).length < SERVICES)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const coldMs = performance.now() - started;
  const looks: number[] = [];
  for (let look = 0; look < 10; look++) {
    const before = performance.now();
    const owned = await catalog.owned();
    if (!all.every((each) => owned.get(each.ID)?.digest === catalogDigest(each))) throw new Error("a service is not as it was registered");
    looks.push(performance.now() - before);
  }
  return [
    { bench: `consul: ${SERVICES} services from cold → in the catalog`, value: coldMs, unit: "ms", reference: null, goal: "" },
    { bench: `consul: comparing ${SERVICES} services (2 requests)`, value: percentile(looks, 50), unit: "ms", reference: null, goal: "" },
  ];
}

async function logins(owner: PartOwner): Promise<readonly Figure[]> {
  const real = await startConsul({ owner, acl: true });
  const keys = await workloadKeys(owner);
  const connection = connectionTo(real, owner);
  await setUpConsul(connection, { jwksUrl: keys.jwksUrl, jwksCa: "", namespaces: ["default"] });
  const tokens = consulTokens({ connection, methods: { service: METHOD, task: METHOD } });
  const jwt = keys.sign({ nomad_namespace: "default", nomad_job_id: "web", nomad_allocation_id: "a", nomad_service: "web" }, "RS256");
  const exchange = (allocation: number) => tokens.exchange({ jwt, kind: "service", description: { allocation: String(allocation) } });
  const [fetchedMs, knownMs]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round++) {
    // A method that was changed has its keys fetched anew at the next login.
    await real.put(`/v1/acl/auth-method/${METHOD}`, {
      ...(await real.get<object>(`/v1/acl/auth-method/${METHOD}`)),
      Description: `${round}`,
    });
    for (const times of [fetchedMs, knownMs]) {
      const before = performance.now();
      await exchange(-1);
      times.push(performance.now() - before);
    }
  }
  const started = performance.now();
  await inParallel(
    Array.from({ length: LOGINS }, (_, index) => index),
    exchange,
  );
  const perSecond = LOGINS / ((performance.now() - started) / 1000);
  return [
    { bench: "consul: JWT logins, 16 at once", value: perSecond, unit: "/s", reference: null, goal: "" },
    { bench: "consul: one JWT login p50", value: percentile(knownMs, 50), unit: "ms", reference: null, goal: "" },
    { bench: "consul: one JWT login p50, its keys fetched first", value: percentile(fetchedMs, 50), unit: "ms", reference: null, goal: "" },
  ];
}

async function inParallel<Item>(items: readonly Item[], perform: (item: Item) => Promise<unknown>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) await perform(item);
    }),
  );
}
