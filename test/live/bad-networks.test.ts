/**
 * What a person writes wrong, or a machine lacks, for networks, the mesh and docker, given to the real program: refused with its place and what to do, or
 * named by `job why` and the task's event; exit code 1; nothing left. Needs root, CNI's plugins, Consul, Envoy and dockerd.
 */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startDocker, type RealDocker } from "./parts/docker.ts";
import { startHttpApp } from "./parts/http-app.ts";
import { difference, hostState } from "./parts/host-state.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startMeshWorld, type MeshWorld } from "./parts/mesh-world.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { eventually, REPOSITORY, run, startRealAgent, temporaryDirectory, type CommandResult, type RealAgent } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 };
const MAIN = join(REPOSITORY, "src", "main.ts");
const STACK_TRACE = /\n\s+at .*[(/].*:\d+:\d+\)?/;
const ENABLED = "{\n  enabled = true\n}\n";

const removals: (() => Promise<void> | void)[] = [];
const files = temporaryDirectory("bad-networks");
let host: IsolatedHost;
let world: MeshWorld;
let docker: RealDocker;
/** Its cni_path, envoy_path and docker's endpoint lead nowhere; its bridge has room for one. */
let bare: RealAgent;

before(async () => {
  if (LIVE.skip) return;
  const owner = { after: (remove: () => Promise<void> | void) => void removals.push(remove) };
  const network = await startNetworkWorld(owner);
  host = network.hosts[0] as IsolatedHost;
  docker = await startDocker({ owner, host });
  const plugin = `plugin "docker" {\n  config {\n    endpoint = "${docker.endpoint}"\n    pull_activity_timeout = "2s"\n  }\n}\n`;
  world = await startMeshWorld(owner as never, {
    on: { network, hosts: network.hosts },
    config: { "30-docker.hcl": plugin },
    client: `bridge_network_name = "${network.bridge}-b"\n  bridge_network_subnet = "10.77.${process.pid % 250}.0/30"`,
  });
  const nowhere = 'cni_path = "/nowhere/cni"\n  envoy_path = "/nowhere/envoy"';
  bare = await startRealAgent({
    host,
    config: {
      "10-roles.hcl": `server {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n  ${nowhere}\n}\n`,
      "20-drivers.hcl": `plugin "raw_exec" {\n  config ${ENABLED}}\nplugin "docker" {\n  config {\n    endpoint = "unix:///nowhere/docker.sock"\n  }\n}\n`,
      "30-consul.hcl": `consul {\n  address = "http://127.0.0.1:${world.consul.httpPort}"\n}\n`,
    },
  });
  removals.push(() => bare.remove());
});
after(async () => {
  for (const remove of removals.toReversed()) await remove();
  files.remove();
});

function assertSays({ stdout, stderr }: CommandResult, pattern: RegExp, kind: string): void {
  const text = stdout + stderr;
  assert.match(text, pattern, `${kind}:\n${text}`);
  assert.doesNotMatch(text, STACK_TRACE, kind);
}

/** Two files: mistakes of writing are told before those of meaning. */
const UNREADABLE = `client {
  enabled = true
  host_network {
    interface = "lo"
  }
  host_network "x" {
    cird = "10.0.0.0/8"
  }
}
plugin "docker" {
  config {
    endpiont = "unix:///run/docker.sock"
    volumes  = true
    gc {
      image_delay = "soon"
    }
  }
}
`;
const MEANINGLESS = `client {
  enabled = true
  network_interface          = "eth77"
  cni_path                   = "plugins"
  bridge_network_name        = "much-too-long-a-name"
  bridge_network_subnet      = "172.26.64.0/31"
  bridge_network_subnet_ipv6 = "10.0.0.0/8"
  host_network "empty" {}
  host_network "odd" {
    cidr           = "10.0.0.0/99"
    reserved_ports = "22,x"
  }
}
plugin "docker" {
  config {
    endpoint = "/run/docker.sock"
  }
}
`;

