/** What a job file means beyond its keys: conversions, shorthands, inheritance, dynamic blocks, variables. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JobFileError, parseJob, type ParseRequest } from "#jobspec";

/** JSON one can walk into without asking; what is there is compared, not trusted. */
interface Plain {
  readonly [key: string | number]: Plain;
}

function jobOf(text: string, given: Partial<ParseRequest> = {}): Plain {
  try {
    return parseJob({ text, fileName: "job.nomad", allowFileFunctions: false, ...given }).job as unknown as Plain;
  } catch (thrown) {
    if (thrown instanceof JobFileError) assert.fail(thrown.message);
    throw thrown;
  }
}
function mistakesOf(text: string, given: Partial<ParseRequest> = {}): string[] {
  try {
    parseJob({ text, fileName: "job.nomad", allowFileFunctions: false, ...given });
  } catch (thrown) {
    assert.ok(thrown instanceof JobFileError);
    return thrown.diagnostics.map((each) => each.summary);
  }
  return [];
}
const inTask = (text: string): Plain =>
  jobOf(`job "j" {\n group "g" {\n task "t" {\n${text}\n}\n}\n}`)["TaskGroups"]?.[0]?.["Tasks"]?.[0] as Plain;
const inJob = (text: string): Plain => jobOf(`job "j" {\n${text}\n}`);

describe("values are converted where the language converts them", () => {
  test("numbers in quotes, as old files write them", () => {
    const job = inJob('priority = "70"\nall_at_once = "true"\ngroup "g" {\n count = "3"\n}');
    assert.equal(job["Priority"], 70);
    assert.equal(job["AllAtOnce"], true);
    assert.equal(job["TaskGroups"]?.[0]?.["Count"], 3);
  });
  test("numbers and booleans where text is wanted", () => {
    assert.deepEqual(inTask("env {\n A = 1\n B = true\n C = 1.50\n}")["Env"], { A: "1", B: "true", C: "1.5" });
    assert.equal(inTask("service {\n port = 8080\n}")["Services"]?.[0]?.["PortLabel"], "8080");
  });
  test("durations as text and as nanoseconds", () => {
    assert.equal(inTask('kill_timeout = "1h2m3.5s"')["KillTimeout"], 3_723_500_000_000);
    assert.equal(inTask("kill_timeout = 5000000000")["KillTimeout"], 5e9);
  });
  test("null is as good as not written", () => {
    assert.deepEqual(inJob("priority = null"), { ID: "j", Name: "j" });
  });
  test("a static port may be text, in the group and in resources", () => {
    assert.deepEqual(
      inTask('resources {\n network {\n port "http" {\n static = "5678"\n}\n}\n}')["Resources"]?.["Networks"]?.[0]?.["ReservedPorts"],
      [{ Label: "http", Value: 5678 }],
    );
  });
});

test("ports with a number are a list of their own, and scaling of a task is vertical, as other tools read the JSON", () => {
  const { job } = parseJob({
    text: `job "j" {
  group "g" {
    network {
      port "any" {}
      port "fixed" {
        static = 80
      }
    }
    task "t" {
      scaling "cpu" {
        max = 3
      }
    }
  }
}`,
    fileName: "j.nomad",
    allowFileFunctions: false,
  });
  const [group] = job["TaskGroups"] as { Networks: unknown; Tasks: { ScalingPolicies: unknown }[] }[];
  assert.deepEqual(group?.Networks, [{ DynamicPorts: [{ Label: "any" }], ReservedPorts: [{ Label: "fixed", Value: 80 }] }]);
  assert.deepEqual(group?.Tasks[0]?.ScalingPolicies, [{ Type: "vertical_cpu", Max: 3 }]);
});

