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

/** Kills the keeper and waits for its end. Asked in one breath, so that the next keeper is not the one that dies. */
async function killKeeper(made: KeeperWorld): Promise<void> {
  await eventually("a log keeper to live", () => keeperPid(made.stateDirectory) !== undefined);
  const pid = keeperPid(made.stateDirectory) as number;
  process.kill(pid, "SIGKILL");
  await gone(pid);
}

function linesOf(made: KeeperWorld): string[] {
  return logged(made.directory, "web.stdout").join("").split("\n").slice(0, -1);
}

check("killed again and again under a task that prints, it loses no line, not even a dying task's last", async (made) => {
  const logs = made.open();
  const request = logRequest(made, { maxFiles: 10 });
  const pipes = await logs.open(request);
  const task = spawn("sh", ["-c", `exec 1<>"$0"; while read from to; do seq $from $to; done`, pipes.stdoutPath], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(task, "exit");
  // A pipe holds this many; the keeper is killed when it has taken all of the last round, so that nothing is in its hands.
  const perRound = 9000;
  for (let round = 0; round < 5; round++) {
    await eventually("the log to hold all that was printed", () => linesOf(made).length === round * perRound);
    await killKeeper(made);
    task.stdin.write(`${round * perRound + 1} ${(round + 1) * perRound}\n`);
    if (round === 4) {
      task.stdin.end();
      await ended;
    }
  }
  await logs.drain(request.id);
  assert.deepEqual(
    linesOf(made),
    Array.from({ length: 5 * perRound }, (_, index) => String(index + 1)),
  );
  await logs.release({ stop: false });
});

check(
  "killed at any moment under a task that prints a megabyte, it loses at most what was between its read and its write",
  async (made) => {
    const logs = made.open();
    const request = logRequest(made, { maxFiles: 10 });
    const pipes = await logs.open(request);
    const lines = 150_000;
    const kills = 4;
    const task = spawn("sh", ["-c", `exec 1<>"$0"; seq 1 ${lines}`, pipes.stdoutPath], { stdio: "ignore" });
    const ended = once(task, "exit");
    for (let kill = 0; kill < kills; kill++) {
      await sleep(20 * kill);
      await killKeeper(made);
    }
    await ended;
    await logs.drain(request.id);
    const printed = Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join("").length;
    const kept = logged(made.directory, "web.stdout").join("");
    assert.ok(printed - kept.length <= kills * 64 * 1024, `${printed - kept.length} bytes lost`);
    assert.ok(kept.endsWith(`${lines}\n`), "the last line is there");
    await logs.release({ stop: false });
  },
);

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
  // A pipe nobody holds open forgets, and only a living task is sure to hold it: what was printed in between may be there.
  const between = logged(made.directory, "web.stdout").join("");
  assert.ok(["", "in the pipe\n"].includes(between), between);
  await print(pipes.stdoutPath, "echo heard");
  await second.drain(logRequest(made).id);
  assert.deepEqual(logged(made.directory, "web.stdout"), [`${between}heard\n`]);
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
