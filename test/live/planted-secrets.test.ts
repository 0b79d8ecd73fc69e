/**
 * Issue 6, "secrets stay secret": some thirty of them are planted wherever a secret can come from; then nothing the agent ever wrote, answered or
 * logged holds one, in any form, outside of the task's own secrets/ and rendered files; nor does any process but the task's own.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ENDPOINTS } from "#api/contract";
import { diskKeyEncryption } from "#integrations/host";
import { Marks, newMark, type Sighting } from "./parts/marks.ts";
import { FAILING_COUNT, failingJob, plantedJob } from "./parts/planted-job.ts";
import { startPlantedWorld, type PlantedWorld } from "./parts/planted-world.ts";
import { eventually, mountsUnder, REPOSITORY, run } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const MAIN = join(REPOSITORY, "src", "main.ts");
const DRIVERS = ["raw_exec", "exec"] as const;
/** Of a task's folder: what is in memory for it alone, and what its templates made. */
const OWN_FILES = /^data\/alloc\/[^/]+\/(raw_exec|exec)\/(secrets\/|local\/rendered$)/;
/** What a task prints is its own: here what runc prints in its place, of a program that is not there. */
const PRINTED = /^data\/alloc\/[^/]+\/alloc\/logs\/(raw_exec\.stdout|boxed\.stderr|block\.stderr)\.0$/;

interface Allocation {
  readonly ID: string;
  readonly JobID: string;
  readonly NodeID: string;
  readonly EvalID: string;
  readonly TaskStates: Readonly<
    Record<
      string,
      { readonly State: string; readonly Failed: boolean; readonly Restarts: number; readonly Events: readonly { readonly Type: string }[] }
    >
  > | null;
}

const phase = async (name: string, body: () => Promise<void>): Promise<void> => {
  await body().catch((error: unknown) => {
    throw new Error(name, { cause: error });
  });
};

