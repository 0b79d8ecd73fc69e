import assert from "node:assert/strict";
import { test } from "node:test";
import { answerIntroduction } from "../../../src/agent/introduction.ts";

const own = { ServerId: "a", Name: "a.global", Region: "global", ClusterId: "ours", Version: "1" };
const other = { ...own, ServerId: "b", Name: "b.global" };
const key = new Uint8Array(32).fill(7);

test("A server of another region or cluster is told nothing, and the key is not even read for it", async () => {
  const never = () => assert.fail("the key was read");
  await assert.rejects(answerIntroduction({ ...other, Region: "elsewhere", ClusterId: "" }, own, never), {
    code: "PEER_FOREIGN",
    statusCode: 403,
  });
  await assert.rejects(answerIntroduction({ ...other, ClusterId: "theirs" }, own, never), { code: "PEER_FOREIGN", statusCode: 403 });
});

test("A server of this cluster, or of none yet, is told the key, and who tells it", async () => {
  for (const ClusterId of ["ours", ""])
    assert.deepEqual(await answerIntroduction({ ...other, ClusterId }, own, async () => key), {
      ServerId: "a",
      Name: "a.global",
      ClusterId: "ours",
      ClusterKey: Buffer.from(key).toString("base64"),
    });
  assert.equal((await answerIntroduction(other, own, async () => undefined)).ClusterKey, "");
});
