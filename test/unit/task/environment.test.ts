import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { buildEnvironment, HOST_VARIABLES_DENIED, interpolate, interpolateDeep, type EnvironmentRequest } from "#task";
import { testScale } from "../../scale.ts";
import { anAllocation, type AllocationShape } from "../client/stage.ts";
import { aNode } from "../scheduler/nouns.ts";

function request(shape: AllocationShape = {}, fields: Partial<EnvironmentRequest> = {}): EnvironmentRequest {
  const allocation = anAllocation("a", shape);
  const group = allocation.Job.TaskGroups[0] as EnvironmentRequest["group"];
  return {
    allocation,
    group,
    task: group.Tasks[0] as EnvironmentRequest["task"],
    region: "global",
    node: aNode("n1", {
      Attributes: { "kernel.name": "linux", "unique.hostname": "n1" },
      Meta: { rack: "r7" },
      NodeClass: "big",
      CgroupParent: "drover",
    }),
    paths: { shared: "/a/alloc", local: "/a/main/local", secrets: "/a/main/secrets" },
    host: {},
    hostDenied: HOST_VARIABLES_DENIED,
    ...fields,
  };
}
const environment = (...words: Parameters<typeof request>) => buildEnvironment(request(...words)).variables;
const port = (Label: string, Value: number, To = 0, HostIP = "10.0.0.1") => ({ Label, Value, To, HostIP, IgnoreCollision: false });
const withPorts = (...Ports: ReturnType<typeof port>[]): AllocationShape => ({
  AllocatedResources: {
    Tasks: { main: { Cpu: { CpuShares: 100, ReservedCores: [] }, Memory: { MemoryMB: 32, MemoryMaxMB: 0 }, Networks: [], Devices: [] } },
    TaskLifecycles: {},
    Shared: { DiskMB: 1, Networks: [], Ports },
  },
});

