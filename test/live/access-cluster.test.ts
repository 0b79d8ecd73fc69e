/**
 * Access control as its operator meets it: three servers, a node, TLS, the private Consul. Teams with their namespaces ask through every server and
 * through the node's agent, and everywhere hear the same; what is given or taken on one server counts on the others at once.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { test } from "node:test";
import { SignJWT } from "jose";
import { startAccessWorld } from "./parts/access-world.ts";
import type { ClusterMachine } from "./parts/cluster-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 300_000 };

interface Token {
  readonly AccessorID: string;
  readonly SecretID: string;
}
interface Stub {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly Namespace: string;
}

/** What a task does with its own identity, through the API's socket in its secrets. */
const SCRIPT = `
cd "$NOMAD_SECRETS_DIR"
ask() { curl -sS -o /dev/null -w '%{http_code}' -m 20 --unix-socket api.sock -H "Authorization: Bearer $1" "http://localhost$2"; }
while :; do
  echo "own $(ask "$NOMAD_TOKEN" /v1/var/nomad/jobs/worker?namespace=red) \\
secret $(ask "$NOMAD_TOKEN" /v1/var/app/secret?namespace=red) \\
jobs $(ask "$NOMAD_TOKEN" /v1/jobs?namespace=red) \\
blue $(ask "$NOMAD_TOKEN" /v1/jobs?namespace=blue) \\
other $(ask "$(cat nomad_db.jwt)" /v1/var/nomad/jobs/worker?namespace=red) end"
  sleep 1
done`;

const jobOf = (
  id: string,
  namespace: string,
  task: object = { Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["86400"] } },
) => ({
  Job: {
    ID: id,
    Name: id,
    Namespace: namespace,
    Type: "service",
    Datacenters: ["dc1"],
    TaskGroups: [{ Name: "g", Count: 1, Tasks: [{ Name: "t", Resources: { CPU: 20, MemoryMB: 32 }, ...task }] }],
  },
});

