import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import {
  AGENT_FLAGS,
  ConfigError,
  type LoadRequest,
  loadConfig,
  machineConfigDisk,
  meshMeta,
  parseAgentFlags,
} from "../../../../src/agent/config/mod.ts";
import { readFile } from "../../../../src/agent/config/read-file.ts";
import { testScale } from "../../../scale.ts";
import { memoryDisk, type MemoryEntry } from "./memory-disk.ts";

const BASE = 'data_dir = "/opt/d"\nserver { enabled = true \n bootstrap_expect = 1 }\nclient { enabled = true }\n';

function load(files: Readonly<Record<string, string>>, words: readonly string[] = [], more: Partial<LoadRequest> = {}) {
  return loadConfig({
    flags: parseAgentFlags([...(Object.keys(files).length === 0 ? [] : ["-config", "/etc/d"]), ...words]),
    disk: memoryDisk(Object.fromEntries(Object.entries(files).map(([name, text]) => [`/etc/d/${name}`, text]))),
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: [
      { interface: "lo", address: "127.0.0.1", family: "IPv4", loopback: true },
      { interface: "eth0", address: "198.51.100.7", family: "IPv4", loopback: false },
      { interface: "eth1", address: "10.0.0.5", family: "IPv4", loopback: false },
    ],
    temporaryDirectory: () => "/tmp/dev",
    ...more,
  });
}

test("defaults are Nomad's, but for the address: loopback unless told otherwise", () => {
  const config = load({ "a.hcl": BASE });
  assert.deepEqual([config.region, config.datacenter, config.name, config.log], ["global", "dc1", "host", { level: "INFO", json: false }]);
  assert.deepEqual(config.bind, { http: ["127.0.0.1"], rpc: "127.0.0.1", serf: "127.0.0.1" });
  assert.deepEqual(config.advertise, { http: "127.0.0.1:4646", rpc: "127.0.0.1:4647", serf: "127.0.0.1:4648" });
  assert.deepEqual(
    [config.server.dataDirectory, config.client.stateDirectory, config.client.allocationDirectory],
    ["/opt/d/server", "/opt/d/client", "/opt/d/alloc"],
  );
  assert.deepEqual(
    [config.server.jobThresholdMs, config.server.evaluationThresholdMs, config.server.jobSourceBytesMax],
    [14_400_000, 3_600_000, 1_048_576],
  );
  assert.deepEqual(config.client.dynamicPorts, { min: 20_000, max: 32_000 });
  assert.equal(config.drivers.rawExec.enabled, false);
  assert.deepEqual([config.notYet, config.warnings], [[], []]);
});

test("-dev is a server and a client on loopback, raw_exec on, state in a temporary directory", () => {
  const config = load({}, ["-dev"]);
  assert.deepEqual([config.dev, config.dataDirectory, config.dataDirectoryIsTemporary], [true, "/tmp/dev", true]);
  assert.deepEqual(
    [config.server.enabled, config.client.enabled, config.drivers.rawExec.enabled, config.server.bootstrapExpect],
    [true, true, true, 1],
  );
  assert.deepEqual(config.bind.http, ["127.0.0.1"]);
});

test("-dev with a data directory keeps it, and with files obeys them", () => {
  const config = load({ "a.hcl": 'plugin "raw_exec" { config { enabled = false } }' }, ["-dev", "-data-dir=/opt/d"]);
  assert.deepEqual([config.dataDirectory, config.dataDirectoryIsTemporary, config.drivers.rawExec.enabled], ["/opt/d", false, false]);
});

test("the files of a directory merge by name, later ones win, maps add up, flags are last", () => {
  const config = load(
    {
      "b.json": '{"datacenter": "from-b", "client": [{"meta": {"rack": "2", "b": "1"}}], "ports": {"http": 5646}}',
      "a.hcl": `${BASE} datacenter = "from-a"\n region = "r"\n client { meta { rack = "1" \n a = "1" } }\n ports { rpc = 5647 }`,
      "ignored.txt": "not read at all {",
      ".#a.hcl": "an editor's {",
      "a.hcl~": "an editor's {",
    },
    ["-dc", "from-flag", "-meta", "c=1", "--meta=d=x=y", "-log-json"],
  );
  assert.deepEqual(config.files, ["/etc/d/a.hcl", "/etc/d/b.json"]);
  assert.deepEqual([config.datacenter, config.region], ["from-flag", "r"]);
  assert.deepEqual(config.client.meta, { ...meshMeta(), rack: "2", a: "1", b: "1", c: "1", d: "x=y" });
  assert.deepEqual([config.ports.http, config.ports.rpc, config.log.json], [5646, 5647, true]);
});