describe("vault and secret are inherited", () => {
  const text = `job "j" {
    vault {
      role = "job"
    }
    secret "s" {
      path = "job"
    }
    group "one" {
      vault {
        role = "group"
      }
      task "a" {}
      task "b" {
        vault {
          role = "task"
        }
        secret "s" {
          path = "task"
        }
      }
    }
    group "two" {
      task "c" {}
    }
  }`;
  test("by tasks that have none, the nearest first", () => {
    const groups = jobOf(text)["TaskGroups"] as unknown as Plain[];
    const tasks = groups.flatMap((group) => group["Tasks"] as unknown as Plain[]);
    assert.deepEqual(
      tasks.map((task) => [task["Name"], task["Vault"]?.["Role"], (task["Secrets"] as unknown as Plain[]).map((each) => each["Path"])]),
      [
        ["a", "group", ["job"]],
        ["b", "task", ["task"]],
        ["c", "job", ["job"]],
      ],
    );
  });
  test("and leave nothing on the job or the group", () => {
    const job = jobOf(text);
    assert.deepEqual(Object.keys(job).sort(), ["ID", "Name", "TaskGroups"]);
    assert.deepEqual(Object.keys(job["TaskGroups"]?.[0] ?? {}).sort(), ["Name", "Tasks"]);
  });
});

describe("constraint shorthands", () => {
  for (const operator of ["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"]) {
    test(`${operator} = … is its operator and its value`, () => {
      const job = inJob(`constraint {\n attribute = "\${attr.x}"\n ${operator} = "v"\n}`);
      assert.deepEqual(job["Constraints"], [{ LTarget: "${attr.x}", Operand: operator, RTarget: "v" }]);
    });
  }
  test("distinct_hosts may be quoted, distinct_property names the attribute", () => {
    assert.deepEqual(inJob('constraint {\n distinct_hosts = "true"\n}')["Constraints"], [{ Operand: "distinct_hosts", RTarget: "true" }]);
    assert.deepEqual(inJob('constraint {\n distinct_property = "${meta.rack}"\n}')["Constraints"], [
      { Operand: "distinct_property", LTarget: "${meta.rack}" },
    ]);
  });
});

