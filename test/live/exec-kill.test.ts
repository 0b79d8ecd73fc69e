/**
 * Agents killed with SIGKILL while they start or stop a task (F45): the next agent finds either the whole task or nothing, and
 * leaves nothing when it ends it. Needs root, runc and conmon.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execDriver, rawExecDriver } from "#integrations/host";
import { taskStart } from "../conformance/driver.ts";
import { hostWorld, type HostWorld } from "../conformance/host-world.ts";
import { testScale } from "../scale.ts";

const program = fileURLToPath(new URL("./exec-host-process.ts", import.meta.url));
const config = { command: "/bin/sh", args: ["-c", "(setsid sleep 1000 &); trap 'exit 3' TERM; while :; do sleep 0.05; done"] };

const makers = {
  raw_exec: {
    isolation: "none",
    open: (stateDirectory: string) => rawExecDriver({ stateDirectory, enabled: true }),
    startMs: 40,
    stopMs: 250,
  },
  exec: { isolation: "chroot", open: (stateDirectory: string) => execDriver({ stateDirectory }), startMs: 160, stopMs: 350 },
} as const;

interface Agent {
  /** Resolves when the agent says a line that begins so. */
  says(word: string): Promise<string>;
  tell(): void;
  /** Kills it at once. */
  kill(): Promise<void>;
}

function agent(driver: string, world: HostWorld, id: string): Agent {
  const child = spawn(
    process.execPath,
    ["--no-warnings", program, JSON.stringify({ driver, stateDirectory: world.stateDirectory, task: taskStart(world, id, config) })],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const lines: string[] = [];
  const waiting: { word: string; tell: (line: string) => void }[] = [];
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    for (const each of waiting.filter(({ word }) => line.startsWith(word))) each.tell(line);
  });
  return {
    says: (word) =>
      new Promise((resolve) => {
        const said = lines.find((line) => line.startsWith(word));
        if (said !== undefined) resolve(said);
        else waiting.push({ word, tell: resolve });
      }),
    tell: () => {
      child.stdin.write("go\n");
    },
    async kill() {
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

for (const [name, maker] of Object.entries(makers)) {
  const rounds = Math.round(6 * testScale());

  test(
    `${name}: an agent killed at any moment of start leaves a whole task or nothing`,
    { timeout: 120_000 * Math.max(1, testScale()) },
    async () => {
      const world = await hostWorld(maker.isolation, maker.open);
      const seen = { whole: 0, nothing: 0 };
      try {
        for (let round = 0; round < rounds; round++) {
          const id = `11111111-2222-3333-4444-555555555555.web.${round}`;
          const killed = agent(name, world, id);
          await killed.says("begin");
          await sleep((maker.startMs * round) / rounds);
          await killed.kill();
          const next = world.open();
          const handle = await next.find(id, world.place);
          if (handle === undefined) {
            seen.nothing++;
            // A child that was forked but had not become the supervisor yet finds its record gone, and ends.
            await sleep(200);
            assert.deepEqual(await world.left(), [], `round ${round}: nothing was found, so nothing may be left`);
            continue;
          }
          seen.whole++;
          assert.ok(process.kill(handle.pid, 0), "what is found runs");
          await next.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 2000 });
          const exit = await next.wait(handle, world.place);
          assert.equal(exit.error, "");
          await next.destroy(handle, world.place);
          assert.deepEqual(await world.left(), [], `round ${round}: nothing is left after destroy`);
        }
      } finally {
        for (const id of await world.open().list()) await world.open().sweep(id);
        await world.remove();
      }
      assert.ok(seen.whole + seen.nothing === rounds);
    },
  );

  test(
    `${name}: an agent killed while it stops a task is finished by the next one`,
    { timeout: 120_000 * Math.max(1, testScale()) },
    async () => {
      const world = await hostWorld(maker.isolation, maker.open);
      try {
        for (let round = 0; round < rounds; round++) {
          const id = `11111111-2222-3333-4444-555555555555.web.${round}`;
          const killed = agent(name, world, id);
          await killed.says("started");
          killed.tell();
          await killed.says("stopping");
          await sleep((maker.stopMs * round) / rounds);
          await killed.kill();
          const next = world.open();
          assert.ok((await next.list()).every((each) => each === id));
          await next.sweep(id);
          assert.deepEqual(await world.left(), [], `round ${round}`);
        }
      } finally {
        for (const id of await world.open().list()) await world.open().sweep(id);
        await world.remove();
      }
    },
  );

  test(`${name}: a task outlives its agent with the same pid, and its status is kept`, { timeout: 60_000 }, async () => {
    const world = await hostWorld(maker.isolation, maker.open);
    try {
      const id = "11111111-2222-3333-4444-555555555555.web.0";
      const first = agent(name, world, id);
      const pid = Number((await first.says("started")).split(" ")[1]);
      await first.kill();
      const next = world.open();
      const handle = await next.find(id, world.place);
      assert.equal(handle?.pid, pid);
      assert.ok(process.kill(pid, 0));
      // Ends while no agent looks.
      await sleep(100);
      process.kill(pid, "SIGTERM");
      assert.ok(handle !== undefined);
      const exit = await world.open().wait(handle, world.place);
      assert.deepEqual([exit.exitCode, exit.error], [3, ""]);
      await next.destroy(handle, world.place);
      assert.deepEqual(await world.left(), []);
    } finally {
      for (const id of await world.open().list()) await world.open().sweep(id);
      await world.remove();
    }
  });
}
