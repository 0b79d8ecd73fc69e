import assert from "node:assert/strict";
import { test } from "node:test";
import { startPulse } from "#integrations/host";

test("the pulse answers 200 while the main loop runs, and nothing else", async () => {
  const pulse = await startPulse();
  const answer = await fetch(pulse.url);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
  assert.equal((await fetch(pulse.url, { method: "POST", body: "x" })).status, 405);
  await pulse.close();
  await assert.rejects(fetch(pulse.url));
});