test("planted secrets turn up nowhere but in the task's own files and processes", { skip: SKIP, timeout: 240_000 }, async (t) => {
  const world = await startPlantedWorld(t);
  const { agent, marks, said } = world;
  const streams = record(world);
  t.after(() => streams.stop());
  const file = join(world.scratch, "planted.nomad.hcl");
  const failing = join(world.scratch, "failing.nomad.hcl");
  const given = ["-var-file", join(world.scratch, "secret.vars"), `-var=from_flag=${marks.of("from -var")}`];
  const shown = newMark();
  writeFileSync(file, plantedJob(shown));
  writeFileSync(failing, failingJob());

  const allocation = async (): Promise<Allocation> => {
    const [found] = await agent.get<Allocation[]>("/v1/job/planted/allocations");
    assert.ok(found !== undefined);
    return found;
  };
  const own = async (driver: string, path: string): Promise<string> =>
    readFileSync(join(agent.dataDirectory, "alloc", (await allocation()).ID, driver, path), "utf8");
  const runs = (what: string) =>
    eventually(
      what,
      async () => {
        const { TaskStates } = await allocation();
        return DRIVERS.every((driver) => TaskStates?.[driver]?.State === "running");
      },
      60_000,
    );

  await phase("it runs, and has what it asked for", async () => {
    const started = await world.cli("job", "run", "-detach", ...given, file);
    assert.equal(started.code, 0, started.stderr);
    const failed = await world.cli("job", "run", "-detach", given[2] as string, failing);
    assert.equal(failed.code, 0, failed.stderr);
    await runs("both tasks to run").catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${(await world.cli("alloc", "status", "-verbose", (await allocation()).ID)).stdout}`);
    });
    await learnTasks(world, own);
    for (const driver of DRIVERS) {
      const environment = processesOf(driver)[0]?.environment ?? "";
      for (const name of ["from a variable file", "secret block of vault", "secret block of a variable", "env file"]) {
        assert.ok(environment.includes(marks.of(name)), `${driver} has ${name}`);
      }
      assert.ok(!environment.includes(marks.of("a vault token in the agent's environment")));
    }
  });

  await phase("changes, crashes, kill -9, a new version, failures", async () => {
    await world.consul("planted/key", marks.plant("consul key, changed"));
    await world.consul("planted/scripted", marks.plant("consul key of a script, changed"));
    await eventually(
      "the key to be rendered",
      async () => (await own("exec", "secrets/everything")).includes(marks.of("consul key, changed")),
      30_000,
    );
    await eventually(
      "the script's template, too",
      async () => (await own("raw_exec", "local/rendered")) === marks.of("consul key of a script, changed"),
      30_000,
    );
    const { ID } = await allocation();
    assert.equal((await world.cli("alloc", "signal", "-s", "SIGKILL", "-task", "raw_exec", ID)).code, 0);
    await eventually("it to be started again", async () => (await allocation()).TaskStates?.["raw_exec"]?.Restarts === 1, 30_000);
    await runs("it to run again");
    await agent.kill();
    await agent.restart();
    await runs("the tasks to be followed again");
    // What it is run with is made anew: it stood nowhere meanwhile.
    for (const driver of DRIVERS) {
      await eventually(
        `a command beside ${driver} to have the task's environment`,
        async () => {
          const inside = await run(process.execPath, [MAIN, "alloc", "exec", "-task", driver, ID, "/usr/bin/env"], {
            env: { ...process.env, NOMAD_ADDR: agent.address },
          });
          const has = (line: string): boolean => inside.stdout.split("\n").includes(line);
          return (
            has(`FROM_FILE=${marks.of("from a variable file")}`) &&
            has(`LOGIN=${marks.of("env file")}`) &&
            has(`KEPT=${marks.of("secret block of vault")}`)
          );
        },
        20_000,
      );
    }
    await learnTasks(world, own);
    await eventually(
      "the failing ones to have failed or to wait",
      async () => {
        const all = await agent.get<Allocation[]>("/v1/job/planted-failing/allocations");
        return (
          all.length === FAILING_COUNT && all.every((each) => Object.values(each.TaskStates ?? {}).some(({ Events }) => Events.length > 2))
        );
      },
      30_000,
    );
  });

  await phase("everybody asks for everything", async () => {
    const scrap = marks.plant("header");
    const answers = await askEverything(world, await allocation(), scrap);
    assert.ok(answers > 60, `${answers} answers`);
    await tellEverything(world, await allocation(), { file, given });
  });

  await phase("nothing of it stands anywhere", async () => {
    await learnKeys(world);
    assert.ok(marks.size >= 30, `${marks.size} secrets`);
    await streams.stop();
    said.push({ what: "the agent's log", content: agent.output() });
    assert.match(agent.output(), /\[TRACE\]|\[DEBUG\]/);
    for (const { what, size } of streams.sizes()) assert.ok(size > 1000, `${what} was recorded`);
    assert.deepEqual(sightings(world), []);
    assert.deepEqual(strangers(world), []);
    // It is looked for where things are, and in their forms: what is no secret is found everywhere, and the task's own where it belongs.
    const open = new Marks();
    open.learn("shown", shown);
    const places = sightings({ ...world, marks: open }).join("\n");
    for (const place of [
      "log.sqlite",
      "state.db",
      "saved.snapshot",
      "/v1/event/stream",
      "drover job inspect planted",
      "GET /v1/job/planted/submission",
    ])
      assert.ok(places.includes(place), `${place} is looked through:\n${places}`);
    const { ID } = await allocation();
    checkBundle(world);
    assert.ok(new Set(marks.under(join(agent.dataDirectory, "alloc", ID)).map(({ mark }) => mark)).size >= 15);
  });

  await phase("nor after the job is gone, in what is left of its own", async () => {
    assert.equal((await world.cli("job", "stop", "-purge", "planted")).code, 0);
    assert.equal((await world.cli("job", "stop", "-purge", "-detach", "planted-failing")).code, 0);
    await eventually(
      "the allocations' folders to be gone",
      async () => {
        await agent.request("/v1/system/gc", { method: "PUT" });
        return readdirSync(join(agent.dataDirectory, "alloc")).length === 0;
      },
      30_000,
    );
    await agent.terminate();
    said.push({ what: "the agent's log", content: agent.output() });
    assert.deepEqual(sightings(world), []);
    assert.deepEqual(
      readdirSync("/dev/shm").filter((name) => name.startsWith(".drover-") && marks.in(readFileSync(join("/dev/shm", name))).length > 0),
      [],
    );
  });

  await phase("a state without its keystore is refused, and says nothing", async () => {
    rmSync(join(agent.dataDirectory, "server", "keystore"), { recursive: true });
    await agent.restart();
    const read = await agent.request("/v1/var/nomad/jobs/foreign");
    const text = await read.text();
    assert.ok(read.status >= 500, `${read.status} ${text}`);
    assert.match(text, /root key|wrapping key/);
    said.push({ what: "without its keystore", content: text }, { what: "the agent's log", content: agent.output() });
    assert.deepEqual(sightings(world), []);
  });
});

