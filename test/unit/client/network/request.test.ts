import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { Value } from "typebox/value";
import type { AllocatedPort, Allocation, Service, TaskGroup } from "#model";
import { testScale } from "../../../scale.ts";
import { hostName, networkRequest, ownMode } from "../../../../src/client/network/request.ts";
import { Network } from "../../../../src/model/network.ts";
import { Connect, ExposePath, Proxy, SidecarService, TransparentProxy } from "../../../../src/model/service.ts";
import { aPort, aService } from "../registration/nouns.ts";
import { anAllocation } from "../stage.ts";
import { aNode } from "../../scheduler/nouns.ts";

const NAMES = new Map([
  ["NOMAD_ALLOC_INDEX", "3"],
  ["NOMAD_META_zone", "a;b"],
]);

function asked(network: Partial<Network>, ports: readonly AllocatedPort[] = [], services: readonly Service[] = [], meta = {}) {
  const Networks = [{ ...(Value.Create(Network) as Network), Mode: "bridge", ...network }];
  const made = anAllocation("a", { group: { Networks, Services: [...services] } });
  const Shared = { ...made.AllocatedResources.Shared, Ports: ports };
  const allocation: Allocation = { ...made, AllocatedResources: { ...made.AllocatedResources, Shared } };
  const group = allocation.Job.TaskGroups[0] as TaskGroup;
  return networkRequest({ allocation, group, node: aNode("n", { Meta: meta }), region: "global", names: NAMES, holderPid: 7 });
}

describe("what an allocation asks of its network", () => {
  test("own are bridge, none and networks of CNI; host, nothing and a driver's words are the machine's", () => {
    const modeOf = (Mode: string) => ownMode({ Networks: [{ ...(Value.Create(Network) as Network), Mode }] });
    for (const mode of ["bridge", "none", "cni/storage"]) assert.equal(modeOf(mode), mode);
    for (const mode of ["", "host", "weave"]) assert.equal(modeOf(mode), undefined);
    assert.equal(ownMode({ Networks: [] }), undefined);
  });

  test("ports lead to `to`, or to the same number where none is named", () => {
    const { ports, holderPid } = asked({}, [aPort("http", 20_001, 8080), aPort("same", 20_002)]);
    assert.deepEqual(
      ports.map(({ label, hostPort, to, hostIp }) => [label, hostPort, to, hostIp]),
      [
        ["http", 20_001, 8080, "192.0.2.5"],
        ["same", 20_002, 20_002, "192.0.2.5"],
      ],
    );
    assert.equal(holderPid, 7);
  });

  test("it is told who it is, which is not the job's to say, with the job's own words, in which no \";\" is left", () => {
    const { arguments: words } = asked({ CNI: { Args: { ZONE: "${NOMAD_META_zone}", NOMAD_REGION: "mine" } } });
    assert.deepEqual(words, {
      IgnoreUnknown: "true",
      NOMAD_REGION: "global",
      NOMAD_NAMESPACE: "default",
      NOMAD_JOB_ID: "app",
      NOMAD_GROUP_NAME: "web",
      NOMAD_ALLOC_ID: "aaaaaaaa-0000-4000-8000-000000000000",
      ZONE: "ab",
    });
  });

  test("its host name is interpolated; without one it is the beginning of its id", () => {
    assert.equal(asked({ Hostname: "web-${NOMAD_ALLOC_INDEX}.example" }).hostname, "web-3.example");
    assert.equal(asked({}).hostname, "aaaaaaaa");
    assert.equal(asked({ Hostname: "${nobody.knows}" }).hostname, "nobody.knows");
  });

  test("whatever is written, a host name is one", () => {
    fc.assert(
      fc.property(fc.string(), (written) => assert.match(hostName(written), /^(?:[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)?$/)),
      { numRuns: 200 * testScale() },
    );
  });
});

describe("transparent_proxy", () => {
  const proxied = (wanted: Partial<TransparentProxy>, paths: readonly string[] = []): Service => {
    const Paths = paths.map((ListenerPort) => ({ ...(Value.Create(ExposePath) as ExposePath), ListenerPort }));
    const proxy = {
      ...(Value.Create(Proxy) as Proxy),
      TransparentProxy: { ...(Value.Create(TransparentProxy) as TransparentProxy), ...wanted },
    };
    const sidecar = { ...(Value.Create(SidecarService) as SidecarService), Proxy: { ...proxy, Expose: { Paths } } };
    return aService({ Name: "api", Connect: { ...(Value.Create(Connect) as Connect), SidecarService: sidecar } });
  };
  const ports = [aPort("connect-proxy-api", 25_000), aPort("http", 20_001, 8080), aPort("health", 20_002)];

  test("sends everything through the sidecar but what it is told to leave alone", () => {
    const service = proxied(
      {
        UID: "200",
        OutboundPort: 16_000,
        ExcludeInboundPorts: ["http", "9000"],
        ExcludeOutboundPorts: [53],
        ExcludeOutboundCIDRs: ["10.0.0.0/8"],
        ExcludeUIDs: ["1000"],
      },
      ["health", "http"],
    );
    assert.deepEqual(asked({}, ports, [service]).redirect, {
      proxyUserId: 200,
      outboundPort: 16_000,
      inboundPort: 25_000,
      excludeInboundPorts: [8080, 9000, 20_002],
      excludeOutboundPorts: [53],
      excludeOutboundCidrs: ["10.0.0.0/8"],
      excludeUserIds: [1000],
    });
  });

  test("has the node's user and port where the job names none, and Consul's usual ones where it names none either", () => {
    const meta = { "connect.transparent_proxy.default_uid": "777", "connect.transparent_proxy.default_outbound_port": "15999" };
    const told = asked({}, ports, [proxied({})], meta).redirect;
    assert.deepEqual([told?.proxyUserId, told?.outboundPort], [777, 15_999]);
    const usual = asked({}, ports, [proxied({})]).redirect;
    assert.deepEqual([usual?.proxyUserId, usual?.outboundPort], [101, 15_001]);
  });

  test("is nobody's who has no sidecar, or whose sidecar has no port", () => {
    assert.equal(asked({}, ports, [aService()]).redirect, null);
    assert.equal(asked({}, [], [proxied({})]).redirect, null);
  });
});
