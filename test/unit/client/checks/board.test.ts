import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ExecSession, HttpProbe, Probe, ProbeResult, ServiceInstance } from "#ports";
import { createMemoryCatalog, createSeededRandom } from "#integrations/memory";
import { NamedError } from "#std";
import { Board, type Followed } from "../../../../src/client/checks/board.ts";
import { mockSession } from "../../../../integrations/memory/mock-session.ts";
import { aCheckInstance, aServiceInstance, withSidecar } from "../../../conformance/catalog.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { allocationId } from "../stage.ts";

const A = allocationId("a");
const SECOND = 1_000;

function scene(answer: Partial<ProbeResult> = {}) {
  const clock = createSimulatedClock();
  const catalog = createMemoryCatalog();
  const probed: { atMs: number; probe: HttpProbe | { address: string; port: number; timeoutMs: number } }[] = [];
  const result = { passing: true, statusCode: 200, output: "fine", ...answer };
  const beginMs = clock.nowMs();
  const look = (probe: (typeof probed)[number]["probe"]) => {
    probed.push({ atMs: clock.nowMs() - beginMs, probe });
    return Promise.resolve({ ...result });
  };
  const probe: Probe = { http: look, tcp: look };
  const board = new Board({
    catalogs: [catalog.as("here")],
    probe,
    tokens: { token: () => Promise.resolve("") },
    clock,
    random: createSeededRandom(1),
  });
  const restarts: string[] = [];
  const sessions: ExecSession[] = [];
  const state = { startedAtNs: clock.nowNs() as number | undefined };
  const followed: Followed = {
    name: "app.web[0]",
    exec: (task, command) => {
      if (state.startedAtNs === undefined) return Promise.reject(new NamedError("TASK_NOT_RUNNING", `${task} is not running`));
      const session = mockSession({ command, tty: false, environment: {} });
      sessions.push(session);
      return Promise.resolve(session);
    },
    startedAtNs: () => state.startedAtNs,
    restart: (task, reason) => restarts.push(`${task}: ${reason}`),
  };
  const follow = async (...instances: ServiceInstance[]) => {
    for (const each of instances) if (each.Provider === "consul") await catalog.as("here").register(each, "");
    board.follow(A, instances, followed);
  };
  const status = () => board.of(A).map((check) => check.standing?.status);
  return { clock, catalog, probed, result, board, restarts, sessions, state, follow, status };
}

const native = (check: Parameters<typeof aCheckInstance>[1] = {}) =>
  aServiceInstance("web", {
    Provider: "nomad",
    Checks: [
      aCheckInstance("web", { Type: "http", Address: "192.0.2.1", Port: 80, Protocol: "http", Method: "GET", Path: "/up", ...check }),
    ],
  });
const scripted = (check: Parameters<typeof aCheckInstance>[1] = {}) => aServiceInstance("web", { Checks: [aCheckInstance("web", check)] });

describe("a check of the node's own", () => {
  test("looks first after about half an interval, then every interval, as its check says", async () => {
    const here = scene();
    await here.follow(native());
    assert.deepEqual(here.status(), [undefined]);
    assert.equal(here.board.results(A)["_nomad-check-web"]?.Status, "pending");
    await here.clock.advance(36 * SECOND);
    assert.equal(here.probed.length, 4);
    const [first = 0, second = 0] = here.probed.map((each) => each.atMs);
    assert.ok(first >= 4.5 * SECOND && first <= 5.5 * SECOND, String(first));
    assert.equal(second - first, 10 * SECOND);
    assert.deepEqual(here.probed[0]?.probe, {
      url: "http://192.0.2.1:80/up",
      method: "GET",
      headers: {},
      body: "",
      tlsServerName: "",
      tlsSkipVerify: false,
      timeoutMs: 2_000,
    });
    assert.deepEqual(here.status(), ["passing"]);
    here.board.follow(A, [], {} as never);
    await here.clock.advance(60 * SECOND);
    assert.equal(here.probed.length, 4, "what is not offered is not looked at");
  });

  test("is told as Nomad tells it: mode, status, code, output, time", async () => {
    const here = scene({ passing: false, statusCode: 503, output: "not yet" });
    await here.follow(native({ OnUpdate: "ignore" }));
    await here.clock.advance(6 * SECOND);
    const { Timestamp = 0, ...told } = here.board.results(A)["_nomad-check-web"] ?? ({} as never);
    assert.deepEqual(told, {
      ID: "_nomad-check-web",
      Check: "web lives",
      Group: "app.web[0]",
      Task: "",
      Service: "web",
      Mode: "readiness",
      Status: "failure",
      StatusCode: 503,
      Output: "not yet",
    });
    assert.ok(Math.abs(Timestamp - here.clock.nowMs() / 1000) < 6);
    Object.assign(here.result, { passing: true, statusCode: 200 });
    await here.clock.advance(10 * SECOND);
    assert.equal(here.board.results(A)["_nomad-check-web"]?.Output, "nomad: http ok");
    Object.assign(here.result, { passing: false, statusCode: 0, output: "connection refused" });
    await here.clock.advance(10 * SECOND);
    assert.equal(here.board.results(A)["_nomad-check-web"]?.Output, "nomad: connection refused");
  });

  test("keeps what is known when the same is offered again, and begins anew when it says something else", async () => {
    const here = scene();
    await here.follow(native());
    await here.clock.advance(6 * SECOND);
    await here.follow({ ...native(), Tags: ["promoted"] });
    assert.deepEqual(here.status(), ["passing"]);
    await here.follow(native({ ID: "_nomad-check-other", Path: "/other" }));
    assert.deepEqual(here.status(), [undefined]);
    await here.clock.advance(6 * SECOND);
    assert.match((here.probed.at(-1)?.probe as HttpProbe | undefined)?.url ?? "", /other$/);
  });

  test("restarts its task when it has failed often enough, and says which check it was", async () => {
    const here = scene({ passing: false, statusCode: 500 });
    await here.follow(native({ Restart: { Limit: 2, GraceNs: 1e9, IgnoreWarnings: false } }));
    await here.clock.advance(14 * SECOND);
    assert.deepEqual(here.restarts, []);
    await here.clock.advance(3 * SECOND);
    assert.deepEqual(here.restarts, ['main: healthcheck: check "web lives" unhealthy']);
    here.state.startedAtNs = undefined;
    await here.clock.advance(60 * SECOND);
    assert.equal(here.restarts.length, 1, "what does not run is not restarted");
  });

  test("an address of version 6 stands in brackets; a path needs no slash", async () => {
    const here = scene();
    await here.follow(native({ Address: "::1", Path: "up", Protocol: "https" }));
    await here.clock.advance(6 * SECOND);
    assert.equal((here.probed[0]?.probe as HttpProbe | undefined)?.url, "https://[::1]:80/up");
  });
});

