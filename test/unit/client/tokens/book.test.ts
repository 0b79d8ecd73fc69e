import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMemoryTokenExchange, type MemoryTokenExchange } from "#integrations/memory";
import type { AllocationId, IdentityRequest } from "#model";
import type { ClientStore } from "#ports";
import { WorkloadTokens } from "../../../../src/client/tokens/book.ts";
import { createSimulatedClock, type SimulatedClock } from "../../../simulation/clock.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { allocationId, SECOND } from "../stage.ts";
import { memoryStore } from "./memory-store.ts";

const forever = new AbortController().signal;

function service(letter: string, name = "web"): IdentityRequest {
  return { AllocationID: allocationId(letter), Workload: { Kind: "service", Service: name, Task: "" }, Identity: `consul-service_${name}` };
}
function task(letter: string): IdentityRequest {
  return { AllocationID: allocationId(letter), Workload: { Kind: "task", Task: "main" }, Identity: "consul_default" };
}

interface World {
  readonly clock: SimulatedClock;
  readonly exchange: MemoryTokenExchange;
  readonly facts: Map<string, string>;
  readonly store: ClientStore;
  readonly reports: string[];
  /** An agent with a book on this world's memory; `living`: the allocations it finds. */
  book(living?: readonly AllocationId[]): WorkloadTokens;
  secrets(): readonly string[];
}

function createWorld(how: { lifeMs?: number; delayMs?: number } = {}): World {
  const clock = createSimulatedClock();
  const exchange = createMemoryTokenExchange({ clock, random: createSeededRandom(7), ...how });
  const facts = new Map<string, string>();
  const store = memoryStore(facts);
  const reports: string[] = [];
  let jwts = 0;
  return {
    clock,
    exchange,
    facts,
    store,
    reports,
    book: (living = []) => {
      const book = new WorkloadTokens({
        system: "Consul",
        prefix: "consul-token/",
        exchange,
        identities: { fresh: async () => ({ jwt: `jwt-${++jwts}`, expiresAt: 0 }) },
        store,
        clock,
        random: createSeededRandom(8),
        report: (entry) => reports.push(JSON.stringify(entry)),
      });
      book.restore(new Set(living));
      return book;
    },
    secrets: () => [...exchange.tokens.keys()],
  };
}

