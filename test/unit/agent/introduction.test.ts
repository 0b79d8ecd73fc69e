import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerMember } from "#ports";
import { answerIntroduction } from "../../../src/agent/introduction.ts";

const own = { ServerId: "a", Name: "a.global", Region: "global", ClusterId: "ours", Version: "1" };
const other = { ...own, ServerId: "b", Name: "b.global" };
const key = new Uint8Array(32).fill(7);
const nobody = async () => [];

test("A server of another region or cluster is told nothing, and the key is not even read for it", async () => {
  const never = () => assert.fail("the key was read");
  await assert.rejects(answerIntroduction({ ...other, Region: "elsewhere", ClusterId: "" }, own, never, nobody), {
    code: "PEER_FOREIGN",
    statusCode: 403,
  });
  await assert.rejects(answerIntroduction({ ...other, ClusterId: "theirs" }, own, never, nobody), {
    code: "PEER_FOREIGN",
    statusCode: 403,
  });
});

test("A server of this cluster, or of none yet, is told the key, and who tells it", async () => {
  for (const ClusterId of ["ours", ""])
    assert.deepEqual(await answerIntroduction({ ...other, ClusterId }, own, async () => key, nobody), {
      ServerId: "a",
      Name: "a.global",
      ClusterId: "ours",
      ClusterKey: Buffer.from(key).toString("base64"),
    });
  assert.equal((await answerIntroduction(other, own, async () => undefined, nobody)).ClusterKey, "");
});

test("A server whose name another one has is told nothing; one that comes again without its disk, or is no longer there, is not another one", async () => {
  const first = { Name: "b.global", ServerId: "first", Status: "alive", Address: "10.0.0.2", RpcAddress: "10.0.0.2:4647" } as ServerMember;
  const asks = (RpcAddress: string, member: ServerMember) =>
    answerIntroduction(
      { ...other, RpcAddress },
      own,
      async () => key,
      async () => [member],
    );
  await assert.rejects(asks("10.0.0.3:4647", first), { code: "SERVER_NAME_TAKEN", message: /10\.0\.0\.2:4647/ });
  await asks("10.0.0.2:4647", first);
  await asks("b.example.org:4647", first);
  await asks("10.0.0.3:4647", { ...first, Status: "failed" });
  await asks("10.0.0.3:4647", { ...first, ServerId: "b" });
  const namesake = { ...other, Name: own.Name };
  await assert.rejects(
    answerIntroduction(namesake, { ...own, RpcAddress: "10.0.0.1:4647" }, async () => key, nobody),
    { code: "SERVER_NAME_TAKEN" },
  );
});
