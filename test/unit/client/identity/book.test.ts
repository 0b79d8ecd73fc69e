import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Allocation, IdentityAnswer, IdentityRequest } from "#model";
import { SignedIdentities } from "../../../../src/client/identity/book.ts";
import { decideRenewal, renewalWaitMs, type SignedSpan } from "../../../../src/client/identity/renewal.ts";
import { consulIdentity, identityKey, shownIdentities, wantedIdentities } from "../../../../src/client/identity/wanted.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { testScale } from "../../../scale.ts";
import { allocationId, anAllocation, SECOND } from "../stage.ts";
import { anIdentity, aService } from "./nouns.ts";

function createBook() {
  const clock = createSimulatedClock();
  const servers = {
    asked: [] as (readonly IdentityRequest[])[],
    away: false,
    refuse: undefined as string | undefined,
    lifeS: 0 as number | ((request: IdentityRequest) => number),
    /** What calls wait for. */
    gate: undefined as Promise<void> | undefined,
    signIdentities: async (requests: readonly IdentityRequest[], signal: AbortSignal): Promise<readonly IdentityAnswer[]> => {
      signal.throwIfAborted();
      servers.asked.push(requests);
      await servers.gate;
      if (servers.away) throw new Error("no leader");
      const IssuedAt = clock.nowMs() / 1000;
      return requests.map((Request) => {
        if (servers.refuse !== undefined) return { Request, Refused: servers.refuse };
        const life = typeof servers.lifeS === "number" ? servers.lifeS : servers.lifeS(Request);
        return { Request, JWT: `${Request.Identity}-${servers.asked.length}`, IssuedAt, ExpiresAt: life === 0 ? 0 : IssuedAt + life };
      });
    },
  };
  const reports: string[] = [];
  const book = new SignedIdentities({
    servers,
    clock,
    random: createSeededRandom(1),
    report: (entry) => reports.push(JSON.stringify(entry)),
  });
  return { book, clock, servers, reports };
}

const forever = new AbortController().signal;

/** A task with the identity everybody has (shown when `file`), and others. */
function allocationWith(letter: string, names: readonly string[], file = true): Allocation {
  return anAllocation(letter, { tasks: [{ Identity: anIdentity({ File: file }), Identities: names.map((Name) => anIdentity({ Name })) }] });
}

function requestOf(allocation: Allocation, Identity = "default"): IdentityRequest {
  return { AllocationID: allocation.ID, Workload: { Kind: "task", Task: "main" }, Identity };
}

describe("which identities an allocation needs", () => {
  test("none when its tasks have only the one nobody looks at", () => {
    assert.deepEqual(
      wantedIdentities(anAllocation("a", { tasks: [{}, { Name: "other", Identity: anIdentity({ Audience: ["x"] }) }] })),
      [],
    );
  });

  test("shown ones, named ones, and those of services of group and tasks, each once", () => {
    const service = (Name: string, identity: string) => aService({ Name, Identity: anIdentity({ Name: identity }) });
    const allocation = anAllocation("a", {
      tasks: [
        {
          Identity: anIdentity({ Env: true }),
          Identities: [anIdentity({ Name: "consul_default" })],
          Services: [service("db", "consul-service_main-db-x")],
        },
        { Name: "other", Identity: anIdentity(), Services: [aService({ Name: "plain" })] },
      ],
      group: { Services: [service("web", "consul-service_web-http"), service("web", "consul-service_web-http")] },
    });
    assert.deepEqual(
      wantedIdentities(allocation).map((each) => [each.Workload, each.Identity]),
      [
        [{ Kind: "task", Task: "main" }, "default"],
        [{ Kind: "task", Task: "main" }, "consul_default"],
        [{ Kind: "service", Service: "db", Task: "main" }, "consul-service_main-db-x"],
        [{ Kind: "service", Service: "web", Task: "" }, "consul-service_web-http"],
      ],
    );
    assert.equal(new Set(wantedIdentities(allocation).map(identityKey)).size, 4);
  });

  test("a task's Consul token is for the identity of its cluster, the group's when it names none", () => {
    const [group] = anAllocation("a").Job.TaskGroups;
    const task = { Consul: null, Identities: [anIdentity({ Name: "consul_default" }), anIdentity({ Name: "consul_east" })] };
    const of = (cluster: string | null, own: string | null) =>
      consulIdentity(
        { ...group, Consul: cluster === null ? null : { Cluster: cluster, Namespace: "", Partition: "" } },
        { ...task, Consul: own === null ? null : { Cluster: own, Namespace: "", Partition: "" } },
      )?.Name;
    assert.deepEqual(
      [of(null, null), of("east", null), of("east", "default"), of("west", null)],
      ["consul_default", "consul_east", "consul_default", undefined],
    );
    assert.deepEqual(shownIdentities({ ...group?.Tasks[0], Identity: null, Identities: task.Identities } as never), []);
  });
});

