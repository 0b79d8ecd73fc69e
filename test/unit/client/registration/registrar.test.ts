import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { AllocationId, IdentityRequest } from "#model";
import { catalogDigest, type ServiceInstance } from "#ports";
import { createMemoryCatalog, createSeededRandom, type MemoryCatalog } from "#integrations/memory";
import { NamedError } from "#std";
import { decideRegistrations, wantedOf } from "../../../../src/client/registration/decide.ts";
import { CatalogRegistrar } from "../../../../src/client/registration/registrar.ts";
import { aServiceInstance } from "../../../conformance/catalog.ts";
import { testScale } from "../../../scale.ts";
import { createSimulatedClock, type SimulatedClock } from "../../../simulation/clock.ts";
import { allocationId } from "../stage.ts";

const A = allocationId("a");
const B = allocationId("b");
const HERE = "here";
const SECOND = 1_000;

const instance = (id: AllocationId, name: string, more: Partial<ServiceInstance> = {}): ServiceInstance =>
  aServiceInstance(name, { ID: `_nomad-task-${id}-group-web-${name}-http`, AllocationID: id, ...more });

const identityOf = (id: AllocationId): IdentityRequest => ({
  AllocationID: id,
  Workload: { Kind: "service", Service: "web", Task: "" },
  Identity: "consul-service_web",
});

interface Scene {
  readonly clock: SimulatedClock;
  readonly catalog: MemoryCatalog;
  readonly reports: string[];
  /** Tokens handed out, and those said to be gone. */
  readonly tokens: { next: number; readonly gone: string[]; refuse: Error | undefined; hang: boolean };
  /** A life of the agent. */
  agent(): CatalogRegistrar;
}

function scene(catalog = createMemoryCatalog(), clock = createSimulatedClock()): Scene {
  const reports: string[] = [];
  const tokens: Scene["tokens"] = { next: 1, gone: [], refuse: undefined, hang: false };
  let life = 0;
  return {
    clock,
    catalog,
    reports,
    tokens,
    agent: () =>
      new CatalogRegistrar({
        catalogs: [catalog.as(HERE)],
        clock,
        random: createSeededRandom(++life),
        report: ({ level, message, fields }) => reports.push(`${level} ${message} ${JSON.stringify(fields)}`),
        tokens: {
          token: (request, signal) =>
            tokens.hang
              ? new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)))
              : tokens.refuse === undefined
                ? Promise.resolve(`${request.AllocationID.slice(0, 1)}-${tokens.next}`)
                : Promise.reject(tokens.refuse),
          has: () => true,
          gone: (request) => {
            tokens.gone.push(request.AllocationID);
            tokens.next++;
          },
        },
      }),
  };
}

function started(of: Scene): CatalogRegistrar {
  const registrar = of.agent();
  registrar.start();
  registrar.known();
  return registrar;
}

const standing = (catalog: MemoryCatalog, owner = HERE) =>
  [...catalog.services]
    .filter(([, each]) => each.owner === owner)
    .map(([id, each]) => `${id} ${catalogDigest(each.instance)}`)
    .toSorted();
const asWanted = (...instances: readonly ServiceInstance[]) => instances.map((each) => `${each.ID} ${catalogDigest(each)}`).toSorted();

describe("what must be done in a catalog", () => {
  test("is whatever differs, and only for what is ours: afterwards nothing is left to do (random)", () => {
    const names = fc.constantFrom("a", "b", "c", "d", "e");
    const some = fc.uniqueArray(fc.record({ name: names, tag: fc.constantFrom("1", "2") }), { selector: (each) => each.name });
    fc.assert(
      fc.property(some, some, (wantedOnes, ownedOnes) => {
        const make = ({ name, tag }: { name: string; tag: string }) => instance(A, name, { Tags: [tag] });
        const wanted = new Map(wantedOnes.map((each) => [make(each).ID, wantedOf(make(each))]));
        const owned = new Map(ownedOnes.map((each) => [make(each).ID, catalogDigest(make(each))]));
        const { register, deregister } = decideRegistrations(wanted, owned);
        for (const id of deregister) assert.ok(owned.has(id) && !wanted.has(id));
        for (const each of register) assert.notEqual(owned.get(each.ID), catalogDigest(each), "what stands as wanted is let alone");
        for (const each of register) owned.set(each.ID, catalogDigest(each));
        for (const id of deregister) owned.delete(id);
        assert.deepEqual(decideRegistrations(wanted, owned), { register: [], deregister: [] });
        assert.deepEqual([...owned.keys()].toSorted(), [...wanted.keys()].toSorted());
      }),
      { numRuns: 200 * testScale() },
    );
  });
});

