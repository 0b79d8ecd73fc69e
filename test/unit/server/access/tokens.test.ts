import assert from "node:assert/strict";
import { test } from "node:test";
import { mayInNamespace, mayVariable } from "#access";
import { createTokenReaper } from "../../../../src/server/access/reaper.ts";
import { hasExpired } from "../../../../src/server/access/tokens.ts";
import { job, node, placement, plan, evaluation } from "../../state/nouns.ts";
import { accessWorld, type AccessWorld, claimsOf } from "./world.ts";

const READ = 'namespace "default" { policy = "read" }';
const WRITE = 'namespace "default" { policy = "write" }';

function refusal(code: string, statusCode: number, message: RegExp) {
  return (thrown: unknown) => {
    const { code: is, statusCode: status, message: says } = thrown as { code: string; statusCode: number; message: string };
    assert.equal(is, code, says);
    assert.equal(status, statusCode, says);
    assert.match(says, message);
    return true;
  };
}

async function may({ access }: AccessWorld, secret: string, capability: string): Promise<boolean> {
  return mayInNamespace(await access.resolve(secret), "default", capability);
}

test("Closed once it is on: anonymous may nothing until a policy says so", async () => {
  const world = accessWorld();
  assert.equal(await may(world, "", "read-job"), false);
  await world.access.upsertPolicy({ Name: "anonymous", Rules: READ });
  assert.equal(await may(world, "", "read-job"), true);
  assert.equal(await may(world, "", "submit-job"), false);
  await world.access.deletePolicy("anonymous");
  assert.equal(await may(world, "", "read-job"), false);
});

test("Bootstrapped once; again when the index is named on the disk, and once by that", async () => {
  const world = accessWorld();
  await assert.rejects(world.access.bootstrap("not a uuid"), refusal("ACL_INVALID", 400, /UUID/));
  const { Token, Index } = await world.access.bootstrap("2b778dd9-f5f1-6f29-b4b4-9a5fa948757a");
  assert.equal(Token.SecretID, "2b778dd9-f5f1-6f29-b4b4-9a5fa948757a");
  assert.deepEqual([Token.Type, Token.Global, Token.Name], ["management", true, "Bootstrap Token"]);
  assert.equal((await world.access.resolve(Token.SecretID)).Management, true);
  await assert.rejects(
    world.access.bootstrap(null),
    refusal("ACL_BOOTSTRAPPED", 400, new RegExp(`^ACL bootstrap already done \\(reset index: ${Index}\\)$`)),
  );
  world.reset = Index;
  const again = await world.access.bootstrap(null);
  assert.notEqual(again.Token.SecretID, Token.SecretID);
  await assert.rejects(world.access.bootstrap(null), refusal("ACL_BOOTSTRAPPED", 400, /already done/));
});

test("A token has its policies and its roles' as they are at that moment", async () => {
  const world = accessWorld();
  await assert.rejects(
    world.access.upsertRole({ Name: "team", Policies: [{ Name: "read" }] }, null),
    refusal("ACL_REFUSED", 400, /^cannot find policy read$/),
  );
  await world.access.upsertPolicy({ Name: "read", Rules: READ });
  await world.access.upsertPolicy({ Name: "write", Rules: WRITE });
  const { Role } = await world.access.upsertRole({ Name: "team", Policies: [{ Name: "read" }, { Name: "read" }] }, null);
  assert.deepEqual(Role.Policies, [{ Name: "read" }]);
  const { Token } = await world.access.upsertToken({ Name: "ana", Type: "client", Roles: [{ Name: "team" }] }, null);
  assert.deepEqual(Token.Roles, [{ ID: Role.ID, Name: "team" }]);
  assert.deepEqual([await may(world, Token.SecretID, "read-job"), await may(world, Token.SecretID, "submit-job")], [true, false]);
  await world.access.upsertRole({ Name: "team", Policies: [{ Name: "read" }, { Name: "write" }] }, Role.ID);
  assert.equal(await may(world, Token.SecretID, "submit-job"), true);
  await world.access.deletePolicy("write");
  assert.deepEqual([await may(world, Token.SecretID, "read-job"), await may(world, Token.SecretID, "submit-job")], [true, false]);
  await world.access.deleteRole(Role.ID);
  assert.equal(await may(world, Token.SecretID, "read-job"), false);
});

