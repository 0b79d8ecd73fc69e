import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryKeyEncryption } from "#integrations/memory";
import type { Allocation, AllocationId, Job } from "#model";
import type { LinkConnection } from "#ports";
import { NamedError } from "#std";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const END = {
  allocationsChanged: () => undefined,
  servicesChanged: () => undefined,
  services: { collectAll: async () => undefined } as never,
};
const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
const SECRET = "correct-horse-battery";
const ENV = 'TaskGroups[0].Tasks[0].Env["ADDRESS"]';
const PART = `${ENV}[11:${11 + SECRET.length}]`;
const COMMAND = 'TaskGroups[0].Tasks[0].Config["token"]';

type Group = Record<string, unknown> & { readonly Tasks: [Record<string, unknown>] };

function job(
  secret = SECRET,
  more: Readonly<Record<string, unknown>> = {},
  shape: Partial<Parameters<typeof jobOf>[0]> = {},
): Record<string, unknown> {
  const made = jobOf({ id: "web", count: 1, environment: { ADDRESS: `postgres://${secret}@db` }, ...shape });
  const [group] = made["TaskGroups"] as [Group];
  group.Tasks[0]["Config"] = { token: secret };
  return { ...made, ...more };
}
const parts = (secret: string) => [`${ENV}[11:${11 + secret.length}]`, COMMAND];

interface Cast {
  readonly world: World;
  readonly connection: LinkConnection;
  stored(id?: string): Job;
  allocations(): readonly Allocation[];
}

async function playing(play: (cast: Cast) => Promise<void>): Promise<void> {
  await inside(
    { server: { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" } }, snapshotEveryEntries: 5 },
    async (world) => {
      const node = nodeOf(world.random, { name: "n1" });
      const connection = await world.link.connect(node, END, () => undefined);
      await connection.register(node);
      await play({
        world,
        connection,
        stored(id = "web") {
          const job = world.cluster.state.snapshot().job("default", id);
          assert.ok(job !== undefined);
          return job;
        },
        allocations: () => [...world.cluster.state.snapshot().allocationsByNode(node.ID)],
      });
    },
  );
}
const envOf = (of: Job) => of.TaskGroups[0]?.Tasks[0]?.Env["ADDRESS"] ?? "";
const tokenOf = (of: Job) => String(of.TaskGroups[0]?.Tasks[0]?.Config["token"]);

test("The state holds sealed values; the node that runs the job opens them, nobody else", () =>
  playing(async ({ world, connection, stored, allocations }) => {
    await world.server.registerJob({ Job: job(), Sensitive: [PART, COMMAND] });
    await world.clock.advance(1_000);
    assert.match(envOf(stored()), /^postgres:\/\/\$\{sealed\.[0-9a-f-]{36}\.[A-Za-z0-9_-]+\}@db$/);
    assert.match(tokenOf(stored()), /^\$\{sealed\.[^}]+\}$/);
    const [allocation] = allocations();
    assert.ok(allocation !== undefined);
    const values = await connection.unseal(allocation.ID);
    const fill = (text: string) => text.replace(/\$\{(sealed\.[^}]+)\}/g, (_whole, name: string) => values[name] ?? "?");
    assert.deepEqual([fill(envOf(stored())), fill(tokenOf(stored()))], [`postgres://${SECRET}@db`, SECRET]);

    await assert.rejects(connection.unseal("unknown" as AllocationId), isCode("UNSEAL_FOREIGN"));
    const stranger = nodeOf(world.random, { name: "n2" });
    const other = await world.link.connect(stranger, END, () => undefined);
    await other.register(stranger);
    await assert.rejects(other.unseal(allocation.ID), isCode("UNSEAL_FOREIGN"));
    const ended = { ID: allocation.ID, NodeID: allocation.NodeID, ClientStatus: "failed", ClientDescription: "", TaskStates: {} } as const;
    await Promise.all([connection.updateAllocations([ended]), world.clock.advance(1_000)]);
    await assert.rejects(connection.unseal(allocation.ID), isCode("UNSEAL_FOREIGN"));
  }));

test("Of a job's values a node opens those of the group it runs alone", () =>
  playing(async ({ world, connection, allocations }) => {
    const whole = job();
    const [group] = whole["TaskGroups"] as [Group];
    const task = { ...group.Tasks[0], Env: { ADDRESS: "another-horse" }, Config: {} };
    const TaskGroups = [group, { ...group, Name: "other", Tasks: [task] }];
    const Sensitive = [PART, COMMAND, 'TaskGroups[1].Tasks[0].Env["ADDRESS"]'];
    await world.server.registerJob({ Job: { ...whole, TaskGroups }, Sensitive });
    await world.clock.advance(1_000);
    const opened = await Promise.all(
      allocations().map(async ({ ID, TaskGroup }) => [TaskGroup === "other", Object.values(await connection.unseal(ID))] as const),
    );
    assert.deepEqual(
      opened.toSorted(([one], [other]) => Number(one) - Number(other)),
      [
        [false, [SECRET]],
        [true, ["another-horse"]],
      ],
    );
  }));