describe("the environment of a task", () => {
  const table: readonly [string, string, string | undefined][] = [
    ["allocation", "NOMAD_ALLOC_ID", "aaaaaaaa-0000-4000-8000-000000000000"],
    ["short id", "NOMAD_SHORT_ALLOC_ID", "aaaaaaaa"],
    ["name", "NOMAD_ALLOC_NAME", "app.web[0]"],
    ["index", "NOMAD_ALLOC_INDEX", "0"],
    ["task", "NOMAD_TASK_NAME", "main"],
    ["group", "NOMAD_GROUP_NAME", "web"],
    ["job id", "NOMAD_JOB_ID", "app"],
    ["job name", "NOMAD_JOB_NAME", "app"],
    ["no parent", "NOMAD_JOB_PARENT_ID", undefined],
    ["datacenter", "NOMAD_DC", "dc1"],
    ["region", "NOMAD_REGION", "global"],
    ["namespace", "NOMAD_NAMESPACE", "default"],
    ["shared directory", "NOMAD_ALLOC_DIR", "/a/alloc"],
    ["local directory", "NOMAD_TASK_DIR", "/a/main/local"],
    ["secrets directory", "NOMAD_SECRETS_DIR", "/a/main/secrets"],
    ["cpu", "NOMAD_CPU_LIMIT", "100"],
    ["memory", "NOMAD_MEMORY_LIMIT", "32"],
    ["no memory_max", "NOMAD_MEMORY_MAX_LIMIT", undefined],
    ["no cores", "NOMAD_CPU_CORES", undefined],
    ["cgroup", "NOMAD_PARENT_CGROUP", "drover"],
  ];
  const plain = environment();
  for (const [name, variable, value] of table) test(`${name}: ${variable}`, () => assert.equal(plain[variable], value));

  const ports: readonly [string, ReturnType<typeof port>, Record<string, string>][] = [
    [
      "a static port",
      port("http", 5678),
      {
        NOMAD_IP_http: "10.0.0.1",
        NOMAD_PORT_http: "5678",
        NOMAD_ADDR_http: "10.0.0.1:5678",
        NOMAD_HOST_IP_http: "10.0.0.1",
        NOMAD_HOST_PORT_http: "5678",
        NOMAD_HOST_ADDR_http: "10.0.0.1:5678",
        NOMAD_ALLOC_PORT_http: "5678",
        NOMAD_ADDR_main_http: "10.0.0.1:5678",
        NOMAD_PORT_main_http: "5678",
        NOMAD_IP_main_http: "10.0.0.1",
      },
    ],
    [
      "a mapped port",
      port("db", 22000, 5432),
      { NOMAD_PORT_db: "5432", NOMAD_ALLOC_PORT_db: "5432", NOMAD_HOST_PORT_db: "22000", NOMAD_ADDR_db: "10.0.0.1:22000" },
    ],
    ["an IPv6 address", port("six", 80, 0, "fd00::1"), { NOMAD_ADDR_six: "[fd00::1]:80", NOMAD_IP_six: "fd00::1" }],
    [
      "a label no shell can say",
      port("my-port", 80),
      { "NOMAD_PORT_my-port": "80", NOMAD_PORT_my_port: "80", NOMAD_ADDR_main_my_port: "10.0.0.1:80" },
    ],
  ];
  for (const [name, given, expected] of ports) {
    test(name, () => {
      const found = environment(withPorts(given));
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]])), expected);
    });
  }

  test("meta of task over group over job, as written, upper-cased, and with _ for odd characters; interpolated", () => {
    const found = environment({
      tasks: [{ Meta: { who: "task", "a-b": "${meta.rack}" } }],
      group: { Meta: { who: "group", g: "1" } },
      job: { Meta: { who: "job", j: "2" } },
    });
    const wanted = {
      NOMAD_META_who: "task",
      NOMAD_META_WHO: "task",
      NOMAD_META_g: "1",
      NOMAD_META_j: "2",
      "NOMAD_META_a-b": "r7",
      NOMAD_META_a_b: "r7",
      NOMAD_META_A_B: "r7",
    };
    for (const [key, value] of Object.entries(wanted)) assert.equal(found[key], value, key);
  });

  test("dispatch meta that may be given and was not is empty", () => {
    assert.equal(
      environment({ job: { ParameterizedJob: { Payload: "optional", MetaRequired: [], MetaOptional: ["day"] } } })["NOMAD_META_day"],
      "",
    );
  });

  test("env is interpolated, wins over the host's, and sees ports, meta and node", () => {
    const Env = {
      PATH: "/opt:${PATH}",
      WHERE: "${NOMAD_ADDR_http} ${attr.kernel.name} ${node.class} ${meta.rack} ${node.unique.name}",
      KEEP: "${UNKNOWN} $HOME",
    };
    const found = environment({ ...withPorts(port("http", 80)), tasks: [{ Env }] }, { host: { PATH: "/bin" } });
    assert.equal(found["PATH"], "/opt:/bin");
    assert.equal(found["WHERE"], "10.0.0.1:80 linux big r7 n1");
    assert.equal(found["KEEP"], "${UNKNOWN} $HOME");
  });

  test("secrets of the agent's own environment never reach a task", () => {
    const host = Object.fromEntries(["HOME", ...HOST_VARIABLES_DENIED].map((name) => [name, "x"]));
    const found = environment({}, { host });
    assert.equal(found["HOME"], "x");
    for (const name of HOST_VARIABLES_DENIED) assert.equal(found[name], undefined, name);
  });
});

describe("interpolate()", () => {
  const names = new Map([
    ["NOMAD_PORT_http", "80"],
    ["attr.kernel.name", "linux"],
    ["meta.my-key", "v"],
    ["X", "x"],
    ["node.unique.id", "id"],
  ]);
  const table: readonly [string, string][] = [
    ["plain", "plain"],
    ["${NOMAD_PORT_http}", "80"],
    ["a${X}b${X}", "axbx"],
    ['${env["X"]}', "x"],
    ["${env.X}", "x"],
    ["${attr.kernel.name}", "linux"],
    ["${meta.my-key}", "v"],
    ["${node.unique.id}", "id"],
    ["${ X }", "x"],
    ["${unknown}", "${unknown}"],
    ['${env["NOPE"]}', '${env["NOPE"]}'],
    ["${X", "${X"],
    ["$X ${} ${1}", "$X ${} ${1}"],
    ["${secret.a.b}", "${secret.a.b}"],
  ];
  for (const [text, expected] of table) test(`${text} → ${expected}`, () => assert.equal(interpolate(text, names), expected));

  test("a value is never interpolated again", () => {
    assert.equal(
      interpolate(
        "${A}",
        new Map([
          ["A", "${B}"],
          ["B", "b"],
        ]),
      ),
      "${B}",
    );
  });

  test("lists and maps are interpolated through, other values and keys kept", () => {
    assert.deepEqual(interpolateDeep({ "${X}": ["${X}", { a: "${X}" }], n: 1, t: true, z: null }, names), {
      "${X}": ["x", { a: "x" }],
      n: 1,
      t: true,
      z: null,
    });
  });

  test("text without a known name stays as it is, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string(), (text) => assert.equal(interpolate(text, new Map()), text)),
      { numRuns: 500 * testScale() },
    );
  });
});
