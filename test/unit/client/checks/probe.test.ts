import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcp, type AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { hostProbe } from "#integrations/host";
import type { HttpProbe } from "#ports";

const probe = hostProbe();
const never = new AbortController().signal;
const GET: Omit<HttpProbe, "url"> = { method: "GET", headers: {}, body: "", tlsServerName: "", tlsSkipVerify: false, timeoutMs: 5_000 };

async function serving<Answer>(listener: RequestListener, use: (url: string, server: Server) => Promise<Answer>): Promise<Answer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("the host's probe", () => {
  test("passes below 400, fails from there on, and gives what was said", async () => {
    const codes = [200, 204, 304, 399, 400, 404, 500];
    await serving(
      (request, response) =>
        response.writeHead(Number(request.url?.slice(1))).end(request.url === "/204" || request.url === "/304" ? undefined : "said"),
      async (url) => {
        for (const code of codes) {
          const { passing, statusCode, output } = await probe.http({ ...GET, url: `${url}/${code}` }, never);
          assert.deepEqual([passing, statusCode], [code < 400, code]);
          if (code !== 204 && code !== 304) assert.equal(output, "said");
        }
      },
    );
  });

  test("sends method, headers and body as the check says", async () => {
    let seen = "";
    await serving(
      (request, response) => {
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString()));
        request.on("end", () => {
          seen = [request.method, request.headers.host, request.headers["x-many"], request.headers.connection, body].join(" | ");
          response.end();
        });
      },
      async (url) => {
        await probe.http({ ...GET, url, method: "POST", headers: { Host: ["web.test"], "X-Many": ["1", "2"] }, body: "{}" }, never);
      },
    );
    assert.equal(seen, "POST | web.test | 1, 2 | close | {}");
  });

  test("follows redirects as a browser would, ten of them", async () => {
    const methods: string[] = [];
    await serving(
      (request, response) => {
        methods.push(`${request.method} ${request.url}`);
        const left = Number(request.url?.split("/").at(-1) ?? 0);
        if (request.url?.startsWith("/same") === true) response.writeHead(307, { location: "/end" }).end();
        else if (left > 0) response.writeHead(302, { location: `${left - 1}` }).end();
        else response.end("there");
      },
      async (url) => {
        assert.equal((await probe.http({ ...GET, url: `${url}/hop/10`, method: "POST" }, never)).output, "there");
        assert.equal(methods[1], "GET /hop/9");
        const lost = await probe.http({ ...GET, url: `${url}/hop/11` }, never);
        assert.deepEqual([lost.passing, lost.output], [false, "stopped after 10 redirects"]);
        methods.length = 0;
        await probe.http({ ...GET, url: `${url}/same`, method: "PUT", body: "x" }, never);
        assert.deepEqual(methods, ["PUT /same", "PUT /end"]);
      },
    );
  });

  test("reads at most 3 KiB of valid text, however much is sent", async () => {
    await serving(
      (_request, response) => {
        const pump = () => {
          while (response.write("äöü€".repeat(500)));
          response.once("drain", pump);
        };
        response.on("error", () => {});
        pump();
      },
      async (url) => {
        const { passing, output } = await probe.http({ ...GET, url }, never);
        assert.equal(passing, true);
        assert.ok(Buffer.byteLength(output) <= 3 * 1024 && Buffer.byteLength(output) > 3 * 1024 - 4);
        assert.ok(output.isWellFormed() && !output.includes("\ufffd"));
      },
    );
  });

  test("gives up at the time limit, also in the middle of an answer, and when it is told to", async () => {
    await serving(
      (request, response) => {
        if (request.url === "/half") response.write("half");
      },
      async (url) => {
        for (const path of ["/silent", "/half"]) {
          const { passing, output } = await probe.http({ ...GET, url: url + path, timeoutMs: 100 }, never);
          assert.deepEqual([passing, output], [false, "no answer within 0.1s"]);
        }
        const stop = new AbortController();
        const asked = probe.http({ ...GET, url }, stop.signal);
        stop.abort();
        assert.equal((await asked).passing, false);
      },
    );
  });

  test("never rejects: a closed port, a name nobody knows, an address that is none are results", async () => {
    for (const url of ["http://127.0.0.1:1/", "http://does-not-exist.invalid/", "not a url"]) {
      const { passing, statusCode, output } = await probe.http({ ...GET, url }, never);
      assert.deepEqual([passing, statusCode], [false, 0]);
      assert.notEqual(output, "");
    }
    assert.equal((await probe.tcp({ address: "127.0.0.1", port: 1, timeoutMs: 1_000 }, never)).passing, false);
  });

  test("a connection that becomes another protocol's, or ends without a word, is a result at once", async (t) => {
    for (const said of ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "no http\r\n\r\n", ""]) {
      const server = createTcp((connection) => {
        connection.on("error", () => {});
        connection.once("data", () => (said === "" ? connection.destroy() : connection.write(said)));
      });
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const result = await probe.http({ ...GET, url: `http://127.0.0.1:${port}/` }, never);
      assert.deepEqual([result.passing, result.statusCode], [false, 0], said);
      assert.notEqual(result.output, "");
    }
  });

  test("what is told to one host is not told to another it is sent on to", async () => {
    const seen: unknown[] = [];
    await serving(
      (request, response) => {
        seen.push([request.headers.authorization, request.headers["x-kept"]]);
        const place = { "/": "/here", "/here": `http://localhost:${request.socket.localPort}/there` }[request.url ?? ""];
        response.writeHead(place === undefined ? 200 : 302, place === undefined ? {} : { Location: place }).end();
      },
      async (url) => {
        const headers = { Authorization: ["secret"], "X-Kept": ["yes"] };
        assert.equal((await probe.http({ ...GET, url: `${url}/`, headers }, never)).passing, true);
      },
    );
    assert.deepEqual(seen, [
      ["secret", "yes"],
      ["secret", "yes"],
      [undefined, "yes"],
    ]);
  });

  test("a tcp look passes when somebody takes the connection", async () => {
    const server = createTcp((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    assert.equal((await probe.tcp({ address: "127.0.0.1", port, timeoutMs: 5_000 }, never)).passing, true);
    server.close();
  });
});
