/** The machines that tests of clusters run on: apart from each other, cut, moved, and gone afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./real-agent.ts";
import { lastWords, startClusterWorld, type ClusterMachine } from "./parts/cluster-world.ts";

const LISTEN = `require("node:http").createServer((_, answer) => answer.end(process.argv[1])).listen(4646, "0.0.0.0")`;

test("machines of a cluster reach each other, are cut apart two by two, pulled out, moved and killed, and nothing is left", async (t) => {
  const world = await startClusterWorld(t, { machines: 3 });
  const [s1, s2, s3] = world.machines as [ClusterMachine, ClusterMachine, ClusterMachine];
  for (const machine of world.machines) {
    machine.start(process.execPath, ["-e", LISTEN, machine.name]);
    await eventually(`${machine.name} to listen`, () => reaches(machine, machine));
  }
  assert.equal((await s1.request("/", { host: s2.address })).text, "s2");
  await world.cutBetween(s1, s2);
  assert.equal(await reaches(s1, s2), false);
  assert.equal(await reaches(s2, s1), false);
  assert.equal(await reaches(s1, s3), true);
  await world.heal();
  assert.equal(await reaches(s2, s1), true);
  await s3.cut();
  assert.equal(await reaches(s1, s3), false);
  assert.equal(await reaches(s3, s3), true);
  await world.heal();
  await eventually("s3 to be back", () => reaches(s1, s3));
  await s3.stop();
  assert.equal(await reaches(s1, s3), false);
  await s3.cont();
  assert.equal(await reaches(s1, s3), true);
  const before = s2.address;
  const after = await s2.readdress();
  assert.notEqual(before, after);
  await eventually("s2 at its new address", () => reaches(s1, s2));
  await s2.kill9();
  assert.equal(await reaches(s2, s2), false);
  assert.equal((await s2.pids()).length, 0);
  await world.remove();
});

test("a Drover agent runs on a machine with its default ports", async (t) => {
  const world = await startClusterWorld(t, { machines: ["lone"] });
  const lone = world.machine("lone");
  const agent = lone.agent({ "server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n" });
  await lone.answers().catch((error: unknown) => assert.fail(`${String(error)}\n${lastWords(agent)}`));
  await eventually("a leader", async () => (await lone.request("/v1/status/leader")).text.includes(":4647"));
  assert.equal((await lone.cli("status")).code, 0);
  assert.equal(await agent.end("SIGTERM"), 0);
});

async function reaches(from: ClusterMachine, to: ClusterMachine): Promise<boolean> {
  try {
    return (await from.request("/", { host: to.address, timeoutMs: 700 })).text === to.name;
  } catch {
    return false;
  }
}
