/**
 * The same on a Consul that others keep, three servers that deny what is not allowed: the servers' token may do what `setup consul -servers` writes, and
 * nothing more. One server's log moves there; Consul loses all it held, and the cluster goes on from a server's disk.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { eventually } from "../eventually.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type MachineAnswer, type MachineProcess } from "./parts/cluster-world.ts";
import { put } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 400_000 };
const BACK_MS = 90_000;

test(
  "on an external Consul with access control servers live by the token of setup consul, which is good for nothing else; Consul loses everything, and they go on",
  LIVE,
  async (t) => {
    const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3"] });
    const servers = world.machines as [ClusterMachine, ClusterMachine, ClusterMachine];
    const [s1, s2, s3] = servers;
    const management = randomUUID();
    const token = randomUUID();
    const consuls = new Map<ClusterMachine, MachineProcess>();
    const agents = new Map<ClusterMachine, MachineProcess>();
    t.after(() => {
      if (!t.passed) for (const [machine, each] of [...agents, ...consuls]) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
    });
    const ask = (who: string, method: string, path: string, body?: unknown): Promise<MachineAnswer> =>
      s1.request(path, {
        method,
        host: "127.0.0.1",
        port: 8500,
        headers: { "x-consul-token": who },
        timeoutMs: 5000,
        ...(body === undefined ? {} : { body }),
      });
    const startConsul = async (): Promise<void> => {
      for (const machine of servers) consuls.set(machine, consulOn(machine, servers, management));
      await eventually(
        "Consul's ACLs",
        async () => (await ask(management, "GET", "/v1/acl/policies").catch(() => undefined))?.status === 200,
        BACK_MS,
      );
      const setUp = s1.spawn(["setup", "consul", "-servers"], { environment: consulEnvironment(management) });
      assert.equal(await setUp.ended, 0, setUp.output());
      assert.match(setUp.output(), /^Made policy "nomad-servers-global"$/m);
      assert.match(setUp.output(), /-policy-name nomad-servers-global$/m);
      const made = await ask(management, "PUT", "/v1/acl/token", { SecretID: token, Policies: [{ Name: "nomad-servers-global" }] });
      assert.equal(made.status, 200, made.text);
    };
    let lastIndex = 0;
    const writes = async (machine: ClusterMachine, name: string): Promise<void> => {
      const index = await eventually(`${machine.name} to write`, () => put(machine, `moves/${name}`, 5000).catch(() => undefined), BACK_MS);
      assert.ok(index > lastIndex, `${name}: index ${index} after ${lastIndex}`);
      lastIndex = index;
    };
    const configured = (expect: number) => ({
      "server.hcl": `server {\n  enabled = true\n  bootstrap_expect = ${expect}\n}\nconsul {\n  address = "127.0.0.1:8500"\n  token = "${token}"\n}\n`,
    });
    const start = (machine: ClusterMachine, expect = 3): void => void agents.set(machine, machine.agent(configured(expect)));
    const stop = async (machine: ClusterMachine): Promise<void> => void (await agents.get(machine)?.end("SIGTERM"));
    const offline = async (...words: string[]): Promise<string> => {
      const done = await s1.cli("operator", "raft", ...words, `-config=${s1.folder}/config`);
      assert.equal(done.code, 0, done.stdout + done.stderr);
      return done.stdout;
    };
    const threeMembers = (): Promise<unknown> =>
      eventually(
        "three servers that see each other",
        async () => {
          const { Members } = await s3.get<{ Members: { Status: string }[] }>("/v1/agent/members");
          return Members.length === 3 && Members.every(({ Status }) => Status === "alive");
        },
        BACK_MS,
      );

    await startConsul();
    start(s1, 1);
    await writes(s1, "alone");
    await stop(s1);
    await offline("migrate-backend", "-to=consul");
    for (const machine of [s3, s2, s1]) start(machine);
    for (const machine of servers) await writes(machine, `three/${machine.name}`);
    await threeMembers();
    await agents.get(s1)?.kill9();
    await writes(s2, "without-s1");
    // While it counts as alive it is refused.
    await eventually("s1 to be forced to leave", async () => (await s2.cli("server", "force-leave", "s1.global")).code === 0, BACK_MS);
    start(s1);
    await writes(s1, "back");
    await threeMembers();
    for (const [machine, agent] of agents)
      assert.doesNotMatch(agent.output(), /permission denied|lacks permission/i, `${machine.name}: the token suffices`);

    for (const [method, path, body] of [
      ["PUT", "/v1/kv/other", "x"],
      ["PUT", "/v1/kv/drover/elsewhere/head", "x"],
      ["GET", "/v1/kv/drover/elsewhere/head?raw", undefined],
      ["PUT", "/v1/agent/service/register", { Name: "web" }],
      ["GET", "/v1/acl/tokens", undefined],
      ["PUT", "/v1/config", { Kind: "service-defaults", Name: "web" }],
      ["PUT", "/v1/agent/force-leave/s2", undefined],
      ["PUT", "/v1/catalog/deregister", { Node: "s2" }],
    ] as const)
      assert.equal((await ask(token, method, path, body)).status, 403, `${method} ${path}`);

    for (const each of consuls.values()) await each.kill9();
    for (const { folder } of servers) rmSync(join(folder, "consul"), { recursive: true, force: true });
    await startConsul();
    await eventually("s1 to refuse", async () => /holds none/.test(agents.get(s1)?.output() ?? ""), BACK_MS);
    assert.match((await s2.request("/v1/vars", { timeoutMs: 20_000 })).text, /No cluster leader/);
    for (const machine of servers) await stop(machine);
    assert.match(await offline("recover", "-yes"), /goes on from this server, after entry \d+/);
    for (const machine of servers) start(machine);
    for (const machine of servers) await writes(machine, `recovered/${machine.name}`);
    const kept = (await s3.get<{ Path: string }[]>("/v1/vars?prefix=moves/")).map(({ Path }) => Path);
    for (const name of ["alone", "three/s1", "without-s1", "back", "recovered/s2"])
      assert.ok(kept.includes(`moves/${name}`), `${name}: ${kept.join(" ")}`);
    const destroy = s1.spawn(["setup", "consul", "-destroy", "-y"], { environment: consulEnvironment(management) });
    assert.equal(await destroy.ended, 0, destroy.output());
    assert.equal(destroy.output(), 'Removed policy "nomad-servers-global"\n');
  },
);

const consulEnvironment = (token: string) => ({ CONSUL_HTTP_ADDR: "127.0.0.1:8500", CONSUL_HTTP_TOKEN: token });

function consulOn(machine: ClusterMachine, servers: readonly ClusterMachine[], management: string): MachineProcess {
  const file = join(machine.folder, "consul.json");
  writeFileSync(
    file,
    JSON.stringify({
      server: true,
      bootstrap_expect: servers.length,
      node_name: machine.name,
      bind_addr: machine.address,
      data_dir: join(machine.folder, "consul"),
      retry_join: servers.map(({ address }) => address),
      retry_interval: "1s",
      disable_update_check: true,
      performance: { raft_multiplier: 1 },
      acl: { enabled: true, default_policy: "deny", tokens: { initial_management: management, agent: management } },
    }),
  );
  return machine.start(toolPath("consul"), ["agent", "-config-file", file]);
}
