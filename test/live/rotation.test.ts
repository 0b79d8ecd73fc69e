/**
 * One value that many allocations use is changed, in a real Consul, with a server and a node that are killed on the way. The tasks themselves are
 * the witnesses: each writes into one file when it comes up, with the value it read, and when it is told to go down. Who is down follows from
 * the order of its lines, whatever the time was.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { testScale } from "../scale.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { clientAgent, serverAgent, untilItAnswers, untilReady } from "./parts/two-agents.ts";
import { eventually, freePort, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const SECOND_NS = 1e9;
const LIVE = { timeout: 400_000, skip: process.env["DROVER_SKIP_LIVE"] === "1" };
/** Long enough for a shell to write its first line, on a machine that has much to do. */
const MIN_HEALTHY_NS = SECOND_NS;

interface Stub {
  readonly ID: string;
  readonly TaskGroup: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}
interface TaskState {
  readonly State: string;
  readonly Restarts: number;
  readonly Failed: boolean;
  readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string }[];
}
interface GroupShape {
  readonly name: string;
  readonly count: number;
  readonly maxParallel?: number;
  readonly crashDelayNs?: number;
}

describe("a value that many allocations use", LIVE, () => {
  const owner = suiteOwner(after);
  const own = temporaryDirectory("rotation");
  let consul: RealConsul;
  let server: RealAgent;
  let client: RealAgent;

  before(async () => {
    owner.after(async () => own.remove());
    consul = await startConsul({ owner });
    const rpc = await freePort();
    server = await serverAgent(owner, rpc, { "30-grace.hcl": 'server {\n  heartbeat_grace = "60s"\n}\n' });
    client = await clientAgent(owner, [`127.0.0.1:${rpc}`], {
      "30-consul.hcl": `consul {\n  address = "${consul.httpAddress}"\n  client_auto_join = false\n  server_auto_join = false\n}\n`,
    });
    await untilReady(server, [client]);
  });

  const rotate = (key: string, value: string) => consul.put(`/v1/kv/${key}`, value);
  const stubs = async (job: string): Promise<readonly Stub[]> => server.get<Stub[]>(`/v1/job/${job}/allocations?task_states=true`);
  const witness = (job: string) => join(own.path, job);
  const read = (job: string): Line[] => (existsSync(witness(job)) ? linesOf(readFileSync(witness(job), "utf8")) : []);

  async function submit(job: string, key: string, type: "service" | "batch", groups: readonly GroupShape[]): Promise<void> {
    const answer = await server.request("/v1/jobs", {
      method: "PUT",
      body: JSON.stringify({ Job: jobOf(job, key, type, groups, witness(job)) }),
    });
    assert.equal(answer.status, 200, await answer.text());
    const count = groups.reduce((sum, each) => sum + each.count, 0);
    await eventually(
      `${count} allocations of ${job} to be up`,
      () => read(job).filter(({ what }) => what === "up").length === count,
      60_000,
    );
    await eventually(
      `the deployment of ${job} to be done`,
      async () =>
        type === "batch"
          ? (await stubs(job)).every(isUp)
          : (await server.get<{ Status: string }[]>(`/v1/job/${job}/deployments`))[0]?.Status === "successful",
      60_000,
    );
  }

  const allHave = (job: string, value: string, count: number, limitMs: number): Promise<unknown> =>
    eventually(
      `${count} allocations of ${job} to have ${value}`,
      () => new Set(read(job).flatMap((line) => (line.what === "up" && line.value === value ? [line.id] : []))).size === count,
      limitMs,
    ).catch(async (error: unknown) => {
      const why = (await stubs(job)).flatMap(({ ID, TaskStates }) => `${ID} ${TaskStates?.["main"]?.Events.at(-1)?.DisplayMessage}`);
      throw new Error(`${String(error)}\n${read(job).length} lines; ${why.join("\n")}`);
    });

  async function stop(job: string): Promise<void> {
    await server.request(`/v1/job/${job}?purge=true`, { method: "DELETE" });
    await eventually(`${job} to be gone`, async () => (await stubs(job)).every(({ ClientStatus }) => ClientStatus === "complete"), 60_000);
  }

  /** Every state of the servers that can be seen: how many of the job are not up, at most. Until it is stopped. */
  function watch(job: string): { stop(): Promise<{ readonly most: number; readonly states: number }> } {
    let [index, most, states, over] = [0, 0, 0, false];
    const end = new AbortController();
    const watching = (async () => {
      while (!over) {
        try {
          const answer = await fetch(`${server.address}/v1/job/${job}/allocations?task_states=true&wait=10s&index=${index}`, {
            signal: end.signal,
          });
          if (answer.status !== 200) throw new Error(`${answer.status}`);
          const seen = (await answer.json()) as Stub[];
          index = Number(answer.headers.get("x-nomad-index"));
          states++;
          most = Math.max(most, seen.filter((each) => !isUp(each)).length);
        } catch {
          // The server is being killed: as soon as it answers again.
          if (!over) await untilItAnswers(server).catch(() => undefined);
        }
      }
    })();
    return {
      async stop() {
        over = true;
        end.abort();
        await watching;
        return { most, states };
      },
    };
  }

  for (const { count, max } of [{ count: 50, max: 5 }, ...(testScale() > 1 ? [{ count: 50, max: 3 }] : [])]) {
    test(
      `${count} allocations take it up with at most ${max} down, each with one restart, though node and server are killed`,
      LIVE,
      async (t) => {
        const job = `herd-${max}`;
        await rotate("herd", "one");
        await submit(job, "herd", "service", [{ name: "g", count, maxParallel: max }]);
        const watched = watch(job);
        const startedMs = performance.now();
        await rotate("herd", "two");
        const restarted = () => read(job).filter(({ what, value }) => what === "up" && value === "two").length;
        // In the middle of it: some are done, some are on their way, the others wait.
        await eventually("a few to be restarted", () => restarted() >= count / 5, 60_000);
        await client.kill();
        await client.restart();
        await eventually("some more to be restarted", () => restarted() >= count / 2, 60_000);
        await server.kill();
        await server.restart();
        await untilItAnswers(server);
        await eventually("nearly all to be restarted", () => restarted() >= (count * 3) / 4, 60_000);
        await Promise.all([client.kill(), server.kill()]);
        await Promise.all([server.restart(), client.restart()]);
        await allHave(job, "two", count, 90_000);
        const tookMs = performance.now() - startedMs;
        await eventually("the servers to know it", async () => (await stubs(job)).every(isUp));
        const { most, states } = await watched.stop();

        const lines = read(job);
        const down = mostDown(lines);
        assert.ok(down <= max, `${down} were down at once`);
        assert.ok(most <= max, `the servers saw ${most} down at once`);
        assert.ok(down > 1, "they go down beside each other");
        assertOnce(lines, count, ["one", "two"]);
        for (const { ID, TaskStates } of await stubs(job))
          assert.deepEqual([TaskStates?.["main"]?.Restarts, TaskStates?.["main"]?.Failed], [1, false], ID);
        t.diagnostic(
          `${count} allocations, max_parallel ${max}, three kills: ${Math.round(tookMs / 100) / 10} s; at most ${down} down as they say, ${most} in ${states} states of the servers`,
        );
        await stop(job);
      },
    );
  }

  test("each group has its own turns, and what has no update block, or runs once, needs none", LIVE, async (t) => {
    await rotate("mixed", "one");
    const groups = [
      { name: "single", count: 4, maxParallel: 1 },
      { name: "pairs", count: 6, maxParallel: 2 },
    ];
    await Promise.all([submit("mixed", "mixed", "service", groups), submit("batch", "mixed", "batch", [{ name: "g", count: 8 }])]);
    await rotate("mixed", "two");
    await Promise.all([allHave("mixed", "two", 10, 60_000), allHave("batch", "two", 8, 60_000)]);
    const lines = read("mixed");
    const most = groups.map(({ name }) => mostDown(lines.filter(({ group }) => group === name)));
    assert.deepEqual(most, [1, 2]);
    assertOnce(lines, 10, ["one", "two"]);
    assertOnce(read("batch"), 8, ["one", "two"]);
    const batchEvents = (await stubs("batch")).flatMap(({ TaskStates }) => TaskStates?.["main"]?.Events ?? []);
    assert.deepEqual(
      batchEvents.filter(({ DisplayMessage }) => DisplayMessage.includes("waiting to restart")),
      [],
    );
    t.diagnostic(`at most down: single 1, pairs 2, both ${mostDown(lines)}, batch ${mostDown(read("batch"))} of 8`);
    await Promise.all([stop("mixed"), stop("batch")]);
  });

  test("one that crashed is down, too: nobody else goes down until it is up again", LIVE, async () => {
    await rotate("crash", "one");
    await submit("crash", "crash", "service", [{ name: "g", count: 4, maxParallel: 1, crashDelayNs: 4 * SECOND_NS }]);
    const victim = read("crash")[0] as Line;
    process.kill(victim.pid, "SIGKILL");
    await eventually("the servers to see it down", async () => (await stubs("crash")).some((each) => each.ID === victim.id && !isUp(each)));
    await rotate("crash", "two");
    await allHave("crash", "two", 4, 60_000);
    const lines = read("crash");
    const [next] = lines.slice(4);
    assert.deepEqual([next?.what, next?.id], ["up", victim.id], "what was down came up before anybody went down");
    assert.equal(
      lines.filter(({ id, what }) => id === victim.id && what === "up").length,
      2,
      "it had the new value at once: no restart more",
    );
    assert.equal(mostDown(lines), 1);
    await stop("crash");
  });
});

