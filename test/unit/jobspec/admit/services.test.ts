/** Services, checks and identities: what they have without being told, what a job implies by them, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionError, admitJob, type AdmissionContext } from "#jobspec";

const CONTEXT: AdmissionContext = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
};
const WORKLOADS = { aud: ["consul.io"], ttlNs: 3_600e9, env: false, file: false, filepath: "", extraClaims: {} };
const KNOWN_TO_CONSUL: AdmissionContext = { ...CONTEXT, consul: { serviceIdentity: WORKLOADS, taskIdentity: WORKLOADS } };
const SECOND = 1e9;
const NETWORKS = [{ DynamicPorts: [{ Label: "http" }, { Label: "admin" }] }];
const check = (fields: object = {}) => ({ Type: "http", Path: "/", Interval: 10 * SECOND, Timeout: 2 * SECOND, ...fields });

const group = (fields: object, task: object = {}) => ({
  ID: "shop",
  Name: "shop",
  TaskGroups: [{ Name: "front", Networks: NETWORKS, Tasks: [{ Name: "web", Driver: "exec", ...task }], ...fields }],
});
const service = (fields: object) => group({ Services: [{ Name: "web", PortLabel: "http", ...fields }] });
const checked = (fields: object, outer: object = {}) => service({ Checks: [check(fields)], ...outer });
const inTask = (fields: object, task: object = {}) => group({}, { Services: [{ Name: "web", PortLabel: "http", ...fields }], ...task });
const identified = (fields: object) => group({}, { Identities: [{ Name: "aws", Audience: ["sts"], TTL: SECOND, ...fields }] });

const admitted = (input: unknown, context = CONTEXT) =>
  admitJob(input, context).job.TaskGroups[0] as NonNullable<ReturnType<typeof admitJob>["job"]["TaskGroups"][number]>;

test("a service without a Consul cluster, as the real command line sends it, is in the one there is", () => {
  assert.equal(admitted(service({ Cluster: "" })).Services[0]?.Cluster, "default");
  assert.equal(admitted(inTask({ Cluster: "" })).Tasks[0]?.Services[0]?.Cluster, "default");
});

test("a service without a name has that of what it belongs to", () => {
  assert.equal(admitted(service({ Name: "" })).Services[0]?.Name, "shop-front");
  assert.equal(admitted(inTask({ Name: "" })).Tasks[0]?.Services[0]?.Name, "shop-front-web");
  assert.equal(admitted(inTask({ Name: "a-${JOB}-${TASKGROUP}-${TASK}" })).Tasks[0]?.Services[0]?.Name, "a-shop-front-web");
  assert.equal(
    admitted(inTask({ Name: "${BASE}-${NOMAD_ALLOC_INDEX}" })).Tasks[0]?.Services[0]?.Name,
    "shop-front-web-${NOMAD_ALLOC_INDEX}",
  );
});

test("of a group's own service ${TASK} is the word group, as with Nomad", () => {
  assert.equal(admitted(service({ Name: "${BASE}-${NOMAD_ALLOC_INDEX}" })).Services[0]?.Name, "shop-front-group-${NOMAD_ALLOC_INDEX}");
  assert.equal(admitted(service({ Name: "x-${TASK}" })).Services[0]?.Name, "x-group");
});

test("an identity for nobody in particular is admitted with a warning, and changes nothing by itself", () => {
  const { job, warnings } = admitJob(identified({ Audience: [], ChangeMode: "" }), CONTEXT);
  assert.ok(
    warnings.some((each) => /identity "aws" has no aud/.test(each)),
    warnings.join("\n"),
  );
  assert.equal(job.TaskGroups[0]?.Tasks[0]?.Identities[0]?.ChangeMode, "noop");
});

test("what a service says of restarts goes for its checks", () => {
  const both = service({
    CheckRestart: { Limit: 3, Grace: 5 * SECOND, IgnoreWarnings: true },
    Checks: [check({ Name: "a" }), check({ Name: "b", CheckRestart: { Limit: 7 } })],
  });
  assert.deepEqual(
    admitted(both).Services[0]?.Checks.map((each) => each.CheckRestart),
    [
      { Limit: 3, Grace: 5 * SECOND, IgnoreWarnings: true },
      { Limit: 7, Grace: 5 * SECOND, IgnoreWarnings: true },
    ],
  );
  assert.equal(admitted(checked({})).Services[0]?.Checks[0]?.CheckRestart, null);
  assert.equal(admitted(checked({ CheckRestart: { Limit: 1 } })).Services[0]?.Checks[0]?.CheckRestart?.Grace, SECOND);
  assert.equal(admitted(checked({})).Services[0]?.Checks[0]?.Name, 'service: "web" check');
});

test("checks without names are told apart by what they look at", () => {
  const checks = admitted(service({ Checks: [check({ Type: "tcp", Path: "" }), check()] })).Services[0]?.Checks ?? [];
  assert.deepEqual(
    checks.map(({ Name, Type }) => [Name, Type]),
    [
      ['service: "web" check', "tcp"],
      ['service: "web" check', "http"],
    ],
  );
});

test("a port that is filled in on the node is taken as it is", () => {
  for (const PortLabel of ["${NOMAD_META_PORT}", "${meta.port}"]) {
    assert.equal(admitted(service({ PortLabel, Checks: [check({ PortLabel })] })).Services[0]?.PortLabel, PortLabel);
  }
});

test("a group runs only where its services can be registered", () => {
  const targets = (input: unknown) => admitted(input).Constraints.map((each) => `${each.LTarget} ${each.Operand} ${each.RTarget}`);
  assert.deepEqual(targets(service({})), ["${attr.consul.version} semver >= 1.8.0"]);
  assert.deepEqual(targets(inTask({ Provider: "nomad" })), ["${attr.nomad.service_discovery} = true"]);
  assert.deepEqual(targets(group({}, { Consul: {} })), ["${attr.consul.version} semver >= 1.8.0"]);
  assert.deepEqual(targets(group({})), []);
});

test("where Consul wants to know who registers, services have an identity by a name others know", () => {
  assert.equal(admitted(service({})).Services[0]?.Identity, null);
  const found = admitted(service({}), KNOWN_TO_CONSUL).Services[0]?.Identity;
  assert.deepEqual(
    { Name: found?.Name, Audience: found?.Audience, TTL: found?.TTL, ServiceName: found?.ServiceName },
    { Name: "consul-service_web-http", Audience: ["consul.io"], TTL: 3_600e9, ServiceName: "web" },
  );
  assert.equal(admitted(inTask({}), KNOWN_TO_CONSUL).Tasks[0]?.Services[0]?.Identity?.Name, "consul-service_web-web-http");
  assert.equal(admitted(service({ Provider: "nomad" }), KNOWN_TO_CONSUL).Services[0]?.Identity, null);
  const own = admitted(service({ Identity: { Audience: ["mine"], TTL: SECOND } }), KNOWN_TO_CONSUL).Services[0]?.Identity;
  assert.deepEqual([own?.Name, own?.Audience], ["consul-service_web-http", ["mine"]]);
});

test("a task that talks to Consul has an identity for it, unless it brings its own", () => {
  const names = (input: unknown, context = KNOWN_TO_CONSUL) => admitted(input, context).Tasks[0]?.Identities.map((each) => each.Name);
  assert.deepEqual(names(group({}, { Consul: {} })), ["consul_default"]);
  assert.deepEqual(names(group({ Consul: {} })), ["consul_default"]);
  assert.deepEqual(names(group({})), []);
  assert.deepEqual(names(group({}, { Consul: {} }), CONTEXT), []);
  const own = group({}, { Consul: {}, Identities: [{ Name: "consul_default", Audience: ["mine"], TTL: SECOND }] });
  assert.deepEqual(admitted(own, KNOWN_TO_CONSUL).Tasks[0]?.Identities[0]?.Audience, ["mine"]);
});

test("admitting again what was admitted changes nothing", () => {
  for (const input of [
    service({ Checks: [check()], CheckRestart: { Limit: 2 } }),
    inTask({ Identity: { Audience: ["x"] } }),
    group({ Consul: {} }),
  ]) {
    const once = admitJob(input, KNOWN_TO_CONSUL).job;
    assert.deepEqual(admitJob(once, KNOWN_TO_CONSUL).job, once);
  }
});

const MISTAKES: readonly (readonly [what: string, input: unknown, said: RegExp])[] = [
  [
    "an unknown port",
    service({ PortLabel: "htpp" }),
    /Service "web" of group "front": port "htpp" is no port of the group, which has "admin", "http"/,
  ],
  [
    "a port without a network",
    group({ Networks: [], Services: [{ Name: "web", PortLabel: "http" }] }),
    /add network \{ port "http" \{ \} \} to it/,
  ],
  ["a port out of range", service({ PortLabel: "70000" }), /port is 70000, must be 1 to 65535/],
  ["a number for the host's address", service({ PortLabel: "8080", AddressMode: "host" }), /address_mode host takes the label/],
  [
    "the same service twice",
    group({ Services: [1, 2].map(() => ({ Name: "web", PortLabel: "http" })) }),
    /is there twice with port "http"/,
  ],
  ["a name with spaces", service({ Name: "my web" }), /name must be letters, digits and dashes/],
  ["a long name", service({ Name: "x".repeat(64) }), /at most 63/],
  ["a provider", service({ Provider: "etcd" }), /provider is "etcd", must be consul or nomad/],
  [
    "two providers",
    group({
      Services: [
        { Name: "a", PortLabel: "http" },
        { Name: "b", PortLabel: "http", Provider: "nomad" },
      ],
    }),
    /uses the service providers consul and nomad: all services of a group share one/,
  ],
  ["an address mode", service({ AddressMode: "bridge" }), /address_mode is "bridge", must be one of auto, host/],
  ["the driver's address for a group", service({ AddressMode: "driver" }), /address_mode driver needs a task/],
  ["the allocation's address on the host", service({ AddressMode: "alloc" }), /the group's network mode is host/],
  ["an address and a mode", service({ Address: "1.2.3.4", AddressMode: "host" }), /leave one of them out/],
  ["a task that is not there", service({ TaskName: "wbe" }), /task "wbe" is not in the group/],
  ["another task", inTask({ TaskName: "other" }), /the service is in task "web": leave it out/],
  ["another Consul", service({ Cluster: "east" }), /cluster is "east", and there is one Consul/],
  ["on_update", service({ OnUpdate: "never" }), /on_update is "never", must be one of require_healthy/],
  ["weights", service({ Weights: { Passing: -1, Warning: 1 } }), /weights passing is -1/],
  [
    "a check without an interval",
    checked({ Interval: 0 }),
    /check "service: "web"|check "service: \\"web\\" check": interval is missing: for example interval = "10s"/,
  ],
  ["a check without a timeout", checked({ Timeout: 0 }), /timeout is missing: for example timeout = "2s"/],
  ["a restless check", checked({ Interval: SECOND / 2 }), /interval is 500ms, must be at least 1s/],
  ["a check of no type", checked({ Type: "" }), /type is missing: one of http, tcp, grpc, script/],
  ["a check of another type", checked({ Type: "ping" }), /type is "ping", with provider "consul" it must be one of/],
  [
    "a script with provider nomad",
    checked({ Type: "script", Command: "x" }, { Provider: "nomad" }),
    /with provider "nomad" it must be one of http, tcp/,
  ],
  ["a script without a command", checked({ Type: "script", TaskName: "web" }), /command is missing/],
  ["a script nowhere", checked({ Type: "script", Command: "x" }), /a script runs inside a task/],
  ["a script elsewhere", checked({ Type: "script", Command: "x", TaskName: "no" }), /task "no" is not in the group/],
  ["a check without a port", checked({}, { PortLabel: "" }), /there is no port to look at/],
  ["a check of an unknown port", checked({ PortLabel: "no" }), /port "no" is no port of the group/],
  ["a check without a path", checked({ Path: "" }), /path is missing: for example path = "\/health"/],
  ["a check of a URL", checked({ Path: "http://a/b" }), /must be the path alone/],
  ["a protocol", checked({ Protocol: "gopher" }), /protocol is "gopher", must be http or https/],
  ["a method", checked({ Method: "G ET" }), /must be an HTTP method/],
  ["an initial status", checked({ InitialStatus: "good" }), /initial_status is "good"/],
  ["long notes", checked({ Notes: "x".repeat(256) }), /notes are longer than 255/],
  ["a negative limit", checked({ CheckRestart: { Limit: -1 } }), /check_restart limit is -1/],
  ["restarts of what counts for nothing", checked({ OnUpdate: "ignore", CheckRestart: { Limit: 1 } }), /restarts nothing/],
  ["warnings ignored here and not there", checked({ OnUpdate: "ignore_warnings", CheckRestart: { Limit: 1 } }), /needs check_restart/],
  ["a negative count", checked({ SuccessBeforePassing: -1 }), /success_before_passing is -1/],
  ["counts of a script", checked({ Type: "script", Command: "x", TaskName: "web", FailuresBeforeCritical: 2 }), /not for script checks/],
  [
    "counts with provider nomad",
    checked({ FailuresBeforeCritical: 2 }, { Provider: "nomad" }),
    /failures_before_critical is for provider "consul"/,
  ],
  ["a server name with provider nomad", checked({ TLSServerName: "x" }, { Provider: "nomad" }), /tls_server_name is for provider "consul"/],
  ["an expose with provider nomad", checked({ Expose: true }, { Provider: "nomad" }), /expose is for provider "consul"/],
  ["a check twice", service({ Checks: [check(), check({ Path: "/b" }), check()] }), /the same check twice/],
  ["an identity's name", identified({ Name: "a b" }), /identity "a b": name must be letters/],
  ["an identity twice", group({}, { Identities: [1, 2].map(() => ({ Name: "a", Audience: ["x"] })) }), /identity "a" is there twice/],
  ["a change mode", identified({ ChangeMode: "reboot" }), /change_mode is "reboot"/],
  ["a signal that is not named", identified({ ChangeMode: "signal" }), /needs change_signal/],
  ["a signal for nothing", identified({ ChangeSignal: "SIGHUP" }), /change_signal is for change_mode "signal"/],
  ["a file outside", identified({ Filepath: "../../x" }), /leaves the task's directory/],
  ["the default identity for others", group({}, { Identity: { Audience: ["sts"] } }), /the default identity is for nomadproject.io/],
  ["a service's identity for nobody", service({ Identity: {} }), /identity of service "web" has no aud/],
];
for (const [what, input, said] of MISTAKES) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => admitJob(input, CONTEXT),
      (thrown) => {
        assert.ok(thrown instanceof AdmissionError, String(thrown));
        assert.match(thrown.message, said);
        return true;
      },
    );
  });
}
