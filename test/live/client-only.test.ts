/** A server in one agent, a node in another, over the network: everything the two do together, and what survives when either dies. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startConsul } from "./parts/consul.ts";
import { clientAgent, serverAgent, untilItAnswers, untilReady } from "./parts/two-agents.ts";
import { eventually, freePort, REPOSITORY, type RealAgent } from "./real-agent.ts";

interface Stub {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<
    Record<string, { readonly State: string; readonly Restarts: number; readonly Events: readonly { readonly Type: string }[] }>
  > | null;
}

const LIVE = { timeout: 170_000 };

/** A raw_exec job that runs `script`. */
async function runJob(server: RealAgent, id: string, script: string, type = "service"): Promise<string> {
  const file = join(server.configDirectory, "..", `${id}.nomad.hcl`);
  const text = `job "${id}" {\n  type = "${type}"\n  group "g" {\n    task "main" {\n      driver = "raw_exec"\n      identity {\n        env = true\n      }\n      kill_timeout = "1s"\n      config {\n        command = "/bin/sh"\n        args = ["-c", ${JSON.stringify(script)}]\n      }\n    }\n  }\n}\n`;
  writeFileSync(file, text);
  const run = await server.cli("job", "run", "-detach", file);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  return running(server, id);
}

async function allocations(server: RealAgent, id: string): Promise<readonly Stub[]> {
  const response = await server.request(`/v1/job/${id}/allocations`);
  return response.status === 200 ? ((await response.json()) as Stub[]) : [];
}

async function running(server: RealAgent, id: string): Promise<string> {
  let found: Stub | undefined;
  await eventually(
    `job ${id} runs`,
    async () => {
      found = (await allocations(server, id)).find(({ ClientStatus }) => ClientStatus === "running");
      return found !== undefined;
    },
    30_000,
  );
  return (found as Stub).ID;
}

