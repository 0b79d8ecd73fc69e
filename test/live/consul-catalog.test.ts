/** Services on the real Consul: registered, checked, owned, found again after everything that can happen to it. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { consulCatalog } from "#integrations/consul";
import { catalogDigest, type Catalog, type CheckStanding } from "#ports";
import { eventually } from "../eventually.ts";
import { connectionTo, checkInstance, suiteOwner, webInstance } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { slowConsul } from "./parts/slow-consul.ts";

interface Healthy {
  readonly Service: {
    readonly ID: string;
    readonly Port: number;
    readonly Tags: string[];
    readonly Weights: unknown;
    readonly Meta: Record<string, string>;
  };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[];
}

describe("without access control", () => {
  const owner = suiteOwner(after);
  let consul: RealConsul;
  let web: Server;
  let answer = 200;
  let port = 0;
  const fresh = (): Catalog => consulCatalog({ connection: connectionTo(consul, owner), owner: "node-1" });
  const healthy = (query = ""): Promise<Healthy[]> => consul.get(`/v1/health/service/web${query}`);

  before(async () => {
    consul = await startConsul({ owner });
    web = createServer((_request, response) => void response.writeHead(answer).end("how I am"));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    port = (web.address() as AddressInfo).port;
    owner.after(async () => {
      web.closeAllConnections();
      web.close();
    });
  });

  test("what is registered stands in the catalog whole, and is owned with its digest, also by the agent's next life", async () => {
    const id = webInstance("a1", port).ID;
    const instance = webInstance("a1", port, {
      Weights: { Passing: 7, Warning: 2 },
      EnableTagOverride: true,
      TaggedAddresses: { wan: { Address: "203.0.113.7", Port: 80 } },
      Checks: [
        checkInstance(id, "http", { Type: "http", Port: port, Path: "/health", Method: "GET" }),
        checkInstance(id, "tcp", { Type: "tcp", Port: port }),
        checkInstance(id, "script", { InitialStatus: "warning" }),
      ],
    });
    const catalog = fresh();
    await catalog.register(instance, "");
    const [found] = await healthy();
    assert.ok(found !== undefined);
    assert.deepEqual(found.Service.Weights, { Passing: 7, Warning: 2 });
    assert.deepEqual(found.Service.Tags, ["blue", "v1"]);
    assert.equal(found.Service.Meta["team"], "herders");
    assert.equal(found.Service.Meta["external-source"], "nomad");
    for (const each of [catalog, fresh()]) {
      const owned = await each.owned();
      assert.deepEqual([...owned.keys()], [id]);
      assert.equal(owned.get(id)?.digest, catalogDigest(instance));
      assert.equal(owned.get(id)?.checkIds.length, 3);
    }
    const standing = await eventually("both of Consul's own checks to pass", async () => {
      const checks = (await catalog.checks()) ?? new Map<string, CheckStanding>();
      return (
        checks.get(instance.Checks[0]?.ID ?? "")?.status === "passing" &&
        checks.get(instance.Checks[1]?.ID ?? "")?.status === "passing" &&
        checks
      );
    });
    assert.equal(standing.get(instance.Checks[2]?.ID ?? "")?.status, "warning");
    await catalog.deregister(id, "");
    await catalog.deregister(id, "");
    assert.deepEqual([...(await catalog.owned()).keys()], []);
    assert.deepEqual([...((await catalog.checks()) ?? [])], []);
  });

  test("a failing check takes the instance out; registered again, a passing one stays passing and the rest is what was said last", async () => {
    const catalog = fresh();
    const id = webInstance("a2", port).ID;
    const checked = { Checks: [checkInstance(id, "http", { Type: "http", Port: port, Path: "/" }), checkInstance(id, "script")] };
    const instance = webInstance("a2", port, checked);
    await catalog.register(instance, "");
    await catalog.reportCheck(instance.Checks[1]?.ID ?? "", { status: "passing", output: "fine: \u2713" }, "");
    await eventually("it to be healthy", async () => (await healthy("?passing")).length === 1);
    const changed = webInstance("a2", port, { ...checked, Tags: ["green"] });
    await catalog.register(changed, "");
    const [still] = await healthy();
    assert.deepEqual(still?.Service.Tags, ["green"]);
    assert.deepEqual(
      new Set(still?.Checks.filter((each) => each.CheckID.startsWith("_nomad")).map((each) => each.Status)),
      new Set(["passing"]),
    );
    // One check less than before: it is gone there too.
    await catalog.register(webInstance("a2", port, { Checks: checked.Checks.slice(0, 1) }), "");
    assert.deepEqual((await catalog.owned()).get(id)?.checkIds, [instance.Checks[0]?.ID]);
    answer = 503;
    await eventually("it to be taken out", async () => (await healthy("?passing")).length === 0);
    assert.match((await catalog.checks())?.get(instance.Checks[0]?.ID ?? "")?.output ?? "", /503/);
    answer = 200;
    await eventually("it to be back", async () => (await healthy("?passing")).length === 1);
    await catalog.deregister(id, "");
  });

  test("what somebody else changed is not what was registered any more; tags may change where the job allows it", async () => {
    const catalog = fresh();
    const plain = webInstance("a3", port, { Checks: [checkInstance(webInstance("a3", port).ID, "script")] });
    const open = webInstance("a4", port, { EnableTagOverride: true });
    await catalog.register(plain, "");
    await catalog.register(open, "");
    const digests = async () => [plain, open].map(async (each) => (await catalog.owned()).get(each.ID)?.digest);
    assert.deepEqual(await Promise.all(await digests()), [catalogDigest(plain), catalogDigest(open)]);
    for (const { ID } of [plain, open]) {
      const { Meta, Weights, Address, Port, EnableTagOverride } = await consul.get<Record<string, unknown>>(`/v1/agent/service/${ID}`);
      await consul.put("/v1/agent/service/register", {
        ID,
        Name: "web",
        Meta,
        Weights,
        Address,
        Port,
        EnableTagOverride,
        Tags: ["meddled"],
      });
    }
    assert.deepEqual(await Promise.all(await digests()), ["altered", catalogDigest(open)]);
    await catalog.register(plain, "");
    await consul.put(`/v1/agent/check/deregister/${plain.Checks[0]?.ID}`);
    assert.equal((await catalog.owned()).get(plain.ID)?.digest, "altered", "a check is missing");
    for (const { ID } of [plain, open]) await catalog.deregister(ID, "");
  });

  test("two agents on one Consul see and touch nothing of each other's (F29)", async () => {
    const [one, two] = ["node-1", "node-2"].map((id) => consulCatalog({ connection: connectionTo(consul, owner), owner: id }));
    assert.ok(one !== undefined && two !== undefined);
    await consul.put("/v1/agent/service/register", { ID: "_nomad-task-nomads-own", Name: "web", Port: 1 });
    const [mine, theirs] = ["b1", "b2"].map((id) => webInstance(id, port, { Checks: [checkInstance(webInstance(id, port).ID, "script")] }));
    assert.ok(mine !== undefined && theirs !== undefined);
    await one.register(mine, "");
    await two.register(theirs, "");
    assert.deepEqual([...(await one.owned()).keys()], [mine.ID]);
    assert.deepEqual([...(await two.owned()).keys()], [theirs.ID]);
    assert.deepEqual([...((await one.checks()) ?? new Map()).keys()], [mine.Checks[0]?.ID]);
    assert.deepEqual([...((await two.checks()) ?? new Map()).keys()], [theirs.Checks[0]?.ID]);
    await one.deregister(mine.ID, "");
    assert.deepEqual([...(await two.owned()).keys()], [theirs.ID]);
    await two.deregister(theirs.ID, "");
    assert.equal((await healthy()).length, 1, "the stranger's is still there");
    await consul.put("/v1/agent/service/deregister/_nomad-task-nomads-own");
  });

  test("restarted it knows what was registered; wiped it owns nothing, and what comes then is told from trouble", async () => {
    const catalog = fresh();
    const instance = webInstance("c1", port, { Checks: [checkInstance(webInstance("c1", port).ID, "script")] });
    await catalog.register(instance, "");
    await consul.restart();
    assert.equal((await catalog.owned()).get(instance.ID)?.digest, catalogDigest(instance));
    await consul.kill();
    for (const call of [
      () => catalog.owned(),
      () => catalog.register(instance, ""),
      () => catalog.deregister(instance.ID, ""),
      () => catalog.checks() ?? Promise.reject(new Error("no checks")),
      () => catalog.reportCheck("x", { status: "passing", output: "" }, ""),
    ]) {
      await assert.rejects(call, { name: "NamedError", code: "CATALOG_UNREACHABLE" });
    }
    await consul.wipe();
    assert.deepEqual([...(await catalog.owned()).keys()], []);
    await assert.rejects(catalog.reportCheck(instance.Checks[0]?.ID ?? "", { status: "passing", output: "" }, ""), {
      code: "CATALOG_CHECK_UNKNOWN",
    });
    await catalog.register(instance, "");
    assert.equal((await catalog.owned()).get(instance.ID)?.digest, catalogDigest(instance));
    await catalog.deregister(instance.ID, "");
  });

  test("one that is too slow, or hangs, is given up at the time limit", async () => {
    const slow = await slowConsul(consul, 2000);
    const catalog = consulCatalog({
      connection: connectionTo(consul, owner, { address: slow.address, timeoutMs: 200 }),
      owner: "node-1",
    });
    const before = performance.now();
    await assert.rejects(catalog.owned(), { code: "CATALOG_UNREACHABLE", message: /no answer within 200 ms/ });
    await assert.rejects(catalog.register(webInstance("d1", port), ""), {
      code: "CATALOG_UNREACHABLE",
      message: /no answer within 200 ms/,
    });
    assert.ok(performance.now() - before < 1500);
    slow.setDelay(0);
    await slow.remove();
    await fresh().deregister(webInstance("d1", port).ID, "");
  });

  test("an instance that Consul does not take is named with its reason", async () => {
    await assert.rejects(fresh().register(webInstance("e1", port, { Meta: { "no good": "key" } }), ""), {
      code: "CATALOG_REFUSED",
      message: /register service "web".*no good/,
    });
  });
});

describe("with access control", () => {
  const owner = suiteOwner(after);
  let consul: RealConsul;
  const token = async (rules: string): Promise<{ readonly SecretID: string; readonly AccessorID: string }> => {
    const name = `p${Math.random()}`.replace(".", "");
    await consul.put("/v1/acl/policy", { Name: name, Rules: rules });
    return consul.put("/v1/acl/token", { Policies: [{ Name: name }] });
  };
  before(async () => {
    consul = await startConsul({ owner, acl: true });
  });

  test("a token that may not is told the rule it needs, and never shown", async () => {
    const { SecretID } = await token('service "other" { policy = "write" }');
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: "node-1" });
    await assert.rejects(catalog.register(webInstance("a1", 1), SecretID), (error: Error & { code?: string; fix?: string }) => {
      assert.equal(error.code, "CATALOG_DENIED");
      assert.match(error.fix ?? "", /service "web" \{ policy = "write" \}/);
      assert.ok(!JSON.stringify(error).includes(SecretID) && !`${error.message} ${error.fix} ${error.stack}`.includes(SecretID));
      return true;
    });
  });

  test("a token that is gone is told from one that may not; the service follows its checks again by another (F31)", async () => {
    const rules = 'service "web" { policy = "write" }';
    const [first, second] = [await token(rules), await token(rules)];
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: "node-1" });
    const instance = webInstance("a2", 1, { Checks: [checkInstance(webInstance("a2", 1).ID, "script")] });
    const check = instance.Checks[0]?.ID ?? "";
    await catalog.register(instance, first.SecretID);
    await consul.api(`/v1/acl/token/${first.AccessorID}`, { method: "DELETE" });
    const gone = { code: "CATALOG_TOKEN_UNKNOWN" };
    await eventually("the token to be forgotten by the agent", async () => {
      await assert.rejects(catalog.register(instance, first.SecretID), gone);
      return true;
    });
    await assert.rejects(catalog.deregister(instance.ID, first.SecretID), gone);
    await assert.rejects(catalog.reportCheck(check, { status: "passing", output: "" }, first.SecretID), gone);
    assert.equal((await catalog.owned()).get(instance.ID)?.digest, catalogDigest(instance), "the service stays");
    await catalog.register(instance, second.SecretID);
    await catalog.reportCheck(check, { status: "passing", output: "" }, second.SecretID);
    await eventually(
      "the catalog to say that it passes",
      async () => (await consul.get<Healthy[]>("/v1/health/service/web?passing")).length === 1,
    );
    await catalog.deregister(instance.ID, "");
    await eventually("it to be gone from the catalog", async () => (await consul.get<Healthy[]>("/v1/health/service/web")).length === 0);
  });

  test("an agent's token that may not read is not taken for an empty catalog", async () => {
    const { SecretID } = await token('service_prefix "" { policy = "write" }');
    const blind = await token('agent_prefix "" { policy = "read" }');
    const seeing = consulCatalog({ connection: connectionTo(consul, owner, { token: SecretID }), owner: "node-1" });
    const instance = webInstance("a3", 1);
    await seeing.register(instance, "");
    assert.equal((await seeing.owned()).size, 1);
    const catalog = consulCatalog({ connection: connectionTo(consul, owner, { token: blind.SecretID }), owner: "node-1" });
    await catalog.owned();
    await catalog.register(instance, SecretID);
    await assert.rejects(catalog.owned(), { code: "CATALOG_DENIED", fix: /service_prefix "" \{ policy = "read" \}/ });
    await seeing.deregister(instance.ID, "");
  });
});
