import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spawnSync } from "node:child_process";
import { sessionLaunch, spawnRequest, splitEnvironment, type Launch } from "../../../../integrations/host/raw-exec/script.ts";
import { allowedEnvironment, readRawExecConfig } from "../../../../integrations/host/raw-exec/config.ts";
import { testScale } from "../../../scale.ts";

const launch: Launch = {
  id: "a.web.0",
  recordDirectory: "/state/a.web.0",
  cgroupProcs: ["/sys/fs/cgroup/x/cgroup.procs"],
  workDirectory: "/task",
  stdoutPath: "/out",
  stderrPath: "/err",
  oomScoreAdjust: undefined,
  becomeUser: [],
  command: "/bin/echo",
  words: ["hi"],
  environment: {},
  tools: { setsid: true, bash: "/bin/bash" },
};

test("no variable and no word of the task stands on the supervisor's command line, and none reaches its own environment", () => {
  const environment = { TOKEN: "s3cr3t", LD_PRELOAD: "/evil.so", BASH_ENV: "/evil", IFS: "s3cr3t" };
  for (const becomeUser of [[], ["setpriv", "--reuid=1"]]) {
    const request = spawnRequest({ ...launch, becomeUser, command: "/bin/s3cr3t", words: ["--password=s3cr3t"], environment });
    assert.ok(!request.words.some((word) => word.includes("s3cr3t") || word.includes("evil")));
    assert.deepEqual(Object.keys(request.environment), ["PATH"]);
    const session = sessionLaunch({ procs: [], workDirectory: "/", becomeUser, environment, command: ["/bin/s3cr3t"], bash: undefined });
    assert.ok(!session.words.some((word) => word.includes("s3cr3t") || word.includes("evil")));
  }
});

test("names no shell can assign go through bash where there is one, through env(1) elsewhere", () => {
  const environment = { "NOMAD_PORT_my-label": "8080", A: "1" };
  const withBash = spawnRequest({ ...launch, environment });
  assert.equal(withBash.command, "/bin/bash");
  assert.equal(withBash.environment["NOMAD_PORT_my-label"], "8080");
  const without = spawnRequest({ ...launch, environment, tools: { setsid: true, bash: undefined } });
  assert.equal(without.command, "/bin/sh");
  assert.match(without.environmentScript, /^set -- '\/usr\/bin\/env' 'NOMAD_PORT_my-label=8080' '\/bin\/echo' 'hi'$/m);
});

test("a function that comes as a variable never reaches bash", () => {
  const { odd, special } = splitEnvironment({ "BASH_FUNC_exec%%": "() { evil; }" });
  assert.deepEqual([Object.keys(odd), Object.keys(special)], [[], ["BASH_FUNC_exec%%"]]);
});

test("whatever a value holds, the shell takes it as it is", () => {
  const value = fc.string({ unit: "binary", maxLength: 60 }).filter((text) => !text.includes("\0") && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
      const environment = Object.fromEntries(values.map((each, index) => [`V${index}`, each]));
      const script = spawnRequest({
        ...launch,
        environment,
        command: "/usr/bin/printf",
        words: [String.raw`%s\0`, ...values],
      }).environmentScript;
      const ran = (then: string): string =>
        spawnSync("/bin/sh", ["-c", `eval "$(cat)"; ${then}`], { input: script, env: {} }).stdout.toString();
      const told = ran("exec /usr/bin/env -0").split("\0");
      for (const [name, each] of Object.entries(environment)) assert.ok(told.includes(`${name}=${each}`), JSON.stringify(each));
      assert.equal(ran('exec "$@"'), values.map((each) => `${each}\0`).join(""));
    }),
    { numRuns: Math.round(25 * testScale()) },
  );
});

test("cgroups of the operator's are read as a map or a list of maps, a missing command is refused", () => {
  assert.equal(readRawExecConfig({ command: "x", cgroup_v2_override: "/x" }).cgroupV2, "/x");
  assert.deepEqual(readRawExecConfig({ command: "x", cgroup_v1_override: { pids: "/x" } }).cgroupsV1, { pids: "/x" });
  assert.deepEqual(readRawExecConfig({ command: "x", cgroup_v1_override: [{ pids: "/x" }, { cpu: "/y" }] }).cgroupsV1, {
    pids: "/x",
    cpu: "/y",
  });
  assert.throws(() => readRawExecConfig({}), { code: "DRIVER_TASK_INVALID" });
});

test("denied variables are names or patterns", () => {
  assert.deepEqual(allowedEnvironment({ AWS_KEY: "1", AWS: "2", "a.b": "3", aXb: "4" }, ["AWS_*", "a.b"]), { AWS: "2", aXb: "4" });
});
