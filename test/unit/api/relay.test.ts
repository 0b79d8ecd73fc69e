/** The API of an agent without a server: what only servers answer is passed on. */
import assert from "node:assert/strict";
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { NamedError } from "#std";
import { eventually } from "../../eventually.ts";
import { relayUpgrade, wayElsewhere } from "../../../src/api/server/relay.ts";
import { RefusedAt } from "../../../src/api/server/refusal.ts";
import { createWorld } from "./fake-world.ts";

interface Heard {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function between(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  play: (base: string, heard: readonly Heard[], far: { reachable: boolean; known: boolean }, faults: readonly unknown[]) => Promise<void>,
): Promise<void> {
  const heard: Heard[] = [];
  const far = { reachable: true, known: true };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      heard.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const serverApi = async () => {
    if (!far.known) throw new NamedError("LINK_REFUSED", "no server has been reached yet", { statusCode: 503 });
    const connection = connect(far.reachable ? port : 1, "127.0.0.1");
    await once(connection, "connect");
    return connection;
  };
  const world = createWorld({ server: null, cluster: null, localNode: null, serverApi });
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  try {
    await play(`http://127.0.0.1:${(opened as { port: number }).port}`, heard, far, world.faults);
  } finally {
    await world.api.close();
    server.closeAllConnections();
    server.close();
  }
}

test("a request that needs a server goes there as it is, and its answer comes back as it is", () =>
  between(
    (_request, response) => response.writeHead(409, { "x-nomad-index": "77", "content-type": "text/plain" }).end("conflict"),
    async (base, heard) => {
      const headers = { "x-nomad-token": "t", origin: base, "sec-fetch-site": "same-origin" };
      const response = await fetch(`${base}/v1/jobs?namespace=a%20b`, { method: "PUT", body: '{"Job":{}}', headers });
      assert.deepEqual([response.status, await response.text(), response.headers.get("x-nomad-index")], [409, "conflict", "77"]);
      assert.equal(heard[0]?.line, "PUT /v1/jobs?namespace=a%20b");
      assert.equal(heard[0]?.body, '{"Job":{}}');
      // Tokens go along; what a browser says of its page was judged here.
      assert.deepEqual(
        [heard[0]?.headers["x-nomad-token"], heard[0]?.headers.origin, heard[0]?.headers["sec-fetch-site"]],
        ["t", undefined, undefined],
      );
    },
  ));

test("what the agent answers itself is not passed on, nor is what it refuses", () =>
  between(
    (_request, response) => response.end(),
    async (base, heard) => {
      assert.equal((await fetch(`${base}/v1/agent/self`)).status, 200);
      assert.equal((await fetch(`${base}/v1/jobs`, { method: "PUT", body: "{}", headers: { origin: "http://evil.example" } })).status, 403);
      assert.equal((await fetch(`${base}/v1/nowhere`)).status, 404);
      assert.deepEqual(heard, []);
    },
  ));

test("a stream is passed on while it comes, and ends at the server when nobody reads it any more", () => {
  let ended = false;
  return between(
    (_request, response) => {
      response.on("close", () => (ended = true));
      response.write("first");
    },
    async (base, _heard, _far, faults) => {
      const gone = new AbortController();
      const response = await fetch(`${base}/v1/event/stream`, { signal: gone.signal });
      const reader = response.body?.getReader();
      assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "first");
      gone.abort();
      await eventually("the server's end closes", () => ended);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(faults, [], "who leaves breaks nothing");
    },
  );
});

test("without a server that is known, or reached, the answer is Nomad's, and says how to mend it", () =>
  between(
    (_request, response) => response.end("[]"),
    async (base, heard, far) => {
      // Passed on by another agent already: never in a circle.
      const again = await fetch(`${base}/v1/jobs`, { headers: { "x-drover-relayed": "2" } });
      assert.deepEqual([again.status, await again.text()], [500, "No cluster leader"]);
      for (const forged of ["-1000000", "1e-9", "no", "1, 1", "", "99999"]) {
        assert.equal((await fetch(`${base}/v1/jobs`, { headers: { "x-drover-relayed": forged } })).status, 500, forged);
      }
      far.known = false;
      const unknown = await fetch(`${base}/v1/jobs`);
      assert.deepEqual(
        [unknown.status, await unknown.text(), unknown.headers.get("x-drover-error-code")],
        [500, "No cluster leader", "API_NO_LEADER"],
      );
      far.known = true;
      far.reachable = false;
      const unreachable = await fetch(`${base}/v1/jobs`);
      assert.equal(unreachable.status, 500);
      assert.match(await unreachable.text(), /No path to server the server of this node: .*ECONNREFUSED/);
      assert.deepEqual(heard, []);
    },
  ));

test("what only the leader can answer goes to it, also when it was refused while a state was read", () => {
  const refusal = new NamedError("NOT_LEADING", "Cannot explain a job: this server does not lead", { statusCode: 503 });
  const context = { server: {}, cluster: { leaderAddress: "10.0.0.2:4647", leads: false }, peerApi: () => assert.fail("not yet") } as never;
  for (const thrown of [refusal, new RefusedAt(refusal, 7)]) assert.equal(wayElsewhere(thrown, context, {})?.to, "10.0.0.2:4647");
  assert.equal(wayElsewhere(new RefusedAt(new Error("else"), 7), context, {}), undefined);
});

test("a path goes on as it came: no part of it means another place", () =>
  between(
    (_request, response) => response.end("{}"),
    async (base, heard) => {
      const asked = ["/v1/var/a/%2e%2e/%2e%2e/b?x=%2e%2e", "/v1/job/a%2F..%2Fb"];
      for (const path of asked) {
        const { hostname, port } = new URL(base);
        const [answer] = (await once(ask({ host: hostname, port, path }).end(), "response")) as [IncomingMessage];
        answer.resume();
        assert.equal(answer.statusCode, 200);
      }
      assert.deepEqual(
        heard.map(({ line }) => line),
        asked.map((path) => `GET ${path}`),
      );
      assert.equal(heard[0]?.headers.host, "localhost");
    },
  ));

test("who has gone while the way to a server was opened leaves nothing open there", async () => {
  const [socket, connection] = [new PassThrough(), new PassThrough()];
  const way = {
    to: "a server",
    async open() {
      socket.destroy();
      await once(socket, "close");
      return connection;
    },
  };
  await relayUpgrade({ url: "/v1/client/allocation/x/exec", headers: {} } as IncomingMessage, socket, Buffer.alloc(0), way, () =>
    assert.fail("nobody is there"),
  );
  assert.equal(connection.destroyed, true);
  assert.equal(connection.readableLength, 0);
});
