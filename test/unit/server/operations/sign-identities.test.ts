import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { memoryKeyEncryption } from "#integrations/memory";
import type { Allocation, IdentityAnswer, IdentityRequest, RootKey } from "#model";
import type { LinkConnection } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { claimsOf } from "../../../../src/server/keyring/claims.ts";
import { NO_GENERATED_IDENTITIES, workloadOf } from "../../../../src/server/keyring/workload.ts";
import type { ServerOptions } from "#server";
import { inside } from "../inside.ts";

type Signed = Extract<IdentityAnswer, { readonly JWT: string }>;
type Claims = Readonly<Record<string, unknown>>;

const END = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never };

interface Cast {
  readonly world: World;
  readonly connection: LinkConnection;
  readonly allocation: Allocation;
  ask(request: Partial<IdentityRequest>): Promise<IdentityAnswer>;
}

function job(change: (group: Record<string, unknown>, task: Record<string, unknown>) => void = () => undefined): Record<string, unknown> {
  const made = jobOf({ id: "web", count: 1, dynamicPorts: 1 });
  const [group] = made["TaskGroups"] as [Record<string, unknown> & { readonly Tasks: [Record<string, unknown>] }];
  change(group, group.Tasks[0]);
  return made;
}

/** One node, one allocation of the job on it. */
async function playing(of: Record<string, unknown>, play: (cast: Cast) => Promise<void>, more: Partial<ServerOptions> = {}): Promise<void> {
  await inside({ server: { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" }, ...more } }, async (world) => {
    const node = nodeOf(world.random, {
      name: "n1",
      nodeClass: "small",
      attributes: { "consul.version": "1.21.0", "nomad.service_discovery": "true" },
    });
    const connection = await world.link.connect(node, END, () => undefined);
    await connection.register(node);
    await world.server.registerJob({ Job: of });
    await world.clock.advance(1_000);
    const [allocation] = [...world.cluster.state.snapshot().allocationsByNode(node.ID)];
    assert.ok(allocation !== undefined);
    const ask = async (request: Partial<IdentityRequest>) => {
      const whole: IdentityRequest = {
        AllocationID: allocation.ID,
        Workload: { Kind: "task", Task: "task" },
        Identity: "default",
        ...request,
      };
      const [answer] = await connection.signIdentities([whole]);
      assert.ok(answer !== undefined);
      assert.deepEqual(answer.Request, whole);
      return answer;
    };
    await play({ world, connection, allocation, ask });
  });
}

function signed(answer: IdentityAnswer): Signed {
  assert.ok("JWT" in answer, JSON.stringify(answer));
  return answer;
}
function claims(answer: IdentityAnswer): Claims {
  return JSON.parse(Buffer.from(signed(answer).JWT.split(".")[1] ?? "", "base64url").toString()) as Claims;
}

/** Against what /.well-known/jwks.json says, without the library that signed. */
function assertVerified(world: World, jwt: string): void {
  const [head = "", body = "", signature = ""] = jwt.split(".");
  const { alg, kid, typ } = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, string>;
  const jwk = world.server.jwks().keys.find((each) => each["kid"] === kid);
  assert.ok(jwk !== undefined && jwk["alg"] === alg && jwk["use"] === "sig" && typ === "JWT");
  const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  const bytes = Buffer.from(`${head}.${body}`);
  const ok = verify(alg === "EdDSA" ? null : "sha256", bytes, key, Buffer.from(signature, "base64url"));
  assert.ok(ok, "the signature fits");
  assert.ok(!verify(alg === "EdDSA" ? null : "sha256", Buffer.concat([bytes, Buffer.of(0)]), key, Buffer.from(signature, "base64url")));
}

for (const algorithm of ["RS256", "EdDSA"] as const satisfies readonly RootKey["Algorithm"][]) {
  test(`every task has an identity, ${algorithm}, which anybody can verify by JWKS`, () =>
    playing(
      job(),
      async ({ world, allocation, ask }) => {
        const answer = await ask({});
        assertVerified(world, signed(answer).JWT);
        const said = claims(answer);
        const seconds = Math.floor(world.clock.nowMs() / 1_000);
        assert.deepEqual(
          { ...said, jti: "" },
          {
            sub: "global:default:web:group:task:default",
            aud: "nomadproject.io",
            iat: seconds,
            nbf: seconds,
            jti: "",
            nomad_namespace: "default",
            nomad_job_id: "web",
            nomad_allocation_id: allocation.ID,
            nomad_task: "task",
          },
        );
        assert.match(String(said["jti"]), /^[0-9a-f-]{36}$/);
        assert.notEqual(claims(await ask({}))["jti"], said["jti"], "each is one of its own");
        assert.deepEqual([signed(answer).IssuedAt, signed(answer).ExpiresAt], [seconds, 0]);
      },
      { keyring: { algorithm } },
    ));
}

test("an identity block says for whom, for how long, and more; the issuer is the configured one", () =>
  playing(
    job((_group, task) => {
      task["Identities"] = [
        {
          Name: "aws",
          Audience: ["one", "two"],
          TTL: 3_600e9,
          ExtraClaims: { where: "${node.datacenter}/${node.class}", who: "${job.id}.${group.name}.${task.name}", as: "${nothing.known}" },
        },
      ];
    }),
    async ({ world, ask }) => {
      const answer = signed(await ask({ Identity: "aws" }));
      const said = claims(answer);
      assert.deepEqual(said["aud"], ["one", "two"]);
      assert.equal(said["iss"], "https://drover.example");
      assert.equal(said["exp"], Number(said["iat"]) + 3_600);
      assert.equal(answer.ExpiresAt, said["exp"]);
      assert.equal(said["sub"], "global:default:web:group:task:aws");
      assert.deepEqual(said["extra_claims"], { where: "dc1/small", who: "web.group.task", as: "${nothing.known}" });
      assertVerified(world, answer.JWT);
      assert.deepEqual(world.server.openidConfiguration()?.["jwks_uri"], "https://drover.example/.well-known/jwks.json");
    },
    { oidcIssuer: "https://drover.example" },
  ));

test("a service's identity is of the service, by the name it is registered by", () =>
  playing(
    job((group) => {
      const Identity = { Name: "consul-service_${NOMAD_JOB_NAME}-web-p0", Audience: ["consul.io"], TTL: 60e9 };
      group["Services"] = [{ Name: "${NOMAD_JOB_NAME}-web", Provider: "consul", PortLabel: "p0", Identity }];
    }),
    async ({ ask, allocation }) => {
      const [service] = allocation.Job.TaskGroups[0]?.Services ?? [];
      assert.ok(service !== undefined && service.Identity !== null);
      const answer = await ask({ Workload: { Kind: "service", Service: service.Name, Task: "" }, Identity: service.Identity.Name });
      const said = claims(answer);
      assert.deepEqual([said["nomad_service"], said["nomad_task"], said["aud"]], ["web-web", undefined, "consul.io"]);
      assert.equal(said["sub"], `global:default:web:group:web-web:${service.Identity.Name}`);
    },
  ));

test("a job that was dispatched or launched is its parent to whoever verifies", () =>
  playing(job(), async ({ allocation }) => {
    const child = { ...allocation, Job: { ...allocation.Job, ID: "web/dispatch-1", ParentID: "web" } } as Allocation;
    const request = { AllocationID: child.ID, Workload: { Kind: "task", Task: "task" }, Identity: "default" } as const;
    const workload = workloadOf(child, request, NO_GENERATED_IDENTITIES);
    assert.ok(typeof workload !== "string", String(workload));
    const said = claimsOf(workload, undefined, { issuer: "", nowMs: 0, id: "x" });
    assert.deepEqual([said.nomad_job_id, said.sub], ["web", "global:default:web:group:task:default"]);
  }));

test("a task has the identity for Consul of its own block or of its group's, and of no other", () =>
  playing(job(), async ({ allocation }) => {
    const consulTask = { aud: ["consul.io"], ttlNs: 60e9, extraClaims: {} };
    const identityOf = (group: object, task: object) => {
      const [first] = allocation.Job.TaskGroups;
      const TaskGroups = [{ ...first, ...group, Tasks: first?.Tasks.map((each) => ({ ...each, ...task })) }];
      const of = { ...allocation, Job: { ...allocation.Job, TaskGroups } } as unknown as Allocation;
      const request = { AllocationID: of.ID, Workload: { Kind: "task", Task: "task" }, Identity: "consul_default" } as const;
      const workload = workloadOf(of, request, { ...NO_GENERATED_IDENTITIES, consulTask });
      return typeof workload === "string" ? workload : workload.identity.Audience[0];
    };
    const Consul = { Namespace: "", Cluster: "", Partition: "" };
    assert.equal(identityOf({ Consul }, {}), "consul.io");
    assert.equal(identityOf({}, { Consul }), "consul.io");
    assert.match(identityOf({}, {}) ?? "", /has no identity/);
  }));

test("what is not the node's, not in the job, or over, is refused one by one; the others are signed", () =>
  playing(job(), async ({ world, connection, allocation, ask }) => {
    const refusal = async (request: Partial<IdentityRequest>, why: RegExp) => {
      const answer = await ask(request);
      assert.ok("Refused" in answer, JSON.stringify(answer));
      assert.match(answer.Refused, why);
    };
    await refusal({ AllocationID: "11111111-0000-4000-8000-000000000000" as never }, /is not on this node/);
    await refusal({ Identity: "nobody" }, /has no identity "nobody"/);
    await refusal({ Identity: "consul_default" }, /has no identity/);
    await refusal({ Workload: { Kind: "task", Task: "other" } }, /task "other" is not in the job/);
    await refusal({ Workload: { Kind: "task", Task: "" } }, /has no identity/);
    await refusal({ Workload: { Kind: "service", Service: "web", Task: "" } }, /service "web" is not in the job/);
    await refusal({ Workload: { Kind: "service", Service: "web", Task: "constructor" } }, /is not in the job/);
    // Another node asks for the same.
    const other = nodeOf(world.random, { name: "n2" });
    const stranger = await world.link.connect(other, END, () => undefined);
    const request: IdentityRequest = { AllocationID: allocation.ID, Workload: { Kind: "task", Task: "task" }, Identity: "default" };
    await assert.rejects(
      stranger.signIdentities([request]),
      (thrown: unknown) => thrown instanceof NamedError && thrown.code === "LINK_REFUSED",
    );
    await stranger.register(other);
    const [foreign] = await stranger.signIdentities([request]);
    assert.ok(foreign !== undefined && "Refused" in foreign);
    // In order, though some are refused.
    const many = Array.from({ length: 70 }, (_, at): IdentityRequest => ({ ...request, Identity: at % 3 === 0 ? "nobody" : "default" }));
    const answers = await connection.signIdentities(many);
    assert.deepEqual(
      answers.map((each) => "JWT" in each),
      many.map(({ Identity }) => Identity === "default"),
    );
    const ended = {
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      ClientStatus: "complete" as const,
      ClientDescription: "",
      TaskStates: {},
    };
    await Promise.all([connection.updateAllocations([ended]), world.clock.advance(1_000)]);
    await refusal({}, /has ended/);
  }));

test("a job from before the servers knew Consul has the identities their configuration gives", () =>
  playing(
    job((group) => {
      group["Services"] = [{ Name: "web", Provider: "consul", PortLabel: "p0" }];
    }),
    async ({ ask }) => {
      const service = (Service: string, Task: string, Identity: string) => ask({ Workload: { Kind: "service", Service, Task }, Identity });
      const said = claims(await service("web", "", "consul-service_web-p0"));
      assert.deepEqual([said["aud"], Number(said["exp"]) - Number(said["iat"]), said["extra_claims"]], ["consul.io", 3_600, { a: "web" }]);
      assert.ok("Refused" in (await service("web", "", "consul-service_web-other")));
    },
    { generatedIdentities: { consulService: { aud: ["consul.io"], ttlNs: 3_600e9, extraClaims: { a: "${job.id}" } } } },
  ));

test("a token made for us is believed while its workload lives, its time lasts and its key is there", () =>
  playing(
    job((_group, task) => {
      task["Identities"] = [
        { Name: "short", Audience: ["x", "nomadproject.io"], TTL: 60e9 },
        { Name: "others", Audience: ["vault.io"] },
      ];
    }),
    async ({ world, connection, allocation, ask }) => {
      const others = signed(await ask({ Identity: "others" })).JWT;
      assert.equal(await world.server.verifyIdentity(others), undefined, "made for somebody else");
      const forever = signed(await ask({})).JWT;
      const short = signed(await ask({ Identity: "short" })).JWT;
      const expected = { nomad_namespace: "default", nomad_job_id: "web", nomad_allocation_id: allocation.ID, nomad_task: "task" };
      assert.deepEqual(await world.server.verifyIdentity(forever), expected);
      assert.deepEqual(await world.server.verifyIdentity(short), expected);
      for (const bad of ["", "a.b.c", `${forever}x`, forever.slice(0, -4), none(forever), hmac(world, forever)]) {
        assert.equal(await world.server.verifyIdentity(bad), undefined, bad);
      }
      for (let seconds = 0; seconds < 65; seconds += 5) {
        await Promise.all([connection.heartbeat(), world.clock.advance(5_000)]);
      }
      assert.equal(await world.server.verifyIdentity(short), undefined, "it has expired");
      const [old] = [...world.cluster.state.snapshot().rootKeys()];
      await world.server.rotateRootKey({ full: false, publishAtNs: null });
      assert.deepEqual(await world.server.verifyIdentity(forever), expected, "an old key's word stands");
      const ended = {
        ID: allocation.ID,
        NodeID: allocation.NodeID,
        ClientStatus: "complete" as const,
        ClientDescription: "",
        TaskStates: {},
      };
      await Promise.all([connection.updateAllocations([ended]), world.clock.advance(1_000)]);
      assert.equal(await world.server.verifyIdentity(forever), undefined, "its workload has ended");
      await world.server.deleteRootKey(old?.KeyID ?? "", true);
      assert.equal(await world.server.verifyIdentity(forever), undefined);
    },
  ));

test("a request made before there is a key waits for it", async () => {
  const keyEncryption = memoryKeyEncryption();
  keyEncryption.fail = new Error("disk full");
  await playing(
    job(),
    async ({ world, ask }) => {
      let answered = false;
      const answer = ask({}).then((found) => ((answered = true), found));
      await world.clock.advance(1_000);
      assert.equal(answered, false);
      keyEncryption.fail = undefined;
      await eventually("it is answered", async () => {
        await world.clock.advance(1_000);
        return answered;
      });
      assertVerified(world, signed(await answer).JWT);
    },
    { keyEncryption },
  );
});

/** Unsigned, and saying so. */
function none(jwt: string): string {
  const [head = "", body = ""] = jwt.split(".");
  const { kid } = JSON.parse(Buffer.from(head, "base64url").toString()) as { readonly kid: string };
  return `${Buffer.from(JSON.stringify({ alg: "none", kid })).toString("base64url")}.${body}.`;
}
/** As if the public key were a shared secret. */
function hmac(world: World, jwt: string): string {
  const [, body = ""] = jwt.split(".");
  const [key] = world.server.jwks().keys;
  const head = Buffer.from(JSON.stringify({ alg: "HS256", kid: key?.["kid"] })).toString("base64url");
  return `${head}.${body}.${Buffer.from("guess").toString("base64url")}`;
}
