/** What Nomad's API answered is played against an agent: no key that its clients read is missing, no type another, no status. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { judged } from "../tools/api-oracle/allowed.ts";
import { differencesOf } from "../tools/api-oracle/compare.ts";
import { play } from "../tools/api-oracle/play.ts";
import { read } from "../tools/api-oracle/shape.ts";
import { STEPS } from "../tools/api-oracle/steps.ts";
import { REPOSITORY, startRealAgent } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 300_000 };
const AGENT = `server {
  enabled          = true
  bootstrap_expect = 1
}
client { enabled = true }
plugin "raw_exec" {
  config { enabled = true }
}
acl { enabled = true }
telemetry { prometheus_metrics = true }
`;

test("every answer has the shape that Nomad's own agent gave it", LIVE, async (t) => {
  const recorded = read(readFileSync(join(REPOSITORY, "test", "tools", "api-oracle", "recorded.txt"), "utf8"));
  const agent = await startRealAgent({ config: { "agent.hcl": AGENT }, ready: false });
  t.after(() => agent.remove());
  const { answers, waited } = await play(STEPS, agent.address).catch((error: unknown) => {
    throw new Error(agent.output(), { cause: error });
  });
  t.diagnostic(`waited, in milliseconds: ${JSON.stringify(Object.fromEntries(waited))}`);
  assert.deepEqual(
    [...answers.keys()].filter((step) => !recorded.has(step)),
    [],
    "steps that nobody recorded: node test/tools/api-oracle/record.ts",
  );
  const { differences, idle } = judged([...recorded].flatMap(([step, answer]) => differencesOf(step, answer, answers.get(step))));
  assert.deepEqual(differences, [], "mend them, or say in test/tools/api-oracle/allowed.ts why they are so");
  for (const line of idle) t.diagnostic(`excuses nothing any more: ${line}`);
});
