import assert from "node:assert/strict";
import { test } from "node:test";
import { hostNetworksOf, loadConfig, meshMeta, parseAgentFlags } from "../../../../src/agent/config/mod.ts";
import { memoryDisk } from "./memory-disk.ts";

const ADDRESSES = [
  { interface: "lo", address: "127.0.0.1", family: "IPv4", loopback: true },
  { interface: "eth0", address: "fe80::1", family: "IPv6", loopback: false },
  { interface: "eth0", address: "2001:db8::7", family: "IPv6", loopback: false },
  { interface: "eth0", address: "198.51.100.7", family: "IPv4", loopback: false },
  { interface: "eth1", address: "10.0.0.5", family: "IPv4", loopback: false },
  { interface: "eth1", address: "10.9.0.5", family: "IPv4", loopback: false },
] as const;

function load(text: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    flags: parseAgentFlags(text === "" ? words : ["-config", "/etc/d", ...words]),
    disk: memoryDisk(
      text === "" ? {} : { "/etc/d/a.hcl": `data_dir = "/opt/d"\nserver { enabled = true }\nclient { enabled = true\n${text} }` },
    ),
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: ADDRESSES,
    temporaryDirectory: () => "/tmp/dev",
    makesNetworks: true,
    environment,
  });
}

test("networks are Nomad's unless told otherwise, plugins also where a distribution puts them", () => {
  assert.deepEqual(load('node_class = "x"').client.network, {
    cniPaths: ["/opt/cni/bin", "/usr/lib/cni"],
    cniConfigDirectory: "/opt/cni/config",
    bridgeName: "nomad",
    bridgeSubnet: "172.26.64.0/20",
    bridgeSubnetIPv6: "",
    bridgeHairpin: false,
    bridgeMtu: 0,
    hostNetworks: [],
    envoyPath: "",
  });
});

test("a host network is the addresses of its interface, of its cidr, or of both together", () => {
  const config = load(`
    host_network "public" { interface = "eth0" }
    host_network "private" { cidr = "10.0.0.0/16" \n reserved_ports = "22" }
    host_network "link" { cidr = "fe80::/10" }
    host_network "both" { cidr = "10.9.0.0/16" \n interface = "eth1" }
    host_network "apart" { cidr = "10.0.0.0/8" \n interface = "eth0" }
    host_network "one" { cidr = "{{ GetInterfaceIP \\"eth1\\" }}" }`);
  const networks = hostNetworksOf(config, ADDRESSES);
  assert.deepEqual(Object.fromEntries(Object.entries(networks).map(([name, each]) => [name, each.Addresses])), {
    public: ["198.51.100.7", "2001:db8::7"],
    private: ["10.0.0.5"],
    link: ["fe80::1"],
    both: ["10.9.0.5"],
    one: ["10.0.0.5"],
  });
  assert.deepEqual(networks["private"], {
    Name: "private",
    CIDR: "10.0.0.0/16",
    Interface: "",
    ReservedPorts: "22",
    Addresses: ["10.0.0.5"],
  });
  assert.match(config.warnings.join(), /host_network "apart": this machine has no address on interface eth0 in 10\.0\.0\.0\/8/);
});

test("the same network written in two files is one", () => {
  const config = load(`host_network "a" { interface = "eth0" }\n } client { host_network "a" { reserved_ports = "80" }`);
  assert.deepEqual(config.client.network.hostNetworks, [{ name: "a", cidr: "", interface: "eth0", reservedPorts: "80" }]);
});

test("-dev-connect is -dev-consul with tasks on the default route's address; -dev keeps them on the loopback", () => {
  const connect = load("", ["-dev-connect"]);
  assert.deepEqual([connect.dev, connect.client.networkInterface, connect.consul?.address], [true, "", "http://127.0.0.1:8500"]);
  assert.deepEqual(connect.bind.http, ["127.0.0.1"]);
  assert.equal(load("", ["-dev-connect", "-network-interface=eth1"]).client.networkInterface, "eth1");
  assert.equal(load("", ["-dev"]).client.networkInterface, "lo");
  assert.equal(load('node_class = "x"').client.networkInterface, "");
});

test("the meta that sidecars' configurations name is there, and the operator's own wins", () => {
  const { meta } = load('meta { "connect.log_level" = "debug" }').client;
  assert.deepEqual(meta, { ...meshMeta(), "connect.log_level": "debug" });
  assert.equal(meshMeta()["connect.proxy_concurrency"], "1");
});

test("docker's settings: the block, then the options of old, then the environment", () => {
  const docker = (text: string, environment = {}) => load(text, [], environment).drivers.docker;
  const old = `options { "docker.endpoint" = "tcp://old:2375" \n "docker.privileged.enabled" = "true" \n "docker.caps.allowlist" = "net_raw, chown"
    "docker.cleanup.image.delay" = "1m" \n "docker.volumes.enabled" = "1" \n "docker.cleanup.image" = "false" }`;
  assert.equal(docker('node_class = "x"', { DOCKER_HOST: "tcp://there:2375" }).endpoint, "tcp://there:2375");
  const { endpoint, allowPrivileged, allowedCapabilities, garbage, volumes } = docker(old, { DOCKER_HOST: "tcp://there:2375" });
  assert.deepEqual([endpoint, allowPrivileged, allowedCapabilities], ["tcp://old:2375", true, ["net_raw", "chown"]]);
  assert.deepEqual([garbage.image, garbage.imageDelayMs, volumes.enabled], [false, 60_000, true]);
  const block = docker(`${old} } plugin "docker" { config { endpoint = "unix:///run/d.sock" \n allow_privileged = false \n allow_caps = []
    gc { image = true \n image_delay = "2h" \n dangling_containers { creation_grace = "7m" \n dry_run = true } }
    allowed_modes { pid = ["host"] } \n nvidia_runtime = "nv" } `);
  assert.deepEqual([block.endpoint, block.allowPrivileged, block.allowedCapabilities], ["unix:///run/d.sock", false, []]);
  assert.deepEqual(block.garbage, {
    image: true,
    imageDelayMs: 7_200_000,
    container: true,
    dangling: { enabled: true, periodMs: 300_000, creationGraceMs: 420_000, dryRun: true },
  });
  assert.deepEqual([block.allowedModes.pid, block.allowedRuntimes], [["host"], ["runc", "nv"]]);
});

test("a host network that says nothing, or has no name, is told of; so is an interface that is not there", () => {
  assert.throws(() => load('host_network "x" {}'), /a\.hcl:4:1: host_network "x" names no addresses[^]*interface = "eth0"/);
  assert.throws(
    () => load('host_network {\n interface = "eth1"\n}'),
    /a\.hcl:5:2: Block "host_network" has no name[^]*host_network "NAME"/,
  );
  assert.throws(() => load('network_interface = "eth9"'), /a\.hcl:4:21: network_interface is "eth9"[^]*lo, eth0, eth1/);
  assert.equal(load('network_interface = "eth1"').client.networkInterface, "eth1");
  const named = load('host_network "x" {\n interface = "eth1"\n}');
  assert.deepEqual(named.written["client"], { enabled: true, host_network: { x: { interface: "eth1" } } });
});
