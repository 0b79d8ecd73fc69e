/** What templates look at in the real Consul: each kind's shape, waiting for changes, what is denied, and a Consul that goes away. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { consulThings, type ConsulThings } from "#integrations/consul";
import type { Reading, Thing } from "#ports";
import { bytesOf, NamedError } from "#std";
import { connectionTo, suiteOwner } from "../live/parts/consul-window.ts";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import { slowConsul } from "../live/parts/slow-consul.ts";

const thing = (kind: string, name = "", options: Record<string, string> = {}): Thing => ({ system: "consul", kind, name, options });
const look = (source: ConsulThings, what: Thing, how: { token?: string; after?: string; signal?: AbortSignal } = {}): Promise<Reading> =>
  source.read(what, { token: how.token ?? "", after: how.after ?? "", signal: how.signal ?? AbortSignal.timeout(30_000) });
const fails =
  (code: string, fix = /./) =>
  (thrown: unknown) => {
    assert.ok(thrown instanceof NamedError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.fix ?? "", fix);
    return true;
  };

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  describe("things of Consul", () => {
    const owner = suiteOwner(after);
    let consul: RealConsul;
    let source: ConsulThings;
    const put = (path: string, value: string) => consul.put(`/v1/kv/${path}`, value);
    const register = (id: string, fields: object) => consul.put("/v1/agent/service/register", { ID: id, Name: "web", Port: 80, ...fields });

    before(async () => {
      consul = await startConsul({ owner });
      source = consulThings({ connection: connectionTo(consul, owner), waitMs: 20_000 });
    });

    test("a key is its text, also one with odd characters, one of bytes, an empty one, and none", async () => {
      await consul.put("/v1/txn", [{ KV: { Verb: "set", Key: "app/bytes", Value: Buffer.of(0xff, 0x61, 0xfe).toString("base64") } }]);
      assert.deepEqual([...bytesOf((await look(source, thing("key", "app/bytes"))).value as string)], [0xff, 0x61, 0xfe]);
      await put("app/na%20me%3F%23", "grüße ✓");
      await put("app/empty", "");
      assert.equal((await look(source, thing("key", "app/na me?#"))).value, "grüße ✓");
      assert.equal((await look(source, thing("key", "app/empty"))).value, "");
      const none = await look(source, thing("key", "app/none"));
      assert.deepEqual([none.value, none.againMs, none.private, none.lease], [undefined, null, false, null]);
    });

    test("waiting ends when the key changes, appears or goes", async () => {
      const first = await look(source, thing("key", "wait/it"));
      const appears = look(source, thing("key", "wait/it"), { after: first.index });
      await put("wait/it", "1");
      const second = await appears;
      assert.equal(second.value, "1");
      const changes = look(source, thing("key", "wait/it"), { after: second.index });
      await put("wait/it", "2");
      const third = await changes;
      assert.equal(third.value, "2");
      const goes = look(source, thing("key", "wait/it"), { after: third.index });
      await consul.api("/v1/kv/wait/it", { method: "DELETE" });
      assert.equal((await goes).value, undefined);
    });

    test("nothing new is an answer too, after the time that was asked for", async () => {
      const brief = consulThings({ connection: connectionTo(consul, owner), waitMs: 200 });
      await put("still", "same");
      const { index } = await look(brief, thing("key", "still"));
      const again = await look(brief, thing("key", "still"), { after: index });
      assert.deepEqual([again.value, again.index], ["same", index]);
    });

    test("keys are told with their whole path and below the prefix", async () => {
      await put("tree/a", "1");
      await put("tree/b/c", "2");
      const { value } = await look(source, thing("keys", "tree"));
      assert.deepEqual(
        (value as Record<string, unknown>[]).map(({ Path, Key, Value, Flags }) => ({ Path, Key, Value, Flags })),
        [
          { Path: "tree/a", Key: "a", Value: "1", Flags: 0 },
          { Path: "tree/b/c", Key: "b/c", Value: "2", Flags: 0 },
        ],
      );
      assert.deepEqual((await look(source, thing("keys", "forest"))).value, []);
      assert.ok(((await look(source, thing("keys"))).value as unknown[]).length >= 2);
    });

    test("of a service those are told that pass, or have the status and tag asked for", async () => {
      const check = (Status: string) => ({ TTL: "1h", Status });
      await register("web-2", { Tags: ["b", "a"], Meta: { v: "2" }, Check: check("passing") });
      await register("web-1", { Address: "10.0.0.1", Check: check("passing") });
      await register("web-3", { Tags: ["a"], Check: check("warning") });
      await register("web-4", { Check: check("critical") });
      const ids = async (options: Record<string, string> = {}) =>
        ((await look(source, thing("service", "web", options))).value as { ID: string }[]).map((each) => each.ID);
      assert.deepEqual(await ids(), ["web-1", "web-2"]);
      assert.deepEqual(await ids({ status: "warning,critical" }), ["web-3", "web-4"]);
      assert.deepEqual(await ids({ status: "any" }), ["web-1", "web-2", "web-3", "web-4"]);
      assert.deepEqual(await ids({ tag: "a", status: "passing,warning" }), ["web-2", "web-3"]);
      const [first, second] = (await look(source, thing("service", "web"))).value as Record<string, unknown>[];
      assert.equal(first?.["Address"], "10.0.0.1");
      assert.deepEqual([second?.["Address"], second?.["NodeAddress"], second?.["Port"]], ["127.0.0.1", "127.0.0.1", 80]);
      assert.deepEqual([second?.["Tags"], second?.["ServiceMeta"], second?.["Status"]], [["a", "b"], { v: "2" }, "passing"]);
      assert.deepEqual([second?.["Node"], second?.["NodeDatacenter"], second?.["Name"]], ["consul-server", "dc1", "web"]);
      assert.deepEqual((await look(source, thing("service", "nobody"))).value, []);
      const services = (await look(source, thing("services"))).value;
      assert.deepEqual(services, [
        { Name: "consul", Tags: [] },
        { Name: "web", Tags: ["a", "b"] },
      ]);
    });

    test("nodes, datacenters, roots and the certificate of a service", async () => {
      const [node] = (await look(source, thing("nodes"))).value as Record<string, unknown>[];
      assert.deepEqual([node?.["Node"], node?.["Address"], node?.["Datacenter"]], ["consul-server", "127.0.0.1", "dc1"]);
      for (const name of ["", "consul-server"]) {
        const { value } = await look(source, thing("node", name));
        const { Node, Services } = value as { Node: { Node: string }; Services: { Service: string }[] };
        assert.deepEqual([Node.Node, Services[0]?.Service], ["consul-server", "consul"]);
      }
      assert.equal((await look(source, thing("node", "elsewhere"))).value, undefined);
      const datacenters = await look(source, thing("datacenters"));
      assert.deepEqual([datacenters.value, datacenters.index], [["dc1"], ""]);
      assert.ok((datacenters.againMs ?? 0) > 0);
      const roots = (await look(source, thing("roots"))).value as { Active: boolean; RootCertPEM: string }[];
      assert.match(roots[0]?.RootCertPEM ?? "", /BEGIN CERTIFICATE/);
      const leaf = await look(source, thing("leaf", "web"));
      assert.match((leaf.value as { PrivateKeyPEM: string }).PrivateKeyPEM, /PRIVATE KEY/);
      assert.deepEqual([leaf.private, leaf.againMs], [true, null]);
      assert.notEqual(leaf.index, "");
      for (const kind of ["peerings", "exported"]) assert.deepEqual((await look(source, thing(kind))).value, [], kind);
    });

    test("a name that would lead to another endpoint is refused before anything is sent", async () => {
      const { sent } = source.requests();
      for (const name of ["../agent/self", "a/../../agent/self", "a/./b", ""])
        await assert.rejects(look(source, thing("key", name)), fails("THING_INVALID"), name);
      await assert.rejects(look(source, thing("service", "a/../../kv/x")), fails("THING_INVALID"));
      await assert.rejects(look(source, thing("secret", "a")), fails("THING_INVALID"));
      assert.equal(source.requests().sent, sent);
    });

    test("a datacenter that is not there is said by name", async () => {
      await assert.rejects(look(source, thing("key", "a", { dc: "mars" })), fails("THING_UNREACHABLE", /"mars"/));
    });

    test("who waits stops at once when told to", async () => {
      const { index } = await look(source, thing("key", "stop"));
      const control = new AbortController();
      const waiting = look(source, thing("key", "stop"), { after: index, signal: control.signal });
      assert.equal(source.requests().waiting, 1);
      control.abort(new Error("enough"));
      await assert.rejects(waiting, /enough/);
      assert.equal(source.requests().waiting, 0);
    });

    test("a hundred who wait do not keep anybody else waiting", async () => {
      const connection = connectionTo(consul, owner);
      const many = consulThings({ connection, waitMs: 20_000, waitingMax: 100, random: () => 0.5 });
      const control = new AbortController();
      const names = Array.from({ length: 100 }, (_, index) => `many/${index}`);
      const firsts = await Promise.all(names.map((name) => look(many, thing("key", name))));
      const waiting = names.map((name, index) =>
        look(many, thing("key", name), { after: firsts[index]?.index ?? "", signal: control.signal }),
      );
      assert.equal(many.requests().waiting, 100);
      assert.notEqual(await connection.direct("GET", "/agent/self"), undefined);
      assert.equal((await look(many, thing("key", "still"))).value, "same");
      // Beyond the limit one looks every few seconds instead, and forgets nothing.
      const over = await look(many, thing("key", "still"), { after: firsts[0]?.index ?? "" });
      assert.deepEqual([over.value, over.againMs, over.index === ""], ["same", 5_000, false]);
      control.abort();
      const ends = await Promise.allSettled(waiting);
      assert.ok(ends.every(({ status }) => status === "rejected"));
    });
  });

  describe("things of a Consul with access control", () => {
    const owner = suiteOwner(after);
    let consul: RealConsul;
    let source: ConsulThings;
    const tokenWith = async (rules: string): Promise<string> => {
      const name = `p${Math.random().toString(36).slice(2)}`;
      await consul.put("/v1/acl/policy", { Name: name, Rules: rules });
      const made = await consul.put<{ SecretID: string }>("/v1/acl/token", { Policies: [{ Name: name }] });
      return made.SecretID;
    };

    before(async () => {
      consul = await startConsul({ owner, acl: true });
      source = consulThings({ connection: connectionTo(consul, owner), waitMs: 20_000 });
      await consul.put("/v1/kv/app/name", "herd");
      await consul.put("/v1/agent/service/register", { Name: "web", Port: 1 });
    });

    test("what a token may not read is said with the rule it lacks", async () => {
      const token = await tokenWith('key_prefix "other/" { policy = "read" }');
      await assert.rejects(
        look(source, thing("key", "app/name"), { token }),
        fails("THING_DENIED", /key_prefix "app\/" \{ policy = "read" \}/),
      );
      await assert.rejects(
        look(source, thing("keys", "app/"), { token }),
        fails("THING_DENIED", /key_prefix "app\/" \{ policy = "read" \}/),
      );
      await assert.rejects(
        look(source, thing("service", "web"), { token }),
        fails("THING_DENIED", /service "web" \{ policy = "read" \} node_prefix/),
      );
      await assert.rejects(look(source, thing("services"), { token }), fails("THING_DENIED", /service_prefix ""/));
      await assert.rejects(look(source, thing("leaf", "web"), { token }), fails("THING_DENIED", /service "web" \{ policy = "write" \}/));
    });

    test("each token sees what it may, and the agent's own when none is given", async () => {
      const token = await tokenWith('key_prefix "app/" { policy = "read" }');
      assert.equal((await look(source, thing("key", "app/name"), { token })).value, "herd");
      assert.equal((await look(source, thing("key", "app/name"))).value, "herd");
      assert.deepEqual((await look(source, thing("service", "nobody"))).value, []);
    });

    test("a token that is gone is said to be so, and never said", async () => {
      const token = "11111111-2222-3333-4444-555555555555";
      await assert.rejects(look(source, thing("key", "app/name"), { token }), (thrown: unknown) => {
        assert.doesNotMatch(JSON.stringify([String(thrown), thrown]), new RegExp(token));
        return fails("THING_TOKEN_UNKNOWN")(thrown);
      });
    });
  });

  describe("things of a Consul that goes away", () => {
    const owner = suiteOwner(after);

    test("it is unreachable while it is, and what waited is told of the new one at once", async () => {
      const consul = await startConsul({ owner });
      const network = await slowConsul(consul);
      const connection = connectionTo(consul, owner, { address: network.address, timeoutMs: 2_000 });
      const source = consulThings({ connection, waitMs: 20_000 });
      const put = (value: string) => consul.put("/v1/kv/it", value);
      for (let count = 0; count < 30; count++) await put(String(count));
      const { index } = await look(source, thing("key", "it"));
      const waiting = look(source, thing("key", "it"), { after: index });
      await network.cut();
      await assert.rejects(waiting, fails("THING_UNREACHABLE"));
      await assert.rejects(look(source, thing("key", "it")), fails("THING_UNREACHABLE"));
      // All is lost: its index begins anew, far below the one we had.
      await consul.wipe();
      await put("new");
      await network.heal();
      const started = performance.now();
      const anew = await look(source, thing("key", "it"), { after: index });
      assert.equal(anew.value, "new");
      assert.ok(performance.now() - started < 5_000, "it did not wait for an index that never comes");
      const next = look(source, thing("key", "it"), { after: anew.index });
      await put("newer");
      assert.equal((await next).value, "newer");
    });
  });
}
