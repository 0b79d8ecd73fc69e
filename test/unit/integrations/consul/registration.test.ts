import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { CheckInstance } from "#ports";
import { catalogDigest } from "#ports";
import { checkOf, digestOf, registrationsOf, type ConsulService } from "../../../../integrations/consul/registration.ts";
import { aCheckInstance, aServiceInstance, withSidecar } from "../../../conformance/catalog.ts";

const registrationOf = (...request: Parameters<typeof registrationsOf>) => registrationsOf(...request).service;

/** As Consul shows what it was told. */
function shown({ Name, ...rest }: ReturnType<typeof registrationOf>): ConsulService {
  return { ...rest, Service: Name };
}

const idsOf = (registration: ReturnType<typeof registrationOf>) => registration.Checks.map((each) => each.CheckID);

test("what Consul shows unchanged has the digest of what was registered, in whatever order it lists checks and meta", () => {
  fc.assert(
    fc.property(
      fc.record({
        Tags: fc.array(fc.string()),
        Meta: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string()),
        Address: fc.string(),
        Port: fc.nat(65535),
        EnableTagOverride: fc.boolean(),
        checks: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 4 }),
      }),
      ({ checks, ...more }) => {
        const instance = aServiceInstance("web", { ...more, Checks: checks.map((ID) => aCheckInstance("web", { ID })) });
        const registration = registrationOf(instance, "node-1");
        const service = shown(registration);
        const Meta = Object.fromEntries(Object.entries(service.Meta ?? {}).toReversed());
        assert.equal(digestOf({ service: { ...service, Meta }, checkIds: idsOf(registration).toReversed() }), catalogDigest(instance));
      },
    ),
  );
});

describe("a service that is not what was registered", () => {
  const instance = aServiceInstance("web", { Checks: [aCheckInstance("web")] });
  const registration = registrationOf(instance, "node-1");
  const service = shown(registration);
  for (const [name, changes] of Object.entries({
    name: { Service: "other" },
    tags: { Tags: ["one"] },
    "no tags": { Tags: null },
    address: { Address: "192.0.2.1" },
    port: { Port: 1 },
    meta: { Meta: { ...service.Meta, tier: "back" } },
    "no meta": { Meta: null },
    weights: { Weights: { Passing: 2, Warning: 1 } },
    kind: { Kind: "connect-proxy" },
    "tag override": { EnableTagOverride: true },
  } satisfies Record<string, Partial<ConsulService>>)) {
    test(`is seen by its ${name}`, () =>
      assert.notEqual(digestOf({ service: { ...service, ...changes }, checkIds: idsOf(registration) }), catalogDigest(instance)));
  }
  test("is seen by a check that is missing, or one too many", () => {
    assert.notEqual(digestOf({ service, checkIds: [] }), catalogDigest(instance));
    assert.notEqual(digestOf({ service, checkIds: [...idsOf(registration), "another"] }), catalogDigest(instance));
  });
  test("is not seen by its tags where others may set them", () => {
    const open = aServiceInstance("web", { EnableTagOverride: true });
    assert.equal(digestOf({ service: { ...shown(registrationOf(open, "node-1")), Tags: ["theirs"] }, checkIds: [] }), catalogDigest(open));
  });
});

test("a script is a TTL that outlasts its interval and its time limit; every other check is Consul's own to run", () => {
  const check = (more: Partial<CheckInstance>) => {
    const {
      CheckID: _id,
      Name: _name,
      ...rest
    } = checkOf(aCheckInstance("web", { Address: "192.0.2.1", Port: 80, IntervalNs: 10e9, TimeoutNs: 2e9, ...more }));
    return rest;
  };
  const times = { Interval: "10s", Timeout: "2s" };
  assert.deepEqual(check({}), { TTL: "42s" });
  assert.deepEqual(check({ Type: "tcp" }), { TCP: "192.0.2.1:80", ...times });
  assert.deepEqual(check({ Type: "tcp", Address: "2001:db8::1" }), { TCP: "[2001:db8::1]:80", ...times });
  assert.deepEqual(check({ Type: "http", Path: "/health?full=1" }), { HTTP: "http://192.0.2.1:80/health?full=1", Method: "GET", ...times });
  assert.deepEqual(
    check({
      Type: "http",
      Path: "x",
      Protocol: "https",
      Method: "POST",
      Body: "b",
      Header: { A: ["1", "2"] },
      TlsSkipVerify: true,
      TlsServerName: "n",
    }),
    {
      HTTP: "https://192.0.2.1:80/x",
      Method: "POST",
      Body: "b",
      Header: { A: ["1", "2"] },
      TLSSkipVerify: true,
      TLSServerName: "n",
      ...times,
    },
  );
  assert.deepEqual(check({ Type: "grpc", GrpcService: "shop.Cart", GrpcUseTls: true }), {
    GRPC: "192.0.2.1:80/shop.Cart",
    GRPCUseTLS: true,
    ...times,
  });
  assert.deepEqual(check({ Type: "grpc" }), { GRPC: "192.0.2.1:80", GRPCUseTLS: false, ...times });
  const counted = { SuccessBeforePassing: 2, FailuresBeforeCritical: 3, FailuresBeforeWarning: 1 };
  assert.deepEqual(check({ ...counted, Notes: "n", InitialStatus: "warning" }), { ...counted, Notes: "n", Status: "warning", TTL: "42s" });
});

test("a sidecar is ours, is no better than its service, and what is changed of its proxy is seen", () => {
  const instance = withSidecar(aServiceInstance("web"));
  const { service, sidecar } = registrationsOf(instance, "node-1");
  assert.ok(sidecar !== undefined);
  assert.equal(sidecar.Meta["drover-owner"], "node-1");
  assert.deepEqual(sidecar.Checks.at(-1)?.["AliasService"], service.ID);
  const standing = (Proxy: Readonly<Record<string, unknown>> | undefined, checkIds = idsOf(sidecar)) =>
    digestOf({
      service: shown(service),
      checkIds: idsOf(service),
      sidecar: { service: { ...shown(sidecar), ...(Proxy && { Proxy }) }, checkIds },
    });
  assert.equal(standing(sidecar.Proxy), catalogDigest(instance));
  for (const changed of [
    { Config: { bind_port: 1 } },
    { LocalServicePort: 1 },
    { Mode: "transparent" },
    { Upstreams: [{ DestinationName: "x" }] },
    { TransparentProxy: { OutboundListenerPort: 1 } },
  ])
    assert.notEqual(standing({ ...sidecar.Proxy, ...changed }), catalogDigest(instance), JSON.stringify(changed));
  assert.notEqual(standing(sidecar.Proxy, idsOf(sidecar).slice(1)), catalogDigest(instance));
});
