/**
 * Networks of allocations by the real agent on a host of the test's own (interfaces, firewall and namespaces that nobody else has): bridge and
 * none, exec and raw_exec side by side, ports, names, addresses, and an agent that is killed in the middle of it. Needs root and CNI's plugins.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { difference, hostState, type HostState } from "./parts/host-state.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startNetworkWorld, type NetworkWorld } from "./parts/network-world.ts";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

interface Shown {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<
    Record<string, { readonly Restarts: number; readonly State: string; readonly Events: readonly { DisplayMessage: string }[] }>
  >;
  readonly NetworkStatus: { readonly InterfaceName: string; readonly Address: string } | null;
  readonly AllocatedResources: {
    readonly Shared: { readonly Ports: readonly { Label: string; Value: number; To: number; HostIP: string }[] };
  };
}

const removals: (() => Promise<void>)[] = [];
let world: NetworkWorld;
let host: IsolatedHost;
let agent: RealAgent;
let bridge: string;
let subnet: string;
/** Before any allocation, and after the first: what the agent's networks stand on (bridge, chains) stays. */
let base: HostState;

before(async () => {
  world = await startNetworkWorld({ after: (remove) => removals.push(remove) });
  host = world.hosts[0] as IsolatedHost;
  // Leases lie in a folder that hosts of the test share with the machine: the bridge's name is this test's alone.
  bridge = `${world.bridge}-b`;
  subnet = `10.${200 + (process.pid % 50)}.${Number(`0x${world.bridge.slice(-2)}`)}.`;
  agent = await startRealAgent({
    host,
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl": [
        "client {",
        "  enabled = true",
        `  bridge_network_name = "${bridge}"`,
        `  bridge_network_subnet = "${subnet}0/24"`,
        "}",
        'plugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n',
      ].join("\n"),
    },
  });
});

after(async () => {
  await agent?.remove();
  for (const remove of removals.toReversed()) await remove();
});

/** It serves what its job is called, on the ports called http and (where there is one) fixed. */
const server = (name: string, Driver = "exec") => ({
  Name: name,
  Driver,
  Config: {
    command: "/bin/sh",
    args: [
      "-c",
      [
        'echo "$NOMAD_JOB_ID" > "$NOMAD_TASK_DIR/index.html"',
        '[ -z "$NOMAD_PORT_fixed" ] || /usr/bin/busybox httpd -p "$NOMAD_PORT_fixed" -h "$NOMAD_TASK_DIR"',
        'exec /usr/bin/busybox httpd -f -p "$NOMAD_PORT_http" -h "$NOMAD_TASK_DIR"',
      ].join("; "),
    ],
  },
  // Process 1 of a namespace hears no signal it has no handler for.
  KillTimeout: 3e8,
  Resources: { CPU: 20, MemoryMB: 20 },
});
const idle = (name: string, Driver: string) => ({
  Name: name,
  Driver,
  Config: { command: "/bin/sleep", args: ["1000000"] },
  KillTimeout: 3e8,
  Resources: { CPU: 20, MemoryMB: 20 },
});

async function submit(id: string, group: object): Promise<void> {
  const Job = { ID: id, Type: "service", Datacenters: ["*"], TaskGroups: [{ Name: "g", Count: 1, ...group }] };
  const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(answer.status, 200, await answer.text());
}

const allocationsOf = async (id: string) =>
  agent.get<{ ID: string; DesiredStatus: string; ClientStatus: string }[]>(`/v1/job/${id}/allocations`);

async function running(id: string): Promise<Shown> {
  return await eventually(
    `an allocation of ${id} to run`,
    async () => {
      for (const each of await allocationsOf(id)) {
        const shown = await agent.get<Shown>(`/v1/allocation/${each.ID}`);
        const states = Object.values(shown.TaskStates);
        if (shown.DesiredStatus === "run" && shown.ClientStatus === "running" && states.every(({ State }) => State === "running"))
          return shown;
      }
      return undefined;
    },
    30_000,
  );
}

async function stopped(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const answer = await agent.request(`/v1/job/${id}`, { method: "DELETE" });
    assert.equal(answer.status, 200);
  }
  for (const id of ids) {
    await eventually(
      `${id} to be over`,
      async () => (await allocationsOf(id)).every(({ ClientStatus }) => ["complete", "failed"].includes(ClientStatus)),
      30_000,
    );
  }
}

