/** The real parts that live tests stand on: what the harness promises of them is so, and nothing of them stays. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { dirname } from "node:path";
import { test, type TestContext } from "node:test";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { startOpenBao } from "./parts/openbao.ts";
import { startPostgres } from "./parts/postgres.ts";
import { slowConsul } from "./parts/slow-consul.ts";
import { processesUnder } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const LIVE = { skip: SKIP, timeout: 120_000 };

/** After everything else of the test: its process and its folder are gone. */
function goneAfter(t: TestContext, part: { readonly pid: number }, folder: string): void {
  t.after(() => {
    assert.equal(existsSync(folder), false, `${folder} is still there`);
    assert.deepEqual(processesUnder(folder), []);
    assert.throws(() => process.kill(part.pid, 0), /ESRCH/);
  });
}

async function started(t: TestContext, acl: boolean): Promise<RealConsul> {
  const consul = await startConsul({ owner: t, acl });
  goneAfter(t, consul, dirname(consul.dataDirectory));
  return consul;
}

const value = async (consul: RealConsul, key: string): Promise<string | undefined> => {
  const response = await consul.api(`/v1/kv/${key}?raw`);
  const text = await response.text();
  return response.status === 404 ? undefined : text;
};

for (const time of ["", " again"]) {
  test(`a Consul with ACLs keeps its data over restarts${time}, and loses them when wiped`, LIVE, async (t) => {
    const consul = await started(t, true);
    const { pid, httpAddress } = consul;
    assert.equal(await consul.put<boolean>("/v1/kv/drover/word", "hello"), true);
    assert.equal(await value(consul, "drover/word"), "hello");

    await consul.restart();
    assert.notEqual(consul.pid, pid);
    assert.equal(consul.httpAddress, httpAddress);
    assert.equal(await value(consul, "drover/word"), "hello");

    await consul.stop();
    assert.equal(consul.isRunning(), false);
    await assert.rejects(consul.api("/v1/status/leader"));
    await consul.restart();
    assert.equal(await value(consul, "drover/word"), "hello");

    await consul.wipe();
    assert.equal(await value(consul, "drover/word"), undefined);
    assert.equal(await consul.put<boolean>("/v1/kv/drover/word", "new"), true);
  });
}

test("a Consul with ACLs refuses who has no token, one without lets everybody in", LIVE, async (t) => {
  const closed = await started(t, true);
  const open = await started(t, false);
  const anonymous = { headers: { "X-Consul-Token": "" } };
  const write = { ...anonymous, method: "PUT", body: "x" };
  assert.equal((await closed.api("/v1/kv/a", write)).status, 403);
  assert.equal((await closed.api("/v1/agent/self", anonymous)).status, 403);
  assert.equal((await closed.api("/v1/agent/self")).status, 200);
  assert.equal(open.token, undefined);
  assert.equal((await open.api("/v1/kv/a", write)).status, 200);
  assert.notEqual(open.httpPort, closed.httpPort);
});

test("a Consul answers the services it knows by DNS", LIVE, async (t) => {
  const consul = await started(t, false);
  await consul.put("/v1/agent/service/register", { Name: "web", ID: "web-1", Address: "127.0.0.9", Port: 8080 });
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${consul.dnsPort}`]);
  assert.deepEqual(await resolver.resolve4("web.service.consul"), ["127.0.0.9"]);
  assert.deepEqual(
    (await resolver.resolveSrv("web.service.consul")).map((each) => each.port),
    [8080],
  );
});

test("a Consul that is paused answers nothing until it is resumed", LIVE, async (t) => {
  const consul = await started(t, false);
  consul.pause();
  await assert.rejects(consul.api("/v1/status/leader", { signal: AbortSignal.timeout(300) }), { name: "TimeoutError" });
  consul.resume();
  assert.equal((await consul.api("/v1/status/leader")).status, 200);
  consul.pause();
});

test("a Consul behind a bad network answers late, or not at all", LIVE, async (t) => {
  const consul = await started(t, false);
  const network = await slowConsul(consul);
  const ask = async (): Promise<number> => {
    const from = performance.now();
    const response = await fetch(`http://${network.address}/v1/status/leader`, { headers: { connection: "close" } });
    assert.equal(response.status, 200);
    await response.text();
    return performance.now() - from;
  };
  await ask();
  network.setDelay(250);
  assert.ok((await ask()) >= 249);
  const waiting = assert.rejects(ask());
  while (network.connections() < 3) await new Promise((resolve) => setImmediate(resolve));
  await network.cut();
  await waiting;
  await assert.rejects(ask(), (error: Error) => (error.cause as { code?: string }).code === "ECONNREFUSED");
  network.setDelay(0);
  await network.heal();
  await ask();
});

test("a Consul that does not start says why, and leaves nothing", LIVE, async (t) => {
  let folder = "";
  await assert.rejects(startConsul({ owner: t, config: { no_such_word: true } }), (error: Error) => {
    folder = /\S*\/drover-consul-[^/\s]+/.exec(error.message)?.[0] ?? "";
    return error.message.includes("no_such_word");
  });
  assert.notEqual(folder, "");
  assert.equal(existsSync(folder), false);
});

test("an OpenBao keeps a secret and can log in by JWT, and starts anew on its port", LIVE, async (t) => {
  const bao = await startOpenBao({ owner: t });
  t.after(() => assert.throws(() => process.kill(bao.pid, 0), /ESRCH/));
  await bao.put("/v1/secret/data/web", { data: { word: "hello" } });
  assert.equal((await bao.get<{ data: { data: { word: string } } }>("/v1/secret/data/web")).data.data.word, "hello");
  assert.equal((await bao.api("/v1/secret/data/web", { headers: { "X-Vault-Token": "" } })).status, 403);
  await bao.put("/v1/sys/auth/jwt", { type: "jwt" });
  assert.ok(Object.hasOwn(await bao.get<object>("/v1/sys/auth"), "jwt/"));
  const { address } = bao;
  await bao.restart();
  assert.equal(bao.address, address);
  assert.equal((await bao.api("/v1/secret/data/web")).status, 404);
});

test("a PostgreSQL knows the logins it is given, over a restart, and leaves nothing", LIVE, async (t) => {
  const postgres = await startPostgres({ owner: t });
  await postgres.query("CREATE ROLE guest LOGIN PASSWORD 'let-me-in'");
  const guest = { user: "guest", password: "let-me-in" };
  assert.deepEqual(await postgres.query("SELECT 6 * 7, current_user", guest), ["42|guest"]);
  await assert.rejects(postgres.query("SELECT 1", { ...guest, password: "wrong" }), /password authentication failed/);
  await postgres.restart();
  assert.deepEqual(await postgres.logins(), ["guest"]);
  const { pid } = postgres;
  await postgres.remove();
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});