describe("a script check", () => {
  test("runs inside its task at once and every interval; 0 passes, 1 warns, anything else is critical", async () => {
    const here = scene();
    await here.follow(
      aServiceInstance("web", {
        Checks: ["0", "1", "2"].map((code) => aCheckInstance("web", { ID: `_nomad-check-${code}`, Command: "exit", Args: [code] })),
      }),
    );
    await here.clock.advance(6 * SECOND);
    assert.deepEqual(here.status(), ["passing", "warning", "critical"]);
    assert.equal(here.sessions.length, 3);
    await here.clock.advance(10 * SECOND);
    assert.equal(here.sessions.length, 6);
  });

  test("that does not end in time is killed, and critical", async () => {
    const here = scene();
    await here.follow(scripted({ Command: "run" }));
    await here.clock.advance(8 * SECOND);
    assert.match(here.catalog.standings.get("_nomad-check-web")?.output ?? "", /did not end within 2s/);
    assert.notEqual(await here.sessions[0]?.exited, 0);
  });

  test("says nothing while its task does not run, and runs soon after it does", async () => {
    const here = scene();
    here.state.startedAtNs = undefined;
    await here.follow(scripted({ Command: "exit", Args: ["0"] }));
    await here.clock.advance(30 * SECOND);
    assert.ok(!here.catalog.requests.some((each) => each.startsWith("report")));
    here.state.startedAtNs = here.clock.nowNs();
    await here.clock.advance(1_100);
    assert.equal(here.catalog.standings.get("_nomad-check-web")?.status, "passing");
  });

  test("is reported again when the catalog did not take it, long before the next run", async () => {
    const here = scene();
    here.board.follow(A, [scripted({ Command: "exit", Args: ["0"], IntervalNs: 60e9 })], {
      name: "x",
      exec: (_task, command) => Promise.resolve(mockSession({ command, tty: false, environment: {} })),
      startedAtNs: () => undefined,
      restart: () => {},
    });
    await here.clock.advance(SECOND / 2);
    await here.catalog.as("here").register(scripted(), "");
    await here.clock.advance(2 * SECOND);
    assert.equal(here.catalog.standings.get("_nomad-check-web")?.status, "passing");
  });

  test("that its task's restart took along says nothing; the next one does, in the new life", async () => {
    const here = scene();
    await here.follow(scripted({ Command: "run", TimeoutNs: 60e9 }));
    await here.clock.advance(SECOND);
    here.state.startedAtNs = undefined;
    here.sessions[0]?.kill();
    await here.clock.advance(5 * SECOND);
    assert.ok(!here.catalog.requests.some((each) => each.startsWith("report")));
    here.state.startedAtNs = here.clock.nowNs();
    await here.clock.advance(SECOND + 100);
    assert.equal(here.sessions.length, 2);
    here.sessions[1]?.kill();
    await here.clock.advance(SECOND);
    assert.equal(here.catalog.standings.get("_nomad-check-web")?.status, "critical");
  });

  test("that was still being started when it was not offered any more is ended at once", async () => {
    const here = scene();
    const starting = Promise.withResolvers<ExecSession>();
    here.board.follow(A, [scripted({ Command: "run", TimeoutNs: 60e9 })], {
      name: "x",
      exec: () => starting.promise,
      startedAtNs: () => 1,
      restart: () => {},
    });
    await here.clock.advance(SECOND);
    here.board.follow(A, [], {} as never);
    const session = mockSession({ command: ["run"], tty: false, environment: {} });
    starting.resolve(session);
    await here.clock.advance(1);
    assert.notEqual(await Promise.race([session.exited, here.clock.advance(SECOND).then(() => 0)]), 0);
  });

  test("leaves no command behind when it is not offered any more", async () => {
    const here = scene();
    await here.follow(scripted({ Command: "run", TimeoutNs: 60e9 }));
    await here.clock.advance(SECOND);
    here.board.follow(A, [], {} as never);
    assert.notEqual(await here.sessions[0]?.exited, 0);
  });
});

