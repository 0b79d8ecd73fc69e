/** What a node does when asked: commands in tasks, metadata, devices; and the payload a dispatched job gets. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mockDevices } from "#integrations/memory";
import type { ExecInput, ExecOutput, NodeServices } from "#ports";
import { changeDynamic, mergeMetadata } from "../../../src/client/node/metadata.ts";
import { payloadPath } from "../../../src/client/execution/steps/payload.ts";
import { allocationId, anAllocation, createStage, SECOND, type Stage } from "./stage.ts";

const A = allocationId("a");

async function* nothing(): AsyncGenerator<ExecInput> {}

async function outputs(of: AsyncIterable<ExecOutput>): Promise<string[]> {
  const said: string[] = [];
  for await (const each of of)
    said.push(each.kind === "exited" ? `exited ${each.exitCode}` : `${each.kind} ${Buffer.from(each.data).toString()}`);
  return said;
}

function exec(
  services: NodeServices,
  Command: readonly string[],
  input: AsyncIterable<ExecInput> = nothing(),
  signal = new AbortController().signal,
) {
  return services.exec({ AllocationId: A, Task: "main", Command, Tty: false }, input, signal);
}

async function running(): Promise<{ stage: Stage; services: NodeServices }> {
  const stage = createStage();
  const { client } = await stage.agent();
  stage.server.put(anAllocation("a"));
  await stage.clock.advance(SECOND);
  return { stage, services: client.services };
}

describe("a command in a task", () => {
  test("hears its input, says its output and its status", async () => {
    const { services } = await running();
    async function* input(): AsyncGenerator<ExecInput> {
      yield { kind: "stdin", data: Buffer.from("one") };
      yield { kind: "size", height: 1, width: 2 };
      yield { kind: "stdin", data: Buffer.from("two") };
      yield { kind: "stdin-end" };
    }
    assert.deepEqual(await outputs(exec(services, ["cat"], input())), ["stdout one", "stdout two", "exited 0"]);
    assert.deepEqual(await outputs(exec(services, ["exit", "7"])), ["exited 7"]);
    assert.deepEqual(await outputs(exec(services, ["print", "NOMAD_TASK_NAME"])), ["stdout main\n", "exited 0"]);
  });

  test("begins with the size its terminal is told first; where none is told it is not waited for long", async () => {
    const { stage, services } = await running();
    const inTerminal = (input: AsyncIterable<ExecInput>) =>
      outputs(services.exec({ AllocationId: A, Task: "main", Command: ["exit", "0"], Tty: true }, input, new AbortController().signal));
    async function* sized(): AsyncGenerator<ExecInput> {
      yield { kind: "size", height: 33, width: 101 };
    }
    assert.deepEqual(await inTerminal(sized()), ["stdout size 33 101\n", "exited 0"]);
    async function* silent(): AsyncGenerator<ExecInput> {
      await new Promise<void>(() => {});
      yield { kind: "stdin-end" };
    }
    const waiting = inTerminal(silent());
    await stage.clock.advance(SECOND);
    assert.deepEqual(await waiting, ["exited 0"]);
  });

  test("is killed when whoever asked goes away, by a signal or by listening no more", async () => {
    const { stage, services } = await running();
    const asked = new AbortController();
    const said: ExecOutput[] = [];
    for await (const each of exec(services, ["run"], nothing(), asked.signal)) {
      said.push(each);
      asked.abort();
    }
    assert.equal(said.length, 1, "no status is told to nobody");
    for await (const _ of exec(services, ["run"])) break;
    assert.deepEqual(await Promise.all(stage.machine.sessions.map((session) => session.exited)), [137, 137]);
  });

  test("is refused beside a task that does not run, an unknown one, and without a command", async () => {
    const { stage, services } = await running();
    await assert.rejects(outputs(exec(services, [])), { code: "EXEC_COMMAND_MISSING", statusCode: 400 });
    await assert.rejects(
      outputs(services.exec({ AllocationId: A, Task: "else", Command: ["x"], Tty: false }, nothing(), new AbortController().signal)),
      {
        code: "TASK_UNKNOWN",
      },
    );
    stage.server.put({ ...anAllocation("a"), DesiredStatus: "stop" });
    await stage.clock.advance(10 * SECOND);
    await assert.rejects(outputs(exec(services, ["exit", "0"])), { message: 'task "main" is not running.', statusCode: 404 });
  });

  test("is refused where the operator wants none", async () => {
    const stage = createStage();
    const { client } = await stage.agent({ settings: { remoteExecDisabled: true } });
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    await assert.rejects(outputs(exec(client.services, ["exit", "0"])), { code: "EXEC_DISABLED", statusCode: 403 });
  });
});

describe("metadata of a node", () => {
  test("set while it runs it is registered anew, wins over the configuration, and is kept", async () => {
    const stage = createStage();
    const first = await stage.agent({ settings: { meta: { rack: "r1", zone: "z" } } });
    await stage.clock.advance(SECOND);
    const { services } = first.client;
    assert.deepEqual(await services.metadata(), { Meta: { rack: "r1", zone: "z" }, Dynamic: {}, Static: { rack: "r1", zone: "z" } });
    const changed = await services.changeMetadata({ rack: "r2", new: "n", zone: null, never: null });
    assert.deepEqual(changed, {
      Meta: { rack: "r2", new: "n" },
      Dynamic: { rack: "r2", new: "n", zone: null },
      Static: { rack: "r1", zone: "z" },
    });
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.server.registered.at(-1)?.Meta, { rack: "r2", new: "n" });
    first.kill();
    const second = await stage.agent({ settings: { meta: { rack: "r1", zone: "z" } } });
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.server.registered.at(-1)?.Meta, { rack: "r2", new: "n" });
    await second.client.services.changeMetadata({ new: null });
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(stage.server.registered.at(-1)?.Meta, { rack: "r2" }, "also after the machine was looked at again");
    await assert.rejects(second.client.services.changeMetadata({ "a b": "x" }), { code: "METADATA_INVALID" });
  });

  test("set while the machine is being looked at, it is not lost again", async () => {
    const stage = createStage();
    const gpus = mockDevices("acme/gpu/tiny=1", stage.clock);
    let slow = false;
    const fingerprint = async () => {
      if (!slow) return [];
      await stage.clock.sleep(5 * SECOND);
      return await gpus.fingerprint();
    };
    const { client } = await stage.agent({ devices: [{ ...gpus, fingerprint }] });
    slow = true;
    await stage.clock.advance(32 * SECOND);
    await client.services.changeMetadata({ rack: "r2" });
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.server.registered.at(-1)?.NodeResources.Devices.length, 1, "the machine was looked at");
    assert.deepEqual(stage.server.registered.at(-1)?.Meta, { rack: "r2" });
  });

  test("names of an object's own machinery are only names", () => {
    const changes = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const merged = mergeMetadata({}, changeDynamic({}, {}, changes));
    assert.deepEqual(Object.entries(merged), [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });
});

describe("devices", () => {
  test("are told to the servers, to the task that holds them, and measured", async () => {
    const stage = createStage();
    const { client } = await stage.agent({ devices: [mockDevices("acme/gpu/tiny=2", stage.clock)] });
    const allocation = anAllocation("a", { tasks: [{ Env: { MOCK_VISIBLE_DEVICES: "mine" } }] });
    const given = allocation.AllocatedResources.Tasks["main"];
    assert.ok(given !== undefined);
    const Devices = [{ Vendor: "acme", Type: "gpu", Name: "tiny", DeviceIDs: ["acme-gpu-tiny-1"] }];
    stage.server.put({ ...allocation, AllocatedResources: { ...allocation.AllocatedResources, Tasks: { main: { ...given, Devices } } } });
    await stage.clock.advance(SECOND);
    assert.deepEqual(
      stage.server.registered[0]?.NodeResources.Devices.map((group) => [group.Vendor, group.Type, group.Name, group.Instances.length]),
      [["acme", "gpu", "tiny", 2]],
    );
    assert.equal(stage.machine.processes.get(`${A}.main.0`)?.start.environment["MOCK_VISIBLE_DEVICES"], "acme-gpu-tiny-1");
    const usage = await client.services.allocationUsage(A);
    assert.deepEqual(
      usage.ResourceUsage.DeviceStats.map((group) => Object.keys((group as { InstanceStats: object }).InstanceStats)),
      [["acme-gpu-tiny-1"]],
    );
  });

  test("are known to commands beside the task, also after a restart of the agent, and though they are gone the task is kept", async () => {
    const stage = createStage();
    const devices = [mockDevices("acme/gpu/tiny=2", stage.clock)];
    const first = await stage.agent({ devices });
    const allocation = anAllocation("a");
    const given = allocation.AllocatedResources.Tasks["main"];
    assert.ok(given !== undefined);
    const Devices = [{ Vendor: "acme", Type: "gpu", Name: "tiny", DeviceIDs: ["acme-gpu-tiny-1"] }];
    stage.server.put({ ...allocation, AllocatedResources: { ...allocation.AllocatedResources, Tasks: { main: { ...given, Devices } } } });
    await stage.clock.advance(SECOND);
    first.kill();
    const second = await stage.agent({ devices });
    await stage.clock.advance(SECOND);
    const seen = () => exec(second.client.services, ["print", "MOCK_VISIBLE_DEVICES"]);
    assert.deepEqual(await outputs(seen()), ["stdout acme-gpu-tiny-1\n", "exited 0"]);
    second.kill();
    const third = await stage.agent();
    await stage.clock.advance(20 * SECOND);
    assert.deepEqual(await outputs(exec(third.client.services, ["exit", "3"])), ["exited 3"]);
    assert.equal(stage.machine.everStarted.length, 1);
  });

  test("a device that is gone fails the set-up and says which", async () => {
    const stage = createStage();
    await stage.agent();
    const allocation = anAllocation("a", { type: "batch" });
    const given = allocation.AllocatedResources.Tasks["main"];
    assert.ok(given !== undefined);
    const Devices = [{ Vendor: "acme", Type: "gpu", Name: "tiny", DeviceIDs: ["acme-gpu-tiny-1"] }];
    stage.server.put({ ...allocation, AllocatedResources: { ...allocation.AllocatedResources, Tasks: { main: { ...given, Devices } } } });
    await stage.clock.advance(SECOND);
    assert.match(JSON.stringify(stage.told(A)?.TaskStates), /Cannot reserve device .*acme-gpu-tiny-1/);
    assert.deepEqual(stage.machine.everStarted, []);
  });

  test("an option that is none is refused", () => {
    assert.throws(() => mockDevices("gpu", createStage().clock), { code: "DEVICE_OPTION_INVALID" });
  });
});

describe("a dispatched job's payload", () => {
  test("is a file in the task's local directory, written once", async () => {
    const stage = createStage();
    await stage.agent();
    const Payload = Buffer.from("hello").toString("base64");
    stage.server.put(anAllocation("a", { job: { Payload }, tasks: [{ DispatchPayload: { File: "in/config.txt" } }, { Name: "other" }] }));
    await stage.clock.advance(SECOND);
    assert.deepEqual([...stage.machine.written], [[`/alloc/${A}/main/local/in/config.txt`, "hello"]]);
  });

  test("is the task's once it was started: what the task made of it is not written over, what it took away is given again", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    stage.server.put(anAllocation("a", { job: { Payload: "aGk=" }, tasks: [{ DispatchPayload: { File: "x" } }] }));
    await stage.clock.advance(SECOND);
    const file = `/alloc/${A}/main/local/x`;
    assert.equal(stage.machine.written.get(file), "hi");
    stage.machine.written.set(file, "its own");
    await client.services.restartAllocation(A, "main", false);
    await stage.clock.advance(20 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`, `${A}.main.1`]);
    assert.equal(stage.machine.written.get(file), "its own");
    stage.machine.written.delete(file);
    await client.services.restartAllocation(A, "main", false);
    await stage.clock.advance(20 * SECOND);
    assert.equal(stage.machine.written.get(file), "hi");
  });

  test("a path that leads out of local fails the set-up", async () => {
    for (const File of ["../secrets/x", "a/../../../x", "..", "."])
      assert.throws(() => payloadPath("main", File), { code: "FILE_OUTSIDE" }, File);
    assert.equal(payloadPath("main", "/etc/passwd"), "main/local/etc/passwd");
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", job: { Payload: "aGk=" }, tasks: [{ DispatchPayload: { File: "../x" } }] }));
    await stage.clock.advance(SECOND);
    assert.match(JSON.stringify(stage.told(A)?.TaskStates), /leads out of the task's local directory/);
    assert.equal(stage.machine.written.size, 0);
  });
});