test("blocks, maps and JSON say the same", () => {
  const hcl = load({ "a.hcl": `${BASE} plugin "raw_exec" { config { enabled = true \n no_cgroups = true \n denied_envvars = ["A*"] } }` });
  const map = load({
    "a.hcl": `${BASE} plugin = { "raw_exec" = { config = { enabled = true, no_cgroups = true, denied_envvars = ["A*"] } } }`,
  });
  const bare = load({
    "a.hcl": `${BASE} plugin { raw_exec { config { enabled = "true" \n no_cgroups = "true" \n denied_envvars = ["A*"] } } }`,
  });
  const json = load({
    "a.json":
      '{"data_dir": "/opt/d", "server": {"enabled": true}, "client": {"enabled": true}, "plugin": [{"raw_exec": [{"config": [{"enabled": true, "no_cgroups": true, "denied_envvars": ["A*"]}]}]}]}',
  });
  for (const config of [hcl, map, bare, json])
    assert.deepEqual(config.drivers.rawExec, { enabled: true, noCgroups: true, deniedVariables: ["A*"] });
});

test("durations and sizes are read as Go writes them, quoted numbers as HCL1 does", () => {
  const config = load({
    "a.hcl": `${BASE} server { job_gc_threshold = "1h30m" \n job_max_source_size = "512K" \n heartbeat_grace = 2000000000 }\n ports { http = "5000" }`,
  });
  assert.deepEqual(
    [config.server.jobThresholdMs, config.server.jobSourceBytesMax, config.server.heartbeatGraceMs, config.ports.http],
    [5_400_000, 524_288, 2000, 5000],
  );
});

test("what the server room is told of refusals, garbage and its first configuration is what was written, or Nomad's default", () => {
  const plain = load({ "a.hcl": BASE }).server;
  assert.deepEqual(plain.rejections, { enabled: false, nodeThreshold: 100, nodeWindowMs: 300_000 });
  assert.equal(plain.deploymentThresholdMs, 3_600_000);
  assert.deepEqual(plain.scheduler, DEFAULT_SCHEDULER_CONFIGURATION);
  const { server, notYet } = load({
    "a.hcl": `${BASE} server { deployment_gc_threshold = "10m" \n job_gc_threshold = "2h"
      plan_rejection_tracker { enabled = true \n node_threshold = 7 \n node_window = "90s" }
      default_scheduler_config { scheduler_algorithm = "spread" \n preemption_config { service_scheduler_enabled = true } } }`,
  });
  assert.deepEqual(server.rejections, { enabled: true, nodeThreshold: 7, nodeWindowMs: 90_000 });
  assert.deepEqual([server.deploymentThresholdMs, server.jobThresholdMs], [600_000, 7_200_000]);
  assert.deepEqual([server.scheduler.SchedulerAlgorithm, server.scheduler.PreemptionConfig.ServiceSchedulerEnabled], ["spread", true]);
  assert.deepEqual(notYet, []);
  assert.throws(() => load({ "a.hcl": `${BASE} server { plan_rejection_tracker { node_threshold = 0 } }` }), /node_threshold/);
});

test("an address may be a template; what is advertised is an address others can reach", () => {
  const config = load({
    "a.hcl": `${BASE} bind_addr = "0.0.0.0"\n addresses { http = "127.0.0.1 {{ GetInterfaceIP \\"eth0\\" }}" }\n advertise { serf = "1.2.3.4:99" }`,
  });
  assert.deepEqual(config.bind, { http: ["127.0.0.1", "198.51.100.7"], rpc: "0.0.0.0", serf: "0.0.0.0" });
  assert.deepEqual(config.advertise, { http: "127.0.0.1:4646", rpc: "10.0.0.5:4647", serf: "1.2.3.4:99" });
  assert.match(config.warnings.join(), /listens on 198\.51\.100\.7 and nothing guards it/);
});

test("legacy options become lists", () => {
  const client = load({
    "a.hcl": `${BASE} client { options { "driver.denylist" = "raw_exec, java" \n "user.denylist" = "root,admin" } }`,
  }).client;
  assert.deepEqual(
    [client.driversAllowed, client.driversDenied, client.usersDenied, client.environmentDenied],
    [null, ["raw_exec", "java"], ["root", "admin"], null],
  );
});

