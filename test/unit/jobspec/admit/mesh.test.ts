/** Services in the mesh: what admission puts in beside what the author wrote, and that a job sent again gets it once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { admitJob, type AdmissionContext, AdmissionError, diffJobs } from "#jobspec";
import { groupChange, type Job } from "#model";

const CONTEXT: AdmissionContext = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
};
const SECOND = 1e9;

const web = { Name: "web", Driver: "exec", Config: { command: "/bin/web" } };
const group = (fields: object) => ({
  ID: "shop",
  TaskGroups: [{ Name: "front", Networks: [{ Mode: "bridge" }], Tasks: [web], ...fields }],
});
const api = (connect: object, fields: object = {}) => ({ Name: "api", PortLabel: "9001", Connect: connect, ...fields });
const served = (connect: object, fields: object = {}, rest: object = {}) => group({ Services: [api(connect, fields)], ...rest });
const admit = (input: unknown, context = CONTEXT) => admitJob(input, context);
const only = (job: Job) => job.TaskGroups[0] as Job["TaskGroups"][number];
const labels = (job: Job) => only(job).Networks.flatMap(({ DynamicPorts }) => DynamicPorts.map(({ Label, To }) => [Label, To]));
const taskOf = (job: Job, name: string) => {
  const task = only(job).Tasks.find((each) => each.Name === name);
  assert.ok(
    task,
    `task ${name} in ${only(job)
      .Tasks.map((each) => each.Name)
      .join(", ")}`,
  );
  return task;
};

test("a service with a sidecar gets the node's Envoy as a task before and beside the others, and a port for it", () => {
  const { job, warnings } = admit(served({ SidecarService: {} }));
  const proxy = taskOf(job, "connect-proxy-api");
  assert.equal(proxy.Kind, "connect-proxy:api");
  assert.equal(proxy.Driver, "exec");
  assert.equal(proxy.Config["command"], "${attr.unique.envoy.path}");
  assert.deepEqual(proxy.Config["args"], [
    "-c",
    "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
    "-l",
    "${meta.connect.log_level}",
    "--concurrency",
    "${meta.connect.proxy_concurrency}",
    "--disable-hot-restart",
    "--drain-time-s",
    "2",
    "--drain-strategy",
    "immediate",
  ]);
  assert.deepEqual(proxy.Lifecycle, { Hook: "prestart", Sidecar: true });
  assert.deepEqual([proxy.Resources?.CPU, proxy.Resources?.MemoryMB], [250, 128]);
  assert.deepEqual(proxy.LogConfig, { MaxFiles: 2, MaxFileSizeMB: 2, Disabled: false });
  assert.deepEqual([proxy.ShutdownDelay, proxy.KillTimeout], [5 * SECOND, 5 * SECOND]);
  assert.deepEqual(labels(job), [["connect-proxy-api", -1]]);
  assert.deepEqual(warnings, []);
});

test("a sidecar's restarts are its own: soon, and never its application's end; a gateway's are its group's", () => {
  const RestartPolicy = { Attempts: 1, Interval: 100 * SECOND, Delay: 9 * SECOND, Mode: "fail" };
  const { job } = admit(served({ SidecarService: {} }, {}, { RestartPolicy }));
  const restart = taskOf(job, "connect-proxy-api").RestartPolicy;
  assert.deepEqual([restart?.Attempts, restart?.Interval, restart?.Delay, restart?.Mode], [10, 60 * SECOND, SECOND, "delay"]);
  assert.equal(taskOf(job, "web").RestartPolicy?.Mode, "fail");
  const gateway = admit(
    group({ Services: [{ Name: "way", PortLabel: "9001", Connect: { Gateway: { Mesh: {} } } }], Tasks: [], RestartPolicy }),
  ).job;
  assert.equal(taskOf(gateway, "connect-mesh-way").RestartPolicy?.Delay, 9 * SECOND);
});

test("what the group needs of a node for it is implied", () => {
  const implied = (input: unknown) =>
    only(admit(input).job).Constraints.map(({ LTarget, Operand, RTarget }) => `${LTarget} ${Operand} ${RTarget}`);
  const bridge = ["bridge", "firewall", "host-local", "loopback", "portmap"].map(
    (each) => `\${attr.plugins.cni.version.${each}} semver >= 0.4.0`,
  );
  const found = implied(served({ SidecarService: {} }));
  for (const wanted of [...bridge, "${attr.consul.grpc} > 0", "${attr.consul.version} semver >= 1.8.0", "${attr.envoy.version} is_set "])
    assert.ok(found.includes(wanted), `${wanted} in ${found.join("; ")}`);
  assert.ok(!implied(served({ SidecarService: {}, SidecarTask: { Driver: "docker" } })).some((each) => each.includes("envoy")));
  assert.deepEqual(implied(group({ Networks: [{ Mode: "cni/lan" }] })), []);
  assert.deepEqual(implied(group({})), bridge);
});

test("sidecar_task changes what it names and nothing else", () => {
  const { job } = admit(
    served({
      SidecarService: {},
      SidecarTask: {
        Name: "envoy",
        Env: { A: "1" },
        Meta: { m: "1" },
        Resources: { MemoryMB: 64 },
        LogConfig: { MaxFiles: 7 },
        KillTimeout: 9 * SECOND,
        ShutdownDelay: 0,
      },
    }),
  );
  const proxy = taskOf(job, "envoy");
  assert.deepEqual([proxy.Resources?.CPU, proxy.Resources?.MemoryMB], [250, 64]);
  assert.deepEqual(proxy.LogConfig, { MaxFiles: 7, MaxFileSizeMB: 2, Disabled: false });
  assert.deepEqual([proxy.KillTimeout, proxy.ShutdownDelay, proxy.Env, proxy.Meta], [9 * SECOND, 0, { A: "1" }, { m: "1" }]);
  assert.equal(proxy.Config["command"], "${attr.unique.envoy.path}");
});

test("the sidecar runs where its author says: an image makes it docker's, another program brings its own arguments", () => {
  const proxyOf = (wishes: object) => taskOf(admit(served({ SidecarService: {}, SidecarTask: wishes })).job, "connect-proxy-api");
  const image = proxyOf({ Config: { image: "envoy:1" } });
  assert.deepEqual([image.Driver, image.Config["image"], (image.Config["args"] as string[])[0]], ["docker", "envoy:1", "-c"]);
  const docker = proxyOf({ Driver: "docker" });
  assert.equal(docker.Config["image"], "${meta.connect.sidecar_image}");
  assert.deepEqual(proxyOf({ Driver: "raw_exec", Config: { command: "/usr/bin/myproxy" } }).Config, { command: "/usr/bin/myproxy" });
  const envoy = proxyOf({ Config: { command: "/opt/bin/envoy" } });
  assert.deepEqual([envoy.Config["command"], (envoy.Config["args"] as string[]).length], ["/opt/bin/envoy", 11]);
});

test("a transparent proxy runs as the user whose traffic is let through", () => {
  const user = (proxy: object) =>
    taskOf(admit(served({ SidecarService: { Proxy: { TransparentProxy: proxy } } })).job, "connect-proxy-api").User;
  assert.equal(user({}), "${meta.connect.transparent_proxy.default_uid}");
  assert.equal(user({ UID: "1337" }), "1337");
});

test("a job that was admitted without transparent_proxy gets its sidecar's user with it; one of another user is warned of", () => {
  const first = structuredClone(admit(served({ SidecarService: {} })).job);
  const sidecar = only(first).Services[0]?.Connect?.SidecarService;
  assert.ok(sidecar);
  Object.assign(sidecar, { Proxy: { TransparentProxy: { UID: "1337" } } });
  const second = admit(structuredClone(first));
  assert.equal(taskOf(second.job, "connect-proxy-api").User, "1337");
  const said = (User: string, UID: string) => {
    const input = served({ SidecarService: { Proxy: { TransparentProxy: { UID } } }, SidecarTask: { User } });
    return admit(input).warnings.some((each) => each.includes(`runs as ${User}: its own traffic would be led back to it`));
  };
  assert.deepEqual([said("root", ""), said("0", "101"), said("102", "101")], [true, true, true]);
  assert.deepEqual([said("101", "101"), said("envoy", "101"), said("101", "")], [false, false, false]);
});

const INPUTS: Readonly<Record<string, unknown>> = {
  sidecar: served({ SidecarService: {} }),
  "sidecar with wishes": served({
    SidecarService: { Port: "mesh" },
    SidecarTask: { Name: "envoy", Resources: { CPU: 77 }, Config: { image: "x" } },
  }),
  "transparent proxy": served({ SidecarService: { Proxy: { TransparentProxy: {} } } }),
  native: served({ Native: true }),
  "native in a task": group({ Tasks: [{ ...web, Services: [api({ Native: true })] }] }),
  ingress: served({ Gateway: { Ingress: { Listeners: [{ Port: 8080, Services: [{ Name: "web" }] }] } } }),
  terminating: served({ Gateway: { Terminating: { Services: [{ Name: "db" }] } } }, { PortLabel: "" }),
  mesh: served({ Gateway: { Mesh: {} } }, { PortLabel: "" }),
  api: served({ Gateway: {} }, { Kind: "api-gateway" }),
  "mesh of the host": served({ Gateway: { Mesh: {} } }, { PortLabel: "" }, { Networks: [{ Mode: "host" }] }),
  exposed: served(
    { SidecarService: {} },
    { Checks: ["/a", "/b"].map((Path) => ({ Type: "http", Path, Expose: true, Interval: 10 * SECOND, Timeout: SECOND })) },
  ),
};
for (const [what, input] of Object.entries(INPUTS)) {
  test(`an admitted job sent again is the same: ${what}`, () => {
    const first = admit(input).job;
    assert.deepEqual(admit(structuredClone(first)).job, first);
    assert.notDeepEqual(
      only(first).Tasks.map((task) => task.Kind),
      [""],
    );
  });
}

test("a sidecar that was changed in an admitted job stays as it was changed", () => {
  const first = structuredClone(admit(served({ SidecarService: {} })).job);
  const proxy = taskOf(first, "connect-proxy-api");
  Object.assign(proxy, { Driver: "docker", Config: { image: "mine" } });
  assert.deepEqual(taskOf(admit(first).job, "connect-proxy-api").Config, { image: "mine" });
});

test("gateways are main tasks with ports and addresses of their own", () => {
  const of = (gateway: object, fields: object = {}, rest: object = {}) => {
    const { job } = admit(served({ Gateway: gateway }, fields, { Tasks: [], ...rest }));
    return { job, task: only(job).Tasks[0], service: only(job).Services[0] };
  };
  const ingress = of({ Ingress: { Listeners: [{ Port: 8080, Protocol: "http", Services: [{ Name: "a" }, { Name: "b" }] }] } });
  assert.deepEqual([ingress.task?.Name, ingress.task?.Kind, ingress.task?.Lifecycle], ["connect-ingress-api", "connect-ingress:api", null]);
  assert.deepEqual(ingress.service?.Connect?.Gateway?.Proxy?.EnvoyGatewayBindAddresses, {
    a: { Name: "a", Address: "0.0.0.0", Port: 8080 },
    b: { Name: "b", Address: "0.0.0.0", Port: 8080 },
  });
  assert.equal(ingress.service?.Connect?.Gateway?.Proxy?.EnvoyGatewayNoDefaultBind, true);
  assert.equal(ingress.service?.Connect?.Gateway?.Proxy?.ConnectTimeout, 5 * SECOND);

  const terminating = of({ Terminating: { Services: [{ Name: "db" }] } }, { PortLabel: "" });
  assert.equal(terminating.service?.PortLabel, "connect-terminating-api");
  assert.deepEqual(labels(terminating.job), [["connect-terminating-api", -1]]);

  const mesh = of(
    { Mesh: {} },
    { PortLabel: "wan" },
    { Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "wan", HostNetwork: "public" }] }] },
  );
  assert.deepEqual(labels(mesh.job), [
    ["wan", 0],
    ["connect-mesh-api-lan", -1],
  ]);
  assert.deepEqual(Object.keys(mesh.service?.Connect?.Gateway?.Proxy?.EnvoyGatewayBindAddresses ?? {}).sort(), ["lan", "wan"]);

  const host = of({ Mesh: {} }, { PortLabel: "" }, { Networks: [{ Mode: "host" }] });
  assert.equal(host.service?.Connect?.Gateway?.Proxy?.EnvoyGatewayNoDefaultBind, false);
  const docker = admit(
    served({ Gateway: { Mesh: {} }, SidecarTask: { Driver: "docker" } }, { PortLabel: "" }, { Tasks: [], Networks: [{ Mode: "host" }] }),
  ).job;
  assert.deepEqual(
    [only(docker).Tasks[0]?.Config["image"], only(docker).Tasks[0]?.Config["network_mode"]],
    ["${meta.connect.gateway_image}", "host"],
  );
  assert.equal(of({}, { Kind: "api-gateway" }).task?.Kind, "connect-api:api");
});

test("the task that speaks for itself is marked, and named in its service", () => {
  const { job } = admit(served({ Native: true }));
  assert.equal(taskOf(job, "web").Kind, "connect-native:api");
  assert.equal(only(job).Services[0]?.TaskName, "web");
  assert.equal(only(job).Tasks.length, 1);
});

test("an exposed check gets a port of its own, and its path is let in once", () => {
  const checks = [
    { Type: "http", Path: "/health", Expose: true, Interval: 10 * SECOND, Timeout: SECOND },
    { Type: "grpc", Expose: true, PortLabel: "grpc-health", Interval: 10 * SECOND, Timeout: SECOND },
  ];
  const input = served(
    { SidecarService: {} },
    { Checks: checks },
    { Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "grpc-health", To: -1 }] }] },
  );
  const { job } = admit(input);
  const [first, second] = only(job).Services[0]?.Connect?.SidecarService?.Proxy?.Expose?.Paths ?? [];
  const label = only(job).Services[0]?.Checks[0]?.PortLabel ?? "";
  assert.match(label, /^svc_api_ck_[0-9a-f]{6}$/);
  assert.deepEqual(first, { Path: "/health", Protocol: "http", LocalPathPort: 9001, ListenerPort: label });
  assert.deepEqual(second, {
    Path: "/grpc.health.v1.Health/Check",
    Protocol: "http2",
    LocalPathPort: 9001,
    ListenerPort: "grpc-health",
  });
  assert.deepEqual(labels(job), [
    ["grpc-health", -1],
    ["connect-proxy-api", -1],
    [label, -1],
  ]);
  assert.equal(admit(structuredClone(input)).job.TaskGroups[0]?.Services[0]?.Checks[0]?.PortLabel, label, "the same each time");
});

test("what is only registered anew leaves allocations alone; what is made with them does not", () => {
  const of = (sidecar: object, task: object | null = null) => admit(served({ SidecarService: sidecar, SidecarTask: task })).job;
  const before = of({});
  const change = (after: Job) => groupChange(before, after, "front");
  assert.equal(change(of({ Tags: ["a"], Meta: { b: "c" } })), "in-place");
  assert.equal(change(of({ Proxy: { Upstreams: [{ DestinationName: "db", LocalBindPort: 5432 }] } })), "in-place");
  assert.equal(change(of({ DisableDefaultTCPCheck: true })), "in-place");
  assert.equal(change(of({ Port: "other" })), "destroy");
  assert.equal(change(of({ Proxy: { TransparentProxy: {} } })), "destroy");
  assert.equal(change(of({}, { Config: { image: "x" } })), "destroy");
  assert.equal(change(of({}, { Resources: { CPU: 300 } })), "destroy");
  assert.equal(
    change(admit(group({ Services: [api({ SidecarService: {} })], Networks: [{ Mode: "bridge", Hostname: "x" }] })).job),
    "destroy",
  );
  assert.equal(change(admit(group({ Services: [{ Name: "api", PortLabel: "9001" }] })).job), "destroy");
});

test("a port may lead to an upstream that listens on every address, and to none on the loopback", () => {
  const withUpstream = (bind: object) =>
    served(
      { SidecarService: { Proxy: { Upstreams: [{ DestinationName: "db", LocalBindPort: 5432, ...bind }] } } },
      {},
      { Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "db", To: 5432 }] }] },
    );
  assert.doesNotThrow(() => admit(withUpstream({ LocalBindAddress: "0.0.0.0" })));
  for (const bind of [{}, { LocalBindAddress: "127.0.0.1" }]) assert.throws(() => admit(withUpstream(bind)), /port "db" leads there/);
});

test("the plan's diff shows the blocks as they are written", () => {
  const diff = diffJobs(
    null,
    admit(served({ SidecarService: { Proxy: { Upstreams: [{ DestinationName: "db", LocalBindPort: 1 }] } } })).job,
    {
      contextual: false,
    } as never,
  );
  const service = diff.TaskGroups?.[0]?.Objects.find((object) => object.Name === "Service");
  const names = (objects: readonly { readonly Name: string; readonly Objects: readonly unknown[] }[] | undefined) =>
    objects?.map(({ Name }) => Name);
  const connect = service?.Objects.find((object) => object.Name === "ConsulConnect" || object.Name === "Connect");
  assert.ok(connect, `Connect among ${names(service?.Objects)?.join(", ")}`);
  assert.deepEqual(names(connect.Objects), ["SidecarService"]);
});

test("an upstream that no job of the namespace offers is warned of, unless the job or a gateway offers it, or it is elsewhere", () => {
  const asked: string[] = [];
  const context = {
    ...CONTEXT,
    knownServices: (namespace: string, name: string) => asked.push(`${namespace}/${name}`) > 0 && name === "known",
  };
  const calling = (name: string, more: object = {}, services: readonly object[] = []) => {
    const upstream = { DestinationName: name, LocalBindPort: 8080, ...more };
    const sidecar = { SidecarService: { Proxy: { Upstreams: [upstream] } } };
    return admit(group({ Services: [api(sidecar), ...services] }), context).warnings.filter((each) =>
      each.includes("no job of the namespace offers"),
    );
  };
  assert.equal(calling("nobody").length, 1);
  assert.deepEqual(asked, ["default/nobody"]);
  assert.deepEqual(calling("known"), []);
  assert.deepEqual(calling("own", {}, [{ Name: "own", PortLabel: "9002" }]), []);
  assert.deepEqual(calling("own-7", {}, [{ Name: "own-${NOMAD_ALLOC_INDEX}", PortLabel: "9002" }]), []);
  assert.deepEqual(calling("nobody", { Datacenter: "dc2" }), []);
});

test("an exposed check beside a path its author lets in at the same port is let in too", () => {
  const own = { Path: "/ready", Protocol: "http", LocalPathPort: 9001, ListenerPort: "health" };
  const check = { Type: "http", Path: "/health", Expose: true, PortLabel: "health", Interval: 10 * SECOND, Timeout: SECOND };
  const { job } = admit(
    served(
      { SidecarService: { Proxy: { Expose: { Paths: [own] } } } },
      { Checks: [check] },
      { Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "health", To: -1 }] }] },
    ),
  );
  const paths = only(job).Services[0]?.Connect?.SidecarService?.Proxy?.Expose?.Paths ?? [];
  assert.deepEqual(
    paths.map(({ Path, ListenerPort }) => [Path, ListenerPort]),
    [
      ["/ready", "health"],
      ["/health", "health"],
    ],
  );
});

test("a gateway whose author says where it listens listens there alone", () => {
  const Ingress = { Listeners: [{ Port: 8080, Services: [{ Name: "web" }] }] };
  const EnvoyGatewayBindAddresses = { mine: { Address: "10.9.8.7", Port: 8080 } };
  const proxy = only(admit(served({ Gateway: { Proxy: { EnvoyGatewayBindAddresses }, Ingress } })).job).Services[0]?.Connect?.Gateway
    ?.Proxy;
  assert.deepEqual(
    Object.values(proxy?.EnvoyGatewayBindAddresses ?? {}).map(({ Address, Port }) => [Address, Port]),
    [["10.9.8.7", 8080]],
  );
  assert.equal(proxy?.EnvoyGatewayNoDefaultBind, false);
});

test("a group has one transparent proxy, and an argument for CNI is one argument", () => {
  const through = { SidecarService: { Proxy: { TransparentProxy: {} } } };
  const twice = group({ Services: [api(through), { Name: "db", PortLabel: "9002", Connect: through }] });
  assert.throws(() => admit(twice), /transparent_proxy is there twice in the group, first in service "api"/);
  const withArgument = (value: string) => group({ Networks: [{ Mode: "bridge", CNI: { Args: { tier: value } } }] });
  assert.throws(() => admit(withArgument("a;K8S_POD_NAME=other")), /cni args "tier": the value contains ";"/);
  assert.deepEqual(admit(withArgument("a=b")).warnings, []);
});

test("an exposed check of a service that is not Consul's is refused once, for that reason", () => {
  const check = { Type: "http", Path: "/", PortLabel: "9001", Expose: true, Interval: 10 * SECOND, Timeout: SECOND };
  const input = group({ Services: [{ Name: "api", PortLabel: "9001", Provider: "nomad", Checks: [check] }] });
  assert.throws(
    () => admit(input),
    (thrown) => thrown instanceof AdmissionError && thrown.problems.filter((each) => /expose/i.test(each)).length === 1,
  );
});
