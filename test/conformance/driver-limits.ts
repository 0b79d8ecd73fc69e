/** What every maker of ports/driver that runs processes on a machine with control groups has to keep about what a task may use. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import type { TaskHandle, TaskStart } from "#ports";
import { taskStart, type DriverWorld } from "./driver.ts";

const ID = "11111111-2222-3333-4444-555555555555.web.0";
const MB = 1024 * 1024;

type Check = (sentence: string, body: (world: DriverWorld) => Promise<void>) => void;

/** `eats`: takes memory without end; `runs`: until it is stopped. */
export function limitsConformance(
  check: Check,
  configs: { readonly eats: Record<string, unknown>; readonly runs: Record<string, unknown> },
): void {
  const running = (sentence: string, more: Partial<TaskStart>, body: (handle: TaskHandle, world: DriverWorld) => Promise<void> | void) =>
    check(sentence, async (world) => {
      const handle = await world.open().start(taskStart(world, ID, configs.runs, more));
      await world.settled();
      await body(handle, world);
    });

  running("memory is the hard limit", { memoryMB: 64 }, ({ pid }) => {
    assert.equal(limitOf(pid), 64 * MB);
  });
  running(
    "memory_max is the hard limit where it is granted, and memory is kept for the task",
    { memoryMB: 64, memoryMaxMB: 128 },
    ({ pid }) => {
      assert.equal(limitOf(pid), 128 * MB);
      assert.equal(reservationOf(pid), 64 * MB);
    },
  );
  running("memory_max -1 is no limit", { memoryMB: 64, memoryMaxMB: -1 }, ({ pid }) => {
    assert.ok(limitOf(pid) > 2 ** 52, String(limitOf(pid)));
  });

  check("a task that takes more memory than it may is killed, and that is the reason (F47)", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, configs.eats, { memoryMB: 32 }));
    const exit = await driver.wait(handle, world.place);
    assert.equal(exit.oomKilled, true, JSON.stringify(exit));
    assert.notEqual(exit.exitCode, 0);
    assert.deepEqual((await world.open().wait(handle, world.place)).oomKilled, true, "also when it is asked later");
  });

  const last = availableParallelism() - 1;
  running("cores are its own: it runs on no other", { cores: [last] }, async (handle, world) => {
    assert.equal(allowedCores(handle.pid), String(last));
    const session = await world.open().exec(handle, world.place, {
      command: ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"],
      tty: false,
      environment: { PATH: "/usr/bin:/bin" },
    });
    let said = "";
    for await (const { data } of session.output) said += Buffer.from(data).toString();
    assert.match(said, new RegExp(`:\\s+${last}\\n`), "a command beside it neither");
  });
  running("without cores it may run on all", {}, ({ pid }) => {
    assert.equal(allowedCores(pid), allowedCores(process.pid));
  });
}

function allowedCores(pid: number): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

function limitOf(pid: number): number {
  const text = memoryFile(pid, "memory.limit_in_bytes", "memory.max");
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

function reservationOf(pid: number): number {
  return Number(memoryFile(pid, "memory.soft_limit_in_bytes", "memory.low"));
}

function memoryFile(pid: number, v1: string, v2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const old = lines.map((line) => line.split(":")).find(([, controllers]) => controllers?.split(",").includes("memory"));
  const [root, group, file] =
    old === undefined
      ? ["/sys/fs/cgroup", lines.find((line) => line.startsWith("0::"))?.slice(3) ?? "", v2]
      : ["/sys/fs/cgroup/memory", old.slice(2).join(":"), v1];
  const whole = path.join(root, group, file);
  assert.ok(existsSync(whole), whole);
  return readFileSync(whole, "utf8").trim();
}