describe("driver config is free", () => {
  test("blocks become lists of maps, labels maps around them", () => {
    const { Config } = inTask(
      'config {\n port_map {\n db = 1\n}\n m "a" {\n x = 1\n}\n m "a" {\n x = 2\n}\n labels = {\n "a.b" = "c"\n}\n}',
    );
    assert.deepEqual(Config, { port_map: [{ db: 1 }], m: [{ a: [{ x: 1 }] }, { a: [{ x: 2 }] }], labels: [{ "a.b": "c" }] });
  });
  test("an object written out is what a block would be, a map that is computed or inside a list stays one", () => {
    const { Config } = inTask(
      "config {\n a = { b = { c = 1 } }\n d = merge({ e = 1 })\n f = ({ g = 1 })\n h = [{ i = 1 }]\n j {\n k = {}\n}\n}",
    );
    assert.deepEqual(Config, { a: [{ b: { c: 1 } }], d: { e: 1 }, f: { g: 1 }, h: [{ i: 1 }], j: [{ k: [{}] }] });
  });
  test("a key named __proto__ is a key like any other", () => {
    const { Config } = inTask("config {\n __proto__ = { polluted = true }\n}");
    assert.deepEqual(Object.keys(Config ?? {}), ["__proto__"]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
});

describe("variables", () => {
  const text = 'variable "v" {\n type = string\n default = "default"\n}\njob "j" {\n region = var.v\n}';
  const files = [
    { name: "one", text: 'v = "file one"' },
    { name: "two", text: 'v = "file two"' },
  ];
  const environment = { NOMAD_VAR_v: "environment", NOMAD_VAR_other: "ignored" };

  test("default < environment < files in order < -var in order", () => {
    assert.equal(jobOf(text)["Region"], "default");
    assert.equal(jobOf(text, { environment })["Region"], "environment");
    assert.equal(jobOf(text, { environment, variableFiles: files })["Region"], "file two");
    assert.equal(jobOf(text, { environment, variableFiles: files, variables: ["v=one", "v=two"] })["Region"], "two");
  });
  test("text, numbers and untyped values are taken literally; the rest is read as an expression", () => {
    const typed = (type: string, value: string): unknown =>
      JSON.parse(
        String(
          jobOf(`variable "v" {\n ${type}\n}\njob "j" {\n meta = { v = jsonencode(var.v) }\n}`, { variables: [`v=${value}`] })["Meta"]?.[
            "v"
          ],
        ),
      );
    assert.equal(typed("type = string", '"quoted" = x'), '"quoted" = x');
    assert.equal(typed("type = number", "5"), 5);
    assert.equal(typed("", "[1]"), "[1]");
    assert.deepEqual(typed("type = list(string)", '["a", 1]'), ["a", "1"]);
    assert.deepEqual(typed("default = [1]", '["a", 2]'), ["a", 2]);
    assert.deepEqual(typed("type = map(number)", '{a = "1"}'), { a: 1 });
    assert.equal(typed("type = bool", "true"), true);
  });
  test("a variable file may be JSON", () => {
    assert.equal(jobOf(text, { variableFiles: [{ name: "x.json", text: '{"v": "json"}' }] })["Region"], "json");
  });
  test("an undeclared one is a mistake, or a warning when lenient", () => {
    assert.deepEqual(mistakesOf(text, { variables: ["w=1"] }), ['Variable "w" is given by -var but not declared']);
    const { warnings } = parseJob({ text, fileName: "f", allowFileFunctions: false, variables: ["w=1"], strict: false });
    assert.equal(warnings[0]?.severity, "warning");
  });
  test("a value that came from outside is not shown", () => {
    try {
      jobOf('variable "n" {\n type = number\n}\njob "j" {}', { variables: ["n=hunter2"] });
      assert.fail("a mistake was expected");
    } catch (thrown) {
      assert.ok(!(thrown as Error).message.includes("hunter2"));
    }
  });
});

describe("JobFileError", () => {
  test("has a code, a status, the diagnostics, and a message with all of them", () => {
    try {
      parseJob({ text: 'job "j" {\n  a = 1\n  b = 2\n}', fileName: "job.nomad", allowFileFunctions: false });
      assert.fail("a mistake was expected");
    } catch (thrown) {
      assert.ok(thrown instanceof JobFileError);
      assert.equal(thrown.code, "JOB_FILE_INVALID");
      assert.equal(thrown.statusCode, 400);
      assert.deepEqual(
        thrown.diagnostics.map((each) => each.start),
        [
          { file: "job.nomad", line: 2, column: 3 },
          { file: "job.nomad", line: 3, column: 3 },
        ],
      );
      assert.match(thrown.message, /^job\.nomad:2:3: .*\n\s+2 \|   a = 1\n/);
      assert.match(thrown.message, /\njob\.nomad:3:3: /);
    }
  });
});

describe("a set has no positions: its items are their own keys", () => {
  const variable = 'variable "names" {\n type = set(string)\n default = ["b", "a", "b"]\n}\n';
  test("in dynamic blocks", () => {
    const text = `${variable}job "j" {\n dynamic "group" {\n for_each = var.names\n labels = [group.key]\n content {\n count = 1\n}\n}\n}`;
    assert.deepEqual(jobOf(text)["TaskGroups"], [
      { Name: "a", Count: 1 },
      { Name: "b", Count: 1 },
    ]);
  });
  test("in for expressions, and there is no first one", () => {
    assert.deepEqual(jobOf(`${variable}job "j" {\n meta = { for k, v in var.names : k => v }\n}`)["Meta"], { a: "a", b: "b" });
    assert.deepEqual(mistakesOf(`${variable}job "j" {\n region = var.names[0]\n}`), ["A set has no positions"]);
  });
});