test("No value stands in plain text in the log, in a snapshot, or in an event", () =>
  playing(async ({ world }) => {
    const events: string[] = [];
    world.cluster.state.watch.subscribe((change) => events.push(JSON.stringify(change)));
    await world.server.registerJob({ Job: job(), Sensitive: [PART, COMMAND] });
    await world.clock.advance(1_000);
    await world.server.planJob({ Job: job("another-horse"), Sensitive: parts("another-horse"), Diff: true });
    const chunks: string[] = [];
    for await (const chunk of world.cluster.state.save()) chunks.push(Buffer.from(chunk).toString("latin1"));
    const disk = world.disk.entries.map((entry) => Buffer.from(entry).toString("latin1"));
    const told = [...chunks, ...disk, ...events];
    assert.ok(
      told.some((each) => each.includes("sealed.")),
      "they hold the job",
    );
    assert.deepEqual(
      told.filter((each) => /correct-horse|another-horse/.test(each)),
      [],
    );
  }));

test("A source that tells a sensitive value, or may, is not kept; its sender is told so, and the job runs all the same", () =>
  playing(async ({ world }) => {
    let runs = 0;
    const empty = { Source: "", Format: "hcl2", VariableFlags: {}, Variables: "" } as const;
    const kept = async (Submission: object, marks: "beside" | "inside" = "beside", secret = SECRET) => {
      // Another version each time.
      const Meta = { run: String(runs++) };
      const Job = job(secret, marks === "inside" ? { Meta, Sensitive: parts(secret) } : { Meta });
      const beside = marks === "beside" ? { Sensitive: parts(secret) } : {};
      const { Warnings } = await world.server.registerJob({ Job, ...beside, Submission: { ...empty, ...Submission } });
      const { Version } = world.cluster.state.snapshot().job("default", "web") as Job;
      const found = world.cluster.state.snapshot().submission("default", "web", Version);
      assert.equal(/source is not kept/.test(Warnings), found === undefined, Warnings);
      assert.ok(!JSON.stringify(found ?? null).includes(SECRET));
      assert.equal(Warnings.includes(SECRET), false);
      return found !== undefined;
    };
    assert.equal(await kept({ Source: 'variable "pw" { default = null }' }), true);
    for (const told of [{ Source: `default = "${SECRET}"` }, { VariableFlags: { pw: SECRET } }, { Variables: `pw = "${SECRET}"` }])
      assert.equal(await kept(told), false, Object.keys(told).join());
    assert.equal(await kept({ Source: 'pw = "say \\"friend\\""' }, "beside", 'say "friend"'), false, "as it is written in quotes");
    assert.equal(await kept({ Source: "count = 123" }, "beside", "123"), true, "what stands in any text tells nothing");
    assert.equal(await kept({ VariableFlags: { pw: "x" } }, "inside"), false, "a client that does not know which are sensitive");
    assert.equal(await kept({}, "inside"), true);
    for (const entry of world.disk.entries) assert.ok(!Buffer.from(entry).toString("latin1").includes(SECRET));
  }));

test("An unchanged value is an unchanged job, also after the root key was rotated; a changed one is destructive, and shows nothing", () =>
  playing(async ({ world, stored }) => {
    await world.server.registerJob({ Job: job(), Sensitive: [PART, COMMAND] });
    await world.clock.advance(1_000);
    const before = envOf(stored());
    const same = () => world.server.planJob({ Job: job(), Sensitive: [PART, COMMAND], Diff: true });
    assert.equal((await same()).Diff?.Type, "None");
    await world.server.rotateRootKey({ full: true, publishAtNs: null });
    await world.clock.advance(60_000);
    assert.equal((await same()).Diff?.Type, "None");
    await world.server.registerJob({ Job: job(), Sensitive: [PART, COMMAND] });
    assert.deepEqual([stored().Version, envOf(stored())], [0, before]);

    const changed = await world.server.planJob({ Job: job("new-word"), Sensitive: parts("new-word"), Diff: true });
    const shown = JSON.stringify(changed.Diff);
    assert.match(shown, /"Old":"postgres:\/\/\(sensitive\)@db","New":"postgres:\/\/\(sensitive\)@db"/);
    assert.doesNotMatch(shown, /sealed|new-word|correct-horse/);
    const updates = changed.Annotations?.DesiredTGUpdates["group"];
    assert.deepEqual([updates?.InPlaceUpdate, (updates?.DestructiveUpdate ?? 0) + (updates?.Place ?? 0)], [0, 1], JSON.stringify(updates));
  }));