test("what was written is shown without secrets", () => {
  const config = load({
    "a.hcl": `${BASE} server { encrypt = "czNjcmV0czNjcmV0czNjcg==" }\n vault { token = "s3cret" }\n consul { token = "s3cret" \n address = "c:8500" }`,
  });
  assert.doesNotMatch(JSON.stringify(config), /s3cret|czNjcmV0/);
  assert.deepEqual((config.written as { consul: unknown }).consul, { enabled: true, address: "c:8500" });
});

test("every flag has a place in the table of keys", () => {
  for (const [name, flag] of Object.entries(AGENT_FLAGS)) {
    if (flag.path === "") continue;
    const value = { switch: "true", text: '"1s"', whole: "1", duration: '"1s"', list: '["127.0.0.1"]', pair: '{ a = "b" }' }[flag.shape];
    const parts = flag.path.split(".");
    const last = parts.pop() as string;
    const text = parts.reduceRight((inner, part) => `${part} { ${inner} }`, `${last} = ${value}`);
    assert.deepEqual(readFile("flag.hcl", text).problems, [], `-${name}`);
  }
});

test("whatever is in a file, it loads or is refused with a ConfigError", () => {
  const words = fc.constantFrom(
    "server",
    "client",
    "plugin",
    '"raw_exec"',
    "config",
    "{",
    "}",
    "=",
    '"',
    "enabled",
    "true",
    "4",
    "[",
    "]",
    "\n",
    ",",
    "data_dir",
    '"/opt/d"',
    "meta",
    "${x}",
    "ports",
    "__proto__",
    ":",
    "//",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(words, { maxLength: 30 }).map((list) => list.join(" ")),
        fc.string({ maxLength: 60, unit: "binary" }),
      ),
      fc.constantFrom("a.hcl", "a.json"),
      (text, name) => {
        try {
          load({ [name]: text }, ["-dev"]);
        } catch (thrown) {
          if (!(thrown instanceof ConfigError)) throw thrown;
          assert.doesNotMatch(thrown.message, /\n {4}at /);
        }
      },
    ),
    { numRuns: Math.ceil(400 * testScale()) },
  );
});

test("a data_dir that cannot be made or written says which folder is in the way", () => {
  const entries = (opt: MemoryEntry, more: Record<string, MemoryEntry> = {}) => memoryDisk({ "/etc/d/a.hcl": BASE, "/opt": opt, ...more });
  const directory = (writable: boolean): MemoryEntry => ({ kind: "directory", writable });
  assert.doesNotThrow(() => load({ "a.hcl": BASE }, [], { disk: entries(directory(true)) }));
  assert.throws(
    () => load({ "a.hcl": BASE }, [], { disk: entries(directory(false)) }),
    /a\.hcl:1:12: data_dir.* cannot be created: "\/opt" is not writable/,
  );
  assert.throws(
    () => load({ "a.hcl": BASE }, [], { disk: entries({ kind: "file", text: "" }) }),
    /cannot be created: "\/opt" is not a directory/,
  );
  assert.throws(
    () => load({ "a.hcl": BASE }, [], { disk: entries(directory(true), { "/opt/d": directory(false) }) }),
    /data_dir.* is not writable/,
  );
});

test("the machine's own disk tells links, files and directories apart", (context) => {
  const root = mkdtempSync(path.join(tmpdir(), "drover-config-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(path.join(root, "real"));
  mkdirSync(path.join(root, "conf.d"));
  symlinkSync(path.join(root, "real"), path.join(root, "link"));
  const from = (dataDirectory: string) => {
    writeFileSync(path.join(root, "conf.d", "a.hcl"), `data_dir = ${JSON.stringify(dataDirectory)}\nserver { enabled = true }`);
    return load({}, ["-config", path.join(root, "conf.d")], { disk: machineConfigDisk });
  };
  assert.equal(from(path.join(root, "real", "new")).dataDirectory, path.join(root, "real", "new"));
  assert.throws(() => from(path.join(root, "link")), /a\.hcl:1:12: data_dir ".*link" is a symbolic link/);
  assert.throws(() => from(path.join(root, "conf.d", "a.hcl")), /is a file, must be a directory/);
  assert.throws(() => from(path.join(root, "conf.d", "a.hcl", "below")), /is not a directory/);
  assert.throws(() => load({}, ["-config", path.join(root, "none")], { disk: machineConfigDisk }), /no such file or directory/);
});
