/** The log keeper: held to the window, killed, and attacked by the tasks it serves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { keptTaskLogs } from "#integrations/host";
import { logRequest, logged, print, taskLogsConformance, type TaskLogsWorld } from "./task-logs.ts";
import { eventually } from "../eventually.ts";

interface KeeperWorld extends TaskLogsWorld {
  readonly root: string;
  readonly stateDirectory: string;
}

async function world(deep = ""): Promise<KeeperWorld> {
  const root = mkdtempSync(path.join(tmpdir(), "drover-logs-"));
  const directory = path.join(root, "allocation", "alloc", "logs");
  mkdirSync(directory, { recursive: true });
  const stateDirectory = path.join(root, `state${deep}`);
  return {
    root,
    directory,
    stateDirectory,
    open: () => keptTaskLogs({ stateDirectory }),
    remove: async () => rmSync(root, { recursive: true, force: true }),
  };
}

taskLogsConformance({ name: "log keeper", world: () => world() });
taskLogsConformance({ name: "log keeper below a long path", world: () => world(`/${"long".repeat(30)}`) });

/** The keeper of a world: the process that was started with its state directory. */
function keeperPid(stateDirectory: string): number | undefined {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(stateDirectory);
      } catch {
        return false;
      }
    });
}

async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await sleep(5);
}

function check(sentence: string, body: (world: KeeperWorld) => Promise<void>): void {
  test(`log keeper: ${sentence}`, { timeout: 60_000 }, async () => {
    const made = await world();
    try {
      await body(made);
    } finally {
      const logs = made.open();
      for (const id of await logs.list()) await logs.close(id);
      await logs.release({ stop: true });
      await made.remove();
    }
  });
}

check("killed again and again under a task that prints a megabyte, it loses no line", async (made) => {
  const logs = made.open();
  const request = logRequest(made, { maxFiles: 10 });
  const pipes = await logs.open(request);
  const lines = 150_000;
  const task = spawn("sh", ["-c", `exec 1<>"$0"; seq 1 ${lines}`, pipes.stdoutPath], { stdio: "ignore" });
  const ended = once(task, "exit");
  for (let kills = 0; kills < 4; kills++) {
    await eventually("the log to hold it", () => keeperPid(made.stateDirectory) !== undefined);
    const pid = keeperPid(made.stateDirectory) as number;
    await sleep(20 * kills);
    process.kill(pid, "SIGKILL");
    await gone(pid);
  }
  await ended;
  await logs.drain(request.id);
  const seen = logged(made.directory, "web.stdout").join("").trim().split("\n");
  assert.equal(seen.length, lines);
  assert.ok(seen.every((line, index) => Number(line) === index + 1));
  await logs.release({ stop: false });
});

check("killed while no agent lives, it goes on when the next one looks", async (made) => {
  const first = made.open();
  const pipes = await first.open(logRequest(made));
  await first.release({ stop: false });
  const pid = keeperPid(made.stateDirectory) as number;
  process.kill(pid, "SIGKILL");
  await gone(pid);
  await print(pipes.stdoutPath, "echo in the pipe & wait");
  const second = made.open();
  assert.deepEqual(await second.list(), [logRequest(made).id]);
  await second.drain(logRequest(made).id);
  assert.deepEqual(logged(made.directory, "web.stdout"), [""], "a pipe nobody holds open forgets: only a living task keeps it");
  await print(pipes.stdoutPath, "echo heard");
  await second.drain(logRequest(made).id);
  assert.deepEqual(logged(made.directory, "web.stdout"), ["heard\n"]);
  await second.release({ stop: false });
});

check("it outlives the agent that started it, and serves the next one with the same process", async (made) => {
  const first = made.open();
  await first.open(logRequest(made));
  const pid = keeperPid(made.stateDirectory);
  assert.notEqual(pid, undefined);
  await first.release({ stop: false });
  const second = made.open();
  await second.drain(logRequest(made).id);
  assert.equal(keeperPid(made.stateDirectory), pid);
  await second.release({ stop: false });
});

check("it ends with the agent when that is wanted", async (made) => {
  const logs = made.open();
  await logs.open(logRequest(made));
  const pid = keeperPid(made.stateDirectory) as number;
  await logs.close(logRequest(made).id);
  await logs.release({ stop: true });
  await gone(pid);
  assert.deepEqual(readdirSync(path.join(made.stateDirectory, "log-keeper", "pipes")), []);
});

/** What a task may leave where its log file is to be: each alone, so that none hides behind another's refusal. */
const TRAPS: readonly (readonly [name: string, lay: (at: string, outside: string) => Promise<unknown> | void])[] = [
  ["a link", (at, outside) => symlinkSync(outside, at)],
  ["a hard link", (at, outside) => linkSync(outside, at)],
  ["a pipe", (at) => once(spawn("mkfifo", [at]), "exit")],
  ["a directory", (at) => mkdirSync(at)],
];

for (const [name, lay] of TRAPS) {
  check(`a task that puts ${name} in the place of its log file, the first or the next, writes nothing elsewhere (F59)`, async (made) => {
    const outside = path.join(made.root, "outside");
    writeFileSync(outside, "untouched");
    await lay(path.join(made.directory, "web.stdout.0"), outside);
    const logs = made.open();
    const request = logRequest(made, { maxFiles: 10 });
    const pipes = await logs.open(request);
    await print(pipes.stdoutPath, "echo mine");
    await logs.drain(request.id);
    assert.equal(readFileSync(path.join(made.directory, "web.stdout.1"), "utf8"), "mine\n");
    await lay(path.join(made.directory, "web.stdout.2"), outside);
    await print(pipes.stdoutPath, `head -c ${request.maxFileSizeMB * 1024 * 1024} /dev/zero | tr '\\0' x`);
    await logs.drain(request.id);
    assert.equal(readFileSync(outside, "utf8"), "untouched");
    assert.ok(existsSync(path.join(made.directory, "web.stdout.3")), "it went on behind the trap");
    await logs.release({ stop: false });
  });
}

check("a directory swapped for a link is refused (F59)", async (made) => {
  const elsewhere = path.join(made.root, "elsewhere");
  mkdirSync(elsewhere);
  renameSync(made.directory, `${made.directory}.away`);
  symlinkSync(elsewhere, made.directory);
  const logs = made.open();
  await assert.rejects(logs.open(logRequest(made)), { code: "LOG_KEEPER_FAILED" });
  assert.deepEqual(readdirSync(elsewhere), []);
  await logs.release({ stop: false });
});
