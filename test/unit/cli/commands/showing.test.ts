/** Commands that show something: shapes of -json, hints to go on, what is asked of the servers. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clientOptions } from "#api/client";
import type { Allocation } from "#model";
import { CONNECTION_FLAGS } from "../../../../src/cli/command.ts";
import { evalList } from "../../../../src/cli/commands/eval.ts";
import { jobInspect } from "../../../../src/cli/commands/job-inspect.ts";
import { jobStatus } from "../../../../src/cli/commands/job-status.ts";
import { jobStop } from "../../../../src/cli/commands/job-stop.ts";
import { nodeEligibility } from "../../../../src/cli/commands/node-eligibility.ts";
import { status } from "../../../../src/cli/commands/status.ts";
import { allocationTable } from "../../../../src/cli/render/allocations.ts";
import { palette } from "../../../../src/cli/render/colour.ts";
import { resolveAllocation, resolveJob } from "../../../../src/cli/resolve.ts";
import { answered, fakeContext, NOW_MS } from "../fake-context.ts";

const JOB = { ID: "web", Name: "web", Namespace: "team", Type: "service", TaskGroups: [{ Name: "g" }] };
const jobs = (asked: unknown[] = []) => ({
  list: async () => answered([{ ID: "web", Namespace: "team", Status: "running" }]),
  read: async () => answered(JOB),
  summary: async (...words: unknown[]) => (asked.push(words), answered({ JobID: "web", Summary: {} })),
  allocations: async (...words: unknown[]) => (asked.push(words), answered([{ ID: "a1" }])),
  deployment: async (...words: unknown[]) => (asked.push(words), answered(null)),
  evaluations: async (...words: unknown[]) => (asked.push(words), answered([{ ID: "e1" }])),
});

test("job status -json is a list of summaries, allocations, deployments and evaluations, of one job too", async () => {
  for (const words of [["-json"], ["-json", "web"]]) {
    const asked: unknown[] = [];
    const { context, printed } = fakeContext({ words, flags: jobStatus.flags, api: { jobs: jobs(asked) } });
    assert.equal(await jobStatus.run(context), 0);
    const [one, ...more] = JSON.parse(printed.join("\n")) as Record<string, unknown>[];
    assert.deepEqual(more, []);
    assert.equal(one?.["ID"], "web");
    assert.deepEqual(one?.["Summary"], { JobID: "web", Summary: {} });
    assert.deepEqual(one["Allocations"], [{ ID: "a1" }]);
    assert.equal(one["LatestDeployment"], null);
    assert.deepEqual(one["Evaluations"], [{ ID: "e1" }]);
    for (const words of asked) assert.deepEqual(words, ["web", { namespace: "team" }]);
  }
});

test("job status -all-allocs -json asks for the allocations of earlier jobs of the name", async () => {
  const asked: unknown[] = [];
  const { context } = fakeContext({ words: ["-json", "-all-allocs", "web"], flags: jobStatus.flags, api: { jobs: jobs(asked) } });
  await jobStatus.run(context);
  assert.ok(asked.some((words) => JSON.stringify(words) === '["web",{"namespace":"team","parameters":{"all":true}}]'));
});

test("job status of many jobs asks about few at a time, and keeps their order", async () => {
  let [now, most] = [0, 0];
  const many = Array.from({ length: 30 }, (_, position) => ({ ID: `job-${position}`, Namespace: "default" }));
  const slowly = async (id: string) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    return answered(id);
  };
  const api = { jobs: { list: async () => answered(many), summary: slowly, allocations: slowly, deployment: slowly, evaluations: slowly } };
  const { context, printed } = fakeContext({ words: ["-t", "{{range .}}{{.Summary}} {{end}}"], flags: jobStatus.flags, api });
  await jobStatus.run(context);
  assert.deepEqual(
    printed.join("").trim().split(" "),
    many.map((job) => job.ID),
  );
  assert.ok(most <= 32, `${most} questions at a time`);
});

for (const [words, printedBegins] of [
  [["web"], '{\n    "Job": {\n        "ID": "web"'],
  [["-json", "web"], '{\n    "ID": "web"'],
  [["-t", "{{.ID}} {{range .TaskGroups}}{{.Name}}{{end}}", "web"], "web g"],
] as const) {
  test(`job inspect ${words.join(" ")} prints ${JSON.stringify(printedBegins)}…`, async () => {
    const { context, printed } = fakeContext({ words, flags: jobInspect.flags, api: { jobs: jobs() } });
    assert.equal(await jobInspect.run(context), 0);
    assert.ok(printed.join("\n").startsWith(printedBegins), printed.join("\n"));
  });
}

test("the command for the next page lists the same: namespace, job, filter, so many a page", async () => {
  const evaluation = {
    ID: "e1",
    Status: "complete",
    FailedTGAllocs: {},
    NodeID: "",
    Priority: 50,
    TriggeredBy: "x",
    JobID: "j",
    Namespace: "n",
  };
  const { context, printed } = fakeContext({
    words: ["-per-page=1", "-namespace=*", "-job=web", "-filter", 'TriggeredBy == "it\'s"'],
    flags: { ...CONNECTION_FLAGS, ...evalList.flags },
    api: { evaluations: { list: async () => ({ ...answered([evaluation]), nextToken: "7.e2" }) } },
  });
  await evalList.run(context);
  assert.equal(
    printed.at(-1),
    String.raw`drover eval list -namespace '*' -job web -per-page 1 -filter 'TriggeredBy == "it'\''s"' -page-token 7.e2`,
  );
});

test("no id is nobody's prefix", async () => {
  const { context } = fakeContext({ api: { jobs: jobs(), allocations: { list: async () => answered([{ ID: "a1" }]) } } });
  await assert.rejects(resolveJob(context, ""), { code: "ID_INVALID" });
  await assert.rejects(resolveJob(context, "  "), { code: "ID_INVALID" });
  await assert.rejects(resolveAllocation(context, ""), { code: "ID_INVALID" });
  await assert.rejects(status.run(fakeContext({ words: [""], api: {} }).context), { code: "ID_INVALID" });
});

test("job stop of several jobs ends at Ctrl-C, and does not stop the next", async () => {
  const stopped: string[] = [];
  const interrupt = new AbortController();
  const api = {
    jobs: {
      list: async ({ prefix }: { prefix: string }) => answered([{ ID: prefix, Namespace: "default" }]),
      deregister: async (id: string) => {
        stopped.push(id);
        interrupt.abort();
        return answered({ EvalID: "e1" });
      },
    },
  };
  const { context } = fakeContext({ words: ["one", "two"], flags: jobStop.flags, api });
  await assert.rejects(jobStop.run({ ...context, interrupted: interrupt.signal }), { name: "AbortError" });
  assert.deepEqual(stopped, ["one"]);
});

test("node eligibility takes -self or a node, not both", async () => {
  const { context } = fakeContext({ words: ["-enable", "-self", "abc"], flags: nodeEligibility.flags, api: {} });
  await assert.rejects(nodeEligibility.run(context), { code: "USAGE" });
});

test("allocationTable() with -verbose shows evaluations, and nodes by name", () => {
  const allocation = {
    ID: "a".repeat(36),
    EvalID: "e".repeat(36),
    NodeID: "n".repeat(36),
    NodeName: "node-one",
    Name: "web.g[0]",
    TaskGroup: "g",
    JobVersion: 2,
    DesiredStatus: "run",
    ClientStatus: "running",
    CreateIndex: 1,
    CreateTime: NOW_MS * 1e6,
    ModifyTime: NOW_MS * 1e6,
    TaskStates: {},
  } as unknown as Allocation;
  const shown = (verbose: boolean) => allocationTable([allocation], { nowMs: NOW_MS, verbose, colours: palette(false) }).split("\n");
  assert.match(shown(true)[0] as string, /^ID +Eval ID +Node ID +Node Name +Task Group +Version +Desired +Status +Created +Modified$/);
  assert.match(shown(true)[1] as string, /^a{36} {2}e{36} {2}n{36} {2}node-one {3}g /);
  assert.match(shown(false)[0] as string, /^ID +Node ID +Task Group +Version +Desired +Status +Created +Modified$/);
  assert.match(shown(false)[1] as string, /^a{8} {2}n{8} {2}g /);
});

test("-ca-path trusts every file of a folder, unless a file is named; an empty folder is told", () => {
  const folder = mkdtempSync(join(tmpdir(), "drover-authorities-"));
  try {
    assert.throws(() => clientOptions({}, { caPath: folder }), { code: "API_TLS_FILE_UNREADABLE", message: /there is no file in it/ });
    writeFileSync(join(folder, "b.pem"), "BBB");
    writeFileSync(join(folder, "a.pem"), "AAA");
    writeFileSync(join(folder, ".hidden"), "CCC");
    mkdirSync(join(folder, "more"));
    assert.equal(clientOptions({}, { caPath: folder }).tls?.ca, "AAA\nBBB");
    assert.equal(clientOptions({ NOMAD_CAPATH: folder }).tls?.ca, "AAA\nBBB");
    assert.equal(clientOptions({ NOMAD_CAPATH: folder }, { caCert: join(folder, "b.pem") }).tls?.ca, "BBB");
    assert.throws(() => clientOptions({}, { caPath: join(folder, "none") }), { code: "API_TLS_FILE_UNREADABLE" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