/** What others made for the tasks: their tokens, login, private key, identities. */
async function learnTasks({ marks }: PlantedWorld, own: (driver: string, path: string) => Promise<string>): Promise<void> {
  for (const driver of DRIVERS) {
    const rendered = await own(driver, "secrets/everything");
    marks.learn("login of a database", /LOGIN=(\S+)/.exec(rendered)?.[1] ?? "");
    // A line of it is whole in every form of it.
    marks.learn("private key", /BEGIN [A-Z ]*PRIVATE KEY-+\n([^\n]{40,})/.exec(rendered)?.[1] ?? "");
    for (const name of ["vault_token", "consul_token"]) marks.learn(name, (await own(driver, `secrets/${name}`)).trim());
    for (const name of ["nomad_token", "nomad_other.jwt"])
      marks.learn(name, (await own(driver, `secrets/${name}`)).trim().split(".")[2] as string);
  }
}

/** The parts of what `operator debug` wrote that tell of the systems beside, and of templates. */
function checkBundle({ scratch }: PlantedWorld): void {
  const [name = ""] = readdirSync(join(scratch, "debug"));
  const read = (path: string): unknown => JSON.parse(readFileSync(join(scratch, "debug", name, `${path}.json`), "utf8"));
  assert.deepEqual((read("index") as { readonly Failures: unknown }).Failures, []);
  assert.equal((read("vault/0001/health") as { readonly sealed: boolean }).sealed, false);
  assert.deepEqual((read("vault/0000/auth-methods") as Record<string, unknown>)["jwt-nomad/"], { type: "jwt", options: {} });
  assert.equal((read("consul/0001/members") as { readonly Status: number }[])[0]?.Status, 1);
  const services = read("consul/0000/services") as { readonly Service: string }[];
  assert.ok(
    services.some(({ Service }) => Service === "nomad-client"),
    JSON.stringify(services),
  );
  assert.ok((read("consul/0000/checks") as unknown[]).length > 0);
  const { stats } = read("state/0000/agent") as { readonly stats: { readonly client: Readonly<Record<string, string>> } };
  assert.ok(Number(stats.client["template_things"]) >= 8, JSON.stringify(stats.client));
}

/** Every key that seals, and what the servers' seal: of 32 bytes for variables, then a private key. */
async function learnKeys({ agent, marks, scratch }: PlantedWorld): Promise<void> {
  const folder = join(agent.dataDirectory, "server", "keystore");
  const keystore = diskKeyEncryption({ folder });
  const snapshot = gunzipSync(readFileSync(join(scratch, "saved.snapshot"))).toString("latin1");
  const wrapped = [...snapshot.matchAll(/[A-Za-z0-9+/]{600,}={0,2}/g)].map(([text]) => text);
  let opened = 0;
  for (const name of readdirSync(folder)) {
    const { KeyID, KeyEncryptionKey } = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      readonly KeyID: string;
      readonly KeyEncryptionKey: string;
    };
    marks.learnBytes("wrapping key", Buffer.from(KeyEncryptionKey, "base64"));
    for (const sealed of wrapped) {
      const plain = await keystore.open(KeyID, sealed).catch(() => undefined);
      if (plain === undefined) continue;
      opened++;
      marks.learnBytes("root key", plain.subarray(0, 32));
      marks.learnBytes("private root key", plain.subarray(-64));
    }
  }
  assert.ok(opened > 0, "a root key was found, sealed");
  marks.learnBytes(
    "sealing key of the node",
    Buffer.from(readFileSync(join(agent.dataDirectory, "client", "sealing-key"), "utf8").trim(), "base64"),
  );
}

