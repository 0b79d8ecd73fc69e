/**
 * A machine of its own for tests of networks: a network namespace and a /run of its own, so that packet rules, bridges, names and leases
 * are nobody else's, and are equal before and after. A test file calls `insideOwnMachine(import.meta.filename)`: outside it is one test that runs the file again
 * inside and shows what failed; inside it is true, and the tests are those of the file.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { cniNetworks, type BridgeSettings, type CniNetworksOptions } from "#integrations/cni";
import type { Networks } from "#ports";

const INSIDE = "DROVER_TEST_OWN_MACHINE";
export const PLUGINS = ["/usr/lib/cni", "/opt/cni/bin"];

/** The machine's address, and that of another machine it can talk to. */
export const HOST_ADDRESS = "198.51.100.1";
export const OUTSIDE_ADDRESS = "198.51.100.2";
export const OUTSIDE = "outside";

export function insideOwnMachine(file: string): boolean {
  if (process.env[INSIDE] === "1") {
    prepare();
    return true;
  }
  const skip =
    process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE=1" : process.getuid?.() === 0 ? false : "network namespaces take root";
  test(`networks on a real machine keep their promises: ${path.basename(file)}`, { skip, timeout: 300_000 }, () => {
    assert.ok(
      PLUGINS.some((folder) => existsSync(path.join(folder, "bridge"))),
      "CNI plugins are missing: npm run tools says how to get them, DROVER_SKIP_LIVE=1 leaves this out",
    );
    const { NODE_TEST_CONTEXT: _parent, ...environment } = process.env;
    const script = 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec "$@"';
    const ran = spawnSync("unshare", ["--net", "--mount", "sh", "-c", script, "sh", process.execPath, "--test-reporter=spec", file], {
      encoding: "utf8",
      env: { ...environment, [INSIDE]: "1" },
      timeout: 280_000,
      killSignal: "SIGKILL",
    });
    assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stdout, /pass [1-9]/);
  });
  return false;
}

/** Loopback, and a cable to another machine. */
function prepare(): void {
  sh("ip link set lo up");
  if (sh("ip netns list").includes(OUTSIDE)) return;
  sh(`ip netns add ${OUTSIDE} && ip link add cable type veth peer name eth0 netns ${OUTSIDE}`);
  sh(`ip addr add ${HOST_ADDRESS}/24 dev cable && ip link set cable up`);
  sh(`ip -n ${OUTSIDE} link set lo up && ip -n ${OUTSIDE} addr add ${OUTSIDE_ADDRESS}/24 dev eth0 && ip -n ${OUTSIDE} link set eth0 up`);
}