interface Line {
  readonly what: string;
  readonly group: string;
  readonly id: string;
  readonly pid: number;
  readonly value: string;
}

function linesOf(text: string): Line[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [what = "", group = "", id = "", pid = "", value = ""] = line.split(" ");
      return { what, group, id, pid: Number(pid), value };
    });
}

function mostDown(lines: readonly Line[]): number {
  const down = new Set<string>();
  let most = 0;
  for (const { what, id } of lines) {
    if (what === "down") down.add(id);
    else down.delete(id);
    most = Math.max(most, down.size);
  }
  return most;
}

/** Each came up with these values, in this order, and went down in between. */
function assertOnce(lines: readonly Line[], count: number, values: readonly string[]): void {
  const byId = Map.groupBy(lines, ({ id }) => id);
  assert.equal(byId.size, count);
  const expected = values.flatMap((value, index) => [...(index === 0 ? [] : ["down"]), `up ${value}`]);
  for (const [id, own] of byId)
    assert.deepEqual(
      own.map(({ what, value }) => `${what} ${value}`.trim()),
      expected,
      id,
    );
}

function isUp({ ClientStatus, TaskStates }: Stub): boolean {
  return ClientStatus === "running" && TaskStates?.["main"]?.State === "running";
}

function jobOf(job: string, key: string, type: string, groups: readonly GroupShape[], file: string): object {
  // The first thing it does is to say that it is there, the last that it goes.
  const line = (what: string, value: string) => `echo "${what} $NOMAD_GROUP_NAME $NOMAD_ALLOC_ID $$ ${value}" >> ${file}`;
  const script = `trap '${line("down", "")}; exit 0' INT TERM; read -r value < $NOMAD_SECRETS_DIR/value; ${line("up", "$value")}; while :; do sleep 1000 & wait $!; done`;
  return {
    ID: job,
    Name: job,
    Type: type,
    Datacenters: ["*"],
    TaskGroups: groups.map(({ name, count, maxParallel, crashDelayNs }) => ({
      Name: name,
      Count: count,
      EphemeralDisk: { SizeMB: 10 },
      RestartPolicy: { Attempts: 3, Interval: 600 * SECOND_NS, Delay: crashDelayNs ?? SECOND_NS, Mode: "delay" },
      ...(maxParallel === undefined
        ? {}
        : {
            Update: {
              MaxParallel: maxParallel,
              MinHealthyTime: MIN_HEALTHY_NS,
              HealthCheck: "task_states",
              HealthyDeadline: 120 * SECOND_NS,
            },
          }),
      Tasks: [
        {
          Name: "main",
          Driver: "raw_exec",
          Config: { command: "/bin/sh", args: ["-c", script] },
          KillTimeout: 20 * SECOND_NS,
          LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
          Resources: { CPU: 20, MemoryMB: 10 },
          Templates: [{ EmbeddedTmpl: `{{ key "${key}" }}\n`, DestPath: "secrets/value", ChangeMode: "restart", Splay: 0 }],
        },
      ],
    })),
  };
}
