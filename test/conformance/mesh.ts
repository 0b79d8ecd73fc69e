/**
 * What every Mesh promises, whichever maker: a suite to run over each.
 *
 *   meshConformance({ name: "memory", make: async () => { …; return { mesh, allow, stands, … } } })
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Value } from "typebox/value";
import { Gateway, type Namespace } from "#model";
import type { Mesh } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";

export interface MeshUnderTest {
  readonly mesh: Mesh;
  /** An intention; "*" for all. With `permissions` as [action, path prefix]. */
  /** Written as a config entry. */
  rule(source: string, destination: string, action: "allow" | "deny", permissions?: readonly (readonly [string, string])[]): Promise<void>;
  /** All intentions that name this destination are gone. */
  forget(destination: string): Promise<void>;
  /** A service of that name stands there with a sidecar; its own check is critical unless `well`. */
  stands(name: string, well: boolean): Promise<void>;
  /** Somebody else's ingress gateway of that name, which serves `service` at 9999. */
  foreign(gateway: string, service: string): Promise<void>;
  /** What a gateway of that name serves by now; undefined: no entry. */
  serves(gateway: string): Promise<readonly string[] | undefined>;
  /** Another as soon as anything was written there for gateways, even the same again. */
  stamp(): Promise<string>;
  away?(away: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface MeshMaker {
  readonly name: string;
  make(): Promise<MeshUnderTest>;
}

export const DEFAULT = "default" as Namespace;

export function ingressTo(...services: readonly string[]): Gateway {
  const blank = Value.Create(Gateway) as Gateway;
  const Listeners = services.map((Name, index) => ({ Port: 9000 + index, Protocol: "tcp", Services: [ingressService(Name)] }));
  return { ...blank, Ingress: { TLS: null, Listeners } };
}

function ingressService(Name: string) {
  return {
    Name,
    Hosts: [],
    TLS: null,
    RequestHeaders: null,
    ResponseHeaders: null,
    MaxConnections: null,
    MaxPendingRequests: null,
    MaxConcurrentRequests: null,
  };
}

export function terminatingTo(...services: readonly string[]): Gateway {
  const blank = Value.Create(Gateway) as Gateway;
  return { ...blank, Terminating: { Services: services.map((Name) => ({ Name, CAFile: "", CertFile: "", KeyFile: "", SNI: "" })) } };
}

export function meshConformance(maker: MeshMaker): void {
  describe(`mesh "${maker.name}"`, () => {
    let under: MeshUnderTest;
    before(async () => {
      under = await maker.make();
    });
    after(async () => {
      await under.close();
    });

    test("who is not named may what the default says; the more precise intention decides over the less", async () => {
      const { mesh } = under;
      assert.deepEqual(await mesh.mayConnect("web", "api"), { allowed: true, because: undefined, defaultAllow: true });
      await under.rule("other", "api", "allow");
      assert.deepEqual(await mesh.mayConnect("web", "api"), { allowed: true, because: undefined, defaultAllow: true, declared: true });
      assert.equal((await mesh.mayConnect("web", "pages")).declared, undefined, "of another destination");
      await under.forget("api");
      await under.rule("*", "api", "deny");
      const denied = await mesh.mayConnect("web", "api");
      assert.deepEqual([denied.allowed, denied.because?.source, denied.because?.action, denied.defaultAllow], [false, "*", "deny", true]);
      await under.rule("web", "api", "allow");
      const allowed = await mesh.mayConnect("web", "api");
      assert.deepEqual([allowed.allowed, allowed.because?.source, allowed.because?.action], [true, "web", "allow"]);
      assert.equal((await mesh.mayConnect("other", "api")).allowed, false);
      assert.deepEqual(
        (await mesh.intentions("api")).map((each) => [each.source, each.destination, each.action]),
        [
          ["web", "api", "allow"],
          ["*", "api", "deny"],
        ],
      );
      assert.deepEqual((await mesh.intentions("web")).map((each) => [each.source, each.destination]).at(0), ["web", "api"]);
      await under.forget("api");
      assert.equal((await mesh.mayConnect("web", "api")).because, undefined);
    });

    test("an intention by permissions lets connect who may ask anything at all, and says what", async () => {
      const { mesh } = under;
      await under.rule("web", "pages", "allow", [
        ["allow", "/public"],
        ["deny", "/"],
      ]);
      const { allowed, because } = await mesh.mayConnect("web", "pages");
      assert.equal(allowed, true);
      assert.equal(because?.action, "permissions");
      assert.deepEqual(because?.permissions, ["allow /public*", "deny /*"]);
      await under.rule("web", "pages", "allow", [["deny", "/"]]);
      assert.equal((await mesh.mayConnect("web", "pages")).allowed, false);
      await under.forget("pages");
    });

    test("the default is known also where something holds for all", async () => {
      const { mesh } = under;
      await under.rule("*", "*", "deny");
      const { allowed, because, defaultAllow } = await mesh.mayConnect("web", "api");
      assert.deepEqual([allowed, because?.source, because?.destination, defaultAllow], [false, "*", "*", true]);
      await under.forget("*");
    });

    test("says of a service who serves it, through which proxies, and how well; of one that nobody registered nothing", async () => {
      const { mesh } = under;
      assert.equal(await mesh.service("nowhere"), undefined);
      await under.stands("shop", true);
      await eventually("it to be well", async () => (await mesh.service("shop"))?.instances.every((each) => each.status === "passing"));
      const well = await mesh.service("shop");
      assert.equal(well?.protocol, "tcp");
      assert.equal(well?.instances.length, 1);
      assert.equal(well?.proxies.length, 1);
      assert.notEqual(well?.proxies[0]?.id, well?.instances[0]?.id);
      await under.stands("shop", false);
      await eventually("it to be ill", async () => (await mesh.service("shop"))?.instances[0]?.status === "critical");
      // What the check says comes to the catalog minutes later; its name at once.
      assert.match((await mesh.service("shop"))?.instances[0]?.failing[0] ?? "", /^shop lives/);
    });

    test("says who signs", async () => {
      const { provider, trustDomain, roots } = await under.mesh.authority();
      assert.equal(provider, "consul");
      assert.match(trustDomain, /^[0-9a-f-]{36}\.consul$/);
      assert.equal(roots, 1);
    });

    test("writes what a gateway serves once, again when it is something else, and takes away what that job wrote", async () => {
      const { mesh } = under;
      const edge = { service: "edge", namespace: DEFAULT, jobId: "shop" };
      const planned = (...services: string[]) => mesh.planGateway?.({ ...edge, definition: ingressTo(...services) });
      assert.equal(await planned("api"), "create");
      await mesh.writeGateway({ ...edge, definition: ingressTo("api") });
      const before = await under.stamp();
      assert.deepEqual([await planned("api"), await planned("api", "db")], ["none", "change"]);
      await mesh.writeGateway({ ...edge, definition: ingressTo("api") });
      assert.equal(await under.stamp(), before);
      assert.deepEqual(await under.serves("edge"), ["api"]);
      await mesh.writeGateway({ ...edge, definition: ingressTo("api", "db") });
      assert.deepEqual(await under.serves("edge"), ["api", "db"]);
      assert.notEqual(await under.stamp(), before);
      await mesh.removeGateway({ ...edge, jobId: "other" });
      assert.deepEqual(await under.serves("edge"), ["api", "db"]);
      await mesh.removeGateway(edge);
      assert.equal(await under.serves("edge"), undefined);
      await mesh.removeGateway(edge);
    });

    test("a terminating gateway's entry is written too; a mesh gateway has none", async () => {
      const { mesh } = under;
      const out = { service: "out", namespace: DEFAULT, jobId: "shop" };
      await mesh.writeGateway({ ...out, definition: terminatingTo("billing") });
      assert.deepEqual(await under.serves("out"), ["billing"]);
      await mesh.removeGateway(out);
      const before = await under.stamp();
      const blank = Value.Create(Gateway) as Gateway;
      await mesh.writeGateway({ service: "between", namespace: DEFAULT, jobId: "shop", definition: { ...blank, Mesh: {} } });
      assert.equal(await under.stamp(), before);
    });

    test("what somebody else made under the name is refused by that name, and left as it is; nothing is written where it says the same", async () => {
      const { mesh } = under;
      await under.foreign("theirs", "api");
      const mine = { service: "theirs", namespace: DEFAULT, jobId: "shop" };
      const refused = (thrown: unknown) =>
        thrown instanceof NamedError && thrown.code === "MESH_REFUSED" && /"theirs"/.test(thrown.message);
      await assert.rejects(mesh.writeGateway({ ...mine, definition: ingressTo("db") }), refused);
      await assert.rejects(Promise.resolve(mesh.planGateway?.({ ...mine, definition: ingressTo("db") })), refused);
      const before = await under.stamp();
      const same = ingressTo("api");
      const [listener] = same.Ingress?.Listeners ?? [];
      assert.ok(listener !== undefined);
      await mesh.writeGateway({ ...mine, definition: { ...same, Ingress: { TLS: null, Listeners: [{ ...listener, Port: 9999 }] } } });
      await mesh.removeGateway(mine);
      assert.deepEqual(await under.serves("theirs"), ["api"]);
      assert.equal(await under.stamp(), before);
    });

    test("says so when it cannot be reached, whatever is asked of it", async (context) => {
      if (under.away === undefined) {
        context.skip("this maker is always there");
        return;
      }
      const { mesh } = under;
      await under.away(true);
      const gateway = { service: "edge", namespace: DEFAULT, jobId: "shop" };
      for (const question of [
        () => mesh.endpoint(),
        () => mesh.mayConnect("web", "api"),
        () => mesh.intentions("api"),
        () => mesh.service("api"),
        () => mesh.authority(),
        () => mesh.writeGateway({ ...gateway, definition: ingressTo("api") }),
        () => mesh.removeGateway(gateway),
      ])
        await assert.rejects(question(), (thrown: unknown) => thrown instanceof NamedError && thrown.code === "MESH_UNREACHABLE");
      await under.away(false);
      await eventually("an answer", async () => (await mesh.intentions("api")) !== undefined);
    });
  });
}
