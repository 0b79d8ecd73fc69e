/**
 * A cluster under TLS: three servers, a node and the command line with right certificates work; who comes with a wrong one, or with none, is refused
 * as a node, as a server, at HTTPS and at the private Consul, and told how to mend it. Authorities are replaced while it runs.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import { openHouse, putInPlace, type House, type HouseCertificate } from "./parts/house.ts";
import { eventually, REPOSITORY, type CommandResult } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 300_000 };
const MAIN = join(REPOSITORY, "src", "main.ts");
const ENCRYPT = randomBytes(32).toString("base64");

interface Tls {
  readonly ca: string;
  readonly certificate: HouseCertificate;
}

interface Cluster {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterMachine[];
  readonly c1: ClusterMachine;
  readonly stranger: ClusterMachine;
  readonly ours: House;
  readonly theirs: House;
  readonly processes: Map<string, MachineProcess>;
  /** What the agents' configuration names. */
  readonly trusted: string;
  /** What the test trusts, as PEM. */
  readonly asking: { ca: string };
  readonly placed: Map<string, HouseCertificate>;
  cli(tls: Partial<Tls> & { readonly scheme?: string }, ...words: readonly string[]): Promise<CommandResult>;
  get<T>(machine: ClusterMachine, path: string): Promise<T>;
  write(what: string): Promise<void>;
}

const tlsBlock = ({ ca, certificate }: Tls) => `tls {
  http = true
  rpc = true
  ca_file = "${ca}"
  cert_file = "${certificate.cert}"
  key_file = "${certificate.key}"
  verify_server_hostname = true
  verify_https_client = true
}
`;
const serverBlock = (join: readonly string[], encrypt: string) => `server {
  enabled = true
  bootstrap_expect = 3
  ${encrypt === "" ? "" : `encrypt = "${encrypt}"`}
  server_join { retry_join = ${JSON.stringify(join)} }
}
`;
const clientBlock = (servers: readonly string[]) => `client {
  enabled = true
  servers = ${JSON.stringify(servers)}
  dns { port = 0 }
}
plugin "raw_exec" {
  config { enabled = true }
}
`;

async function startCluster(t: TestContext): Promise<Cluster> {
  const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", "c1", "x1"] });
  const folder = join(world.folder, "pki");
  const ours = openHouse(folder, "ours");
  const theirs = openHouse(folder, "theirs");
  const servers = world.machines.slice(0, 3);
  const [c1, stranger] = world.machines.slice(3) as [ClusterMachine, ClusterMachine];
  const trusted = join(folder, "trusted.pem");
  writeFileSync(trusted, ours.text);
  const cliCertificate = ours.issue("cli", { dns: ["cli.global.nomad"] });
  const placed = new Map<string, HouseCertificate>();
  const processes = new Map<string, MachineProcess>();
  const addresses = servers.map(({ address }) => address);
  for (const machine of [...servers, c1]) {
    const role = machine === c1 ? "client" : "server";
    // s3's ends within thirty days: that is told.
    const certificate = ours.issue(machine.name, namesOf(role, machine, machine.name === "s3" ? 20 : 365));
    placed.set(machine.name, certificate);
    const duty = machine === c1 ? clientBlock(addresses) : serverBlock(addresses, ENCRYPT);
    processes.set(machine.name, machine.agent({ "agent.hcl": tlsBlock({ ca: trusted, certificate }) + duty }));
  }
  const asking = { ca: ours.text, cert: readFileSync(cliCertificate.cert, "utf8"), key: readFileSync(cliCertificate.key, "utf8") };
  const cluster: Cluster = {
    world,
    servers,
    c1,
    stranger,
    ours,
    theirs,
    processes,
    trusted,
    asking,
    placed,
    cli: ({ ca, certificate, scheme = "https" }, ...words) =>
      stranger.host.run("env", [
        `NOMAD_ADDR=${scheme}://${servers[0]?.address}:4646`,
        ...(ca === undefined ? [] : [`NOMAD_CACERT=${ca}`]),
        ...(certificate === undefined ? [] : [`NOMAD_CLIENT_CERT=${certificate.cert}`, `NOMAD_CLIENT_KEY=${certificate.key}`]),
        process.execPath,
        MAIN,
        ...words,
      ]),
    get: (machine, path) => machine.get(path, { tls: asking }),
    async write(what) {
      let said = "";
      await eventually(
        what,
        async () => {
          const body = { Name: "written", Description: what };
          const answer = await (servers[1] as ClusterMachine).request("/v1/namespace", { method: "PUT", body, tls: asking });
          said = `${answer.status} ${answer.text}`;
          return answer.status === 200;
        },
        60_000,
      ).catch((error: unknown) => assert.fail(`${String(error)}: ${said}`));
    },
  };
  return cluster;
}

