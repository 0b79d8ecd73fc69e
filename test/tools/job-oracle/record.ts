/**
 * Records how Nomad reads and stores the job files of inputs/: `node test/tools/job-oracle/record.ts http://127.0.0.1:4646`, the address
 * of a Nomad server of its own, without clients (its jobs are not purged: Nomad 1.11.3 dies of a job purged while it is planned). Rewrites test/unit/jobspec/oracle/jobs.jsonl.
 */
import { writeFileSync } from "node:fs";
import { answersFile, type JobAnswer } from "./answers.ts";
import { beyond, factsOf, type Facts } from "./facts.ts";
import { jobInputs, type JobInput } from "./inputs.ts";

const server = process.argv[2] ?? "http://127.0.0.1:4646";
const refused = Symbol("refused");
/** What the server says of a job itself: not read from the file. */
const OWN = {
  CreateIndex: 0,
  ModifyIndex: 0,
  JobModifyIndex: 0,
  SubmitTime: 0,
  Status: "",
  StatusDescription: "",
  Stable: false,
  Version: 0,
};

await ask("PUT", "/v1/namespace/ns", { Name: "ns" });
let base: Facts = {};
const lines: JobAnswer[] = [];
for (const [index, input] of jobInputs().entries()) {
  const { answer, stored } = await answerOf(input, `s${index}`);
  lines.push(answer);
  if (index === 0) base = stored;
}
writeFileSync(answersFile, `${lines.map((each) => JSON.stringify(each)).join("\n")}\n`);
console.log(`${lines.length} answers in ${answersFile}; refused: ${lines.filter((each) => each.refused !== undefined).length}`);

async function answerOf({ name, text }: JobInput, id: string): Promise<{ answer: JobAnswer; stored: Facts }> {
  const job = (await ask("POST", "/v1/jobs/parse", { JobHCL: text, Canonicalize: false })) as Record<string, unknown>;
  if ((job as unknown) === refused) return { answer: { name, refused: "parsed" }, stored: {} };
  const parsed = factsOf(job);
  const namespace = (job["Namespace"] as string | null) ?? "default";
  if ((await ask("POST", "/v1/jobs", { Job: { ...job, ID: id, Region: "global" } })) === refused) {
    return { answer: { name, parsed, refused: "stored" }, stored: {} };
  }
  const whole = (await ask("GET", `/v1/job/${id}?namespace=${namespace}`)) as object;
  const stored = factsOf({ ...whole, ID: job["ID"], ...OWN });
  return { answer: { name, parsed, stored: beyond(base, stored) }, stored };
}

/** The answer, or `refused`: the server says that the request is wrong. */
async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(server + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return response.ok ? JSON.parse(text || "null") : refused;
}
