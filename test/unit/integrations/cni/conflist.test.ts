import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bridgeConf,
  gatewayOf,
  pluginArguments,
  pluginInput,
  pluginsOf,
  portMappings,
  subnetHolds,
  subnetsOverlap,
} from "../../../../integrations/cni/conflist.ts";
import { readNetworkConf } from "../../../../integrations/cni/config-directory.ts";
import { answerOf, readResult } from "../../../../integrations/cni/result.ts";
import { readPluginVersion } from "../../../../integrations/cni/describe.ts";

const BRIDGE = { name: "nomad", subnet: "172.26.64.0/20", subnetIPv6: "", hairpin: false, mtu: 0 };

test("the bridge network is the chain that jobs of Nomad know", () => {
  const conf = bridgeConf(BRIDGE);
  assert.equal(conf.cniVersion, "0.4.0");
  assert.deepEqual(
    conf.plugins.map((plugin) => plugin.type),
    ["loopback", "bridge", "firewall", "portmap"],
  );
  assert.deepEqual(pluginsOf(conf), ["loopback", "bridge", "host-local", "firewall", "portmap"]);
  assert.deepEqual(conf.plugins[1], {
    type: "bridge",
    bridge: "nomad",
    ipMasq: true,
    isGateway: true,
    forceAddress: true,
    hairpinMode: false,
    ipam: { type: "host-local", dataDir: "/run/cni", ranges: [[{ subnet: "172.26.64.0/20" }]], routes: [{ dst: "0.0.0.0/0" }] },
  });
  const both = bridgeConf({ ...BRIDGE, subnetIPv6: "fd00::/64", mtu: 1400, hairpin: true }).plugins[1] as {
    mtu?: number;
    hairpinMode?: boolean;
    ipam?: unknown;
  };
  assert.deepEqual([both.mtu, both.hairpinMode], [1400, true]);
  assert.match(JSON.stringify(both.ipam), /fd00::\/64.*"dst":"::\/0"/);
});

test("a plugin is told of ports only when it says that it maps them, and of the answer before it", () => {
  const conf = bridgeConf(BRIDGE);
  const port = { label: "http", hostPort: 20_001, to: 80, hostIp: "192.0.2.2" };
  const portmap = JSON.parse(pluginInput(conf, conf.plugins[3] as never, [port], { ips: [] })) as Record<string, unknown>;
  assert.deepEqual(portmap["runtimeConfig"], {
    portMappings: [
      { hostPort: 20_001, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.2" },
      { hostPort: 20_001, containerPort: 80, protocol: "udp", hostIP: "192.0.2.2" },
    ],
  });
  assert.deepEqual([portmap["name"], portmap["cniVersion"], portmap["prevResult"]], ["nomad", "0.4.0", { ips: [] }]);
  assert.equal("runtimeConfig" in (JSON.parse(pluginInput(conf, conf.plugins[1] as never, [port], undefined)) as object), false);
  assert.equal("hostIP" in (portMappings([{ ...port, hostIp: "" }])[0] as object), false);
});

test("arguments of a job go to the plugins as CNI_ARGS", () => {
  assert.equal(pluginArguments({ NOMAD_ALLOC_ID: "a", region: "b" }), "IgnoreUnknown=true;NOMAD_ALLOC_ID=a;region=b");
});

test("addresses are counted within their subnets", () => {
  assert.deepEqual(gatewayOf("172.26.64.0/20"), { address: "172.26.64.1", length: 20 });
  assert.deepEqual(gatewayOf("10.0.3.9/30"), { address: "10.0.3.9", length: 30 });
  assert.deepEqual(gatewayOf("fd00:d0::/64"), { address: "fd00:d0::1", length: 64 });
  assert.equal(subnetHolds("172.26.64.0/20", "172.26.79.255"), true);
  assert.equal(subnetHolds("172.26.64.0/20", "172.26.80.0"), false);
  assert.equal(subnetHolds("fd00::/64", "fd00::5"), true);
  assert.equal(subnetHolds("10.0.0.0/8", "fd00::5"), false);
  assert.equal(subnetsOverlap("172.26.64.0/20", "172.16.0.0/12"), true);
  assert.equal(subnetsOverlap("172.26.64.0/20", "172.26.80.0/20"), false);
  assert.equal(subnetsOverlap("172.26.64.5", "172.26.64.0/20"), true);
});

test("an operator's file is a list of plugins or one plugin, and what is wrong with it is said", () => {
  assert.deepEqual(readNetworkConf('{"cniVersion":"0.4.0","name":"one","type":"macvlan","master":"eth0"}'), {
    cniVersion: "0.4.0",
    name: "one",
    plugins: [{ type: "macvlan", master: "eth0" }],
  });
  assert.deepEqual(readNetworkConf('{"name":"two","plugins":[{"type":"ptp"}]}'), {
    cniVersion: "0.2.0",
    name: "two",
    plugins: [{ type: "ptp" }],
  });
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["{", /no JSON/],
    ["[]", /no JSON object/],
    ['{"plugins":[{"type":"ptp"}]}', /no `name`/],
    ['{"name":"../up","type":"ptp"}', /no `name`/],
    ['{"name":"a","plugins":[]}', /empty/],
    ['{"name":"a","plugins":[{"type":"ptp"},{}]}', /plugin 2 has no `type`/],
    ['{"name":"a","type":"../../bin/sh"}', /plugin 1 has no `type`/],
  ];
  for (const [text, problem] of wrong) assert.match(String(readNetworkConf(text)), problem);
});

test("an answer of any version is read: the allocation's address, not the host's or the loopback's", () => {
  const answer = {
    interfaces: [{ name: "nomad" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/x" }, { name: "lo", sandbox: "/run/netns/x" }],
    ips: [
      { interface: 3, address: "127.0.0.1/8" },
      { interface: 0, address: "172.26.64.1/20" },
      { interface: 2, address: "172.26.64.9/20", gateway: "172.26.64.1" },
      { interface: 2, address: "fd00::9/64", gateway: "fd00::1" },
    ],
    dns: { nameservers: ["192.0.2.1"], domain: "example" },
  };
  assert.deepEqual(readResult(answer), {
    interface: "eth0",
    address: "172.26.64.9",
    addressIPv6: "fd00::9",
    gateway: "172.26.64.1",
    dns: { Servers: ["192.0.2.1"], Searches: ["example"], Options: [] },
  });
  assert.deepEqual(readResult({ cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1" } }), {
    interface: "eth0",
    address: "10.0.0.2",
    addressIPv6: "",
    gateway: "10.0.0.1",
    dns: null,
  });
  assert.deepEqual(readResult({}), { interface: "eth0", address: "", addressIPv6: "", gateway: "", dns: null });
  const made = answerOf({ cniVersion: "0.4.0" }, "/run/netns/x", {
    addresses: ["10.0.0.2/24", "fd00::2/64"],
    gateway: "10.0.0.1",
    bridge: "nomad",
  });
  assert.deepEqual(readResult(made), { interface: "eth0", address: "10.0.0.2", addressIPv6: "fd00::2", gateway: "10.0.0.1", dns: null });
});

test("a plugin's version is its own, or the newest protocol that it speaks", () => {
  assert.equal(readPluginVersion("CNI bridge plugin v1.4.1\nCNI protocol versions supported: 0.1.0, 1.0.0"), "1.4.1");
  assert.equal(readPluginVersion("CNI bridge plugin version unknown\nCNI protocol versions supported: 0.4.0, 1.0.0"), "1.0.0");
  assert.equal(readPluginVersion("usage: something else"), undefined);
});
