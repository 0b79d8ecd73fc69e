/** Commands that change something: what they ask of the servers, when they ask a person first, and their exit codes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DISPLAY_FLAGS, type Command } from "../../../../src/cli/command.ts";
import { deploymentFail, deploymentPause, deploymentUnblock, jobPromote } from "../../../../src/cli/commands/deployment-actions.ts";
import { evalDelete } from "../../../../src/cli/commands/eval-delete.ts";
import { jobRestart } from "../../../../src/cli/commands/job-restart.ts";
import { jobStart } from "../../../../src/cli/commands/job-start.ts";
import { jobTagApply } from "../../../../src/cli/commands/job-tag.ts";
import { answered, fakeContext, type FakeContext } from "../fake-context.ts";

const DEPLOYMENT = { ID: "aaaaaaa1-0000", Namespace: "default", JobID: "web" };
const STUB = { ID: "web", Namespace: "default", Status: "running" };

function world(command: Command, words: readonly string[], api: object, more: { readonly answer?: string } = {}): FakeContext {
  return fakeContext({ words, flags: { ...DISPLAY_FLAGS, ...command.flags }, api, ...more });
}

/** Remembers what it was called with. */
function recorder<T>(value: T) {
  const calls: unknown[][] = [];
  return { calls, call: async (...given: unknown[]) => (calls.push(given), answered(value)) };
}

test("deployment fail says which version comes back, and with -detach does not wait", async () => {
  const { context, printed } = world(deploymentFail, ["-detach", "aaaa"], {
    deployments: { list: async () => answered([DEPLOYMENT]), fail: async () => answered({ EvalID: "e1", RevertedJobVersion: 4 }) },
  });
  assert.equal(await deploymentFail.run(context), 0);
  assert.deepEqual(printed, ['Deployment "aaaaaaa1" failed and job reverted to version 4', "Evaluation ID: e1"]);
});

test("deployment pause of a paused one evaluates nothing", async () => {
  const { context, printed } = world(deploymentPause, ["aaaa"], {
    deployments: { list: async () => answered([DEPLOYMENT]), pause: async () => answered({ EvalID: "", RevertedJobVersion: null }) },
  });
  assert.equal(await deploymentPause.run(context), 0);
  assert.deepEqual(printed, ['Deployment "aaaaaaa1" paused']);
});

test("deployment unblock says that it is Enterprise's", async () => {
  const { context } = world(deploymentUnblock, ["aaaa"], { deployments: { list: async () => answered([DEPLOYMENT]) } });
  await assert.rejects(deploymentUnblock.run(context), /Nomad Enterprise/);
});

test("job promote promotes the groups named, or all", async () => {
  for (const [words, groups] of [
    [
      ["-detach", "-group", "a", "-group=b", "web"],
      ["a", "b"],
    ],
    [["-detach", "web"], null],
  ] as const) {
    const promote = recorder({ EvalID: "e1" });
    const { context } = world(jobPromote, words, {
      jobs: { list: async () => answered([STUB]), deployment: async () => answered(DEPLOYMENT) },
      deployments: { promote: promote.call },
    });
    assert.equal(await jobPromote.run(context), 0);
    assert.deepEqual(promote.calls, [["aaaaaaa1-0000", groups]]);
  }
});

test("eval delete asks before it deletes many, takes no silence for a yes, and asks nothing for one named by its id", async () => {
  const remove = recorder({ Count: 3 });
  const api = {
    evaluations: { list: async () => answered([{ ID: "eeeeeee1-0" }]), count: async () => answered({ Count: 3 }), delete: remove.call },
  };
  const filter = ["-filter", 'Status == "complete"'];
  await assert.rejects(evalDelete.run(world(evalDelete, filter, api).context), {
    message: "Cannot delete 3 evaluations: nobody is there to ask; give -yes",
  });
  assert.equal(await evalDelete.run(world(evalDelete, filter, api, { answer: "n" }).context), 0);
  assert.deepEqual(remove.calls, []);
  const sure = world(evalDelete, ["-yes", ...filter], api);
  assert.equal(await evalDelete.run(sure.context), 0);
  assert.deepEqual(sure.printed, ["Successfully deleted 3 evaluations"]);
  assert.equal(await evalDelete.run(world(evalDelete, ["eeee"], api).context), 0);
  assert.deepEqual(remove.calls, [[{ Filter: 'Status == "complete"' }], [{ EvalIDs: ["eeeeeee1-0"] }]]);
  await assert.rejects(evalDelete.run(world(evalDelete, [...filter, "eeee"], api).context), /not by both/);
  await assert.rejects(evalDelete.run(world(evalDelete, [], api).context), /at least one/);
});