describe("the registrar", () => {
  test("makes known what is offered at once, follows changes, and takes back what is withdrawn before it says so", async () => {
    const here = scene();
    const registrar = started(here);
    await here.clock.advance(0);
    const heard: string[] = [];
    registrar.subscribe((id) => heard.push(id));
    registrar.offer(A, [instance(A, "web"), instance(A, "api")]);
    assert.equal(registrar.settled(A), false);
    assert.match(registrar.problems(A)[0] ?? "", /service "web" is not registered yet/);
    await here.clock.settle();
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "web"), instance(A, "api")));
    assert.equal(registrar.settled(A), true);
    assert.deepEqual([...new Set(heard)], [A]);
    const changed = instance(A, "web", { Tags: ["promoted"] });
    registrar.offer(A, [changed, instance(A, "api")]);
    await here.clock.settle();
    assert.deepEqual(standing(here.catalog), asWanted(changed, instance(A, "api")));
    const before = here.catalog.requests.length;
    await registrar.withdraw(A, [changed.ID]);
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "api")));
    await registrar.withdraw(A);
    assert.deepEqual(standing(here.catalog), []);
    assert.deepEqual(here.catalog.requests.slice(before), [`deregister ${changed.ID}`, `deregister ${instance(A, "api").ID}`]);
    await registrar.withdraw(A);
    registrar.close();
  });

  test("at rest asks once a look: 500 services cost at most 12 to 15 requests a minute", async () => {
    const here = scene();
    const registrar = started(here);
    registrar.offer(
      A,
      Array.from({ length: 500 }, (_, index) => instance(A, `s${index}`)),
    );
    await here.clock.advance(60 * SECOND);
    assert.equal(here.catalog.services.size, 500);
    const before = here.catalog.requests.length;
    await here.clock.advance(600 * SECOND);
    const perMinute = (here.catalog.requests.length - before) / 10;
    assert.ok(perMinute >= 10 && perMinute <= 15, `${perMinute} a minute`);
    registrar.close();
  });

  test("with nothing to keep true asks rarely, yet still removes what comes back from the dead (F28)", async () => {
    const here = scene();
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(SECOND);
    await registrar.withdraw(A);
    await here.clock.advance(60 * SECOND);
    const before = here.catalog.requests.length;
    await here.clock.advance(300 * SECOND);
    assert.ok(here.catalog.requests.length - before <= 13);
    here.catalog.services.set(instance(A, "web").ID, { owner: HERE, instance: instance(A, "web"), token: "" });
    await here.clock.advance(31 * SECOND);
    assert.deepEqual(standing(here.catalog), []);
    registrar.close();
  });

  test("never touches what another agent registered (F29)", async () => {
    const here = scene();
    const theirs = instance(B, "theirs");
    await here.catalog.as("there").register(theirs, "");
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(60 * SECOND);
    assert.deepEqual(standing(here.catalog, "there"), asWanted(theirs));
    registrar.close();
  });

  test("after kill -9 leaves the living as they are and removes the dead, but nothing before it knows who lives", async () => {
    const here = scene();
    const first = started(here);
    first.offer(A, [instance(A, "web")]);
    first.offer(B, [instance(B, "web")]);
    await here.clock.advance(SECOND);
    first.close();
    const next = here.agent();
    next.start();
    await here.clock.advance(60 * SECOND);
    assert.equal(here.catalog.services.size, 2);
    here.catalog.requests.length = 0;
    next.offer(A, [instance(A, "web")]);
    next.known();
    await here.clock.advance(SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "web")));
    assert.deepEqual(
      here.catalog.requests.filter((each) => each !== "owned"),
      [`deregister ${instance(B, "web").ID}`],
    );
    next.close();
  });

  test("a catalog that was away or lost its memory says what is wanted within 10 s, and is not asked more than every few seconds meanwhile", async () => {
    const here = scene();
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(SECOND);
    here.catalog.wipe();
    await here.clock.advance(6 * SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "web")));
    here.catalog.away = true;
    registrar.offer(B, [instance(B, "web")]);
    await here.clock.advance(SECOND);
    assert.equal(registrar.settled(B), false);
    assert.match(registrar.problems(B)[0] ?? "", /nobody answers/);
    const before = here.catalog.requests.length;
    await here.clock.advance(600 * SECOND);
    assert.ok(here.catalog.requests.length - before < 420, `${here.catalog.requests.length - before} requests in ten minutes`);
    here.catalog.wipe();
    here.catalog.away = false;
    await here.clock.advance(4 * SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "web"), instance(B, "web")));
    assert.equal(here.reports.filter((each) => each.startsWith("warn catalog cannot be reached")).length, 1);
    registrar.close();
  });

  test("a stop waits at most 5 s for a catalog that does not answer, which hears of it when it is back", async () => {
    const here = scene();
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(SECOND);
    here.catalog.away = true;
    let withdrawn = false;
    void registrar.withdraw(A).then(() => (withdrawn = true));
    await here.clock.advance(4_900);
    assert.equal(withdrawn, false);
    await here.clock.advance(200);
    assert.equal(withdrawn, true);
    here.catalog.away = false;
    await here.clock.advance(5 * SECOND);
    assert.deepEqual(standing(here.catalog), []);
    registrar.close();
  });

  test("a registration whose answer was lost may stand there: it is taken off before anybody is told that it is gone", async () => {
    const here = scene();
    const registrar = started(here);
    await here.clock.advance(SECOND);
    let asked = 0;
    here.catalog.delay = () =>
      ++asked === 2 ? Promise.reject(new NamedError("CATALOG_UNREACHABLE", "the answer was lost")) : Promise.resolve();
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.settle();
    assert.equal(here.catalog.services.size, 1);
    void registrar.withdraw(A).then(() => assert.equal(here.catalog.services.size, 0, "gone when it is said to be"));
    await here.clock.advance(2 * SECOND);
    assert.equal(here.catalog.services.size, 0);
    registrar.close();
  });

  test("a look that was on its way while something was done teaches nothing about it: no request is made twice", async () => {
    const here = scene();
    const registrar = started(here);
    await here.clock.advance(SECOND);
    const late = createSeededRandom(7);
    here.catalog.delay = () => here.clock.sleep(late.integer(1_000));
    const begin = here.catalog.requests.length;
    for (let round = 0; round < 40; round++) {
      registrar.offer(A, [instance(A, "web", { Tags: [`${round}`] })]);
      await here.clock.advance(2_130);
    }
    const registered = here.catalog.requests.slice(begin).filter((each) => each.startsWith("register")).length;
    assert.equal(registered, 40);
    registrar.close();
  });

  test("what a catalog refuses is told once, tried more and more rarely, and does not keep the others out", async () => {
    const here = scene();
    here.catalog.refusal = (each) =>
      each.Name === "bad" ? new NamedError("CATALOG_DENIED", "Cannot register", { fix: "Give it service:write" }) : undefined;
    const registrar = started(here);
    registrar.offer(A, [instance(A, "bad"), instance(A, "web")]);
    await here.clock.advance(300 * SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(instance(A, "web")));
    const tries = here.catalog.requests.filter((each) => each.startsWith("register") && each.includes("bad")).length;
    assert.ok(tries >= 8 && tries <= 16, `${tries} tries`);
    assert.equal(here.reports.filter((each) => each.includes("does not take a service")).length, 1);
    assert.match(registrar.problems(A)[0] ?? "", /Cannot register \(Give it service:write\)/);
    here.catalog.refusal = () => undefined;
    await here.clock.advance(31 * SECOND);
    assert.equal(registrar.settled(A), true);
    registrar.close();
  });

  test("what was refused for what it is does not stand there: it is withdrawn without a word", async () => {
    const here = scene();
    here.catalog.refusal = () => new NamedError("CATALOG_REFUSED", "Cannot register: no such kind");
    const registrar = started(here);
    registrar.offer(A, [instance(A, "bad")]);
    await here.clock.advance(SECOND);
    await registrar.withdraw(A);
    await here.clock.advance(10 * SECOND);
    assert.ok(!here.catalog.requests.some((each) => each.startsWith("deregister")));
    assert.deepEqual(registrar.statistics(), { services: 0, services_registered: 0, services_remembered: 0, allocations_with_services: 0 });
    registrar.close();
  });

  test("whoever leaves a busy catalog goes first: somebody waits for it", async () => {
    const here = scene();
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(SECOND);
    here.catalog.delay = () => here.clock.sleep(SECOND / 2);
    registrar.offer(
      B,
      Array.from({ length: 200 }, (_, index) => instance(B, `s${index}`)),
    );
    let withdrawn = false;
    void registrar.withdraw(A).then(() => (withdrawn = true));
    await here.clock.advance(2 * SECOND + 100);
    assert.equal(withdrawn, true);
    const [before] = here.catalog.requests.join("\n").split(`\nderegister`);
    assert.ok((before?.split("\nregister").length ?? 0) <= 34, "of 200 that come, 16 at a time");
    registrar.close();
  });

  test("a catalog that falls silent under many requests is asked no more of them before it has answered a look", async () => {
    const here = scene();
    const registrar = started(here);
    await here.clock.advance(SECOND);
    here.catalog.delay = () => here.clock.sleep(SECOND / 2);
    const many = Array.from({ length: 100 }, (_, index) => instance(A, `s${index}`));
    registrar.offer(A, many);
    here.catalog.away = true;
    await here.clock.advance(60 * SECOND);
    assert.equal(here.catalog.requests.filter((each) => each.startsWith("register")).length, 16);
    here.catalog.away = false;
    await here.clock.advance(20 * SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(...many));
    registrar.close();
  });

  test("logins that were refused for hours are made good within 10 s of an operator mending them", async () => {
    const here = scene();
    here.tokens.refuse = new NamedError("TOKEN_REFUSED", "auth method not found");
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web", { Identity: identityOf(A) })]);
    await here.clock.advance(3_605 * SECOND);
    assert.match(registrar.problems(A)[0] ?? "", /auth method not found/);
    here.tokens.refuse = undefined;
    await here.clock.advance(10 * SECOND);
    assert.equal(registrar.settled(A), true);
    registrar.close();
  });

  test("each service is registered for its own workload; a token that is gone is replaced and the service stays (F31)", async () => {
    const here = scene();
    const registrar = started(here);
    const web = instance(A, "web", { Identity: identityOf(A) });
    registrar.offer(A, [web]);
    await here.clock.advance(SECOND);
    assert.equal(here.catalog.services.get(web.ID)?.token, "a-1");
    here.catalog.forgotten.add("a-1");
    registrar.offer(A, [{ ...web, Tags: ["new"] }]);
    await here.clock.advance(SECOND);
    assert.deepEqual(here.tokens.gone, [A]);
    assert.equal(here.catalog.services.get(web.ID)?.token, "a-2");
    here.tokens.next = 3;
    registrar.tokenReplaced(identityOf(A));
    await here.clock.advance(SECOND);
    assert.equal(here.catalog.services.get(web.ID)?.token, "a-3", "the catalog keeps the newest");
    registrar.close();
  });

  test("services that wait for a token do not keep others out, and can be withdrawn; the dead leave without one", async () => {
    const here = scene();
    here.tokens.hang = true;
    const registrar = started(here);
    registrar.offer(
      A,
      Array.from({ length: 40 }, (_, index) => instance(A, `s${index}`, { Identity: identityOf(A) })),
    );
    registrar.offer(B, [instance(B, "web")]);
    await here.clock.advance(SECOND);
    assert.deepEqual(standing(here.catalog), asWanted(instance(B, "web")));
    let withdrawn = false;
    void registrar.withdraw(A).then(() => (withdrawn = true));
    await here.clock.advance(2 * SECOND);
    assert.equal(withdrawn, true);
    here.tokens.hang = false;
    registrar.offer(A, [instance(A, "web", { Identity: identityOf(A) })]);
    await here.clock.advance(SECOND);
    here.tokens.refuse = new NamedError("TOKEN_REFUSED", "its identity is gone");
    await registrar.withdraw(A);
    assert.deepEqual(standing(here.catalog), asWanted(instance(B, "web")));
    registrar.close();
  });

  test("a service that moves to another provider leaves the one and stands in the other, under the same id", async () => {
    const clock = createSimulatedClock();
    const [consul, registry] = [createMemoryCatalog("consul"), createMemoryCatalog("nomad")];
    const registrar = new CatalogRegistrar({
      catalogs: [registry.as(HERE), consul.as(HERE)],
      clock,
      random: createSeededRandom(1),
      report: () => {},
      tokens: { token: () => Promise.resolve(""), has: () => true, gone: () => {} },
    });
    registrar.start();
    registrar.known();
    registrar.offer(A, [instance(A, "web")]);
    await clock.advance(SECOND);
    const moved = instance(A, "web", { Provider: "nomad" });
    registrar.offer(A, [moved]);
    await clock.advance(SECOND);
    assert.deepEqual([standing(consul), standing(registry)], [[], asWanted(moved)]);
    assert.equal(registrar.settled(A), true);
    await registrar.withdraw(A);
    assert.deepEqual(standing(registry), []);
    registrar.close();
  });

  test("without a catalog for a service says which is missing", async () => {
    const here = scene(createMemoryCatalog("nomad"));
    const registrar = started(here);
    registrar.offer(A, [instance(A, "web")]);
    await here.clock.advance(SECOND);
    assert.equal(registrar.settled(A), false);
    assert.deepEqual(registrar.problems(A), ['service "web" is not registered: this agent has no Consul']);
    registrar.close();
  });
});

