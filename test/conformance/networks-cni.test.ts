/** Networks by real CNI plugins, on a machine of their own. F38, F39, F41, F42. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";
import { testScale } from "../scale.ts";
import { allocation, aPort, aRequest, NEVER, networksConformance } from "./networks.ts";
import {
  aMachine,
  BRIDGE,
  dial,
  HOST_ADDRESS,
  insideOwnMachine,
  leasesOf,
  type Machine,
  OUTSIDE,
  PLUGINS,
  sh,
  traces,
  writeOperatorsNetworks,
} from "./networks-machine.ts";

if (insideOwnMachine(import.meta.filename)) {
  networksConformance({
    name: "CNI",
    async make({ addresses }) {
      const machine = aMachine(addresses === undefined ? {} : { bridge: { ...BRIDGE, subnet: "10.213.0.0/29" } });
      return {
        networks: machine.networks,
        lose: async (id) => rmSync(path.join(machine.options.stateDirectory, "networks", id, "hosts")),
        async close() {
          const left = traces();
          await machine.close();
          assert.deepEqual(left, []);
        },
      };
    },
  });

  const check = (sentence: string, body: (machine: Machine) => Promise<void>, more: Parameters<typeof aMachine>[0] = {}): void => {
    test(sentence, { timeout: 60_000 }, async () => {
      const machine = aMachine(more);
      try {
        await body(machine);
      } finally {
        await machine.close();
      }
    });
  };
  const labelOf = (number: number, owner = "aaaa0001"): string => `drover-${owner}-${allocation(number)}`;

  check(
    "a port is reached by localhost, by the machine's address, from another machine, another allocation and the allocation itself",
    async (machine) => {
      sh("echo 0 > /proc/sys/net/ipv4/ip_forward; iptables -P FORWARD DROP");
      const mended = await machine.networks.settle();
      assert.ok(
        mended.some((line) => line.includes("ip_forward is 1 now")),
        mended.join("\n"),
      );
      const one = await machine.networks.setUp(aRequest(1, { ports: [aPort(28_101)] }), NEVER);
      const two = await machine.networks.setUp(aRequest(2), NEVER);
      await machine.serve(one.namespacePath, 8080, "one");
      const reached = await Promise.all([
        dial("", "127.0.0.1", 28_101),
        dial("", HOST_ADDRESS, 28_101),
        dial(`/run/netns/${OUTSIDE}`, HOST_ADDRESS, 28_101),
        dial(two.namespacePath, HOST_ADDRESS, 28_101),
        dial(two.namespacePath, one.address, 8080),
        dial(one.namespacePath, HOST_ADDRESS, 28_101),
        dial(one.namespacePath, one.address, 8080),
        dial(one.namespacePath, "127.0.0.1", 8080),
      ]);
      assert.deepEqual(
        reached,
        Array.from({ length: 8 }, () => "one"),
      );
      // And out: what it dials sees the machine, not an address it could not answer.
      await machine.serve(`/run/netns/${OUTSIDE}`, 9090, "outside");
      assert.equal(await dial(one.namespacePath, "198.51.100.2", 9090), "outside");
      await machine.networks.tearDown(allocation(1));
      await machine.networks.tearDown(allocation(2));
      assert.equal(await dial("", "127.0.0.1", 28_101), "");
      assert.deepEqual(traces(), []);
    },
  );

  check("a port of one address of the machine is not one of the others", async (machine) => {
    await machine.networks.settle();
    const one = await machine.networks.setUp(aRequest(1, { ports: [aPort(28_102, 8080, HOST_ADDRESS)] }), NEVER);
    const two = await machine.networks.setUp(aRequest(2, { ports: [aPort(28_102, 8080, "127.0.0.1")] }), NEVER);
    await machine.serve(one.namespacePath, 8080, "one");
    await machine.serve(two.namespacePath, 8080, "two");
    assert.equal(await dial("", HOST_ADDRESS, 28_102), "one");
    assert.equal(await dial("", "127.0.0.1", 28_102), "two");
  });

  check("mode none, cut off when its namespace had just been made, has its loopback all the same", async (machine) => {
    const request = aRequest(1, { mode: "none" });
    const one = await machine.networks.setUp(request, NEVER);
    const record = path.join(path.dirname(one.files.hosts), "network.json");
    writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, "utf8")), connection: null }));
    sh(`ip -n ${labelOf(1)} link set lo down`);
    await machine.again().setUp(request, NEVER);
    await machine.serve(one.namespacePath, 8080, "one");
    assert.equal(await dial(one.namespacePath, "127.0.0.1", 8080), "one");
  });

  check("the machine's own network is never taken for a holder's, nor down with an allocation", async (machine) => {
    await machine.networks.settle();
    await assert.rejects(machine.networks.setUp(aRequest(1, { holderPid: process.pid }), NEVER), /it is the network of this machine/);
    assert.deepEqual(await machine.networks.list(), []);
    sh(`ip netns attach ${labelOf(1)} ${process.pid}`);
    await machine.networks.tearDown(allocation(1));
    assert.match(sh("ip -o link show"), /: cable[@:]/);
    assert.deepEqual(await machine.networks.list(), []);
  });

  check("killed after any plugin, an agent finds its parts, finishes them, or takes them down: nothing is left", async (machine) => {
    await machine.networks.settle();
    const request = aRequest(1, { ports: [aPort(28_103)] });
    for (const plugin of ["loopback", "bridge", "host-local", "firewall", "portmap"]) {
      const folder = path.join(machine.directory, `deadly-${plugin}`);
      mkdirSync(folder);
      // The real plugin, and then the death of who ran it; address management is run by the plugin bridge, which lives on for a moment.
      const victim = plugin === "host-local" ? "$(cut -d' ' -f4 /proc/$PPID/stat)" : "$PPID";
      writeFileSync(path.join(folder, plugin), `#!/bin/sh\n${realPlugin(plugin)}; code=$?\nkill -9 ${victim}\nexit $code\n`, {
        mode: 0o755,
      });
      for (const afterwards of ["finish", "take down"]) {
        const child = spawnSync(
          process.execPath,
          [
            path.join(import.meta.dirname, "networks-killed.ts"),
            JSON.stringify({ ...machine.options, cniPaths: [folder, ...PLUGINS] }),
            JSON.stringify(request),
          ],
          { encoding: "utf8" },
        );
        assert.equal(child.signal, "SIGKILL", `${plugin}: ${child.stderr}`);
        const networks = machine.again();
        assert.deepEqual(await networks.list(), [allocation(1)], `${plugin}: not found by its label`);
        assert.equal(await networks.find(allocation(1)), undefined, `${plugin}: parts are no network`);
        if (afterwards === "finish") {
          await networks.settle();
          const one = await networks.setUp(request, NEVER);
          assert.deepEqual(await networks.find(allocation(1)), one);
          assert.deepEqual(leasesOf(labelOf(1)), [one.address]);
          await machine.serve(one.namespacePath, 8080, plugin);
          assert.equal(await dial("", "127.0.0.1", 28_103), plugin);
        }
        await networks.tearDown(allocation(1));
        assert.deepEqual(traces(), [], `${plugin}, ${afterwards}`);
        assert.deepEqual(await networks.list(), []);
      }
    }
  });

  check("flushed rules, lost leases and lost files are mended around a living task, whose address stays", async (machine) => {
    await machine.networks.settle();
    const request = aRequest(1, { ports: [aPort(28_104)], hostname: "web" });
    const one = await machine.networks.setUp(request, NEVER);
    await machine.serve(one.namespacePath, 8080, "one");
    const namespace = statSync(one.namespacePath).ino;
    const losses: readonly (readonly [string, () => void])[] = [
      ["rules of ports", () => sh("iptables -t nat -F")],
      ["rules of forwarding", () => sh("iptables -F; iptables -P FORWARD DROP")],
      ["leases", () => rmSync("/run/cni", { recursive: true })],
      ["files", () => rmSync(one.files.hosts)],
      ["the bridge itself", () => sh(`ip link del ${BRIDGE.name}`)],
      ["the admin chain", () => sh("iptables -F NOMAD-ADMIN; iptables -F CNI-FORWARD")],
      ["what was remembered", () => rmSync(machine.options.stateDirectory, { recursive: true })],
    ];
    let number = 0;
    for (const [what, lose] of [...losses, ...losses.slice(1, 5), ...losses.slice(0, 2)]) {
      lose();
      const networks = machine.again();
      assert.equal(await networks.find(allocation(1)), undefined, `${what}: not missed`);
      assert.deepEqual(await networks.list(), [allocation(1)]);
      // Settled, what was there before an agent came back is whole again; what nobody remembers is set up again.
      const turn = what === "what was remembered" ? 2 : number++ % 3;
      if (turn < 2) {
        const mended = turn === 0 ? await networks.settle() : await networks.mend(allocation(1));
        assert.match(mended.join("\n"), /had lost rules, its lease or files|lost lease/, what);
        assert.deepEqual(await networks.find(allocation(1)), one, what);
      } else assert.deepEqual(await networks.setUp(request, NEVER), one, what);
      assert.equal(statSync(one.namespacePath).ino, namespace, `${what}: another namespace`);
      assert.equal(await dial(`/run/netns/${OUTSIDE}`, HOST_ADDRESS, 28_104), "one", what);
      assert.deepEqual(leasesOf(labelOf(1)), [one.address], what);
    }
    await machine.networks.tearDown(allocation(1));
    assert.deepEqual(traces(), []);
  });

  check("lost leases of the living are written again before an address is given out, also those of another agent", async (machine) => {
    const other = machine.again({ owner: "bbbb0002", stateDirectory: path.join(machine.directory, "other") });
    await machine.networks.settle();
    const one = await machine.networks.setUp(aRequest(1), NEVER);
    const two = await other.setUp(aRequest(2), NEVER);
    for (const settled of [true, false]) {
      rmSync("/run/cni", { recursive: true });
      const networks = machine.again();
      if (settled) assert.match((await networks.settle()).join("\n"), /2 lost leases of living allocations were written again/);
      const three = await networks.setUp(aRequest(3), NEVER);
      assert.equal(new Set([one.address, two.address, three.address]).size, 3);
      assert.deepEqual([leasesOf(labelOf(1)), leasesOf(labelOf(2, "bbbb0002"))], [[one.address], [two.address]]);
      await networks.tearDown(allocation(3));
    }
  });

  check("after a reboot, rules and leases of the dead go; a foreign agent's living are left alone", async (machine) => {
    const other = machine.again({ owner: "bbbb0002", stateDirectory: path.join(machine.directory, "other") });
    await machine.networks.settle();
    await machine.networks.setUp(aRequest(1, { ports: [aPort(28_105)] }), NEVER);
    await other.setUp(aRequest(2, { ports: [aPort(28_106)] }), NEVER);
    const living = await other.setUp(aRequest(3, { ports: [aPort(28_107)] }), NEVER);
    await machine.serve(living.namespacePath, 8080, "living");
    for (const label of [labelOf(1), labelOf(2, "bbbb0002")]) sh(`ip netns del ${label}`);
    const networks = machine.again();
    // Without settling, too: the port of a dead one is free for the next.
    const next = await networks.setUp(aRequest(4, { ports: [aPort(28_106)] }), NEVER);
    await machine.serve(next.namespacePath, 8080, "next");
    assert.equal(await dial("", "127.0.0.1", 28_106), "next");
    assert.deepEqual(await networks.list(), [allocation(1), allocation(4)]);
    assert.match((await networks.settle()).join("\n"), /without a namespace were removed/);
    assert.deepEqual([leasesOf(labelOf(1)), leasesOf(labelOf(2, "bbbb0002"))], [[], []]);
    assert.equal(await dial("", "127.0.0.1", 28_107), "living");
    assert.deepEqual((await other.find(allocation(3)))?.address, living.address);
    await networks.tearDown(allocation(1));
    await networks.tearDown(allocation(4));
    await networks.tearDown(allocation(3));
    assert.equal(await dial("", "127.0.0.1", 28_107), "living", "of one id, only ours is taken down");
    await other.tearDown(allocation(2));
    await other.tearDown(allocation(3));
    assert.deepEqual(traces(), []);
  });

  check(
    "set up no more wanted half-way, and a name without a namespace behind it: nothing is left, and the next is whole",
    async (machine) => {
      await machine.networks.settle();
      const folder = path.join(machine.directory, "telling");
      mkdirSync(folder);
      for (const plugin of ["loopback", "bridge", "firewall", "portmap"]) {
        const told = path.join(machine.directory, `told-${plugin}`);
        writeFileSync(path.join(folder, plugin), `#!/bin/sh\ntouch ${told}\n${realPlugin(plugin)}\n`, { mode: 0o755 });
        const wanted = new AbortController();
        const networks = machine.again({ cniPaths: [folder, ...PLUGINS] });
        const set = networks.setUp(aRequest(1, { ports: [aPort(28_111)] }), wanted.signal);
        await Promise.all([
          assert.rejects(set, /no more wanted/),
          eventually(plugin, () => existsSync(told)).then(() => wanted.abort(new Error("no more wanted"))),
        ]);
        assert.deepEqual([traces(), await networks.list()], [[], []], plugin);
        rmSync(path.join(folder, plugin));
      }
      const one = await machine.networks.setUp(aRequest(1), NEVER);
      sh(`umount ${one.namespacePath}`);
      assert.equal(await machine.networks.find(allocation(1)), undefined);
      const two = await machine.networks.setUp(aRequest(1), NEVER);
      assert.deepEqual(await machine.networks.find(allocation(1)), two);
      sh(`umount ${two.namespacePath}`);
      await machine.networks.tearDown(allocation(1));
      assert.deepEqual(traces(), []);
    },
  );

  check("a driver's own holder gives the namespace; its successor gives another, with nothing left of the first", async (machine) => {
    await machine.networks.settle();
    const holder = () => spawn("unshare", ["--net", "sleep", "60"], { stdio: "ignore" });
    const inOwn = async (pid: number): Promise<number> => {
      const own = statSync("/proc/self/ns/net").ino;
      while (statSync(`/proc/${pid}/ns/net`).ino === own) await new Promise((resolve) => setImmediate(resolve));
      return pid;
    };
    const first = holder();
    const second = holder();
    try {
      const request = aRequest(1, { ports: [aPort(28_108)], holderPid: await inOwn(first.pid as number) });
      const one = await machine.networks.setUp(request, NEVER);
      assert.equal(statSync(one.namespacePath).ino, statSync(`/proc/${first.pid}/ns/net`).ino);
      assert.deepEqual(await machine.networks.setUp(request, NEVER), one);
      const two = await machine.networks.setUp({ ...request, holderPid: await inOwn(second.pid as number) }, NEVER);
      assert.equal(statSync(two.namespacePath).ino, statSync(`/proc/${second.pid}/ns/net`).ino);
      await machine.serve(two.namespacePath, 8080, "two");
      assert.equal(await dial("", "127.0.0.1", 28_108), "two");
      await machine.networks.tearDown(allocation(1));
      assert.deepEqual(traces(), [], "though a process holds the namespace still");
      // The same, with its name lost before, and what was answered mended once.
      await machine.networks.setUp(request, NEVER);
      sh("iptables -t nat -F");
      await machine.networks.setUp(request, NEVER);
      sh(`umount ${one.namespacePath}`);
      await machine.networks.tearDown(allocation(1));
      assert.deepEqual(traces(), [], "though a process holds a namespace that has no name");
    } finally {
      first.kill("SIGKILL");
      second.kill("SIGKILL");
    }
  });

  check("redirected traffic goes through the proxy, but for the proxy's own, excluded users, ports and networks", async (machine) => {
    await machine.networks.settle();
    const redirect = {
      proxyUserId: 101,
      outboundPort: 15_001,
      inboundPort: 20_000,
      excludeInboundPorts: [7070],
      excludeOutboundPorts: [9091],
      excludeOutboundCidrs: ["198.51.100.3/32"],
      excludeUserIds: [202],
    };
    sh(`ip -n ${OUTSIDE} addr add 198.51.100.3/24 dev eth0`);
    const request = aRequest(1, { redirect });
    const one = await machine.networks.setUp(request, NEVER);
    for (const [port, words] of [
      [15_001, "proxy out"],
      [20_000, "proxy in"],
      [7070, "excluded in"],
      [8080, "app"],
    ] as const)
      await machine.serve(one.namespacePath, port, words);
    for (const port of [9090, 9091]) await machine.serve(`/run/netns/${OUTSIDE}`, port, "outside");
    const said = async () => ({
      app: await dial(one.namespacePath, "198.51.100.2", 9090, 1000),
      proxy: await dial(one.namespacePath, "198.51.100.2", 9090, 101),
      excludedUser: await dial(one.namespacePath, "198.51.100.2", 9090, 202),
      excludedPort: await dial(one.namespacePath, "198.51.100.2", 9091, 1000),
      excludedNetwork: await dial(one.namespacePath, "198.51.100.3", 9090, 1000),
      loopback: await dial(one.namespacePath, "127.0.0.1", 8080, 1000),
      comesIn: await dial("", one.address, 8080),
      comesInExcluded: await dial("", one.address, 7070),
    });
    const wanted = {
      app: "proxy out",
      proxy: "outside",
      excludedUser: "outside",
      excludedPort: "outside",
      excludedNetwork: "outside",
      loopback: "app",
      comesIn: "proxy in",
      comesInExcluded: "excluded in",
    };
    assert.deepEqual(await said(), wanted);
    sh(`nsenter --net=${one.namespacePath} iptables -t nat -F`);
    assert.equal(await machine.again().find(allocation(1)), undefined);
    await machine.again().setUp(request, NEVER);
    await machine.again().setUp(request, NEVER);
    assert.deepEqual(await said(), wanted);
    sh(`ip -n ${OUTSIDE} addr del 198.51.100.3/24 dev eth0`);
  });

  check("an operator's networks are asked for by their names, in files of each kind; what cannot be read is said", async (machine) => {
    const plain = {
      cniVersion: "0.4.0",
      type: "bridge",
      bridge: "dtplain",
      isGateway: true,
      ipam: { type: "host-local", dataDir: "/run/operators", subnet: "10.214.0.0/24" },
    };
    writeFileSync(path.join(machine.options.configDirectory, "20-plain.conf"), JSON.stringify({ ...plain, name: "plain" }));
    writeFileSync(path.join(machine.options.configDirectory, "30-json.json"), JSON.stringify({ ...plain, name: "json" }));
    writeFileSync(path.join(machine.options.configDirectory, "40-broken.conflist"), "{");
    writeFileSync(
      path.join(machine.options.configDirectory, "50-lacking.conf"),
      JSON.stringify({ ...plain, name: "lacking", type: "no-such-plugin" }),
    );
    const { networks } = machine;
    assert.deepEqual(
      (await networks.describe()).networks.map((one) => one.Mode),
      ["bridge", "cni/mine", "cni/plain", "cni/json"],
    );
    assert.match(
      (await networks.preflight()).find((one) => one.what === "cni-config")?.problem ?? "",
      /40-broken\.conflist cannot be read: no JSON/,
    );
    const one = await networks.setUp(aRequest(1, { mode: "cni/mine", ports: [aPort(28_109)] }), NEVER);
    const two = await networks.setUp(aRequest(2, { mode: "cni/plain" }), NEVER);
    const three = await networks.setUp(aRequest(3, { mode: "cni/json" }), NEVER);
    assert.match(`${one.address} ${two.address} ${three.address}`, /^10\.212\.0\.\d+ 10\.214\.0\.\d+ 10\.214\.0\.\d+$/);
    await machine.serve(one.namespacePath, 8080, "one");
    assert.equal(await dial("", "127.0.0.1", 28_109), "one");
    await assert.rejects(
      networks.setUp(aRequest(4, { mode: "cni/lacking" }), NEVER),
      (error) => error instanceof NamedError && error.code === "NETWORK_PLUGIN_MISSING",
    );
    // The operator's file goes; what it made is still taken down.
    rmSync(machine.options.configDirectory, { recursive: true });
    for (const number of [1, 2, 3]) await machine.again().tearDown(allocation(number));
    assert.deepEqual(traces(), []);
    writeOperatorsNetworks(machine.options.configDirectory);
  });

  check("tasks see hosts and servers that fit: the job's, the network's, the node's", async (machine) => {
    await machine.networks.settle();
    const one = await machine.networks.setUp(aRequest(1, { hostname: "web" }), NEVER);
    assert.match(readFileSync(one.files.hosts, "utf8"), new RegExp(`^${one.address.replaceAll(".", "\\.")} web$`, "m"));
    assert.match(readFileSync(one.files.resolvConf, "utf8"), /^nameserver 192\.0\.2\.53$/m);
    assert.equal(statSync(one.files.resolvConf).mode & 0o777, 0o644);
    const two = await machine.networks.setUp(
      aRequest(2, { dns: { Servers: ["192.0.2.1"], Searches: ["a.example", "b.example"], Options: ["ndots:2"] } }),
      NEVER,
    );
    assert.equal(
      readFileSync(two.files.resolvConf, "utf8").split("\n").slice(1).join("\n"),
      "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n",
    );
    await machine.networks.tearDown(allocation(1));
    assert.equal(existsSync(one.files.hosts), false);
  });

  check(
    "two protocols: an allocation has an address of each, and both are taken down",
    async (machine) => {
      await machine.networks.settle();
      const one = await machine.networks.setUp(aRequest(1, { ports: [aPort(28_110)] }), NEVER);
      assert.equal(one.addressIPv6.startsWith("fd00:d0:"), true, one.addressIPv6);
      rmSync("/run/cni", { recursive: true });
      await machine.again().settle();
      assert.deepEqual(await machine.again().setUp(aRequest(1, { ports: [aPort(28_110)] }), NEVER), one);
      sh("ip6tables -t nat -F; iptables -t nat -F");
      assert.deepEqual(await machine.again().setUp(aRequest(1, { ports: [aPort(28_110)] }), NEVER), one);
      assert.match(sh("ip6tables-save"), /MASQUERADE/);
      await machine.again().tearDown(allocation(1));
      assert.deepEqual(traces(), []);
      assert.doesNotMatch(sh("ip6tables-save"), /drover-|fd00:d0:0?:?[^/]*\/128/);
    },
    { bridge: { ...BRIDGE, subnetIPv6: "fd00:d0::/64" } },
  );

  check("what a machine lacks is found, and the command that is named mends it", async (machine) => {
    const finding = async (what: string) => (await machine.networks.preflight()).find((one) => one.what === what);
    sh("echo 0 > /proc/sys/net/ipv4/ip_forward; iptables -P FORWARD DROP");
    assert.equal((await finding("ip-forward"))?.standing, "missing");
    sh(String((await finding("ip-forward"))?.fix).split(" && ")[0] as string);
    assert.equal((await finding("ip-forward"))?.standing, "good");
    assert.equal((await finding("firewall"))?.standing, "warning");
    sh(String((await finding("firewall"))?.fix));
    assert.equal((await finding("firewall"))?.standing, "good");
    sh("iptables -F FORWARD");
    await machine.networks.settle();
    await machine.networks.setUp(aRequest(1), NEVER);
    assert.equal((await finding("firewall"))?.standing, "good", "the rules of the first allocation do it too");
    const bare = machine.again({ cniPaths: ["/nowhere"], bridge: { ...BRIDGE, name: "dtest9", subnet: "198.51.0.0/16" } });
    assert.deepEqual((await bare.describe()).networks, []);
    const said = await bare.preflight();
    assert.match(said.find((one) => one.what === "cni-plugins")?.problem ?? "", /bridge, host-local, firewall, portmap/);
    assert.match(said.find((one) => one.what === "subnet")?.problem ?? "", /overlaps the route 198\.51\.100\.0\/24/);
    await assert.rejects(
      bare.setUp(aRequest(2), NEVER),
      (error) => error instanceof NamedError && error.code === "NETWORK_PLUGIN_MISSING" && error.fix !== undefined,
    );
    assert.deepEqual(await bare.list(), [allocation(1)]);
  });

  check("allocations come and go side by side, of two agents on one bridge, and nothing is left", async (machine) => {
    const other = machine.again({ owner: "bbbb0002", stateDirectory: path.join(machine.directory, "other") });
    await machine.networks.settle();
    const numbers = Array.from({ length: 10 * testScale() }, (_, index) => index + 1);
    const given = await Promise.all(
      [machine.networks, other].flatMap((networks, agent) =>
        numbers.map((number) => networks.setUp(aRequest(number, { ports: [aPort(28_200 + agent * 200 + number)] }), NEVER)),
      ),
    );
    assert.equal(new Set(given.map((one) => one.address)).size, 2 * numbers.length);
    for (const networks of [machine.networks, other])
      for (const number of numbers) assert.notEqual(await networks.find(allocation(number)), undefined);
    await Promise.all([machine.networks, other].flatMap((networks) => numbers.map((number) => networks.tearDown(allocation(number)))));
    assert.deepEqual(traces(), []);
  });
}

function realPlugin(name: string): string {
  const folder = PLUGINS.find((one) => existsSync(path.join(one, name)));
  assert.ok(folder !== undefined, `CNI plugin ${name} is missing`);
  return path.join(folder, name);
}