test("job start registers the stopped version as it was, and only if nobody changed it meanwhile", async () => {
  const register = recorder({ EvalID: "e1" });
  const source = { Source: "job", Format: "hcl2", VariableFlags: {}, Variables: "" };
  const api = (Stop: boolean) => ({
    jobs: {
      list: async () => answered([STUB]),
      read: async () => answered({ ID: "web", Version: 3, Stop, JobModifyIndex: 41 }),
      submission: async () => answered(source),
      register: register.call,
    },
  });
  assert.equal(await jobStart.run(world(jobStart, ["-detach", "web"], api(true)).context), 0);
  assert.deepEqual(register.calls, [
    [
      { Job: { ID: "web", Version: 3, Stop: false, JobModifyIndex: 41 }, Submission: source, EnforceIndex: true, JobModifyIndex: 41 },
      { namespace: "default" },
    ],
  ]);
  const running = world(jobStart, ["-detach", "web"], api(false));
  assert.equal(await jobStart.run(running.context), 1);
  assert.deepEqual(running.complained, ['Error starting job "web": Cannot start job "web": it is not stopped']);
});

test("job tag apply wants a name", async () => {
  await assert.rejects(jobTagApply.run(world(jobTagApply, ["web"], {}).context), /-name/);
});

/** Three allocations, the second of which never comes back. */
function restartWorld(words: readonly string[], answer?: string) {
  const restarted: string[] = [];
  const state = (id: string) => ({ State: "running", StartedAt: restarted.includes(id) ? "later" : "before" });
  const allocation = (id: string) => ({
    ID: id,
    Name: id,
    Namespace: "default",
    TaskGroup: "g",
    DesiredStatus: "run",
    ClientStatus: id === "bbbbbbbb" && restarted.includes(id) ? "failed" : "running",
    ClientDescription: "it fell",
    TaskStates: { t: id === "bbbbbbbb" ? { State: "running", StartedAt: "before" } : state(id) },
  });
  const api = {
    jobs: {
      list: async () => answered([STUB]),
      read: async () => answered({ ID: "web", Type: "service", TaskGroups: [{ Name: "g", Tasks: [{ Name: "t" }] }] }),
      allocations: async () => answered(["aaaaaaaa", "bbbbbbbb", "cccccccc"].map(allocation)),
    },
    allocations: {
      read: async (id: string) => answered(allocation(id)),
      restart: async (id: string) => (restarted.push(id), answered(null)),
    },
  };
  return { restarted, ...world(jobRestart, words, api, answer === undefined ? {} : { answer }) };
}

test("job restart stops at the first that does not come back, and answers 1", async () => {
  const { context, restarted, complained } = restartWorld(["-on-error=fail", "web"]);
  assert.equal(await jobRestart.run(context), 1);
  assert.deepEqual(restarted, ["aaaaaaaa", "bbbbbbbb"]);
  const error = 'Error restarting allocation "bbbbbbbb": It is failed and does not run again: it fell';
  assert.deepEqual(complained.join("\n").trim().split("\n"), ["1 error occurred while restarting job:", `* ${error}`]);
});

test("job restart goes on after an error when somebody says so, and still answers 1", async () => {
  const { context, restarted, printed } = restartWorld(["web"], "y");
  assert.equal(await jobRestart.run(context), 1);
  assert.deepEqual(restarted, ["aaaaaaaa", "bbbbbbbb", "cccccccc"]);
  assert.match(printed.at(-1) ?? "", /^==> \S+: Job restart finished with errors$/);
  const silent = restartWorld(["web"]);
  assert.equal(await jobRestart.run(silent.context), 1);
  assert.deepEqual(silent.restarted, ["aaaaaaaa", "bbbbbbbb"]);
});

test("job restart between batches asks with -batch-wait=ask, and a no ends it", async () => {
  const { context, restarted, printed } = restartWorld(["-batch-wait=ask", "web"], "n");
  assert.equal(await jobRestart.run(context), 1);
  assert.deepEqual(restarted, ["aaaaaaaa"]);
  assert.match(printed.at(-1) ?? "", /: Job restart canceled$/);
});

test("job restart says which batch it is at when there are several in one, and waits as long as it is told when asked", async () => {
  const { context, printed } = restartWorld(["-batch-wait=ask", "-batch-size=2", "-on-error=ask", "web"], "1ms");
  assert.equal(await jobRestart.run(context), 1);
  const told = printed.map((line) => line.replace(/^==> \S+: /, ""));
  assert.ok(told.includes("Restarting 1st batch of 2 allocations"), told.join("\n"));
  const fine = restartWorld(["-batch-wait=ask", "-group=g", "-batch-size=1", "-on-error=fail", "web"], "1ms");
  await jobRestart.run(fine.context);
  assert.ok(
    fine.printed.some((line) => line.endsWith(": Waiting 1ms before restarting the next batch")),
    fine.printed.join("\n"),
  );
});

for (const words of [
  ["-reschedule", "-all-tasks", "web"],
  ["-reschedule", "-task=t", "web"],
  ["-all-tasks", "-task=t", "web"],
  ["-no-shutdown-delay", "web"],
  ["-batch-size=0", "web"],
  ["-batch-wait=soon", "web"],
  ["-on-error=never", "web"],
]) {
  test(`job restart ${words.join(" ")} is refused before anything is restarted`, async () => {
    const { context, restarted } = restartWorld(words);
    await assert.rejects(jobRestart.run(context), { code: "USAGE" });
    assert.deepEqual(restarted, []);
  });
}