test("A key that seals a version which is kept is not removed, not even by force", () =>
  playing(async ({ world }) => {
    await world.server.registerJob({ Job: job(), Sensitive: [PART] });
    const [key] = [...world.cluster.state.snapshot().rootKeys()];
    assert.ok(key !== undefined);
    await world.server.rotateRootKey({ full: false, publishAtNs: null });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.deleteRootKey(key.KeyID, true), isCode("ROOT_KEY_IN_USE"));
    await world.server.deregisterJob("default", "web", { Purge: true, EvalPriority: 0, NoShutdownDelay: true });
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 1, "what still runs has it, though the job is forgotten");
    await assert.rejects(world.server.deleteRootKey(key.KeyID, true), isCode("ROOT_KEY_IN_USE"));
    await world.server.collectGarbage();
    await world.clock.advance(60_000);
    await world.server.collectGarbage();
    const left = [...world.cluster.state.snapshot().allocations()];
    if (left.length === 0) await world.server.deleteRootKey(key.KeyID, true);
  }));

test("What was shown can be posted back; into another job, or another field, it cannot be taken", () =>
  playing(async ({ world, stored }) => {
    await world.server.registerJob({ Job: job(), Sensitive: [PART, COMMAND] });
    const shown = JSON.parse(JSON.stringify(stored())) as Record<string, unknown>;
    await world.server.registerJob({ Job: { ...shown, Priority: 60 } });
    assert.deepEqual([stored().Priority, envOf(stored())], [60, (shown["TaskGroups"] as Job["TaskGroups"])[0]?.Tasks[0]?.Env["ADDRESS"]]);
    await assert.rejects(world.server.registerJob({ Job: { ...shown, ID: "thief", Name: "thief" } }), isCode("SEALED_FOREIGN"));
    await assert.rejects(world.server.registerJob({ Job: { ...shown, Meta: { seen: envOf(stored()) } } }), isCode("REQUEST_INVALID"));
    await assert.rejects(
      world.server.registerJob({ Job: { ...shown, ID: "child", Name: "child", ParentID: "web" } }),
      isCode("SEALED_FOREIGN"),
      "nobody becomes a child by saying so",
    );
  }));

test("Paths where everybody could read it, that are none, or that name no text are refused; so is a job without a name", () =>
  playing(async ({ world }) => {
    const bad = [
      "TaskGroups[0].Name",
      'Meta["a"]',
      "nonsense!",
      'TaskGroups[0].Tasks[0].Env["NONE"]',
      `${ENV}[5:9999]`,
      'TaskGroups[7].Tasks[0].Env["A"]',
    ];
    for (const path of bad) {
      const isRefused = isCode("REQUEST_INVALID");
      await assert.rejects(world.server.registerJob({ Job: job(), Sensitive: [path] }), isRefused, path);
      await assert.rejects(world.server.validateJob({ Job: job(), Sensitive: [path] }), isRefused, path);
    }
    for (const Sensitive of [[`${ENV}[11:20]`, `${ENV}[15:25]`], [`${ENV}[20:11]`]])
      await assert.rejects(world.server.registerJob({ Job: job(), Sensitive }), isCode("REQUEST_INVALID"), Sensitive.join());
    await assert.rejects(
      world.server.registerJob({ Job: job(SECRET, { ID: "", Name: "" }), Sensitive: [PART] }),
      isCode("REQUEST_INVALID"),
    );
    const valid = await world.server.validateJob({ Job: job(SECRET, { Sensitive: [PART] }) });
    assert.equal(valid.Error, "");
  }));

test("A job that carries its marks itself, as parse answers it, is sealed too", () =>
  playing(async ({ world, stored }) => {
    const { ID: _id, ...nameless } = job(SECRET, { Sensitive: [PART, COMMAND], Namespace: "" });
    await world.server.registerJob({ Job: nameless, namespace: "default" });
    assert.doesNotMatch(JSON.stringify(stored()), /correct-horse/);
    assert.equal((await world.server.planJob({ Job: job(), Sensitive: [PART, COMMAND], Diff: true })).Diff?.Type, "None");
  }));

test("Children of a parameterized job, and versions that come back, have their values", () =>
  playing(async ({ world, connection, stored, allocations }) => {
    await world.server.registerJob({ Job: job(SECRET, {}, { type: "batch", parameterized: true }), Sensitive: [PART, COMMAND] });
    await world.server.dispatchJob("default", "web", { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 });
    await world.clock.advance(1_000);
    const [child] = allocations();
    assert.ok(child !== undefined);
    assert.match(child.JobID, /^web\/dispatch-/);
    assert.deepEqual(new Set(Object.values(await connection.unseal(child.ID))), new Set([SECRET]));

    const service = { id: "api" };
    await world.server.registerJob({ Job: job(SECRET, {}, service), Sensitive: [PART, COMMAND] });
    await world.server.registerJob({ Job: job("second-word", {}, service), Sensitive: parts("second-word") });
    await world.server.revertJob("default", "api", 0, { EnforcePriorVersion: null });
    await world.clock.advance(1_000);
    assert.equal(stored("api").Version, 2);
    const current = allocations().find((each) => each.JobID === "api" && each.DesiredStatus === "run" && each.JobVersion !== 1);
    assert.ok(current !== undefined);
    assert.deepEqual(new Set(Object.values(await connection.unseal(current.ID))), new Set([SECRET]));
  }));
