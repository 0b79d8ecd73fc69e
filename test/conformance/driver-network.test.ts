/** Tasks of the host's drivers in a network namespace that somebody else made: everything they start is in it, and in a chroot the files are its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Driver, ExecSession, TaskNetwork } from "#ports";
import { execDriver, rawExecDriver } from "#integrations/host";
import { taskStart } from "./driver.ts";
import { hostWorld, type HostWorld } from "./host-world.ts";

const ID = "11111111-2222-3333-4444-555555555555.web.0";
const shell = (text: string) => ({ command: "/bin/sh", args: ["-c", text] });

const MAKERS: readonly { name: string; isolation: "none" | "chroot"; open: (stateDirectory: string) => Driver }[] = [
  { name: "raw_exec", isolation: "none", open: (stateDirectory) => rawExecDriver({ stateDirectory, enabled: true }) },
  { name: "exec", isolation: "chroot", open: (stateDirectory) => execDriver({ stateDirectory, noPivotRoot: true }) },
];

for (const maker of MAKERS) {
  const check = (sentence: string, body: (world: HostWorld, network: TaskNetwork) => Promise<void>) =>
    test(`${maker.name}: ${sentence}`, { timeout: 60_000 }, async () => {
      const world = await hostWorld(maker.isolation, maker.open);
      const name = `dt-${randomBytes(4).toString("hex")}`;
      execFileSync("ip", ["netns", "add", name]);
      try {
        const files = { hosts: path.join(world.directory, "hosts"), resolvConf: path.join(world.directory, "resolv.conf") };
        writeFileSync(files.hosts, "127.0.0.1 localhost\n10.9.8.7 of-its-own\n", { mode: 0o644 });
        writeFileSync(files.resolvConf, "nameserver 10.9.8.1\n", { mode: 0o644 });
        await body(world, { namespacePath: `/run/netns/${name}`, hostname: "its-name", files, holder: "" });
      } finally {
        const driver = world.open();
        for (const id of await driver.list()) await driver.sweep(id);
        execFileSync("ip", ["netns", "delete", name]);
        await world.remove();
      }
    });

  check("the task, what it starts and what is run beside it are in the namespace", async (world, network) => {
    const driver = world.open();
    assert.equal(driver.capabilities.joinsNetwork, true);
    const text =
      "echo task=$(readlink /proc/self/ns/net); (setsid sh -c 'echo child=$(readlink /proc/self/ns/net)'); echo ready; sleep 1000";
    const handle = await driver.start(taskStart(world, ID, shell(text), { network }));
    const printed = await until(world, "ready");
    const inside = `net:[${statSync(network.namespacePath).ino}]`;
    assert.match(printed, new RegExp(`task=${escape(inside)}`));
    assert.match(printed, new RegExp(`child=${escape(inside)}`));
    // Also by the next agent.
    const beside = await world
      .open()
      .exec(handle, world.place, { command: ["readlink", "/proc/self/ns/net"], tty: false, environment: { PATH: "/usr/bin:/bin" } });
    assert.equal((await outputOf(beside)).trim(), inside);
  });

  check("a namespace that is not there is said so, and nothing is left", async (world, network) => {
    const driver = world.open();
    const gone = { ...network, namespacePath: "/run/netns/dt-never-there" };
    await assert.rejects(driver.start(taskStart(world, ID, shell("sleep 1000"), { network: gone })), {
      code: "DRIVER_START_FAILED",
      message: /network namespace "\/run\/netns\/dt-never-there" is not there/,
    });
    assert.deepEqual(await driver.list(), []);
    assert.deepEqual(await world.left(), []);
  });
}

test(
  "exec: host name, hosts and resolv.conf are the allocation's; files of the host are shown where they are asked for",
  { timeout: 60_000 },
  async () => {
    const world = await hostWorld("chroot", (stateDirectory) => execDriver({ stateDirectory, noPivotRoot: true }));
    const name = `dt-${randomBytes(4).toString("hex")}`;
    execFileSync("ip", ["netns", "add", name]);
    try {
      const files = { hosts: path.join(world.directory, "hosts"), resolvConf: path.join(world.directory, "resolv.conf") };
      const program = path.join(world.directory, "program");
      writeFileSync(files.hosts, "10.9.8.7 of-its-own\n", { mode: 0o644 });
      writeFileSync(files.resolvConf, "nameserver 10.9.8.1\n", { mode: 0o644 });
      writeFileSync(program, "#!/bin/sh\necho the program\n", { mode: 0o755 });
      const driver = world.open();
      const network = { namespacePath: `/run/netns/${name}`, hostname: "its-name", files, holder: "" };
      const text =
        "hostname; cat /etc/hosts /etc/resolv.conf; /opt/elsewhere/program; echo > /opt/elsewhere/program || echo read-only; echo ready; sleep 1000";
      const mounts = [{ hostPath: program, taskPath: "/opt/elsewhere/program", readOnly: true }];
      await driver.start(taskStart(world, ID, shell(text), { network, mounts }));
      const printed = await until(world, "ready");
      for (const each of ["its-name\n", "10.9.8.7 of-its-own\n", "nameserver 10.9.8.1\n", "the program\n", "read-only\n"])
        assert.ok(printed.includes(each), printed);
      assert.notEqual(execFileSync("hostname", { encoding: "utf8" }).trim(), "its-name", "the machine keeps its own");
    } finally {
      const driver = world.open();
      for (const id of await driver.list()) await driver.sweep(id);
      execFileSync("ip", ["netns", "delete", name]);
      await world.remove();
    }
  },
);

async function until(world: HostWorld, text: string): Promise<string> {
  let printed = "";
  while (!printed.includes(text)) {
    printed += world.printed();
    await sleep(5);
  }
  return printed;
}

async function outputOf(session: ExecSession): Promise<string> {
  session.end();
  let text = "";
  for await (const { data } of session.output) text += Buffer.from(data).toString();
  assert.equal(await session.exited, 0);
  return text;
}

const escape = (text: string) => text.replace(/[[\]]/g, "\\$&");