const inside = async (of: Shown, task: string, ...command: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await agent.cli("alloc", "exec", "-i=false", "-t=false", "-task", task, of.ID, ...command);
  assert.equal(code, 0, stderr + stdout);
  return stdout;
};
const port = (of: Shown, label: string) => {
  const found = of.AllocatedResources.Shared.Ports.find(({ Label }) => Label === label);
  assert.ok(found !== undefined);
  return found;
};
const fetched = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();

/** The host as it is but for the agent, which comes and goes. */
const state = async (): Promise<HostState> => {
  const { process: _processes, cgroup: _groups, mount: _mounts, "CNI file": files, ...rest } = await hostState({ host });
  return { ...rest, "CNI file": (files ?? []).filter((file) => file.includes(`/${bridge}/`)) };
};

test("tasks of a group share its network: localhost between drivers, one address, names and ports as the job says", async () => {
  await submit("web", {
    Networks: [
      {
        Mode: "bridge",
        Hostname: "web-${NOMAD_ALLOC_INDEX}",
        DynamicPorts: [{ Label: "http", To: 8080 }, { Label: "same" }],
        ReservedPorts: [{ Label: "fixed", Value: 28_123, To: 8081 }],
      },
    ],
    Services: [
      { Name: "web", PortLabel: "http", Provider: "nomad", Checks: [{ Type: "http", Path: "/", Interval: 1e9, Timeout: 1e9 }] },
      { Name: "web-inside", PortLabel: "http", Provider: "nomad", AddressMode: "alloc" },
    ],
    Tasks: [server("server"), idle("friend", "raw_exec")],
  });
  const web = await running("web");
  assert.equal(web.NetworkStatus?.InterfaceName, "eth0");
  const address = web.NetworkStatus?.Address ?? "";
  assert.ok(address.startsWith(subnet), address);

  assert.equal(await inside(web, "friend", "curl", "-s", "http://127.0.0.1:8080"), "web\n", "raw_exec reaches exec by localhost");
  assert.equal(await inside(web, "friend", "readlink", "/proc/self/ns/net"), await inside(web, "server", "readlink", "/proc/self/ns/net"));
  assert.notEqual(await inside(web, "friend", "readlink", "/proc/self/ns/net"), await host.must("readlink", "/proc/self/ns/net"));
  for (const label of ["http", "fixed"]) assert.equal(await fetched(`http://${host.address}:${port(web, label).Value}`), "web\n", label);
  assert.equal(await host.must("curl", "-s", `http://${host.address}:28123`), "web\n", "the host itself");
  assert.equal(await host.must("curl", "-s", `http://${address}:8080`), "web\n");

  assert.equal((await inside(web, "server", "hostname")).trim(), "web-0");
  assert.match(await inside(web, "server", "cat", "/etc/hosts"), new RegExp(`^${address} web-0$`, "m"));
  assert.match(await inside(web, "server", "cat", "/etc/resolv.conf"), new RegExp(`^nameserver ${subnet}1$`, "m"));
  const variables = await inside(web, "friend", "env");
  for (const line of [
    `NOMAD_ALLOC_IP_http=${address}`,
    "NOMAD_ALLOC_INTERFACE_http=eth0",
    `NOMAD_ALLOC_ADDR_http=${address}:8080`,
    "NOMAD_PORT_http=8080",
    `NOMAD_HOST_PORT_http=${port(web, "http").Value}`,
    `NOMAD_PORT_same=${port(web, "same").Value}`,
  ])
    assert.ok(variables.split("\n").includes(line), `${line}\n${variables}`);

  const registered = async (name: string) =>
    (await agent.get<{ Address: string; Port: number }[]>(`/v1/service/${name}`)).map((each) => `${each.Address}:${each.Port}`);
  assert.deepEqual(await registered("web"), [`${host.address}:${port(web, "http").Value}`]);
  assert.deepEqual(await registered("web-inside"), [`${address}:8080`]);
  await eventually("the check to pass", async () => {
    const checks = await agent.get<Record<string, { Status: string }>>(`/v1/client/allocation/${web.ID}/checks`);
    return Object.values(checks).some(({ Status }) => Status === "success");
  });
  assert.match(await inside(web, "server", "/usr/bin/busybox", "nslookup", "web-inside.service.drover"), new RegExp(`Address.*${address}`));
});

