/** What every maker of ports/task-logs has to keep. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { TaskLogRequest, TaskLogs } from "#ports";

export interface TaskLogsWorld {
  /** Again: what the next agent on the same machine uses. */
  open(): TaskLogs;
  /** `<allocation>/alloc/logs` */
  readonly directory: string;
  remove(): Promise<void>;
}

export interface TaskLogsMaker {
  readonly name: string;
  world(): Promise<TaskLogsWorld>;
}

/** A task's part: writes the text into the pipe, and ends. */
export async function print(pipe: string, shellText: string): Promise<void> {
  const child = spawn("sh", ["-c", `exec 1<>"$0"; ${shellText}`, pipe], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 0);
}

/** What stands in a stream's files, oldest first. */
export function logged(directory: string, base: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(`${base}.`))
    .toSorted((a, b) => Number(a.slice(base.length + 1)) - Number(b.slice(base.length + 1)))
    .map((name) => readFileSync(path.join(directory, name), "utf8"));
}

export function logRequest(world: TaskLogsWorld, more: Partial<TaskLogRequest> = {}): TaskLogRequest {
  return {
    id: "11111111-2222-3333-4444-555555555555.web",
    directory: world.directory,
    task: "web",
    maxFiles: 3,
    maxFileSizeMB: 1,
    ...more,
  };
}

export function taskLogsConformance(maker: TaskLogsMaker): void {
  const check = (sentence: string, body: (world: TaskLogsWorld) => Promise<void>) =>
    test(`${maker.name}: ${sentence}`, { timeout: 60_000 }, async () => {
      const world = await maker.world();
      try {
        await body(world);
      } finally {
        const logs = world.open();
        for (const id of await logs.list()) await logs.close(id);
        await logs.release({ stop: true });
        await world.remove();
      }
    });

  check("what is printed is in the files after drain, each stream in its own", async (world) => {
    const logs = world.open();
    const pipes = await logs.open(logRequest(world));
    await print(pipes.stdoutPath, "echo out; echo more");
    await print(pipes.stderrPath, "echo err");
    await logs.drain(logRequest(world).id);
    assert.deepEqual([logged(world.directory, "web.stdout"), logged(world.directory, "web.stderr")], [["out\nmore\n"], ["err\n"]]);
    await logs.release({ stop: false });
  });

  check("opening again is harmless", async (world) => {
    const logs = world.open();
    const pipes = await logs.open(logRequest(world));
    await print(pipes.stdoutPath, "echo one");
    assert.deepEqual(await logs.open(logRequest(world)), pipes);
    await print(pipes.stdoutPath, "echo two");
    await logs.drain(logRequest(world).id);
    assert.deepEqual(logged(world.directory, "web.stdout"), ["one\ntwo\n"]);
    await logs.release({ stop: false });
  });

  check("a restarted task appends to its newest file", async (world) => {
    const logs = world.open();
    for (const word of ["one", "two"]) {
      const pipes = await logs.open(logRequest(world));
      await print(pipes.stdoutPath, `echo ${word}`);
      await logs.close(logRequest(world).id);
    }
    assert.deepEqual(logged(world.directory, "web.stdout"), ["one\ntwo\n"]);
    await logs.release({ stop: false });
  });

  check("files rotate between lines, and the oldest go", async (world) => {
    const logs = world.open();
    const pipes = await logs.open(logRequest(world));
    await print(pipes.stdoutPath, "seq 1000000 1700000");
    await logs.drain(logRequest(world).id);
    const files = logged(world.directory, "web.stdout");
    assert.equal(files.length, 3);
    for (const file of files) assert.ok(file.length <= 1024 * 1024 && file.endsWith("\n"), "whole lines only");
    const numbers = files.join("").trim().split("\n").map(Number);
    assert.equal(numbers.at(-1), 1700000);
    assert.ok(
      numbers.every((number, index) => index === 0 || number === (numbers[index - 1] as number) + 1),
      "no line is missing, doubled or torn",
    );
    await logs.release({ stop: false });
  });

  check("close removes the pipes; unknown ids are fine; the list is what is open", async (world) => {
    const logs = world.open();
    const pipes = await logs.open(logRequest(world));
    assert.deepEqual(await logs.list(), [logRequest(world).id]);
    await print(pipes.stdoutPath, "echo last");
    for (let again = 0; again < 2; again++) await logs.close(logRequest(world).id);
    await logs.close("nobody");
    await logs.drain("nobody");
    assert.deepEqual(await logs.list(), []);
    assert.deepEqual([existsSync(pipes.stdoutPath), existsSync(pipes.stderrPath)], [false, false]);
    assert.deepEqual(logged(world.directory, "web.stdout"), ["last\n"]);
    await logs.release({ stop: false });
  });

  check("the next agent goes on where the last one was", async (world) => {
    const first = world.open();
    const pipes = await first.open(logRequest(world));
    await print(pipes.stdoutPath, "echo one");
    await first.release({ stop: false });
    await print(pipes.stdoutPath, "echo two");
    const second = world.open();
    assert.deepEqual(await second.list(), [logRequest(world).id]);
    await second.drain(logRequest(world).id);
    assert.deepEqual(logged(world.directory, "web.stdout"), ["one\ntwo\n"]);
    await second.release({ stop: false });
  });
}
