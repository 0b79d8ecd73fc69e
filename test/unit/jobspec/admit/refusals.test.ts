/** One row a mistake: what is sent, and what is said of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionError, admitJob } from "#jobspec";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const SECOND = 1_000_000_000;

const job = (fields: object) => ({ ID: "j", TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }] }], ...fields });
const group = (fields: object) => job({ TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }], ...fields }] });
const task = (fields: object) => group({ Tasks: [{ Name: "t", Driver: "exec", ...fields }] });
const batch = (fields: object) => job({ Type: "batch", ...fields });
const network = (fields: object) => group({ Networks: [fields] });
const constraint = (LTarget: string, Operand: string, RTarget: string) => group({ Constraints: [{ LTarget, Operand, RTarget }] });

const MISTAKES: readonly (readonly [what: string, input: unknown, said: RegExp])[] = [
  ["no object", "text", /^Cannot admit job: Job: expected an object such as/],
  ["no ID", { TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }] }] }, /ID is missing/],
  ["a space in the ID", job({ ID: "a b" }), /ID contains a space/],
  ["a NUL in the ID", job({ ID: "a\0b" }), /ID contains a space or a control character/],
  ["an unknown type", job({ Type: "daemon" }), /type is "daemon", must be one of service, batch, system, sysbatch \(Type\)/],
  ["a priority out of range", job({ Priority: 101 }), /priority is 101, must be 1 to 100/],
  ["another region", job({ Region: "eu" }), /region "eu" is not known here: this is "global"/],
  ["no group", job({ TaskGroups: [] }), /has no group/],
  [
    "two groups of one name",
    job({ TaskGroups: [0, 1].map(() => ({ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }] })) }),
    /another group has the same name \(TaskGroups\[1\]\.Name\)/,
  ],
  ["a group without tasks", group({ Tasks: [] }), /Group "g": has no task/],
  ["a group called __proto__", group({ Name: "__proto__" }), /Group "__proto__": name "__proto__" is reserved/],
  ["a task called __proto__", task({ Name: "__proto__" }), /name "__proto__" is reserved/],
  ["a group without a name", group({ Name: "" }), /Group #1: name is missing/],
  [
    "two tasks of one name",
    group({
      Tasks: [
        { Name: "t", Driver: "exec" },
        { Name: "t", Driver: "exec" },
      ],
    }),
    /another task of the group has the same name/,
  ],
  ["two leaders", group({ Tasks: ["a", "b"].map((Name) => ({ Name, Driver: "exec", Leader: true })) }), /has 2 leader tasks/],
  ["a slash in a task's name", task({ Name: "../../etc" }), /name contains a slash/],
  ["a task called ..", task({ Name: ".." }), /name "\.\." is reserved/],
  ["a task called alloc", task({ Name: "alloc" }), /name "alloc" is reserved/],
  ["a very long task name", task({ Name: "x".repeat(201) }), /longer than 200 bytes/],
  ["no driver", task({ Driver: "" }), /Task "t" of group "g": driver is missing/],
  ["a variable name with =", task({ Env: { "A=B": "1" } }), /env "A=B": not a variable name/],
  ["a negative count", group({ Count: -1 }), /count is -1/],
  ["too many altogether", group({ Count: 50_001 }), /counts add up to 50001, must be at most 50000/],
  ["count beyond scaling", group({ Count: 9, Scaling: { Min: 1, Max: 3 } }), /count is 9, must be within scaling's min and max, 1 to 3/],
  ["scaling without max", group({ Scaling: { Min: 1 } }), /scaling max is missing/],
  ["no CPU", task({ Resources: { CPU: 0 } }), /cpu is 0 MHz/],
  ["too little memory", task({ Resources: { MemoryMB: 5 } }), /memory is 5 MB, must be at least 10/],
  ["memory_max below memory", task({ Resources: { MemoryMB: 100, MemoryMaxMB: 50 } }), /memory_max is 50 MB/],
  ["disk in a task", task({ Resources: { DiskMB: 5 } }), /set ephemeral_disk in the group/],
  ["a tiny disk", group({ EphemeralDisk: { SizeMB: 5 } }), /ephemeral_disk size is 5 MB/],
  [
    "logs larger than the disk",
    task({ LogConfig: { MaxFiles: 30, MaxFileSizeMB: 10 } }),
    /logs can grow to 300 MB, must stay below the group's ephemeral_disk, 300 MB/,
  ],
  ["no log file", task({ LogConfig: { MaxFiles: 0 } }), /logs max_files is 0/],
  ["a negative kill timeout", task({ KillTimeout: -1 }), /kill_timeout is -1ns/],
  [
    "a kill timeout beyond the deadline",
    task({ KillTimeout: 3600 * SECOND }),
    /kill_timeout is 1h0m0s, must be at most update's progress_deadline, 10m0s/,
  ],
  [
    "a duration as text",
    task({ KillTimeout: "5s" }),
    /kill_timeout: expected a whole number of nanoseconds \(5s is 5000000000\), got the text "5s"/,
  ],
  ["a lower-case signal", task({ KillSignal: "sigterm" }), /kill_signal is "sigterm", did you mean "SIGTERM"\?/],
  ["an unknown signal", task({ KillSignal: "SIGFOO" }), /kill_signal is "SIGFOO", must be one such as/],
  ["a restart mode", group({ RestartPolicy: { Mode: "often" } }), /restart mode is "often"/],
  ["no restarts, with delay", group({ RestartPolicy: { Attempts: 0, Mode: "delay" } }), /ambiguous/],
  [
    "restarts that do not fit",
    group({ RestartPolicy: { Attempts: 10, Interval: 60 * SECOND } }),
    /cannot fit 10 attempts with a delay of 15s in an interval of 1m0s/,
  ],
  ["a short restart interval", group({ RestartPolicy: { Interval: SECOND, Attempts: 0 } }), /restart interval is 1s, must be at least 5s/],
  ["a task's own restart", task({ RestartPolicy: { Mode: "never" } }), /Task "t" of group "g": restart mode is "never"/],
  ["ambiguous rescheduling", group({ ReschedulePolicy: { Attempts: 3 } }), /reschedule attempts = 3 with unlimited = true is ambiguous/],
  ["a hasty reschedule", group({ ReschedulePolicy: { Delay: SECOND } }), /reschedule delay is 1s/],
  ["a delay function", group({ ReschedulePolicy: { DelayFunction: "linear" } }), /delay_function is "linear"/],
  ["auto_promote without canaries", group({ Update: { AutoPromote: true } }), /auto_promote needs canary/],
  [
    "deadlines out of order",
    group({ Update: { HealthyDeadline: 900 * SECOND } }),
    /progress_deadline is 10m0s, must be more than healthy_deadline, 15m0s/,
  ],
  [
    "update in a batch job",
    { ...group({ Update: { MaxParallel: 1 } }), Type: "batch" },
    /update is for service and system jobs, this one is batch/,
  ],
  ["migrate in a batch job", { ...group({ Migrate: { MaxParallel: 1 } }), Type: "batch" }, /migrate is for service jobs/],
  ["a label twice", network({ DynamicPorts: [{ Label: "a" }, { Label: "a" }] }), /port label "a" is used twice/],
  [
    "a number twice",
    network({
      DynamicPorts: [
        { Label: "a", Value: 80 },
        { Label: "b", Value: 80 },
      ],
    }),
    /port "b": static 80 is already taken by port "a"/,
  ],
  ["a number out of range", network({ DynamicPorts: [{ Label: "a", Value: 70_000 }] }), /static is 70000, must be 1 to 65535/],
  ["two networks", group({ Networks: [{}, {}] }), /has 2 network blocks/],
  [
    "networks at both levels",
    { ...network({}), TaskGroups: [{ Name: "g", Networks: [{}], Tasks: [{ Name: "t", Driver: "exec", Resources: { Networks: [{}] } }] }] },
    /keep the group's/,
  ],
  ["an unknown operator", constraint("${attr.x}", "~", "1"), /unknown operator "~"/],
  ["a broken expression", constraint("${attr.x}", "regexp", "(a"), /not a regular expression/],
  [
    "a look-ahead in a pattern",
    constraint("${attr.kernel.name}", "regexp", "(?=a)"),
    /not a regular expression: back-references and look-around/,
  ],
  ["a broken version", constraint("${attr.x}", "version", "newest"), /"newest" is not a version constraint/],
  ["a constraint without attribute", constraint("", "=", "1"), /attribute is missing/],
  ["distinct_hosts in a task", task({ Constraints: [{ Operand: "distinct_hosts" }] }), /job or group level only/],
  ["a property limit", constraint("${meta.rack}", "distinct_property", "none"), /must be a whole number of at least 1/],
  ["an affinity of no weight", group({ Affinities: [{ LTarget: "${attr.x}", RTarget: "1", Weight: 0 }] }), /weight is 0/],
  [
    "a spread of more than all",
    group({
      Spreads: [
        {
          Attribute: "${meta.a}",
          SpreadTarget: [
            { Value: "x", Percent: 60 },
            { Value: "y", Percent: 60 },
          ],
        },
      ],
    }),
    /add up to 120/,
  ],
  // Batch jobs.
  ["periodic for a service", job({ Periodic: { Specs: ["@daily"] } }), /periodic is for batch jobs, this one is service \(Periodic\)/],
  ["periodic without a time", batch({ Periodic: {} }), /periodic has no crons/],
  ["a broken cron expression", batch({ Periodic: { Specs: ["0 25 * * *"] } }), /periodic: .*25.* \(Periodic\.Specs\)/],
  ["cron and crons", batch({ Periodic: { Spec: "@daily", Specs: ["@hourly"] } }), /periodic has cron and crons: keep crons/],
  ["an unknown time zone", batch({ Periodic: { Specs: ["@daily"], TimeZone: "Mars/Olympus" } }), /time_zone: .*"Mars\/Olympus"/],
  ["another kind of schedule", batch({ Periodic: { Spec: "x", SpecType: "test" } }), /SpecType is "test", must be "cron"/],
  ["parameters of a service", job({ ParameterizedJob: {} }), /parameterized is for batch jobs, this one is service/],
  ["a payload rule", batch({ ParameterizedJob: { Payload: "maybe" } }), /payload is "maybe", must be optional, required or forbidden/],
  ["meta twice", batch({ ParameterizedJob: { MetaRequired: ["a"], MetaOptional: ["a", "b"] } }), /meta a is required and optional/],
  ["meta named twice", batch({ ParameterizedJob: { MetaOptional: ["a", "a"] } }), /a meta key is named twice/],
  ["a run time for a service", group({ MaxRunDuration: SECOND }), /max_run_duration is for batch jobs, this one is service/],
  ["a negative run time", { ...group({ MaxRunDuration: -SECOND }), Type: "batch" }, /max_run_duration is -1s/],
  // Every node.
  ["two of a system job", { ...group({ Count: 2 }), Type: "system" }, /count is 2, must be 0 or 1 in a system job/],
  [
    "a system job that is rescheduled",
    { ...group({ ReschedulePolicy: {} }), Type: "system" },
    /reschedule is for service and batch jobs, this one is system/,
  ],
  [
    "a system job that prefers",
    job({ Type: "system", Affinities: [{ LTarget: "${node.class}", RTarget: "a" }] }),
    /affinity is not for system jobs/,
  ],
  [
    "a sysbatch task that prefers",
    { ...task({ Affinities: [{ LTarget: "${node.class}", RTarget: "a" }] }), Type: "sysbatch" },
    /affinity is not for sysbatch/,
  ],
  [
    "a system job that spreads",
    { ...group({ Spreads: [{ Attribute: "${node.class}" }] }), Type: "system" },
    /spread is not for system jobs/,
  ],
  [
    "a percentage of nodes",
    { ...group({ Update: { Canary: 101 } }), Type: "system" },
    /canary is 101, must be at most 100: it is the percentage/,
  ],
  [
    "scaling a system job",
    { ...group({ Scaling: { Min: 0, Max: 5 } }), Type: "system" },
    /scaling of a system job's group is from 0 to 1, not 0 to 5/,
  ],
  [
    "scaling a group up and down",
    group({ Scaling: { Type: "vertical_cpu", Max: 2 } }),
    /scaling of a group is horizontal, not "vertical_cpu"/,
  ],
  // Disconnected nodes.
  ["lost and stopped", group({ Disconnect: { LostAfter: SECOND, StopOnClientAfter: SECOND } }), /has lost_after and stop_on_client_after/],
  ["a negative time to be lost", group({ Disconnect: { LostAfter: -1 } }), /lost_after is -1ns/],
  ["a strategy", group({ Disconnect: { Reconcile: "newest" } }), /reconcile is "newest", must be best_score, keep_original/],
  [
    "old and new",
    group({ Disconnect: {}, MaxClientDisconnect: SECOND }),
    /max_client_disconnect beside a disconnect block: keep the block/,
  ],
  [
    "the two old ones",
    group({ StopAfterClientDisconnect: SECOND, MaxClientDisconnect: SECOND }),
    /has lost_after and stop_on_client_after/,
  ],
  [
    "a system job stopped on its node",
    { ...group({ Disconnect: { StopOnClientAfter: SECOND } }), Type: "system" },
    /is not for system jobs/,
  ],
  [
    "a health check of migrate",
    group({ Migrate: { HealthCheck: "manual" } }),
    /migrate health_check is "manual", must be checks or task_states/,
  ],
  [
    "migrate's times",
    group({ Migrate: { MinHealthyTime: 600 * SECOND } }),
    /migrate healthy_deadline is 5m0s, must be at least min_healthy_time, 10m0s/,
  ],
  // Tasks.
  ["a hook", task({ Lifecycle: { Hook: "poststrat" } }), /lifecycle hook is "poststrat", must be prestart, poststart or poststop/],
  ["no hook", task({ Lifecycle: {} }), /lifecycle hook is missing/],
  ["helpers alone", task({ Lifecycle: { Hook: "prestart" } }), /Group "g": has only lifecycle tasks: add a main task/],
  ["a payload that escapes", task({ DispatchPayload: { File: "a/../../x" } }), /"a\/..\/..\/x" leaves the task's local directory/],
  ["a payload anywhere", task({ DispatchPayload: { File: "/etc/passwd" } }), /leaves the task's local directory/],
  ["a payload without a file", task({ DispatchPayload: {} }), /dispatch_payload file is missing/],
  [
    "a payload that is forbidden",
    { ...task({ DispatchPayload: { File: "x" } }), Type: "batch", ParameterizedJob: { Payload: "forbidden" } },
    /payload = "forbidden"/,
  ],
  ["an action with white space", task({ Actions: [{ Name: "a b", Command: "x" }] }), /action name "a b" contains white space/],
  ["an action twice", task({ Actions: ["a", "a"].map((Name) => ({ Name, Command: "x" })) }), /action "a" is there twice/],
  ["an action without a command", task({ Actions: [{ Name: "a" }] }), /action "a": command is missing \(.*Actions\[0\]\.Command\)/],
  ["a long action name", task({ Actions: [{ Name: "x".repeat(129), Command: "x" }] }), /longer than 128 characters/],
  ["scaling a task's disk", task({ ScalingPolicies: [{ Type: "disk", Max: 5 }] }), /scaling "disk" of a task must be "cpu" or "mem"/],
  ["scaling a task without max", task({ ScalingPolicies: [{ Type: "vertical_cpu" }] }), /scaling "cpu": max is missing/],
  ["cpu and cores", task({ Resources: { CPU: 500, Cores: 2 } }), /cpu is 500 MHz and cores 2: ask for one of them/],
  ["negative cores", task({ Resources: { Cores: -1 } }), /cores is -1/],
  ["negative secrets", task({ Resources: { SecretsMB: -1 } }), /secrets is -1 MB/],
  ["a device's name", task({ Resources: { Devices: [{ Name: "nvidia//x" }] } }), /device "nvidia\/\/x": must be "type", "vendor\/type"/],
  ["no device", task({ Resources: { Devices: [{ Name: "gpu", Count: 0 }] } }), /device "gpu": count is 0/],
  [
    "a device's constraint",
    task({ Resources: { Devices: [{ Name: "gpu", Constraints: [{ LTarget: "${device.attr.memory}", Operand: "~", RTarget: "1" }] }] } }),
    /device "gpu": constraint "\$\{device.attr.memory\} ~ 1": unknown operator "~"/,
  ],
  ["a link", job({ UI: { Links: [{ Label: "docs", URL: "javascript:alert(1)" }] } }), /url "javascript:alert\(1\)" must begin with http/],
  ["a link without a word", job({ UI: { Links: [{ URL: "https://x" }] } }), /ui link needs a label and a url/],
];
for (const [what, input, said] of MISTAKES) {
  test(`refused: ${what}`, () =>
    assert.throws(
      () => admitJob(input, CONTEXT),
      (thrown) => (thrown instanceof AdmissionError && said.test(thrown.message)) || fail(thrown, said),
    ));
}

const LATER: readonly (readonly [block: string, input: unknown])[] = [
  ['block "multiregion"', job({ Multiregion: {} })],
  ['block "volume"', group({ Volumes: { data: { Type: "host" } } })],
  ['block "volume_mount"', task({ VolumeMounts: [{ Volume: "data" }] })],
  ['block "artifact"', task({ Artifacts: [{ GetterSource: "http://x" }] })],
  ['block "csi_plugin"', task({ CSIPluginConfig: { ID: "x" } })],
  ['block "schedule"', task({ Schedule: {} })],
];
for (const [block, input] of LATER) {
  test(`refused by name, with what can be done today: ${block} in ${JSON.stringify(input).slice(0, 90)}`, () => {
    assert.throws(
      () => admitJob(input, CONTEXT),
      (thrown) => {
        assert.ok(thrown instanceof AdmissionError);
        assert.equal(thrown.problems.length, 1, thrown.message);
        assert.match(
          thrown.message,
          new RegExp(`: ${block.replaceAll(/[".]/g, "\\$&")} is not supported by this version of Drover yet: .{10,}`),
        );
        return true;
      },
    );
  });
}

test("a default identity, host networking and numa = none are what everybody has, and pass", () => {
  const input = {
    ...network({ Mode: "host" }),
    TaskGroups: [
      {
        Name: "g",
        Networks: [{ Mode: "host" }],
        Tasks: [
          {
            Name: "t",
            Driver: "exec",
            Identity: { Name: "default", Audience: ["nomadproject.io"] },
            Resources: { NUMA: { Affinity: "none" } },
          },
        ],
      },
    ],
  };
  assert.deepEqual(admitJob(input, CONTEXT).warnings, []);
});

test("Go's way of writing expressions is understood", () => {
  admitJob(constraint("${attr.x}", "regexp", "(?i)^(?P<n>lin)ux$"), CONTEXT);
  admitJob(constraint("${attr.x}", "version", ">= 1.2.0-beta1, < 2"), CONTEXT);
  admitJob(constraint("${attr.x}", "version", "~> 1.2"), CONTEXT);
  admitJob(constraint("${attr.x}", "regexp", "${meta.pattern}"), CONTEXT);
});

function fail(thrown: unknown, said: RegExp): never {
  throw new assert.AssertionError({ message: `said ${JSON.stringify(String(thrown))}, expected ${said}` });
}