describe("whatever happens", () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("offer" as const), who: fc.nat(3), services: fc.uniqueArray(fc.nat(4)), tag: fc.nat(2) }),
    fc.record({ what: fc.constant("withdraw" as const), who: fc.nat(3) }),
    fc.record({ what: fc.constant("crash" as const) }),
    fc.record({ what: fc.constant("wipe" as const) }),
    fc.record({ what: fc.constant("away" as const), forMs: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ what: fc.constant("slow" as const), ms: fc.integer({ min: 0, max: 1_500 }) }),
    fc.record({ what: fc.constant("meddle" as const), who: fc.nat(3), service: fc.nat(4) }),
    fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
  );

  test("10 s after the last of it the catalog says what is wanted, no more, and others' stands untouched (random histories)", async () => {
    const ids = ["a", "b", "c", "d"].map(allocationId);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const here = scene();
        const theirs = instance(allocationId("f"), "theirs");
        let lateMs = 0;
        here.catalog.delay = () => (lateMs === 0 ? Promise.resolve() : here.clock.sleep(lateMs));
        await here.catalog.as("there").register(theirs, "");
        const wanted = new Map<AllocationId, readonly ServiceInstance[]>();
        let registrar = started(here);
        let wiped = false;
        for (const each of steps) {
          const id = "who" in each ? (ids[each.who] as AllocationId) : A;
          if (each.what === "offer") {
            const instances = each.services.map((index) => instance(id, `s${index}`, { Tags: [`${each.tag}`] }));
            wanted.set(id, instances);
            registrar.offer(id, instances);
          } else if (each.what === "withdraw") {
            wanted.delete(id);
            void registrar.withdraw(id);
          } else if (each.what === "crash") {
            registrar.close();
            registrar = here.agent();
            for (const [alive, instances] of wanted) registrar.offer(alive, instances);
            registrar.start();
            registrar.known();
          } else if (each.what === "wipe") {
            here.catalog.wipe();
            wiped = true;
          } else if (each.what === "away") {
            here.catalog.away = true;
            await here.clock.advance(each.forMs);
            here.catalog.away = false;
          } else if (each.what === "slow") lateMs = each.ms;
          else if (each.what === "meddle") {
            const other = instance(id, `s${each.service}`, { Tags: ["meddled"] });
            here.catalog.services.set(other.ID, { owner: HERE, instance: other, token: "" });
          } else await here.clock.advance(each.ms);
        }
        // A catalog that takes seconds to answer needs a few of them more; idle registrars look every 30 s.
        lateMs = 0;
        const idle = [...wanted.values()].every((each) => each.length === 0);
        await here.clock.advance(idle ? 33 * SECOND : 10 * SECOND);
        assert.deepEqual(standing(here.catalog), asWanted(...[...wanted.values()].flat()));
        if (!wiped) assert.deepEqual(standing(here.catalog, "there"), asWanted(theirs));
        for (const id of ids) assert.ok(registrar.settled(id), registrar.problems(id).join());
        registrar.close();
      }),
      { numRuns: 60 * testScale() },
    );
  });
});