describe("when identities are renewed", () => {
  const span = fc.record({
    signedAtMs: fc.integer({ min: 0, max: 1e9 }),
    lifeMs: fc.option(fc.integer({ min: 1000, max: 1e9 })),
    jitter: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });

  test("after half of their life and at most a tenth more of it, however they are drawn", () => {
    fc.assert(
      fc.property(span, (each: SignedSpan) => {
        const wait = renewalWaitMs(each);
        if (each.lifeMs === null) assert.equal(wait, Number.POSITIVE_INFINITY);
        else assert.ok(wait >= each.lifeMs / 2 && wait <= Math.max(500, each.lifeMs * 0.55), `${wait} of ${each.lifeMs}`);
      }),
      { numRuns: 200 * testScale() },
    );
  });

  test("nothing is due before its time, and what is not due now is waited for", () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 8 }), fc.integer({ min: 0, max: 3e9 }), (spans: readonly SignedSpan[], nowMs) => {
        const { due, nextMs } = decideRenewal(new Map(spans.entries()), nowMs);
        for (const [at, each] of spans.entries()) {
          const dueAt = each.signedAtMs + renewalWaitMs(each);
          if (dueAt <= nowMs) assert.ok(due.includes(at), "overdue");
          if (due.includes(at)) assert.ok(dueAt - renewalWaitMs(each) * 0.1 <= nowMs, "too early");
        }
        if (due.length === 0 && spans.some((each) => each.lifeMs !== null)) assert.ok(nextMs !== null && nextMs > 0);
        if (spans.every((each) => each.lifeMs === null)) assert.deepEqual([due, nextMs], [[], null]);
      }),
      { numRuns: 200 * testScale() },
    );
  });
});

