/** The exec driver on the real runc and conmon. Needs root. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execDriver, type ExecOptions } from "#integrations/host";
import { DEFAULT_CAPABILITIES } from "../../integrations/host/exec/capabilities.ts";
import { driverConformance, taskStart } from "../conformance/driver.ts";
import { hostWorld, processesNaming } from "../conformance/host-world.ts";
import { shellCommands } from "../conformance/shell-commands.ts";
import { checkDriver, runOnce, type DriverCheck } from "./driver-check.ts";

const shell = (text: string) => ({ command: "sh", args: ["-c", text] });

driverConformance({
  name: "exec",
  world: () => hostWorld("chroot", (stateDirectory) => execDriver({ stateDirectory })),
  configs: {
    exits: (code) => shell(`exit ${code}`),
    // Process 1 hears only the signals it handles.
    runs: shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"),
    stubborn: shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done"),
    impossible: { command: "no-such-program" },
  },
  commands: shellCommands,
  eats: { command: "/usr/bin/perl", args: ["-e", "my @all; while (1) { push @all, 'x' x 1048576 }"] },
});

const ID = "11111111-2222-3333-4444-555555555555.web.0";

const check = (sentence: string, body: DriverCheck, options: Partial<ExecOptions> = {}) =>
  checkDriver(`exec: ${sentence}`, "chroot", (stateDirectory) => execDriver({ stateDirectory, ...options }), body);

const run = runOnce(ID);

check("the task is process 1 and sees only itself; pid_mode host shows the machine", async (world, driver) => {
  const alone = await run(world, driver, shell("echo $$; ls /proc | grep -c '^[0-9]'"));
  assert.match(alone.text, /^1\n[1-3]\n$/);
  const host = await run(world, driver, { ...shell("echo $$; ls /proc | grep -c '^[0-9]'"), pid_mode: "host" });
  assert.ok(Number(host.text.split("\n")[0]) > 1 && Number(host.text.split("\n")[1]) > 5, host.text);
});

check("it is nobody by default, sees /alloc /local /secrets, and neither private files nor the host's passwords", async (world, driver) => {
  writeFileSync(path.join(world.place.privateDirectory, "token"), "hidden");
  const { text } = await run(
    world,
    driver,
    shell(
      [
        "id -u",
        "echo x > /alloc/data/from-task",
        "echo x > /local/from-task",
        "echo x > /secrets/from-task",
        "echo x > /tmp/from-task",
        "ls /private | wc -l",
        "cat /etc/shadow | wc -c",
        "touch /usr/x /etc/x 2>/dev/null || echo read-only",
        "ls /home 2>/dev/null || echo no home",
        "head -c 3 /dev/zero | wc -c",
        "echo x > /dev/null && echo null",
      ].join("; "),
    ),
  );
  assert.equal(text, "65534\n0\n0\nread-only\nno home\n3\nnull\n");
  for (const file of [
    path.join(world.place.sharedDirectory, "data"),
    path.join(world.place.taskDirectory, "local"),
    world.place.secretsDirectory,
  ]) {
    assert.equal(readFileSync(path.join(file, "from-task"), "utf8"), "x\n");
  }
});

check("the environment is the given one, and no file or command line holds it", async (world, driver) => {
  const secret = `secret-${process.pid}-${Date.now()}`;
  const environment = { PATH: "/usr/bin:/bin", HOME: "/local", TOKEN: secret, "NOMAD_PORT_my-label": "8080" };
  const handle = await driver.start(taskStart(world, ID, shell("tr '\\0' '\\n' < /proc/1/environ; sleep 1000"), { environment }));
  let text = "";
  while (text.split("\n").length < 5) {
    await sleep(5);
    text += world.printed();
  }
  assert.deepEqual(
    text.trim().split("\n").toSorted(),
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .toSorted(),
  );
  assert.deepEqual(processesNaming(secret), []);
  for (const entry of readdirSync(world.directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) assert.ok(!readFileSync(path.join(entry.parentPath, entry.name), "utf8").includes(secret), entry.name);
  }
  assert.deepEqual(
    readdirSync("/dev/shm").filter((name) => name.startsWith(".drover") && readFileSync(`/dev/shm/${name}`, "utf8").includes(secret)),
    [],
  );
  await driver.destroy(handle, world.place);
});

check("a task that takes more memory than its limit is killed, and that is told (F47)", async (world, driver) => {
  const { exit } = await run(world, driver, { command: "perl", args: ["-e", "my $x = 'a' x (200 << 20); sleep 5"] }, { memoryMB: 32 });
  assert.deepEqual([exit.exitCode, exit.signal, exit.oomKilled, exit.error], [137, 9, true, ""]);
});

check("a task that is killed is not taken for one that ran out of memory", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("echo ready; sleep 1000")));
  await world.settled();
  await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 50 });
  const exit = await driver.wait(handle, world.place);
  assert.deepEqual([exit.exitCode, exit.signal, exit.oomKilled], [137, 9, false]);
});

check("limits are in the cgroup, and one path below drover leads to it in every tree", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("sleep 1000"), { memoryMB: 40, memoryMaxMB: 50, cpuMHz: 300 }));
  const paths = readFileSync(`/proc/${handle.pid}/cgroup`, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(":").slice(1));
  assert.ok(
    paths.every(([, group]) => /^\/drover\/[0-9a-f]{8}\/exec-/.test(group ?? "")),
    JSON.stringify(paths),
  );
  const group = paths[0]?.[1] ?? "";
  const v2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const memory = v2 ? `/sys/fs/cgroup${group}/memory.max` : `/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`;
  assert.equal(Number(readFileSync(memory, "utf8")), 50 * 1024 * 1024);
  if (!v2) assert.equal(Number(readFileSync(`/sys/fs/cgroup/cpu${group}/cpu.shares`, "utf8")), 300);
  await driver.destroy(handle, world.place);
});

check("children that made their own sessions are killed with the task, also with pid_mode host", async (world, driver) => {
  const handle = await driver.start(
    taskStart(world, ID, { ...shell("setsid sleep 1000 & (setsid sleep 1000 &); echo ready; wait"), pid_mode: "host" }),
  );
  await world.settled();
  await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 500 });
  await driver.destroy(handle, world.place);
});

check("with its conmon killed a task runs on, is stopped, and its status is told as unknown", async (world, driver) => {
  const handle = await driver.start(taskStart(world, ID, shell("sleep 1000")));
  const conmon = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${handle.pid}/status`, "utf8"))?.[1]);
  process.kill(conmon, "SIGKILL");
  await sleep(50);
  const next = world.open();
  assert.equal((await next.find(ID, world.place))?.pid, handle.pid);
  const waiting = next.wait(handle, world.place);
  await next.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 50 });
  assert.match((await waiting).error, /^exit status unknown: the task's conmon was killed/);
});

check("a link or a program put in the place of a mount does not lead out of the task (F59)", async (world, driver) => {
  // What an earlier attempt, running as root inside, could leave behind.
  for (const name of ["usr", "etc", "dev", "sys"]) symlinkSync("/root", path.join(world.place.taskDirectory, name));
  const before = readdirSync("/root").toSorted();
  await driver.start(taskStart(world, ID, shell("true"), { user: "root" })).then(
    (handle) => driver.wait(handle, world.place),
    () => undefined,
  );
  assert.deepEqual(readdirSync("/root").toSorted(), before);
});

check("a capability the operator does not allow is refused for good, one that is allowed is had", async (world, driver) => {
  await assert.rejects(driver.start(taskStart(world, ID, { ...shell("true"), cap_add: ["sys_admin"] })), { code: "DRIVER_TASK_INVALID" });
  const effective = async (config: Record<string, unknown>) =>
    (await run(world, driver, { ...shell("grep CapEff /proc/self/status"), ...config })).text.split("\t")[1]?.trim();
  assert.equal(await effective({}), "00000000a80405fb");
  assert.equal(await effective({ cap_drop: ["all"] }), "0000000000000000");
});

check(
  "the operator may allow more, and say what tasks that name no mode get",
  async (world, driver) => {
    const { text } = await run(world, driver, {
      ...shell("grep CapEff /proc/self/status; [ $$ = 1 ] || echo host"),
      cap_add: ["sys_ptrace"],
    });
    assert.match(text, /^CapEff:\t00000000a80c05fb\nhost\n$/);
  },
  { allowedCapabilities: [...DEFAULT_CAPABILITIES, "sys_ptrace"], pidMode: "host", noPivotRoot: true },
);

check("a program that is not there is said in words", async (world, driver) => {
  await assert.rejects(driver.start(taskStart(world, ID, { command: "no-such-program" })), /"no-such-program": executable file not found/);
});

check(
  "what it lacks is told with the way to mend it",
  async (_world, driver) => {
    const info = await driver.fingerprint();
    assert.deepEqual(
      [info.Detected, info.HealthDescription],
      [false, "cgroups are not writable: mount them read-write (in a container: run it privileged)"],
    );
  },
  { cgroups: { version: "v1", unified: "", controllers: {}, writable: false } },
);
