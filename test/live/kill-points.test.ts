/**
 * kill -9 of a real agent before and after every named step, with real processes: then another agent on the same directory. The
 * points are read from the pipelines themselves; one that the story never reaches fails.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { clientKillPoints } from "#client";
import { sleepers, traces, type Story, type Trace } from "./kill-points-story.ts";
import { ownFolder, removeRemains, sweepAbandoned } from "./remains.ts";

const PROGRAM = join(import.meta.dirname, "kill-points-agent.ts");
const TIMEOUT_MS = 60_000;

interface Life {
  readonly child: ChildProcess;
  /** Resolves when the line was printed; rejects when the agent ended before. */
  line(text: string): Promise<void>;
  ended: Promise<{ code: number | null; signal: string | null }>;
  output: () => string;
}

function live(directory: string, driver: string, more: Readonly<Record<string, string>>): Life {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, DIRECTORY: directory, DRIVER: driver, ...more },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let out = "";
  let all = "";
  child.stdin.on("error", () => {});
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
    all += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => (all += data.toString()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  void ended.then(() => clearTimeout(timer));
  return {
    child,
    ended,
    output: () => all,
    line: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!out.split("\n").includes(text)) return false;
          child.stdout.off("data", look);
          resolve();
          return true;
        };
        if (look()) return;
        child.stdout.on("data", look);
        void ended.then(() => look() || reject(new Error(`the agent ended before it said ${JSON.stringify(text)}:\n${all}`)));
      }),
  };
}

async function dieAndComeBack(driver: string, point: string): Promise<void> {
  const directory = ownFolder("kill");
  let ids: readonly string[] = [];
  const lives: Life[] = [];
  const agent = (more: Readonly<Record<string, string>>) => {
    const life = live(directory, driver, more);
    lives.push(life);
    return life;
  };
  try {
    const first = agent({ KILL_AT: point, FORGET: "1" });
    assert.deepEqual(await first.ended, { code: null, signal: "SIGKILL" }, `the agent did not die at ${point}:\n${first.output()}`);
    const story = JSON.parse(readFileSync(join(directory, "servers.json"), "utf8")) as Story;
    ids = story.ids;
    const [crash, serve, next] = ids as [string, string, string];

    const second = agent({});
    if (story.chapter !== "forgotten") {
      await second.line("settled");
      const { allocations } = JSON.parse(readFileSync(join(directory, "servers.json"), "utf8")) as Story;
      // Exactly one process for what should run, none for what should not.
      const running = () => [...sleepers(ids)].map(([id, pids]) => [id, pids.length]);
      for (let attempt = 0; attempt < 100 && running().length === 0; attempt++) await sleep(50);
      assert.deepEqual(running(), [[next, 1]]);
      const state = allocations[crash]?.TaskStates["main"];
      const codes = state?.Events.filter((event) => event.Type === "Terminated").map((event) => event.ExitCode);
      assert.deepEqual(codes, [9, 9], `exit codes were lost:\n${JSON.stringify(state, null, 1)}`);
      assert.equal(allocations[serve]?.ClientStatus, "complete");
      // A start leaves a line: none was made twice. Who was stopped in the moment of its start may have had no time to write its own.
      const starts = (id: string, task: string) => {
        const file = join(directory, "alloc", id, "alloc", "data", `starts-${task}`);
        return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
      };
      assert.deepEqual([starts(crash, "main"), starts(next, "main")], [2, 1]);
      for (const task of ["main", "lead"]) assert.ok(starts(serve, task) <= 1, `"${task}" was started ${starts(serve, task)} times`);
      // Every line that was said is there, once.
      assert.equal(readFileSync(join(directory, "alloc", crash, "alloc", "logs", "main.stdout.0"), "utf8"), "said\nsaid\n");
      second.child.stdin?.write("forget\n");
    }
    await second.line("empty");
    assert.deepEqual(await second.ended, { code: 0, signal: null }, second.output());
    assert.deepEqual(await tracesAtRest(ids, directory), [], `left behind:\n${second.output()}`);
    assert.deepEqual(readdirSync(join(directory, "alloc")), []);
    for (const name of ["raw_exec", "exec"]) {
      const path = join(directory, "client", name);
      if (existsSync(path))
        assert.deepEqual(
          readdirSync(path, { recursive: true, withFileTypes: true }).filter((each) => !each.isDirectory()),
          [],
          `${name} kept files`,
        );
    }
  } finally {
    for (const life of lives) if (life.child.exitCode === null && life.child.signalCode === null) life.child.kill("SIGKILL");
    // Also when it failed: nothing of this test stays on the machine.
    await removeRemains(directory);
  }
}

/** A process that was told to end may need a moment to be gone. */
async function tracesAtRest(ids: readonly string[], directory: string): Promise<Trace[]> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const found = traces(ids, directory);
    if (found.length === 0) return [];
    await sleep(100);
  }
  return traces(ids, directory);
}

before(sweepAbandoned);

const skip = process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE" : false;
for (const driver of (process.env["DROVER_KILL_DRIVERS"] ?? "raw_exec,exec").split(",")) {
  describe(`an agent with ${driver} tasks, killed`, { concurrency: availableParallelism() + 1, skip }, () => {
    for (const point of clientKillPoints()) {
      test(point, { timeout: 3 * TIMEOUT_MS }, async () => await dieAndComeBack(driver, point));
    }
  });
}
