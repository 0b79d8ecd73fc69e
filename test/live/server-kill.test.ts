/**
 * The whole program is killed with SIGKILL under a stream of HTTP writes, again and again on the same disk. A register is three records
 * in one entry (job, evaluation, submission): after every restart each acknowledged one is there with its version, and no other is by halves.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSeededRandom } from "#integrations/memory";
import { testScale } from "../scale.ts";
import { eventually, processesUnder, startRealAgent, type RealAgent } from "./real-agent.ts";

const KILLS = Math.max(1, Math.round(20 * testScale()));
const WRITERS = 4;
/** From the start of the process to an answer with a ready node, on a machine that does other things too. */
const RESTART_LIMIT_MS = 10_000;

interface JobAnswer {
  readonly ID: string;
  readonly JobModifyIndex: number;
}
interface VersionAnswer extends JobAnswer {
  readonly Version: number;
  readonly Meta: Readonly<Record<string, string>>;
}
interface EvaluationAnswer {
  readonly ID: string;
  readonly JobID: string;
  readonly JobModifyIndex: number;
  readonly TriggeredBy: string;
}
/** What the server said yes to. */
interface Acknowledged {
  readonly job: string;
  readonly version: number;
  readonly evaluation: string;
  readonly index: number;
}

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(() => agent.remove());

const source = (job: string, version: number) => `job ${JSON.stringify(job)} { # written as version ${version}\n}\n`;

/** Undefined: no answer came, so nobody knows. */
async function register(job: string, version: number): Promise<Acknowledged | undefined> {
  // Half of the jobs want something no node can give: their evaluations end blocked, which writes more.
  const wantsNothing = job.endsWith("0") || job.endsWith("5");
  const body = {
    Job: {
      ID: job,
      Datacenters: ["nowhere"],
      Meta: { version: String(version) },
      TaskGroups: [
        { Name: "g", Count: wantsNothing ? 0 : 1, Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/true" } }] },
      ],
    },
    Submission: { Source: source(job, version), Format: "hcl2" },
  };
  let response: Response;
  let text: string;
  try {
    response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify(body) });
    text = await response.text();
  } catch {
    return undefined;
  }
  assert.equal(response.status, 200, text);
  const answer = JSON.parse(text) as { EvalID: string; JobModifyIndex: number };
  assert.notEqual(answer.EvalID, "");
  return { job, version, evaluation: answer.EvalID, index: answer.JobModifyIndex };
}

/** Writers write until the server is gone; it is killed once `killAfter` writes were acknowledged and `delayMs` have passed. */
async function writeUntilKilled(
  life: number,
  killAfter: number,
  delayMs: number,
): Promise<{ asked: Set<string>; acknowledged: Acknowledged[] }> {
  const asked = new Set<string>();
  const acknowledged: Acknowledged[] = [];
  let killed: Promise<void> | undefined;
  const dueToDie = () => {
    if (acknowledged.length >= killAfter) killed ??= new Promise<void>((resolve) => setTimeout(resolve, delayMs)).then(() => agent.kill());
  };
  dueToDie();
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; ; n++) {
        // Every third job is written twice: version 1 over version 0.
        for (let version = 0; version <= (n % 3 === 0 ? 1 : 0); version++) {
          const job = `life${life}-writer${writer}-${n}`;
          asked.add(job);
          const done = await register(job, version);
          if (done === undefined) return;
          acknowledged.push(done);
          dueToDie();
        }
      }
    }),
  );
  assert.ok(killed !== undefined, "the server stopped answering before it was killed");
  await killed;
  return { asked, acknowledged };
}

