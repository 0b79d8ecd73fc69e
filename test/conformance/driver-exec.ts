/** What every maker of ports/driver that can run commands beside a task has to keep. Used by the driver suite. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Driver, ExecSession, TaskExec } from "#ports";
import { eventually } from "../eventually.ts";
import { taskStart, type DriverWorld } from "./driver.ts";

export interface ExecCommands {
  /** Copies its input to its output until the input ends. */
  readonly copies: readonly string[];
  readonly exits: (code: number) => readonly string[];
  /** Says "ready" and goes on until it is ended, with children that have left its session. */
  readonly runs: readonly string[];
  /** Prints the variable GREETING. */
  readonly greets: readonly string[];
  /** Prints "size ROWS COLUMNS" again and again, until the size is 40 120; undefined: no terminals. */
  readonly sizes?: readonly string[];
  /** Prints "ROWS COLUMNS" as they are when it begins; undefined: its terminals cannot be given a size before. */
  readonly firstSize?: readonly string[] | undefined;
}

const ID = "11111111-2222-3333-4444-555555555555.web.0";
const environment = { PATH: "/usr/bin:/bin", NOMAD_ALLOC_ID: `alloc-${ID}-${process.pid}`, NOMAD_TASK_NAME: "web" };

type Check = (sentence: string, body: (world: DriverWorld) => Promise<void>) => void;