const AGENT_FILES: readonly (readonly [kind: string, text: string, patterns: readonly RegExp[]])[] = [
  [
    "cannot be read",
    UNREADABLE,
    [
      /a\.hcl:4:5: Block "host_network" has no name[^]*host_network "NAME"/,
      /a\.hcl:7:5: Unknown key "cird"[^]*Did you mean "cidr"/,
      /a\.hcl:12:5: Unknown key "endpiont"[^]*Did you mean "endpoint"/,
      /a\.hcl:13:16: Expected a block[^]*volumes \{ … \}/,
    ],
  ],
  [
    "means nothing",
    MEANINGLESS,
    [
      /a\.hcl:3:32: network_interface is "eth77"[^]*Those with one: /,
      /a\.hcl:4:32: cni_path holds "plugins"[^]*\/opt\/cni\/bin/,
      /a\.hcl:5:32: bridge_network_name is "much-too-long-a-name"[^]*At most 15/,
      /a\.hcl:6:32: bridge_network_subnet .*no address is left/,
      /a\.hcl:7:32: .*must be a network of IPv6/,
      /a\.hcl:8:3: host_network "empty" names no addresses[^]*cidr = "10\.0\.0\.0\/8"/,
      /a\.hcl:10:22: host_network "odd": cidr is "10\.0\.0\.0\/99"/,
      /a\.hcl:11:22: host_network "odd": reserved_ports is "22,x"/,
      /a\.hcl:16:16: .*endpoint is "\/run\/docker\.sock", must be unix:\/\//,
    ],
  ],
];

for (const [kind, text, patterns] of AGENT_FILES) {
  test(`an agent whose configuration of networks and docker ${kind} does not start, and says where`, LIVE, async () => {
    const folder = temporaryDirectory("bad-agent");
    try {
      writeFileSync(join(folder.path, "a.hcl"), `${text}server {\n  enabled = true\n}\ndata_dir = "${join(folder.path, "data")}"\n`);
      const result = await run(process.execPath, [MAIN, "agent", "-config", join(folder.path, "a.hcl")], { timeoutMs: 60_000 });
      assert.equal(result.code, 1, result.stdout + result.stderr);
      for (const pattern of patterns) assertSays(result, pattern, kind);
      assert.equal(existsSync(join(folder.path, "data")), false);
    } finally {
      folder.remove();
    }
  });
}

const BRIDGE = '    network {\n      mode = "bridge"\n    }\n';
const SLEEP = 'driver = "raw_exec"\n      config {\n        command = "/bin/sleep"\n        args = ["1000000"]\n      }';
const jobOf = (name: string, group: string, task = SLEEP): string =>
  `job "${name}" {\n  group "g" {\n${group}    task "t" {\n      ${task}\n    }\n  }\n}\n`;
const service = (connect: string, more = 'port = "9001"'): string =>
  `    service {\n      name = "web"\n      ${more}\n      connect {\n        ${connect}\n      }\n    }\n`;
const upstream = (lines: string): string =>
  service(`sidecar_service {\n          proxy {\n            upstreams {\n              ${lines}\n            }\n          }\n        }`);
const network = (lines: string): string => `    network {\n      ${lines}\n    }\n`;