test("another group has the same port inside, and neither hears the other; without any network there is no way out", async () => {
  base = await state();
  await submit("second", {
    Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "http", To: 8080 }] }],
    Tasks: [server("server", "raw_exec")],
  });
  await submit("alone", { Networks: [{ Mode: "none" }], Tasks: [idle("main", "exec")] });
  const [second, alone, web] = [await running("second"), await running("alone"), await running("web")];
  assert.equal(await fetched(`http://${host.address}:${port(second, "http").Value}`), "second\n");
  assert.equal(await fetched(`http://${host.address}:${port(web, "http").Value}`), "web\n");
  assert.notEqual(second.NetworkStatus?.Address, web.NetworkStatus?.Address);
  const links = await inside(alone, "main", "cat", "/proc/net/dev");
  assert.deepEqual(
    links.split("\n").flatMap((line) => /^\s*(\w+):/.exec(line)?.[1] ?? []),
    ["lo"],
  );
  await stopped("second", "alone");
  assert.deepEqual(difference(base, await state()), []);
});

test("the agent is killed: what runs keeps its network, what comes after has it, and nothing is left", async () => {
  const web = await running("web");
  await agent.kill();
  assert.equal(await fetched(`http://${host.address}:28123`), "web\n", "while nobody watches");
  await agent.restart();
  const again = await running("web");
  assert.deepEqual([again.ID, again.NetworkStatus?.Address, again.TaskStates["server"]?.Restarts], [web.ID, web.NetworkStatus?.Address, 0]);
  const found = () =>
    agent.cli("alloc", "exec", "-i=false", "-t=false", "-task", "friend", again.ID, "curl", "-s", "http://127.0.0.1:8080");
  await eventually("the task to be taken up", async () => (await found()).stdout === "web\n");
  assert.deepEqual(difference(base, await state()), []);

  // At moments nobody chose.
  for (const waitMs of [20, 80, 200, 400]) {
    await submit("brief", {
      Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "http", To: 8080 }] }],
      Tasks: [server("server"), idle("friend", "raw_exec")],
    });
    await sleep(waitMs);
    await agent.kill();
    await agent.restart();
    const brief = await running("brief");
    assert.equal(await fetched(`http://${host.address}:${port(brief, "http").Value}`), "brief\n");
    const ends = agent.request("/v1/job/brief?purge=true", { method: "DELETE" });
    await sleep(waitMs);
    await ends;
    await agent.kill();
    await agent.restart();
    await eventually(
      "brief to be gone",
      async () => {
        const left = difference(base, await state());
        return left.length === 0 ? true : undefined;
      },
      30_000,
    ).catch(async () => assert.deepEqual(difference(base, await state()), [], `killed after ${waitMs} ms`));
  }
});

test("a network that is taken away under its tasks while the agent is not there is made anew, and they with it", async () => {
  const web = await running("web");
  await agent.kill();
  const [namespace = ""] = (await host.must("ls", "/run/netns")).split("\n").filter((name) => name.endsWith(web.ID));
  await host.must("ip", "netns", "delete", namespace);
  await agent.restart();
  const again = await eventually(
    "its tasks to run anew",
    async () => {
      const shown = await agent.get<Shown>(`/v1/allocation/${web.ID}`);
      return shown.TaskStates["server"]?.Restarts === 1 &&
        shown.TaskStates["friend"]?.State === "running" &&
        shown.ClientStatus === "running"
        ? shown
        : undefined;
    },
    30_000,
  );
  await eventually("it to answer", async () => (await fetched(`http://${host.address}:28123`).catch(() => "")) === "web\n");
  assert.equal(await inside(again, "friend", "curl", "-s", "http://127.0.0.1:8080"), "web\n");
  await stopped("web");
  const { "network namespace": namespaces, "firewall rule": rules } = await state();
  assert.deepEqual(namespaces, []);
  assert.deepEqual(
    (rules ?? []).filter((rule) => rule.includes("drover-")),
    [],
  );
});