export function sh(script: string): string {
  return execFileSync("sh", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

export interface Machine {
  readonly networks: Networks;
  readonly directory: string;
  readonly options: CniNetworksOptions;
  /** Another life of the same agent, or (owner) another agent that shares the machine. */
  again(more?: Partial<CniNetworksOptions>): Networks;
  /** Answers with `words` in a namespace ("" the machine's own) until the machine goes. */
  serve(namespace: string, port: number, words: string): Promise<void>;
  close(): Promise<void>;
}

export const BRIDGE: BridgeSettings = { name: "dtest0", subnet: "10.211.0.0/24", subnetIPv6: "", hairpin: false, mtu: 0 };

/** An operator's networks: "mine" in a list with ports, "plain" alone in a file. */
export function writeOperatorsNetworks(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const bridge = (name: string, subnet: string) => ({
    type: "bridge",
    bridge: name,
    isGateway: true,
    ipMasq: true,
    ipam: { type: "host-local", dataDir: "/run/operators", subnet, routes: [{ dst: "0.0.0.0/0" }] },
  });
  const list = {
    cniVersion: "1.0.0",
    name: "mine",
    plugins: [bridge("dtmine", "10.212.0.0/24"), { type: "portmap", capabilities: { portMappings: true }, snat: true }],
  };
  writeFileSync(path.join(directory, "10-mine.conflist"), JSON.stringify(list));
}

export function aMachine(more: Partial<CniNetworksOptions> = {}): Machine {
  const directory = mkdtempSync(path.join(tmpdir(), "drover-networks-"));
  const options: CniNetworksOptions = {
    owner: "aaaa0001",
    stateDirectory: path.join(directory, "state"),
    cniPaths: PLUGINS,
    configDirectory: path.join(directory, "conf"),
    bridge: BRIDGE,
    nameservers: () => ["192.0.2.53"],
    ...more,
  };
  writeOperatorsNetworks(options.configDirectory);
  const servers: ChildProcess[] = [];
  return {
    directory,
    options,
    networks: cniNetworks(options),
    again: (other = {}) => cniNetworks({ ...options, ...other }),
    async serve(namespace, port, words) {
      const program = `const s = require("node:net").createServer((c) => c.on("error", () => {}).end(${JSON.stringify(words)})); s.listen(${port}, "0.0.0.0", () => console.log("up"));`;
      const child = within(namespace, [process.execPath, "-e", program]);
      servers.push(child);
      await new Promise<void>((resolve, reject) => {
        child.stdout?.once("data", () => resolve());
        child.once("exit", (code) => reject(new Error(`the server on ${port} ended: ${code}`)));
      });
    },
    async close() {
      for (const server of servers) server.kill("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
      for (const bridge of [options.bridge.name, "dtmine", "dtplain"]) spawnSync("ip", ["link", "del", bridge]);
      for (const tables of ["iptables", "ip6tables"])
        sh(`${tables} -F; ${tables} -X; ${tables} -P FORWARD ACCEPT; ${tables} -t nat -F; ${tables} -t nat -X`);
      for (const name of readdirSync("/run/netns").filter((one) => one.startsWith("drover-"))) spawnSync("ip", ["netns", "del", name]);
      rmSync("/run/cni", { recursive: true, force: true });
      rmSync("/run/operators", { recursive: true, force: true });
    },
  };
}

export function within(namespace: string, words: readonly string[]): ChildProcess {
  const all = namespace === "" ? words : ["nsenter", `--net=${namespace}`, ...words];
  return spawn(all[0] as string, all.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
}

/** What a server answers somebody who dials it from a namespace, as a user; "" when it cannot be reached. */
export async function dial(namespace: string, address: string, port: number, user = 0): Promise<string> {
  const program = `
    ${user === 0 ? "" : `process.setuid(${user});`}
    const socket = require("node:net").connect({ port: ${port}, host: "${address}", timeout: 1000 });
    socket.on("data", (words) => process.stdout.write(words)).on("timeout", () => socket.destroy()).on("error", () => {});`;
  const child = within(namespace, [process.execPath, "-e", program]);
  let words = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  await new Promise((resolve) => child.once("close", resolve));
  return words;
}

/** Everything of allocations on this machine, but for what is shared and stays: bridges, base chains, locks. */
export function traces(): readonly string[] {
  const rules = ["iptables-save", "ip6tables-save"].flatMap((command) => sh(command).split("\n"));
  const leases = ["/run/cni", "/run/operators"].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [],
  );
  return [
    ...rules.filter((line) => /drover-|CNI-(DN-|SN-)?[0-9a-f]{16}|(CNI-FORWARD.*\/32)/.test(line)),
    ...leases.filter((name) => /\d+\.\d+\.\d+\.\d+$/.test(name)),
    ...(existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith("drover-")) : []),
    ...sh("ip -o link")
      .split("\n")
      .filter((line) => /veth/.test(line) && !line.includes("cable")),
  ];
}

export function leasesOf(label: string, bridge = BRIDGE.name): readonly string[] {
  const folder = `/run/cni/${bridge}`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^[\d.]+$/.test(name) && readFileSync(path.join(folder, name), "utf8").startsWith(label));
}