test("Unknown, part of a secret, an accessor, deleted: no token", async () => {
  const world = accessWorld();
  const { Token } = await world.access.upsertToken({ Type: "management" }, null);
  const none = refusal("ACL_TOKEN_NOT_FOUND", 403, /^ACL token not found$/);
  for (const wrong of ["x", Token.SecretID.slice(0, -1), `${Token.SecretID} `, Token.AccessorID, "a.b.c", "z".repeat(100_000)]) {
    await assert.rejects(world.access.resolve(wrong), none);
  }
  await world.access.resolve(Token.SecretID);
  await world.access.deleteToken(Token.AccessorID);
  await assert.rejects(world.access.resolve(Token.SecretID), none);
  await assert.rejects(
    world.access.upsertToken({ Type: "management" }, Token.AccessorID),
    refusal("ACL_NOT_FOUND", 404, /cannot find token/),
  );
});

test("A token for a time: within the limits, refused at once when it is over, reaped later", async () => {
  const world = accessWorld();
  const make = (ExpirationTTL: unknown) => world.access.upsertToken({ Type: "management", ExpirationTTL }, null);
  await assert.rejects(make("59s"), refusal("ACL_INVALID", 400, /^expiration time cannot be less than 1m0s in the future \(was 59s\)$/));
  await assert.rejects(make("24h0m1s"), refusal("ACL_INVALID", 400, /cannot be more than 24h0m0s in the future/));
  await assert.rejects(make("-1h"), refusal("ACL_INVALID", 400, /negative/));
  await assert.rejects(make("soon"), refusal("ACL_INVALID", 400, /duration/));
  const { Token } = await make(3_600e9);
  assert.equal((await world.access.resolve(Token.SecretID)).Management, true);
  await world.clock.advance(3_600_000);
  await assert.rejects(world.access.resolve(Token.SecretID), refusal("ACL_TOKEN_EXPIRED", 403, /^ACL token expired$/));
  const reaper = createTokenReaper(world.parts, 3_600_000);
  assert.equal(await reaper.reap(), 0);
  await world.clock.advance(3_600_001);
  await reaper.reap();
  reaper.close();
  assert.equal(world.state.snapshot().aclToken(Token.AccessorID), undefined);
});

test("What a token is never changes", async () => {
  const world = accessWorld();
  const { Token } = await world.access.upsertToken({ Type: "client", Policies: ["a"], ExpirationTTL: "1h" }, null);
  const change = (more: object) =>
    world.access.upsertToken({ AccessorID: Token.AccessorID, Type: "client", Policies: ["b"], ...more }, Token.AccessorID);
  await assert.rejects(change({ Global: true }), refusal("ACL_INVALID", 400, /cannot toggle global/));
  await assert.rejects(change({ ExpirationTTL: "2h" }), refusal("ACL_INVALID", 400, /cannot update expiration time/));
  await assert.rejects(change({ AccessorID: "other" }), refusal("ACL_INVALID", 400, /path/));
  const changed = await change({ Name: "new", SecretID: "tried" });
  assert.deepEqual(
    [changed.Token.SecretID, changed.Token.ExpirationTime, changed.Token.Policies],
    [Token.SecretID, Token.ExpirationTime, ["b"]],
  );
  assert.equal(changed.Token.CreateIndex, Token.CreateIndex);
});

const WRONG_TOKENS: readonly (readonly [token: object, says: RegExp])[] = [
  [{ Type: "client" }, /client token missing policies or roles/],
  [{ Type: "management", Policies: ["a"] }, /management token cannot be associated/],
  [{ Type: "root" }, /token type must be client or management/],
  [{ Type: "client", Roles: [{ Name: "nobody" }] }, /cannot find role nobody/],
  [{ Type: "management", Name: "n".repeat(257) }, /token name too long/],
];
for (const [token, says] of WRONG_TOKENS) {
  test(`No token: ${JSON.stringify(token).slice(0, 60)}`, async () => {
    await assert.rejects(accessWorld().access.upsertToken(token, null), refusal("ACL_INVALID", 400, says));
  });
}

test("Policies are checked when they are written", async () => {
  const { access } = accessWorld();
  await assert.rejects(access.upsertPolicy({ Name: "a b", Rules: READ }), refusal("ACL_INVALID", 400, /invalid name/));
  await assert.rejects(access.upsertPolicy({ Name: "a", Rules: 'node { policy = "raed" }' }), refusal("ACL_POLICY_INVALID", 400, /a:1:17/));
  await assert.rejects(access.upsertPolicy({ Name: "a", Rules: READ, Description: "d".repeat(257) }), refusal("ACL_INVALID", 400, /256/));
  await assert.rejects(access.upsertPolicy({ Name: "a", Rules: READ, JobACL: { Group: "g" } }), refusal("ACL_INVALID", 400, /no job/));
  await assert.rejects(access.deletePolicy("a"), refusal("ACL_REFUSED", 404, /no such policy/));
});

