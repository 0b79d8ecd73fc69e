import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AdmissionError, admitJob, parseJob } from "#jobspec";
import { Job, type TaskGroup, fieldsOf } from "#model";
import { testScale } from "../../../scale.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const SECOND = 1_000_000_000;

const minimal = (group: object = {}, job: object = {}) => ({
  ID: "hello",
  TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec", Config: { command: "/bin/true" } }], ...group }],
  ...job,
});
const admit = (input: unknown) => admitJob(input, CONTEXT);
const firstGroup = (input: unknown) => admit(input).job.TaskGroups[0] as TaskGroup;

test("a minimal job comes out with every field present and the field's defaults", () => {
  const { job, warnings } = admit(minimal());
  assert.deepEqual(
    Object.keys(job),
    fieldsOf(Job).map(([name]) => name),
  );
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    [job.Name, job.Namespace, job.Region, job.Type, job.Priority, job.Datacenters, job.NodePool],
    ["hello", "default", "global", "service", 50, ["*"], "default"],
  );
  const group = job.TaskGroups[0] as TaskGroup;
  assert.equal(group.Count, 1);
  assert.deepEqual(group.EphemeralDisk, { Sticky: false, Migrate: false, SizeMB: 300 });
  assert.deepEqual(group.RestartPolicy, { Attempts: 2, Interval: 1800 * SECOND, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false });
  assert.deepEqual(group.Tasks[0]?.RestartPolicy, group.RestartPolicy);
  assert.equal(group.Update?.ProgressDeadline, 600 * SECOND);
  assert.equal(group.Migrate?.MaxParallel, 1);
  assert.equal(group.ReschedulePolicy?.Unlimited, true);
  assert.equal(group.Tasks[0]?.KillTimeout, 5 * SECOND);
  assert.equal(group.Tasks[0]?.Resources?.CPU, 100);
  assert.equal(group.Tasks[0]?.Resources?.MemoryMB, 300);
});

test("a batch job has batch's policies and no update or migrate", () => {
  const group = firstGroup(minimal({}, { Type: "batch" }));
  assert.equal(group.RestartPolicy?.Attempts, 3);
  assert.equal(group.RestartPolicy?.Interval, 86_400 * SECOND);
  assert.deepEqual(group.ReschedulePolicy, {
    Attempts: 1,
    Interval: 86_400 * SECOND,
    Delay: 5 * SECOND,
    DelayFunction: "constant",
    MaxDelay: 0,
    Unlimited: false,
  });
  assert.deepEqual([group.Update, group.Migrate], [null, null]);
});

test("policies merge inwards, field by field: job to group, group to task", () => {
  const group = firstGroup(
    minimal(
      {
        Update: { MaxParallel: 3 },
        RestartPolicy: { Attempts: 7, Delay: SECOND },
        Tasks: [{ Name: "t", Driver: "exec", RestartPolicy: { Attempts: 1 } }],
      },
      { Update: { MaxParallel: 2, Canary: 1 } },
    ),
  );
  assert.deepEqual([group.Update?.MaxParallel, group.Update?.Canary, group.Update?.HealthCheck], [3, 1, "checks"]);
  assert.deepEqual([group.Tasks[0]?.RestartPolicy?.Attempts, group.Tasks[0]?.RestartPolicy?.Delay], [1, SECOND]);
});

test("a payload rule that a client leaves empty is the default", () => {
  const { job } = admit(minimal({}, { Type: "batch", ParameterizedJob: { Payload: "" } }));
  assert.equal(job.ParameterizedJob?.Payload, "optional");
});

test("count falls back to scaling's min", () => {
  assert.equal(firstGroup(minimal({ Scaling: { Min: 2, Max: 4 } })).Count, 2);
});

test("names in another case, nulls and unknown fields are read as Go's JSON reads them", () => {
  const { job } = admit({
    id: "hello",
    Datacenters: null,
    Wat: 1,
    taskgroups: [{ name: "g", tasks: [{ name: "t", driver: "exec", LogConfig: { Enabled: null } }] }],
  });
  assert.equal(job.ID, "hello");
  assert.equal(job.TaskGroups[0]?.Tasks[0]?.Driver, "exec");
  assert.ok(!("Wat" in job));
});

test("what only servers set is cleared, tokens of the caller's environment are dropped", () => {
  const { job } = admit(
    minimal({}, { Version: 9, ModifyIndex: 4, Status: "running", Stable: true, ConsulToken: "s3cret", VaultToken: "s3cret" }),
  );
  assert.deepEqual([job.Version, job.ModifyIndex, job.Status, job.Stable, job.ConsulToken, job.VaultToken], [0, 0, "", false, "", ""]);
});