export function execConformance(check: Check, runs: Record<string, unknown>, exits: Record<string, unknown>, commands: ExecCommands): void {
  const withTask = (sentence: string, body: (driver: Driver, run: Runner, world: DriverWorld) => Promise<void>) =>
    check(sentence, async (world) => {
      const driver = world.open();
      const handle = await driver.start(taskStart(world, ID, runs, { environment }));
      await world.settled();
      await body(driver, (command, more = {}) => driver.exec(handle, world.place, { command, tty: false, environment, ...more }), world);
    });

  withTask("a command beside the task hears its input to the end, also when its agent looks for the task", async (driver, run, world) => {
    const session = await run(commands.copies);
    const reading = allOf(session);
    await session.write(Buffer.from("one\n"));
    await eventually("the first line", () => reading.text() === "one\n");
    assert.ok((await driver.find(ID, world.place)) !== undefined);
    await session.write(Buffer.from("two\n"));
    session.end();
    assert.deepEqual(await reading, { stdout: "one\ntwo\n", stderr: "" });
    assert.equal(await session.exited, 0);
  });

  for (const code of [0, 3, 126]) {
    withTask(`a command beside the task that exits with ${code} is told so`, async (_driver, run) => {
      assert.equal(await (await run(commands.exits(code))).exited, code);
    });
  }

  withTask("a command beside the task sees the variables it is given", async (_driver, run) => {
    const session = await run(commands.greets, { environment: { ...environment, GREETING: "it's 'me'" } });
    assert.equal((await allOf(session)).stdout, "it's 'me'\n");
  });

  withTask("killing a command ends all it started, and leaves the task alone", async (driver, run, world) => {
    const session = await run(commands.runs);
    await heard(session, "ready");
    session.kill();
    assert.equal(await session.exited, 137);
    const handle = await driver.find(ID, world.place);
    assert.ok(handle !== undefined, "the task is there");
    await run(commands.exits(0)).then((again) => again.exited);
    await driver.destroy(handle, world.place);
    assert.deepEqual(await world.left(), []);
  });

  withTask("a command ends with its task", async (driver, run, world) => {
    const session = await run(commands.runs);
    await heard(session, "ready");
    const handle = await driver.find(ID, world.place);
    assert.ok(handle !== undefined);
    await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 300 });
    assert.ok((await session.exited) !== 0);
    await driver.destroy(handle, world.place);
    assert.deepEqual(await world.left(), []);
  });

  withTask("the next agent ends the commands of the one before when it finds the task", async (_driver, run, world) => {
    const session = await run(commands.runs);
    await heard(session, "ready");
    const next = world.open();
    const handle = await next.find(ID, world.place);
    assert.ok(handle !== undefined);
    assert.ok((await session.exited) !== 0);
    assert.equal(await (await next.exec(handle, world.place, { command: commands.exits(5), tty: false, environment })).exited, 5);
  });

  withTask("commands leave no descriptor of the agent's open, however they end", async (_driver, run) => {
    const open = () => readdirSync("/proc/self/fd").length;
    await allOf(await run(commands.exits(0)));
    const before = open();
    const sessions = await Promise.all([1, 2, 3, 4, 5, 6].map((each) => run(each % 2 === 0 ? commands.runs : commands.exits(each))));
    await Promise.all(
      sessions.map(async (session, index) => {
        const reading = allOf(session);
        if (index % 2 === 1) session.kill();
        await reading;
        await session.exited;
      }),
    );
    await eventually("all descriptors to be closed", () => open() <= before);
  });

  check("no command is run beside a task that has ended", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, exits, { environment }));
    await driver.wait(handle, world.place);
    await assert.rejects(driver.exec(handle, world.place, { command: commands.exits(0), tty: false, environment }), {
      code: "DRIVER_TASK_NOT_RUNNING",
    });
  });

  const { sizes } = commands;
  if (sizes === undefined) return;
  withTask("a command killed as it begins is gone without its task's end, and so is its group", async (driver, run, world) => {
    const mark = `killed-early-${process.pid}-${performance.now()}`;
    for (let round = 0; round < 12; round++) {
      const session = await run(commands.runs, { environment: { ...environment, MARK: mark } });
      session.kill();
      await session.exited;
    }
    await eventually("all they started to be gone", () => processesWith(mark).length === 0);
    const task = await driver.find(ID, world.place);
    await eventually("their groups to be gone", () => sessionGroupsOf(task?.pid ?? 0).length === 0);
    assert.equal(await (await run(commands.exits(0))).exited, 0);
    await eventually("the group of one that ended to be gone", () => sessionGroupsOf(task?.pid ?? 0).length === 0);
  });

  withTask("in a terminal a command has the size it is given, sees changes, and its status is told", async (_driver, run) => {
    const session = await run(sizes, { tty: true });
    session.resize(24, 80);
    const text: string[] = [];
    for await (const { stream, data } of session.output) {
      assert.equal(stream, "stdout");
      text.push(Buffer.from(data).toString());
      if (text.join("").includes("size 24 80")) session.resize(40, 120);
    }
    assert.match(text.join(""), /size 40 120/);
    assert.equal(await session.exited, 9);
  });

  const { firstSize } = commands;
  if (firstSize !== undefined) {
    withTask("a command in a terminal never sees another size than the one it is begun with", async (_driver, run) => {
      const session = await run(firstSize, { tty: true, size: { height: 33, width: 101 } });
      const reading = allOf(session);
      await session.exited;
      assert.equal((await reading).stdout.trim(), "33 101");
    });
  }

  withTask("in a terminal what is typed is echoed, and the end of input ends the command", async (_driver, run) => {
    const session = await run(commands.copies, { tty: true });
    const reading = allOf(session);
    await session.write(Buffer.from("hello\n"));
    await eventually("what was typed, echoed and copied", () => reading.text().split("hello").length > 2);
    session.end();
    await reading;
    assert.equal(await session.exited, 0);
  });

  withTask("killing a command in a terminal ends all it started", async (driver, run, world) => {
    const session = await run(commands.runs, { tty: true });
    await heard(session, "ready");
    session.kill();
    assert.ok((await session.exited) >= 128);
    await driver.sweep(ID);
    assert.deepEqual(await world.left(), []);
  });
}

/** Processes whose environment holds the text. */
export function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}

/** Control groups of commands beside the task with this process, in every hierarchy. */
function sessionGroupsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [, controllers = "", ...group] = line.split(":");
      const roots = controllers === "" ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : [`/sys/fs/cgroup/${controllers}`];
      return roots.map((root) => root + group.join(":"));
    })
    .filter((group) => existsSync(group))
    .flatMap((group) => readdirSync(group).filter((name) => name.startsWith("exec-")));
}

type Runner = (command: readonly string[], more?: Partial<Omit<TaskExec, "command">>) => Promise<ExecSession>;

interface Reading extends Promise<{ stdout: string; stderr: string }> {
  text(): string;
}

function allOf(session: ExecSession): Reading {
  const read = { stdout: "", stderr: "" };
  const reading = (async () => {
    for await (const { stream, data } of session.output) read[stream] += Buffer.from(data).toString();
    return read;
  })();
  return Object.assign(reading, { text: () => read.stdout });
}

/** Reads on in the background, so that the command is never held back. */
async function heard(session: ExecSession, word: string): Promise<void> {
  const reading = allOf(session);
  await Promise.race([eventually(`"${word}"`, () => reading.text().includes(word)), reading]);
  assert.ok(reading.text().includes(word), `"${word}" was said`);
}
