import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Value } from "typebox/value";
import type { Namespace } from "#model";
import { Gateway } from "../../../../src/model/service.ts";
import { gatewayEntry, isOfJob, stepOfEntry, type StandingEntry } from "../../../../integrations/consul/gateway-entry.ts";

const BLANK = Value.Create(Gateway) as Gateway;
const SERVICE = {
  Name: "api",
  Hosts: ["a.example"],
  TLS: { Enabled: false, TLSMinVersion: "", TLSMaxVersion: "", CipherSuites: [], SDS: { ClusterName: "sds", CertResource: "api" } },
  RequestHeaders: { Add: { "x-a": "1", "x-b": "2" }, Set: { "x-c": "3" }, Remove: ["x-d"] },
  ResponseHeaders: null,
  MaxConnections: 5,
  MaxPendingRequests: null,
  MaxConcurrentRequests: null,
};
const INGRESS: Gateway = {
  ...BLANK,
  Ingress: {
    TLS: { Enabled: true, TLSMinVersion: "TLSv1_2", TLSMaxVersion: "", CipherSuites: ["A"], SDS: null },
    Listeners: [{ Port: 8443, Protocol: "http", Services: [SERVICE] }],
  },
};
const job = { service: "edge", namespace: "default" as Namespace, jobId: "shop" };
const wanted = gatewayEntry({ ...job, definition: INGRESS }) ?? assert.fail();
/** As Consul answers it. */
const shown = (changes: Partial<StandingEntry> = {}): StandingEntry => ({
  ...(JSON.parse(JSON.stringify(wanted)) as typeof wanted),
  Hash: 1,
  CreateIndex: 7,
  ModifyIndex: 9,
  ...changes,
});

test("an ingress gateway's entry says what its job says, in Consul's words", () => {
  assert.deepEqual(wanted, {
    Kind: "ingress-gateway",
    Name: "edge",
    Meta: { "external-source": "nomad", "drover-namespace": "default", "drover-job": "shop" },
    TLS: { Enabled: true, TLSMinVersion: "TLSv1_2", CipherSuites: ["A"] },
    Listeners: [
      {
        Port: 8443,
        Protocol: "http",
        Services: [
          {
            Name: "api",
            Hosts: ["a.example"],
            TLS: { SDS: { ClusterName: "sds", CertResource: "api" } },
            RequestHeaders: { Add: { "x-a": "1", "x-b": "2" }, Set: { "x-c": "3" }, Remove: ["x-d"] },
            MaxConnections: 5,
          },
        ],
      },
    ],
  });
});

test("a terminating gateway's says whom it stands for; a mesh gateway has none", () => {
  const Services = [{ Name: "billing", CAFile: "/ca.pem", CertFile: "", KeyFile: "", SNI: "billing.example" }];
  const entry = gatewayEntry({ ...job, definition: { ...BLANK, Terminating: { Services } } });
  assert.deepEqual(
    [entry?.Kind, entry?.["Services"]],
    ["terminating-gateway", [{ Name: "billing", CAFile: "/ca.pem", SNI: "billing.example" }]],
  );
  assert.equal(gatewayEntry({ ...job, definition: { ...BLANK, Mesh: {} } }), undefined);
});

describe("an entry", () => {
  test("that is not there is made, only if nobody makes it meanwhile", () =>
    assert.deepEqual(stepOfEntry(wanted, undefined), { what: "write", casIndex: 0 }));
  test("that says the same stays, whatever Consul adds", () =>
    assert.deepEqual(stepOfEntry(wanted, shown({ Partition: "default", TLS: { ...Object(wanted["TLS"]), SDS: null } })), { what: "keep" }));
  test("of ours that says something else, or was another job's, is written over just what was seen", () => {
    assert.deepEqual(stepOfEntry(wanted, shown({ Listeners: [] })), { what: "write", casIndex: 9 });
    const Meta = { ...wanted.Meta, "drover-job": "other" };
    assert.deepEqual(stepOfEntry(wanted, shown({ Meta })), { what: "write", casIndex: 9 });
  });
  test("of somebody else's is left alone: kept where it says the same, else refused", () => {
    for (const Meta of [undefined, null, { "external-source": "kubernetes" }]) {
      assert.deepEqual(stepOfEntry(wanted, shown({ Meta: Meta ?? null })), { what: "keep" });
      assert.deepEqual(stepOfEntry(wanted, shown({ Meta: Meta ?? null, Listeners: [] })), { what: "refuse" });
    }
  });
  test("is taken away by the job that wrote it only", () => {
    assert.equal(isOfJob(shown(), job), true);
    assert.equal(isOfJob(shown(), { ...job, jobId: "other" }), false);
    assert.equal(isOfJob(shown(), { ...job, namespace: "other" as Namespace }), false);
    assert.equal(isOfJob(shown({ Meta: null }), job), false);
  });
});