test("teams, tokens and workloads are let in where their policies say, through any server and the node's agent", LIVE, async (t) => {
  const access = await startAccessWorld(t);
  const { ask, told, cli, servers, client, ways } = access;
  const [s1, s2, s3] = servers as [ClusterMachine, ClusterMachine, ClusterMachine];
  const secrets: string[] = [];
  let whole = true;
  /** Each builds on those before it. */
  const step = async (name: string, play: () => Promise<void> | void): Promise<void> => {
    if (!whole) return;
    whole = false;
    await t.test(name, async () => {
      await play();
      whole = true;
    });
  };
  /** Everywhere the same, and at once. */
  const everywhere = async (token: string, path: string, status: number, more: { method?: string; body?: unknown } = {}): Promise<void> => {
    const got = await Promise.all(ways.map(async (way) => ({ way: way.name, ...(await ask(way, token, path, more)) })));
    const shown = got.map(({ way, status: is, text }) => `${way} ${is} ${text.slice(0, 200)}`).join("\n");
    assert.deepEqual(
      got.map((each) => each.status),
      ways.map(() => status),
      `${path}\n${shown}`,
    );
  };
  let root = "";
  const manage = <T>(way: ClusterMachine, path: string, body: unknown, method = "PUT") => told<T>(way, root, path, { method, body });
  const policy = (way: ClusterMachine, name: string, Rules: string, more: object = {}) =>
    manage(way, `/v1/acl/policy/${name}`, { Name: name, Rules, ...more });
  const tokenOf = async (way: ClusterMachine, body: object): Promise<Token> => {
    const token = await manage<Token>(way, "/v1/acl/token", { Type: "client", ...body });
    secrets.push(token.SecretID);
    return token;
  };
  let red: Token, ops: Token, blue: Token;

  await step("closed from the beginning; bootstrapped once, though everybody tries at once", async () => {
    for (const path of ["/v1/jobs", "/v1/nodes", "/v1/agent/self", "/v1/acl/tokens", "/v1/var/x", "/v1/operator/raft/configuration"]) {
      await everywhere("", path, 403);
    }
    await everywhere(randomUUID(), "/v1/jobs", 403);
    await everywhere("", "/v1/status/leader", 200);
    const tries = await Promise.all([...ways, ...ways].map((way) => ask(way, "", "/v1/acl/bootstrap", { method: "PUT" })));
    const won = tries.filter(({ status }) => status === 200);
    assert.equal(won.length, 1, tries.map(({ status, text }) => `${status} ${text}`).join("\n"));
    for (const { status, text } of tries)
      if (status !== 200) assert.match(`${status} ${text}`, /^400 ACL bootstrap already done \(reset index: \d+\)/);
    root = won[0]?.json<Token>().SecretID ?? "";
    secrets.push(root);
    await everywhere(root, "/v1/acl/tokens", 200);
  });

  await step("teams: what one server is told of them counts on every other at once", async () => {
    for (const [at, Name] of ["red", "blue"].entries()) await manage(servers[at] as ClusterMachine, "/v1/namespace", { Name });
    await manage(s3, "/v1/node/pool/gpu", { Name: "gpu" });
    await policy(s1, "red", 'namespace "red" { policy = "write" variables { path "*" { capabilities = ["write", "read", "destroy"] } } }');
    await policy(s2, "blue", 'namespace "blue" { policy = "write" }\nnode_pool "gpu" { policy = "read" }');
    await policy(s3, "on-the-machine", 'namespace "red" { capabilities = ["alloc-node-exec"] }');
    const role = await manage<{ ID: string }>(s2, "/v1/acl/role", { Name: "red-team", Policies: [{ Name: "red" }] });
    red = await tokenOf(s3, { Name: "red", Roles: [{ ID: role.ID }] });
    await everywhere(red.SecretID, "/v1/jobs?namespace=red", 200);
    ops = await tokenOf(s1, { Name: "ops", Roles: [{ Name: "red-team" }], Policies: ["on-the-machine"] });
    blue = await tokenOf(client, { Name: "blue", Policies: ["blue"] });
    await everywhere(blue.SecretID, "/v1/jobs?namespace=blue", 200);
    await everywhere(blue.SecretID, "/v1/jobs?namespace=red", 403);
    await everywhere(red.SecretID, "/v1/jobs?namespace=blue", 403);
    await everywhere(red.SecretID, "/v1/namespace/blue", 403);
    await everywhere(red.SecretID, "/v1/namespace/nobody", 403);
    await everywhere(blue.SecretID, "/v1/node/pool/gpu", 200);
    await everywhere(blue.SecretID, "/v1/node/pool/default", 403);
    for (const way of ways) {
      const pools = await told<{ Name: string }[]>(way, blue.SecretID, "/v1/node/pools");
      const spaces = await told<{ Name: string }[]>(way, blue.SecretID, "/v1/namespaces");
      assert.deepEqual([pools.map(({ Name }) => Name), spaces.map(({ Name }) => Name)], [["gpu"], ["blue"]], way.name);
    }
    // Management words are nobody's but management's.
    for (const path of ["/v1/acl/tokens", "/v1/acl/token/" + blue.AccessorID, "/v1/operator/keyring/keys", "/v1/operator/snapshot"]) {
      await everywhere(red.SecretID, path, 403);
    }
    // "Bearer" is the same; where both are said, X-Nomad-Token counts.
    const bearer = await ask(s2, "", "/v1/jobs?namespace=red", { headers: { authorization: `Bearer ${red.SecretID}` } });
    const both = await ask(s2, blue.SecretID, "/v1/jobs?namespace=red", { headers: { authorization: `Bearer ${root}` } });
    assert.deepEqual([bearer.status, both.status], [200, 403]);
    const through = await ask(client, blue.SecretID, "/v1/jobs?namespace=red", {
      headers: { authorization: `Bearer ${root}`, "x-drover-relayed": "1" },
    });
    assert.equal(through.status, 403);
  });

  let allocation = "";
  await step("jobs, logs, files and commands of a team are that team's", async () => {
    const say = { Driver: "raw_exec", Config: { command: "/bin/sh", args: ["-c", "echo from red; exec sleep 86400"] } };
    await everywhere(blue.SecretID, "/v1/jobs", 403, { method: "PUT", body: jobOf("talker", "red", say) });
    assert.equal((await ask(client, red.SecretID, "/v1/jobs", { method: "PUT", body: jobOf("talker", "red", say) })).status, 200);
    const started = await eventually(
      "the job to run",
      async () =>
        (await told<Stub[]>(s2, red.SecretID, "/v1/job/talker/allocations?namespace=red")).find((each) => each.ClientStatus === "running"),
      60_000,
    );
    allocation = started.ID;
    const logs = `/v1/client/fs/logs/${allocation}?task=t&type=stdout&plain=true`;
    const paths = [
      `/v1/allocation/${allocation}`,
      logs,
      `/v1/client/fs/ls/${allocation}?path=/`,
      `/v1/client/allocation/${allocation}/stats`,
    ];
    await eventually("its words", async () => (await ask(s1, red.SecretID, `${logs}&namespace=red`)).text === "from red\n");
    for (const path of paths) {
      const inRed = `${path}${path.includes("?") ? "&" : "?"}namespace=red`;
      const inBlue = `${path}${path.includes("?") ? "&" : "?"}namespace=blue`;
      await everywhere(red.SecretID, inRed, 200);
      await everywhere(blue.SecretID, inRed, 403);
      // As one that is not there.
      await everywhere(blue.SecretID, inBlue, 404);
      await everywhere("", inRed, 403);
    }
    const unknown = await ask(s1, blue.SecretID, `/v1/allocation/${randomUUID()}?namespace=blue`);
    const foreign = await ask(s1, blue.SecretID, `/v1/allocation/${allocation}?namespace=blue`);
    assert.equal(foreign.text, unknown.text);
    await everywhere(blue.SecretID, `/v1/allocation/${allocation}/stop?namespace=red`, 403, { method: "PUT" });
    for (const way of [s1, s2, s3, client]) {
      const found = await told<{ Matches: Record<string, readonly string[]> }>(way, blue.SecretID, "/v1/search?namespace=*", {
        method: "PUT",
        body: { Prefix: "", Context: "all" },
      });
      assert.deepEqual([found.Matches["jobs"], found.Matches["allocs"], found.Matches["evals"]], [[], [], []], way.name);
      const fuzzy = await told<{ Matches: Record<string, unknown> }>(way, blue.SecretID, "/v1/search/fuzzy?namespace=*", {
        method: "PUT",
        body: { Text: "talk" },
      });
      assert.deepEqual(fuzzy.Matches, {}, way.name);
      assert.deepEqual(await told<unknown[]>(way, blue.SecretID, "/v1/allocations?namespace=*"), [], way.name);
    }
  });

  await step("a command in a task that is not kept apart from its machine needs alloc-node-exec too", async () => {
    const run = (way: ClusterMachine, token: Token) =>
      cli(
        way,
        token.SecretID,
        "alloc",
        "exec",
        "-namespace",
        "red",
        "-i=false",
        "-t=false",
        "-task",
        "t",
        allocation,
        "/bin/echo",
        "inside",
      );
    const [mine, notMine, theirs] = await Promise.all([run(s2, ops), run(s3, red), run(client, blue)]);
    assert.deepEqual([mine.code, mine.stdout.trim()], [0, "inside"], mine.stderr);
    for (const one of [notMine, theirs]) {
      assert.notEqual(one.code, 0);
      assert.match(one.stderr, /Permission denied/);
    }
    const throughAgent = await run(client, ops);
    assert.deepEqual([throughAgent.code, throughAgent.stdout.trim()], [0, "inside"], throughAgent.stderr);
  });

  await step("an event stream and followed logs end with the token, wherever it was deleted; what is theirs was told alone", async () => {
    const guest = await tokenOf(s1, { Name: "guest", Policies: ["blue"] });
    const follower = await tokenOf(s1, { Name: "follower", Policies: ["red"] });
    const streams = [s1, s3, client].map((way) => ({ way, answer: ask(way, guest.SecretID, "/v1/event/stream?topic=Job&namespace=*") }));
    const follows = [s2, client].map((way) => ({
      way,
      answer: ask(way, follower.SecretID, `/v1/client/fs/logs/${allocation}?task=t&type=stdout&follow=true&plain=true&namespace=red`).then(
        ({ status, text }) => `it ended as if that were all: ${status} ${text}`,
        (error: Error) => error.message,
      ),
    }));
    const refused = await ask(s2, guest.SecretID, "/v1/event/stream?topic=Job&topic=ACLToken&namespace=*");
    assert.equal(refused.status, 403);
    for (const namespace of ["red", "blue"]) {
      const { SecretID } = namespace === "red" ? red : blue;
      assert.equal((await ask(s2, SecretID, "/v1/jobs", { method: "PUT", body: jobOf(`seen-${namespace}`, namespace) })).status, 200);
    }
    // It is on its way once it has been told.
    await eventually("the event to be everywhere", async () => (await ask(s3, root, "/v1/job/seen-blue?namespace=blue")).status === 200);
    // Whatever was asked before these, over the same ways, is being answered.
    for (const way of ways) {
      assert.equal((await ask(way, guest.SecretID, "/v1/event/stream?topic=ACLToken")).status, 403);
      const logs = await ask(way, follower.SecretID, `/v1/client/fs/logs/${allocation}?task=t&type=stdout&plain=true&namespace=red`);
      assert.equal(logs.text, "from red\n", way.name);
    }
    const startedMs = performance.now();
    for (const { AccessorID } of [guest, follower]) await manage(s2, `/v1/acl/token/${AccessorID}`, undefined, "DELETE");
    for (const { way, answer } of streams) {
      const { text } = await answer;
      assert.match(text, /seen-blue/, way.name);
      assert.doesNotMatch(text, /seen-red|talker/, way.name);
      assert.match(text, /Permission denied/, way.name);
    }
    const streamsMs = performance.now() - startedMs;
    for (const { way, answer } of follows) {
      // Refused where the question came late; never ended as if that were all.
      assert.match(await answer, /aborted|socket hang up|ECONNRESET|403 Permission denied/, way.name);
    }
    t.diagnostic(`event streams ended ${Math.round(streamsMs)} ms after the token, logs ${Math.round(performance.now() - startedMs)} ms`);
    await everywhere(guest.SecretID, "/v1/jobs?namespace=blue", 403).catch(async () => {
      // The node's agent believes a token for five seconds.
      await eventually("the node's agent too", async () => (await ask(client, guest.SecretID, "/v1/jobs?namespace=blue")).status === 403);
    });
  });

  await step("a token with an end serves until then, on no machine longer", async () => {
    const brief = await tokenOf(s3, { Name: "brief", Policies: ["red"], ExpirationTTL: "4s" });
    await everywhere(brief.SecretID, "/v1/jobs?namespace=red", 200);
    const over = await eventually("its end", async () => {
      const answer = await ask(client, brief.SecretID, "/v1/jobs?namespace=red");
      return answer.status === 403 && answer;
    });
    assert.match(over.text, /ACL token expired/);
    await everywhere(brief.SecretID, "/v1/jobs?namespace=red", 403);
    const long = await ask(s1, root, "/v1/acl/token", {
      method: "PUT",
      body: { Type: "client", Policies: ["red"], ExpirationTTL: "100h" },
    });
    assert.equal(long.status, 400);
  });

  await step("somebody with a JWT of ours logs in through one server and is known on all", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await manage(s1, "/v1/acl/auth-method", {
      Name: "ci",
      Type: "JWT",
      TokenLocality: "local",
      MaxTokenTTL: "10m",
      Config: {
        JWTValidationPubKeys: [publicKey.export({ type: "spki", format: "pem" })],
        BoundAudiences: ["drover"],
        ClaimMappings: { team: "team" },
      },
    });
    await manage(s2, "/v1/acl/binding-rule", {
      AuthMethod: "ci",
      Selector: "value.team != root",
      BindType: "policy",
      BindName: "${value.team}",
    });
    const jwt = (claims: object) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: "ES256" }).setIssuedAt().setExpirationTime("5m").sign(privateKey);
    const login = async (way: ClusterMachine, claims: object) =>
      ask(way, "", "/v1/acl/login", { method: "PUT", body: { AuthMethodName: "ci", LoginToken: await jwt(claims) } });
    const answer = await login(s3, { aud: "drover", team: "blue" });
    assert.equal(answer.status, 200, answer.text);
    const token = answer.json<Token>();
    secrets.push(token.SecretID);
    await everywhere(token.SecretID, "/v1/jobs?namespace=blue", 200);
    await everywhere(token.SecretID, "/v1/jobs?namespace=red", 403);
    const refused = await Promise.all([
      login(s1, { aud: "another", team: "blue" }),
      login(s2, { aud: "drover", team: "root" }),
      login(client, { aud: "drover" }),
    ]);
    assert.deepEqual(
      refused.map(({ status }) => status),
      [403, 400, 400],
    );
  });

  await step(
    "a workload is what its identity says, and more by the policies of its job; an identity made for others is none here",
    async () => {
      for (const [Path, Items] of Object.entries({ "nomad/jobs/worker": { own: "yes" }, "app/secret": { other: "no" } })) {
        await told(s1, red.SecretID, `/v1/var/${Path}?namespace=red`, { method: "PUT", body: { Namespace: "red", Path, Items } });
      }
      const worker = {
        Driver: "raw_exec",
        Config: { command: "/bin/sh", args: ["-c", SCRIPT] },
        Identity: { Env: true, File: true },
        Identities: [{ Name: "db", File: true, Audience: ["db.example"] }],
      };
      assert.equal((await ask(s1, red.SecretID, "/v1/jobs", { method: "PUT", body: jobOf("worker", "red", worker) })).status, 200);
      const said = async (words: RegExp) =>
        eventually(
          String(words),
          async () => {
            const [one] = await told<Stub[]>(s3, red.SecretID, "/v1/job/worker/allocations?namespace=red");
            const { text } = await ask(s2, red.SecretID, `/v1/client/fs/logs/${one?.ID}?task=t&type=stdout&plain=true&namespace=red`);
            return words.test(text.trimEnd().split("\n").at(-1) ?? "");
          },
          60_000,
        );
      await said(/^own 200 secret 403 jobs 403 blue 403 other 403 end$/);
      await policy(s2, "workers", 'namespace "red" { policy = "read" variables { path "app/*" { capabilities = ["read"] } } }', {
        JobACL: { Namespace: "red", JobID: "worker" },
      });
      await said(/^own 200 secret 200 jobs 200 blue 403 other 403 end$/);
      await manage(s3, "/v1/acl/policy/workers", undefined, "DELETE");
      await said(/^own 200 secret 403 jobs 403 blue 403 other 403 end$/);
    },
  );

  await step("the leader is gone: who was let in is, who was not is not", async () => {
    const gone = await access.leader();
    await gone.kill9();
    await access.leader(gone);
    const left = ways.filter((way) => way !== gone);
    for (const way of left) {
      const status = async (token: string, path: string) => (await ask(way, token, path)).status;
      await eventually(`${way.name} to answer red`, async () => (await status(red.SecretID, "/v1/jobs?namespace=red")) === 200, 60_000);
      assert.deepEqual([await status(blue.SecretID, "/v1/jobs?namespace=red"), await status("", "/v1/jobs")], [403, 403], way.name);
    }
    const again = await ask(left[0] as ClusterMachine, "", "/v1/acl/bootstrap", { method: "PUT" });
    assert.equal(again.status, 400);
  });

  await step("no secret was printed", () => {
    const printed = access.printed();
    assert.match(printed, /DEBUG/i);
    for (const secret of secrets) assert.equal(printed.includes(secret), false);
    assert.doesNotMatch(printed, /eyJ[\w-]+\.eyJ/);
  });
});