async function pidOf(server: RealAgent, allocation: string): Promise<number> {
  let pid = 0;
  await eventually("the task says its pid", async () => {
    pid = Number(/^pid (\d+)$/m.exec((await server.cli("alloc", "logs", allocation)).stdout)?.[1] ?? 0);
    return pid > 0;
  });
  return pid;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function two(t: TestContext): Promise<{ readonly rpc: number; readonly server: RealAgent; readonly client: RealAgent }> {
  const rpc = await freePort();
  const server = await serverAgent(t, rpc);
  const client = await clientAgent(t, [`127.0.0.1:${rpc}`]);
  await untilReady(server, [client]);
  return { rpc, server, client };
}

test(
  "a job runs on a node of another agent; its logs, commands, files and usage come through the server, and through the node's own agent",
  LIVE,
  async (t) => {
    const { server, client } = await two(t);
    const id = await runJob(server, "talk", "echo pid $$; n=0; while true; do echo line $n; n=$((n+1)); sleep 0.2; done");
    for (const agent of [server, client]) {
      const exec = await agent.cli("alloc", "exec", id, "/bin/sh", "-c", "echo from $NOMAD_JOB_NAME; exit 3");
      assert.deepEqual([exec.stdout, exec.code], ["from talk\n", 3], exec.stderr);
      assert.match((await agent.cli("job", "status", "talk")).stdout, /Status\s+= running/);
      assert.match((await agent.cli("alloc", "fs", id, "alloc/logs/main.stdout.0")).stdout, /line 0/);
      assert.match((await agent.cli("alloc", "status", "-stats", id)).stdout, /Task "main"/);
      assert.match((await agent.cli("server", "members")).stdout, /alive/);
      const tail = spawn(process.execPath, [join(REPOSITORY, "src/main.ts"), "alloc", "logs", "-f", "-tail", "-n", "2", id], {
        env: { ...process.env, NOMAD_ADDR: agent.address },
      });
      t.after(() => tail.kill("SIGKILL"));
      let seen = "";
      tail.stdout.on("data", (data: Buffer) => (seen += data.toString()));
      await eventually("the followed log goes on", () => (seen.match(/line/g) ?? []).length > 6);
      tail.kill("SIGKILL");
    }
    assert.equal((await client.request("/v1/agent/self")).status, 200);
    assert.equal((await client.request("/v1/client/stats")).status, 200);
    const leader = await client.request("/v1/status/leader");
    assert.deepEqual([leader.status, await leader.json()], [200, await (await server.request("/v1/status/leader")).json()]);
    assert.equal((await client.cli("job", "stop", "-purge", "talk")).code, 0);
  },
);

test(
  "the server killed and started again: the node connects anew, no task is restarted, and what happened meanwhile is told",
  LIVE,
  async (t) => {
    const { server, client } = await two(t);
    const id = await runJob(server, "stays", "echo pid $$; exec sleep 1000");
    const pid = await pidOf(server, id);
    const dies = await runJob(server, "dies", "echo pid $$; while [ ! -e $NOMAD_TASK_DIR/go ]; do sleep 0.1; done", "batch");
    await server.kill();
    const stranded = await client.request("/v1/jobs");
    assert.equal(stranded.status, 500);
    await server.restart();
    await untilItAnswers(server);
    await untilReady(server, [client]);
    await eventually(
      "the server has the node's services again",
      async () => (await server.cli("alloc", "exec", id, "/bin/true")).code === 0,
    );
    assert.equal((await server.cli("alloc", "exec", dies, "/bin/sh", "-c", "touch $NOMAD_TASK_DIR/go")).code, 0);
    await eventually("the end of the other is told", async () =>
      (await allocations(server, "dies")).some(({ ClientStatus }) => ClientStatus === "complete"),
    );
    assert.ok(alive(pid));
    const [stub] = await allocations(server, "stays");
    assert.deepEqual([stub?.ID, stub?.ClientStatus, stub?.TaskStates?.["main"]?.Restarts], [id, "running", 0]);
  },
);

test(
  "an agent passes on what its own node cannot answer: commands in tasks elsewhere, their logs; a task asks the agent of its node",
  LIVE,
  async (t) => {
    const { rpc, server, client } = await two(t);
    const id = await runJob(server, "far", "echo pid $$; exec sleep 1000");
    const other = await clientAgent(t, [`127.0.0.1:${rpc}`]);
    await eventually("the other node is there", async () => (await server.get<readonly unknown[]>("/v1/nodes")).length === 2);
    await eventually("its agent passes on", async () => (await other.request("/v1/jobs")).status === 200);
    const exec = await other.cli("alloc", "exec", id, "/bin/sh", "-c", "echo far; exit 4");
    assert.deepEqual([exec.stdout, exec.code], ["far\n", 4], exec.stderr);
    assert.match((await other.cli("alloc", "logs", id)).stdout, /^pid \d+$/m);
    const unknown = await other.cli("alloc", "exec", "-task", "main", "00000000-0000-4000-8000-000000000000", "/bin/true");
    assert.notEqual(unknown.code, 0);
    const socket = '--unix-socket "$NOMAD_SECRETS_DIR/api.sock" http://localhost/v1/job/far';
    const script = `curl -sS -H "Authorization: Bearer $NOMAD_TOKEN" ${socket}; echo; curl -s -o /dev/null -w "%{http_code}" -H "Authorization: Bearer forged" ${socket}`;
    const asked = await client.cli("alloc", "exec", id, "/bin/sh", "-c", script);
    const [job = "", forged = ""] = asked.stdout.split("\n");
    assert.equal((JSON.parse(job) as { ID: string }).ID, "far", asked.stderr);
    assert.equal(forged, "403");
  },
);

test("the node's agent killed and started again: its tasks are taken up again", LIVE, async (t) => {
  const { server, client } = await two(t);
  const id = await runJob(server, "outlives", "echo pid $$; exec sleep 1000");
  const pid = await pidOf(server, id);
  await client.kill();
  assert.ok(alive(pid));
  await client.restart();
  await untilItAnswers(client);
  let said = "";
  await eventually(
    "the node answers for its task again",
    async () => {
      const { code, stderr } = await server.cli("alloc", "exec", id, "/bin/true");
      said = stderr;
      return code === 0;
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${said}\n${[server, client].map((each) => each.output()).join("\n────\n")}`);
  });
  assert.ok(alive(pid));
  const all = await allocations(server, "outlives");
  assert.deepEqual(
    all.map((each) => [each.ID, each.ClientStatus, each.TaskStates?.["main"]?.Restarts]),
    [[id, "running", 0]],
  );
});

test("a node that starts before its server waits for it, says what is wrong meanwhile, and answers for itself", LIVE, async (t) => {
  const rpc = await freePort();
  const client = await clientAgent(t, [`127.0.0.1:${rpc}`]);
  await eventually("it says why", () => client.output().includes(`127.0.0.1:${rpc}: nobody listens there (connection refused)`));
  assert.equal((await client.request("/v1/client/stats")).status, 200);
  const jobs = await client.request("/v1/jobs");
  assert.deepEqual([jobs.status, await jobs.text()], [500, "No cluster leader"]);
  const server = await serverAgent(t, rpc);
  await untilReady(server, [client]);
});

test("a server's HTTP port named for the link: the node says that it is the wrong one", LIVE, async (t) => {
  const server = await serverAgent(t, await freePort());
  const client = await clientAgent(t, [`127.0.0.1:${server.port}`]);
  await eventually("it says so", () => client.output().includes(`connect to servers: 127.0.0.1:${server.port}: `));
  assert.match(client.output(), /4647 by default/);
});

test("a second server on a taken port says which port is taken, and does not start", LIVE, async (t) => {
  const rpc = await freePort();
  await serverAgent(t, rpc);
  await assert.rejects(serverAgent(t, rpc), (error: Error) => {
    assert.match(error.message, new RegExp(`Cannot listen for nodes on 127\\.0\\.0\\.1:${rpc}: the port is in use`));
    return true;
  });
});

test("a cluster made anew under the same address: the node stops nothing for it", LIVE, async (t) => {
  const { server, client } = await two(t);
  const id = await runJob(server, "kept", "echo pid $$; exec sleep 1000");
  const pid = await pidOf(server, id);
  await server.kill();
  rmSync(join(server.dataDirectory, "server"), { recursive: true });
  await server.restart();
  await untilItAnswers(server);
  await eventually("the node has heard of the other cluster", () => /belongs to/.test(client.output()), 30_000);
  assert.ok(alive(pid));
  assert.equal((await client.request(`/v1/client/allocation/${id}/stats`)).status, 200);
});

test("a big log streamed to a reader that takes nothing costs no heartbeat, and no memory", LIVE, async (t) => {
  const { server, client } = await two(t);
  const id = await runJob(server, "loud", "echo pid $$; head -c 60000000 /dev/zero | tr '\\\\0' 'x'; echo; exec sleep 1000");
  await eventually(
    "the log is written",
    async () => {
      const files = (await (await server.request(`/v1/client/fs/ls/${id}?path=alloc/logs`)).json()) as { Name: string; Size: number }[];
      return files.filter(({ Name }) => Name.startsWith("main.stdout")).reduce((sum, { Size }) => sum + Size, 0) > 60_000_000;
    },
    60_000,
  );
  const before = memoryMB(server.pid) + memoryMB(client.pid);
  const socket = connect(server.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write(`GET /v1/client/fs/logs/${id}?task=main&type=stdout&plain=true&follow=true HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
  socket.pause();
  // Three heartbeats' time: the TTL of this server is 3 s and its grace 4 s.
  const until = Date.now() + 9_000;
  while (Date.now() < until) {
    const nodes = (await (await server.request("/v1/nodes")).json()) as { Status: string }[];
    assert.deepEqual(
      nodes.map(({ Status }) => Status),
      ["ready"],
    );
    assert.equal((await server.cli("alloc", "exec", id, "/bin/true")).code, 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const grown = memoryMB(server.pid) + memoryMB(client.pid) - before;
  assert.ok(grown < 60, `both agents together grew by ${grown} MB`);
  let bytes = 0;
  socket.on("data", (data: Buffer) => (bytes += data.length));
  socket.resume();
  await eventually("all of it arrives at last", () => bytes > 60_000_000, 60_000);
});

test("a node that was told nothing but consul { } finds its server in Consul's catalog, also when it moves", LIVE, async (t) => {
  const consul = await startConsul({ owner: t });
  const block = { "30-consul.hcl": `consul {\n  address = "${consul.httpAddress}"\n}\n` };
  const client = await clientAgent(t, [], block);
  await eventually("it says that there is none", () => /none is known/.test(client.output()));
  const server = await serverAgent(t, await freePort(), block);
  await untilReady(server, [client]);
  const id = await runJob(server, "found", "echo pid $$; exec sleep 1000");
  const pid = await pidOf(server, id);
  await server.terminate();
  const moved = await freePort();
  const file = join(server.configDirectory, "10-server.hcl");
  writeFileSync(file, readFileSync(file, "utf8").replace(/rpc = \d+/, `rpc = ${moved}`));
  await server.restart();
  await untilItAnswers(server);
  await eventually("it is found again", async () => (await server.cli("alloc", "exec", id, "/bin/true")).code === 0, 60_000);
  assert.ok(alive(pid));
});

function memoryMB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
