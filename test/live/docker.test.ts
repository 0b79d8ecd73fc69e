/** The docker driver with a real dockerd: what the drivers' suite does not ask, and the failures with names (F40, F47, F49, F50). */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, copyFileSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerDriver } from "#integrations/docker";
import type { TaskStart } from "#ports";
import { startDockerDaemon, type DockerDaemon } from "../conformance/docker-daemon.ts";
import { TEST_IMAGE, dockerSettings, dockerWorld, importBusybox, ownerOf } from "../conformance/docker-world.ts";
import { taskStart } from "../conformance/driver.ts";
import type { HostWorld } from "../conformance/host-world.ts";
import { eventually } from "../eventually.ts";

const ID = "11111111-2222-3333-4444-555555555555.web.0";
const ALLOCATION = "11111111-2222-3333-4444-555555555555";
const LINE = "0123456789".repeat(10);
const shell = (text: string, more: Record<string, unknown> = {}) => ({ image: TEST_IMAGE, command: "sh", args: ["-c", text], ...more });
const counts = (lines: number, pause: string) =>
  shell(`i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "$i ${LINE}"; ${pause} done; echo "the end" >&2`);

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  let daemon: DockerDaemon;
  before(async () => {
    daemon = await startDockerDaemon({ liveRestore: true });
    await importBusybox(daemon.endpoint);
  });
  after(() => daemon.remove());

  const check = (sentence: string, body: (world: HostWorld) => Promise<void>) =>
    test(sentence, { timeout: 120_000 }, async () => {
      const world = await dockerWorld(daemon.endpoint);
      try {
        await body(world);
      } finally {
        const driver = world.open();
        for (const id of await driver.list()) await driver.sweep(id);
        for (const id of (await driver.networkHolder?.list()) ?? []) await driver.networkHolder?.release(id);
        const left = await world.left();
        await world.remove();
        assert.deepEqual(left, []);
      }
    });

  /** Empties the pipes as the keeper of logs does. */
  function reading(world: HostWorld): { text(): string; stop(): void } {
    let text = "";
    const timer = setInterval(() => (text += world.printed()), 2);
    return {
      text: () => (text += world.printed()),
      stop: () => {
        clearInterval(timer);
      },
    };
  }

  check("five megabytes in a burst arrive whole and in order before the end is told (F50)", async (world) => {
    const read = reading(world);
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, counts(48_000, "")));
    assert.equal((await driver.wait(handle, world.place)).exitCode, 0);
    assert.ok(read.text().includes("the end\n"));
    // The two pipes are emptied in turn: this one's line may stand within another.
    const lines = read.text().replace("the end\n", "").split("\n");
    read.stop();
    const numbers = lines.filter((each) => each.endsWith(LINE)).map((each) => Number(each.split(" ")[0]));
    assert.equal(numbers.length, 48_000);
    assert.ok(numbers.every((each, index) => each === index + 1));
    const { LogPath } = await daemon.docker.getContainer(String(handle.data["container"])).inspect();
    const kept = Number(execFileSync("du", ["-sb", path.dirname(LogPath)], { encoding: "utf8" }).split("\t")[0]);
    assert.ok(kept < 17_000_000, `docker keeps ${kept} bytes`);
    await driver.destroy(handle, world.place);
  });

  check("agents are killed again and again: every line arrives once", async (world) => {
    const read = reading(world);
    const task = taskStart(world, ID, counts(1500, "sleep 0.002;"));
    for (let round = 0; ; round++) {
      const agent = startAgent(world, task);
      await agent.said("running");
      const over = await Promise.race([agent.said("ended").then(() => true), sleep(200 + round * 97).then(() => false)]);
      await agent.kill();
      if (over) break;
    }
    await eventually("the end", () => read.text().includes("the end"));
    read.stop();
    const numbers = read
      .text()
      .replace("the end\n", "")
      .split("\n")
      .filter((each) => each.endsWith(LINE))
      .map((each) => Number(each.split(" ")[0]));
    assert.deepEqual(
      numbers,
      Array.from({ length: 1500 }, (_, index) => index + 1),
    );
  });

  check("an agent killed at any moment of a start leaves a task that is found, or nothing that stays", async (world) => {
    for (let round = 0; round < 12; round++) {
      const id = `${ALLOCATION}.web.${round}`;
      const task = taskStart(world, id, shell("sleep 1000"));
      const agent = startAgent(world, task);
      await agent.said("begins");
      await sleep(round * 40);
      await agent.kill();
      const driver = world.open();
      const handle = (await driver.find(id, world.place)) ?? (await driver.start(task).catch((thrown: { code?: string }) => thrown.code));
      if (typeof handle === "string") assert.equal(handle, "DRIVER_TASK_EXISTS");
      const found = await driver.find(id, world.place);
      assert.ok(found !== undefined);
      assert.deepEqual(await driver.list(), [id]);
      await driver.destroy(found, world.place);
      assert.deepEqual(await world.left(), []);
    }
  });

  check("docker away: the node says so, no task is said to have ended; back with live-restore, the task goes on", async (world) => {
    const driver = world.open();
    assert.equal((await driver.fingerprint()).Healthy, true);
    const handle = await driver.start(taskStart(world, ID, shell("echo ready; sleep 1000")));
    await world.settled();
    let ended = false;
    const waiting = driver.wait(handle, world.place).then((exit) => {
      ended = true;
      return exit;
    });
    await daemon.kill();
    const info = await driver.fingerprint();
    assert.deepEqual([info.Detected, info.Healthy], [true, false]);
    assert.match(info.HealthDescription, /not running|Start docker/);
    assert.deepEqual(await world.open().find(ID, world.place), handle, "the next agent takes it up though docker is away");
    await daemon.start();
    await eventually("docker to be healthy", async () => (await driver.fingerprint()).Healthy);
    assert.equal(ended, false);
    assert.equal(readlinkSync(`/proc/${handle.pid}/exe`).endsWith("busybox"), true, "the same process");
    await driver.stop(handle, world.place, { signal: "SIGKILL", timeoutMs: 1000 });
    assert.equal((await waiting).signal, 9);
    await driver.destroy(handle, world.place);
  });

  check("a holder keeps one network for its tasks; killed, that is told (F40)", async (world) => {
    const driver = world.open();
    const holder = driver.networkHolder;
    assert.ok(holder !== undefined);
    const hold = await holder.hold({ allocationId: ALLOCATION, hostname: "web-1" }, AbortSignal.timeout(20_000));
    assert.deepEqual(await holder.hold({ allocationId: ALLOCATION, hostname: "web-1" }, AbortSignal.timeout(20_000)), hold);
    assert.deepEqual(await world.open().networkHolder?.find(ALLOCATION), hold);
    assert.deepEqual(await holder.list(), [ALLOCATION]);
    assert.deepEqual(await driver.list(), [], "a holder is no task");
    const files = { hosts: path.join(world.directory, "hosts"), resolvConf: path.join(world.directory, "resolv.conf") };
    writeFileSync(files.hosts, "127.0.0.1 localhost\n10.1.2.3 web-1\n");
    writeFileSync(files.resolvConf, "nameserver 10.9.9.9\n");
    const network = { namespacePath: `/proc/${hold.pid}/ns/net`, hostname: "web-1", files, holder: hold.reference };
    const config = shell("cat /etc/hosts /etc/resolv.conf; hostname; echo ready; sleep 1000", { extra_hosts: ["db:10.4.4.4"] });
    const handle = await driver.start(taskStart(world, ID, config, { network }));
    assert.equal(readlinkSync(`/proc/${handle.pid}/ns/net`), readlinkSync(`/proc/${hold.pid}/ns/net`));
    const read = reading(world);
    await eventually("its words", () => read.text().includes("ready"));
    read.stop();
    for (const word of ["10.1.2.3 web-1", "10.4.4.4 db", "nameserver 10.9.9.9", "\nweb-1\n"]) assert.ok(read.text().includes(word), word);
    assert.equal(handle.network, undefined);
    const lost = holder.lost(ALLOCATION, AbortSignal.timeout(20_000));
    process.kill(hold.pid, "SIGKILL");
    await lost;
    assert.equal(await holder.find(ALLOCATION), undefined);
    const again = await holder.hold({ allocationId: ALLOCATION, hostname: "web-1" }, AbortSignal.timeout(20_000));
    assert.notEqual(again.reference, hold.reference);
    for (let round = 0; round < 2; round++) await holder.release(ALLOCATION);
    assert.deepEqual(await holder.list(), []);
    await driver.destroy(handle, world.place);
  });

  check("on a network of docker's a task has an address of its own, and published ports", async (world) => {
    const name = `dt${process.pid.toString(16)}`;
    const network = await daemon.docker.createNetwork({
      Name: name,
      IPAM: { Config: [{ Subnet: "10.213.77.0/24" }] },
      Options: { "com.docker.network.bridge.name": name.slice(0, 15) },
    });
    try {
      const driver = world.open();
      const config = shell("echo ready; sleep 1000", {
        network_mode: name,
        ipv4_address: "10.213.77.9",
        ports: ["http"],
        network_aliases: ["w"],
      });
      const ports = [
        { label: "http", hostIp: "127.0.0.1", hostPort: 28_471, to: 8080 },
        { label: "other", hostIp: "127.0.0.1", hostPort: 28_472, to: 0 },
      ];
      const handle = await driver.start(taskStart(world, ID, config, { ports }));
      assert.deepEqual(handle.network, { address: "10.213.77.9", advertised: true, ports: { http: 8080 } });
      const found = await daemon.docker.getContainer(String(handle.data["container"])).inspect();
      assert.deepEqual(found.HostConfig.PortBindings["8080/tcp"], [{ HostIp: "127.0.0.1", HostPort: "28471" }]);
      await driver.destroy(handle, world.place);
    } finally {
      await network.remove();
    }
  });

  check("a task sees its directories, its limits and its rights, and no more", async (world) => {
    const read = reading(world);
    mkdirSync(path.join(world.place.taskDirectory, "local"), { recursive: true });
    writeFileSync(path.join(world.place.taskDirectory, "local", "note"), "from the agent\n");
    const text =
      "cat /local/note; echo hi > /alloc/data/said; grep CapEff /proc/1/status; id -u; ulimit -n; cat /mnt/in/note; pwd; hostname";
    const config = shell(text, {
      ulimit: { nofile: "200:300" },
      work_dir: "/tmp",
      hostname: "box",
      volumes: ["local:/mnt/in:ro"],
      cap_drop: ["chown"],
      labels: { mine: "yes" },
    });
    const owner = { namespace: "default", jobId: "j", jobName: "job", parentJobId: "", group: "g", nodeId: "n", nodeName: "node" };
    const driver = world.open();
    mkdirSync(path.join(world.place.sharedDirectory, "data"), { recursive: true });
    const handle = await driver.start(taskStart(world, ID, config, { user: "0", owner }));
    assert.equal((await driver.wait(handle, world.place)).exitCode, 0);
    const said = read.text();
    read.stop();
    // Fourteen of docker's but net_raw and chown.
    assert.match(said, /^from the agent\nCapEff:\t00000000a80405fa\n0\n200\nfrom the agent\n\/tmp\nbox\n$/);
    assert.equal(readFileSync(path.join(world.place.sharedDirectory, "data", "said"), "utf8"), "hi\n");
    await driver.destroy(handle, world.place);
  });

  check("what leads out of the allocation is refused: host paths, links, an image's tar elsewhere, privileges", async (world) => {
    const driver = world.open();
    mkdirSync(path.join(world.place.taskDirectory, "local"), { recursive: true });
    symlinkSync("/etc", path.join(world.place.taskDirectory, "local", "out"));
    copyFileSync("/etc/hostname", path.join(world.directory, "image.tar"));
    const refused: [Record<string, unknown>, RegExp][] = [
      [{ volumes: ["/etc:/x"] }, /outside the allocation/],
      [{ volumes: ["local/out:/x"] }, /a link leads out/],
      [{ volumes: ["../../../..:/x"] }, /outside the allocation/],
      [{ mount: [{ type: "bind", source: "local/out/passwd", target: "/x" }] }, /a link leads out/],
      [{ load: "../../../image.tar" }, /leads out of the task's directory/],
      [{ load: "out/hostname" }, /leads out of the task's directory/],
      [{ privileged: true }, /privileged/],
      [{ cap_add: ["sys_admin"] }, /sys_admin/],
      [{ pid_mode: "host" }, /pid_mode "host" is not allowed/],
      [{ runtime: "other" }, /runtime "other"/],
      [{ isolation: "hyperv" }, /Windows/],
      [{ ports: ["none"] }, /port "none"/],
    ];
    for (const [more, reason] of refused) {
      const config = { ...shell("true"), mounts: [], ...more, ...(more["load"] === undefined ? {} : { image: "no/such:1" }) };
      const filled = "mount" in more ? { ...config, mount: [{ readonly: false, ...(more["mount"] as object[])[0] }] } : config;
      await assert.rejects(driver.start(taskStart(world, ID, filled)), (error: Error & { code?: string }) => {
        assert.equal(error.code, "DRIVER_TASK_INVALID", error.message);
        assert.match(error.message, reason);
        return true;
      });
    }
    assert.deepEqual(await world.left(), []);
  });

  check("an image is loaded from the task's directory, used, and goes when nobody uses it", async (world) => {
    await importBusybox(daemon.endpoint, "drover-test/loaded:7");
    const tar = path.join(world.place.taskDirectory, "local", "image.tar");
    mkdirSync(path.dirname(tar), { recursive: true });
    const saved = await daemon.docker.getImage("drover-test/loaded:7").get();
    const chunks: Buffer[] = [];
    for await (const chunk of saved) chunks.push(chunk as Buffer);
    writeFileSync(tar, Buffer.concat(chunks));
    await daemon.docker.getImage("drover-test/loaded:7").remove();
    const config = dockerSettings(daemon.endpoint);
    const settings = { ...config, garbage: { ...config.garbage, imageDelayMs: 50 } };
    const driver = dockerDriver({ owner: ownerOf(world.stateDirectory), stateDirectory: world.stateDirectory, config: settings });
    const wanted = shell("exit 0", { image: "drover-test/loaded:7", load: "image.tar" });
    const handle = await driver.start(taskStart(world, ID, wanted));
    await driver.wait(handle, world.place);
    const here = () =>
      daemon.docker
        .getImage("drover-test/loaded:7")
        .inspect()
        .then(
          () => true,
          () => false,
        );
    assert.equal(await here(), true);
    await driver.destroy(handle, world.place);
    await eventually("the image to go", async () => !(await here()));
    await eventually("its record to go", () => !existsSync(path.join(world.stateDirectory, "docker-images.json")));
    assert.equal(
      await daemon.docker
        .getImage(TEST_IMAGE)
        .inspect()
        .then(() => true),
      true,
      "one we did not fetch stays",
    );
  });

  function startAgent(world: HostWorld, task: TaskStart) {
    const options = { owner: ownerOf(world.stateDirectory), stateDirectory: world.stateDirectory, config: dockerSettings(daemon.endpoint) };
    const program = path.join(import.meta.dirname, "docker-agent-process.ts");
    const child = spawn(process.execPath, [program, JSON.stringify({ options, task })], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    return {
      said: (word: string) => eventually(word, () => output.includes(word) || child.exitCode !== null, 60_000),
      async kill() {
        child.kill("SIGKILL");
        await gone;
      },
    };
  }
}