/** The streams, opened again when the agent is. */
function record({ agent, said }: PlantedWorld): {
  stop(): Promise<void>;
  sizes(): readonly { readonly what: string; readonly size: number }[];
} {
  const over = new AbortController();
  const recorded = [
    "/v1/event/stream?topic=*&namespace=*&index=0",
    "/v1/agent/monitor?log_level=trace",
    "/v1/agent/monitor?log_level=trace&log_json=true",
  ].map((path) => ({ path, parts: [] as Uint8Array[] }));
  const follow = async ({ path, parts }: (typeof recorded)[number]): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const { body } = await agent.request(path, { signal: over.signal });
        for await (const part of body ?? []) parts.push(part);
      } catch {
        // It was ended, or the agent was.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const following = recorded.map(follow);
  return {
    async stop() {
      if (over.signal.aborted) return;
      over.abort();
      await Promise.all(following);
      for (const { path, parts } of recorded) said.push({ what: path, content: Buffer.concat(parts) });
    },
    sizes: () => recorded.map(({ path, parts }) => ({ what: path, size: Buffer.concat(parts).length })),
  };
}

const NOT_ASKED = new Set([
  "agent-monitor",
  "event-stream",
  "job-action",
  "client-allocation-exec",
  "client-gc",
  "client-allocation-gc",
  "variable",
  "agent-profile",
]);

/** Every endpoint's answer to a read, and to requests that are wrong and carry a token. */
async function askEverything({ agent, said }: PlantedWorld, { ID, NodeID, EvalID }: Allocation, scrap: string): Promise<number> {
  const [deployment] = await agent.get<{ readonly ID: string }[]>("/v1/job/planted/deployments");
  const names: Readonly<Record<string, string>> = {
    job: "planted",
    allocation: ID,
    tag: "none",
    name: "default",
    profile: "cmdline",
    type: "",
  };
  const idOf = (path: string): string =>
    path.includes("/node/")
      ? NodeID
      : path.includes("/evaluation/")
        ? EvalID
        : path.includes("/deployment/")
          ? (deployment?.ID ?? "none")
          : ID;
  const headers = [{}, { "X-Nomad-Token": scrap, "X-Consul-Token": scrap, Authorization: `Bearer ${scrap}` }];
  let count = 0;
  const ask = async (path: string, init: RequestInit): Promise<void> => {
    const response = await agent.request(path, { signal: AbortSignal.timeout(10_000), ...init });
    said.push({ what: `${init.method ?? "GET"} ${path}`, content: new Uint8Array(await response.arrayBuffer()) });
    if (response.ok) count++;
  };
  for (const [name, { path, methods }] of Object.entries(ENDPOINTS)) {
    if (NOT_ASKED.has(name)) continue;
    const filled = path.replace(/:(\w+)/g, (_, key: string) => (key === "id" ? idOf(path) : (names[key] ?? "none")));
    for (const header of headers) {
      if (methods.some((method) => method === "GET"))
        await ask(`${filled}?namespace=*&diffs=true&resources=true&task_states=true`, { headers: header });
      if (methods.some((method) => method === "GET")) await ask(filled, { headers: header });
    }
  }
  const more = ["raw_exec/secrets/everything", "exec/secrets/nomad_token", "exec/../raw_exec/secrets/vault_token"].map(
    (path) => `/v1/client/fs/cat/${ID}?path=${path}`,
  );
  for (const path of [...more, `/v1/vars?prefix=nomad`, "/v1/metrics?format=prometheus", `/v1/jobs?token=${scrap}`, "/v1/agent/host"])
    await ask(path, {});
  for (const [path, body] of [
    ["/v1/search", { Prefix: "m", Context: "all" }],
    ["/v1/search/fuzzy", { Text: "m", Context: "all" }],
    ["/v1/job/planted/revert", { JobID: "planted", JobVersion: 77 }],
    ["/v1/var/nomad/jobs/planted", { Items: { one: 5 } }],
  ] as const) {
    await ask(path, { method: "PUT", body: JSON.stringify(body), headers: headers[1] as Record<string, string> });
  }
  return count;
}

