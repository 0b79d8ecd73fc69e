/** raw_exec as a task sees it. The user and cgroup parts need root. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { rawExecDriver } from "#integrations/host";
import { eventually } from "../eventually.ts";
import { taskStart } from "../conformance/driver.ts";
import { processesWith } from "../conformance/driver-exec.ts";
import { groupsOf, hostWorld } from "../conformance/host-world.ts";
import { checkDriver, runOnce, type DriverCheck } from "./driver-check.ts";

const ID = "11111111-2222-3333-4444-555555555555.web.0";
const shell = (text: string) => ({ command: "/bin/sh", args: ["-c", text] });

const check = (sentence: string, body: DriverCheck) =>
  checkDriver(`raw_exec: ${sentence}`, "none", (stateDirectory) => rawExecDriver({ stateDirectory, enabled: true }), body);

const run = runOnce(ID);

const runs = (pid: number) => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

const ENVIRONMENT = {
  PATH: "/usr/bin:/bin",
  TOKEN: 'it\'s $(a) "secret"\nof two lines',
  "NOMAD_PORT_my-label": "8080",
  EMPTY: "",
  PWD: "/given",
  OPTIND: "odd",
};

for (const user of ["", "nobody"]) {
  check(`the environment is exactly the given one (user "${user}")`, async (world, driver) => {
    const { text } = await run(world, driver, { command: "env", args: ["-0"] }, { environment: ENVIRONMENT, user });
    assert.deepEqual(
      text.split("\0").slice(0, -1).toSorted(),
      Object.entries(ENVIRONMENT)
        .map(([name, value]) => `${name}=${value}`)
        .toSorted(),
    );
    const none = await run(world, driver, { command: "/usr/bin/env" }, { environment: {}, user });
    assert.equal(none.text, "");
  });
}

check("nothing of the environment can be seen on a command line, or in a file", async (world, driver) => {
  const secret = `secret-${process.pid}-${Date.now()}`;
  const handle = await driver.start(taskStart(world, ID, shell("sleep 1000"), { environment: { PATH: "/bin", TOKEN: secret } }));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      assert.ok(!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(secret));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
  for (const entry of readdirSync(world.directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) assert.ok(!readFileSync(`${entry.parentPath}/${entry.name}`, "utf8").includes(secret), entry.name);
  }
  assert.deepEqual(
    readdirSync("/dev/shm").filter((name) => name.startsWith(".drover") && readFileSync(`/dev/shm/${name}`, "utf8").includes(secret)),
    [],
  );
  await driver.destroy(handle, world.place);
});

check("a task starts with no signal ignored or blocked, its own session, /dev/null as input and oom_score_adj 0", async (world, driver) => {
  const { text } = await run(
    world,
    driver,
    shell(
      "grep -E '^Sig(Ign|Blk)' /proc/self/status; cat /proc/self/oom_score_adj; readlink /proc/self/fd/0; for fd in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$fd ] && echo fd $fd; done; [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leader; umask; pwd",
    ),
  );
  assert.equal(text, `SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n/dev/null\nleader\n0022\n${world.place.taskDirectory}\n`);
});

check("a named user runs with its groups and nothing of ours", async (world, driver) => {
  const { text } = await run(
    world,
    driver,
    shell(
      'id -u; id -G; grep CapEff /proc/self/status; echo again > /dev/stdout; touch "$0" 2>/dev/null || echo refused; ls /proc/self/fd | wc -l',
    ),
    { user: "nobody" },
  );
  assert.match(text, /^65534\n65534\nCapEff:\t0000000000000000\nagain\n/);
});

check("a user the machine does not know is refused for good", async (world, driver) => {
  await assert.rejects(driver.start(taskStart(world, ID, shell("true"), { user: "no-such-user" })), { code: "DRIVER_TASK_INVALID" });
});

check("children that made their own sessions are killed with the task", async (world, driver) => {
  const handle = await driver.start(
    taskStart(
      world,
      ID,
      shell(
        "setsid sh -c 'echo $$; exec sleep 1000' & nohup sh -c 'echo $$; exec sleep 1000' 2>/dev/null & (setsid sh -c '(setsid sh -c \"echo \\$\\$; exec sleep 1000\" &)' &); wait",
      ),
    ),
  );
  let text = "";
  while (text.trim().split("\n").length < 3) {
    text += world.printed();
    await sleep(5);
  }
  const children = text.trim().split("\n").map(Number);
  assert.ok(children.every(runs), text);
  await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 2000 });
  assert.ok(!children.some(runs));
  const exit = await driver.wait(handle, world.place);
  assert.deepEqual([exit.exitCode, exit.signal, exit.error], [143, 15, ""]);
});

check("children left by a task that ended are gone after destroy", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("setsid sleep 1000 & echo $!")));
  await driver.wait(handle, world.place);
  const child = Number(world.printed());
  await driver.destroy(handle, world.place);
  assert.ok(!runs(child));
});

check("with its supervisor killed a task runs on, is stopped, and its status is told as unknown", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("echo up; sleep 1000")));
  const supervisor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${handle.pid}/status`, "utf8"))?.[1]);
  process.kill(supervisor, "SIGKILL");
  await sleep(50);
  assert.ok(runs(handle.pid));
  const next = world.open();
  assert.equal((await next.find(ID, world.place))?.pid, handle.pid);
  const waiting = next.wait(handle, world.place);
  await next.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 1000 });
  const exit = await waiting;
  assert.match(exit.error, /^exit status unknown: the task's supervisor was killed/);
});

check("a full pipe blocks the task until it is read, and loses nothing", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("seq 1 40000")));
  let text = "";
  const waiting = driver.wait(handle, world.place).then(() => {
    ended = true;
  });
  let ended = false;
  while (!ended) {
    await sleep(5);
    text += world.printed();
  }
  await waiting;
  text += world.printed();
  assert.deepEqual(
    text.trim().split("\n").map(Number),
    Array.from({ length: 40_000 }, (_, index) => index + 1),
  );
  await driver.destroy(handle, world.place);
});

check("a work_dir that is not there, or an oom_score_adj we may not set, is said at the start", async (world, driver) => {
  await assert.rejects(driver.start(taskStart(world, ID, { ...shell("true"), work_dir: "/no/such" })), /cannot enter work_dir \/no\/such/);
  const { text } = await run(world, driver, { ...shell("cat /proc/self/oom_score_adj"), oom_score_adj: 500 });
  assert.equal(text, "500\n");
});

for (const first of [true, false]) {
  const told = (noCgroups: boolean) => (noCgroups ? "no_cgroups" : "control groups");
  check(`a task started with ${told(first)} is lived with by an agent told ${told(!first)}`, async (world) => {
    const driver = (noCgroups: boolean) => rawExecDriver({ stateDirectory: world.stateDirectory, enabled: true, noCgroups });
    const environment = { PATH: "/usr/bin:/bin", NOMAD_ALLOC_ID: `alloc-${ID}-${process.pid}`, NOMAD_TASK_NAME: "web" };
    const started = await driver(first).start(
      taskStart(world, ID, shell("(setsid sleep 1000 &); echo ready; while :; do sleep 0.05; done"), { environment }),
    );
    await world.settled();
    assert.equal(readFileSync(`/proc/${started.pid}/cgroup`, "utf8").includes("/drover/"), !first);
    assert.equal(groupsOf(world.stateDirectory).length === 0, first);
    const next = driver(!first);
    const handle = await next.find(ID, world.place);
    assert.ok(handle !== undefined);
    assert.ok(((await next.usage(handle)).MemoryStats.RSS ?? 0) > 0);
    const session = await next.exec(handle, world.place, { command: ["sh", "-c", "exit 6"], tty: false, environment });
    assert.equal(await session.exited, 6);
    await next.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 1000 });
    await next.destroy(handle, world.place);
    assert.deepEqual(processesWith(`alloc-${ID}-${process.pid}`), []);
    assert.deepEqual(await world.left(), []);
  });
}

check("variables denied to the task are denied to commands beside it, the operator's and the job's", async (world) => {
  const driver = rawExecDriver({ stateDirectory: world.stateDirectory, enabled: true, deniedEnvironment: ["OPS_*"] });
  const environment = { PATH: "/usr/bin:/bin", OPS_TOKEN: "one", JOB_TOKEN: "two", OPEN: "three" };
  const config = { ...shell("echo ready; sleep 1000"), denied_envvars: ["JOB_*"] };
  const handle = await driver.start(taskStart(world, ID, config, { environment }));
  await world.settled();
  const session = await driver.exec(handle, world.place, { command: ["env"], tty: false, environment });
  let said = "";
  for await (const { data } of session.output) said += Buffer.from(data).toString();
  assert.deepEqual(said.trim().split("\n").toSorted(), ["OPEN=three", "PATH=/usr/bin:/bin"]);
});

check("what a command leaves running belongs to the task: the next agent lets it run, and it ends with the task", async (world, driver) => {
  const mark = `left-${process.pid}`;
  const environment = { PATH: "/usr/bin:/bin" };
  const handle = await driver.start(taskStart(world, ID, shell("echo ready; sleep 1000"), { environment }));
  await world.settled();
  const session = await driver.exec(handle, world.place, {
    command: ["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"],
    tty: false,
    environment: { ...environment, MARK: mark },
  });
  assert.equal(await session.exited, 0);
  const groups = () => processesWith(mark).map((pid) => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "");
  await eventually("it to be in the task's own group", () => groups().length === 1 && !groups()[0]?.includes("/exec-"));
  await world.open().find(ID, world.place);
  assert.equal(processesWith(mark).length, 1);
  await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 1000 });
  assert.deepEqual(processesWith(mark), []);
});

test("raw_exec: disabled, it says how to enable it and starts nothing", async () => {
  const world = await hostWorld("none", (stateDirectory) => rawExecDriver({ stateDirectory, enabled: false }));
  try {
    const driver = world.open();
    const info = await driver.fingerprint();
    assert.equal(info.Detected, false);
    assert.match(info.HealthDescription, /enabled = true/);
    await assert.rejects(driver.start(taskStart(world, ID, shell("true"))), { code: "DRIVER_DISABLED" });
  } finally {
    await world.remove();
  }
});