describe("the book of tokens", () => {
  test("without an exchange there is no token, and nothing to give back", async () => {
    const { clock, store } = createWorld();
    const fresh = () => Promise.reject(new Error("nobody asks"));
    const book = new WorkloadTokens({
      system: "Consul",
      prefix: "consul-token/",
      exchange: undefined,
      identities: { fresh },
      store,
      clock,
      random: createSeededRandom(1),
      report: () => {},
    });
    book.restore(new Set());
    assert.equal(await book.token(service("a"), forever), "");
    book.revoke(allocationId("a"));
    await book.close();
  });

  test("one exchange for a workload, whoever asks and how often; another for another", async () => {
    const { book: make, exchange } = createWorld();
    const book = make();
    const [one, two] = await Promise.all([book.token(service("a"), forever), book.token(service("a"), forever)]);
    const three = await book.token(service("a"), forever);
    assert.deepEqual([one === two, two === three, exchange.minted], [true, true, 1]);
    assert.notEqual(await book.token(service("a", "db"), forever), one);
    assert.deepEqual(exchange.tokens.get(one)?.description, {
      allocation: allocationId("a"),
      service: "web",
      identity: "consul-service_web",
    });
  });

  test("is on disk before anybody uses it, and erased only after it was given back", async () => {
    const world = createWorld();
    const book = world.book();
    let seen: readonly string[] | undefined;
    world.exchange.made = () => (seen = [...world.facts.keys()]);
    const secret = await book.token(service("a"), forever);
    assert.deepEqual(seen, []);
    assert.ok([...world.facts.values()][0]?.includes(secret));
    world.exchange.reachable = false;
    book.revoke(allocationId("a"));
    await world.clock.advance(10 * SECOND);
    assert.equal(world.facts.size, 1);
    world.exchange.reachable = true;
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([world.facts.size, world.secrets(), book.counts], [0, [], { allocations: 0, held: 0, returning: 0 }]);
  });

  test("the next agent uses what it finds and gives back what belongs to nobody any more (F30)", async () => {
    const world = createWorld();
    const first = world.book();
    const [kept, lost] = [await first.token(service("a"), forever), await first.token(service("b"), forever)];
    const second = world.book([allocationId("a")]);
    assert.equal(await second.token(service("a"), forever), kept);
    await world.clock.advance(SECOND);
    assert.deepEqual([world.secrets(), world.exchange.minted], [[kept], 2]);
    assert.ok(!world.secrets().includes(lost));
  });

  test("over while it is exchanged: it is given back, and nobody gets it", async () => {
    const world = createWorld({ delayMs: 5 * SECOND });
    const book = world.book();
    const asking = book.token(service("a"), forever);
    asking.catch(() => undefined);
    await world.clock.advance(SECOND);
    book.revoke(allocationId("a"));
    await world.clock.advance(60 * SECOND);
    await assert.rejects(asking, { code: "TOKEN_WORKLOAD_OVER" });
    assert.deepEqual([world.exchange.minted, world.secrets(), world.facts.size], [1, [], 0]);
  });

  test("who gives up waiting takes nothing from the others", async () => {
    const world = createWorld({ delayMs: 5 * SECOND });
    const book = world.book();
    const impatient = new AbortController();
    const [one, two] = [book.token(service("a"), impatient.signal), book.token(service("a"), forever)];
    one.catch(() => undefined);
    impatient.abort();
    await world.clock.advance(10 * SECOND);
    await assert.rejects(one);
    assert.equal(world.exchange.tokens.has(await two), true);
    assert.equal(world.exchange.minted, 1);
  });

  test("is replaced at two thirds of its life; the one before lives on for those who hold it, and goes with the allocation", async () => {
    const world = createWorld({ lifeMs: 90 * SECOND });
    const book = world.book();
    const heard: string[] = [];
    book.subscribe((request, token) => heard.push(`${request.Workload.Kind} ${token}`));
    const first = await book.token(service("a"), forever);
    await world.clock.advance(59 * SECOND);
    assert.deepEqual(heard, []);
    await world.clock.advance(2 * SECOND);
    const second = await book.token(service("a"), forever);
    assert.deepEqual([heard, second === first], [[`service ${second}`], false]);
    assert.ok(world.exchange.tokens.has(first));
    await world.clock.advance(600 * SECOND);
    assert.ok(world.facts.size <= 3, "those that are out are not remembered for ever");
    book.revoke(allocationId("a"));
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.secrets(), world.facts.size], [[], 0]);
  });

  test("a service's that is gone is replaced when it is said; one that is not gone stays, however often that is said", async () => {
    const world = createWorld();
    const book = world.book();
    const heard: string[] = [];
    book.subscribe((_request, token) => heard.push(token));
    const first = await book.token(service("a"), forever);
    for (let times = 0; times < 20; times++) book.gone(service("a"));
    await world.clock.advance(SECOND);
    assert.deepEqual([world.exchange.minted, heard], [1, []]);
    world.exchange.forget(first);
    for (let times = 0; times < 20; times++) book.gone(service("a"));
    await world.clock.advance(SECOND);
    assert.deepEqual([world.exchange.minted, heard.length], [2, 1]);
    assert.equal(heard[0], await book.token(service("a"), forever));
    assert.equal(world.facts.size, 1);
  });

  test("a task's that is gone is replaced within 30 s, also when the system lost all and refuses for a while (F31)", async () => {
    const world = createWorld();
    const book = world.book();
    const heard: number[] = [];
    book.subscribe(() => heard.push(world.clock.nowMs()));
    await book.token(task("a"), forever);
    await world.clock.advance(300 * SECOND);
    assert.deepEqual(heard, []);
    world.exchange.forget();
    const lostAtMs = world.clock.nowMs();
    await world.clock.advance(30 * SECOND);
    assert.ok((heard[0] ?? Infinity) - lostAtMs <= 30 * SECOND, `${heard.join()}`);
    world.exchange.forget();
    world.exchange.refusal = "no such auth method";
    await world.clock.advance(300 * SECOND);
    assert.equal(heard.length, 1);
    world.exchange.refusal = undefined;
    await world.clock.advance(15 * SECOND);
    assert.equal(heard.length, 2);
    assert.equal(world.secrets().length, 1);
  });

  test("a system that comes back hours later gets back what was meant for it, without having been hammered", async () => {
    const world = createWorld();
    const book = world.book();
    for (const letter of ["a", "b", "c", "d", "e", "f"]) await book.token(service(letter), forever);
    let asked = 0;
    const { revoke } = world.exchange;
    world.exchange.revoke = (secret) => {
      asked++;
      return revoke(secret);
    };
    world.exchange.reachable = false;
    for (const letter of ["a", "b", "c", "d", "e", "f"]) book.revoke(allocationId(letter));
    await world.clock.advance(3600 * SECOND);
    assert.ok(asked < 600, `${asked} calls in an hour`);
    world.exchange.reachable = true;
    await world.clock.advance(40 * SECOND);
    assert.deepEqual([world.secrets(), world.facts.size], [[], 0]);
  });

  test("one that the system will not take back does not keep the others", async () => {
    const world = createWorld();
    const book = world.book();
    const stuck = await book.token(service("a"), forever);
    await book.token(service("b"), forever);
    const { revoke } = world.exchange;
    let refuses = true;
    world.exchange.revoke = (secret) => (secret === stuck && refuses ? Promise.reject(new Error("denied")) : revoke(secret));
    book.revoke(allocationId("a"));
    book.revoke(allocationId("b"));
    await world.clock.advance(10 * SECOND);
    assert.deepEqual(world.secrets(), [stuck]);
    assert.ok(world.reports.length > 0 && !world.reports.join().includes(stuck), "said, without the secret");
    refuses = false;
    await world.clock.advance(400 * SECOND);
    assert.deepEqual(world.secrets(), []);
  });

  test("what cannot be remembered is not kept", async () => {
    const world = createWorld();
    const book = world.book();
    const save = world.store.saveFact;
    world.store.saveFact = () => {
      throw new Error("disk full");
    };
    await assert.rejects(book.token(service("a"), forever), { code: "TOKEN_NOT_KEPT" });
    await world.clock.advance(SECOND);
    assert.deepEqual(world.secrets(), []);
    world.store.saveFact = save;
    assert.ok(world.exchange.tokens.has(await book.token(service("a"), forever)));
  });

  test("closing waits a moment for what is under way, not for a system that is away", async () => {
    const world = createWorld({ delayMs: SECOND });
    const book = world.book();
    const asking = book.token(service("a"), forever);
    await world.clock.settle();
    let closed = false;
    void book.close().then(() => (closed = true));
    await world.clock.advance(500);
    assert.equal(closed, false);
    await world.clock.advance(SECOND);
    assert.equal(closed, true);
    assert.ok(world.facts.size === 1 && world.exchange.tokens.has(await asking));
    const second = world.book([allocationId("a")]);
    world.exchange.reachable = false;
    second.revoke(allocationId("a"));
    await world.clock.advance(2 * SECOND);
    closed = false;
    void second.close().then(() => (closed = true));
    await world.clock.settle();
    assert.equal(closed, true);
    assert.equal(world.facts.size, 1, "the next agent gives it back");
  });

  test("a service's token that is gone is noticed within 30 s though nobody uses it, at a few looks a minute (F31)", async () => {
    const world = createWorld();
    const book = world.book();
    const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
    const secrets = await Promise.all(names.map((name) => book.token(service("a", name), forever)));
    const replaced: string[] = [];
    book.subscribe((request) => replaced.push(request.Workload.Kind === "service" ? request.Workload.Service : ""));
    let looks = 0;
    const { known } = world.exchange;
    world.exchange.known = (secret) => {
      looks++;
      return known(secret);
    };
    await world.clock.advance(60 * 1000);
    assert.ok(looks >= 20 && looks <= 32, `${looks} looks in a minute`);
    assert.equal(world.exchange.minted, 10);
    world.exchange.forget(secrets[7] as string);
    await world.clock.advance(30 * 1000);
    assert.deepEqual(replaced, ["s7"]);
    await book.close();
  });

  test("where a service's is gone a task's is looked at too: it has another within seconds of a system losing all", async () => {
    const world = createWorld();
    const book = world.book();
    await Promise.all([book.token(service("a"), forever), book.token(task("b"), forever)]);
    await world.clock.advance(1_000);
    world.exchange.forget();
    await world.clock.advance(5 * SECOND);
    assert.equal(world.exchange.tokens.size, 2);
    await book.close();
  });

  test("where one of many is gone all are looked at, and not again while they are being replaced", async () => {
    const world = createWorld();
    const book = world.book();
    await Promise.all(Array.from({ length: 300 }, (_, index) => book.token(service("a", `s${index}`), forever)));
    world.exchange.forget();
    await world.clock.advance(10 * 1000);
    assert.equal(world.exchange.tokens.size, 300);
    assert.equal(world.exchange.minted, 600);
    world.exchange.reachable = false;
    await world.clock.advance(60 * 1000);
    world.exchange.reachable = true;
    assert.equal(world.exchange.tokens.size, 300);
    await book.close();
  });
});