/** Every job asked for is wholly there or wholly not. */
async function assertWhole(asked: Iterable<string>, acknowledged: readonly Acknowledged[]): Promise<void> {
  const jobs = new Map((await agent.get<JobAnswer[]>("/v1/jobs")).map((each) => [each.ID, each]));
  const evaluations = await agent.get<EvaluationAnswer[]>("/v1/evaluations");
  const registered = new Set(
    evaluations.filter((each) => each.TriggeredBy === "job-register").map((each) => `${each.JobID} ${each.JobModifyIndex}`),
  );
  const ids = new Map(evaluations.map((each) => [each.ID, each]));

  for (const each of acknowledged) {
    const job = jobs.get(each.job);
    assert.ok(job !== undefined, `acknowledged job ${each.job} is gone`);
    assert.ok(job.JobModifyIndex >= each.index, `job ${each.job} is older than its acknowledged version ${each.version}`);
    assert.equal(ids.get(each.evaluation)?.JobID, each.job, `acknowledged evaluation of ${each.job} is gone`);
    assert.equal(ids.get(each.evaluation)?.JobModifyIndex, each.index);
  }
  for (const evaluation of evaluations)
    assert.ok(jobs.has(evaluation.JobID), `evaluation ${evaluation.ID} without its job ${evaluation.JobID}`);

  for (const id of asked) {
    const job = jobs.get(id);
    if (job === undefined) {
      assert.equal((await agent.request(`/v1/job/${id}/submission?version=0`)).status, 404, `a submission without its job ${id}`);
      continue;
    }
    const { Versions: versions } = await agent.get<{ Versions: VersionAnswer[] }>(`/v1/job/${id}/versions`);
    assert.deepEqual(
      versions.map((each) => each.Version),
      Array.from(versions, (_, index) => versions.length - 1 - index),
      id,
    );
    assert.equal(versions[0]?.JobModifyIndex, job.JobModifyIndex, id);
    const agreed = acknowledged.filter((each) => each.job === id);
    for (const each of agreed) assert.equal(versions.find((version) => version.Version === each.version)?.JobModifyIndex, each.index, id);
    for (const each of versions) {
      assert.equal(each.Meta["version"], String(each.Version), `${id}: another version's content`);
      assert.ok(registered.has(`${id} ${each.JobModifyIndex}`), `job ${id} version ${each.Version} without its evaluation`);
      const submission = await agent.get<{ Source: string }>(`/v1/job/${id}/submission?version=${each.Version}`);
      assert.equal(submission.Source, source(id, each.Version), `job ${id} version ${each.Version} without its submission`);
    }
  }
}

/** Nobody else on the machine has one of this name, such as another run of this test. */
const SLEEPER = `sleeper-${process.pid}`;

test(
  `After each of ${KILLS} SIGKILLs of the agent under HTTP writes every acknowledged job is there, whole, and its task untouched`,
  { timeout: 60_000 + 15_000 * KILLS },
  async (context) => {
    const sleeper = {
      ID: SLEEPER,
      Datacenters: ["*"],
      TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["86400"] } }] }],
    };
    assert.equal((await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: sleeper }) })).status, 200);
    const pids = () =>
      processesUnder(`NOMAD_JOB_ID=${SLEEPER}`)
        .filter((each) => each.command.startsWith("/bin/sleep"))
        .map((each) => each.pid);
    const [pid] = await eventually("the sleeping task", () => (pids().length === 1 ? pids() : undefined));

    const random = createSeededRandom(20_260_301);
    const asked = new Set<string>();
    const acknowledged: Acknowledged[] = [];
    const restartsMs: number[] = [];
    let unanswered = 0;
    for (let life = 0; life < KILLS; life++) {
      const written = await writeUntilKilled(life, random.integer(80), random.integer(15));
      const startedMs = performance.now();
      await agent.restart();
      restartsMs.push(performance.now() - startedMs);
      for (const job of written.asked) asked.add(job);
      acknowledged.push(...written.acknowledged);
      unanswered += written.asked.size - new Set(written.acknowledged.map((each) => each.job)).size;
      // What this life wrote in full detail, all earlier lives by the lists.
      await assertWhole(written.asked, acknowledged);
    }
    await assertWhole(asked, acknowledged);
    assert.deepEqual(pids(), [pid], "the task did not outlive the kills as it was");
    const slowestMs = Math.max(...restartsMs);
    context.diagnostic(
      `${KILLS} kills, ${acknowledged.length} acknowledged writes, ${unanswered} jobs without an answer, slowest restart ${Math.round(slowestMs)} ms`,
    );
    assert.ok(acknowledged.length > KILLS && unanswered > 0, "the kills never met a write");
    assert.ok(slowestMs < RESTART_LIMIT_MS, `a restart took ${Math.round(slowestMs)} ms`);
  },
);