describe("checks that a catalog runs", () => {
  const asked = (here: ReturnType<typeof scene>) => here.catalog.requests.filter((each) => each === "checks").length;
  const http = (more = {}) => aServiceInstance("web", { Checks: [aCheckInstance("web", { Type: "http", ...more })] });

  test("are asked for every few seconds at rest, twice a second while somebody waits, and not at all without any", async () => {
    const here = scene();
    await here.clock.advance(60 * SECOND);
    assert.equal(asked(here), 0);
    await here.follow(http());
    await here.clock.advance(60 * SECOND);
    assert.ok(asked(here) >= 11 && asked(here) <= 15, String(asked(here)));
    const atRest = asked(here);
    const end = here.board.attend(A);
    await here.clock.advance(10 * SECOND);
    assert.ok(asked(here) - atRest >= 18, String(asked(here) - atRest));
    end();
    end();
    const after = asked(here);
    await here.clock.advance(60 * SECOND);
    assert.ok(asked(here) - after <= 16);
    await here.follow(native());
    const none = asked(here);
    await here.clock.advance(60 * SECOND);
    assert.ok(asked(here) - none <= 1);
  });

  test("stand as the catalog says; what it forgot, or has not said for long, is not known", async () => {
    const here = scene();
    const heard: string[] = [];
    here.board.subscribe((id) => heard.push(id));
    await here.follow(http());
    here.board.attend(A);
    await here.clock.advance(SECOND);
    assert.deepEqual(here.status(), ["critical"]);
    here.catalog.standings.set("_nomad-check-web", { status: "passing", output: "HTTP 200" });
    await here.clock.advance(SECOND);
    assert.deepEqual(here.status(), ["passing"]);
    assert.equal(heard.length, 2);
    here.catalog.wipe();
    await here.clock.advance(SECOND);
    assert.deepEqual(here.status(), [undefined]);
    await here.follow(http());
    here.catalog.standings.set("_nomad-check-web", { status: "passing", output: "HTTP 200" });
    await here.clock.advance(SECOND);
    here.catalog.away = true;
    await here.clock.advance(SECOND);
    assert.deepEqual(here.status(), ["passing"], "a moment of silence is no news");
    await here.clock.advance(2 * SECOND);
    assert.deepEqual(here.status(), [undefined]);
    assert.deepEqual(here.board.results(A), {}, "they are the catalog's to tell");
  });

  test("restart their task too, looked at more often while they fail", async () => {
    const here = scene();
    await here.follow(http({ Restart: { Limit: 3, GraceNs: 0, IgnoreWarnings: false } }));
    await here.clock.advance(6 * SECOND);
    const before = asked(here);
    await here.clock.advance(15 * SECOND);
    assert.deepEqual(here.restarts, []);
    assert.ok(asked(here) - before >= 13);
    await here.clock.advance(7 * SECOND);
    assert.equal(here.restarts.length, 1);
  });
});

test("the checks of a service's sidecar are its own: it is not well before both are (nomad.md §2.8)", async () => {
  const here = scene();
  const web = withSidecar(aServiceInstance("web", { Checks: [aCheckInstance("web", { Type: "http", InitialStatus: "passing" })] }));
  await here.follow(web);
  await here.clock.advance(11 * SECOND);
  const known = () => here.board.of(A).map((check) => [check.service, check.standing?.status]);
  const listening = here.board.of(A)[1]?.checkId ?? "";
  assert.deepEqual(known(), [
    ["web", "passing"],
    ["web", "critical"],
  ]);
  here.catalog.standings.set(listening, { status: "passing", output: "" });
  await here.clock.advance(11 * SECOND);
  assert.deepEqual(known(), [
    ["web", "passing"],
    ["web", "passing"],
  ]);
  await here.follow({ ...web, Mesh: { kind: "native" } });
  assert.equal(here.board.of(A).length, 1);
});