test("A one-time token hands the token over once, within ten minutes", async () => {
  const world = accessWorld();
  const { Token } = await world.access.upsertToken({ Type: "management" }, null);
  const first = await world.access.createOneTimeToken(Token.AccessorID);
  const second = await world.access.createOneTimeToken(Token.AccessorID);
  await assert.rejects(world.access.exchangeOneTimeToken(first.OneTimeToken.OneTimeSecretID), refusal("ACL_NOT_FOUND", 404, /not found/));
  const both = await Promise.allSettled([1, 2].map(() => world.access.exchangeOneTimeToken(second.OneTimeToken.OneTimeSecretID)));
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const late = await world.access.createOneTimeToken(Token.AccessorID);
  await world.clock.advance(600_000);
  await assert.rejects(world.access.exchangeOneTimeToken(late.OneTimeToken.OneTimeSecretID), refusal("ACL_TOKEN_EXPIRED", 403, /expired/));
});

test("A workload speaks for itself, with the policies of its job, group, task", async () => {
  const world = accessWorld();
  world.apply({ type: "node-register", Node: node("n1"), Evaluations: [] });
  world.apply({
    type: "job-register",
    Job: job("web"),
    Submission: null,
    Evaluation: evaluation("e1", "web"),
    EnforceIndex: null,
    PreserveCounts: false,
  });
  const of = world.state.snapshot().job("default", "web");
  assert.ok(of !== undefined);
  world.apply({ type: "plan-apply", Plan: plan(of, { Placements: [placement("a1", "web", "n1")] }), Evaluations: [] });
  const group = world.state.snapshot().allocation("a1")?.TaskGroup ?? "";
  world.identities.set("x.y.z", claimsOf("a1", "web", "app"));
  const before = await world.access.resolve("x.y.z");
  assert.equal(before.Subject, "workload a1");
  assert.equal(mayVariable(before, "default", `nomad/jobs/web/${group}/app`, "read"), true);
  assert.equal(mayInNamespace(before, "default", "read-job"), false);
  await world.access.upsertPolicy({
    Name: "other",
    Rules: WRITE,
    JobACL: { Namespace: "default", JobID: "web", Group: group, Task: "other" },
  });
  await world.access.upsertPolicy({ Name: "anonymous", Rules: READ });
  assert.equal(mayInNamespace(await world.access.resolve("x.y.z"), "default", "read-job"), false);
  await world.access.upsertPolicy({ Name: "mine", Rules: READ, JobACL: { Namespace: "default", JobID: "web", Group: group, Task: "app" } });
  assert.equal(mayInNamespace(await world.access.resolve("x.y.z"), "default", "read-job"), true);
  assert.deepEqual((await world.access.resolve("a.node.jwt")).Subject, "node node-1");
});

test("Events tell that something changed, and no secret", async () => {
  const world = accessWorld();
  const seen: unknown[] = [];
  const ended = new AbortController();
  const reading = (async () => {
    for await (const batch of world.state.events.read({ topics: new Map([["*", ["*"]]]), namespace: "*", fromIndex: 1 }, ended.signal))
      seen.push(...batch.Events);
  })();
  const { Token } = await world.access.bootstrap(null);
  await world.access.upsertAuthMethod(
    {
      Name: "sso",
      Type: "OIDC",
      TokenLocality: "local",
      MaxTokenTTL: "1h",
      Config: {
        OIDCDiscoveryURL: "https://sso.example",
        OIDCClientID: "drover",
        OIDCClientSecret: "very secret",
        AllowedRedirectURIs: ["http://localhost/cb"],
      },
    },
    null,
  );
  await world.access.deleteToken(Token.AccessorID);
  await new Promise((resolve) => setImmediate(resolve));
  ended.abort();
  await reading;
  assert.deepEqual(
    (seen as { Topic: string; Type: string }[]).map(({ Topic, Type }) => `${Topic} ${Type}`),
    ["ACLToken ACLTokenUpserted", "ACLAuthMethod ACLAuthMethodUpserted", "ACLToken ACLTokenDeleted"],
  );
  assert.ok(!JSON.stringify(seen).includes(Token.SecretID) && !JSON.stringify(seen).includes("very secret"));
});

test("A token ends at its time, not after it", () => {
  const endMs = Date.parse("2026-01-02T03:04:05.006Z");
  const token = { ExpirationTime: new Date(endMs).toISOString() };
  assert.deepEqual(
    [endMs - 1, endMs].map((nowMs) => hasExpired(token, nowMs)),
    [false, true],
  );
  assert.equal(hasExpired({ ExpirationTime: null }, Infinity), false);
});