describe("the book of identities", () => {
  test("an allocation that needs none costs nothing: nobody is asked, no timer runs", async () => {
    const { book, clock, servers } = createBook();
    await book.obtain(allocationWith("a", [], false), forever);
    assert.deepEqual([servers.asked.length, clock.pending], [0, 0]);
  });

  test("asks once for all of an allocation, whoever waits; what does not expire is never renewed", async () => {
    const { book, clock, servers } = createBook();
    const allocation = allocationWith("a", ["one", "two"]);
    await Promise.all([book.obtain(allocation, forever), book.obtain(allocation, forever), book.obtain(allocation, forever)]);
    await book.obtain(allocation, forever);
    assert.deepEqual(
      servers.asked.map((call) => call.map((each) => each.Identity)),
      [["default", "one", "two"]],
    );
    assert.deepEqual(book.find(requestOf(allocation, "one")), { jwt: "one-1", expiresAt: 0 });
    await clock.advance(365 * 24 * 3600 * SECOND);
    assert.equal(servers.asked.length, 1);
  });

  test("renews at half of the life, tells who listens, and goes on for as long as nobody forgets it", async () => {
    const { book, clock, servers } = createBook();
    servers.lifeS = 100;
    const allocation = allocationWith("a", []);
    const heard: string[] = [];
    book.subscribe((request, signed) => heard.push(`${request.Identity} ${signed.jwt}`));
    await book.obtain(allocation, forever);
    assert.deepEqual(heard, [], "the first is no renewal");
    await clock.advance(49 * SECOND);
    assert.equal(servers.asked.length, 1);
    await clock.advance(7 * SECOND);
    assert.deepEqual(heard, ["default default-2"]);
    await clock.advance(600 * SECOND);
    assert.ok(heard.length >= 11 && heard.length <= 13, `${heard.length}`);
    book.forget(allocation.ID);
    const { length } = servers.asked;
    await clock.advance(600 * SECOND);
    assert.equal(servers.asked.length, length);
    assert.equal(book.find(requestOf(allocation)), undefined);
    assert.equal(clock.pending, 0);
  });

  test("those of short and of long life are renewed each in its own time", async () => {
    const { book, clock, servers } = createBook();
    servers.lifeS = (request) => (request.Identity === "short" ? 10 : 1000);
    await book.obtain(allocationWith("a", ["short"], true), forever);
    await clock.advance(300 * SECOND);
    assert.ok(servers.asked.slice(1).every((call) => call.length === 1 && call[0]?.Identity === "short"));
    assert.ok(servers.asked.length > 50);
  });

  test("while the servers are away who starts waits, and who runs keeps what it has", async () => {
    const { book, clock, servers, reports } = createBook();
    servers.lifeS = 100;
    const [runs, starts] = [allocationWith("a", []), allocationWith("b", [])];
    await book.obtain(runs, forever);
    servers.away = true;
    let started = false;
    const starting = book.obtain(starts, forever).then(() => (started = true));
    await clock.advance(80 * SECOND);
    assert.deepEqual([started, book.find(requestOf(runs))?.jwt], [false, "default-1"]);
    assert.ok(reports.length > 3 && reports.length < 25, "not asked all the time");
    servers.away = false;
    await clock.advance(17 * SECOND);
    await starting;
    assert.ok(started);
    assert.notEqual(book.find(requestOf(runs))?.jwt, "default-1");
    assert.ok(!reports.join().includes("default-"), "no secret is reported");
  });

  test("one that expired while the servers were away is not used for anything new, and its task waits", async () => {
    const { book, clock, servers } = createBook();
    servers.lifeS = 60;
    const allocation = allocationWith("a", []);
    await book.obtain(allocation, forever);
    servers.away = true;
    await clock.advance(100 * SECOND);
    let fresh: string | undefined;
    const asking = book.fresh(requestOf(allocation), forever).then((signed) => (fresh = signed.jwt));
    await clock.advance(SECOND);
    assert.equal(fresh, undefined);
    servers.away = false;
    await clock.advance(20 * SECOND);
    await asking;
    assert.match(fresh ?? "", /^default-\d+$/);
    assert.equal(fresh, book.find(requestOf(allocation))?.jwt);
  });

  test("waits for one that somebody else obtains; what its job never asked for is refused", async () => {
    const { book, clock, servers } = createBook();
    const allocation = allocationWith("a", ["one"]);
    const asking = book.fresh(requestOf(allocation, "one"), forever);
    await clock.advance(SECOND);
    assert.equal(servers.asked.length, 0);
    await book.obtain(allocation, forever);
    assert.equal((await asking).jwt, "one-1");
    await assert.rejects(book.fresh(requestOf(allocation, "never"), forever), { code: "IDENTITY_REFUSED" });
  });

  test("a refusal is given to who waits, and the next one who asks asks again", async () => {
    const { book, clock, servers } = createBook();
    servers.refuse = "allocation has ended";
    const allocation = allocationWith("a", []);
    await assert.rejects(book.obtain(allocation, forever), {
      code: "IDENTITY_REFUSED",
      message: /identity "default" of task "main".*: allocation has ended/,
    });
    await clock.advance(600 * SECOND);
    assert.equal(servers.asked.length, 1);
    servers.refuse = undefined;
    await book.obtain(allocation, forever);
    assert.equal(servers.asked.length, 2);
  });

  test("a renewal that is refused keeps what there is, and is tried now and then", async () => {
    const { book, clock, servers } = createBook();
    servers.lifeS = 100;
    const allocation = allocationWith("a", []);
    await book.obtain(allocation, forever);
    servers.refuse = "not now";
    await clock.advance(90 * SECOND);
    assert.deepEqual([servers.asked.length, book.find(requestOf(allocation))?.jwt], [2, "default-1"]);
    servers.refuse = undefined;
    await clock.advance(60 * SECOND);
    assert.notEqual(book.find(requestOf(allocation))?.jwt, "default-1");
  });

  test("who gives up waiting takes nothing from the others; forgetting ends all", async () => {
    const { book, clock, servers } = createBook();
    const gate = Promise.withResolvers<void>();
    servers.gate = gate.promise;
    const allocation = allocationWith("a", []);
    const impatient = new AbortController();
    const [one, two] = [book.obtain(allocation, impatient.signal), book.obtain(allocation, forever)];
    impatient.abort();
    await assert.rejects(one);
    gate.resolve();
    await two;
    servers.away = true;
    const other = allocationWith("b", []);
    const waiting = book.obtain(other, forever);
    const using = book.fresh(requestOf(other), forever);
    using.catch(() => undefined);
    waiting.catch(() => undefined);
    await clock.advance(SECOND);
    book.forget(other.ID);
    await assert.rejects(waiting, { code: "IDENTITY_REFUSED" });
    const { length } = servers.asked;
    await clock.advance(100 * SECOND);
    assert.equal(servers.asked.length, length);
    assert.equal(book.find({ ...requestOf(other), AllocationID: allocationId("b") }), undefined);
  });
});
