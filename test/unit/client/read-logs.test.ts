/** A followed log is whole: not a byte is left out between one look and the next. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createHostClock, hostDisk } from "#integrations/host";
import type { Disk } from "#ports";
import type { AllocationRunner } from "../../../src/client/allocation/runner.ts";
import { readLogs } from "../../../src/client/services/read-logs.ts";
import { temporaryDirectory } from "../../live/real-agent.ts";

test("what a task prints while its log is followed comes after what was there, all of it", async (t) => {
  const folder = temporaryDirectory("read-logs");
  t.after(() => folder.remove());
  mkdirSync(join(folder.path, "alloc", "logs"), { recursive: true });
  const file = join(folder.path, "alloc", "logs", "t.stdout.0");
  const task = { dead: false };
  appendFileSync(file, "what was there before\n");
  const runner = { directory: folder.path, isOver: false, task: () => task } as unknown as AllocationRunner;
  const request = { AllocationId: "a" as never, Task: "t", Type: "stdout", Origin: "start", Offset: 0, Follow: true } as const;
  let wanted = "what was there before\n";
  let lines = 0;
  const host = hostDisk();
  // It has read all there was, and waits.
  const watch: Disk["watch"] = (root, path, changed) => {
    lines += 1;
    wanted += `line ${lines}\n`;
    appendFileSync(file, `line ${lines}\n`);
    task.dead = lines === 5;
    queueMicrotask(changed);
    return host.watch(root, path, changed);
  };
  const disk = { list: host.list.bind(host), read: host.read.bind(host), watch } as unknown as Disk;
  let read = "";
  for await (const frame of readLogs(runner, disk, createHostClock(), request, AbortSignal.timeout(20_000)))
    read += Buffer.from(frame.Data).toString();
  assert.equal(read, wanted);
  assert.equal(lines, 5);
});
