import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskStart } from "#ports";
import { containerRequest, type RequestFacts } from "../../../../integrations/docker/request.ts";
import { readDockerConfig } from "../../../../integrations/docker/schema.ts";
import { dockerSettings } from "../../../conformance/docker-world.ts";

const place = {
  allocationDirectory: "/a/1",
  sharedDirectory: "/a/1/alloc",
  taskDirectory: "/a/1/web",
  secretsDirectory: "/a/1/web/secrets",
  privateDirectory: "/a/1/web/private",
  stdoutPath: "/o",
  stderrPath: "/e",
};
const task: TaskStart = {
  id: "1.web.0",
  allocationId: "1",
  task: "web",
  place,
  config: {},
  environment: { B: "2", A: "1" },
  user: "",
  cpuMHz: 500,
  memoryMB: 64,
  memoryMaxMB: 0,
  cpuShare: 0.25,
  cores: [],
  chroot: {},
};
const facts: RequestFacts = {
  owner: "0011aabb",
  settings: dockerSettings("unix:///x"),
  image: "sha256:abc",
  volumes: { binds: [], mounts: [] },
  cpuCount: 4,
  hostsFile: "",
  securityOptions: [],
};
const request = (config: Record<string, unknown>, more: Partial<TaskStart> = {}, other: Partial<RequestFacts> = {}) =>
  containerRequest({ ...task, ...more }, readDockerConfig(config), { ...facts, ...other });

test("the least a task says is this request, to the letter", () => {
  const bind = (Source: string, Target: string) => ({ Type: "bind", Source, Target, ReadOnly: false });
  assert.deepEqual(request({ image: "x" }), {
    name: "web-1",
    Image: "sha256:abc",
    Env: ["A=1", "B=2"],
    Labels: { "com.hashicorp.nomad.alloc_id": "1", "dev.drover.owner": "0011aabb", "dev.drover.task": "1.web.0" },
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      Memory: 64 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      CpuShares: 500,
      CapDrop: ["ALL"],
      CapAdd: [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
      ],
      NetworkMode: "default",
      Binds: [],
      Mounts: [bind("/a/1/alloc", "/alloc"), bind("/a/1/web/local", "/local"), bind("/a/1/web/secrets", "/secrets")],
      LogConfig: { Type: "json-file", Config: { "max-size": "4m", "max-file": "4" } },
      RestartPolicy: { Name: "no" },
      AutoRemove: false,
    },
  });
});

test("a group's network is joined through its holder, with the allocation's names and no ports", () => {
  const network = { namespacePath: "/p", hostname: "h", files: { hosts: "/n/hosts", resolvConf: "/n/resolv" }, holder: "abc" };
  const ports = [{ label: "http", hostIp: "10.0.0.1", hostPort: 2000, to: 80 }];
  const wanted = request({ image: "x", ports: ["http"] }, { network, ports }, { hostsFile: "/n/hosts" });
  assert.equal(wanted.HostConfig?.NetworkMode, "container:abc");
  assert.equal(wanted.HostConfig?.PortBindings, undefined);
  assert.equal(wanted.ExposedPorts, undefined);
  assert.deepEqual(
    wanted.HostConfig?.Mounts?.slice(3).map((each) => [each.Source, each.Target, each.ReadOnly]),
    [
      ["/n/hosts", "/etc/hosts", true],
      ["/n/resolv", "/etc/resolv.conf", true],
    ],
  );
});

test("named ports are published on their host's address, both protocols; others are not", () => {
  const ports = [
    { label: "http", hostIp: "10.0.0.1", hostPort: 2000, to: 80 },
    { label: "own", hostIp: "10.0.0.1", hostPort: 2001, to: 0 },
    { label: "kept", hostIp: "10.0.0.1", hostPort: 2002, to: 0 },
  ];
  const wanted = request({ image: "x", ports: ["http", "own"] }, { ports });
  const at = (HostPort: string) => [{ HostIp: "10.0.0.1", HostPort }];
  assert.deepEqual(wanted.HostConfig?.PortBindings, {
    "80/tcp": at("2000"),
    "80/udp": at("2000"),
    "2001/tcp": at("2001"),
    "2001/udp": at("2001"),
  });
});

test("limits: memory_max, cores, a hard limit in cores, ulimits", () => {
  const config = { image: "x", cpu_hard_limit: true, ulimit: { nofile: "10:20", core: "0" }, pids_limit: 9 };
  const host = request(config, { memoryMaxMB: -1, cores: [1, 3] }).HostConfig;
  assert.deepEqual([host?.Memory, host?.MemorySwap, host?.MemoryReservation], [0, -1, 64 * 1024 * 1024]);
  assert.deepEqual([host?.CpusetCpus, host?.CpuPeriod, host?.CpuQuota, host?.PidsLimit], ["1,3", 100_000, 100_000, 9]);
  assert.deepEqual(host?.Ulimits, [
    { Name: "nofile", Soft: 10, Hard: 20 },
    { Name: "core", Soft: 0, Hard: 0 },
  ]);
});

test("labels an operator asks for are told of the owner; a task's own never take ours away", () => {
  const owner = { namespace: "default", jobId: "j", jobName: "jn", parentJobId: "", group: "g", nodeId: "n", nodeName: "nn" };
  const labels = { mine: "1", "dev.drover.owner": "other" };
  const wanted = request(
    { image: "x", labels },
    { owner },
    { settings: dockerSettings("x", { extraLabels: ["job_*", "task_group_name"] }) },
  );
  assert.deepEqual(wanted.Labels, {
    mine: "1",
    "com.hashicorp.nomad.job_name": "jn",
    "com.hashicorp.nomad.job_id": "j",
    "com.hashicorp.nomad.task_group_name": "g",
    "com.hashicorp.nomad.alloc_id": "1",
    "dev.drover.owner": "0011aabb",
    "dev.drover.task": "1.web.0",
  });
});