const namesOf = (role: "server" | "client" | "cli", machine: ClusterMachine, days = 365, region = "global") => ({
  dns: [`${role}.${region}.nomad`, "localhost"],
  addresses: ["127.0.0.1", machine.address],
  days,
});

interface Member {
  readonly Name: string;
}
interface NodeStub {
  readonly Name: string;
  readonly Status: string;
}

test("under TLS right certificates work; wrong ones are refused everywhere, and told how to mend it", LIVE, async (t) => {
  const cluster = await startCluster(t);
  const { servers, c1, stranger, ours, theirs, processes } = cluster;
  const [s1] = servers as [ClusterMachine];
  const cli = ours.issue("cli-2", { dns: ["cli.global.nomad"] });
  const right = { ca: ours.file, certificate: cli };
  const explain = (error: unknown): never =>
    assert.fail(`${String(error)}\n${[...processes].map(([name, each]) => `--- ${name}\n${lastWords(each)}`).join("\n")}`);
  const members = async () =>
    (await cluster.get<{ Members: Member[] }>(s1, "/v1/agent/members")).Members.map(({ Name }) => Name).toSorted();
  const nodes = async () => (await cluster.get<NodeStub[]>(s1, "/v1/nodes")).map(({ Name, Status }) => `${Name} ${Status}`);
  const ALL = ["s1.global", "s2.global", "s3.global"];

  await t.test("three servers, a node and the command line work, over every path", async () => {
    await cluster.write("the first write").catch(explain);
    await eventually("the node", async () => (await nodes()).includes("c1 ready"), 60_000).catch(explain);
    assert.deepEqual(await members(), ALL);
    const jobFile = join(cluster.world.folder, "hello.nomad.hcl");
    writeFileSync(
      jobFile,
      'job "hello" {\n  type = "batch"\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n      config {\n        command = "/bin/echo"\n        args = ["over TLS"]\n      }\n    }\n  }\n}\n',
    );
    const ran = await cluster.cli(right, "job", "run", "-detach", jobFile);
    assert.equal(ran.code, 0, ran.stderr);
    // Whichever server is asked: what only the node knows comes through the servers' own link.
    for (const server of servers) {
      await eventually(`logs through ${server.name}`, async () => {
        const [allocation] = await cluster.get<{ ID: string; ClientStatus: string }[]>(server, "/v1/job/hello/allocations");
        if (allocation?.ClientStatus !== "complete") return false;
        const logs = await cluster.get<{ Data: string }>(server, `/v1/client/fs/logs/${allocation.ID}?task=t&type=stdout`);
        return Buffer.from(logs.Data, "base64").toString() === "over TLS\n";
      }).catch(explain);
    }
    assert.match(processes.get("s3")?.output() ?? "", /the certificate of tls \{ cert_file \} .* expires in \d+ days/);
    assert.doesNotMatch(processes.get("s1")?.output() ?? "", /expires in \d+ days/);
  });

  await t.test("HTTPS: no certificate, another authority's, an expired one, plain HTTP", async () => {
    const refused = async (by: Parameters<Cluster["cli"]>[0], words: RegExp) => {
      const { code, stderr, stdout } = await cluster.cli(by, "server", "members");
      assert.notEqual(code, 0, stdout);
      assert.match(stderr, words);
    };
    await Promise.all([
      refused({ ca: ours.file }, /-client-cert and -client-key.*tls cert create -cli/s),
      refused({ ...right, certificate: theirs.issue("cli", { dns: ["cli.global.nomad"] }) }, /certificate.*tls cert create -cli/s),
    ]);
    await Promise.all([
      refused(
        { ...right, certificate: ours.issue("cli-old", { dns: ["cli.global.nomad"], days: -1 }) },
        /certificate.*tls cert create -cli/s,
      ),
      refused({ certificate: cli }, /an authority this machine does not know.*-ca-cert/s),
      refused({ scheme: "http" }, /HTTP request to an HTTPS server.*https:\/\//s),
    ]);
    assert.equal((await cluster.cli(right, "server", "members")).code, 0);
  });

  await t.test("as a node: another authority, another region, expired, without TLS", async (each) => {
    const addresses = servers.map(({ address }) => address);
    const cases: readonly (readonly [what: string, tls: string, words: RegExp])[] = [
      [
        "another authority's",
        tlsBlock({ ca: ours.file, certificate: theirs.issue("node", namesOf("client", stranger)) }),
        /not signed by the CA/,
      ],
      [
        "of another region",
        tlsBlock({ ca: ours.file, certificate: ours.issue("eu", namesOf("client", stranger, 365, "eu")) }),
        /client\.eu\.nomad/,
      ],
      ["expired", tlsBlock({ ca: ours.file, certificate: ours.issue("old", namesOf("client", stranger, -1)) }), /certificate has expired/],
      ["without TLS", "", /speaks without TLS, and this server demands it/],
    ];
    for (const [what, tls, words] of cases) {
      const started = performance.now();
      const agent = stranger.agent({ "agent.hcl": tls + clientBlock(addresses) });
      await eventually(what, async () => words.test(agent.output()) || !agent.isRunning(), 30_000).catch(() =>
        assert.fail(`${what}\n${lastWords(agent)}`),
      );
      assert.match(agent.output(), words, what);
      each.diagnostic(`${what}: refused after ${Math.round(performance.now() - started)} ms`);
      await stranger.kill9();
    }
    assert.deepEqual(await nodes(), ["c1 ready"]);
  });

  await t.test("as a server: a node's certificate, another region's, another authority's, without TLS", async (each) => {
    const addresses = servers.map(({ address }) => address);
    const cases: readonly (readonly [what: string, tls: string, words: RegExp])[] = [
      [
        "a node's certificate",
        tlsBlock({ ca: ours.file, certificate: ours.issue("node", namesOf("client", stranger)) }),
        /wanted is server\.global\.nomad/,
      ],
      [
        "of another region",
        tlsBlock({ ca: ours.file, certificate: ours.issue("eu-s", namesOf("server", stranger, 365, "eu")) }),
        /server\.eu\.nomad/,
      ],
      [
        "another authority's",
        tlsBlock({ ca: ours.file, certificate: theirs.issue("server", namesOf("server", stranger)) }),
        /not signed by the CA/,
      ],
      ["without TLS", "", /speaks without TLS, and this server demands it/],
    ];
    for (const [what, tls, words] of cases) {
      const started = performance.now();
      const agent = stranger.agent({ "agent.hcl": tls + serverBlock(addresses, ENCRYPT) });
      await eventually(what, async () => words.test(agent.output()) || !agent.isRunning(), 30_000).catch(() =>
        assert.fail(`${what}\n${lastWords(agent)}`),
      );
      assert.match(agent.output(), words, what);
      assert.deepEqual(await members(), ALL, what);
      each.diagnostic(`${what}: refused after ${Math.round(performance.now() - started)} ms`);
      // Its Consul too, which outlives it.
      await stranger.kill9();
    }
  });

  await t.test("at the private Consul: not without the key of gossip; with it, neither by what it asks nor by what it writes", async () => {
    const consul = (key: string, ...more: readonly string[]) =>
      stranger.start(toolPath("consul"), [
        "agent",
        "-node=foreigner",
        `-bind=${stranger.address}`,
        `-data-dir=${stranger.folder}/consul-${key.length}`,
        "-datacenter=global",
        "-serf-lan-port=4648",
        "-server-port=4649",
        `-retry-join=${s1.address}:4648`,
        "-retry-interval=1s",
        "-log-level=info",
        ...(key === "" ? [] : [`-encrypt=${key}`]),
        ...more,
      ]);
    const foreigners = async () => (await members()).join();
    for (const key of ["", randomBytes(32).toString("base64")]) {
      const outside = consul(key);
      await eventually(
        "the refusal",
        async () => /join|decrypt|No installed keys|encrypt/i.test(outside.output()) && /failed|error|WARN/i.test(outside.output()),
        30_000,
      );
      await outside.end("SIGKILL");
      assert.equal(await foreigners(), ALL.join());
    }
    const within = consul(ENCRYPT);
    await eventually(
      "an answer of its own",
      async () => (await stranger.host.run("curl", ["-s", "http://127.0.0.1:8500/v1/agent/self"])).code === 0,
      30_000,
    );
    for (const words of [["-X", "PUT", "-d", "1"], []]) {
      const said = await stranger.host.run("curl", [
        "-s",
        "-m",
        "15",
        "-w",
        " %{http_code}",
        ...words,
        "http://127.0.0.1:8500/v1/kv/drover/global/x",
      ]);
      assert.match(said.stdout, / (500|403)$/, said.stdout);
    }
    await within.end("SIGKILL");
    assert.equal(await foreigners(), ALL.join());
    await cluster.write("after the foreigners");
  });

  await t.test("authorities are replaced while everything runs: both are trusted, then the new one alone", async () => {
    const next = openHouse(join(cluster.world.folder, "pki"), "next");
    const everybody = [...servers, c1];
    const reload = async (what: string) => {
      const before = new Map([...processes].map(([name, each]) => [name, each.output().length]));
      for (const { name } of everybody) process.kill((processes.get(name) as MachineProcess).pid, "SIGHUP");
      for (const { name } of everybody) {
        const said = () => (processes.get(name) as MachineProcess).output().slice(before.get(name));
        await eventually(`${name}: ${what}`, async () => /configuration (read again|could not)/.test(said()), 20_000);
        assert.match(said(), /configuration read again/, said());
      }
      await cluster.write(what).catch(explain);
    };
    const nextCli = next.issue("cli", { dns: ["cli.global.nomad"] });
    writeFileSync(cluster.trusted, ours.text + next.text);
    cluster.asking.ca = ours.text + next.text;
    await reload("both are trusted");
    for (const machine of everybody)
      putInPlace(
        next.issue(machine.name, namesOf(machine === c1 ? "client" : "server", machine)),
        cluster.placed.get(machine.name) as HouseCertificate,
      );
    await reload("certificates of the next one");
    assert.equal((await cluster.cli({ ca: next.file, certificate: cli }, "server", "members")).code, 0);
    // Who starts now connects anew, by certificates of the next one.
    for (const machine of [servers[2] as ClusterMachine, c1]) {
      await (processes.get(machine.name) as MachineProcess).end("SIGTERM");
      processes.set(machine.name, machine.agent());
    }
    await eventually("the node to be back", async () => (await nodes()).includes("c1 ready"), 60_000).catch(explain);
    writeFileSync(cluster.trusted, next.text);
    for (const { name } of everybody) process.kill((processes.get(name) as MachineProcess).pid, "SIGHUP");
    const by = { ca: next.file, certificate: nextCli };
    await eventually(
      "the next one alone",
      async () => (await cluster.cli({ ...by, certificate: cli }, "server", "members")).code !== 0,
      30_000,
    );
    const done = await cluster.cli(by, "namespace", "apply", "after");
    assert.equal(done.code, 0, done.stderr);
    assert.match((await cluster.cli(by, "node", "status")).stdout, /c1 .*ready/);
  });
  await cluster.world.remove();
});
