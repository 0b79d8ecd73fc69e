/** From what admission says of a job to the place in its file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionError, admitJob, parseJob } from "#jobspec";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const TEXT = `job "web" {
  update {
    canary = -1
  }
  task "alone" {
    driver = "exec"
  }
  group "g" {
    network {
      port "http" {}
      port "https" {
        to = 70000
      }
    }
    restart {
      mode = "often"
    }
    task "t" {
      env {
        A = "x"
      }
      constraint {
        operator = "is"
      }
      constraint {
        attribute = "a"
        operator  = "~"
      }
    }
    volume "data" {
      type = "host"
    }
  }
}
`;
const { job, placeOf } = parseJob({ text: TEXT, fileName: "web.nomad.hcl", allowFileFunctions: false });
const lineOf = (path: string) => placeOf(path)?.start.line;

for (const [path, line] of [
  ["", 1],
  ["Priority", 1],
  ["TaskGroups[0].Tasks[0].Driver", 6],
  ["TaskGroups[1].Count", 8],
  ["TaskGroups[1].Update.Canary", 3],
  ["TaskGroups[0].Update.Canary", 3],
  ["TaskGroups[1].Networks", 9],
  ['TaskGroups[1].Networks[0].DynamicPorts["https"].To', 12],
  ['TaskGroups[1].Networks[0].ReservedPorts["http"].Value', 10],
  ["TaskGroups[1].RestartPolicy.Mode", 16],
  ["TaskGroups[1].Tasks[0].RestartPolicy.Mode", 16],
  ["TaskGroups[1].Tasks[0].Driver", 18],
  ['TaskGroups[1].Tasks[0].Env["A"]', 19],
  ["TaskGroups[1].Tasks[0].Constraints[1]", 25],
  ["TaskGroups[1].Tasks[0].Constraints[1].Operand", 27],
  ['TaskGroups[1].Volumes["data"].Type', 31],
  ["TaskGroups[7].Tasks[9]", 8],
] as const) {
  test(`"${path}" was written on line ${line}`, () => assert.equal(lineOf(path), line));
}

test("everything admission says of a job file is found in it", () => {
  try {
    admitJob(job, CONTEXT);
    assert.fail("it was admitted");
  } catch (thrown) {
    assert.ok(thrown instanceof AdmissionError);
    const paths = thrown.problems.map((each) => /\(([^()]+)\)$/.exec(each)?.[1]);
    assert.ok(paths.length >= 5);
    for (const path of paths) assert.ok((placeOf(path ?? "")?.start.line ?? 1) > 1, String(path));
  }
});

test("variables that the environment gave are named, not those a file or a flag gave instead", () => {
  const text = ["a", "b", "c"].map((name) => `variable "${name}" {}\n`).join("") + 'job "j" {}';
  const { environmentVariables } = parseJob({
    text,
    fileName: "x",
    allowFileFunctions: false,
    environment: { NOMAD_VAR_a: "1", NOMAD_VAR_b: "2", NOMAD_VAR_c: "3", NOMAD_VAR_d: "4", HOME: "/" },
    variableFiles: [{ name: "f", text: "b = 5" }],
    variables: ["c=6"],
  });
  assert.deepEqual(environmentVariables, { a: "1" });
});

test("a policy that a group has from its job is found there", () => {
  const text = 'job "j" {\n  reschedule {\n    delay = "1s"\n  }\n  group "g" {\n    task "t" {}\n  }\n}\n';
  const { placeOf } = parseJob({ text, fileName: "x", allowFileFunctions: false });
  assert.deepEqual(placeOf("TaskGroups[0].ReschedulePolicy.Delay")?.start, { file: "x", line: 3, column: 5 });
});

test("blocks of vault and secret that a task has from its job or group were written there", () => {
  const text = `job "j" {
  vault {
    role = "r"
  }
  secret "s" {
    provider = "vault"
    config {
      a = "b"
    }
  }
  group "g" {
    secret "of-group" {
      path = "p"
    }
    task "t" {}
    task "u" {
      vault {}
      secret "s" {}
    }
  }
  task "alone" {}
}
`;
  const found = parseJob({ text, fileName: "x", allowFileFunctions: false }).placeOf;
  for (const [path, line] of [
    ["TaskGroups[1].Tasks[0].Vault", 2],
    ["TaskGroups[1].Tasks[0].Vault.Role", 3],
    ["TaskGroups[1].Tasks[0].Secrets[0].Provider", 6],
    ["TaskGroups[1].Tasks[0].Secrets[1].Path", 13],
    ["TaskGroups[1].Tasks[1].Vault", 17],
    ["TaskGroups[1].Tasks[1].Secrets[1]", 18],
    ["TaskGroups[0].Tasks[0].Secrets[0].Provider", 6],
  ] as const)
    assert.equal(found(path)?.start.line, line, path);
});