/** Every command that tells of it. */
async function tellEverything(
  world: PlantedWorld,
  { ID, NodeID }: Allocation,
  { file, given }: { readonly file: string; readonly given: readonly string[] },
): Promise<void> {
  const { marks } = world;
  writeFileSync(file, plantedJob("second version"));
  const commands: readonly (readonly string[])[] = [
    ["job", "plan", "-verbose", ...given, file],
    ["job", "plan", "-json-output", ...given.with(2, `-var=from_flag=${marks.plant("from -var, planned")}`), file],
    ["job", "validate", ...given, file],
    ["job", "inspect", "planted"],
    ["job", "inspect", "-hcl", "planted"],
    ["job", "history", "-p", "-full", "planted"],
    ["job", "status", "-verbose", "planted"],
    ["job", "why", "planted"],
    ["job", "why", "planted-failing"],
    ["alloc", "status", "-json", ID],
    ["alloc", "status", "-verbose", ID],
    ["alloc", "logs", "-task", "exec", ID],
    ["node", "status", "-verbose", "-stats", NodeID],
    ["var", "list"],
    ["operator", "snapshot", "save", join(world.scratch, "saved.snapshot")],
    ["operator", "snapshot", "inspect", join(world.scratch, "saved.snapshot")],
    [
      "operator",
      "debug",
      "-duration=2s",
      "-interval=1s",
      `-output=${join(world.scratch, "debug")}`,
      `-consul-http-addr=${world.stack.consul.address}`,
      `-consul-token=${marks.learn("a token for operator debug at Consul", world.stack.consul.token)}`,
      `-vault-address=${world.stack.openbao.address}`,
      `-vault-token=${marks.learn("a token for operator debug at Vault", world.stack.openbao.token)}`,
    ],
  ];
  for (const words of commands) {
    const { code, stderr } = await world.cli(...words);
    assert.ok(code === 0 || (code === 1 && words[1] === "plan"), `${words.slice(0, 2).join(" ")}: ${code} ${stderr}`);
  }
  assert.ok(existsSync(join(world.scratch, "saved.snapshot")));
}

function sightings({ marks, said, folder, scratch }: PlantedWorld): readonly string[] {
  const found: Sighting[] = said.flatMap(({ what, content }) => marks.in(content).map((mark) => ({ mark, where: what })));
  // A task's place has the machine's own files in it.
  const mounts = new Set(mountsUnder(folder).filter((mount) => !mount.endsWith("/secrets")));
  const ours = (path: string): boolean => path.startsWith("config") || OWN_FILES.test(path) || PRINTED.test(path);
  const keys = /^data\/(server\/keystore\/|client\/sealing-key$)/;
  found.push(...marks.under(folder, (path) => mounts.has(join(folder, path)) || ours(path) || keys.test(path)));
  for (const name of ["agent-home", "debug", "saved.snapshot"]) {
    const path = join(scratch, name);
    if (!existsSync(path)) continue;
    if (name === "saved.snapshot") found.push(...marks.in(readFileSync(path)).map((mark) => ({ mark, where: name })));
    else found.push(...marks.under(path));
  }
  return [...new Set(found.map(({ mark, where }) => `${mark}: ${where}`))].toSorted();
}

interface Seen {
  readonly pid: number;
  readonly words: string;
  readonly environment: string;
}

function everyProcess(): readonly Seen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return [
          {
            pid: Number(pid),
            words: readFileSync(`/proc/${pid}/cmdline`, "latin1"),
            environment: readFileSync(`/proc/${pid}/environ`, "latin1"),
          },
        ];
      } catch {
        return [];
      }
    });
}

const isOf = (task: string, { environment }: Seen): boolean =>
  environment.split("\0").includes(`NOMAD_TASK_NAME=${task}`) && environment.includes("NOMAD_JOB_ID=planted\0");

const processesOf = (task: string): readonly Seen[] => everyProcess().filter((seen) => isOf(task, seen));

/** Processes that hold a secret and are none of the task's. The agent holds what it was started with, and so do Consul and OpenBao. */
function strangers({ agent, marks }: PlantedWorld): readonly string[] {
  const all = everyProcess();
  for (const driver of DRIVERS)
    assert.ok(
      all.some((seen) => isOf(driver, seen)),
      `${driver} runs`,
    );
  return all
    .filter((seen) => !DRIVERS.some((driver) => isOf(driver, seen)) && seen.pid !== agent.pid && !/^\S*\/(bao|consul)\0/.test(seen.words))
    .flatMap(({ pid, words, environment }) =>
      [...marks.in(words), ...marks.in(environment)].map((mark) => `${mark}: ${pid} ${words.replaceAll("\0", " ").slice(0, 200)}`),
    );
}
