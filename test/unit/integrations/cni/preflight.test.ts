import assert from "node:assert/strict";
import { test } from "node:test";
import { findings, type Seen } from "../../../../integrations/cni/preflight.ts";
import { readRules } from "../../../../integrations/cni/rules.ts";

const FINE: Seen = {
  linux: true,
  root: true,
  programs: { ip: true, iptables: true, "iptables-restore": true, nsenter: true },
  cniPaths: ["/opt/cni/bin", "/usr/lib/cni"],
  pathsThere: ["/usr/lib/cni"],
  pluginsMissing: [],
  bridge: { name: "nomad", subnet: "172.26.64.0/20" },
  bridgePossible: true,
  forwarding: "1",
  bridgeRules: "1",
  rules: readRules("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"),
  firewalld: false,
  ufw: false,
  routes: [
    { dst: "default", dev: "eth0" },
    { dst: "192.0.2.0/24", dev: "eth0" },
    { dst: "172.26.64.0/20", dev: "nomad" },
  ],
  unreadable: [],
};

const faults = (seen: Partial<Seen>) => findings({ ...FINE, ...seen }).filter((one) => one.standing !== "good");

test("a machine that lacks nothing has only good findings", () => {
  assert.deepEqual(faults({}), []);
  assert.ok(findings(FINE).length >= 8);
});

test("each lack is one finding, that names the command that mends it", () => {
  const cases: readonly (readonly [Partial<Seen>, string, "missing" | "warning", RegExp, RegExp])[] = [
    [{ root: false }, "system", "missing", /not run as root/, /sudo drover agent/],
    [{ linux: false }, "system", "missing", /take Linux/, /mode host/],
    [
      { pluginsMissing: ["firewall"] },
      "cni-plugins",
      "missing",
      /firewall are missing: not in \/opt\/cni\/bin, \/usr\/lib\/cni/,
      /apt install containernetworking-plugins.*cni_path/,
    ],
    [
      { pluginsMissing: ["bridge"], pathsThere: [] },
      "cni-plugins",
      "missing",
      /none of \/opt\/cni\/bin, \/usr\/lib\/cni is a folder/,
      /apt install/,
    ],
    [{ programs: { ...FINE.programs, iptables: false } }, "iptables", "missing", /iptables not found/, /apt install iproute2 iptables/],
    [{ rules: undefined }, "iptables", "missing", /cannot read/, /modprobe/],
    [{ bridgePossible: false }, "bridge-module", "missing", /module bridge/, /modprobe bridge/],
    [{ forwarding: "0" }, "ip-forward", "missing", /ip_forward is 0/, /^sysctl -w net\.ipv4\.ip_forward=1/],
    [{ bridgeRules: "0" }, "bridge-nf", "warning", /bridge-nf-call-iptables is 0/, /sysctl -w net\.bridge/],
    [{ bridgeRules: "" }, "bridge-nf", "warning", /br_netfilter is not loaded/, /modprobe br_netfilter/],
    [
      { rules: readRules("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n") },
      "firewall",
      "warning",
      /policy of chain FORWARD is DROP/,
      /^iptables -I FORWARD 1 -o nomad -d 172\.26\.64\.0\/20 -j ACCEPT/,
    ],
    [
      { rules: readRules("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n") },
      "firewall",
      "warning",
      /refuses everything/,
      /iptables -I FORWARD/,
    ],
    [{ firewalld: true }, "firewalld", "warning", /firewalld is active/, /firewall-cmd --permanent --zone=trusted --add-interface=nomad/],
    [{ ufw: true }, "ufw", "warning", /ufw is active/, /ufw route allow in on nomad/],
    [
      { routes: [{ dst: "172.16.0.0/12", dev: "tun0" }] },
      "subnet",
      "warning",
      /overlaps the route 172\.16\.0\.0\/12 of tun0/,
      /bridge_network_subnet/,
    ],
    [
      { unreadable: [{ file: "/opt/cni/config/x.conf", problem: "no JSON" }] },
      "cni-config",
      "warning",
      /x\.conf cannot be read: no JSON/,
      /Mend or remove/,
    ],
  ];
  for (const [seen, what, standing, problem, fix] of cases) {
    const found = faults(seen);
    assert.deepEqual(
      found.map((one) => [one.what, one.standing]),
      [[what, standing]],
      JSON.stringify(seen),
    );
    assert.match(found[0]?.problem ?? "", problem);
    assert.match(found[0]?.fix ?? "", fix);
  }
});
