import assert from "node:assert/strict";
import { chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Api } from "#api/server";
import type { Server } from "#server";
import { createWorld } from "./fake-world.ts";

const GOOD = "the.identity.itself";

describe("the API on a task's socket", () => {
  let directory: string;
  let api: Api;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "drover-task-socket-"));
    const verifyIdentity = async (token: string) => {
      if (token === "breaks") throw new Error("no keys");
      return token === GOOD ? { nomad_job_id: "j" } : undefined;
    };
    api = createWorld({ server: { verifyIdentity } as unknown as Server }).api;
    await api.listen([{ host: "127.0.0.1", port: 0 }]);
  });
  after(async () => {
    await api.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const secretsIn = (name: string): string => {
    const secrets = join(directory, name, "secrets");
    mkdirSync(secrets, { recursive: true });
    return secrets;
  };

  test("every request needs a workload's identity, whatever it asks", async () => {
    const path = join(secretsIn("rule"), "api.sock");
    const socket = await api.taskSockets.open(path);
    try {
      const ask = (headers: Record<string, string>, at = "/v1/status/leader", method = "GET") => request(path, at, headers, method);
      for (const headers of [{ "x-nomad-token": "another" }, { "x-nomad-token": "breaks" }]) {
        assert.deepEqual(await ask(headers as Record<string, string>), { status: 403, text: "Permission denied" }, JSON.stringify(headers));
      }
      for (const headers of [{}, { "x-nomad-token": "" }, { authorization: "Basic dTpw" }]) {
        const { status, text } = await ask(headers as Record<string, string>);
        assert.equal(status, 401, JSON.stringify(headers));
        assert.match(text, /^Missing token: /);
      }
      for (const at of ["/.well-known/jwks.json", "/v1/nothing", "/"]) assert.equal((await ask({}, at)).status, 401);
      assert.equal((await ask({}, "/v1/jobs", "OPTIONS")).status, 401);
      assert.equal((await ask({ "x-nomad-token": GOOD })).status, 200);
      assert.equal((await ask({ authorization: `Bearer ${GOOD}` })).status, 200);
      assert.equal((await ask({ "x-nomad-token": GOOD }, "/v1/nothing")).status, 404);
      const exec = await upgrade(path, {});
      assert.match(exec, /^HTTP\/1\.1 401 /);
      assert.match(await upgrade(path, { "x-nomad-token": "another" }), /^HTTP\/1\.1 403 /);
      assert.doesNotMatch(await upgrade(path, { "x-nomad-token": GOOD }), /^HTTP\/1\.1 40[13] /);
    } finally {
      await socket.close();
    }
  });

  test("belongs to whoever owns its directory, for him alone; closed it is gone, and so are its connections", async () => {
    const secrets = secretsIn("owned");
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(secrets, 12_345, 23_456);
    const path = join(secrets, "api.sock");
    const socket = await api.taskSockets.open(path);
    const stats = lstatSync(path);
    assert.ok(stats.isSocket());
    assert.equal(stats.mode & 0o777, 0o600);
    if (isRoot) assert.deepEqual([stats.uid, stats.gid], [12_345, 23_456]);
    assert.deepEqual(readdirSync(secrets), ["api.sock"], "nothing else is left there");
    const connection = connect(path);
    const ended = new Promise<void>((resolve) => connection.once("close", () => resolve()));
    await new Promise<void>((resolve) => connection.once("connect", resolve));
    await socket.close();
    await ended;
    assert.equal(existsSync(path), false);
    await socket.close();
  });

  test("replaces whatever is at its path, and what was opened there before ends without taking the new one away", async () => {
    const secrets = secretsIn("replaced");
    const path = join(secrets, "api.sock");
    writeFileSync(path, "left by a killed agent");
    const first = await api.taskSockets.open(path);
    const second = await api.taskSockets.open(path);
    await first.close();
    assert.equal((await request(path, "/v1/status/leader", { "x-nomad-token": GOOD })).status, 200);
    await second.close();
  });

  test("a path deeper than a socket's address can say", async () => {
    const secrets = secretsIn(join(...Array.from({ length: 6 }, (_each, at) => `${at}`.repeat(30))));
    const path = join(secrets, "api.sock");
    assert.ok(path.length > 180);
    const socket = await api.taskSockets.open(path);
    const before = process.cwd();
    try {
      // As a task does that stands in the directory.
      process.chdir(secrets);
      assert.equal((await request("api.sock", "/v1/status/leader", { "x-nomad-token": GOOD })).status, 200);
    } finally {
      process.chdir(before);
      await socket.close();
    }
    assert.deepEqual(readdirSync(secrets), []);
  });

  test("a hostile task's link in its place is replaced, not followed; a directory there is a failure that names the path (F59)", async () => {
    const secrets = secretsIn("hostile");
    const path = join(secrets, "api.sock");
    const victim = join(directory, "victim");
    writeFileSync(victim, "precious", { mode: 0o644 });
    symlinkSync(victim, path);
    const socket = await api.taskSockets.open(path);
    assert.ok(lstatSync(path).isSocket());
    assert.equal(lstatSync(victim).mode & 0o777, 0o644);
    await socket.close();
    mkdirSync(path);
    await assert.rejects(api.taskSockets.open(path), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, "API_LISTEN_FAILED");
      assert.ok(thrown.message.includes(path));
      return true;
    });
    assert.deepEqual(readdirSync(secrets), ["api.sock"]);
    const linked = join(directory, "linked");
    symlinkSync(secrets, linked);
    await assert.rejects(api.taskSockets.open(join(linked, "other.sock")), { code: "API_LISTEN_FAILED" });
  });

  test("many are open at a time, and all end with the API", async () => {
    const other = createWorld().api;
    await other.listen([{ host: "127.0.0.1", port: 0 }]);
    const paths = Array.from({ length: 60 }, (_each, at) => join(secretsIn(`many-${at}`), "api.sock"));
    await Promise.all(paths.map((path) => other.taskSockets.open(path)));
    assert.ok(paths.every((path) => lstatSync(path).isSocket()));
    assert.equal((await request(paths[7] as string, "/v1/status/leader", {})).status, 401);
    await other.close();
    assert.deepEqual(
      paths.filter((path) => existsSync(path)),
      [],
    );
  });
});

function request(
  socketPath: string,
  path: string,
  headers: Record<string, string>,
  method = "GET",
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = http.request({ socketPath, path, method, headers: { host: "localhost", ...headers }, agent: false }, (response) => {
      let text = "";
      response.on("data", (data: Buffer) => (text += data.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The first line of what is said to a websocket. */
function upgrade(path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      const lines = Object.entries({
        host: "localhost",
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        ...headers,
      });
      socket.write(
        `GET /v1/client/allocation/x/exec?task=t&command=%5B%22ls%22%5D HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
      );
    });
    socket.once("data", (data: Buffer) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
