/**
 * Records what Nomad plans for the edits of edits.ts: `node test/tools/plan-oracle/record.ts http://127.0.0.1:4646`, the address of a
 * Nomad agent of its own, server and client, that may run raw_exec. Rewrites test/unit/jobspec/oracle/plans.jsonl.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { factsOf } from "../job-oracle/facts.ts";
import { answersFile, type PlanAnswer } from "./answers.ts";
import { base, EDITS, edited } from "./edits.ts";
import { linesOf } from "./lines.ts";

const server = process.argv[2] ?? "http://127.0.0.1:4646";
interface Plan {
  readonly Diff: object | null;
  readonly Annotations: { readonly DesiredTGUpdates: object } | null;
}

const sent = (await parsed(base)) as object;
await ask("POST", "/v1/jobs", { Job: sent });
for (let tries = 0; ; tries += 1) {
  const deployment = (await ask("GET", "/v1/job/plan/deployment")) as { readonly Status: string } | null;
  if (deployment?.Status === "successful") break;
  if (tries > 60) throw new Error(`running the base job: its deployment is ${deployment?.Status ?? "not there"}, wanted: successful`);
  await sleep(500);
}
const answers: PlanAnswer[] = [];
for (const edit of EDITS) {
  const job = await parsed(edited(edit));
  const plan = "refused" in job ? job : await ask("POST", "/v1/job/plan/plan", { Job: job, Diff: true });
  answers.push("refused" in plan ? { name: edit.name, refused: true } : answerOf(edit.name, plan as Plan));
}
writeFileSync(answersFile, `${[{ name: "sent", sent }, ...answers].map((each) => JSON.stringify(each)).join("\n")}\n`);
console.log(`${answers.length} plans in ${answersFile}; refused: ${answers.filter((each) => each.refused).map((each) => each.name)}`);

function answerOf(name: string, { Diff, Annotations }: Plan): PlanAnswer {
  return { name, diff: linesOf(Diff), updates: factsOf(Annotations?.DesiredTGUpdates) };
}

function parsed(text: string): Promise<object> {
  return ask("POST", "/v1/jobs/parse", { JobHCL: text, Canonicalize: false });
}

async function ask(method: string, path: string, body?: object): Promise<object> {
  const response = await fetch(server + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return response.ok ? (JSON.parse(text) as object) : { refused: true };
}