/** A group each, all in one file: everything is told at once. */
const GROUPS: readonly (readonly [name: string, group: string, pattern: RegExp])[] = [
  ["a-sidecar-without-a-network-of-its-own", service("sidecar_service {}"), /.*add network \{ mode = "bridge" \}/],
  ["a-sidecar-in-the-machines-network", network('mode = "host"') + service("sidecar_service {}"), /.*write network \{ mode = "bridge" \}/],
  ["a-mistyped-mode", network('mode = "brdige"'), /.*did you mean "bridge"/],
  ["a-cni-network-without-a-name", network('mode = "cni/"'), /.*mode = "cni\/mynet"/],
  ["ports-where-nothing-reaches-them", network('mode = "none"\n      port "http" {}'), /.*nothing reaches its ports/],
  [
    "two-ports-of-one-number",
    network('mode = "bridge"\n      port "a" {\n        static = 8080\n      }\n      port "b" {\n        static = 8080\n      }'),
    /static 8080 is already taken by port "a"/,
  ],
  ["a-gateway-of-no-kind", BRIDGE + service("gateway {}"), /.*ingress \{ … \}, terminating \{ … \} or mesh \{\}/],
  [
    "a-gateway-that-leads-nowhere",
    BRIDGE + service("gateway {\n          terminating {}\n        }"),
    /terminating leads to no service: service \{ name/,
  ],
  ["a-connect-that-says-nothing", BRIDGE + service(""), /connect says nothing: write sidecar_service \{\}/],
  [
    "the-mesh-in-nomads-registry",
    BRIDGE + service("sidecar_service {}", 'port = "9001"\n      provider = "nomad"'),
    /needs provider = "consul"/,
  ],
  ["an-upstream-without-a-port", BRIDGE + upstream('destination_name = "api"'), /.*as local_bind_port = 8080/],
  [
    "an-upstream-where-the-service-listens",
    BRIDGE + upstream('destination_name = "api"\n              local_bind_port = 9001'),
    /use another local_bind_port/,
  ],
  ["a-name-server-that-is-a-name", network('mode = "bridge"\n      dns {\n        servers = ["dns.example"]\n      }'), /.*no IP address/],
];

test("job files that cannot work are refused with each place and what to write there", LIVE, async () => {
  const file = join(files.path, "refused.hcl");
  const groups = GROUPS.map(([name, group]) => `  group "${name}" {\n${group}    task "t" {\n      ${SLEEP}\n    }\n  }\n`);
  const text = `job "refused" {\n${groups.join("")}}\n`;
  writeFileSync(file, text);
  for (const command of ["validate", "plan", "run"]) {
    const { code, stdout, stderr } = await world.agent.cli("job", command, file);
    const said = stdout + stderr;
    assert.equal(code, command === "plan" ? 255 : 1, said);
    assert.doesNotMatch(said, STACK_TRACE);
    for (const [name, , pattern] of GROUPS) {
      const line = said.split("\n").find((each) => each.includes(`roup "${name}"`) && pattern.test(each)) ?? "";
      assert.notEqual(line, "", `${command}: nothing of ${name} in ${said}`);
      // Within its group.
      const written = Number(/refused\.hcl:(\d+):\d+: /.exec(line)?.[1]);
      const begins = text.split("\n").indexOf(`  group "${name}" {`) + 1;
      assert.ok(written >= begins && written < begins + 24, `${command}: ${name}, which begins at ${begins}: ${line}`);
    }
  }
  assert.equal((await world.agent.request("/v1/job/refused")).status, 404);
  writeFileSync(file, jobOf("refused", BRIDGE + upstream('destination = "api"')));
  const mistyped = await world.agent.cli("job", "run", file);
  assert.equal(mistyped.code, 1);
  assertSays(mistyped, /refused\.hcl:13:15: Unknown attribute "destination"[^]*destination_name/, "a mistyped key");
});

test(
  "what may be right is warned of: an upstream that no job offers, a transparent proxy whose names are asked elsewhere",
  LIVE,
  async () => {
    const said = async (group: string): Promise<string> => {
      const file = join(files.path, "warned.hcl");
      writeFileSync(file, jobOf("warned", group));
      const { code, stdout, stderr } = await world.agent.cli("job", "validate", file);
      assert.equal(code, 0, stdout + stderr);
      return stdout + stderr;
    };
    const to = (name: string) => BRIDGE + upstream(`destination_name = "${name}"\n              local_bind_port = 8080`);
    assert.match(await said(to("nobody")), /upstream "nobody": no job of the namespace offers such a service.*unless Consul knows it/);
    assert.doesNotMatch(
      await said(to("nobody").replace("service {", 'service {\n      name = "nobody"\n      port = "9002"\n    }\n    service {')),
      /no job of the namespace/,
    );
    const transparent = service("sidecar_service {\n          proxy {\n            transparent_proxy {}\n          }\n        }");
    assert.match(
      await said(network('mode = "bridge"\n      dns {\n        servers = ["192.0.2.53"]\n      }') + transparent),
      /leave dns \{ servers \} out/,
    );
  },
);

async function submitted(agent: RealAgent, name: string, group: string, task?: string): Promise<void> {
  const file = join(files.path, `${name}.hcl`);
  writeFileSync(file, jobOf(name, group, task));
  const { code, stdout, stderr } = await agent.cli("job", "run", "-detach", file);
  assert.equal(code, 0, stdout + stderr);
}

const why = async (agent: RealAgent, job: string): Promise<string> => (await agent.cli("job", "why", job)).stdout;

const untilWhy = (agent: RealAgent, job: string, pattern: RegExp): Promise<void> => {
  let last = "";
  return eventually(`job why ${job} to say ${String(pattern)}`, async () => pattern.test((last = await why(agent, job))), 40_000).then(
    () => assert.doesNotMatch(last, STACK_TRACE),
    (error: unknown) => {
      throw new Error(`${String(error)}\n${last}`);
    },
  );
};

test("what a machine lacks is told at the agent's start, by check mesh, and by the jobs that wait for it", LIVE, async () => {
  await eventually(
    "the agent's words",
    () => /there is no program \/nowhere\/envoy/.test(bare.output()) && /CNI plugins .* are missing/.test(bare.output()),
  );
  assert.doesNotMatch(bare.output(), /WARN.*docker/, "a docker that nobody needs is no warning");
  const check = await bare.cli("check", "mesh");
  assert.equal(check.code, 1);
  assertSays(
    check,
    /✗ cni-plugins: [^]*fix: apt install containernetworking-plugins[^]*✗ envoy: there is no program \/nowhere\/envoy\n\s+fix: .*envoy_path/,
    "check mesh",
  );
  const { stdout } = await bare.cli("node", "status", "-self", "-verbose");
  assert.match(stdout, /^docker +false +false +no docker at unix:\/\/\/nowhere\/docker\.sock /m);

  await submitted(bare, "no-plugin", BRIDGE);
  await submitted(bare, "no-docker", "", 'driver = "docker"\n      config {\n        image = "busybox:1"\n      }');
  await submitted(bare, "no-cni", network('mode = "cni/mynet"'));
  await untilWhy(bare, "no-plugin", /no node has bridge networking .*apt install containernetworking-plugins/);
  await untilWhy(
    bare,
    "no-docker",
    /Driver "docker" is missing or unhealthy on the only node \(no docker at unix:\/\/\/nowhere\/docker\.sock\)|driver "docker" is missing or unhealthy on the only node \(no docker at/,
  );
  await untilWhy(bare, "no-cni", /no network "cni\/mynet".*mynet\.conflist.*cni_config_dir/);
});

test("what goes wrong on the node is named in the task's event, and nothing of it is left", LIVE, async (t) => {
  const { agent } = world;
  const state = () => hostState({ host, dataDirectory: agent.dataDirectory, consul: world.consul, docker: docker.socketPath });
  // What a first network stands on (bridge, chains) stays.
  await submitted(agent, "first", BRIDGE);
  await world.running("first");
  await submitted(agent, "second", BRIDGE);
  await t.test("a subnet that is full", () => untilWhy(agent, "second", /no IP addresses available.*bridge_network_subnet/));
  await world.purge("second");
  await world.purge("first");
  const base = await state();

  const app = await startHttpApp(t as never, { host });
  const hung = await startHttpApp(t as never, { host, address: "127.0.0.1" });
  const port = Number(new URL(app.url).port);
  process.kill(hung.pid, "SIGSTOP");
  const image = (name: string) => `driver = "docker"\n      config {\n        image = "${name}"\n      }`;
  await submitted(agent, "taken", network(`mode = "bridge"\n      port "http" {\n        static = ${port}\n      }`));
  await submitted(agent, "refused-pull", "", image("127.0.0.1:1/nosuch:1"));
  await submitted(agent, "hung-pull", "", image(`127.0.0.1:${new URL(hung.url).port}/hung:1`));
  await submitted(agent, "no-name", "", image("Busy Box::1"));
  await submitted(agent, "bad-key", "", 'driver = "docker"\n      config {\n        imgae = "busybox:1"\n      }');
  await submitted(agent, "no-host-network", network('port "http" {\n        host_network = "private"\n      }'));

  const owned = (name: string, pattern: RegExp) => t.test(name, () => untilWhy(agent, name, pattern));
  await owned(
    "taken",
    new RegExp(`port "http": process "http-app" \\(${app.pid}\\) of this machine listens on \\S+:${port}.*reserved_ports = "${port}"`),
  );
  await owned(
    "refused-pull",
    /image "127\.0\.0\.1:1\/nosuch:1" cannot be pulled: Get .*connection refused \(Check that the registry is reached/,
  );
  await owned("hung-pull", /cannot be pulled: the registry sent nothing for 2 s \(Check that the registry is reached/);
  await owned("no-name", /"Busy Box::1" is no name of an image/);
  await owned("bad-key", /"config\.imgae" for driver "docker".*did you mean "image"/);
  await owned("no-host-network", /host network "private", which the only node does not have: add client \{ host_network "private"/);

  for (const job of ["taken", "refused-pull", "hung-pull", "no-name", "bad-key", "no-host-network"]) await world.purge(job);
  await app.stop();
  process.kill(hung.pid, "SIGKILL");
  await hung.stop();
  await eventually(
    "nothing to be left",
    async () => JSON.stringify(difference(base, await state())) === JSON.stringify(difference(base, base)),
    30_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(difference(base, await state()), undefined, 1)}`);
  });
});