test("network inside a task's resources becomes the group's, ports sorted by kind", () => {
  const { job, warnings } = admit(
    minimal({
      Tasks: [
        { Name: "t", Driver: "exec", Resources: { Networks: [{ DynamicPorts: [{ Label: "http", Value: 5678 }, { Label: "rpc" }] }] } },
      ],
    }),
  );
  const group = job.TaskGroups[0] as TaskGroup;
  assert.deepEqual(
    group.Networks[0]?.ReservedPorts.map((port) => [port.Label, port.Value, port.HostNetwork]),
    [["http", 5678, "default"]],
  );
  assert.deepEqual(
    group.Networks[0]?.DynamicPorts.map((port) => port.Label),
    ["rpc"],
  );
  assert.deepEqual(group.Tasks[0]?.Resources?.Networks, []);
  assert.match(warnings.join(), /Task "t" of group "g": network inside resources is deprecated/);
});

test("an old job file is parsed and admitted: network in resources, a quoted static port", () => {
  const text = `
    job "hello" {
      datacenters = ["dc1"]
      group "example" {
        task "server" {
          driver = "exec"
          kill_signal = "SIGINT"
          config {
            command = "/bin/http-echo"
            args    = ["-listen", ":5678", "-text", "hello world"]
          }
          resources {
            network {
              mbits = 10
              port "http" { static = "5678" }
            }
          }
        }
      }
    }`;
  const { job } = admit(parseJob({ text, fileName: "hey.nomad", allowFileFunctions: false }).job);
  const group = job.TaskGroups[0] as TaskGroup;
  assert.deepEqual([job.ID, job.Datacenters, group.Name], ["hello", ["dc1"], "example"]);
  assert.deepEqual(
    group.Networks[0]?.ReservedPorts.map((port) => [port.Label, port.Value]),
    [["http", 5678]],
  );
  assert.deepEqual(group.Tasks[0]?.Config, { command: "/bin/http-echo", args: ["-listen", ":5678", "-text", "hello world"] });
});

test("a kill signal is implied as a constraint, once", () => {
  const input = minimal({
    Tasks: [
      { Name: "a", Driver: "exec", KillSignal: "SIGUSR1" },
      { Name: "b", Driver: "exec", KillSignal: "SIGHUP" },
    ],
  });
  const once = admit(input).job;
  assert.deepEqual(once.TaskGroups[0]?.Constraints, [
    { LTarget: "${attr.os.signals}", RTarget: "SIGHUP,SIGUSR1", Operand: "set_contains" },
  ]);
  assert.deepEqual(admit(once).job, once);
});

test("memory_max is warned of only where the job's node pool does not oversubscribe memory", () => {
  const input = minimal({ Tasks: [{ Name: "t", Driver: "exec", Resources: { MemoryMB: 100, MemoryMaxMB: 200 } }] });
  assert.match(admit(input).warnings.join(), /Task "t" of group "g": memory oversubscription is not enabled/);
  const memoryOversubscription = (pool: string) => pool === "large";
  assert.deepEqual(admitJob({ ...input, NodePool: "large" }, { ...CONTEXT, memoryOversubscription }).warnings, []);
  assert.equal(admitJob(input, { ...CONTEXT, memoryOversubscription }).warnings.length, 1);
});

test("a job that says nothing gets no warnings, also when a client has filled in every default", () => {
  assert.deepEqual(admit(admit(minimal()).job).warnings, []);
});

test("the old fields about disconnected nodes become the block, with a warning each; admitting again changes nothing", () => {
  const { job, warnings } = admit(minimal({ MaxClientDisconnect: 60 * SECOND, PreventRescheduleOnLost: true }));
  const group = job.TaskGroups[0] as TaskGroup;
  assert.deepEqual(group.Disconnect, { LostAfter: 60 * SECOND, StopOnClientAfter: null, Replace: false, Reconcile: "best_score" });
  assert.deepEqual([group.MaxClientDisconnect, group.PreventRescheduleOnLost], [null, null]);
  assert.match(warnings.join("\n"), /max_client_disconnect is deprecated: write disconnect \{ lost_after = … \}/);
  assert.match(warnings.join("\n"), /prevent_reschedule_on_lost is deprecated/);
  assert.deepEqual(admit(job), { job, warnings: [] });
  assert.equal(firstGroup(minimal({ Disconnect: { LostAfter: SECOND } })).Disconnect?.Replace, true);
});

test("whole cores leave cpu to the node", () => {
  const group = firstGroup(minimal({ Tasks: [{ Name: "t", Driver: "exec", Resources: { Cores: 2 } }] }));
  assert.deepEqual([group.Tasks[0]?.Resources?.CPU, group.Tasks[0]?.Resources?.Cores], [0, 2]);
});

for (const [type, restart, has] of [
  ["service", 2, ["update", "migrate", "reschedule"]],
  ["batch", 3, ["reschedule"]],
  ["system", 2, ["update"]],
  ["sysbatch", 3, []],
] as const) {
  test(`a ${type} job has the policies of its type and no others`, () => {
    const group = firstGroup(minimal({}, { Type: type }));
    assert.equal(group.RestartPolicy?.Attempts, restart);
    const policies = { update: group.Update, migrate: group.Migrate, reschedule: group.ReschedulePolicy };
    assert.deepEqual(
      Object.entries(policies).flatMap(([name, policy]) => (policy === null ? [] : [name])),
      has,
    );
  });
}

test("warned of, not refused: the old cron, auto_promote for some groups only", () => {
  const { warnings } = admit(minimal({}, { Type: "batch", Periodic: { Spec: "@daily" } }));
  assert.match(warnings.join(), /periodic cron is deprecated: write crons/);
  const group = (Name: string, AutoPromote: boolean) => ({
    Name,
    Update: { Canary: 1, AutoPromote },
    Tasks: [{ Name: "t", Driver: "exec" }],
  });
  assert.match(
    admit({ ID: "j", TaskGroups: [group("a", true), group("b", false)] }).warnings.join(),
    /auto_promote is set for some groups/,
  );
  assert.deepEqual(admit({ ID: "j", TaskGroups: [group("a", true), group("b", true)] }).warnings, []);
});

test("a job marked as stopped is admitted as such, and says so", () => {
  const { job, warnings } = admit(minimal({}, { Stop: true }));
  assert.equal(job.Stop, true);
  assert.match(warnings.join(), /registered as stopped/);
});

test("all problems are reported at once, each with its place in words and as a path", () => {
  const thrown = refused({ ID: "a b", TaskGroups: [{ Name: "g", Count: "3", Tasks: [{ Name: "web" }] }] });
  assert.deepEqual(thrown.problems, [
    'Group "g": count: expected a whole number, got the text "3" (TaskGroups[0].Count)',
    'Job "a b": ID contains a space or a control character (ID)',
    'Task "web" of group "g": driver is missing: for example driver = "exec" (TaskGroups[0].Tasks[0].Driver)',
  ]);
  assert.equal(thrown.code, "JOB_INVALID");
  assert.equal(thrown.statusCode, 400);
  assert.match(thrown.message, /^Cannot admit job "a b": 3 problems\n {2}\* Group "g"/);
});

test("a field of the wrong type is reported once, not again by the checks of its value", () => {
  assert.deepEqual(refused(minimal({ Tasks: [{ Name: "t", Driver: 5 }] })).problems.length, 1);
  assert.deepEqual(refused({ ID: "x", TaskGroups: {} }).problems.length, 1);
});

test("numbers where text belongs are never shown: they may be secrets", () => {
  assert.doesNotMatch(refused(minimal({ Tasks: [{ Name: "t", Driver: "exec", Env: { PASSWORD: 123456 } }] })).message, /123456/);
});

test("free content keeps its types, a key named __proto__ does no harm, and nesting is bounded", () => {
  const config = JSON.parse('{"n": 1, "b": true, "l": [1, {"x": null}], "__proto__": {"polluted": 1}}') as object;
  const task = admit(minimal({ Tasks: [{ Name: "t", Driver: "exec", Config: config }] })).job.TaskGroups[0]?.Tasks[0];
  assert.deepEqual(JSON.stringify(task?.Config), JSON.stringify(config));
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  const deep = JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`) as object;
  assert.match(refused(minimal({ Tasks: [{ Name: "t", Driver: "exec", Config: deep }] })).message, /at most 64 levels of nesting/);
});

test("admitting what was admitted changes nothing", () => {
  const rich = minimal(
    {
      Count: 3,
      Scaling: { Max: 5 },
      Networks: [{ DynamicPorts: [{ Label: "p", Value: 80 }] }],
      Constraints: [{ LTarget: "${attr.x}", RTarget: "1" }],
    },
    { Meta: { a: "1" }, Update: { MaxParallel: 2 } },
  );
  const once = admit(rich).job;
  assert.deepEqual(admit(JSON.parse(JSON.stringify(once))).job, once);
});

test("the input is not changed and shares nothing with the result", () => {
  const input = Object.freeze(minimal({ Tasks: [Object.freeze({ Name: "t", Driver: "exec", Config: Object.freeze({ args: ["a"] }) })] }));
  const before = JSON.stringify(input);
  const { job } = admit(input);
  job.TaskGroups[0]?.Tasks.splice(0);
  job.Datacenters.push("x");
  assert.equal(JSON.stringify(input), before);
  assert.deepEqual(admit(input).job.Datacenters, ["*"]);
});

test("whatever JSON comes in, it is admitted or refused with an AdmissionError", () => {
  const names = fc.constantFrom(
    "ID",
    "Name",
    "TaskGroups",
    "Tasks",
    "Driver",
    "Config",
    "Count",
    "Networks",
    "DynamicPorts",
    "Update",
    "Constraints",
    "Resources",
    "__proto__",
    "Meta",
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.constantFrom(null, "x", "", 0, 1.5, -1, true, 1e300),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(names, tie("value"), { maxKeys: 6 }),
    ),
  })).value;
  fc.assert(
    fc.property(json, (input) => {
      try {
        const { job } = admit(input);
        assert.deepEqual(admit(job).job, job);
      } catch (thrown) {
        if (!(thrown instanceof AdmissionError)) throw thrown;
        assert.ok(thrown.problems.length > 0);
      }
    }),
    { numRuns: Math.ceil(300 * testScale()) },
  );
});

function refused(input: unknown): AdmissionError {
  try {
    admit(input);
  } catch (thrown) {
    assert.ok(thrown instanceof AdmissionError);
    return thrown;
  }
  throw new assert.AssertionError({ message: "expected an AdmissionError" });
}
